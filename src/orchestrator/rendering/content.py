"""What a mail says: records turned into short, clean pieces of text that both parts of the mail are made of."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from functools import lru_cache
from typing import Any
from urllib.parse import urlsplit

from orchestrator import contracts, errors
from orchestrator.domain import text
from orchestrator.rendering.palette import palette

TOP_REASONS = 3
_NOTE_LIMIT = 500
_NAME_LIMIT = 120
_SUBJECT_LENGTH = 60
_SUBJECT_LIMIT = 200
_RECORDS_FIX = "Pass complete records to send_campaign, or correct the stored ones with update_campaign."
_BAR = 110  # pixels
_ALT_LIMIT = 32  # what fits where a logo was not loaded; the full name stands below it


@dataclass(frozen=True, slots=True, kw_only=True)
class Branding:
    """Whose mail it is. Everything is optional; company and sender name stand in for each other.

    `logo_width` and `logo_height` are the pixels the logo is shown at; `color` is ``#rrggbb``.
    """

    company_name: str | None = None
    from_name: str | None = None
    tagline: str | None = None
    postal_address: str | None = None
    logo_url: str | None = None
    color: str | None = None
    logo_width: int = 160
    logo_height: int = 40


@dataclass(frozen=True, slots=True)
class RenderedMail:
    """A finished mail: one header line and two parts with the same content."""

    subject: str
    html: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class MailContent:
    """Everything one mail is written from; the two records as `contracts` made them storable."""

    property_record: dict[str, Any]
    score_result: dict[str, Any]
    memo_url: str
    greeting: str
    owner_name: str | None
    unsubscribe_url: str
    branding: Branding = field(default_factory=Branding)


@dataclass(frozen=True, slots=True)
class ReasonLine:
    """One of the top reasons; `sign` and `word` tell for and against apart without colour, `label` in a text column."""

    tone: str
    sign: str
    word: str
    label: str
    note: str


_TONES = {
    contracts.Direction.FOR: ("for", "+", "For", "+ For    "),
    contracts.Direction.AGAINST: ("against", "−", "Against", "- Against"),
    contracts.Direction.NEITHER: ("neither", "=", "Neutral", "= Neutral"),
}


def subject_line(line1: str) -> str:
    """Return the subject for a property: true, without urgency, 60 characters where the street allows it.

    Args:
        line1: First line of the property's address.
    """
    street = text.shortened(text.header_line(line1), _SUBJECT_LIMIT)
    subject = f"Our memo on {street}"
    return subject if len(subject) <= _SUBJECT_LENGTH else f"About {street}"


def variables(content: MailContent) -> dict[str, Any]:
    """Return every variable the templates may use.

    Raises:
        TemplateError: The records lack the two things no mail can do without, the street and the score.
    """
    record, result = content.property_record, content.score_result
    address = address_lines(record.get("address") or {})
    reasons = top_reasons(result.get("reasons"))
    score = _plain(result.get("score"), decimals=1)
    for name, value in (("property_record.address.line1", address["line1"]), ("score_result.score", score)):
        if not value:
            raise errors.TemplateError(f"{name} is missing, and no mail can be written without it", fix=_RECORDS_FIX)
    return {
        "subject": subject_line(address["line1"]),
        "preheader": preheader(score, bool(reasons)),
        "greeting": text.header_line(content.greeting),
        "owner_name": text.shortened(text.header_line(content.owner_name or ""), _NAME_LIMIT),
        "address": address,
        "facts": building_facts(record.get("attrs") or {}),
        "score": score,
        "bar": _bar(result.get("score")),
        "reasons": reasons,
        "memo_url": content.memo_url,
        "memo_is_pdf": urlsplit(content.memo_url).path.lower().endswith(".pdf"),
        "unsubscribe_url": content.unsubscribe_url,
        **{name: dict(fields) for name, fields in sender_variables(content.branding).items()},
        "property_record": record,
        "score_result": result,
    }


def preheader(score: str, has_reasons: bool) -> str:
    """The line an inbox shows after the subject: 40 to 110 characters, and not the subject again."""
    inside = "Our reasons and the full memo are inside." if has_reasons else "The full memo is inside."
    return f"We gave the property {score} of 100 points. {inside}"


def address_lines(address: Mapping[str, Any]) -> dict[str, str]:
    """The address in clean pieces; a missing one is empty. `place` is ``Dayton, OH 45402``, `full` is everything."""
    line1, line2, city, state, zip_code = (_text(address.get(k)) for k in ("line1", "line2", "city", "state", "zip"))
    region = f"{state} {zip_code}".strip()
    place = ", ".join(part for part in (city, region) if part)
    full = ", ".join(part for part in (line1, line2, place) if part)
    return {"line1": line1, "line2": line2, "city": city, "state": state, "zip": zip_code, "place": place, "full": full}


def building_facts(attrs: Mapping[str, Any]) -> list[str]:
    """``["3 beds, 2 baths", "1,480 sq ft, built in 1954"]`` from what is known; what is unknown is not mentioned."""
    rooms = (_counted(attrs.get("beds"), "bed"), _counted(attrs.get("baths"), "bath"))
    size, year = _plain(attrs.get("sqft")), contracts.number(attrs.get("year_built"))
    area = f"{size} sq ft" if size and size != "0" else ""
    built = f"built in {year:.0f}" if year and 1500 < year < 2200 else ""
    building = ", ".join(part for part in (area, built) if part)
    return [line for line in (", ".join(part for part in rooms if part), building[:1].upper() + building[1:]) if line]


def top_reasons(reasons: Any) -> list[ReasonLine]:
    """The reasons that weigh most, heaviest first, whichever way they point."""
    given = [r for r in reasons or () if isinstance(r, Mapping)]
    given.sort(key=lambda r: -abs(contracts.number(r.get("weight")) or 0.0))
    lines = []
    for reason in given:
        note = text.shortened(_text(reason.get("note")) or _label(reason.get("feature")), _NOTE_LIMIT)
        if note:
            lines.append(
                ReasonLine(*_TONES[contracts.direction_of(reason.get("direction"), reason.get("weight"))], note)
            )
        if len(lines) == TOP_REASONS:
            break
    return lines


@lru_cache(maxsize=64)
def sender_variables(branding: Branding) -> dict[str, dict[str, Any]]:
    """Return the variables that are the same in all of a sender's mails: ``brand`` and ``color``."""
    return {"brand": brand(branding), "color": asdict(palette(branding.color))}


