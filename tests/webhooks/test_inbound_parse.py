"""What Inbound Parse posts, broken in every way that strangers and programs break it."""

from __future__ import annotations

import base64
import tracemalloc
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from python_multipart.multipart import MultipartParser

from orchestrator import errors
from orchestrator.domain.reply import Attachment, InboundMail
from orchestrator.webhooks import inbound
from tests.webhooks.inbound_posts import BOUNDARY, CONTENT_TYPE, form

HEADERS = (
    b"From: Jo <jo@example.test>\r\nTo: r@in.example.test\r\nSubject: Re: memo\r\nMessage-ID: <1@example.test>\r\n"
)
ENVELOPE = b'{"to":["r+abc@in.example.test"],"from":"jo@example.test"}'
unhurried = settings(deadline=None)


def default(text: bytes = b"Hello", **fields: bytes) -> InboundMail:
    """A mail in the default mode; fields given replace the usual ones, an empty one is left out."""
    usual = {"headers": HEADERS, "text": text, "envelope": ENVELOPE, **fields}
    return inbound.parse(form([(name, value) for name, value in usual.items() if value]), CONTENT_TYPE)


def raw(mail: bytes, envelope: bytes = ENVELOPE) -> InboundMail:
    return inbound.parse(form([("email", mail), ("envelope", envelope)]), CONTENT_TYPE)


@pytest.mark.parametrize("content_type", ["application/json", "", "multipart/form-data", "multipart/mixed; boundary=x"])
def test_what_is_no_form_is_refused_in_words(content_type: str):
    with pytest.raises(errors.MalformedPayload, match="not multipart/form-data"):
        inbound.parse(b"{}", content_type)


@pytest.mark.parametrize("body", [b"", b"nothing", f"--{BOUNDARY}--".encode()])
def test_a_form_without_a_field_is_refused(body: bytes):
    with pytest.raises(errors.MalformedPayload, match="without a field"):
        inbound.parse(body, CONTENT_TYPE)


def test_an_envelope_may_name_several_recipients():
    got = default(
        envelope=b'{"to":["a@in.example.test","b@in.example.test","a@in.example.test",7],"from":"jo@example.test"}'
    )

    assert got.envelope_to == ("a@in.example.test", "b@in.example.test")
    assert got.envelope_from == "jo@example.test"


@pytest.mark.parametrize("envelope", [b"", b"{", b"[]", b"null", b'{"to":{"a":1}}', b"\xff\xfe", b"[" * 9_000])
def test_without_a_usable_envelope_the_header_says_whom_a_mail_is_for(envelope: bytes):
    got = default(envelope=envelope)

    assert (got.has_envelope, got.envelope_from, got.envelope_to) == (False, None, ("r@in.example.test",))


def test_a_null_sender_is_told_from_a_missing_envelope():
    got = default(envelope=b'{"to":["r@in.example.test"],"from":""}')

    assert (got.has_envelope, got.envelope_from) == (True, None)


@pytest.mark.parametrize(
    ("charsets", "text", "read"),
    [
        (b'{"text":"windows-1252"}', b"caf\xe9 \x93ok\x94", "café “ok”"),
        (b'{"text":"iso-8859-1"}', b"caf\xe9 \x93ok\x94", "café “ok”"),
        (b'{"text":"UTF-8"}', "café".encode(), "café"),
        (b'{"text":"UTF-8"}', b"caf\xe9", "café"),
        (b'{"text":"x-unknown"}', "café".encode(), "café"),
        (b'{"text":"hex"}', b"6869", "6869"),
        (b'{"text":"punycode"}', b"a-b", "a-b"),
        (b'{"text":"\\u0000"}', b"plain", "plain"),
        (b'{"text":7}', b"plain", "plain"),
        (b"no json", "naïve".encode(), "naïve"),
        (b'{"text":"shift_jis"}', "売りません".encode("cp932"), "売りません"),
        (b'{"text":"iso-2022-jp"}', "売りません".encode("iso2022_jp"), "売りません"),
        (b'{"text":"gb2312"}', "不卖，谢谢".encode("gb18030"), "不卖，谢谢"),
    ],
)
def test_each_field_is_read_by_its_own_charset_or_what_fits_better(charsets: bytes, text: bytes, read: str):
    assert default(text, charsets=charsets).text == read


