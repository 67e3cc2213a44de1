"""Reading the JSON of a webhook body, element by element where it must be."""

from __future__ import annotations

import hashlib
import json
import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import orjson

from orchestrator import errors

MAX_DIGITS = 255  #: of an integer; Python takes long for longer ones, and no field of an event has so many
BEGINNING = 2_000  #: bytes of an unreadable element that are kept

#: What matters for where an element ends: texts, which hide everything else, brackets and commas.
_TOKEN = re.compile(rb'"(?:[^"\\]|\\.)*"|[\[\]{},]', re.DOTALL)


@dataclass(frozen=True, slots=True)
class Unreadable:
    """An element that no reader of JSON takes."""

    beginning: str
    reason: str
    digest: str


def load(body: bytes) -> Any:
    """Read the JSON of a webhook body; what orjson refuses but SendGrid may pass on is read leniently.

    Readers of JSON give up at some depth of nesting, and then on everything that stands beside it. Then the elements of
    a list are read one by one, and those that cannot be read become `Unreadable`.

    Raises:
        MalformedPayload: The body is not JSON.
    """
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError as strict:
        try:
            return _load_leniently(body)
        except RecursionError:
            return [_load_element(element) for element in split(body)]
        except ValueError:
            raise errors.MalformedPayload(
                f"The webhook's body is not JSON: {strict}.",
                fix="Point only SendGrid's Event Webhook at this address; replies go to the inbound address.",
            ) from None


def split(body: bytes) -> Iterator[bytes]:
    """Yield the elements of a JSON list as they stand, without understanding them; depth costs nothing here."""
    depth, start = 0, 0
    for token in _TOKEN.finditer(body):
        sign = token[0]
        if depth == 1 and sign in (b",", b"]"):
            yield body[start : token.start()].strip()
        if sign in (b"[", b"{"):
            depth += 1
        elif sign in (b"]", b"}"):
            depth -= 1
        if depth == 1 and sign in (b"[", b","):
            start = token.end()


def _load_leniently(body: bytes) -> Any:
    """Read JSON with bad UTF-8, lone surrogates, control characters, NaN and numbers without end."""
    return json.loads(
        body.decode("utf-8-sig", errors="replace"),
        strict=False,
        parse_constant=lambda _: None,
        parse_float=_finite,
        parse_int=lambda text: int(text) if len(text) < MAX_DIGITS else None,
    )


def _load_element(element: bytes) -> Any:
    try:
        return _load_leniently(element)
    except (RecursionError, ValueError) as error:
        deep = isinstance(error, RecursionError)
        return Unreadable(
            element[:BEGINNING].decode("utf-8", errors="replace").replace("\x00", "\ufffd"),
            "The element is nested too deeply to be read." if deep else "The element is not JSON.",
            hashlib.sha256(element).hexdigest(),
        )


def _finite(text: str) -> float | None:
    value = float(text)
    return value if math.isfinite(value) else None
