"""Bytes into text, whatever they claim to be."""

from __future__ import annotations

import binascii
import codecs
import re

_NAME = re.compile(r"[A-Za-z0-9_.:-]{1,40}")
#: What mail programs call a charset, and the codec that reads what they then write. The first two hold typographic
#: quotes where ISO has control characters, so everybody reads them as Windows does (WHATWG Encoding Standard §4.2).
_KNOWN_AS = {
    "us-ascii": "cp1252",
    "ascii": "cp1252",
    "iso-8859-1": "cp1252",
    "latin1": "cp1252",
    "iso-8859-8-i": "iso-8859-8",
    "gb2312": "gb18030",
    "gbk": "gb18030",
    "x-gbk": "gb18030",
    "ks_c_5601-1987": "cp949",
    "euc-kr": "cp949",
    "shift_jis": "cp932",
    "shift-jis": "cp932",
    "x-sjis": "cp932",
    "windows-31j": "cp932",
    "iso-2022-jp": "iso2022_jp_ext",
    "unicode-1-1-utf-7": "utf-7",
    "utf8mb4": "utf-8",
}
#: Codecs for other things than mail: escapes, host names, and what takes quadratic time.
_NO_CHARSET = frozenset({"idna", "punycode", "unicode_escape", "raw_unicode_escape", "undefined", "mbcs", "oem"})
_GUESS = "cp1252"

_ENCODED_WORD = re.compile(r"=\?([A-Za-z0-9_.:-]{1,40})(?:\*[A-Za-z0-9-]{0,40})?\?([bBqQ])\?([^?\r\n]*)\?=")
_Q_ESCAPE = re.compile(rb"=([0-9A-Fa-f]{2})")
_NOT_BASE64 = bytes(set(range(256)) - set(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"))


def decode(raw: bytes, charset: str | None = None) -> str:
    """Return `raw` as text: by `charset`, or what fits better where that is missing, unknown or wrong."""
    codec = _codec(charset)
    for candidate in (codec, "utf-8"):
        if candidate is not None:
            try:
                return raw.decode(candidate)
            except (UnicodeError, LookupError):
                continue
    return raw.decode(_GUESS if codec in (None, "utf-8") else codec, errors="replace")


def decode_words(value: str) -> str:
    """Return a header value with its encoded words decoded (RFC 2047); a broken one stays as it was written."""
    pieces: list[str] = []
    pending: list[tuple[str, bytes]] = []
    end = 0
    for word in _ENCODED_WORD.finditer(value):
        between = value[end : word.start()]
        if between.strip() or not pending:
            pieces += [_joined(pending), between]
            pending = []
        pending.append((word[1], _word_bytes(word[2], word[3])))
        end = word.end()
    return "".join([*pieces, _joined(pending), value[end:]])


def from_base64(raw: bytes) -> bytes:
    """Decode base64 as it comes in mail: with line ends, rubbish in between, an end that is missing."""
    digits = raw.translate(None, _NOT_BASE64)
    digits = digits[: len(digits) - 1] if len(digits) % 4 == 1 else digits
    return binascii.a2b_base64(digits + b"=" * (-len(digits) % 4))


def _codec(charset: str | None) -> str | None:
    name = (charset or "").strip().strip("\"'").lower()
    if not _NAME.fullmatch(name):
        return None
    try:
        codec = codecs.lookup(_KNOWN_AS.get(name, name)).name
        b"".decode(codec)  # some codecs are for bytes, such as zlib
    except (LookupError, ValueError):
        return None
    return None if codec.replace("-", "_") in _NO_CHARSET else codec


def _word_bytes(encoding: str, text: str) -> bytes:
    raw = text.encode("utf-8", errors="replace")
    if encoding in "bB":
        return from_base64(raw)
    return _Q_ESCAPE.sub(lambda escape: bytes([int(escape[1], 16)]), raw.replace(b"_", b" "))


def _joined(words: list[tuple[str, bytes]]) -> str:
    """Decode neighbours of one charset together: programs cut words in the middle of a character."""
    text, at = [], 0
    while at < len(words):
        charset, raw = words[at][0], [words[at][1]]
        at += 1
        while at < len(words) and words[at][0].lower() == charset.lower():
            raw.append(words[at][1])
            at += 1
        text.append(decode(b"".join(raw), charset))
    return "".join(text)
