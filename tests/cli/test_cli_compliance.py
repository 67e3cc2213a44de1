"""At a terminal: a live sender that lacks what the law wants, consent, imports, and why a mail waits."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.conftest import Run, create, finished

HEADER = (
    "property_id,owner_name,owner_name_format,owner_email,line1,score,memo_url,greeting,country"
    ",consent_basis,consent_source"
)
ID = "5f3c2f0e-8a51-4f0a-9a86-6a3d8c1e7b1"


@pytest.fixture
def live(monkeypatch: pytest.MonkeyPatch) -> None:
    """A key that looks like one of SendGrid's, and a sender; nothing listens where mail would go."""
    monkeypatch.setenv("SENDGRID_API_KEY", f"SG.{'a' * 22}.{'b' * 43}")
    monkeypatch.setenv("SENDGRID_FROM_EMAIL", "acme@gmail.com")
    monkeypatch.setenv("OUTREACH_SENDGRID_URL", "http://127.0.0.1:9")


@pytest.mark.parametrize(
    "command", [("worker",), ("worker", "--once"), ("serve", "--with-worker", "--port", "0"), ("send", "CAMPAIGN")]
)
def test_a_live_sender_that_lacks_something_sends_nothing(
    sqlite_database: Path, live: None, command: tuple[str, ...]
) -> None:
    (campaign,) = create(1)
    told = finished(*(campaign if word == "CAMPAIGN" else word for word in command))
    assert (told.code, told.out) == (3, "")
    assert "Nothing is sent: there is no postal address" in told.words
    assert "the sender address is at gmail.com" in told.words
    for variable in ("OUTREACH_POSTAL_ADDRESS", "OUTREACH_COMPANY_NAME", "SENDGRID_FROM_EMAIL"):
        assert f"Set {variable} to" in told.words


def test_the_doctor_and_why_say_it_before(cli: Run, sqlite_database: Path, live: None) -> None:
    (campaign,) = create(1)
    examined = cli("doctor")
    assert examined.code == 8
    assert "→ compliance: Set OUTREACH_POSTAL_ADDRESS" in examined.words
    assert "SendGrid wants affirmative consent" in examined.out
    asked = cli("why", campaign)
    assert "compliance\tclosed\tthere is no postal address" in asked.out
    assert "It does not leave now: there is no postal address" in asked.words


def test_a_consent_is_recorded(cli: Run, sqlite_database: Path) -> None:
    (campaign,) = create(1)
    recorded = cli("campaign", "consent", campaign, "--basis", "none_cold", "--country", "ca", "--json")
    assert recorded.json["hold_reason"] is None
    document = cli("why", campaign, "--json").json
    (closed,) = (gate for gate in document["gates"] if not gate["open"])
    assert (closed["gate"], closed["effect"], document["leaves"], document["leaves_at"]) == (
        "consent",
        "held",
        False,
        None,
    )
    assert cli("campaign", "consent", campaign, "--basis", "maybe").code == 2
    assert cli("campaign", "consent", campaign, "--basis", "express", "--source", "form of 2026-05-01").code == 0
    document = cli("why", campaign, "--json").json
    assert document["leaves"] is True
    assert document["greeting"] == {"text": "Hello John,", "reason": "“John” is the given name in “SMITH, JOHN”"}
    shown = cli("campaign", "show", campaign, "--json").json
    assert (shown["country"], shown["consent_basis"], shown["consent_source"]) == (
        "CA",
        "express",
        "form of 2026-05-01",
    )


def test_an_import_says_how_to_greet_and_what_was_agreed_to(cli: Run, sqlite_database: Path) -> None:
    memo = "https://memo.test/m.pdf"
    rows = [
        f"{ID}1,LEE BRUCE,LF,a@owners.test,1 Maple Street,80,{memo},,,,",
        f"{ID}2,LEE BRUCE,,b@owners.test,2 Maple Street,80,{memo},Good morning Bruce,CA,express,form of May",
        f"{ID}3,SMITH JOHN EST,,c@owners.test,3 Maple Street,80,{memo},,,,",
        f"{ID}4,LEE BRUCE,XX,d@owners.test,4 Maple Street,80,{memo},,,,",
        f"{ID}5,LEE BRUCE,,e@owners.test,5 Maple Street,80,{memo},,Freedonia,,",
        f"{ID}6,LEE BRUCE,,f@owners.test,6 Maple Street,80,{memo},,,cold,",
    ]
    Path("owners.csv").write_text("\n".join([HEADER, *rows]))
    told = cli("import", "owners.csv", "--errors", "rejects.csv", "--json")
    assert (told.code, told.json["added"], told.json["rejected"]) == (6, 3, 3)
    rejects = Path("rejects.csv").read_text()
    for field in ("owner.name_format", "country", "consent_basis"):
        assert field in rejects
    third, second, first = cli("campaign", "list", "--json").json
    assert [cli("why", each["id"], "--json").json["greeting"]["text"] for each in (first, second, third)] == [
        "Hello Bruce,",
        "Good morning Bruce",
        "Hello,",
    ]
    assert third["hold_reason"].startswith("estate: ")
