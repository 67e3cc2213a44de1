"""What becomes of a mail, by its recipient's address."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

import pytest

from orchestrator.sandbox import Behaviour
from tests.sandbox.bench import HTML, Bench, Receiver, mail

Start = Callable[..., Bench]

STORIES = {
    "owner@x.com": (["processed", "delivered"], "delivered"),
    "delivered@x.com": (["processed", "delivered"], "delivered"),
    "bounce@x.com": (["processed", "bounce"], "bounced"),
    "bounce17@x.com": (["processed", "bounce"], "bounced"),
    "Bounce+tag@x.com": (["processed", "bounce"], "bounced"),
    "bounce-a.b@x.com": (["processed", "bounce"], "bounced"),
    "bouncer@x.com": (["processed", "delivered"], "delivered"),
    "block@x.com": (["processed", "bounce"], "failed"),
    "nomx@x.com": (["processed", "bounce"], "failed"),
    "expired@x.com": (["processed", *["deferred"] * 3, "bounce"], "failed"),
    "defer@x.com": (["processed", "deferred", "delivered"], "delivered"),
    "defer3@x.com": (["processed", *["deferred"] * 3, "delivered"], "delivered"),
    "slow@x.com": (["processed", "delivered"], "delivered"),
    "drop@x.com": (["dropped"], "failed"),
    "invalid@x.com": (["dropped"], "failed"),
    "quota@x.com": (["dropped"], "failed"),
    "spamcontent@x.com": (["dropped"], "failed"),
    "spam@x.com": (["processed", "delivered", "spamreport"], "complained"),
    "mpp@x.com": (["processed", "delivered", "open"], "delivered"),
    "scanner@x.com": (["processed", "delivered", "open", "click", "click"], "clicked"),
    "open@x.com": (["processed", "delivered", "open"], "opened"),
    "click@x.com": (["processed", "delivered", "open", "click"], "clicked"),
    "unsubscribe@x.com": (["processed", "delivered", "unsubscribe"], "unsubscribed"),
    "asyncbounce@x.com": (["processed", "delivered", "bounce"], "bounced"),
}


def test_each_magic_address_has_its_story_and_its_true_status(bench: Start, receiver: Receiver):
    made = bench()
    for number, address in enumerate(STORIES):
        made.client.send(mail(address, custom_args={"outreach_message_id": f"m-{number}"}))
    made.settle()
    told = {address: Counter(receiver.kinds(address)) for address in STORIES}
    assert told == {address: Counter(kinds) for address, (kinds, _) in STORIES.items()}
    truth = made.sandbox.truth()["messages"]
    assert {mail["to"]: mail["status"] for mail in truth.values()} == {a: status for a, (_, status) in STORIES.items()}


def only(bench: Start, receiver: Receiver, address: str, kind: str) -> dict:
    made = bench()
    made.client.send(mail(address))
    made.settle()
    return receiver.one(kind)


def test_a_deferral_counts_its_attempt_in_a_string(bench: Start, receiver: Receiver):
    event = only(bench, receiver, "defer@x.com", "deferred")
    assert (event["attempt"], event["tls"], event["domain"], event["from"]) == ("1", 0, "x.com", "team@sender.example")


def test_a_delivery_says_tls_in_an_integer(bench: Start, receiver: Receiver):
    event = only(bench, receiver, "owner@x.com", "delivered")
    assert event["tls"] == 1
    assert type(event["tls"]) is int
    assert event["smtp-id"] == f"<{event['sg_message_id'].split('.')[0]}@geopod-ismtpd-38>"


def test_a_hard_bounce_carries_type_status_and_class(bench: Start, receiver: Receiver):
    event = only(bench, receiver, "bounce@x.com", "bounce")
    found = (event["type"], event["status"], event["bounce_classification"])
    assert found == ("bounce", "5.1.1", "Invalid Address")


def test_a_dns_failure_has_no_status(bench: Start, receiver: Receiver):
    event = only(bench, receiver, "nomx@x.com", "bounce")
    assert (event["type"], "status" in event) == ("blocked", False)


def test_an_asynchronous_bounce_lacks_message_id_and_ip(bench: Start, receiver: Receiver):
    event = only(bench, receiver, "asyncbounce@x.com", "bounce")
    assert not {"sg_message_id", "ip"} & set(event)
    assert event["outreach_message_id"] == "m-1"


def test_a_machine_open_says_so_and_a_human_open_says_not(bench: Start, receiver: Receiver):
    made = bench()
    made.client.send(mail(["mpp@x.com", "open@x.com"]))
    made.settle()
    opens = {event["email"]: event["sg_machine_open"] for event in receiver.events if event["event"] == "open"}
    assert opens == {"mpp@x.com": True, "open@x.com": False}
    assert made.sandbox.truth()["opens"] == {"human": 1, "machine": 1}
    assert all("smtp-id" not in event for event in receiver.events if event["event"] == "open")


def test_a_scanner_clicks_every_link_within_a_second_of_delivery(bench: Start, receiver: Receiver):
    made = bench()
    made.client.send(mail("scanner@x.com"))
    made.settle()
    clicks = [event for event in receiver.events if event["event"] == "click"]
    assert {(click["url"], click["url_offset"]["index"]) for click in clicks} == {
        ("https://memo.example.com/1?a=1&b=2", 0),
        ("https://example.com/help", 1),
    }
    assert {click["timestamp"] - receiver.one("delivered")["timestamp"] for click in clicks} == {1}
    assert made.sandbox.truth()["clicks"] == {"human": 0, "machine": 2}


def test_links_marked_untracked_and_mail_without_tracking_make_no_clicks(bench: Start, receiver: Receiver):
    made = bench()
    untracked = '<a href="https://x.y/out" clicktracking="off">out</a> <a href="mailto:a@b.c">m</a>'
    made.client.send(mail("click@x.com", content=[{"type": "text/html", "value": untracked}]))
    off = {"click_tracking": {"enable": False}, "open_tracking": {"enable": False}}
    made.client.send(mail("click2@x.com", tracking_settings=off))
    made.settle()
    assert Counter(receiver.kinds("click@x.com")) == Counter(["processed", "delivered", "open"])
    assert Counter(receiver.kinds("click2@x.com")) == Counter(["processed", "delivered"])


def test_sendgrids_own_fields_win_over_custom_args_of_the_same_name(bench: Start, receiver: Receiver):
    made = bench()
    made.client.send(mail(custom_args={"event": "mine", "timestamp": "mine", "kept": "yes"}))
    made.settle()
    event = receiver.one("processed")
    assert (event["event"], type(event["timestamp"]), event["kept"]) == ("processed", int, "yes")


def test_categories_come_back_as_a_list_or_a_bare_string(bench: Start, receiver: Receiver):
    made = bench()
    made.client.send(mail("drop@x.com", categories=["memo"]))
    made.client.send(mail("owner@x.com"))
    made.settle()
    assert receiver.one("dropped")["category"] == "memo"
    assert receiver.one("delivered")["category"] == ["memo", "2026"]


def test_template_and_pool_are_echoed_and_a_template_mail_can_be_opened(bench: Start, receiver: Receiver):
    made = bench()
    made.client.send(mail("open@x.com", template_id="d-1", content=None, ip_pool_name="warm"))
    made.settle()
    assert receiver.one("processed")["pool"] == {"name": "warm", "id": 1}
    assert receiver.one("open")["sg_template_id"] == "d-1"


def test_a_message_id_of_the_senders_own_becomes_the_smtp_id(bench: Start, receiver: Receiver):
    made = bench()
    made.client.send(mail(headers={"Message-Id": "<mine@sender.example>"}))
    made.settle()
    assert receiver.one("delivered")["smtp-id"] == "<mine@sender.example>"


@pytest.mark.parametrize(
    ("address", "listed", "reason"),
    [
        ("bounce@x.com", "bounces", "Bounced Address"),
        ("asyncbounce@x.com", "bounces", "Bounced Address"),
        ("spam@x.com", "spam_reports", "Spam Reporting Address"),
        ("unsubscribe@x.com", "unsubscribes", "Unsubscribed Address"),
        ("invalid@x.com", "invalid_emails", "Invalid"),
    ],
)
def test_a_suppressed_address_is_dropped_with_the_right_reason(
    bench: Start, receiver: Receiver, address: str, listed: str, reason: str
):
    made = bench()
    made.client.send(mail(address))
    made.settle()
    assert [entry["email"] for entry in made.sandbox.suppressions.entries(listed)] == [address]
    receiver.posts.clear()
    assert made.client.send(mail(address.upper())).status == 202
    made.settle()
    assert (receiver.one("dropped")["reason"], receiver.kinds()) == (reason, ["dropped"])


def test_a_block_is_listed_and_stops_nothing(bench: Start, receiver: Receiver):
    made = bench()
    for _ in range(2):
        made.client.send(mail("block@x.com"))
        made.settle()
    assert [entry["email"] for entry in made.sandbox.suppressions.entries("blocks")] == ["block@x.com"]
    assert Counter(receiver.kinds()) == Counter(processed=2, bounce=2)


def test_bypass_settings_let_mail_through(bench: Start, receiver: Receiver):
    made = bench()
    made.sandbox.suppressions.add("bounces", "owner@x.com", 1)
    made.client.send(mail("owner@x.com", mail_settings={"bypass_spam_management": {"enable": True}}))
    made.client.send(mail("owner@x.com", mail_settings={"bypass_bounce_management": {"enable": True}}))
    made.client.send(mail("owner@x.com", mail_settings={"bypass_list_management": {"enable": True}}))
    made.settle()
    assert Counter(receiver.kinds()) == Counter(dropped=1, processed=2, delivered=2)


def test_ordinary_addresses_behave_by_seed_and_not_by_order(bench: Start):
    addresses = [f"owner{n}@example.com" for n in range(150)]

    def statuses(order: list[str], seed: int) -> dict[str, str]:
        made = bench(webhook_url=None, seed=seed, behaviour=Behaviour.realistic())
        for address in order:
            made.client.send(mail(address, custom_args={"outreach_message_id": address}))
        made.settle()
        return {mail["to"]: mail["status"] for mail in made.sandbox.truth()["messages"].values()}

    first = statuses(addresses, seed=7)
    assert statuses(addresses[::-1], seed=7) == first
    assert statuses(addresses, seed=8) != first
    assert {"delivered", "opened", "clicked"} <= set(first.values())


def test_the_realistic_rates_come_out_as_rates(bench: Start):
    made = bench(webhook_url=None, behaviour=Behaviour.realistic(), max_messages=10)
    for page in range(3):
        made.client.send(mail([f"o{page}-{n}@example.com" for n in range(1000)], custom_args={"a": "b"}))
    made.settle()
    truth = made.sandbox.truth(detail=False)
    assert 0.955 < truth["events"]["delivered"] / 3000 < 0.985
    assert 0.40 < truth["opens"]["machine"] / 3000 < 0.60
    assert 0.29 < truth["opens"]["human"] / 3000 < 0.39
    assert 0.08 < truth["clicks"]["human"] / 3000 < 0.14
    assert len(made.sandbox.messages(limit=100)) == 10


def test_a_scheduled_mail_waits_for_its_time(bench: Start, receiver: Receiver):
    made = bench(speed=3600.0)
    now = made.sandbox.unix_time()
    made.client.send(mail(send_at=now + 1800))
    assert made.sandbox.settle(0.2)["settled"] is False
    made.settle()
    assert receiver.one("processed")["send_at"] == now + 1800


def test_the_html_with_links_is_kept_for_the_inbox(bench: Start):
    made = bench()
    made.client.send(mail("a@x.com"))
    (message,) = made.sandbox.messages(to="A@x.com")
    assert (message.body("text/html"), message.body("text/plain")) == (HTML, "Hello")
