"""Who runs when: the loops that send what is due, publish what happened, and look after the rest."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator.engines.local import ENDLESS, LocalEngine

if TYPE_CHECKING:
    from orchestrator.engines.procrastinate import PostgresCore
    from orchestrator.publishers.base import Publisher

__all__ = ["ENDLESS", "LocalEngine", "create"]


def create(
    orchestrator: PostgresCore,
    *,
    publisher: Publisher | None = None,
    dispatch: bool = True,
    concurrency: int = 200,
    pace: float = 1.0,
) -> LocalEngine:
    """Return the engine that fits the database: Procrastinate's on PostgreSQL, threads alone on SQLite.

    Args:
        orchestrator: The façade.
        publisher: Where events go; None writes them to standard output as lines of JSON.
        dispatch: Whether to send, to reconcile and to prune.
        concurrency: Mails on their way at the same time.
        pace: How many times faster than usual to look around, for a clock that runs faster.
    """
    kind: type[LocalEngine] = LocalEngine
    if orchestrator.repository.has_jobs:
        from orchestrator.engines.procrastinate import ProcrastinateEngine

        kind = ProcrastinateEngine
    return kind(orchestrator, publisher=publisher, dispatch=dispatch, concurrency=concurrency, pace=pace)
