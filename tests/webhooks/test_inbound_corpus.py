"""Whole mails of many programs and languages, in both forms in which they arrive."""

from __future__ import annotations

from typing import Any

import pytest

from orchestrator.domain import reply
from orchestrator.webhooks import inbound
from tests.webhooks.inbound_posts import CONTENT_TYPE, CORPUS, MODES, RECIPIENT, mail, manifest, post

MAILS = manifest()
OWN = ("in.example.test", "go.example.test")


def received(name: str, mode: str) -> reply.InboundMail:
    return inbound.parse(post(mode, mail(name), envelope_from=MAILS[name]["envelope_from"]), CONTENT_TYPE)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("name", MAILS)
def test_a_mail_is_taken_for_what_it_is(name: str, mode: str):
    expected = MAILS[name]
    got = received(name, mode)

    found = reply.automatic(got)

    assert (found.kind if found else "human") == expected["kind"]
    if found:
        assert expected["evidence"].lower() in found.evidence.lower()
        assert str(found.returns_on) == str(expected.get("returns_on"))
        assert found.status == expected.get("status")
        assert found.recipient == expected.get("recipient")


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("name", [name for name, expected in MAILS.items() if expected["kind"] == "human"])
def test_what_is_new_in_a_reply_is_found_and_labelled(name: str, mode: str):
    expected = MAILS[name]

    new = reply.new_text(received(name, mode).text, own_markers=OWN)
    judged = reply.classify(new)

    if expected["new"] is not None:
        assert new == expected["new"]
    assert judged.label == expected["label"]
    assert all(" ".join(words.split()) in " ".join(new.split()) for words in judged.words)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("name", MAILS)
def test_who_wrote_to_whom_is_known(name: str, mode: str):
    expected: dict[str, Any] = MAILS[name]
    got = received(name, mode)

    assert got.envelope_to == (RECIPIENT,)
    assert got.envelope_from == (expected["envelope_from"] or None)
    assert got.from_email is not None
    assert "@" in got.from_email
    assert got.from_name == expected.get("from_name", got.from_name)
    assert got.subject == expected.get("subject", got.subject)
    assert [*got.in_reply_to] == expected.get("in_reply_to", [*got.in_reply_to])
    told = [[each.name, each.type, each.size] for each in got.attachments if each.type != "message/rfc822"]
    assert told == expected.get("attachments", [])


@pytest.mark.parametrize("name", MAILS)
def test_both_forms_give_the_same_mail(name: str):
    default, raw = (received(name, mode) for mode in MODES)

    assert default.message_id == raw.message_id
    assert default.date == raw.date
    assert (default.message_id is None) or default.dedupe_key == raw.dedupe_key


def test_the_manifest_and_the_folder_name_the_same_mails():
    assert sorted(path.stem for path in (CORPUS / "mails").glob("*.eml")) == sorted(MAILS)
    assert len(MAILS) >= 60
