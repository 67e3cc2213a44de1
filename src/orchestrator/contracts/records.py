"""`PropertyRecord` and `ScoreResult`, and the functions that read them.

Both accept a dict or a Pydantic object (version 1 or 2), keep every field they do not know, and demand only what a
mail cannot be written without. What comes out is clean (one line per name, one address per owner) and safe to store
as JSON; parsing it again gives the same values.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any, TypeVar

import pydantic
from pydantic import BaseModel, ConfigDict, PlainValidator

from orchestrator import errors
from orchestrator.contracts import fields, plain, snapshot

Line = Annotated[str | None, PlainValidator(fields.line)]
Quantity = Annotated[int | float | str | None, PlainValidator(fields.quantity)]


class _Record(BaseModel):
    model_config = ConfigDict(extra="allow")

    def as_dict(self) -> dict[str, Any]:
        """Return everything that was given, cleaned, as a dict that can be stored as JSON and parsed again."""
        return self.model_dump(exclude_unset=True)


class Owner(_Record):
    """Who is written to."""

    email: Annotated[str, PlainValidator(fields.email)]
    name: Line = None


class Address(_Record):
    """Where the property stands; only the first line is required."""

    line1: Annotated[str, PlainValidator(fields.required_line)]
    line2: Line = None
    city: Line = None
    state: Line = None
    zip: Annotated[str | None, PlainValidator(fields.zip_code)] = None


class Attrs(_Record):
    """What is known of the building; anything may be missing."""

    beds: Quantity = None
    baths: Quantity = None
    sqft: Quantity = None
    year_built: Quantity = None


class PropertyRecord(_Record):
    """A property, its address and its owner."""

    id: Annotated[str, PlainValidator(fields.uuid)]
    owner: Owner
    address: Address
    attrs: Attrs | None = None


class Reason(_Record):
    """One thing that moved the score; `note` is the sentence the owner reads."""

    feature: Line = None
    weight: Annotated[int | float | str | None, PlainValidator(fields.weight)] = None
    direction: Any = None
    note: Annotated[str | None, PlainValidator(fields.note)] = None


class ScoreResult(_Record):
    """How attractive a property is, 0 to 100, and why."""

    score: Annotated[int | float, PlainValidator(fields.score)]
    reasons: list[Reason] | None = None


def parse_property(record: Any) -> PropertyRecord:
    """Check a property record and make it storable.

    Args:
        record: A dict or a Pydantic object (version 1 or 2).

    Raises:
        ValidationError: A field is missing or wrong; its `field` is the dotted path.
    """
    given = snapshot.json_safe("property_record", record)
    owner = given.get("owner")
    email = owner.get("email") if isinstance(owner, dict) else owner
    if email is None or (isinstance(email, str) and not email.strip()):
        raise errors.ValidationError(
            "owner.email", "owner email is required", fix="Give property_record['owner']['email'], one email address."
        )
    return _checked(PropertyRecord, "property_record", given)


def parse_score(result: Any) -> ScoreResult:
    """Check a score result and make it storable.

    Args:
        result: A dict or a Pydantic object (version 1 or 2).

    Raises:
        ValidationError: A field is missing or wrong; its `field` is the dotted path.
    """
    given = snapshot.mapping("score_result", result)
    _field("score_result.score", fields.score, given.get("score"))  # before JSON, which has no NaN
    return _checked(ScoreResult, "score_result", snapshot.json_safe("score_result", given))


def clean_property(record: Any) -> dict[str, Any]:
    """Return a property record as the dict that is stored, checked and cleaned. Raises like `parse_property`."""
    given = snapshot.json_safe("property_record", record)
    return given if plain.is_property(given) else parse_property(record).as_dict()


def clean_score(result: Any) -> dict[str, Any]:
    """Return a score result as the dict that is stored, checked and cleaned. Raises like `parse_score`."""
    given = snapshot.json_safe("score_result", result)
    return given if plain.is_score(given) else parse_score(result).as_dict()


def parse_id(field: str, value: Any) -> str:
    """Return a UUID in its canonical text form (RFC 9562 §4: lower case, with hyphens).

    Args:
        field: Name of the field, for the message.
        value: A UUID object, or its text with or without hyphens.

    Raises:
        ValidationError: `value` is no UUID.
    """
    try:
        return fields.uuid(value)
    except ValueError as error:
        fix = "A UUID looks like 0198a4c2-7c1e-7d3a-9f5b-2c4d6e8f0a1b, with or without hyphens."
        raise errors.ValidationError(field, str(error), fix=fix) from None


def parse_email(field: str, value: Any) -> str:
    """Return one email address as it is sent to: ASCII, the domain in lower case.

    Args:
        field: Name of the field, for the message.
        value: The address as typed, perhaps with ``mailto:``, angle brackets or a stray full stop.

    Raises:
        ValidationError: `value` is missing, no address, or several.
    """
    return _field(field, fields.email, value)


def parse_memo_url(url: Any) -> str:
    """Return the address of the memo, which becomes the mail's button.

    Raises:
        ValidationError: Not an absolute http(s) address, or one that shows a reader another host than it opens.
    """
    return _field("memo_url", fields.web_address, url)


T = TypeVar("T")
M = TypeVar("M", bound=BaseModel)

_OUR_WORDS = {"missing": "is required", "model_type": "must be a dict", "list_type": "must be a list"}


def _field(field: str, parse: Callable[[Any], T], value: Any) -> T:
    try:
        return parse(value)
    except ValueError as error:
        raise errors.ValidationError(field, str(error)) from None


def _checked(model: type[M], name: str, given: dict[str, Any]) -> M:
    try:
        return model.model_validate(given)
    except pydantic.ValidationError as error:
        first = error.errors(include_url=False)[0]
    path = ".".join(str(part) for part in (name, *first["loc"]))
    if path == "property_record.owner.email":
        path = "owner.email"
    message = _OUR_WORDS.get(first["type"]) or str(first["msg"]).removeprefix("Value error, ")
    raise errors.ValidationError(path, message)
