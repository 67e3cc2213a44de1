"""The suppression list: what must not be written to, why, since when, and how it is taken back.

Adding takes what is scheduled off the queue in the same transaction, or, for a domain, in the ones that follow: its
entry is committed first, and every hand-over looks at the list. Removing makes due again what nothing else stops.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass

from orchestrator import contracts, errors
from orchestrator.domain.campaign import OutreachStatus
from orchestrator.domain.events import STRENGTH, SuppressionReason
from orchestrator.domain.suppression import Kind, address_key, domain_of
from orchestrator.repository import Transaction, addresses, suppressible, suppressions
from orchestrator.repository.suppressions import Entry, Lifted, Subject
from orchestrator.services.owners import suppression_effects as effects
from orchestrator.services.recording import suppressing

Begin = Callable[[], AbstractContextManager[Transaction]]

#: Campaigns changed in one transaction, and entries entered in one.
CHUNK = 1000
#: What an owner said: it takes the owner's own word to take it back.
OWNERS_WORD = frozenset({SuppressionReason.UNSUBSCRIBE, SuppressionReason.WRONG_PERSON, SuppressionReason.SOLD})


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """Whether we would write to an address, and everything that stands in the way.

    ``entries`` are those in force, the strongest first; ``lifted`` what was taken back before, and why. ``hold`` is why
    mail to the address waits for a person, or None. ``soft_bounces`` is how many mails had expired there in a row when
    the last one did.
    """

    address: str
    address_key: str
    entries: tuple[Entry, ...]
    lifted: tuple[Lifted, ...] = ()
    hold: str | None = None
    soft_bounces: int = 0

    @property
    def allowed(self) -> bool:
        """Whether nothing on the suppression list stands in the way."""
        return not self.entries


@dataclass(frozen=True, slots=True)
class Added:
    """An entry, whether it was new, and how many campaigns left the queue for it."""

    entry: Entry
    new: bool
    stopped: int


@dataclass(frozen=True, slots=True)
class Removed:
    """The entries that were taken off the list, and how many campaigns are due again."""

    entries: tuple[Entry, ...]
    returned: int


def subject(tenant_id: str, text: str, kind: Kind | str | None = None) -> Subject:
    """Return what `text` names: an address, a domain (``example.com`` or ``@example.com``) or a property's id.

    Args:
        tenant_id: The tenant's canonical UUID.
        text: As somebody wrote it.
        kind: What it must be; None: whatever it looks like.

    Raises:
        ValidationError: It is none of these.
    """
    if contracts.parse_text("entry", text) != text:
        raise errors.ValidationError("entry", "holds characters that belong to no address")
    wanted = _kind(text) if kind is None else parse_kind(kind)
    if wanted is Kind.PROPERTY:
        return Subject(tenant_id, wanted, _property(text, guessed=kind is None))
    if wanted is Kind.ADDRESS:
        return Subject(tenant_id, wanted, address_key(contracts.parse_email("address", text)))
    # A domain is written as it is in the addresses that it must be compared with.
    whole = contracts.parse_email("domain", f"anybody@{text.strip().lstrip('@')}")
    return Subject(tenant_id, wanted, domain_of(address_key(whole)))


def _property(text: str, *, guessed: bool) -> str:
    try:
        return contracts.parse_id("property", text)
    except errors.ValidationError:
        if not guessed:
            raise
        raise errors.ValidationError(
            "entry",
            f"{text!r} is no address, no domain and no property's id",
            fix="Write an address (owner@example.com), a domain (example.com) or the UUID of a property.",
        ) from None


def _kind(text: str) -> Kind:
    plain = text.strip()
    if "@" in plain.lstrip("@<"):
        return Kind.ADDRESS
    return Kind.DOMAIN if "." in plain else Kind.PROPERTY


def parse_kind(kind: str) -> Kind:
    """Return one of the kinds. Raises `ValidationError`."""
    if kind not in list(Kind):
        raise errors.ValidationError("kind", f"must be one of {', '.join(Kind)}, not {kind!r}")
    return Kind(kind)


def parse_reason(reason: str) -> SuppressionReason:
    """Return one of the reasons. Raises `ValidationError`."""
    if reason not in list(SuppressionReason):
        raise errors.ValidationError("reason", f"must be one of {', '.join(SuppressionReason)}, not {reason!r}")
    return SuppressionReason(reason)


class Suppressions:
    """The suppression lists of all tenants.

    Args:
        begin: Opens a write transaction.
        read: Opens a transaction that only reads.
    """

    def __init__(self, begin: Begin, read: Begin) -> None:
        self._begin = begin
        self._read = read

    def add(
        self, tenant_id: str, what: str, *, kind: str | None = None,
        reason: str = SuppressionReason.MANUAL, source: str = "a person",
    ) -> Added:  # fmt: skip
        """Let nothing be sent to an address or a domain, or about a property, any more; doing it twice changes nothing.

        Args:
            tenant_id: The tenant's UUID.
            what: An address, a domain or a property's id.
            kind: ``address``, ``domain`` or ``property``; None: whatever `what` looks like.
            reason: One of `SuppressionReason`.
            source: Where this comes from, kept with the entry; at most 200 characters.

        Raises:
            ValidationError: A value is none of these.
        """
        about = subject(contracts.parse_id("tenant_id", tenant_id), what, kind)
        with self._begin() as tx:
            entry = suppressing.entry(about, parse_reason(reason), _words("source", source), tx.now())
            new, stopped = effects.enter(tx, [entry])
        if about.kind is Kind.DOMAIN:
            stopped += self._sweep(about, OutreachStatus.SCHEDULED)
        return Added(new[0] if new else entry, bool(new), stopped)

    def remove(
        self, tenant_id: str, what: str, *, kind: str | None = None, reason: str | None = None,
        why: str | None = None, consent: bool = False, by: str | None = None,
    ) -> Removed:  # fmt: skip
        """Take entries off the list, and make due again what nothing else stops.

        Args:
            tenant_id: The tenant's UUID.
            what: An address, a domain or a property's id.
            kind: ``address``, ``domain`` or ``property``; None: whatever `what` looks like.
            reason: Only entries with this reason; None: all of them.
            why: Why; kept for ever.
            consent: Whether the owner has agreed again, expressly, to be written to; takes back what the owner said.
            by: Who says so.

        Raises:
            ValidationError: A value is none of these, or `why` is missing where the owner's word is taken back.
            SuppressionStays: An entry is the owner's word and `consent` is not given, or it is a complaint.
        """
        about = subject(contracts.parse_id("tenant_id", tenant_id), what, kind)
        wanted = None if reason is None else parse_reason(reason)
        words = None if why is None else _words("why", why)
        with self._begin() as tx:
            suppressing.lock(tx, [about])
            entries = [e for e in suppressions.about(tx, [about]) if wanted in (None, e.reason)]
            _require_removable(entries, words, consent=consent)
            suppressions.remove(tx, entries, why=words or "a person removed it", by=by)
            returned = (
                0
                if about.kind is Kind.DOMAIN
                else effects.put_back(tx, effects.about(tx, [about], OutreachStatus.SUPPRESSED))
            )
        if about.kind is Kind.DOMAIN:
            returned = self._sweep(about, OutreachStatus.SUPPRESSED)
        return Removed(tuple(entries), returned)

    def check(self, tenant_id: str, address: str, property_id: str | None = None) -> Check:
        """Say whether we would write to an address, about a property where one is given, and why not.

        Raises:
            ValidationError: No address, or no property's id.
        """
        tenant = contracts.parse_id("tenant_id", tenant_id)
        person = subject(tenant, address, Kind.ADDRESS)
        asked = [person, Subject(tenant, Kind.DOMAIN, domain_of(person.value))]
        if property_id is not None:
            asked.append(subject(tenant, property_id, Kind.PROPERTY))
        with self._read() as tx:
            found = [e for e in suppressions.about(tx, asked) if e.ends_at is None or e.ends_at > tx.now()]
            lifted = [one for about in asked for one in suppressions.lifted_from(tx, about)]
            known = addresses.get_many(tx, [(tenant, person.value)]).get((tenant, person.value))
        found.sort(key=lambda e: (-STRENGTH.index(e.reason), e.created_at, e.source))
        return Check(
            address=address, address_key=person.value, entries=tuple(found), lifted=tuple(lifted),
            hold=known and known.hold_reason, soft_bounces=known.soft_bounces if known else 0,
        )  # fmt: skip

    def list_(
        self, tenant_id: str, *, kind: str | None = None, reason: str | None = None, limit: int = 100,
        after: Entry | None = None,
    ) -> tuple[Entry, ...]:  # fmt: skip
        """Return up to `limit` entries of the tenant's list, behind `after`, in the list's own order.

        Raises:
            ValidationError: A value is out of range.
        """
        tenant, most = contracts.parse_id("tenant_id", tenant_id), contracts.parse_count("limit", limit)
        wanted = None if kind is None else parse_kind(kind)
        because = None if reason is None else parse_reason(reason)
        with self._read() as tx:
            return tuple(suppressions.page(tx, tenant, most, after=after, kind=wanted, reason=because))

    def enter_many(self, entries: Sequence[Entry]) -> tuple[int, int]:
        """Enter entries of one tenant in one transaction; return how many were new, and how many campaigns stopped."""
        with self._begin() as tx:
            new, stopped = effects.enter(tx, entries)
        for about in sorted({entry.subject for entry in new if entry.kind is Kind.DOMAIN}):
            stopped += self._sweep(about, OutreachStatus.SCHEDULED)
        return len(new), stopped

    def end_over(self) -> int:
        """Forget entries whose time is over; return how many campaigns are due again for it."""
        returned, keys = 0, [("", "")]
        while keys:
            with self._begin() as tx:
                keys = addresses.ended(tx, tx.now(), CHUNK)
                over = [Subject(tenant_id, Kind.ADDRESS, key) for tenant_id, key in keys]
                suppressing.lock(tx, over)
                suppressions.forget_ended(tx, over)
                returned += effects.put_back(tx, effects.about(tx, over, OutreachStatus.SUPPRESSED))
        return returned

    def _sweep(self, about: Subject, status: OutreachStatus) -> int:
        """Take the scheduled campaigns of a domain off the queue, or put its suppressed ones back, in chunks."""
        changed, places = 0, [suppressible.BEGINNING]
        while places:
            with self._begin() as tx:
                places = suppressible.in_domain(tx, about.tenant_id, about.value, status, places[-1], CHUNK)
                addresses.lock(tx, {(about.tenant_id, place.address_key) for place in places})
                keys = [(about.tenant_id, place.campaign_id) for place in places]
                changed += (effects.put_back if status is OutreachStatus.SUPPRESSED else effects.stop)(tx, keys)
            if len(places) < CHUNK:
                break
        return changed


def _require_removable(entries: Sequence[Entry], why: str | None, *, consent: bool) -> None:
    if any(entry.reason is SuppressionReason.COMPLAINT for entry in entries):
        raise errors.SuppressionStays(
            "The owner reported our mail as spam; a complaint is never taken back.",
            fix="Name another reason with it to remove only entries of that reason.",
        )
    words = sorted({str(entry.reason) for entry in entries if entry.reason in OWNERS_WORD})
    if words and not consent:
        raise errors.SuppressionStays(
            f"The owner said so ({', '.join(words)}), and only the owner can take it back.",
            fix="If the owner has agreed again, expressly, say so: --consent --why TEXT (consent=True, why=…).",
        )
    if words and why is None:
        raise errors.ValidationError("why", "is required", fix="Say how and when the owner agreed; it is kept.")


def _words(field: str, text: str) -> str:
    words = contracts.parse_label(field, text)
    if words is None:
        raise errors.ValidationError(field, "is required", fix="Say it in a few words; they are kept with the entry.")
    return words
