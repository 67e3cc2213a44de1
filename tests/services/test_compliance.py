"""What a sender lacks by law, and what a recipient has not agreed to, keeps mail from leaving by itself."""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterator
from contextlib import AbstractContextManager
from typing import Any

import pytest

from orchestrator import OutreachOrchestrator, OutreachStatus, errors
from orchestrator.domain import consent, free_mail
from orchestrator.domain.campaign import OutreachCampaign
from orchestrator.repository import OutreachRepository
from orchestrator.services.gates import compliance
from orchestrator.services.gates.compliance import is_live
from orchestrator.services.gates.situation import Effect
from orchestrator.services.gates.why import Trace
from orchestrator.services.upkeep.doctor import Level
from orchestrator.transports.fake import FakeTransport
from tests.samples import MEMO_URL, SCORE, TENANT, facade, item, property_record

Sending = tuple[OutreachOrchestrator, FakeTransport]
REAL_KEY = f"SG.{'a' * 22}.{'b' * 43}"
LAWFUL = {"company_name": "Sample Realty, Inc.", "postal_address": "1 Main Street, Dayton, OH 45402"}
EU = tuple(re.findall("..", "ATBEBGCYCZDEDKEEESFIFRGRHRHUIEITLTLULVMTNLPLPTROSESISK"))


@pytest.fixture(autouse=True)
def nothing_was_said_yet() -> Iterator[None]:
    compliance.warned_of.cache_clear()
    yield
    compliance.warned_of.cache_clear()


@pytest.fixture
def sandboxed(repository: OutreachRepository) -> Iterator[Sending]:
    with facade(repository) as both:
        yield both


def live(repository: OutreachRepository, **settings: Any) -> AbstractContextManager[Sending]:
    """An installation with a real key; its mails go nowhere all the same."""
    return facade(repository, sendgrid_api_key=REAL_KEY, **settings)


def create(orchestrator: OutreachOrchestrator, email: str = "owner@owners.test", **more: Any) -> OutreachCampaign:
    return orchestrator.create_campaign(TENANT, property_record(email), SCORE, MEMO_URL, **more)


def now(orchestrator: OutreachOrchestrator, campaign: OutreachCampaign) -> OutreachCampaign:
    found = orchestrator.get_campaign(campaign.id, TENANT)
    assert found is not None
    return found


def closed(trace: Trace) -> dict[str, str]:
    return {verdict.gate: verdict.words for verdict in trace.gates if not verdict.open}


# ------------------------------------------------------------------------------------------------------ live or sandbox


@pytest.mark.parametrize(
    ("url", "key", "expected"),
    [
        ("https://api.sendgrid.com", REAL_KEY, True),
        ("https://api.sendgrid.com", "SG.your-api-key", True),
        ("https://api.eu.sendgrid.com", "SG.x", True),
        ("https://api.sendgrid.com", None, True),
        ("https://mail-gateway.example.com/api", "SG.x", True),
        ("http://10.0.0.5:8025", "SG.x", True),
        ("http://127.0.0.1:8025", REAL_KEY, True),
        ("http://localhost.example.com", "SG.x", True),
        ("http://127.0.0.1.example.com", "SG.x", True),
        ("http://localhost@api.sendgrid.com", "SG.x", True),
        ("http://[", "SG.x", True),
        ("http://127.0.0.1:8025", "SG.x", False),
        ("http://127.8.9.10", "SG.x", False),
        ("http://[::1]:8025", "SG.x", False),
        ("http://localhost:8025", "SG.x", False),
        ("http://sandbox.localhost:8025", "SG.x", False),
        ("http://LOCALHOST", "SG.x", False),
        ("http://sandbox:8025", "SG.sandbox.any-key-that-begins-like-this", False),
        ("https://api.sendgrid.com", " SG.sandbox.key\n", False),
    ],
)
def test_live_is_what_a_real_key_can_do(url: str, key: str | None, expected: bool) -> None:
    assert is_live(url, key) is expected


@pytest.mark.parametrize(
    ("address", "provider"),
    [
        ("me@gmail.com", "gmail.com"),
        ("me@GMail.com ", "gmail.com"),
        ("me@googlemail.com.", "googlemail.com"),
        ("me@sub.yahoo.co.uk", "yahoo.co.uk"),
        ("me@outlook.com", "outlook.com"),
        ("me@acme-realty.com", None),
        ("me@notgmail.com", None),
        ("me@gmail.com.acme.com", None),
        ("gmail.com@acme.com", None),
        ("", None),
    ],
)
def test_mailbox_providers_are_known_by_their_domains(address: str, provider: str | None) -> None:
    assert free_mail.provider_of(address) == provider


