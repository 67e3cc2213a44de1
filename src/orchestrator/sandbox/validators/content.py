"""What a mail says: subject, parts, attachments, headers, custom arguments, categories and its time."""

from __future__ import annotations

import binascii
from base64 import b64decode
from collections.abc import Iterator
from typing import Any

import orjson

from orchestrator.sandbox.validators.problem import JSON, Problem

MAX_CATEGORIES, MAX_CATEGORY = 10, 255
MAX_CUSTOM_ARGS = 50_000  # bytes; the documents name 10,000 and 50,000, and nothing the real one takes is refused here
MAX_SUBSTITUTIONS = 10_000  # bytes per personalization
MAX_AHEAD = 72 * 3600  # seconds
RESERVED_HEADERS = frozenset(
    (
        *("x-sg-id", "x-sg-eid", "received", "dkim-signature", "content-type", "content-transfer-encoding"),
        *("to", "from", "subject", "reply-to", "cc", "bcc"),
    )
)
DISPOSITIONS = ("inline", "attachment")

NO_SUBJECT = (
    "The subject is required. You can get around this requirement if you use a template with a subject defined or if "
    "every personalization has a subject defined."
)
EMPTY_SUBJECT = "The subject of your email must be a string at least one character in length."
NO_CONTENT = (
    "There must be at least one defined content block. We typically suggest both text/plain and text/html blocks are "
    "included, but only one block is required."
)
EMPTY_TYPE = "The content type must be a string at least one character in length."
EMPTY_VALUE = "The content value must be a string at least one character in length."
BAD_TYPE = "Cannot contain ';', or CRLF characters."
PART_ORDER = (
    "Following RFC 1341, section 7.2, if either text/html or text/plain are to be sent in your email: text/plain needs "
    "to be first, followed by text/html, followed by any other content."
)
NO_ATTACHMENT_CONTENT = "The attachment content must be a string at least one character in length."
NOT_BASE64 = "The attachment content must be base64 encoded."
NO_FILENAME = "The attachment filename must be a string at least one character in length."
BAD_DISPOSITION = 'The attachment disposition must be either "attachment" or "inline".'
HEADER_NOT_STRING = "All values of the headers object must be strings."
HEADER_KEY = "Header keys can't contain non-ASCII characters or empty spaces."
HEADER_RESERVED = {
    True: "Header can not be one of the reserved keys.",
    False: "Header can't be one of the reserved keys.",
}
NO_CUSTOM_ARGS = "custom_args can't be empty"
LONG_CUSTOM_ARGS = "The custom_args of a personalization can't be larger than 50000 bytes."
LONG_SUBSTITUTIONS = "The substitutions of a personalization can't be larger than 10000 bytes."
MANY_CATEGORIES = "There is a limit of 10 categories for each email that is sent. You provided {} categories."
LONG_CATEGORY = "Each category must not be longer than 255 characters. {} exceeds this limit."
REPEATED_CATEGORY = "The categories must be a unique list, and you have included {} more than once."
CATEGORY_ASCII = "Categories can not contain non-ASCII characters."
CATEGORY_STRING = "Each category must be a string."
SEND_AT_INTEGER = (
    "The `send_at` parameter is expecting a UNIX timestamp as an integer. We will send immediately if you include a "
    "`send_at` timestamp that is in the past."
)
SEND_AT_FAR = "Scheduling more than 72 hours in advance is forbidden."


def _filled(value: Any) -> bool:
    return type(value) is str and value != ""


def subject(payload: JSON) -> Iterator[Problem]:
    """A subject is needed unless a template, or every personalization, brings one."""
    given = payload.get("subject")
    if given is not None and not _filled(given):
        yield Problem(EMPTY_SUBJECT, "subject")
    blocks = payload.get("personalizations") or ()
    own = [block.get("subject") for block in blocks]
    for position, value in enumerate(own):
        if value is not None and not _filled(value):
            yield Problem(EMPTY_SUBJECT, f"personalizations.{position}.subject")
    if given is None and not payload.get("template_id") and (not own or any(value is None for value in own)):
        yield Problem(NO_SUBJECT, "subject")


def _part_rank(part: JSON) -> int:
    return {"text/plain": 0, "text/html": 1}.get(str(part.get("type")).lower(), 2)


