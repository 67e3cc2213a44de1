"""One brand colour turned into colours that can be read on light and on dark paper (WCAG 2.2, 1.4.3 and 1.4.11)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

DEFAULT_COLOR = "#005c91"
_HEX = re.compile(r"#[0-9a-fA-F]{6}")
_WHITE, _BLACK = (255, 255, 255), (0, 0, 0)
_INK = (6, 20, 34)
#: The paper of the shipped template, light and dark, and the card that lies on it.
_LIGHT_CARD = (246, 247, 249)
_DARK_CARD = (27, 37, 55)
_TEXT_CONTRAST = 4.6  # the rule says 4.5; mail programs round colours
_DARK_CONTRAST = 6.5  # thin letters on dark paper need more
_SHAPE_CONTRAST = 3.2  # the rule says 3 for shapes (1.4.11); the closer to the brand, the better

_Rgb = tuple[int, int, int]


@dataclass(frozen=True, slots=True)
class Palette:
    """Colours as ``#rrggbb``: the button and its text, links and marks; each for light and for dark."""

    button: str
    button_text: str
    link: str
    dark_button: str
    dark_button_text: str
    dark_link: str


@lru_cache(maxsize=256)
def palette(color: str | None) -> Palette:
    """Derive a palette from a brand colour.

    Args:
        color: ``#rrggbb``; None or anything else gives the default blue.
    """
    brand = _parsed(color if color and _HEX.fullmatch(color) else DEFAULT_COLOR)
    link = _towards(brand, _BLACK, _LIGHT_CARD, _TEXT_CONTRAST)
    dark_button = _towards(brand, _WHITE, _DARK_CARD, _SHAPE_CONTRAST)
    dark_link = _towards(brand, _WHITE, _DARK_CARD, _DARK_CONTRAST)
    return Palette(
        button=_written(brand),
        button_text=_written(_readable_on(brand)),
        link=_written(link),
        dark_button=_written(dark_button),
        dark_button_text=_written(_readable_on(dark_button)),
        dark_link=_written(dark_link),
    )


def contrast(one: str, other: str) -> float:
    """Return the WCAG contrast ratio of two ``#rrggbb`` colours, 1 to 21."""
    return _contrast(_parsed(one), _parsed(other))


def _towards(color: _Rgb, end: _Rgb, paper: _Rgb, wanted: float) -> _Rgb:
    """Mix `end` into `color` until its contrast with `paper` is as wanted."""
    for step in range(21):
        red, green, blue = (round(c + (e - c) * step / 20) for c, e in zip(color, end, strict=True))
        if _contrast((red, green, blue), paper) >= wanted:
            return red, green, blue
    return end


def _readable_on(color: _Rgb) -> _Rgb:
    """White where it can be read, else near-black, else black: one of black and white always reaches 4.58."""
    for candidate in (_WHITE, _INK, _BLACK):
        if _contrast(candidate, color) >= 4.5:
            return candidate
    return _WHITE


def _contrast(one: _Rgb, other: _Rgb) -> float:
    darker, lighter = sorted((_luminance(one), _luminance(other)))
    return (lighter + 0.05) / (darker + 0.05)


def _luminance(color: _Rgb) -> float:
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in (part / 255 for part in color)]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def _parsed(color: str) -> _Rgb:
    return int(color[1:3], 16), int(color[3:5], 16), int(color[5:7], 16)


def _written(color: _Rgb) -> str:
    return "#{:02x}{:02x}{:02x}".format(*color)
