"""Looking at campaigns, sending one, previewing one."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from orchestrator.sandbox import Sandbox, SandboxServer
from tests.cli.conftest import Run, create

NOBODY = "0190f3a0-0000-7000-8000-00000000dead"


@pytest.fixture
def sendgrid(monkeypatch: pytest.MonkeyPatch) -> Iterator[Sandbox]:
    """A sandbox, configured as SendGrid."""
    with SandboxServer(Sandbox()) as server:
        monkeypatch.setenv("OUTREACH_SENDGRID_URL", server.url)
        monkeypatch.setenv("SENDGRID_API_KEY", "SG.sandbox.key")
        monkeypatch.setenv("SENDGRID_FROM_EMAIL", "team@sample.test")
        yield server.sandbox


def test_campaigns_are_listed_newest_first_page_by_page(cli: Run, database: str):
    ids = create(3)
    first = cli("campaign", "list", "--limit", "2", "--json").json
    assert [c["id"] for c in first] == [ids[2], ids[1]]
    rest = cli("campaign", "list", "--limit", "2", "--before", first[-1]["id"], "--jsonl")
    assert [json.loads(line)["id"] for line in rest.out.splitlines()] == [ids[0]]
    assert cli("campaign", "list", "--status", "sent", "--json").json == []
    assert len(cli("campaign", "list", "--status", "scheduled", "--json").json) == 3
    assert cli("campaign", "list", "--tenant", NOBODY, "--json").json == []


def test_a_list_in_a_pipe_is_separated_by_tabs_and_hints_at_the_next_page(cli: Run, sqlite_database: Path):
    ids = create(2)
    told = cli("campaign", "list", "--limit", "1")
    header, line = told.out.splitlines()
    assert header.split("\t")[:2] == ["id", "status"]
    assert line.split("\t")[:3] == [ids[1], "scheduled", "SMITH, JOHN"]
    assert f"--before {ids[1]}" in told.err
    assert cli("campaign", "list", "--limit", "1", "--quiet").err == ""


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["campaign", "list", "--status", "lost"], "--status: 'lost' is no status"),
        (["campaign", "list", "--before", "17"], "--before: '17' is not a UUID"),
        (["campaign", "list", "--tenant", "17"], "--tenant: '17' is not a UUID"),
        (["campaign", "show", "17"], "campaign_id: '17' is not a UUID"),
        (["campaign", "events", "17"], "campaign_id: '17' is not a UUID"),
        (["stats", "--tenant", "17"], "tenant_id: '17' is not a UUID"),
        (["campaign", "list", "--limit", "0"], "Invalid value for '--limit'"),
        (["preview", NOBODY, "--text", "--html"], "choose one of --text and --html"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_wrong_input_is_told(arguments: list[str], words: str, cli: Run, sqlite_database: Path):
    told = cli(*arguments)
    assert (told.code, told.out) == (2, "")
    assert words in " ".join(told.err.replace("│", " ").split())


def test_the_statuses_there_are_are_named(cli: Run, sqlite_database: Path):
    assert "Use one of scheduled, suppressed, cancelled, sent," in cli("campaign", "list", "--status", "x").words


@pytest.mark.parametrize("command", ["campaign show", "campaign events", "preview", "send"])
def test_an_unknown_or_foreign_campaign_is_not_found(command: str, cli: Run, sqlite_database: Path, sendgrid: Sandbox):
    (campaign_id,) = create(1)
    for arguments in ([NOBODY], [campaign_id, "--tenant", NOBODY]):
        told = cli(*command.split(), *arguments)
        assert (told.code, told.out) == (4, "")
        assert f"Campaign not found: {arguments[0]}" in told.words


def test_a_campaign_is_shown_with_everything(cli: Run, database: str):
    (campaign_id,) = create(1)
    shown = cli("campaign", "show", campaign_id, "--json").json
    assert shown["property_record"]["address"]["zip"] == "02139"
    plain = cli("campaign", "show", campaign_id)
    assert f"id\t{campaign_id}" in plain.out
    events = cli("campaign", "events", campaign_id, "--json").json
    assert [event["event_type"] for event in events] == ["scheduled"]


def test_sending_twice_sends_once(cli: Run, database: str, sendgrid: Sandbox):
    (campaign_id,) = create(1)
    first = cli("send", campaign_id, "--json").json
    second = cli("send", campaign_id, "--json").json
    assert (first["status"], second["status"]) == ("sent", "already_sent")
    assert first["message_id"] == second["message_id"]
    assert len(sendgrid.messages()) == 1
    assert cli("send", campaign_id).out.splitlines()[1].split("\t")[0] == "already_sent"


def test_sending_without_a_key_is_a_matter_of_configuration(cli: Run, sqlite_database: Path):
    (campaign_id,) = create(1)
    told = cli("send", campaign_id)
    assert (told.code, told.out) == (3, "")
    assert "SendGrid API key is missing" in told.words
    assert "→ Set SENDGRID_API_KEY" in told.words


def test_a_refused_account_is_told_with_what_to_do(cli: Run, sqlite_database: Path, sendgrid: Sandbox):
    sendgrid.faults.set(credits=1.0)
    told = cli("send", *create(1))
    assert (told.code, told.out) == (7, "")
    assert "SendGrid answered 401: Maximum credits exceeded. The account's sending credits are used up" in told.words
    assert "→ It is safe to send it again: first remove the cause if it lies with you, else later." in told.words


def test_sending_to_somebody_who_said_no_is_a_conflict(cli: Run, sqlite_database: Path, sendgrid: Sandbox):
    from orchestrator.cli.options import DEFAULT_TENANT
    from orchestrator.orchestrator import OutreachOrchestrator
    from orchestrator.repository import OutreachRepository
    from tests.cli.conftest import item

    first, _ = create(2)
    repository = OutreachRepository(os.environ["DB_DSN"])
    with OutreachOrchestrator(repository) as orchestrator:
        orchestrator.handle_webhook({"event": "spamreport", "campaign_id": first, "tenant_id": DEFAULT_TENANT})
        again = item(3, email="owner1@sample.test")
        refused = orchestrator.create_campaign(
            DEFAULT_TENANT, again["property_record"], again["score_result"], again["memo_url"]
        )
    repository.close()
    told = cli("send", refused.id)
    assert (told.code, told.out) == (5, "")
    assert "Nothing was sent: the campaign is suppressed (complaint)" in told.words
    assert sendgrid.messages() == []


def test_a_mail_can_be_previewed_as_text_html_and_json(cli: Run, sqlite_database: Path):
    (campaign_id,) = create(1)
    text, html = cli("preview", campaign_id), cli("preview", campaign_id, "--html")
    both = cli("preview", campaign_id, "--json").json
    assert "1 Maple St" in text.out
    assert "<html" not in text.out
    assert "Subject:" in text.err
    assert html.out.lstrip().startswith("<!")
    assert (both["text"].strip(), both["html"].strip()) == (text.out.strip(), html.out.strip())
    told = cli("preview", campaign_id, "--html", "-o", "mail.html")
    assert (told.code, told.out) == (0, "")
    assert Path("mail.html").read_text("utf-8").strip() == html.out.strip()
    unwritable = cli("preview", campaign_id, "-o", "no/such/folder/mail.txt")
    assert unwritable.code == 3
    assert "cannot be written: No such file or directory" in unwritable.words


def test_a_preview_with_a_broken_template_names_file_and_line(cli: Run, sqlite_database: Path, monkeypatch):
    (campaign_id,) = create(1)
    assert cli("template", "eject", "own").code == 0
    monkeypatch.setenv("OUTREACH_TEMPLATE_DIR", "own")
    template = Path("own/memo_delivery_email.txt")
    template.write_text("Dear {{ onwer_name }}\n")
    told = cli("preview", campaign_id)
    assert (told.code, told.out) == (9, "")
    assert "memo_delivery_email.txt:1" in told.words
    assert "'onwer_name' is undefined" in told.words


def test_statistics_show_the_funnel_with_fractions(cli: Run, database: str, sendgrid: Sandbox):
    ids = create(2)
    cli("send", ids[0])
    shown = cli("stats", "--json").json
    assert shown["statistics"] == {"scheduled": 1, "sent": 1}
    assert shown["funnel"]["counts"]["sent"] == 1
    assert shown["funnel"]["rates"]["delivery"] == {"numerator": 0, "denominator": 1, "value": 0.0}
    assert shown["funnel"]["rates"]["click"]["value"] is None
    lines = cli("stats").out.splitlines()
    assert "delivery\t0.0%\t0/1" in lines
    assert "click\t–\t0/0" in lines
    assert cli("stats", "--batch", "none", "--json").json["funnel"]["counts"]["targeted"] == 0


def test_a_pause_stops_sending_by_hand_and_names_the_way_back(cli: Run, database: str, sendgrid: Sandbox):
    (campaign,) = create(1)
    assert cli("pause", "--reason", "the letterhead is wrong").out == "Sending is paused.\n"
    refused = cli("send", campaign)
    assert refused.code == 5
    assert "the letterhead is wrong" in refused.err
    assert "outreach resume" in refused.err
    assert cli("resume", "--json").json == {"what": "resumed", "tenant_id": None, "changed": True}
    assert cli("resume").out == "Nothing changed: sending was not paused.\n"
    assert cli("send", campaign).code == 0


def test_a_tenant_is_paused_alone_and_a_pause_wants_a_reason(cli: Run, database: str, sendgrid: Sandbox):
    (campaign,) = create(1)
    assert cli("pause", "--reason", "over", "--tenant", NOBODY, "--json").json["changed"] is True
    assert cli("send", campaign).code == 0
    assert cli("pause", "--reason", " ").code == 2
    assert cli("pause").code == 2
    assert cli("resume", "--tenant", "17").code == 2


def test_a_test_mail_goes_to_a_colleague_and_leaves_the_campaign_alone(
    cli: Run, sqlite_database: Path, sendgrid: Sandbox
):
    (id_,) = create(1)
    told = cli("template", "send", "--to", "ann@sample.test", "--campaign", id_, "--json")
    assert (told.json["state"], told.json["campaign_id"]) == ("accepted", id_)
    cli("template", "eject", "own")
    Path("own/memo_delivery_email.txt").write_text("Of my own. {{ unsubscribe_url }}")
    told = cli("template", "send", "--to", "ann@sample.test", "--sample", "nothing optional", "--template", "own")
    assert "[Test] Our memo on 9 Lot Road" in told.out
    assert "on its way to ann@sample.test" in told.words
    newest, first = sendgrid.messages()
    assert first.subject == "[Test] Our memo on 1 Maple St"
    assert (newest.body("text/plain") or "").startswith("Of my own.")
    assert cli("campaign", "show", id_, "--json").json["status"] == "scheduled"
    sendgrid.faults.set(error_429=1.0)
    assert cli("template", "send", "--to", "ann@sample.test").code == 7
    wrong = [["ann@home.com"], ["owner1@sample.test"], ["ann@sample.test", "--sample", "x", "--campaign", id_]]
    assert [cli("template", "send", "--to", *arguments).code for arguments in wrong] == [2, 7, 7]
    cli("resume")
    assert [cli("template", "send", "--to", *arguments).code for arguments in wrong] == [2, 2, 2]
