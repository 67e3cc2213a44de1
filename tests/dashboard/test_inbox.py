"""The sandbox's inbox: what its buttons do arrives by HTTP, and the strip tells what that changed, and nothing else."""

from __future__ import annotations

import re
from collections.abc import Iterator
from email import message_from_bytes, policy
from itertools import pairwise

import pytest
import sqlalchemy as sa

from orchestrator.dashboard import envelope, strip
from orchestrator.domain.message import Accepted, Outcome, Rejected
from orchestrator.repository import OutreachRepository, tables
from tests.dashboard.conftest import Desktop
from tests.dashboard.sandboxed import Room, room, until
from tests.dashboard.test_forms import HOSTILE
from tests.samples import OTHER_TENANT, TENANT, facade, item, property_record


@pytest.fixture
def here(repository: OutreachRepository) -> Iterator[Room]:
    with room(repository) as opened:
        yield opened


def _status(here: Room, mail: str) -> str:
    return str(here.campaign(mail).status)


def test_a_mail_is_not_shown_before_it_is_opened_and_opening_it_is_counted(here: Room):
    mail = here.send()
    shown = here.desktop.get(f"inbox?mail={mail}")
    assert "Nobody has opened this mail yet" in shown.text
    assert "<iframe" not in shown.text
    assert here.desktop.get(f"inbox/mails/{mail}/frame").status_code == 403
    assert here.campaign(mail).opened_at is None
    opened = here.act("open", mail)
    assert "<iframe" in opened.text
    assert ("You opened it", {"Human opens": "0 → 1", "Status": "delivered → opened"}) in here.strip(mail)
    assert _status(here, mail) == "opened"


def test_who_peeks_is_not_counted_and_finds_no_live_link(here: Room):
    mail = here.send()
    assert "frame?peek=1" in here.desktop.get(f"inbox?mail={mail}&peek=1").text
    framed = here.desktop.get(f"inbox/mails/{mail}/frame?peek=1")
    assert framed.headers["content-security-policy"].startswith("sandbox; default-src 'none'")
    assert "/click?" not in framed.text
    assert here.campaign(mail).opened_at is None


def test_a_tracked_link_counts_and_leads_to_the_landing_page(here: Room):
    mail = here.send()
    here.act("open", mail)
    framed = here.desktop.get(f"inbox/mails/{mail}/frame")
    policy = framed.headers["content-security-policy"]
    assert policy.startswith("sandbox allow-popups allow-popups-to-escape-sandbox; default-src 'none'")
    assert "script" not in policy
    (link,) = set(re.findall(r'href="([^"]+/click\?link=\d+)"', framed.text))
    landed = here.desktop.get(link)
    assert "/landing" in str(landed.url)
    assert "You were counted." in landed.text
    assert "https://memo.example.com/114-maple-street.pdf" in landed.text
    assert ("You clicked a link", {"Clicks": "0 → 1", "Status": "opened → clicked"}) in here.strip(mail)
    assert _status(here, mail) == "clicked"


@pytest.mark.parametrize(
    ("html", "expected"),
    [
        ("<!DOCTYPE html><html><head><title>x", '<!DOCTYPE html><html><head><base target="_blank"><title>x'),
        ("<html><HEAD lang=en><p>x", '<html><HEAD lang=en><base target="_blank"><p>x'),
        ("<!doctype html><p>x", '<!doctype html><base target="_blank"><p>x'),
        ("<p>x", '<base target="_blank"><p>x'),
        ("<header>x", '<base target="_blank"><header>x'),
    ],
)
def test_links_open_in_new_tabs_whatever_the_mail_looks_like(html: str, expected: str):
    assert envelope.in_new_tabs(html) == expected


def test_an_answer_travels_through_inbound_mail(here: Room):
    mail = here.send()
    told = here.act("reply", mail, text="Yes, Saturday works!", client="outlook")
    assert "Your answer was sent" in told.text
    assert ("You replied", {"Replies": "0 → 1", "Status": "delivered → responded"}) in here.strip(mail)
    assert here.campaign(mail).response_text == "Yes, Saturday works!"
    shown = here.desktop.get(f"inbox?mail={mail}").text
    assert "<code>inbound mail</code>" in shown


