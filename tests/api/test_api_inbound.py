"""Owners answer, as SendGrid's Inbound Parse brings it: over a socket, into a real database, to its very end."""

from __future__ import annotations

import hashlib
import json
import threading
import tracemalloc
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import pytest

from orchestrator import OutreachOrchestrator, OutreachStatus, errors
from orchestrator.api import Lane, create_app
from orchestrator.api.inbound import LIMIT
from orchestrator.domain.campaign import OutreachCampaign
from orchestrator.domain.message import OutgoingMail
from orchestrator.repository import OutreachRepository, Transaction, addresses, suppressions
from orchestrator.repository.suppressions import Target
from orchestrator.services.owners.inbox import Inbox
from orchestrator.services.owners.reply_intake import ReplyIntake
from orchestrator.tokens import Signer
from orchestrator.transports.fake import FakeTransport
from tests import inbound_posts
from tests.api.live_service import Answer, MemoryCore, Service, Switch
from tests.samples import MEMO_URL, OTHER_TENANT, SCORE, TENANT, facade, new_uuid, property_record

PATH = "/webhooks/sendgrid/inbound"
HOST = "reply.sender.test"
SECRET = "a-long-and-random-text-0123"
KEY = inbound_posts.Key()


@dataclass
class House:
    """The service with its owners."""

    orchestrator: OutreachOrchestrator
    transport: FakeTransport
    service: Service

    def post(self, body: bytes, headers: dict[str, str] | None = None, path: str = PATH) -> Answer:
        return self.service.request("POST", path, body, KEY.sign(body) if headers is None else headers)

    def take(self, body: bytes) -> str:
        """Post a signed mail that is taken; returns what became of it."""
        answer = self.post(body)
        assert answer.status == 200, answer.text
        return answer.json["outcome"]

    def written(self, email: str = "owner@owners.test", tenant: str = TENANT) -> tuple[OutreachCampaign, OutgoingMail]:
        """A campaign whose mail has left, and that mail."""
        campaign = self.waiting(email, tenant)
        self.orchestrator.send_campaign(campaign.id, tenant)
        return campaign, self.transport.sent[-1]

    def waiting(self, email: str = "owner@owners.test", tenant: str = TENANT) -> OutreachCampaign:
        return self.orchestrator.create_campaign(tenant, property_record(email), SCORE, MEMO_URL)

    def now(self, campaign: OutreachCampaign) -> OutreachCampaign:
        found = self.orchestrator.get_campaign(campaign.id, campaign.tenant_id)
        assert found is not None
        return found

    def history(self, campaign: OutreachCampaign) -> list[str]:
        return [event.event_type for event in self.orchestrator.get_events(campaign.id, campaign.tenant_id)]

    def suppressed(self, email: str) -> str | None:
        with self.orchestrator.services.read() as tx:
            known = addresses.get_many(tx, [(TENANT, email)]).get((TENANT, email))
        return None if known is None or known.suppression_source is None else known.suppression_source.split()[0]


@contextmanager
def opened(repository: OutreachRepository, server: tuple[Switch, int], **settings: str) -> Iterator[House]:
    given: dict[str, Any] = {"inbound_host": HOST, "postal_address": "500 Main Street", "company_name": "Sample"}
    given |= settings
    with facade(repository, **given) as (orchestrator, transport):
        server[0].app = create_app(MemoryCore(), inbox=orchestrator.services.inbox, lane=Lane(1))
        yield House(orchestrator, transport, Service(MemoryCore(), server[1]))


@pytest.fixture
def house(repository: OutreachRepository, socket_server: tuple[Switch, int]) -> Iterator[House]:
    with opened(repository, socket_server, inbound_public_key=KEY.public) as house:
        yield house


# ------------------------------------------------------------------------------------------------ a person answers


def test_a_reply_is_known_by_the_address_that_the_mail_asked_for(house: House):
    campaign, mail = house.written()
    assert mail.reply_to is not None
    assert mail.reply_to.endswith(f"@{HOST}")
    assert len(mail.reply_to.partition("@")[0]) <= 64
    heard: list[dict[str, object]] = []
    house.orchestrator.subscribe("event.outreach.response", heard.append)

    assert house.take(inbound_posts.reply(mail.reply_to.upper(), "What would you offer?\r\n> Hello")) == "human"

    now = house.now(campaign)
    assert now.status is OutreachStatus.RESPONDED
    assert now.response_text == "What would you offer?"
    assert now.responded_at is not None
    assert now.next_send_at is None
    (reply,) = house.orchestrator.operations.replies.list(TENANT)
    assert (reply.matched_by, reply.kind, reply.from_email) == ("token", "human", "owner@owners.test")
    assert "> Hello" in reply.body
    (event,) = heard
    assert event["data"]["label"] == reply.label  # type: ignore[index]
    assert event["data"]["reply_id"] == reply.id  # type: ignore[index]
    assert "offer" not in json.dumps(event)


