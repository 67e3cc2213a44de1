"""What a publisher must offer: one method that returns only when the event is safe."""

from __future__ import annotations

from typing import Any, Protocol


class Publisher(Protocol):
    """Hands events to the rest of the platform, at least once."""

    def publish(self, event: dict[str, Any]) -> None:
        """Publish one CloudEvent (see `orchestrator.domain.cloudevents`) and wait until it is safe.

        Raises:
            Exception: It is not certain that the event was taken. The relay keeps it in the outbox and tries again,
                so consumers tell repetitions apart by the event's ``id``.
        """
        ...