def parts(payload: JSON) -> Iterator[Problem]:
    content = payload.get("content")
    if not content:
        if not payload.get("template_id"):
            yield Problem(NO_CONTENT, "content")
        return
    for position, part in enumerate(content):
        if not _filled(part.get("type")):
            yield Problem(EMPTY_TYPE, f"content.{position}.type")
        elif any(char in part["type"] for char in ";\r\n"):
            yield Problem(BAD_TYPE, f"content.{position}.type")
        if not _filled(part.get("value")):
            yield Problem(EMPTY_VALUE, f"content.{position}.value")
    ranks = [_part_rank(part) for part in content]
    if ranks != sorted(ranks):
        yield Problem(PART_ORDER, "content")


def attachments(payload: JSON) -> Iterator[Problem]:
    for position, attachment in enumerate(payload.get("attachments") or ()):
        path = f"attachments.{position}"
        if not _filled(attachment.get("content")):
            yield Problem(NO_ATTACHMENT_CONTENT, f"{path}.content")
        elif not _is_base64(attachment["content"]):
            yield Problem(NOT_BASE64, f"{path}.content")
        if not _filled(attachment.get("filename")):
            yield Problem(NO_FILENAME, f"{path}.filename")
        if any(char in str(attachment.get("type") or "") for char in ";\r\n"):
            yield Problem(BAD_TYPE, f"{path}.type")
        if attachment.get("disposition") not in (None, *DISPOSITIONS):
            yield Problem(BAD_DISPOSITION, f"{path}.disposition")


def _is_base64(text: str) -> bool:
    try:
        b64decode("".join(text.split()), validate=True)
    except (binascii.Error, ValueError):
        return False
    return True


def headers(payload: JSON) -> Iterator[Problem]:
    yield from _headers(payload.get("headers"), "headers", top=True)
    for position, block in enumerate(payload.get("personalizations") or ()):
        yield from _headers(block.get("headers"), f"personalizations.{position}.headers", top=False)


def _headers(given: JSON | None, path: str, *, top: bool) -> Iterator[Problem]:
    if not given:
        return
    if not all(type(value) is str for value in given.values()):
        yield Problem(HEADER_NOT_STRING, path)
    for key in given:
        if not key or not key.isascii() or any(char.isspace() for char in key):
            yield Problem(HEADER_KEY, path)
        elif key.lower() in RESERVED_HEADERS:
            yield Problem(HEADER_RESERVED[top], path)


def arguments(payload: JSON) -> Iterator[Problem]:
    """Custom arguments: not empty, and within the limit once the personalization's are merged in."""
    shared = payload.get("custom_args")
    if shared is not None and not shared:
        yield Problem(NO_CUSTOM_ARGS, "custom_args")
    for position, block in enumerate(payload.get("personalizations") or ()):
        own, path = block.get("custom_args"), f"personalizations.{position}"
        if own is not None and not own:
            yield Problem(NO_CUSTOM_ARGS, f"{path}.custom_args")
        if len(orjson.dumps({**(shared or {}), **(own or {})})) > MAX_CUSTOM_ARGS:
            yield Problem(LONG_CUSTOM_ARGS, f"{path}.custom_args")
        if len(orjson.dumps(block.get("substitutions") or {})) > MAX_SUBSTITUTIONS:
            yield Problem(LONG_SUBSTITUTIONS, f"{path}.substitutions")


def categories(payload: JSON) -> Iterator[Problem]:
    given = payload.get("categories") or ()
    if len(given) > MAX_CATEGORIES:
        yield Problem(MANY_CATEGORIES.format(len(given)), "categories")
    seen: set[Any] = set()
    for position, category in enumerate(given):
        path = f"categories.{position}"
        if type(category) is not str:
            yield Problem(CATEGORY_STRING, path)
            continue
        if len(category) > MAX_CATEGORY:
            yield Problem(LONG_CATEGORY.format(category), path)
        if not category.isascii():
            yield Problem(CATEGORY_ASCII, path)
        if category in seen:
            yield Problem(REPEATED_CATEGORY.format(category), path)
        seen.add(category)


def send_at(payload: JSON, now: int) -> Iterator[Problem]:
    """Check every scheduled time against `now` (unix seconds)."""
    places = [(payload, "send_at")]
    blocks = payload.get("personalizations") or ()
    places += [(block, f"personalizations.{position}.send_at") for position, block in enumerate(blocks)]
    for holder, path in places:
        moment = holder.get("send_at")
        if moment is None:
            continue
        if type(moment) is not int:
            yield Problem(SEND_AT_INTEGER, path)
        elif moment > now + MAX_AHEAD:
            yield Problem(SEND_AT_FAR, path)
