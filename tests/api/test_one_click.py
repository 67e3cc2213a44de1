"""RFC 8058 and RFC 2369 as a mailbox provider meets them: raw bytes over a socket, a real installation behind it."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest

from orchestrator import OutreachCampaign, OutreachOrchestrator
from orchestrator.app import create_service
from orchestrator.repository import OutreachRepository
from tests.api.live_service import serving
from tests.samples import MEMO_URL, SCORE, TENANT, facade, property_record

BODY = b"List-Unsubscribe=One-Click"
FORM = b"Content-Type: application/x-www-form-urlencoded"
PARTS = b'--x\r\nContent-Disposition: form-data; name="List-Unsubscribe"\r\n\r\nOne-Click\r\n--x--\r\n'
MULTIPART = b"Content-Type: multipart/form-data; boundary=x"

House = tuple[OutreachOrchestrator, int, OutreachCampaign, str]


@pytest.fixture
def house(repository: OutreachRepository) -> Iterator[House]:
    """A service on a socket, and one campaign that was sent with the token in its header."""
    with facade(repository, base_url="https://go.sender.test") as (orchestrator, transport):
        campaign = orchestrator.create_campaign(TENANT, property_record(), SCORE, MEMO_URL)
        orchestrator.send_campaign(campaign.id, TENANT)
        headers = transport.sent[0].headers
        assert headers["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
        https, mailto = (part.strip() for part in headers["List-Unsubscribe"].split(","))
        assert mailto.startswith("<mailto:")
        token = https.removeprefix("<https://go.sender.test/u/").removesuffix(">")
        with serving(create_service(orchestrator)) as port:
            yield orchestrator, port, campaign, token


def ask(port: int, method: bytes, path: str, body: bytes | None = None, *headers: bytes) -> tuple[int, bytes, bytes]:
    """Send one request as bytes, without a cookie or anything else; return status, header lines and body."""
    lines = [method + b" " + path.encode() + b" HTTP/1.1", b"Host: go.sender.test", b"Connection: close", *headers]
    if body is not None:
        lines.append(b"Content-Length: " + str(len(body)).encode())
    with socket.create_connection(("127.0.0.1", port), timeout=60) as connection:
        connection.sendall(b"\r\n".join(lines) + b"\r\n\r\n" + (body or b""))
        answer = b"".join(iter(lambda: connection.recv(65536), b""))
    head, _, rest = answer.partition(b"\r\n\r\n")
    return int(head.split(b" ", 2)[1]), head.lower(), rest


def status(house: House) -> str:
    stored = house[0].get_campaign(house[2].id, TENANT)
    assert stored is not None
    return str(stored.status)


@pytest.mark.parametrize(
    ("body", "headers"),
    [
        pytest.param(BODY, (FORM,), id="urlencoded"),
        pytest.param(PARTS, (MULTIPART,), id="multipart"),
        pytest.param(BODY, (FORM.replace(b"Content-Type", b"CONTENT-TYPE"),), id="header case"),
        pytest.param(b"list-unsubscribe=one-click", (FORM,), id="body case"),
        pytest.param(b"", (FORM,), id="empty body"),
        pytest.param(None, (), id="no body"),
        pytest.param(BODY, (), id="no content type"),
    ],
)
@pytest.mark.parametrize("slash", ["", "/"])
def test_one_post_is_enough(house: House, body: bytes | None, headers: tuple[bytes, ...], slash: str) -> None:
    answers = [ask(house[1], b"POST", f"/u/{house[3]}{slash}", body, *headers) for _ in range(3)]
    assert [(code, rest) for code, _, rest in answers] == [(200, answers[0][2])] * 3
    for _, head, _ in answers:
        assert b"set-cookie" not in head
        assert b"location:" not in head
    assert status(house) == "unsubscribed"
    assert not house[0].operations.suppressions.check(TENANT, house[2].owner_email).allowed
    history = [event for event in house[0].get_events(house[2].id, TENANT) if event.event_type == "unsubscribed"]
    assert len(history) == 1


def test_a_path_in_another_case_is_no_way_out_and_no_redirect(house: House) -> None:
    code, head, _ = ask(house[1], b"POST", f"/U/{house[3]}", BODY, FORM)
    assert (code, b"location:" in head) == (404, False)
    assert ask(house[1], b"POST", f"/u/{house[3].swapcase()}", BODY, FORM)[0] == 200
    assert status(house) == "sent"


def test_two_hundred_looks_of_scanners_change_nothing(house: House) -> None:
    before = house[0].get_events(house[2].id, TENANT)
    methods = (b"GET", b"HEAD", b"OPTIONS", b"GET")
    for turn in range(200):
        path = f"/u/{house[3]}" + ("", "/", "?choice=all", "?List-Unsubscribe=One-Click")[turn // 4 % 4]
        assert ask(house[1], methods[turn % 4], path)[0] in (200, 204)
    assert status(house) == "sent"
    assert house[0].get_events(house[2].id, TENANT) == before
    assert house[0].operations.suppressions.list_(TENANT) == ()


@pytest.mark.parametrize("body", [None, BODY, b"choice=all", b"choice=sold", b"undo=yes"])
def test_forged_tokens_are_answered_like_real_ones(house: House, body: bytes | None) -> None:
    orchestrator, port, campaign, token = house
    sign = orchestrator.services.secrets.signer.sign
    forged = [
        token[::-1],
        sign("reply", (TENANT, campaign.id, campaign.id)),
        sign("unsubscribe", ("0b8e6f0a-94f6-4c39-8a77-5a6d8f1e2c33", campaign.id, campaign.id)),
        "x",
    ]
    method = b"GET" if body is None else b"POST"
    answers = {ask(port, method, f"/u/{one}", body, FORM)[::2] for one in (*forged, token)}
    assert len(answers) == 1
    others = orchestrator.operations.suppressions.list_("0b8e6f0a-94f6-4c39-8a77-5a6d8f1e2c33")
    assert others == ()


def test_a_person_stops_a_property_thinks_better_of_it_and_stops_everything(house: House) -> None:
    path = f"/u/{house[3]}"
    assert b"Undo" in ask(house[1], b"POST", path, b"choice=property", FORM)[2]
    assert status(house) == "unsubscribed"
    assert b"Taken back" in ask(house[1], b"POST", path, b"undo=yes", FORM)[2]
    assert status(house) == "sent"
    assert b"Undo" in ask(house[1], b"POST", path, b"choice=all", FORM)[2]
    assert status(house) == "unsubscribed"