# -------------------------------------------------------------------------------------------- what the sender must have

SHORT: list[tuple[dict[str, str], list[str]]] = [
    ({}, ["OUTREACH_POSTAL_ADDRESS", "OUTREACH_COMPANY_NAME"]),
    ({"company_name": "Sample"}, ["OUTREACH_POSTAL_ADDRESS"]),
    ({"postal_address": "1 Main Street"}, ["OUTREACH_COMPANY_NAME"]),
    ({"postal_address": "  ", "company_name": "Sample"}, ["OUTREACH_POSTAL_ADDRESS"]),
    ({**LAWFUL, "from_email": "acme.realty@gmail.com"}, ["SENDGRID_FROM_EMAIL"]),
]


@pytest.mark.parametrize(("settings", "named"), SHORT)
def test_nothing_leaves_by_itself_while_something_is_missing(
    repository: OutreachRepository, settings: dict[str, str], named: list[str]
) -> None:
    with live(repository, **settings) as (orchestrator, transport):
        campaign = create(orchestrator)
        with pytest.raises(errors.ComplianceError, match="Nothing is sent") as refused:
            orchestrator.send_due()
        fix = refused.value.fix or ""
        assert [word for word in fix.split() if word.isupper() and "_" in word] == named
        assert transport.sent == []
        assert now(orchestrator, campaign) == campaign
        gate = closed(orchestrator.operations.why(campaign.id, TENANT))
        assert list(gate) == ["compliance"]
        (finding,) = (f for f in orchestrator.operations.doctor().findings if f.name == "compliance")
        assert (finding.level, finding.fix) == (Level.PERSON, fix)


def test_a_lawful_sender_sends(repository: OutreachRepository) -> None:
    with live(repository, **LAWFUL) as (orchestrator, transport), warnings.catch_warnings():
        warnings.simplefilter("error")
        first, _ = create(orchestrator), create(orchestrator, "other@owners.test")
        assert orchestrator.send_campaign(first.id, TENANT)["status"] == "sent"
        assert orchestrator.send_due() == {"sent": 1}
        assert len(transport.sent) == 2
        (finding,) = (f for f in orchestrator.operations.doctor().findings if f.name == "compliance")
        assert finding.level is Level.OK


def test_an_explicit_send_goes_out_with_one_warning_in_the_life_of_the_process(repository: OutreachRepository) -> None:
    with live(repository) as (orchestrator, transport):
        campaigns = [create(orchestrator, f"owner{n}@owners.test") for n in range(3)]
        with pytest.warns(errors.ComplianceWarning) as said:
            assert orchestrator.send_campaign(campaigns[0].id, TENANT)["status"] == "sent"
        (warning,) = said
        assert "OUTREACH_POSTAL_ADDRESS" in str(warning.message)
        assert "OUTREACH_COMPANY_NAME" in str(warning.message)
        assert warning.filename == __file__
    with live(repository) as (orchestrator, again), warnings.catch_warnings():
        warnings.simplefilter("error")
        assert orchestrator.send_campaign(campaigns[1].id, TENANT)["status"] == "sent"
    another_cause = pytest.warns(errors.ComplianceWarning, match="postal address")
    with live(repository, company_name="Sample") as (orchestrator, other), another_cause:
        orchestrator.send_campaign(campaigns[2].id, TENANT)
    assert len(transport.sent) == len(again.sent) == len(other.sent) == 1


def test_a_sandbox_is_asked_for_nothing(repository: OutreachRepository) -> None:
    with facade(repository, from_email="me@gmail.com") as (orchestrator, transport):
        create(orchestrator)
        assert orchestrator.send_due() == {"sent": 1}
        assert len(transport.sent) == 1
        (finding,) = (f for f in orchestrator.operations.doctor().findings if f.name == "compliance")
        assert finding.level is Level.NOTE


def test_the_doctor_states_what_sendgrid_wants(sandboxed: Sending) -> None:
    orchestrator, _ = sandboxed
    (finding,) = (f for f in orchestrator.operations.doctor().findings if f.name == "consent")
    assert "SendGrid wants affirmative consent" in finding.detail


# -------------------------------------------------------------------------------------------------------------- consent


@pytest.mark.parametrize("country", ["CA", "GB", "UK", "CH", "IS", "LI", "NO", "de", "Canada", *EU])
def test_a_recipient_whose_law_wants_consent_is_held_without_a_basis(sandboxed: Sending, country: str) -> None:
    orchestrator, transport = sandboxed
    campaign = create(orchestrator, country=country)
    assert orchestrator.send_due() == {"held": 1}
    held = now(orchestrator, campaign)
    assert (held.status, held.next_send_at) == (OutreachStatus.SCHEDULED, None)
    assert (held.hold_reason or "").startswith(consent.HELD)
    assert "outreach campaign consent" in (held.hold_reason or "")
    assert transport.sent == []


