"""A database that was cloned or restored must not start sending by itself: its original may be sending already.

The database's fingerprint is written down when mail is first sent from it, and compared whenever mail is about to be
sent by itself. A person's own `send_campaign` is not refused. See docs/adr/0013-fingerprint.md.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import AbstractContextManager

import structlog

from orchestrator import errors
from orchestrator.repository import Transaction, fingerprint, instance

log = structlog.get_logger(__name__)

Begin = Callable[[], AbstractContextManager[Transaction]]

_NAME = "fingerprint"


def require_same(tx: Transaction) -> None:
    """Let nothing leave from a database that is not the one mail was sent from before; the first one is remembered.

    Raises:
        DatabaseMoved: It is another one.
    """
    found = fingerprint.read(tx)
    if found is None:
        return
    text = instance.get(tx, _NAME)
    if text is None:
        text = instance.keep_first(tx, _NAME, _text(found))
    known = json.loads(text)
    different = fingerprint.differs(known, found)
    if different:
        told = "; ".join(f"{name} was {known[name]}, is {found[name]}" for name in different)
        raise errors.DatabaseMoved(
            f"This database is not the one that mail was sent from before ({told}), so nothing was sent from it."
        )


def is_same(tx: Transaction) -> bool:
    """Tell whether something may be sent by itself from this database; one that never sent is the same."""
    found, known = fingerprint.read(tx), instance.get(tx, _NAME)
    return found is None or known is None or not fingerprint.differs(json.loads(known), found)


def adopt(begin: Begin) -> bool:
    """Make this database the one that sends, from now on; False when it was that already, or lives in memory."""
    with begin() as tx:
        found = fingerprint.read(tx)
        known = instance.get(tx, _NAME)
        if found is None or known == _text(found):
            return False
        instance.put(tx, _NAME, _text(found))
    log.warning("database adopted", action="database.adopted", before=known, after=_text(found))
    return True


def _text(found: dict[str, str]) -> str:
    return json.dumps(found, sort_keys=True)