def test_a_reply_to_the_sender_is_known_by_the_mail_it_answers(house: House):
    campaign, _ = house.written()
    sent = house.now(campaign).sendgrid_message_id
    headers = {"In-Reply-To": f"<{sent}@geopod-ismtpd-38>"}

    assert house.take(inbound_posts.reply(f"team@{HOST}", "Tell me more", headers=headers)) == "human"
    assert house.now(campaign).status is OutreachStatus.RESPONDED
    assert house.orchestrator.operations.replies.list(TENANT)[0].matched_by == "references"


def test_without_an_envelope_the_signed_address_in_the_mail_itself_serves(house: House):
    campaign, mail = house.written()
    body = inbound_posts.reply(None, "Call me", to_header=mail.reply_to)

    assert house.take(body) == "human"
    assert house.now(campaign).status is OutreachStatus.RESPONDED


def test_nobody_is_found_by_their_address_and_nothing_is_lost(house: House):
    campaign, _ = house.written()

    assert house.take(inbound_posts.reply(f"hello@{HOST}", "It is me, the owner")) == "unmatched"

    assert house.now(campaign).status is OutreachStatus.SENT
    (reply,) = house.orchestrator.operations.replies.list(None)
    assert reply.text == "It is me, the owner"
    assert "no address of ours" in reply.details["unmatched"]


@pytest.mark.parametrize("forge", ["another signature", "another key", "another purpose", "two ids", "garbage"])
def test_a_forged_address_reaches_no_campaign(house: House, forge: str):
    campaign, mail = house.written()
    signer = house.orchestrator.services.secrets.signer
    token = str(mail.reply_to).partition("@")[0].removeprefix("r+")
    forged = {
        "another signature": f"{token[:-1]}{'0' if token[-1] != '0' else '1'}",
        "another key": Signer(["somebody else's"]).sign_local_part("reply", [mail.message_id]),
        "another purpose": signer.sign_local_part("unsubscribe", [mail.message_id]),
        "two ids": signer.sign_local_part("reply", [TENANT, campaign.id]),
        "garbage": "0" * 40,
    }[forge]

    for prefix in ("r+", "u+"):
        body = inbound_posts.reply(f"{prefix}{forged}@{HOST}", "unsubscribe", message_id=f"<{prefix}@x.test>")
        assert house.take(body) == "unmatched"
    assert house.now(campaign).status is OutreachStatus.SENT
    assert house.suppressed("owner@owners.test") is None


def test_a_token_of_a_mail_that_another_database_sent_is_kept_with_that_reason(house: House):
    signer = house.orchestrator.services.secrets.signer
    to = f"r+{signer.sign_local_part('reply', [new_uuid()])}@{HOST}"

    assert house.take(inbound_posts.reply(to, "Who is this?")) == "unmatched"
    assert "does not know" in house.orchestrator.operations.replies.list(None)[0].details["unmatched"]


def test_tenants_do_not_hear_of_each_others_owners(house: House):
    ours, mail = house.written()
    theirs, _ = house.written(tenant=OTHER_TENANT)
    waiting = house.waiting(tenant=OTHER_TENANT)

    house.take(inbound_posts.reply(mail.reply_to, "unsubscribe"))

    assert house.now(ours).status is OutreachStatus.UNSUBSCRIBED
    assert house.now(theirs).status is OutreachStatus.SENT
    assert house.now(waiting).next_send_at is not None
    assert house.orchestrator.operations.replies.list(OTHER_TENANT) == []


# ------------------------------------------------------------------------------------------------ what it stops


def test_an_answer_holds_the_owners_other_mail_until_a_person_has_read_it(house: House):
    _, mail = house.written("owner@gmail.com")
    other = house.waiting("o.w.n.e.r+garden@gmail.com")
    strangers = house.waiting("stranger@owners.test")

    house.take(inbound_posts.reply(mail.reply_to, "Who gave you my address?"))

    assert str(house.now(other).hold_reason).startswith("owner held: replied ")
    assert house.now(other).next_send_at is None
    assert house.now(strangers).next_send_at is not None
    later = house.waiting("owner@gmail.com")
    house.transport.sent.clear()
    house.orchestrator.send_due()
    assert [sent.campaign_id for sent in house.transport.sent] == [strangers.id]
    assert "owner held" in str(house.now(later).hold_reason)

    replies = house.orchestrator.operations.replies
    (waits,) = replies.list(TENANT, waiting=True)
    assert replies.release(waits.id).campaigns == 2
    assert replies.list(TENANT, waiting=True) == []
    assert house.now(other).next_send_at is not None
    assert house.now(later).hold_reason is None