@pytest.mark.parametrize(
    ("act", "cause", "changed", "status"),
    [
        ("one_click", "You opted out with one click", {"Opt-outs": "0 → 1"}, "unsubscribed"),
        ("mailto_opt_out", "You opted out by mail", {"Opt-outs": "0 → 1"}, "unsubscribed"),
        ("out_of_office", "An automatic answer was sent", {"Automatic answers": "0 → 1"}, "delivered"),
        ("machine_open", "A machine opened it", {"Machine opens": "0 → 1"}, "delivered"),
        ("defer", "Put off by the mailbox", {"Deferrals": "0 → 1"}, "delivered"),
        ("bounce", "It bounced", {"Bounces": "0 → 1"}, "bounced"),
        ("spam", "Reported as spam", {"Spam reports": "0 → 1"}, "complained"),
    ],
)
def test_every_act_is_told_with_what_it_changed(here: Room, act: str, cause: str, changed: dict[str, str], status: str):
    mail = here.send()
    here.act("do", mail, what=act)
    assert until(lambda: dict(here.strip(mail)).get(cause, {}) != {})
    assert changed.items() <= dict(here.strip(mail))[cause].items()
    assert _status(here, mail) == status


def test_a_mail_that_never_arrived_cannot_be_opened(here: Room):
    campaign = here.product.create_campaign(TENANT, **item("block.one@owners.test")).id
    assert until(lambda: "blocked" in here.desktop.get("inbox").text)
    shown = here.desktop.get("inbox").text
    assert "This mail has not arrived" in shown
    assert "Nobody has opened this mail yet" not in shown
    assert "Reply as the owner" not in shown
    assert here.mailbox.counts(TENANT).unread == 0
    assert here.product.get_campaign(campaign, TENANT) is not None


def test_a_machines_open_says_that_it_moves_nothing(here: Room):
    mail = here.send()
    here.act("do", mail, what="machine_open")
    assert dict(here.strip(mail))["A machine opened it"]["Human opens"] == "0, unchanged"


def test_the_strip_ends_where_the_product_stands(here: Room):
    mail = here.send()
    for act, fields in (("open", {}), ("do", {"what": "scanner"}), ("reply", {"text": "No, thank you."})):
        here.act(act, mail, **fields)
    changes = [how for _, changed in here.strip(mail) for what, how in changed.items() if what == "Status"]
    assert changes[0].startswith("scheduled → ")
    assert changes[-1].endswith(f"→ {_status(here, mail)}")
    ends = [(how.split(" → ")[0], how.split(" → ")[1]) for how in changes]
    assert all(before[1] == after[0] for before, after in pairwise(ends))


def test_the_strip_shows_what_was_refused_and_what_came_twice(here: Room):
    mail = here.send()
    here.sandbox.faults.set(bad_signature=1.0)
    shown = here.act("open", mail).text
    assert "not taken" in shown
    assert "Not taken in yet. The provider tries again." in shown
    here.sandbox.faults.set(bad_signature=0.0, duplicate_new_id=1.0)
    here.sandbox.settle(60)
    assert dict(here.strip(mail))["You opened it"]["Human opens"] == "0 → 1"


def test_the_three_steps_turn_into_what_comes_next(here: Room):
    mail = here.send()
    assert "0 of 3" in here.desktop.get(f"inbox?mail={mail}").text
    assert "1 of 3" in here.act("open", mail).text
    (link,) = set(re.findall(r'href="([^"]+/click\?link=\d+)"', here.desktop.get(f"inbox/mails/{mail}/frame").text))
    here.desktop.get(link)
    assert "2 of 3" in here.desktop.get(f"inbox?mail={mail}").text
    done = here.act("reply", mail, text="Yes").text
    assert "That was the real pipeline" in done
    assert "Next: opt out" in done


