"""What entering and removing entries does to the campaigns that they are about, within one transaction."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from orchestrator.domain.campaign import OutreachStatus
from orchestrator.domain.suppression import Kind
from orchestrator.repository import Transaction, addresses, campaigns, messages, suppressible, suppressions
from orchestrator.repository.suppressions import Entry, Subject
from orchestrator.services.recording import facts, suppressing
from orchestrator.services.recording.standing import Key, Standings


def enter(tx: Transaction, entries: Sequence[Entry]) -> tuple[list[Entry], int]:
    """Enter `entries`, and take off the queue what they are about, but for domains, which are swept afterwards.

    Returns:
        Those that were new, and how many campaigns left the queue.
    """
    subjects = [entry.subject for entry in entries]
    suppressing.lock(tx, subjects)
    new = suppressions.add(tx, entries)
    return new, stop(tx, about(tx, subjects, OutreachStatus.SCHEDULED))


def about(tx: Transaction, subjects: Collection[Subject], status: OutreachStatus) -> list[Key]:
    """Return the campaigns with `status` that the addresses and properties among `subjects` concern."""
    keys: set[Key] = set()
    for kind, find in ((Kind.ADDRESS, suppressible.to_addresses), (Kind.PROPERTY, suppressible.of_properties)):
        for tenant_id in sorted({one.tenant_id for one in subjects}):
            values = {one.value for one in subjects if (one.tenant_id, one.kind) == (tenant_id, kind)}
            keys.update(find(tx, tenant_id, values, status) if values else ())
    return sorted(keys)


def stop(tx: Transaction, keys: Collection[Key]) -> int:
    """Take campaigns off the queue that the list is about; return how many."""
    locked = campaigns.lock_many(tx, keys)
    waiting = {key: c for key, c in locked.items() if c.status is OutreachStatus.SCHEDULED}
    people = addresses.get_many(tx, {(c.tenant_id, c.owner_address_key) for c in waiting.values()})
    covered = suppressing.covered(tx, waiting.values())
    standings = Standings(waiting, messages.of_campaigns(tx, waiting))
    for key, campaign in waiting.items():
        owner = people.get((key[0], campaign.owner_address_key))
        reason = (owner and owner.suppressed(tx.now())) or covered.get(key)
        if reason is not None:
            standings.suppress(key, str(reason))
    facts.write(tx, standings)
    return sum(status is OutreachStatus.SUPPRESSED for status in standings.statuses().values())


def put_back(tx: Transaction, keys: Collection[Key]) -> int:
    """Make suppressed campaigns due again that the list is not about any more; return how many."""
    locked = campaigns.lock_many(tx, keys)
    standings = Standings(locked, messages.of_campaigns(tx, locked))
    returned = suppressing.put_back(tx, standings, locked)
    facts.write(tx, standings)
    return returned
