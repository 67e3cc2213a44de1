"""Whole suppression lists: in from a file or from SendGrid, and out to a file."""

from __future__ import annotations

import csv
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from itertools import islice
from typing import Any, Protocol

from orchestrator import contracts, errors
from orchestrator.domain.events import SuppressionReason
from orchestrator.domain.suppression import Kind
from orchestrator.repository.suppressions import Entry
from orchestrator.services.owners.suppression import CHUNK, Begin, Suppressions, parse_kind, parse_reason, subject
from orchestrator.services.recording import suppressing
from orchestrator.transports.loop import SenderLoop

#: The columns of a file, in order; ``value`` may also be called by any of `VALUES`.
COLUMNS = ("kind", "value", "reason", "source", "created_at", "ends_at")
VALUES = ("value", "email", "address", "email_address", "domain", "property", "property_id")
#: Which of SendGrid's lists stop mail, and for which reason; ``blocks`` are about single mails.
SENDGRID = {
    "bounces": SuppressionReason.BOUNCE,
    "invalid_emails": SuppressionReason.INVALID,
    "spam_reports": SuppressionReason.COMPLAINT,
    "unsubscribes": SuppressionReason.UNSUBSCRIBE,
}
SENDGRID_LISTS = ("bounces", "blocks", "invalid_emails", "spam_reports", "unsubscribes")
_BY_COLUMN = {"domain": Kind.DOMAIN, "property": Kind.PROPERTY, "property_id": Kind.PROPERTY}
#: Where entries are said to come from that SendGrid's lists bring.
SENDGRID_SOURCE = "sendgrid"


class Listed(Protocol):
    """An address on one of SendGrid's lists."""

    @property
    def email(self) -> str: ...
    @property
    def since(self) -> datetime | None: ...


class Lists(Protocol):
    """Gives out SendGrid's lists, page by page."""

    def pages(self, name: str) -> AsyncIterator[list[Any]]: ...


@dataclass(frozen=True, slots=True)
class Imported:
    """What became of some rows: how many were ``new``, ``known`` before, and how many campaigns left the queue."""

    new: int
    known: int
    stopped: int


@dataclass(slots=True)
class Synced:
    """What one of SendGrid's lists held: entries, those that were new, and those that are no addresses."""

    listed: int = 0
    new: int = 0
    unusable: int = 0
    stopped: int = 0
    #: Whether the list stops mail at all.
    suppresses: bool = field(default=True)


