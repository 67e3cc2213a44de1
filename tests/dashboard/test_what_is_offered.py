"""A button is there exactly where what it says would happen, whatever a campaign has been through."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
import sqlalchemy as sa

from orchestrator import OutreachOrchestrator, errors
from orchestrator.domain.message import HELD_IN_DOUBT, Accepted, Outcome, OutgoingMail, Rejected, Unknown
from orchestrator.repository import OutreachRepository
from orchestrator.services.sending import batch
from tests.dashboard.conftest import Desktop, desktop
from tests.samples import TENANT, item, new_uuid

ACTS = ("send", "again", "hold", "release", "cancel")
Make = Callable[[OutreachOrchestrator, str], object]


def _answer(mail: OutgoingMail) -> Outcome:
    return {"doubt": Unknown("lost"), "refused": Rejected("400")}.get(
        mail.to_email.split(".")[0], Accepted(mail.message_id)
    )


def _report(word: str, **more: Any) -> Make:
    ids = {"tenant_id": TENANT}
    return lambda on, id_: on.handle_webhook({"event": word, "campaign_id": id_, **ids, **more})


def _hold(on: OutreachOrchestrator, id_: str) -> object:
    return on.hold_campaign(id_, TENANT, "look at it")


def _due(on: OutreachOrchestrator, _: str) -> object:
    return on.send_due()


def _claim(on: OutreachOrchestrator, _: str) -> list[Any]:
    with on.services.begin() as tx:
        return batch.claim_due(tx, 10, None, on.services.policy).claims


def _hand(on: OutreachOrchestrator, id_: str) -> object:
    window = [(claim, on.services.composer.compose(claim.campaign, claim.message.id)) for claim in _claim(on, id_)]
    with on.services.begin() as tx:
        return batch.hand(tx, window, "fake", on.services.policy.gap)


def _hold_in_doubt(on: OutreachOrchestrator, id_: str) -> object:
    with on.services.begin() as tx:
        held = sa.text("UPDATE outreach_campaigns SET hold_reason = :why WHERE id = :id")
        return tx.execute(held, {"why": HELD_IN_DOUBT, "id": id_})


def _suppress(on: OutreachOrchestrator, id_: str) -> object:
    found = on.get_campaign(id_, TENANT)
    assert found is not None
    return on.operations.suppressions.add(TENANT, found.owner_email)


def _cancel(on: OutreachOrchestrator, id_: str) -> object:
    return on.cancel_campaign(id_, TENANT)


def _opt_out(on: OutreachOrchestrator, id_: str) -> object:
    return on.record_reply(id_, TENANT, "Please remove me from your list")


#: situation: (owner's mailbox, what is given at the creation, what happens then)
SITUATIONS: dict[str, tuple[str, dict[str, Any], list[Make]]] = {
    "scheduled": ("ann", {}, []),
    "later": ("ann", {"scheduled_at": "2099-01-01T00:00:00Z"}, []),
    "held": ("ann", {}, [_hold]),
    "without consent": ("ann", {"country": "DE"}, [_due]),
    "claimed": ("ann", {}, [_claim]),
    "on its way": ("ann", {}, [_hand]),
    "on its way, held": ("ann", {}, [_hand, _hold]),
    "in doubt": ("doubt", {}, [_due]),
    "in doubt, held": ("doubt", {}, [_due, _hold]),
    "in doubt for good": ("doubt", {}, [_due, _hold_in_doubt]),
    "tenant paused": ("ann", {}, [lambda on, _: on.operations.pause("stop", TENANT)]),
    "all paused": ("ann", {}, [lambda on, _: on.operations.pause("stop")]),
    "sent": ("ann", {}, [_due]),
    "delivered": ("ann", {}, [_due, _report("delivered")]),
    "opened": ("ann", {}, [_due, _report("open")]),
    "clicked": ("ann", {}, [_due, _report("click", url="https://x.test")]),
    "bounced": ("ann", {}, [_due, _report("bounce", type="bounce")]),
    "responded": ("ann", {}, [_due, lambda on, id_: on.record_reply(id_, TENANT, "Call me")]),
    "opted out": ("ann", {}, [_due, _opt_out]),
    "complained": ("ann", {}, [_due, _report("spamreport")]),
    "refused": ("refused", {}, [_due]),
    "given up": ("ann", {}, [_due, _report("dropped", reason="Invalid")]),
    "refused, suppressed": ("refused", {}, [_due, _suppress]),
    "suppressed": ("ann", {}, [_suppress]),
    "held, suppressed": ("ann", {}, [_hold, _suppress]),
    "cancelled": ("ann", {}, [_cancel]),
    "held, cancelled": ("ann", {}, [_hold, _cancel]),
}

HELD = ("held", "without consent", "on its way, held", "in doubt, held", "in doubt for good")
TO_BE_QUEUED = ("refused", "given up", "refused, suppressed", "cancelled", "held, cancelled")


@pytest.fixture
def here(repository: OutreachRepository) -> Any:
    with desktop(repository, handler=_answer) as opened:
        yield opened


def _brought_about(here: Desktop, situation: str) -> str:
    mailbox, given, steps = SITUATIONS[situation]
    on = here.orchestrator
    id_ = on.create_campaign(TENANT, **item(f"{mailbox}.{new_uuid()}@owners.test", **given)).id
    for step in steps:
        step(on, id_)
    return id_


def _state(here: Desktop, id_: str) -> Any:
    dossier = here.orchestrator.desk.campaign(TENANT, id_)
    one = dossier.campaign
    return one.status, one.hold_reason, one.next_send_at, [attempt.state for attempt in dossier.attempts]


def _would(here: Desktop, id_: str, act: str) -> bool:
    """Whether a command does anything to a campaign, found out by giving it."""
    on, before = here.orchestrator, _state(here, id_)
    commands: dict[str, Callable[[], object]] = {
        "send": lambda: on.send_campaign(id_, TENANT),
        "again": lambda: on.reschedule_campaign(id_, TENANT, None),
        "hold": lambda: on.hold_campaign(id_, TENANT, "look at it"),
        "release": lambda: on.release_campaign(id_, TENANT),
        "cancel": lambda: on.cancel_campaign(id_, TENANT),
    }
    try:
        commands[act]()
    except errors.SendError:  # it was tried
        return _state(here, id_) != before
    except errors.OrchestratorError:
        return False
    return _state(here, id_) != before


@pytest.mark.parametrize("database_kind", ["sqlite"])
def test_a_button_is_there_exactly_where_its_command_does_something(here: Desktop):
    wrong: list[tuple[str, str, bool]] = []
    for situation in SITUATIONS:
        made = [_brought_about(here, situation) for _ in ACTS]
        offered = set(re.findall(r'popovertarget="do-(\w+)"', here.get(f"campaigns/{made[0]}").text))
        for act, id_ in zip(ACTS, made, strict=True):
            would = _would(here, id_, act)
            # Of what is scheduled "Send now" says more than "Queue now", and another reason replaces that of a hold.
            useless = {"again": situation not in TO_BE_QUEUED, "hold": situation in HELD}
            if (act in offered) != would and not (useless.get(act) and act not in offered):
                wrong.append((situation, act, would))
        here.orchestrator.operations.resume(TENANT)
        here.orchestrator.operations.resume()
    assert wrong == []


@pytest.mark.parametrize("database_kind", ["sqlite"])
def test_what_an_act_came_to_is_told(here: Desktop):
    here.orchestrator.hold_campaign(held := _brought_about(here, "scheduled"), TENANT, "look at it")
    free, gone, off = (_brought_about(here, situation) for situation in ("later", "sent", "cancelled"))
    ids = [held, free, gone, off]

    def told(act: str, **more: str) -> str:
        text = here.post("campaigns", {"act": act, "id": ids, **more}).text
        return re.sub(r"<[^>]+>", "", text.split('role="status"><span>')[1].split("</span>")[0])

    assert told("release") == "1 campaign released. 2 campaigns were so before. 1 could not be: open it to see why."
    assert told("hold", reason="no") == "2 campaigns held. 2 could not be: open them to see why."
    assert told("retry").startswith("1 campaign due now. 3 could not be")
    assert told("cancel") == "3 campaigns cancelled. 1 could not be: open it to see why."
    assert told("cancel") == "0 campaigns cancelled. 3 campaigns were so before. 1 could not be: open it to see why."
    suppressed = _brought_about(here, "refused, suppressed")
    assert "must not be written to" in here.post(f"campaigns/{suppressed}", {"act": "send"}).text
    assert "accepted." in here.post(f"campaigns/{_brought_about(here, 'scheduled')}", {"act": "send"}).text
    assert "It was not sent again" in here.post(f"campaigns/{gone}", {"act": "send"}).text


@pytest.mark.parametrize("database_kind", ["sqlite"])
def test_what_was_left_of_an_import_is_told(here: Desktop):
    on = here.orchestrator
    _hand(on, on.create_campaign(TENANT, **item("a@owners.test", batch="spring")).id)
    on.create_campaign(TENANT, **item("b@owners.test", batch="spring", scheduled_at="2099-01-01T00:00:00Z"))

    def told(act: str, **more: str) -> str:
        shown = here.post("batch", {"act": act, "label": "spring", **more}, page="batch?label=spring").text
        return shown.split('role="status"><span>')[1].split("</span>")[0]

    assert told("hold", reason="no") == "2 campaigns held."
    assert told("hold", reason="no") == "0 campaigns held. 2 were held so before."
    assert told("release") == "2 campaigns released."
    assert told("release") == "0 campaigns released. 2 were held by nobody."
    assert told("cancel") == "1 campaign cancelled. 1 is on its way already."