def test_unread_mail_comes_first_to_the_eye_and_can_be_searched(here: Room):
    mails = [here.send(f"delivered.{name}@owners.test") for name in ("ann", "bob", "cem")]
    assert "Sandbox inbox (3)" in here.desktop.get("inbox").text
    here.act("open", mails[0])
    shown = here.desktop.get("inbox?only=unread").text
    assert "2 unread" in shown
    assert len(re.findall("data-row", shown)) == 2
    found = here.desktop.get("inbox?q=BOB").text
    assert len(re.findall("data-row", found)) == 1
    assert "No mail is like that" in here.desktop.get("inbox?q=nobody").text
    here.act("every", what="machine_open")
    assert here.sandbox.settle(60)["settled"]
    assert [here.campaign(mail).machine_opened_at is not None for mail in mails] == [False, True, True]


def test_long_lists_are_read_page_by_page(here: Room):
    ids = [here.product.create_campaign(TENANT, **item(f"delivered.o{number}@owners.test")).id for number in range(55)]
    assert until(lambda: here.mailbox.counts(TENANT)[0] == len(ids))
    seen, page = list[str](), "inbox"
    while page:
        shown = here.desktop.get(page).text
        seen += re.findall(r'<li data-row><a href="[^"]*mail=([^"&]+)', shown)
        older = re.search(r'href="([^"]+)">Older<', shown)
        page = older[1].replace("&amp;", "&") if older else ""
    assert len(seen) == len(set(seen)) == 55


def test_made_up_owners_behave_as_owners_do_and_are_told_apart(here: Room):
    mine = here.send()
    told = here.act("simulate", owners="60", seed="3")
    assert "60 made-up owners are being written to" in told.text
    assert until(lambda: here.product.get_funnel(TENANT).counts["sent"] == 61)
    assert here.sandbox.settle(30)["settled"]
    counts = here.product.get_funnel(TENANT).counts
    assert counts["opened"] > 5
    truth = here.sandbox.truth()
    assert counts["delivered"] + counts["bounced"] + counts["undelivered"] == counts["sent"] == truth["accepted"]
    assert "simulated" in here.desktop.get("inbox").text
    assert here.mailbox.counts(TENANT) == (61, 1, 60)
    assert "Figures include 60 simulated owners." in here.desktop.get().text
    assert here.campaign(mine).opened_at is None
    assert "the same seed means the same owners" in here.act("simulate", owners="60", seed="3").text


def test_what_goes_wrong_is_set_in_percent_and_taken_back(here: Room):
    here.act("misbehave", error_429="25", latency_ms="50", reorder="10")
    faults = here.sandbox.faults.as_dict()
    assert (faults["error_429"], faults["latency_ms"], faults["reorder"], faults["delay"]) == (0.25, 50, 0.1, 0)
    shown = here.desktop.get("inbox").text
    assert "25 %" in shown
    here.act("behave")
    assert not here.sandbox.faults.active


def test_nonsense_is_refused_in_words_and_does_nothing(here: Room):
    mail = here.send()
    for fields in (
        {"act": "fly"},
        {"act": "do", "what": "explode"},
        {"act": "reply", "text": "  "},
        {"act": "reply", "text": "yes", "client": "telepathy"},
        {"act": "simulate", "owners": "many", "seed": "7"},
        {"act": "simulate", "owners": "999999", "seed": "7"},
        {"act": "misbehave", "error_429": "101"},
    ):
        answer = here.act(mail=mail, **fields)
        assert answer.status_code == 400, fields
        assert "<h1>" in answer.text
    assert here.desktop.get("inbox?mail=nothing").status_code == 404
    assert here.desktop.get(f"inbox/mails/{mail}/click?link=99").status_code == 404
    assert _status(here, mail) == "delivered"


