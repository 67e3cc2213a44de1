"""Letters without case and accents, so that one spelling of a phrase finds all."""

from __future__ import annotations

import unicodedata

_SINGLE = {
    **dict.fromkeys(map(ord, "‘’‛′`´ʼ＇"), "'"),
    **dict.fromkeys(map(ord, "“”„‟″«»"), '"'),
    **dict.fromkeys(map(ord, "‐‑‒–—―−"), "-"),
    ord("ł"): "l", ord("Ł"): "l", ord("ø"): "o", ord("Ø"): "o", ord("đ"): "d", ord("ß"): "s", ord("ı"): "i",
    ord("\u00a0"): " ", ord("\u202f"): " ", ord("\u3000"): " ",
}  # fmt: skip


class _Folding(dict[int, str]):
    """Filled as characters come; one character stands for each, so positions stay what they were."""

    def __missing__(self, code: int) -> str:
        plain = unicodedata.normalize("NFKD", chr(code))[:1].lower()[:1]
        folded = plain if plain and not _taken_apart_wrongly(code) else chr(code)
        if len(self) < 10_000:
            self[code] = folded
        return folded


def _taken_apart_wrongly(code: int) -> bool:
    """Kana and Hangul, of which NFKD makes other letters and a mark."""
    return 0x3040 <= code <= 0x30FF or 0xAC00 <= code <= 0xD7A3


def fold(text: str) -> str:
    """Return `text` in small letters without accents, typographic quotes and dashes made plain; of the same length."""
    return text.lower() if text.isascii() else text.translate(_Folding(_SINGLE))
