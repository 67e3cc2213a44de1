"""The shapes callers hand in, checked, cleaned and made storable."""

from orchestrator.contracts.fields import Direction, direction_of, number
from orchestrator.contracts.records import (
    Address,
    Attrs,
    Owner,
    PropertyRecord,
    Reason,
    ScoreResult,
    parse_email,
    parse_id,
    parse_memo_url,
    parse_property,
    parse_score,
)

__all__ = [
    "Address",
    "Attrs",
    "Direction",
    "Owner",
    "PropertyRecord",
    "Reason",
    "ScoreResult",
    "direction_of",
    "number",
    "parse_email",
    "parse_id",
    "parse_memo_url",
    "parse_property",
    "parse_score",
]