def test_whatever_is_sent_to_it_is_answered_with_a_page_and_an_answer_that_comes_twice_is_sent_once(here: Room):
    mail = here.send()
    csrf = re.search(r'name="csrf" value="([^"]+)"', here.desktop.get("inbox").text)
    assert csrf is not None
    post, kind = here.desktop.client.post, {"content-type": "application/x-www-form-urlencoded"}
    once = {"csrf": csrf[1], "act": "reply", "mail": mail, "text": "Yes, Saturday works!", "client": "gmail"}
    assert [post(f"/t/{TENANT}/inbox", data=once).status_code for _ in range(3)] == [200, 200, 200]
    assert until(lambda: "You replied" in dict(here.strip(mail)))
    assert [title for title, _ in here.strip(mail)].count("You replied") == 1
    for act in ("open", "reply", "do", "every", "simulate", "misbehave", "behave"):
        for what, changed in HOSTILE.items():
            fields = {
                name: changed("x") for name in ("mail", "what", "text", "client", "owners", "seed", "error_429", "q")
            }
            body = "&".join(f"{name}={value}" for name, value in ({"csrf": csrf[1], "act": act} | fields).items())
            answer = post(f"/t/{TENANT}/inbox", content=body, headers=kind)
            assert (answer.status_code < 500, "<h1" in answer.text) == (True, True), (act, what)


def test_another_tenants_mail_is_not_there(here: Room):
    mail = here.send()
    other = here.desktop.client
    assert other.get(f"/t/{OTHER_TENANT}/inbox?mail={mail}").status_code == 404
    assert other.get(f"/t/{OTHER_TENANT}/inbox/mails/{mail}/frame?peek=1").status_code == 404
    assert "There is no mail" in other.get(f"/t/{OTHER_TENANT}/inbox").text


def test_strangers_text_stays_text(here: Room):
    evil = '"><script>alert(1)</script><img src=x onerror=alert(1)>'
    record = property_record("delivered.evil@owners.test")
    record["owner"]["name"] = evil
    mail = here.send(property_record=record)
    here.act("open", mail)
    here.act("reply", mail, text=evil)
    for show in ("html", "text", "headers", "raw", "events"):
        shown = here.desktop.get(f"inbox?mail={mail}&show={show}").text
        assert "<script>alert" not in shown
        assert "<img src=x" not in shown
        assert not re.search(r'\s(?:style|on\w+)="', shown), show


def test_a_test_mail_arrives_marked_and_nothing_that_is_done_to_it_moves_anything(here: Room):
    real = here.send()
    before = (
        here.campaign(real),
        here.product.get_statistics(TENANT),
        here.product.get_events(_id(here, real), TENANT),
    )
    sent = here.product.operations.send_test(TENANT, "ann@sender.test", campaign_id=_id(here, real))
    assert until(lambda: here.product.desk.test_mails(TENANT)[0].reported == "delivered")
    (mail,) = (m.id for m in here.sandbox.messages() if m.custom_args["outreach_message_id"] == sent.id)
    shown = here.desktop.get(f"inbox?mail={mail}").text
    assert "[Test] Our memo on 114 Maple Street" in shown
    assert "· test mail" in shown
    assert "This is a test mail" in shown
    here.act("open", mail)
    (link,) = set(re.findall(r'href="([^"]+/click\?link=\d+)"', here.desktop.get(f"inbox/mails/{mail}/frame").text))
    here.desktop.get(link)
    here.act("reply", mail, text="unsubscribe me")
    for what in ("one_click", "mailto_opt_out", "out_of_office", "spam", "bounce"):
        here.act("do", mail, what=what)
    assert here.sandbox.settle(60)["settled"]
    done = {deed.kind: deed.outcome for deed in here.sandbox.deeds.kept(mail)}
    assert done == {"reply": "sent", "one_click": "done", "mailto_opt_out": "sent", "out_of_office": "sent"}
    after = (here.campaign(real), here.product.get_statistics(TENANT), here.product.get_events(_id(here, real), TENANT))
    assert after == before
    with here.product.services.read() as tx:
        counts = [
            tx.execute(sa.select(sa.func.count()).select_from(table)).scalar()
            for table in (tables.replies, tables.unmatched_events, tables.suppressions)
        ]
    assert counts == [0, 0, 0]


