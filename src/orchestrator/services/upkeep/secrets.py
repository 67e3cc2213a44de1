"""The keys that sign links: configured, or made once and kept in the database."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from contextlib import AbstractContextManager
from functools import cached_property

from orchestrator.repository import Transaction, instance
from orchestrator.tokens import Signer

Begin = Callable[[], AbstractContextManager[Transaction]]


class Secrets:
    """Args: `begin` opens a write transaction; `configured` is a comma-separated list of keys, or None."""

    def __init__(self, begin: Begin, configured: str | None) -> None:
        self._begin = begin
        self._configured = configured

    @cached_property
    def signer(self) -> Signer:
        """Signs with the first key and accepts all of them, so that links of last year go on working."""
        if self._configured:
            return Signer([key.strip() for key in self._configured.split(",") if key.strip()])
        with self._begin() as tx:
            kept = instance.get(tx, "secret_key") or instance.keep_first(tx, "secret_key", secrets.token_urlsafe(32))
        return Signer([kept])
