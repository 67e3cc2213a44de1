"""An opt-out and a send of the same owner at the same moment, in threads."""

from __future__ import annotations

import threading

from orchestrator import OutreachStatus
from orchestrator.repository import OutreachRepository, addresses, messages
from tests.samples import MEMO_URL, SCORE, TENANT, facade, property_record

ROUNDS = 30


def test_what_leaves_was_handed_before_the_opt_out_was_committed(repository: OutreachRepository) -> None:
    with facade(repository) as (orchestrator, transport):
        left = stopped = 0
        for turn in range(ROUNDS):
            email = f"owner{turn}@owners.test"
            earlier, campaign = (
                orchestrator.create_campaign(TENANT, property_record(email), SCORE, MEMO_URL) for _ in range(2)
            )
            orchestrator.send_campaign(earlier.id, TENANT)
            opt_out = {"event": "unsubscribe", "campaign_id": earlier.id, "tenant_id": TENANT}
            at_once = threading.Barrier(2)

            def send(id_: str = campaign.id, start: threading.Barrier = at_once) -> None:
                start.wait(60)
                orchestrator.send_campaign(id_, TENANT)

            sender = threading.Thread(target=send)
            sender.start()
            at_once.wait(60)
            if turn % 3:
                threading.Event().wait(0.002 * (turn % 5))
            orchestrator.handle_webhook(opt_out)
            sender.join()
            posted = [mail.message_id for mail in transport.sent if mail.campaign_id == campaign.id]
            with repository.reading() as tx:
                address = addresses.get_many(tx, [(TENANT, email)])[TENANT, email]
                attempts = messages.of_campaigns(tx, [(TENANT, campaign.id)])[TENANT, campaign.id]
            stored = orchestrator.get_campaign(campaign.id, TENANT)
            assert stored is not None
            assert address.suppressed_at is not None
            if posted:
                left += 1
                (handed_at,) = [a.handed_at for a in attempts if a.id in posted]
                assert handed_at is not None
                assert handed_at <= address.suppressed_at
                assert stored.status is OutreachStatus.SENT
            else:
                stopped += 1
                assert stored.status is OutreachStatus.SUPPRESSED
        assert left + stopped == ROUNDS
