"""SendGrid's lists and the sandbox's own control API, over HTTP."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Callable
from typing import Any

import pytest
import uvicorn
from starlette.applications import Starlette
from starlette.routing import Mount

from orchestrator import errors
from orchestrator.sandbox import Sandbox, SandboxServer
from orchestrator.sandbox.application import create_application
from tests.sandbox.bench import Bench, Client, Receiver, mail

Start = Callable[..., Bench]


def test_bounces_can_be_listed_looked_up_and_deleted(bench: Start):
    made = bench()
    made.client.send(mail("bounce@x.com"))
    made.settle()
    (entry,) = made.client.call("GET", "/v3/suppression/bounces").json
    assert set(entry) == {"created", "email", "reason", "status"}
    assert (entry["email"], entry["status"], type(entry["created"])) == ("bounce@x.com", "5.1.1", int)
    assert made.client.call("GET", "/v3/suppression/bounces/BOUNCE@x.com").json == [entry]
    assert made.client.call("DELETE", "/v3/suppression/bounces/bounce@x.com").status == 204
    assert made.client.call("GET", "/v3/suppression/bounces/bounce@x.com").json == []
    assert made.client.call("DELETE", "/v3/suppression/bounces/bounce@x.com").status == 404


@pytest.mark.parametrize(
    ("address", "listed", "fields"),
    [
        ("block@x.com", "blocks", {"created", "email", "reason", "status"}),
        ("invalid@x.com", "invalid_emails", {"created", "email", "reason"}),
        ("spam@x.com", "spam_reports", {"created", "email", "ip"}),
        ("unsubscribe@x.com", "unsubscribes", {"created", "email"}),
    ],
)
def test_every_list_has_the_fields_of_its_kind(bench: Start, address: str, listed: str, fields: set[str]):
    made = bench()
    made.client.send(mail(address))
    made.settle()
    (entry,) = made.client.call("GET", f"/v3/suppression/{listed}").json
    assert set(entry) == fields


def test_a_list_is_paged_and_filtered(bench: Start):
    made = bench()
    for number in range(10):
        made.sandbox.suppressions.add("bounces", f"o{number}@x.com", 1000 + number, reason="", status="")

    def emails(query: str) -> list[str]:
        return [entry["email"][:2] for entry in made.client.call("GET", f"/v3/suppression/bounces?{query}").json]

    assert emails("limit=3") == ["o9", "o8", "o7"]
    assert emails("limit=2&offset=3") == ["o6", "o5"]
    assert emails("start_time=1003&end_time=1004") == ["o4", "o3"]
    assert emails("email=O7") == ["o7"]
    assert made.client.call("GET", "/v3/suppression/bounces?limit=x").status == 400


def test_bounces_are_told_to_clients_that_say_they_accept_json(bench: Start):
    made = bench()

    def status(listed: str, **headers: str) -> int:
        made.client.connection.request(
            "GET", f"/v3/suppression/{listed}", headers={"Authorization": "Bearer SG.x.y", **headers}
        )
        answer = made.client.connection.getresponse()
        answer.read()
        return answer.status

    assert status("bounces", Accept="application/json; charset=utf-8") == status("bounces", Accept="*/*") == 200
    assert status("bounces") == status("bounces", Accept="text/html") == status("blocks", Accept="text/html") == 406
    assert status("blocks") == 200


def test_an_address_taken_off_a_list_gets_mail_again(bench: Start, receiver: Receiver):
    made = bench()
    made.sandbox.suppressions.add("spam_reports", "o@x.com", 1)
    made.client.send(mail("o@x.com"))
    made.settle()
    assert made.client.call("DELETE", "/v3/suppression/spam_reports/o@x.com").status == 204
    made.client.send(mail("o@x.com"))
    made.settle()
    assert receiver.kinds() == ["dropped", "processed", "delivered"]


def test_a_list_is_emptied_by_name_or_at_once_but_not_both(bench: Start):
    made = bench()
    for email in ("a@x.com", "b@x.com", "c@x.com"):
        made.sandbox.suppressions.add("blocks", email, 1)
    path = "/v3/suppression/blocks"
    assert made.client.call("DELETE", path, {"emails": ["a@x.com"]}).status == 204
    assert len(made.client.call("GET", path).json) == 2
    assert made.client.call("DELETE", path, {"emails": ["b@x.com"], "delete_all": True}).status == 400
    assert made.client.call("DELETE", path, {"delete_all": True}).status == 204
    assert made.client.call("GET", path).json == []


def test_a_global_unsubscribe_stops_the_next_mail(bench: Start, receiver: Receiver):
    made = bench()
    answer = made.client.call("POST", "/v3/asm/suppressions/global", {"recipient_emails": ["a@x.com"]})
    assert (answer.status, answer.json) == (201, {"recipient_emails": ["a@x.com"]})
    assert made.client.call("GET", "/v3/asm/suppressions/global/a@x.com").json == {"recipient_email": "a@x.com"}
    assert made.client.call("GET", "/v3/asm/suppressions/global/b@x.com").json == {}
    made.client.send(mail("a@x.com"))
    made.settle()
    assert receiver.one("dropped")["reason"] == "Unsubscribed Address"
    assert made.client.call("DELETE", "/v3/asm/suppressions/global/a@x.com").status == 204


def test_sendgrids_endpoints_need_a_key_and_the_control_api_needs_none(bench: Start):
    client = bench().client
    for path in ("/v3/scopes", "/v3/suppression/bounces", "/v3/user/webhooks/event/settings/signed"):
        assert (client.call("GET", path, key=None).status, client.call("GET", path).status) == (401, 200)
    assert "mail.send" in client.call("GET", "/v3/scopes").json["scopes"]
    assert client.call("GET", "/sandbox/api/messages", key=None).status == 200
    assert client.call("GET", "/v3/nothing").json["errors"][0]["message"] == "not found"


def test_the_inbox_is_paged_by_cursor_and_filtered_by_recipient(bench: Start):
    client = bench().client
    client.send(mail([f"o{n}@x.com" for n in range(5)]))
    first = client.call("GET", "/sandbox/api/messages?limit=3").json
    second = client.call("GET", f"/sandbox/api/messages?limit=3&cursor={first['cursor']}").json
    assert [m["to"][:2] for m in (*first["messages"], *second["messages"])] == ["o4", "o3", "o2", "o1", "o0"]
    assert second["cursor"] is None
    (only,) = client.call("GET", "/sandbox/api/messages?to=o3@x.com").json["messages"]
    assert (only["subject"], only["custom_args"]["campaign_id"]) == ("Your house", "c-1")


def test_one_message_shows_its_parts_headers_links_and_events(bench: Start):
    made = bench()
    x_message_id = made.client.send(mail("open@x.com", headers={"X-A": "1"})).headers["x-message-id"]
    made.settle()
    shown = made.client.call("GET", f"/sandbox/api/messages/{x_message_id}").json
    assert (shown["text"], shown["headers"], shown["links"][1]) == ("Hello", {"X-A": "1"}, "https://example.com/help")
    assert [event["event"] for event in shown["events"]] == ["processed", "delivered", "open"]
    assert made.client.call("GET", f"/sandbox/api/messages/{shown['sg_message_id']}").json["id"] == shown["id"]
    assert made.client.call("GET", "/sandbox/api/messages/none").status == 404


def test_waiting_returns_the_mail_as_soon_as_it_comes(bench: Start):
    made = bench()
    waiter = Client(made.server.url)
    found: list[Any] = []
    path = "/sandbox/api/messages/wait?to=late@x.com&timeout=10"
    thread = threading.Thread(target=lambda: found.append(waiter.call("GET", path)))
    thread.start()
    made.client.send(mail("other@x.com"))
    made.client.send(mail("late@x.com"))
    thread.join(30)
    waiter.connection.close()
    assert found[0].json["to"] == "late@x.com"
    assert made.client.call("GET", "/sandbox/api/messages/wait?to=never@x.com&timeout=0.05").status == 404


ACTS = {
    "open": ["open"],
    "machine_open": ["open"],
    "click": ["click"],
    "scanner": ["open", "click", "click"],
    "bounce": ["bounce"],
    "async_bounce": ["bounce"],
    "block": ["bounce"],
    "defer": ["deferred"],
    "drop": ["dropped"],
    "spam": ["spamreport"],
    "unsubscribe": ["unsubscribe"],
    "group_unsubscribe": ["group_unsubscribe"],
    "group_resubscribe": ["group_resubscribe"],
}


@pytest.mark.parametrize("action", ACTS)
def test_a_person_can_make_anything_happen_to_a_mail(bench: Start, receiver: Receiver, action: str):
    made = bench()
    x_message_id = made.client.send(mail("owner@x.com")).headers["x-message-id"]
    made.settle()
    receiver.posts.clear()
    answer = made.client.call("POST", f"/sandbox/api/messages/{x_message_id}/act", {"action": action})
    assert [event["event"] for event in answer.json["events"]] == ACTS[action]
    made.settle()
    assert sorted(receiver.kinds()) == sorted(ACTS[action])


def test_acting_takes_options_and_explains_mistakes(bench: Start):
    made = bench()
    x_message_id = made.client.send(mail("owner@x.com", asm={"group_id": 5})).headers["x-message-id"]
    made.settle()
    act = made.sandbox.act
    assert act(x_message_id, "click", url="https://a.b/c", index=4)[0]["url_offset"] == {"index": 4, "type": "html"}
    assert [event["attempt"] for event in act(x_message_id, "defer", times=2)] == ["1", "2"]
    assert act(x_message_id, "bounce", reason="gone", status="5.2.1")[0]["reason"] == "gone"
    assert act(x_message_id, "group_unsubscribe")[0]["asm_group_id"] == 5
    with pytest.raises(errors.ValidationError, match="action: unknown: 'explode'"):
        act(x_message_id, "explode")
    with pytest.raises(errors.ValidationError, match="no message 'none'; the newest 5000 are kept"):
        act("none", "open")
    with pytest.raises(errors.ValidationError, match="times: must be a whole number from 1 to 100"):
        act(x_message_id, "defer", times="3")
    answer = made.client.call("POST", f"/sandbox/api/messages/{x_message_id}/act", {"action": "open", "resaon": "x"})
    assert (answer.status, answer.json["errors"][0]["field"]) == (400, "resaon")
    answer = made.client.call("POST", "/sandbox/api/messages/none/act", {"action": "open"})
    assert (answer.status, answer.json["errors"][0]["field"]) == (400, "message_id")


def test_leaving_a_group_drops_the_next_mail_of_that_group_only(bench: Start, receiver: Receiver):
    made = bench()
    x_message_id = made.client.send(mail("a@x.com", asm={"group_id": 5})).headers["x-message-id"]
    made.settle()
    made.sandbox.act(x_message_id, "group_unsubscribe")
    made.client.send(mail("a@x.com", asm={"group_id": 5}))
    made.client.send(mail("a@x.com", asm={"group_id": 6}))
    made.settle()
    assert (receiver.one("dropped")["asm_group_id"], receiver.kinds().count("delivered")) == (5, 2)


def test_an_account_change_is_an_event_without_mail(bench: Start, receiver: Receiver):
    made = bench()
    answer = made.client.call("POST", "/sandbox/api/act", {"action": "account_status_change", "type": "reactivate"})
    made.settle()
    assert answer.json["events"] == receiver.events
    assert set(receiver.events[0]) == {"event", "sg_event_id", "timestamp", "type"}
    assert made.sandbox.truth()["events"] == {"account_status_change": 1}


def test_faults_are_turned_over_http(bench: Start):
    client = bench().client
    assert client.call("PUT", "/sandbox/api/faults", {"credits": 1}).json["credits"] == 1
    assert client.send().status == 401
    assert client.call("PUT", "/sandbox/api/faults", {"latency_ms": 1}).json["credits"] == 0
    assert client.call("PUT", "/sandbox/api/faults", {"nonsense": 1}).status == 400
    assert client.call("PUT", "/sandbox/api/faults", [1]).status == 400
    assert client.call("GET", "/sandbox/api/faults").json["latency_ms"] == 1
    assert client.call("PATCH", "/sandbox/api/faults", {"credits": 0.5}).json["latency_ms"] == 1
    assert client.call("DELETE", "/sandbox/api/faults").json["latency_ms"] == 0


def test_truth_settle_key_and_clearing_work_over_http(bench: Start):
    made = bench()
    made.client.send()
    assert made.client.call("POST", "/sandbox/api/settle?timeout=10").json["settled"] is True
    assert made.client.call("GET", "/sandbox/api/truth?detail=false").json["events"] == {"processed": 1, "delivered": 1}
    assert made.client.call("GET", "/sandbox/api/key").json == {"public_key": made.sandbox.public_key}
    assert made.client.call("DELETE", "/sandbox/api/messages").status == 204
    assert made.client.call("GET", "/sandbox/api/messages").json == {"messages": [], "cursor": None}
    assert made.sandbox.truth()["accepted"] == 0


def test_clearing_forgets_retries_too(bench: Start, receiver: Receiver):
    made = bench(retry_schedule=(30.0,))
    receiver.answers = [500] * 10
    made.client.send(mail("drop@x.com"))
    assert made.sandbox.settle(0.3)["settled"] is False
    made.sandbox.clear()
    assert made.sandbox.settle(60)["settled"] is True
    made.client.send(mail("a@x.com"))
    receiver.answers = []
    made.settle()


def test_only_the_newest_messages_are_kept_but_the_truth_of_all(bench: Start):
    made = bench(max_messages=3)
    for number in range(6):
        made.client.send(mail(f"o{number}@x.com", custom_args={"outreach_message_id": str(number)}))
    made.settle()
    assert [m.email[:2] for m in made.sandbox.messages()] == ["o5", "o4", "o3"]
    assert len(made.sandbox.truth()["messages"]) == 6


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Origin": "https://evil.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Sec-Fetch-Site": "same-site"}, 403),
        ({"Host": "rebound.evil.example"}, 403),
        ({"Host": ""}, 403),
        ({"Sec-Fetch-Site": "none"}, 200),
        ({"Host": "localhost:1"}, 200),
        ({"Host": "sandbox:8080"}, 200),
        ({"Host": "[::1]"}, 200),
    ],
)
def test_pages_of_other_sites_neither_read_nor_do_anything(bench: Start, headers: dict[str, str], status: int):
    made = bench()
    connection = made.client.connection
    key = made.sandbox.public_key
    for method, path in (("GET", "/sandbox/api/messages"), ("POST", "/sandbox/api/key")):
        connection.request(method, path, b"", headers)
        answer = connection.getresponse()
        answer.read()
        assert answer.status == status
    assert (made.sandbox.public_key == key) is (status == 403)


def test_a_taken_port_is_explained():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(errors.ConfigurationError, match=f"cannot listen on 127.0.0.1:{port}"):
            SandboxServer(Sandbox(), port=port).start()


def test_the_application_works_mounted_under_a_plain_server_resets_included():
    sandbox = Sandbox()
    application = Starlette(routes=[Mount("/sendgrid", create_application(sandbox))])
    listening = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(application, log_config=None, lifespan="off", timeout_graceful_shutdown=1))
    thread = threading.Thread(target=lambda: asyncio.run(server.serve([listening])))
    thread.start()
    client = Client(f"http://127.0.0.1:{listening.getsockname()[1]}")
    try:
        with sandbox:
            assert client.call("POST", "/sendgrid/v3/mail/send", mail()).status == 202
            assert client.call("POST", "/sendgrid/v3/mail/send", mail(subject="")).status == 400
            sandbox.faults.set(reset_after_body=1.0)
            with pytest.raises(ConnectionResetError):
                client.call("POST", "/sendgrid/v3/mail/send", mail())
            assert sandbox.truth()["accepted"] == 2
    finally:
        client.connection.close()
        server.should_exit = True
        thread.join()
        listening.close()