def test_each_reply_of_an_owner_has_to_be_read_before_the_others_go_out(house: House):
    _, first = house.written()
    _, second = house.written()
    other = house.waiting()
    for number, mail in enumerate((first, second)):
        house.take(inbound_posts.reply(mail.reply_to, "Why do you write?", message_id=f"<{number}@x.test>"))
    replies = house.orchestrator.operations.replies
    newest, oldest = replies.list(TENANT)

    answer = replies.release(newest.id)
    assert (answer.campaigns, answer.still_held_by) == (0, (oldest.id,))
    assert house.now(other).hold_reason is not None
    assert replies.release(oldest.id).campaigns == 1
    assert house.now(other).hold_reason is None


def test_opting_out_by_reply_suppresses_at_once_wherever_it_was_written(house: House):
    campaign, mail = house.written()
    other, elsewhere = house.waiting(), house.waiting("sarah@work.test")

    house.take(inbound_posts.reply(mail.reply_to, "Please unsubscribe me.", from_="Sarah <Sarah@work.test>"))

    assert house.now(campaign).status is OutreachStatus.UNSUBSCRIBED
    assert house.now(campaign).is_interested is False
    assert house.now(other).status is OutreachStatus.SUPPRESSED
    assert house.now(elsewhere).status is OutreachStatus.SUPPRESSED
    assert house.suppressed("owner@owners.test") == "reply:opt_out"
    assert house.suppressed("sarah@work.test") == "reply:opt_out"
    assert house.history(campaign)[-2:] == ["responded", "unsubscribed"]
    again = house.orchestrator.create_campaign(TENANT, property_record(), SCORE, MEMO_URL)
    assert again.status is OutreachStatus.SUPPRESSED


def test_what_a_mailto_opt_out_says_does_not_matter(house: House):
    campaign, mail = house.written()
    other = house.waiting()
    offered = mail.headers["List-Unsubscribe"]
    to = offered.partition("mailto:")[2].partition("?")[0]
    assert to.startswith("u+")

    assert house.take(inbound_posts.reply(to, "I love your offer!", subject="x")) == "opt_out"

    assert house.now(campaign).status is OutreachStatus.UNSUBSCRIBED
    assert house.now(campaign).responded_at is None
    assert house.now(other).status is OutreachStatus.SUPPRESSED
    assert house.suppressed("owner@owners.test") == "mail:opt_out"


def test_the_subject_of_a_mailto_opt_out_is_enough(house: House):
    campaign, mail = house.written()
    subject = mail.headers["List-Unsubscribe"].partition("subject=")[2].rstrip(">").replace("%20", " ")

    assert house.take(inbound_posts.reply(f"any@{HOST}", "", subject=subject)) == "opt_out"
    assert house.now(campaign).status is OutreachStatus.UNSUBSCRIBED


def test_a_property_that_was_sold_is_not_written_about_again(house: House):
    campaign, mail = house.written()
    house.take(inbound_posts.reply(mail.reply_to, "We sold the house last year."))

    assert house.now(campaign).status is OutreachStatus.RESPONDED
    assert house.suppressed("owner@owners.test") is None
    target = Target(TENANT, campaign.property_id, "owners.test")
    with house.orchestrator.services.read() as tx:
        assert "sold" in suppressions.covering(tx, [target])[target]


def test_the_wrong_person_is_not_written_to_again(house: House):
    campaign, mail = house.written()
    house.take(inbound_posts.reply(mail.reply_to, "You have the wrong person."))

    assert house.now(campaign).status is OutreachStatus.RESPONDED
    assert house.suppressed("owner@owners.test") == "reply:wrong_person"


def test_automatic_mail_is_noted_and_is_no_reply(house: House):
    campaign, mail = house.written()
    other = house.waiting()
    body = inbound_posts.reply(mail.reply_to, "I am away. unsubscribe", headers={"Auto-Submitted": "auto-replied"})

    assert house.take(body) == "automatic"

    assert house.now(campaign).status is OutreachStatus.SENT
    assert house.now(campaign).responded_at is None
    assert house.now(other).next_send_at is not None
    event = house.orchestrator.get_events(campaign.id, TENANT)[-1]
    assert event.event_type == "auto_reply"
    assert "auto-replied" in event.event_data["evidence"]


