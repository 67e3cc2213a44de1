"""What owners and the machines that act for them do over the network, one by one and many at once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest

from orchestrator import errors
from orchestrator.sandbox import Behaviour, OwnerModel
from orchestrator.sandbox.owners.model import acts_of
from tests.sandbox.bench import Bench, Post, Receiver, mail, sent

Start = Callable[..., Bench]
NO_ADDRESS = "not offered: no https address in List-Unsubscribe"
ONE_CLICK = {"List-Unsubscribe-Post": "List-Unsubscribe=One-Click"}


def listed(receiver: Receiver, **more: str) -> dict[str, str]:
    """Return the two headers of RFC 8058."""
    mailto = "<mailto:u%2Babc@in.example.com?subject=unsubscribe%20abc>"
    return {"List-Unsubscribe": f"<{receiver.base}/u/abc>, {mailto}", **ONE_CLICK, **more}


def did(made: Bench, message_id: str, kind: str, **options: Any) -> Any:
    deed = made.sandbox.owners.do(message_id, kind, **options)
    made.settle()
    return deed


def pressed(receiver: Receiver) -> list[Post]:
    return [post for post in receiver.posts if post.path == "/u/abc"]


def test_one_click_posts_what_rfc_8058_says_in_both_encodings(owned: Start, receiver: Receiver):
    made = owned()
    message_id = sent(made, headers=listed(receiver))
    assert did(made, message_id, "one_click").outcome == "done"
    assert did(made, message_id, "one_click", encoding="urlencoded").outcome == "done"
    form, plain = pressed(receiver)
    assert form.form["List-Unsubscribe"].value == b"One-Click"
    assert plain.headers["content-type"] == "application/x-www-form-urlencoded"
    assert plain.body == b"List-Unsubscribe=One-Click"
    for post in (form, plain):
        assert not {"cookie", "authorization", "referer"} & set(post.headers)


@pytest.mark.parametrize(
    ("status", "outcome"), [(200, "done"), (202, "done"), (302, "redirected"), (308, "redirected"), (404, "refused")]
)
def test_a_redirect_is_no_answer_and_is_not_followed(owned: Start, receiver: Receiver, status: int, outcome: str):
    made = owned()
    message_id = sent(made, headers=listed(receiver))
    receiver.answers = [status]
    deed = did(made, message_id, "one_click")
    assert deed.outcome == outcome
    assert deed.visits[0]["answer"] == f"HTTP {status}"
    assert len(pressed(receiver)) == 1
    assert not receiver.requests[1:]


@pytest.mark.parametrize(
    ("headers", "outcome"),
    [
        ({}, "not offered: no List-Unsubscribe-Post header"),
        ({"List-Unsubscribe": "<https://x.example/u>"}, "not offered: no List-Unsubscribe-Post header"),
        (
            {"List-Unsubscribe": "<mailto:u@x.example>", **ONE_CLICK},
            NO_ADDRESS,
        ),
        (
            {"List-Unsubscribe": "<http://x.example/u>", **ONE_CLICK},
            NO_ADDRESS,
        ),
        (
            {"List-Unsubscribe": "<https://x.example/u>", "List-Unsubscribe-Post": "yes"},
            "not offered: List-Unsubscribe-Post is 'yes'",
        ),
        ({"List-Unsubscribe": "<https://x.example/u>", **ONE_CLICK}, "not visited"),
    ],
)
def test_no_button_without_both_headers_and_no_visit_outside(
    owned: Start, receiver: Receiver, headers: dict[str, str], outcome: str
):
    made = owned()
    deed = did(made, sent(made, headers=headers), "one_click")
    assert (deed.outcome, deed.visits) == (outcome, [])


def test_opting_out_by_mail_writes_to_the_address_with_its_subject(owned: Start, receiver: Receiver):
    made = owned()
    message_id = sent(made, headers=listed(receiver))
    deed = did(made, message_id, "mailto_opt_out")
    form = receiver.inbound[0].form
    assert deed.deliveries[0].fate == "accepted"
    assert form["envelope"].json == {"to": ["u+abc@in.example.com"], "from": "Jane@home.example"}
    assert form["subject"].text == "unsubscribe abc"
    without = did(made, sent(made), "mailto_opt_out")
    assert (without.outcome, without.deliveries, without.wait(0)) == ("no mailto address", [], True)


def test_a_scanner_asks_for_every_link_twice_and_follows_redirects(owned: Start, receiver: Receiver):
    made = owned()
    base = receiver.base
    receiver.pages = {"/memo": (302, {"Location": "/there", "Set-Cookie": "a=b"})}
    content = [
        {"type": "text/plain", "value": f"See {base}/text. Stop: {base}/u/abc?x=1&y=2"},
        {"type": "text/html", "value": f'<a href="{base}/memo">a</a><img src="{base}/p.gif"><a href="#">b</a>'},
    ]
    message_id = sent(made, content=content, headers=listed(receiver))
    deed = did(made, message_id, "scan")
    assert receiver.requests == [
        "HEAD /memo", "GET /memo", "GET /there", "HEAD /p.gif", "GET /p.gif", "HEAD /text", "GET /text",
        "HEAD /u/abc?x=1&y=2", "GET /u/abc?x=1&y=2", "HEAD /u/abc", "GET /u/abc",
    ]  # fmt: skip
    assert not any("cookie" in post.headers for post in receiver.posts)
    assert deed.visits[1]["set_cookie"] is True
    assert (deed.outcome, len(deed.visits)) == ("scanned", 11)


def test_nothing_outside_this_machine_is_visited_unless_named(owned: Start, receiver: Receiver):
    made = owned()
    deed = did(made, sent(made), "scan")
    assert {visit["answer"] for visit in deed.visits} == {"not visited"}
    assert [visit["url"] for visit in deed.visits] == [
        "https://memo.example.com/1?a=1&b=2", "https://example.com/help",
    ]  # fmt: skip
    named = owned(visits=frozenset({"no-such-host.invalid"}))
    content = [{"type": "text/plain", "value": "http://no-such-host.invalid/x"}]
    tried = did(named, sent(named, content=content), "scan")
    assert [visit["method"] for visit in tried.visits] == ["HEAD", "GET"]
    assert "gaierror" in tried.visits[0]["answer"]


def test_addresses_that_are_none_hurt_nobody(owned: Start, receiver: Receiver):
    made = owned()
    base = receiver.base
    receiver.pages = {"/away": (302, {"Location": "http://[::1/"}), "/out": (302, {"Location": "https://x.example/"})}
    links = [
        f"{base}/away",
        f"{base}/out",
        f"{base}/Straße?q=ä b",
        "http://[::1",
        "http://127.0.0.1:99999/",
        "mailto:x",
    ]
    content = [{"type": "text/html", "value": "".join(f'<a href="{link}">x</a>' for link in links)}]
    deed = did(
        made, sent(made, content=content, headers={"List-Unsubscribe": "<mailto:nobody>, <https://[::1>"}), "scan"
    )
    assert receiver.requests == [
        "HEAD /away", "GET /away", "HEAD /out", "GET /out",
        "HEAD /Stra%C3%9Fe?q=%C3%A4%20b", "GET /Stra%C3%9Fe?q=%C3%A4%20b",
    ]  # fmt: skip
    assert deed.outcome == "scanned"
    broken = sent(made, headers={"List-Unsubscribe": "<mailto:nobody>, <https://[::1>", **ONE_CLICK})
    assert did(made, broken, "one_click").outcome == "not visited"
    assert did(made, broken, "mailto_opt_out").outcome == "no mailto address"


@pytest.mark.parametrize(
    ("address", "kind", "word"),
    [
        ("interested@x.example", "reply", "interested"),
        ("question.smith@x.example", "reply", "question"),
        ("notinterested@x.example", "reply", "not_interested"),
        ("sold@x.example", "reply", "sold"),
        ("wrongperson@x.example", "reply", "wrong_person"),
        ("stop2@x.example", "reply", "opt_out"),
        ("legal@x.example", "reply", "legal"),
        ("away@x.example", "out_of_office", None),
        ("oneclick@x.example", "one_click", None),
        ("mailto@x.example", "mailto_opt_out", None),
        ("linkscanner@x.example", "scan", None),
        ("bouncereport@x.example", "bounce_report", None),
        ("receipt@x.example", "receipt", None),
        ("complaint@x.example", "complaint", None),
    ],
)
def test_an_address_says_what_its_owner_does(
    owned: Start, receiver: Receiver, address: str, kind: str, word: str | None
):
    made = owned()
    sent(made, address, headers=listed(receiver))
    (told,) = made.sandbox.truth()["owners"]["all"]
    assert (told["kind"], told["owner"], told.get("intent")) == (kind, address, word)
    assert told["outcome"] in ("sent", "done", "scanned")
    assert all(delivery["fate"] == "accepted" for delivery in told["deliveries"])


def test_an_owner_answers_after_opening_by_the_clock_of_the_story(owned: Start, receiver: Receiver):
    made = owned()
    sent(made, "interested@x.example")
    opened = receiver.one("open")["timestamp"]
    (told,) = made.sandbox.truth()["owners"]["all"]
    assert told["at"] > opened
    assert told["text"] in receiver.inbound[0].form["text"].text


def test_owners_do_nothing_unless_asked_to(owned: Start, receiver: Receiver):
    made = owned(behaviour=Behaviour.realistic())
    made.client.send(mail([f"owner{number}@home.example" for number in range(50)]))
    made.settle()
    assert made.sandbox.truth()["owners"] == {"deeds": {}, "inbound": {}, "all": []}


def test_owners_answer_by_their_rates_the_same_in_every_run(owned: Start, receiver: Receiver):
    runs = []
    for _ in range(2):
        made = owned(owners=OwnerModel.lively())
        made.client.send(mail([f"owner{n}@home.example" for n in range(60)], headers=listed(receiver)))
        made.settle()
        told = made.sandbox.truth()["owners"]
        runs.append(sorted((d["owner"], d["kind"], d.get("text")) for d in told["all"]))
        assert {"reply", "scan", "out_of_office"} <= set(told["deeds"])
        assert set(told["inbound"]) == {"accepted"}
    assert runs[0] == runs[1]


def test_the_rates_are_kept_by_many_and_differ_by_seed():
    rates = OwnerModel(interested=0.2, opt_out=0.1, out_of_office=0.05, scan=0.5)
    found = Counter(
        act for n in range(4000) for _, act, _ in acts_of(rates, 7, f"owner{n}@home.example")
    )  # fmt: skip
    assert abs(found["scan"] / 4000 - 0.5) < 0.03
    assert abs(found["out_of_office"] / 4000 - 0.05) < 0.02
    assert abs(found["reply"] / 4000 - 0.3 * 0.95) < 0.03
    acts = [[list(acts_of(rates, seed, f"owner{n}@home.example")) for n in range(50)] for seed in (7, 7, 8)]
    assert acts[0] == acts[1] != acts[2]


def test_the_autopilot_lets_owners_of_delivered_mail_behave(owned: Start, receiver: Receiver):
    made = owned()
    made.client.send(mail([f"owner{n}@home.example" for n in range(40)], headers=listed(receiver)))
    made.client.send(mail("bounce@home.example"))
    made.settle()
    receiver.posts.clear()
    wish = {"count": 500, "seed": 3, "owners": "lively", "behaviour": {"open": 1.0}}
    planned = made.client.call("POST", "/sandbox/api/autopilot", wish).json
    made.settle()
    assert (planned["owners"], planned["open"]) == (40, 40)
    assert receiver.kinds() == ["open"] * 40
    told = made.sandbox.truth()["owners"]["deeds"]
    assert told == {name: count for name, count in planned.items() if name not in ("owners", "open")}
    assert planned["reply"] > 5


@pytest.mark.parametrize(
    "wish",
    [
        {"count": 0}, {"seed": "x"}, {"owners": "nobody"}, {"owners": {"interested": 2}}, {"behaviour": {"nod": 1}},
        {"rates": 1},
    ],
)  # fmt: skip
def test_the_autopilot_explains_mistakes(owned: Start, wish: dict[str, Any]):
    assert owned().client.call("POST", "/sandbox/api/autopilot", wish).status == 400


def test_deeds_are_done_and_listed_over_http(owned: Start, receiver: Receiver):
    made = owned()
    message_id, other = sent(made), sent(made)
    call = made.client.call
    wish = {"text": "Ja, gern.", "client": "outlook", "language": "de", "from": "Jana <jana@other.example>"}
    told = call("POST", f"/sandbox/api/messages/{message_id}/reply", wish).json
    assert told["deliveries"][0]["fate"] == "accepted"
    assert told["deliveries"][0]["attempts"][0]["answer"] == "HTTP 200"
    assert receiver.inbound[0].form["subject"].text == "AW: Your house"
    assert receiver.inbound[0].form["from"].text == "Jana <jana@other.example>"
    call("POST", f"/sandbox/api/messages/{other}/receipt")
    assert [deed["kind"] for deed in call("GET", "/sandbox/api/deeds").json["deeds"]] == ["reply", "receipt"]
    (only,) = call("GET", f"/sandbox/api/deeds?message={message_id}").json["deeds"]
    assert only["number"] == told["number"] == 1
    assert call("GET", "/sandbox/api/deeds?message=none").status == 404


@pytest.mark.parametrize(
    ("kind", "wish", "field"),
    [
        ("reply", {}, "text"),
        ("reply", {"intent": "maybe"}, "text"),
        ("reply", {"text": 5}, "text"),
        ("reply", {"text": "x", "colour": "red"}, "colour"),
        ("reply", {"text": "x", "language": ["de"]}, "language"),
        ("reply", {"text": "x", "from": 5}, "from"),
        ("reply", {"text": "x", "headers": [1]}, "headers"),
        ("reply", {"text": "x", "attachments": 5}, "attachments"),
        ("reply", {"text": "x", "attachments": [5]}, "attachments"),
        ("out_of_office", {"charset": 5}, "charset"),
        ("bounce_report", {"status": 5}, "status"),
        ("reply", {"text": "x", "mode": "rawer"}, "mode"),
        ("reply", {"text": "x", "host": "oldest"}, "host"),
        ("out_of_office", {"client": "lotus"}, "client"),
        ("receipt", {"status": "5.1.1"}, "status"),
        ("one_click", {"encoding": "json"}, "encoding"),
        ("scan", {"deep": True}, "deep"),
    ],
)
def test_a_mistake_is_named_by_its_field(owned: Start, kind: str, wish: dict[str, Any], field: str):
    made = owned()
    answer = made.client.call("POST", f"/sandbox/api/messages/{sent(made)}/{kind}", wish)
    assert (answer.status, answer.json["errors"][0]["field"]) == (400, field)
    assert made.sandbox.deeds.kept() == []


def test_a_deed_about_no_mail_and_a_deed_that_is_none_are_refused(owned: Start):
    made = owned()
    assert made.client.call("POST", "/sandbox/api/messages/none/scan").json["errors"][0]["field"] == "message_id"
    with pytest.raises(errors.ValidationError, match="deed: unknown: 'dance'; there are reply"):
        made.sandbox.owners.do(sent(made), "dance")
