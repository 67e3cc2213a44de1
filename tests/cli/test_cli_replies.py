"""``outreach reply``, as a person and a script meet it."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from orchestrator import OutreachOrchestrator
from orchestrator.cli.options import DEFAULT_TENANT
from orchestrator.domain.reply import InboundMail
from orchestrator.repository import OutreachRepository
from tests.cli.conftest import Run
from tests.samples import MEMO_URL, SCORE, facade, new_uuid, property_record


@pytest.fixture
def outreach(database: str) -> Iterator[OutreachOrchestrator]:
    repository = OutreachRepository(database)
    with facade(repository, postal_address="500 Main Street", company_name="Sample") as (orchestrator, _):
        yield orchestrator
    repository.close()


def answered(outreach: OutreachOrchestrator, text: str) -> tuple[str, str]:
    """An owner's answer; returns the reply's id and the campaign's."""
    campaign = outreach.create_campaign(DEFAULT_TENANT, property_record(), SCORE, MEMO_URL)
    outreach.send_campaign(campaign.id, DEFAULT_TENANT)
    outreach.record_reply(campaign.id, DEFAULT_TENANT, text)
    return outreach.operations.replies.list(DEFAULT_TENANT)[0].id, campaign.id


def test_a_reply_is_listed_shown_labelled_and_released(cli: Run, outreach: OutreachOrchestrator):
    reply_id, campaign_id = answered(outreach, "Hm.\nLet me think about it \x1b[31m.")

    listed = cli("reply", "list", "--waiting")
    assert listed.code == 0
    assert reply_id in listed.out
    assert "Hm. Let me think about it" in listed.out
    shown = cli("reply", "show", reply_id)
    assert shown.out.startswith("Hm.\nLet me think about it")
    assert campaign_id in shown.out
    assert "\x1b" not in shown.out

    assert cli("reply", "label", reply_id, "interested", "--json").json["before"] == "other"
    assert cli("reply", "show", reply_id, "--json").json["rule_label"] == "other"
    (rule,) = cli("reply", "list", "--summary", "--json").json
    assert (rule["judged"], rule["corrected"], rule["corrected_to"]) == (1, 1, "interested 1")
    assert cli("reply", "release", reply_id).code == 0
    assert cli("reply", "list", "--waiting", "--json").json == []
    (line,) = cli("reply", "list", "--jsonl").out.splitlines()
    assert json.loads(line)["id"] == reply_id
    assert "body" not in json.loads(line)


def test_an_address_that_a_correction_does_not_free_is_named_with_the_way_to_free_it(
    cli: Run, outreach: OutreachOrchestrator
):
    reply_id, _ = answered(outreach, "unsubscribe")
    told = cli("reply", "label", reply_id, "question")
    assert told.code == 0
    assert "outreach suppress remove owner@owners.test" in told.words


def test_what_belongs_to_nobody_is_listed_apart_and_assigned(cli: Run, outreach: OutreachOrchestrator):
    campaign = outreach.create_campaign(DEFAULT_TENANT, property_record(), SCORE, MEMO_URL)
    outreach.services.reply_intake.receive(InboundMail(text="Who are you?", dedupe_key="k"))
    assert cli("reply", "list", "--json").json == []
    (reply,) = cli("reply", "list", "--unmatched", "--json").json
    assert cli("reply", "assign", reply["id"], campaign.id).code == 0
    assert cli("reply", "list", "--unmatched", "--json").json == []
    assert cli("campaign", "show", campaign.id, "--json").json["status"] == "responded"
    assert cli("reply", "assign", reply["id"], campaign.id).code == 5


def test_mistakes_have_exit_codes_and_say_what_to_do(cli: Run, outreach: OutreachOrchestrator):
    reply_id, _ = answered(outreach, "Hm.")
    assert cli("reply", "show", new_uuid()).code == 4
    assert cli("reply", "show", reply_id, "--tenant", new_uuid()).code == 4
    wrong = cli("reply", "label", reply_id, "angry", "--json")
    assert wrong.code == 2
    assert "opt_out" in wrong.problem["fix"]
    assert cli("reply", "list", "--kind", "spam").code == 2
    assert cli("reply", "list", "--before", "x").code == 2


def test_a_full_page_says_how_to_go_on(cli: Run, outreach: OutreachOrchestrator):
    answered(outreach, "Hm.")
    assert "--before" in cli("reply", "list", "--limit", "1").words
