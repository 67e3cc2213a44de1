"""``/u/{token}``: people and mailbox providers get out, link scanners change nothing."""

from __future__ import annotations

import re

import pytest

from orchestrator import errors
from orchestrator.api import pages
from tests.api.live_service import Service

FORM = {"Content-Type": "application/x-www-form-urlencoded"}
ONE_CLICK = b"List-Unsubscribe=One-Click"
MULTIPART = {"Content-Type": "multipart/form-data; boundary=b"}
MULTIPART_BODY = b'--b\r\nContent-Disposition: form-data; name="List-Unsubscribe"\r\n\r\nOne-Click\r\n--b--\r\n'
BROKEN = b"\x00\xff{" * 100


@pytest.mark.parametrize("path", ["/u/known-token", "/u/known-token/"])
@pytest.mark.parametrize(
    ("body", "headers"),
    [
        pytest.param(ONE_CLICK, FORM, id="urlencoded"),
        pytest.param(MULTIPART_BODY, MULTIPART, id="multipart"),
        pytest.param(None, {}, id="no body"),
        pytest.param(b"", FORM, id="empty body"),
        pytest.param(BROKEN, MULTIPART, id="broken multipart"),
        pytest.param(BROKEN, {"Content-Type": "application/json"}, id="broken JSON"),
        pytest.param(ONE_CLICK, {**FORM, "Origin": "https://mail.example.test", "Cookie": "a=b"}, id="foreign origin"),
    ],
)
def test_a_post_unsubscribes_whatever_its_body(service: Service, path: str, body: bytes | None, headers: dict):
    answer = service.request("POST", path, body, headers)

    assert (answer.status, service.core.unsubscribed) == (200, ["known-token"])
    assert "You are unsubscribed" in answer.text


def test_a_repeated_post_is_answered_alike(service: Service):
    first, second = (service.request("POST", "/u/known-token", ONE_CLICK, FORM) for _ in range(2))

    assert (first.status, first.body) == (second.status, second.body)


@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS"])
@pytest.mark.parametrize("path", ["/u/known-token", "/u/known-token/", "/u/known-token?List-Unsubscribe=One-Click"])
def test_looking_changes_nothing(service: Service, method: str, path: str):
    answer = service.request(method, path)

    assert answer.status in (200, 204)
    assert service.core.unsubscribed == []
    assert (answer.body == b"") == (method != "GET")


def test_options_names_the_methods(service: Service):
    assert service.request("OPTIONS", "/u/known-token").headers["Allow"] == "GET, HEAD, OPTIONS, POST"


@pytest.mark.parametrize("token", ["never-made", "forged-one", "x" * 5000, "%00", "%3Cscript%3E"])
def test_the_answer_does_not_tell_whether_a_token_is_known(service: Service, token: str):
    known, unknown = (service.request("POST", f"/u/{t}", ONE_CLICK, FORM) for t in ("known-token", token))
    asked, asked_unknown = (service.request("GET", f"/u/{t}") for t in ("known-token", token))

    assert (unknown.status, unknown.body) == (known.status, known.body)
    assert (asked_unknown.status, asked_unknown.body) == (asked.status, asked.body)


@pytest.mark.parametrize("body", [b"choice=all", b"choice=sold", b"undo=yes"])
def test_no_answer_of_our_page_tells_whether_a_token_is_known(service: Service, body: bytes):
    answers = [service.request("POST", f"/u/{t}", body, FORM) for t in ("known-token", "never-made", "forged", "x" * 9)]

    assert len({(answer.status, answer.body) for answer in answers}) == 1
    assert answers[0].status == 200


def test_a_token_longer_than_any_of_ours_never_reaches_the_core(service: Service):
    service.request("POST", f"/u/{'x' * 2049}")
    service.request("POST", f"/u/{'x' * 2049}", b"undo=yes", FORM)
    service.request("GET", f"/u/{'x' * 2049}")

    assert (service.core.unsubscribed, service.core.undone) == ([], [])