@pytest.mark.parametrize("country", [None, "US", "usa", "MX", "AU", "JP", "PR"])
def test_other_recipients_are_sent(sandboxed: Sending, country: str | None) -> None:
    orchestrator, _ = sandboxed
    create(orchestrator, country=country)
    assert orchestrator.send_due() == {"sent": 1}


def test_california_is_not_canada(sandboxed: Sending) -> None:
    orchestrator, _ = sandboxed
    record = property_record()
    record["address"]["state"] = "CA"
    record["address"]["country"] = "CA"  # of the property, whoever its owner is
    orchestrator.create_campaign(TENANT, record, SCORE, MEMO_URL)
    assert orchestrator.send_due() == {"sent": 1}


@pytest.mark.parametrize("basis", [basis for basis in consent.ConsentBasis if basis != "none_cold"])
def test_with_a_basis_they_are_sent(sandboxed: Sending, basis: str) -> None:
    orchestrator, _ = sandboxed
    campaign = create(orchestrator, country="CA", consent_basis=basis.upper(), consent_source=" form of\n2026 ")
    assert (campaign.country, campaign.consent_basis, campaign.consent_source) == ("CA", basis, "form of 2026")
    assert orchestrator.send_due() == {"sent": 1}


def test_knowing_that_there_is_none_is_no_basis(sandboxed: Sending) -> None:
    orchestrator, _ = sandboxed
    campaign = create(orchestrator, country="CA", consent_basis="none_cold")
    assert orchestrator.send_due() == {"held": 1}
    assert "none_cold" in (now(orchestrator, campaign).hold_reason or "")


def test_recording_a_basis_ends_the_hold_and_releasing_does_not(sandboxed: Sending) -> None:
    orchestrator, _ = sandboxed
    campaign = create(orchestrator, country="FR", batch="november")
    orchestrator.send_due()
    with pytest.raises(errors.InvalidState, match="no basis for it is recorded") as refused:
        orchestrator.release_campaign(campaign.id, TENANT)
    assert "outreach campaign consent" in (refused.value.fix or "")
    orchestrator.operations.release_batch(TENANT, "november")
    assert now(orchestrator, campaign).hold_reason is not None
    orchestrator.update_campaign(campaign.id, TENANT, consent_source="said on the phone")
    assert now(orchestrator, campaign).hold_reason is not None
    updated = orchestrator.update_campaign(campaign.id, TENANT, consent_basis="inquiry")
    assert (updated.hold_reason, updated.consent_source) == (None, "said on the phone")
    assert orchestrator.send_due() == {"sent": 1}


def test_another_country_ends_the_hold_too_and_a_persons_hold_stays(sandboxed: Sending) -> None:
    orchestrator, _ = sandboxed
    moved, held = create(orchestrator, country="CA"), create(orchestrator, country="CA")
    orchestrator.send_due()
    orchestrator.hold_campaign(held.id, TENANT, "read it first")
    assert orchestrator.update_campaign(moved.id, TENANT, country="US").hold_reason is None
    assert orchestrator.update_campaign(held.id, TENANT, consent_basis="express").hold_reason == "read it first"


def test_an_explicit_send_is_a_persons_decision(sandboxed: Sending) -> None:
    orchestrator, _ = sandboxed
    campaign = create(orchestrator, country="CA")
    assert orchestrator.send_campaign(campaign.id, TENANT)["status"] == "sent"


def test_the_record_says_where_the_owner_lives_unless_the_item_does(sandboxed: Sending) -> None:
    orchestrator, _ = sandboxed

    def made(country: Any, /, **more: Any) -> str | None:
        record = property_record()
        record["owner"]["country"] = country
        return orchestrator.create_campaign(TENANT, record, SCORE, MEMO_URL, **more).country

    assert made("ca") == "CA"
    assert made("CA", country="US") == "US"
    assert made("", country=" ") is None
    assert made(None) is None
    for wrong in ("Freedonia", "XX", 7, ["CA"], "C" * 10_000):
        with pytest.raises(errors.ValidationError) as refused:
            made(wrong)
        assert refused.value.field == "property_record.owner.country"


