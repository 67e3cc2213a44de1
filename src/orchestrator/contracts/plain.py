"""Records so plain that cleaning would give them back unchanged: the usual ones, told apart in one pass.

Pydantic checks these shapes without calling any Python, which is ten times as fast as cleaning field by field. What is
not plain is not wrong: it takes the long way through `records`, which alone decides what is refused, and why.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, NotRequired, Required

from pydantic import ConfigDict, Field, StringConstraints, TypeAdapter
from typing_extensions import TypedDict

from orchestrator.contracts import fields

#: One line of visible ASCII and accented Latin letters, with single spaces between words.
_LETTERS = r"[!-~\u{c0}-\u{24f}]+"
_Text = Annotated[str, StringConstraints(pattern=rf"\A{_LETTERS}(?: {_LETTERS})*\z")]
_Line = _Text | None
_Uuid = Annotated[str, StringConstraints(pattern=r"\A[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\z")]
_Quantity = int | float | str | None
_CONFIG = ConfigDict(extra="allow", strict=True, allow_inf_nan=False)


class _Owner(TypedDict):
    __pydantic_config__ = _CONFIG  # type: ignore[misc]
    email: str
    name: NotRequired[_Line]


class _Address(TypedDict, total=False):
    __pydantic_config__ = _CONFIG  # type: ignore[misc]
    line1: Required[_Text]
    line2: _Line
    city: _Line
    state: _Line
    zip: _Line


class _Attrs(TypedDict, total=False):
    __pydantic_config__ = _CONFIG  # type: ignore[misc]
    beds: _Quantity
    baths: _Quantity
    sqft: _Quantity
    year_built: _Quantity


class _Property(TypedDict):
    __pydantic_config__ = _CONFIG  # type: ignore[misc]
    id: _Uuid
    owner: _Owner
    address: _Address
    attrs: NotRequired[_Attrs | None]


class _Reason(TypedDict, total=False):
    __pydantic_config__ = _CONFIG  # type: ignore[misc]
    feature: _Line
    weight: int | float | None
    note: str | None


class _Score(TypedDict):
    __pydantic_config__ = _CONFIG  # type: ignore[misc]
    score: Annotated[int | float, Field(ge=0, le=100)]
    reasons: NotRequired[list[_Reason] | None]


_PROPERTY = TypeAdapter(_Property).validator
_SCORE = TypeAdapter(_Score).validator


def is_property(given: Mapping[str, Any]) -> bool:
    """Tell whether `given` is a property record that needs no cleaning, but for what it holds beside the fields."""
    try:
        return _PROPERTY.isinstance_python(given) and fields.email(given["owner"]["email"]) == given["owner"]["email"]
    except ValueError:
        return False


def is_score(given: Mapping[str, Any]) -> bool:
    """Tell whether `given` is a score result that needs no cleaning, but for what it holds beside the fields."""
    return _SCORE.isinstance_python(given)