def test_nul_controls_and_broken_surrogates_do_not_get_through():
    got = default(b"a\x00b\x1bc\xed\xa0\x80d", charsets=b'{"text":"utf-8"}', subject=b"x")

    assert "\x00" not in got.text + got.raw_headers
    assert "\x1b" not in got.text
    got.text.encode()


def test_a_header_decodes_to_one_line_and_adds_no_header():
    injected = (
        b"From: =?utf-8?q?Eve=0D=0AAuto-Submitted:_yes?= <eve@example.test>\r\nSubject: =?utf-8?b?YQ0KQmNjOiB4?=\r\n"
    )
    got = default(headers=injected)

    assert got.from_name == "Eve Auto-Submitted: yes"
    assert got.subject == "a Bcc: x"
    assert got.header("Auto-Submitted") is None


@pytest.mark.parametrize(
    ("value", "name", "address"),
    [
        ("Müller, Hans <h@example.test>", "Müller, Hans", "h@example.test"),
        ('"evil@example.test" <real@example.test>', "evil@example.test", "real@example.test"),
        ("jo@example.test (Jo)", None, "jo@example.test"),
        ("<jo@example.test>", None, "jo@example.test"),
        ("=?iso-8859-1?q?Jos=E9?= <jose@example.test>", "José", "jose@example.test"),
        ("a@example.test, b@example.test", None, "a@example.test"),
        ("nobody at all", "nobody at all", None),
        ("", None, None),
    ],
)
def test_the_sender_is_found_in_what_programs_write(value: str, name: str | None, address: str | None):
    got = default(headers=f"From: {value}\r\nTo: r@in.example.test\r\n".encode())

    assert (got.from_name, got.from_email) == (name, address)


def test_words_cut_in_the_middle_of_a_character_are_joined():
    first, second = (base64.b64encode(half).decode() for half in ("für".encode()[:2], "für".encode()[2:]))

    got = default(headers=f"Subject: =?utf-8?B?{first}?=\r\n =?utf-8?B?{second}?= us\r\n".encode())

    assert got.subject == "für us"


def test_repeated_headers_keep_their_order_and_any_case():
    got = default(headers=b"Received: one\r\nRECEIVED: two\r\n\tfolded\r\nno colon\r\nX:y\r\n")

    assert got.all("received") == ["one", "two folded"]
    assert got.header("x") == "y"


def test_ids_come_with_the_nearest_first_and_once():
    references = b"References: <first@x> <second@x>\r\n <third@x>\r\nIn-Reply-To: <third@x> (said Jo)\r\n"
    assert default(headers=references).in_reply_to == ("third@x", "second@x", "first@x")


@pytest.mark.parametrize(
    "date", ["", "yesterday", "Mon, 99 Foo 2026", "0", "Sun, 22 Nov 99999 10:00:00 +0000", "a" * 999]
)
def test_a_date_that_is_none_is_none(date: str):
    assert default(headers=f"Date: {date}\r\n".encode()).date is None


def test_a_date_is_told_in_utc():
    assert default(headers=b"Date: Sun, 22 Nov 2026 10:00:00 -0600\r\n").date == datetime(2026, 11, 22, 16, tzinfo=UTC)


def test_the_same_mail_to_the_same_recipients_has_one_key():
    key = default().dedupe_key

    assert default(b"changed on the way").dedupe_key == key
    assert raw(HEADERS + b"\r\nHello").dedupe_key == key
    assert default(envelope=ENVELOPE.replace(b"abc", b"xyz")).dedupe_key != key
    unnamed = HEADERS.replace(b"Message-ID", b"X-Other")
    assert default(b"one", headers=unnamed).dedupe_key != default(b"two", headers=unnamed).dedupe_key


def test_files_are_told_of_by_name_type_and_size():
    told = b'{"attachment1":{"filename":"told.pdf","type":"application/pdf"}}'
    body = form([("headers", HEADERS), ("text", b"x"), ("attachment-info", told)], [("attachment1", "", "", b"12345")])
    nameless = body.replace(b'; filename=""\r\nContent-Type: ', b"")

    assert inbound.parse(nameless, CONTENT_TYPE).attachments == (Attachment("told.pdf", "application/pdf", 5),)