@pytest.mark.parametrize(
    ("field", "wrong"),
    [
        ("country", "Atlantis"), ("country", 1), ("consent_basis", "maybe"), ("consent_basis", 1),
        ("consent_source", 1), ("consent_source", "x" * 201), ("greeting", ""), ("greeting", ["Hello"]),
    ],
)  # fmt: skip
def test_what_is_none_of_these_is_refused_with_its_name(sandboxed: Sending, field: str, wrong: Any) -> None:
    orchestrator, _ = sandboxed
    (result,) = orchestrator.create_campaigns(TENANT, [item(**{field: wrong})])
    assert isinstance(result.error, errors.ValidationError)
    assert result.error.field == field
    campaign = create(orchestrator)
    with pytest.raises(errors.ValidationError, match=field):
        orchestrator.update_campaign(campaign.id, TENANT, **{field: wrong})
    assert now(orchestrator, campaign) == campaign


def test_why_names_the_missing_consent(sandboxed: Sending) -> None:
    orchestrator, _ = sandboxed
    trace = orchestrator.operations.why(create(orchestrator, country="IE").id, TENANT)
    (gate,) = (verdict for verdict in trace.gates if not verdict.open)
    assert (gate.gate, gate.effect) == ("consent", Effect.HELD)
    assert "in IE" in gate.words
    assert (trace.leaves, trace.leaves_at) == (False, None)


# ----------------------------------------------------------------------------------------------- greetings, and estates


def named(orchestrator: OutreachOrchestrator, name: str, id_: str | None = None, **more: Any) -> OutreachCampaign:
    record = property_record(id_=id_)
    record["owner"]["name"] = name
    record["owner"] |= more.pop("owner", {})
    return orchestrator.create_campaign(TENANT, record, SCORE, MEMO_URL, **more)


def test_a_mail_to_an_estate_waits_for_a_person(sandboxed: Sending) -> None:
    orchestrator, transport = sandboxed
    campaign = named(orchestrator, "SMITH JOHN EST OF")
    assert campaign.next_send_at is None
    assert (campaign.hold_reason or "").startswith("estate: “SMITH JOHN EST OF”")
    assert orchestrator.send_due() == {}
    orchestrator.release_campaign(campaign.id, TENANT)
    assert orchestrator.send_due() == {"sent": 1}
    assert "Hello,\n" in transport.sent[0].text


def test_a_corrected_name_ends_or_begins_the_hold(sandboxed: Sending) -> None:
    orchestrator, _ = sandboxed
    campaign = named(orchestrator, "HEIRS OF JOHN SMITH")
    record = property_record(id_=campaign.property_id)
    record["owner"]["name"] = "SMITH MARY"
    updated = orchestrator.update_campaign(campaign.id, TENANT, property_record=record)
    assert (updated.hold_reason, updated.next_send_at is not None) == (None, True)
    record["owner"]["name"] = "ESTATE OF MARY SMITH"
    updated = orchestrator.update_campaign(campaign.id, TENANT, property_record=record)
    assert (updated.hold_reason or "").startswith("estate: ")
    orchestrator.release_campaign(campaign.id, TENANT)
    assert orchestrator.update_campaign(campaign.id, TENANT, batch="again").hold_reason is None


def test_a_greeting_of_ones_own_survives_another_import(sandboxed: Sending) -> None:
    orchestrator, transport = sandboxed
    campaign = named(orchestrator, "NGUYEN THI MAI", greeting="Good morning Ms. Nguyen,")
    again = named(orchestrator, "NGUYEN THI MAI", campaign.property_id)
    assert (again.id, again.greeting) == (campaign.id, "Good morning Ms. Nguyen,")
    trace = orchestrator.operations.why(campaign.id, TENANT)
    assert (trace.greeting.text, trace.greeting.reason) == (
        "Good morning Ms. Nguyen,",
        "it was given for this campaign",
    )
    orchestrator.send_due()
    assert "Good morning Ms. Nguyen,\n" in transport.sent[0].text


@pytest.mark.parametrize(("declared", "said"), [("LF", "Hello Bruce,"), ("fl", "Hello Lee,"), (None, "Hello,")])
def test_the_declared_order_of_names_decides(sandboxed: Sending, declared: str | None, said: str) -> None:
    orchestrator, transport = sandboxed
    campaign = named(orchestrator, "LEE BRUCE", owner={"name_format": declared})
    assert orchestrator.operations.why(campaign.id, TENANT).greeting.text == said
    orchestrator.send_due()
    assert f"{said}\n" in transport.sent[0].text


@pytest.mark.parametrize("wrong", ["surname first", 1, ["LF"]])
def test_an_order_that_is_none_is_refused(sandboxed: Sending, wrong: Any) -> None:
    orchestrator, _ = sandboxed
    with pytest.raises(errors.ValidationError, match=r"property_record\.owner\.name_format"):
        named(orchestrator, "LEE BRUCE", owner={"name_format": wrong})