class SuppressionLists(Suppressions):
    """`Suppressions`, and whole lists of them.

    Args:
        begin: Opens a write transaction.
        read: Opens a transaction that only reads.
        lists: Returns the reader of SendGrid's lists. Raises `MissingApiKey`.
        loop: Where it reads.
    """

    def __init__(self, begin: Begin, read: Begin, lists: Callable[[], Lists], loop: SenderLoop) -> None:
        super().__init__(begin, read)
        self._lists = lists
        self._loop = loop

    def entry_of(
        self, tenant_id: str, row: Mapping[str, str], now: datetime, *, reason: str | None = None, source: str
    ) -> Entry:
        """Return the entry that one row of a file stands for.

        Args:
            tenant_id: The tenant's canonical UUID.
            row: Its values by column; only the value itself is needed.
            now: Since when it holds, unless the row says so (`now`).
            reason: The reason of every row, in the place of what its column says; None: the column's, else ``manual``.
            source: Where it comes from, unless the row says so.

        Raises:
            ValidationError: A value cannot be used; nothing of the row may be.
        """
        names = [name for name in VALUES if row.get(name)]
        if not names:
            raise errors.ValidationError("value", "is missing", fix="Give an address, a domain or a property's id.")
        kind = row.get("kind") or _BY_COLUMN.get(names[0])
        about = subject(tenant_id, row[names[0]], parse_kind(kind) if kind else None)
        since, ends = _time(row, "created_at"), _time(row, "ends_at")
        if ends is not None and about.kind is not Kind.ADDRESS:
            raise errors.ValidationError(
                "ends_at", "is for addresses only", fix="Leave it out, and remove the entry when its time is over."
            )
        return Entry(
            tenant_id=tenant_id, kind=about.kind, value=about.value,
            reason=parse_reason(reason or row.get("reason") or SuppressionReason.MANUAL),
            source=contracts.parse_label("source", row.get("source") or source) or source,
            created_at=min(since or now, now), ends_at=ends,
        )  # fmt: skip

    def import_(self, entries: Iterable[Entry]) -> Iterator[Imported]:
        """Put `entries`, of one tenant, on its list, lazily; importing them again changes nothing.

        Yields:
            What became of each chunk of up to 1,000, after its commit.
        """
        source = iter(entries)
        while chunk := list(islice(source, CHUNK)):
            new, stopped = self.enter_many(chunk)
            yield Imported(new, len(chunk) - new, stopped)

    def export(self, tenant_id: str) -> Iterator[Entry]:
        """Yield the tenant's whole list in its own order, a page at a time. Raises `ValidationError`."""
        page: tuple[Entry, ...] = ()
        while True:
            page = self.list_(tenant_id, limit=CHUNK, after=page[-1] if page else None)
            yield from page
            if len(page) < CHUNK:
                return

    def sync(self, tenant_id: str, names: Iterable[str] = SENDGRID_LISTS) -> dict[str, Synced]:
        """Put onto the tenant's list what SendGrid does not deliver to by itself; doing it again changes nothing.

        Args:
            tenant_id: Whose list.
            names: Which of SendGrid's lists; ``blocks`` are only counted.

        Raises:
            MissingApiKey, ConfigurationError: There is no key, or SendGrid refuses it.
            ProviderUnreachable: A page could not be read; those before it are stored.
        """
        tenant, lists = contracts.parse_id("tenant_id", tenant_id), self._lists()
        found: dict[str, Synced] = {}
        for name in names:
            told = found[name] = Synced(suppresses=name in SENDGRID)
            pages = lists.pages(name)
            while (page := self._loop.run(_next(pages))) is not None:
                told.listed += len(page)
                if told.suppresses:
                    self._enter_page(tenant, page, SENDGRID[name], told)
        return found

    def _enter_page(self, tenant: str, page: Iterable[Listed], reason: SuppressionReason, told: Synced) -> None:
        entries, now = [], self.now()
        for listed in page:
            try:
                about = subject(tenant, listed.email, Kind.ADDRESS)
            except errors.ValidationError:
                told.unusable += 1
                continue
            entry = suppressing.entry(about, reason, SENDGRID_SOURCE, min(listed.since or now, now))
            entries.append(entry)
        if entries:
            new, stopped = self.enter_many(entries)
            told.new += new
            told.stopped += stopped

    def now(self) -> datetime:
        """Return the time by the database's clock."""
        with self._read() as tx:
            return tx.now()


def _time(row: Mapping[str, str], name: str) -> datetime | None:
    return contracts.parse_time(name, row[name]) if row.get(name) else None


def of_account(api_key: str | None, base_url: str) -> Lists:
    """Return the reader of an account's lists at SendGrid. Raises `MissingApiKey`."""
    if api_key is None:
        raise errors.MissingApiKey
    from orchestrator.transports.sendgrid_suppressions import SendGridLists

    return SendGridLists(api_key, base_url)


def row_of(entry: Entry) -> dict[str, str]:
    """Return an entry as one row of a file."""
    ends = entry.ends_at
    return {
        "kind": str(entry.kind),
        "value": entry.value,
        "reason": str(entry.reason),
        "source": entry.source,
        "created_at": entry.created_at.isoformat(),
        "ends_at": "" if ends is None else ends.isoformat(),
    }


async def _next(pages: AsyncIterator[list[Any]]) -> list[Any] | None:
    return await anext(pages, None)


def header_of(first: str, delimiter: str = ",") -> list[str] | None:
    """Return the columns that a file's first line names, or None when it is no header but a row."""
    cells = next(csv.reader([first], delimiter=delimiter), [])
    names = [name.strip().strip("\ufeff").lower() for name in cells]
    return names if set(names) & {*VALUES} else None