# ------------------------------------------------------------------------------------------------ twice, and in trouble


def test_a_mail_that_is_brought_many_times_at_once_is_stored_once(house: House):
    campaign, mail = house.written()
    other = house.waiting()
    body = inbound_posts.reply(mail.reply_to, "Please unsubscribe me.")
    inbox, start = house.orchestrator.services.inbox, threading.Barrier(8)

    def bring(_: int) -> str:
        start.wait(60)
        return inbox.take(body, KEY.sign(body)).outcome

    with ThreadPoolExecutor(8) as threads:
        outcomes = sorted(threads.map(bring, range(8)))

    assert outcomes == ["duplicate"] * 7 + ["human"]
    assert house.take(body) == "duplicate"
    assert len(house.orchestrator.operations.replies.list(TENANT)) == 1
    assert house.history(campaign).count("unsubscribed") == 1
    assert house.now(other).status is OutreachStatus.SUPPRESSED


def test_while_the_database_is_down_sendgrid_is_asked_to_come_again(house: House, socket_server: tuple[Switch, int]):
    campaign, mail = house.written()
    services, down = house.orchestrator.services, [True]

    @contextmanager
    def begin() -> Iterator[Transaction]:
        if down[0]:
            raise errors.DatabaseUnreachable("The database did not answer.")
        with services.begin() as tx:
            yield tx

    intake = ReplyIntake(begin, lambda: services.secrets.signer)
    inbox = Inbox(lambda: services.inbound_verifier, None, intake)
    socket_server[0].app = create_app(MemoryCore(), inbox=inbox, lane=Lane(1))
    body = inbound_posts.reply(mail.reply_to, "Tell me more")

    refused = house.post(body)
    assert (refused.status, refused.headers["Retry-After"]) == (503, "30")
    assert house.now(campaign).status is OutreachStatus.SENT
    down[0] = False
    assert [house.take(body), house.take(body)] == ["human", "duplicate"]
    assert house.service.metric('orchestrator_inbound_mails_total{outcome="database-unreachable"}') == 1


def test_a_failure_in_the_middle_leaves_nothing_behind(house: House):
    campaign, mail = house.written()
    services = house.orchestrator.services

    @contextmanager
    def dying() -> Iterator[Transaction]:
        with services.begin() as tx:
            yield tx
            raise errors.DatabaseUnreachable("killed before the commit")

    body = inbound_posts.reply(mail.reply_to, "unsubscribe")
    inbox = Inbox(lambda: services.inbound_verifier, None, ReplyIntake(dying, lambda: services.secrets.signer))
    with pytest.raises(errors.DatabaseUnreachable):
        inbox.take(body, KEY.sign(body))

    assert house.orchestrator.operations.replies.list(TENANT) == []
    assert house.suppressed("owner@owners.test") is None
    assert house.take(body) == "human"
    assert house.now(campaign).status is OutreachStatus.UNSUBSCRIBED


# ------------------------------------------------------------------------------------------------ who may bring mail

Forge = Callable[[bytes], dict[str, str]]
STRANGERS: dict[str, Forge] = {
    "unsigned": lambda _: {"Content-Type": inbound_posts.CONTENT_TYPE},
    "signed by another": lambda body: inbound_posts.Key().sign(body),
    "another body": lambda body: KEY.sign(body + b"x"),
    "no base64": lambda body: KEY.sign(body) | {"X-Twilio-Email-Event-Webhook-Signature": "%%%"},
}


@pytest.mark.parametrize("stranger", STRANGERS)
def test_what_cannot_be_trusted_is_not_stored_and_never_answered_below_500(house: House, stranger: str):
    campaign, mail = house.written()
    body = inbound_posts.reply(mail.reply_to, "unsubscribe")

    answer = house.post(body, STRANGERS[stranger](body))

    assert answer.status == 503
    assert "OUTREACH_INBOUND_PUBLIC_KEY" in answer.json["fix"]
    assert house.orchestrator.operations.replies.list(TENANT) == house.orchestrator.operations.replies.list(None) == []
    assert house.now(campaign).status is OutreachStatus.SENT