def _id(here: Room, mail: str) -> str:
    return here.campaign(mail).id


def test_without_a_sandbox_there_is_no_inbox(browser: Desktop):
    answer = browser.get("inbox")
    assert answer.status_code == 404
    assert "outreach demo" in answer.text
    assert "Sandbox inbox" not in browser.get().text


def test_a_mail_is_seen_as_on_a_dark_system(here: Room):
    mail = here.send()
    here.act("open", mail)
    assert "show=dark" in here.desktop.get(f"inbox?mail={mail}&show=dark").text
    framed = here.desktop.get(f"inbox/mails/{mail}/frame?show=dark")
    assert "prefers-color-scheme" not in framed.text
    assert "@media all" in framed.text
    assert "prefers-color-scheme: dark" in here.desktop.get(f"inbox/mails/{mail}/frame?show=html").text


def test_a_mail_is_taken_along_as_a_file_that_mail_programs_read(here: Room):
    record = property_record("delivered.evil@owners.test")
    record["owner"]["name"] = 'Ann "Eve" <x@y>, \r\nBcc: all@owners.test'
    mail = here.send(property_record=record)
    answer = here.desktop.get(f"inbox/mails/{mail}/mail.eml")
    assert answer.headers["content-type"] == "message/rfc822"
    assert re.fullmatch(r'attachment; filename="mail-\d+\.eml"', answer.headers["content-disposition"])
    read = message_from_bytes(answer.content, policy=policy.default)
    assert "delivered.evil@owners.test" in read["To"]
    assert read["Bcc"] is None
    assert read["List-Unsubscribe"].strip().startswith("<http")
    text, page = read.get_body(("plain",)), read.get_body(("html",))
    assert text is not None
    assert page is not None
    assert "unsubscribe" in text.get_content().lower()
    assert "<html" in page.get_content()
    assert here.campaign(mail).opened_at is None


def test_all_mails_can_be_deleted_and_nothing_else_is(here: Room):
    mails = [here.send(f"delivered.{name}@owners.test") for name in ("ann", "bob")]
    before = here.product.get_funnel(TENANT).counts
    campaign = here.campaign(mails[0])
    assert "Delete all 2" in here.desktop.get("inbox").text
    told = here.act("clear", mails[0]).text
    assert "2 mails deleted." in told
    assert "There is no mail" in told
    assert here.mailbox.counts(TENANT) == (0, 0, 0)
    assert here.product.get_funnel(TENANT).counts == before
    assert here.product.get_campaign(campaign.id, TENANT) is not None
    assert here.send("delivered.cem@owners.test")


def test_what_is_taken_back_or_begun_again_ends_where_the_product_stands_too(repository: OutreachRepository):
    answers: list[Outcome] = [Rejected("not today")]
    with facade(repository, lambda _: answers.pop() if answers else Accepted("x1"), base_url="https://go.test") as both:
        product, transport = both
        campaign = product.create_campaign(TENANT, **item()).id
        product.send_due()
        product.retry_failed(TENANT)
        product.send_due()
        product.handle_webhook({"event": "open", "tenant_id": TENANT, "campaign_id": campaign})
        token = transport.sent[-1].headers["List-Unsubscribe"].partition("/u/")[2].partition(">")[0]
        product.unsubscribe(token, "all")
        product.undo_unsubscribe(token)
        causes = strip.told([], product.get_events(campaign, TENANT))
    changed = [(cause.title, {change.what: change.how for change in cause.changes}) for cause in causes]
    assert changed[-1] == (
        "You took the opt-out back", {"Opt-outs": "1 → 0", "Status": "unsubscribed → opened"}
    )  # fmt: skip
    assert changed[0] == ("Your worker sent it", {"Status": "scheduled → sent"})