@pytest.mark.parametrize(
    ("body", "headers"),
    [
        pytest.param(b"choice=sold", FORM, id="urlencoded"),
        pytest.param(b"a=1&choice=sold&choice=all", FORM, id="more than one"),
        pytest.param(MULTIPART_BODY.replace(b"List-Unsubscribe", b"choice").replace(b"One-Click", b"sold"), MULTIPART,
                     id="multipart"),
        pytest.param(b"choice=sold", {}, id="no content type"),
    ],
)  # fmt: skip
def test_what_was_chosen_on_the_page_reaches_the_core_and_can_be_undone(service: Service, body: bytes, headers: dict):
    answer = service.request("POST", "/u/known-token", body, headers)

    assert (answer.status, service.core.choices) == (200, ["sold"])
    assert '<button type="submit" name="undo" value="yes">Undo</button>' in answer.text

    undone = service.request("POST", "/u/known-token", b"undo=yes", FORM)
    assert (undone.status, service.core.undone, service.core.choices) == (200, ["known-token"], ["sold"])


@pytest.mark.parametrize("body", [ONE_CLICK, b"", b"choice", b"choise=sold", b"&" * 30 + b"choice=", BROKEN])
def test_any_other_body_stops_everything(service: Service, body: bytes):
    service.request("POST", "/u/known-token", body, FORM)

    assert service.core.choices == [None]


def test_the_page_says_who_writes_and_from_where_whatever_the_token():
    sender = {"company_name": "Acme <Realty> & Sons", "postal_address": "1 Main St\nSpringfield IL 62701"}
    text = bytes(pages.unsubscribe_question(sender).body).decode()

    assert "You got an email from Acme &lt;Realty&gt; &amp; Sons about a property." in text
    assert "<address>1 Main St<br>Springfield IL 62701</address>" in text


def test_the_page_offers_four_choices_of_which_the_safest_is_taken(service: Service):
    text = service.request("GET", "/u/known-token").text

    assert re.findall(r'value="(\w+)"( checked)?>', text) == [
        ("all", " checked"), ("property", ""), ("sold", ""), ("wrong_person", "")
    ]  # fmt: skip


def test_the_page_works_without_script_and_reads_well_aloud(service: Service):
    text = service.request("GET", "/u/known-token").text

    assert '<html lang="en">' in text
    assert re.findall(r"<title>(.*)</title>", text) == re.findall(r"<h1>(.*)</h1>", text) == ["Stop these emails?"]
    assert text.count('<form method="post">') == text.count("<button") == text.count("<main>") == 1
    assert "<script" not in text
    assert "http" not in text.replace("http-equiv", "")


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_the_page_is_not_kept_not_indexed_not_framed_and_sets_no_cookie(service: Service, method: str):
    headers = service.request(method, "/u/known-token").headers

    assert headers["Cache-Control"] == "no-store"
    assert headers["X-Robots-Tag"] == "noindex, nofollow"
    assert headers["Referrer-Policy"] == "no-referrer"
    assert headers["Content-Security-Policy"].startswith("default-src 'none'; style-src 'sha256-")
    assert "form-action 'self'" in headers["Content-Security-Policy"]
    assert "unsafe" not in headers["Content-Security-Policy"]
    assert headers["Set-Cookie"] is None


def test_a_body_no_form_needs_is_refused(service: Service):
    answer = service.request("POST", "/u/known-token", b"x" * 65537, FORM)

    assert (answer.status, service.core.unsubscribed) == (413, [])


def test_an_opt_out_that_could_not_be_stored_is_never_called_done(service: Service):
    service.core.failure = errors.DatabaseUnreachable()
    answer = service.request("POST", "/u/known-token", ONE_CLICK, FORM)

    assert (answer.status, answer.headers["Retry-After"]) == (503, "30")
    assert "You are unsubscribed" not in answer.text


@pytest.mark.parametrize("path", ["/u/test", "/u/test/", "/u/preview"])
def test_the_link_of_a_test_mail_says_that_it_is_one_and_opts_nobody_out(service: Service, path: str):
    answers = [
        service.request("GET", path),
        service.request("POST", path, ONE_CLICK, FORM),
        service.request("POST", path, b"choice=sold", FORM),
    ]
    assert {(answer.status, "This was a test" in answer.text) for answer in answers} == {(200, True)}
    assert service.request("HEAD", path).status == 200
    assert service.core.unsubscribed == []