def test_without_key_and_secret_no_mail_is_taken_and_the_answer_says_what_to_set(
    repository: OutreachRepository, socket_server: tuple[Switch, int]
):
    with opened(repository, socket_server) as house:
        answer = house.post(inbound_posts.reply(f"x@{HOST}", "hello"))

        assert answer.status == 503
        assert "OUTREACH_INBOUND_SECRET" in answer.json["fix"]
        assert house.orchestrator.operations.replies.list(None) == []


def test_the_secret_address_needs_no_signature(repository: OutreachRepository, socket_server: tuple[Switch, int]):
    unsigned = {"Content-Type": inbound_posts.CONTENT_TYPE}
    with opened(repository, socket_server, inbound_secret=SECRET) as house:
        campaign, mail = house.written()
        body = inbound_posts.reply(mail.reply_to, "Tell me more")

        for wrong in (PATH, f"{PATH}/", f"{PATH}/{SECRET}x", f"{PATH}/{SECRET.upper()}"):
            assert house.post(body, unsigned, wrong).status == 503
        assert house.now(campaign).status is OutreachStatus.SENT
        assert house.post(body, unsigned, f"{PATH}/{SECRET}").status == 200
        assert house.post(body, unsigned, f"{PATH}/{SECRET}/").json["outcome"] == "duplicate"
        assert house.now(campaign).status is OutreachStatus.RESPONDED


def test_of_several_keys_any_will_do(repository: OutreachRepository, socket_server: tuple[Switch, int]):
    new = inbound_posts.Key()
    with opened(repository, socket_server, inbound_public_key=f"{new.public}, {KEY.public}") as house:
        body = inbound_posts.reply(f"x@{HOST}", "hello")
        assert house.post(body, new.sign(body)).json["outcome"] == "unmatched"
        assert house.post(body, KEY.sign(body)).json["outcome"] == "duplicate"


# ------------------------------------------------------------------------------------------------ bad input


def test_what_is_no_form_is_kept_as_it_came(house: House):
    body = b"\x00\xff not a form \xed\xa0\x80 " + b"x" * 100_000
    headers = KEY.sign(body) | {"Content-Type": "text/plain"}

    assert house.post(body, headers).json["outcome"] == "unmatched"
    assert house.post(body, headers).json["outcome"] == "duplicate"
    (kept,) = house.orchestrator.operations.replies.list(None)
    assert kept.kind == "unreadable"
    assert "not a form" in kept.body
    assert kept.details["bytes"] == len(body)


def test_nul_bytes_wrong_charsets_and_endless_lines_are_stored(house: House):
    campaign, mail = house.written()
    text = "Caf\xe9 \x00 yes".encode("latin-1") + b"\xff\xfe" + b"\r\n" + b"On " * 5_000
    body = inbound_posts.reply(
        mail.reply_to, text, subject="\x00" * 3 + "s" * 5_000, charsets=json.dumps({"text": "no-such-charset"})
    )

    assert house.take(body) == "human"
    assert "\x00" not in str(house.now(campaign).response_text)
    assert "Caf" in str(house.now(campaign).response_text)


def test_what_is_too_long_is_cut_and_says_so(house: House):
    campaign, mail = house.written()
    house.take(inbound_posts.reply(mail.reply_to, "word " * 60_000))

    (reply,) = house.orchestrator.operations.replies.list(TENANT)
    assert len(str(house.now(campaign).response_text)) <= 20_000
    assert len(reply.body) <= 200_000
    assert reply.details["characters_before_cutting"]["body"] == 300_000


def test_a_mail_with_25_megabytes_attached_takes_little_memory_beside_itself(house: House):
    _, mail = house.written()
    file = hashlib.sha256(b"seed").digest() * (25 * 1024 * 1024 // 32)
    body = inbound_posts.reply(mail.reply_to, "See the file", files={"deed.pdf": file})
    headers = KEY.sign(body)
    house.take(inbound_posts.reply(f"x@{HOST}", "first, so that everything is loaded"))

    tracemalloc.start()
    try:
        answer = house.post(body, headers)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()

    assert answer.json["outcome"] == "human"
    assert peak < 1.5 * len(body), f"{peak / len(body):.2f} times the body"
    (reply,) = house.orchestrator.operations.replies.list(TENANT)
    assert reply.details["attachments"] == [{"name": "deed.pdf", "type": "application/pdf", "size": len(file)}]


def test_what_is_larger_than_any_mail_is_brought_again_and_not_dropped(house: House):
    body = inbound_posts.reply(f"x@{HOST}", "x" * (LIMIT + 1))

    answer = house.post(body)
    assert answer.status == 503
    assert "larger than" in answer.json["detail"]