def test_a_mail_with_25_megabytes_of_files_takes_no_memory_of_that_size():
    content = base64.encodebytes(bytes(999)) * 18_000
    mail = (
        HEADERS
        + b"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: text/plain\r\n\r\nSee photo\r\n"
        b"--b\r\nContent-Type: image/png; name=a.png\r\nContent-Transfer-Encoding: base64\r\n\r\n"
        + content
        + b"\r\n--b--\r\n"
    )
    body = form([("email", mail), ("envelope", ENVELOPE)])
    tracemalloc.start()
    got = inbound.parse(body, CONTENT_TYPE)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert len(body) > 24_000_000
    assert got.text.strip() == "See photo"
    assert got.attachments[0].size == pytest.approx(999 * 18_000, abs=4)
    assert peak < 2_000_000


def test_parts_within_parts_without_end_are_read_as_far_as_is_sensible():
    nested = b"".join(b"Content-Type: multipart/mixed; boundary=b%d\r\n\r\n--b%d\r\n" % (at, at) for at in range(500))
    assert raw(HEADERS + nested + b"Content-Type: text/plain\r\n\r\nDeep").text is not None
    many = b"--b\r\n\r\nx\r\n" * 30_000
    assert raw(HEADERS + b"Content-Type: multipart/mixed; boundary=b\r\n\r\n" + many).text.startswith("x")


@unhurried
@given(st.binary(max_size=400))
def test_any_bytes_are_a_mail_or_refused_in_words(body: bytes):
    for whole in (body, form([("email", body)]), form([("headers", body), ("text", body), ("charsets", body)])):
        try:
            got = inbound.parse(whole, CONTENT_TYPE)
        except errors.MalformedPayload:
            continue
        "".join([got.text, got.raw_headers, got.subject, got.from_name or "", *got.in_reply_to]).encode()


headers = st.sampled_from(
    ["From", "To", "Subject", "Date", "Content-Type", "Content-Disposition", "Message-ID", "References"]
)
pieces = st.sampled_from([
    "=?utf-8?b?", "=?x?q?=00?=", "?=", "<", ">", '"', ";", "charset=", "boundary=b", "name*0*=x''%ff", "filename*=\0'",
    "--b", "multipart/mixed", "text/html", "message/rfc822", "(", ")", "@", ",", "\\", "\x85", "Sun, 22 Nov 2026", "=",
    "\r\n ",
])  # fmt: skip
lines = st.tuples(headers, st.lists(pieces | st.text(max_size=5), max_size=8).map("".join)).map(": ".join)


@unhurried
@given(st.lists(lines, max_size=10), st.lists(pieces | st.just("\r\n--b\r\n"), max_size=12).map("".join))
def test_no_header_makes_reading_fail(block: list[str], body: str):
    mail = ("\r\n".join(block) + "\r\n\r\n" + body).encode("utf-8", "surrogatepass")
    for got in (raw(mail), default(headers=mail or b"x")):
        assert all("\n" not in value and "\x00" not in value for _, value in got.headers)


@unhurried
@given(
    st.dictionaries(
        st.from_regex(r"[a-zA-Z][a-z-]{0,10}", fullmatch=True), st.binary(max_size=60), min_size=1, max_size=6
    )
)
def test_a_form_is_cut_as_an_established_parser_cuts_it(fields: dict[str, bytes]):
    body = form(list(fields.items()))
    theirs: list[bytearray] = []
    parser = MultipartParser(
        BOUNDARY.encode(),
        {
            "on_part_begin": lambda: theirs.append(bytearray()),
            "on_part_data": lambda data, start, end: theirs[-1].extend(data[start:end]),
        },
    )
    parser.write(body)

    from email.message import Message

    from orchestrator.webhooks.inbound import mime

    request = Message()
    request["content-type"] = CONTENT_TYPE
    ours = mime.children(mime.Part(body, "", [], 0, len(body), request), limit=100)
    assert [body[part.start : part.end] for part in ours] == [bytes(each) for each in theirs]