def brand(branding: Branding) -> dict[str, Any]:
    """The sender in clean pieces; company and sender name stand in for each other, a missing piece is empty."""
    company, sender = _text(branding.company_name), _text(branding.from_name)
    logo = branding.logo_url or ""
    postal = ", ".join(line.strip(" ,") for line in (branding.postal_address or "").splitlines() if line.strip(" ,"))
    return {
        "company": company or sender,
        "sender": sender or company,
        "tagline": _text(branding.tagline),
        "postal_address": _text(postal).rstrip("."),
        "logo_url": logo if logo.startswith(("https://", "http://")) else "",
        "logo_alt": f"{company or sender} logo" if 0 < len(company or sender) <= _ALT_LIMIT else "Company logo",
        "logo_width": branding.logo_width,
        "logo_height": branding.logo_height,
    }


def _bar(score: Any) -> dict[str, int]:
    filled = round(_BAR * min(max(contracts.number(score) or 0.0, 0.0), 100.0) / 100)
    return {"filled": filled, "rest": _BAR - filled}


def _text(value: Any) -> str:
    return "" if value is None or isinstance(value, bool) else text.one_line(str(value))


def _label(feature: Any) -> str:
    """``school_rating`` as ``School rating``, for a reason without a note."""
    words = _text(feature).replace("_", " ")
    return words[:1].upper() + words[1:]


def _plain(value: Any, decimals: int = 2) -> str:
    """``1,480``, ``2.5``: no trailing zeros; empty for what is no number."""
    number = contracts.number(value)
    if number is None:
        return ""
    written = f"{number:,.{decimals}f}"
    return written.rstrip("0").rstrip(".") if "." in written else written


def _counted(value: Any, noun: str) -> str:
    """``3 beds``, ``1 bath``, ``2.5 baths``; nothing for none, since a record's 0 often means unknown."""
    count = _plain(value)
    if not count or count.startswith("-") or count == "0":
        return ""
    return f"{count} {noun}" if count == "1" else f"{count} {noun}s"
