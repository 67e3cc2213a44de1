"""Open pages are told of whatever is committed, by whichever process, each by the topic that its page listens to."""

from __future__ import annotations

from collections.abc import Callable

from orchestrator import OutreachOrchestrator
from orchestrator.clock import new_id
from orchestrator.repository import OutreachRepository
from orchestrator.repository.events import OutreachEvent, insert_new
from tests.samples import TENANT, facade, item, new_uuid


def test_each_commit_changes_the_mark_of_its_topic(repository: OutreachRepository):
    with facade(repository) as (here, _), facade(repository) as (elsewhere, _):
        ids = [elsewhere.create_campaign(TENANT, **item(f"o{n}@owners.test")).id for n in range(3)]
        operations, replies = elsewhere.operations, elsewhere.operations.replies
        begun, key = new_id(), new_uuid()

        def report(word: str, **more: object) -> None:
            elsewhere.handle_webhook({"event": word, "tenant_id": TENANT, "campaign_id": ids[0], **more})

        def late() -> None:
            """Another process commits what it began before the newest event there is."""
            with elsewhere.services.begin() as tx:
                one = OutreachEvent(
                    id=begun, tenant_id=TENANT, campaign_id=ids[0], event_type="deferred", event_data={},
                    occurred_at=tx.now(), received_at=tx.now(), dedupe_key=key,
                )  # fmt: skip
                insert_new(tx, [one])

        deeds: list[tuple[str, str, Callable[[], object]]] = [
            ("created", "campaigns", lambda: elsewhere.create_campaign(TENANT, **item("new@owners.test"))),
            ("held", "campaigns", lambda: elsewhere.hold_campaign(ids[1], TENANT, "look")),
            ("held", "dispatcher", lambda: elsewhere.hold_campaign(ids[2], TENANT, "look")),
            ("sent", "campaigns", lambda: elsewhere.send_campaign(ids[0], TENANT)),
            ("delivered", "campaigns", lambda: report("delivered")),
            ("machine open", "campaigns", lambda: report("open", sg_machine_open=True)),
            ("late", "campaigns", late),
            ("rescheduled", "campaigns", lambda: elsewhere.reschedule_campaign(ids[1], TENANT, "2099-01-01T00:00:00Z")),
            ("answered", "replies", lambda: elsewhere.record_reply(ids[0], TENANT, "Yes, call me")),
            ("labelled", "replies", lambda: replies.label(replies.list(TENANT)[0].id, "question", TENANT)),
            ("released", "replies", lambda: replies.release(replies.list(TENANT)[0].id, TENANT)),
            ("tenant paused", "dispatcher", lambda: operations.pause("stop", TENANT)),
            ("tenant resumed", "dispatcher", lambda: operations.resume(TENANT)),
            ("paused", "dispatcher", lambda: operations.pause("stop")),
            ("policy", "dispatcher", lambda: operations.set_missed_schedule(TENANT, "skip")),
            ("worker", "dispatcher", lambda: operations.pulse("worker").beat("running", 1)),
        ]
        assert _unheard(here, deeds) == []


def _unheard(here: OutreachOrchestrator, deeds: list[tuple[str, str, Callable[[], object]]]) -> list[str]:
    unheard = []
    for name, topic, deed in deeds:
        before = here.desk.marks(TENANT)[topic]
        deed()
        if here.desk.marks(TENANT)[topic] == before:
            unheard.append(name)
    return unheard
