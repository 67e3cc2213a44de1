"""The shapes callers hand in, checked, cleaned and made storable."""

from orchestrator.contracts.fields import Direction, direction_of, number
from orchestrator.contracts.options import parse_context, parse_count, parse_flag, parse_label, parse_text
from orchestrator.contracts.recipient import Recipient, parse_recipient
from orchestrator.contracts.records import (
    Address,
    Attrs,
    Owner,
    PropertyRecord,
    Reason,
    ScoreResult,
    clean_property,
    clean_score,
    parse_email,
    parse_id,
    parse_memo_url,
    parse_property,
    parse_score,
)
from orchestrator.contracts.statuses import parse_status
from orchestrator.contracts.stored import StoredProperty, json_text, stored_property, stored_score
from orchestrator.contracts.times import parse_time

__all__ = [
    "Address",
    "Attrs",
    "Direction",
    "Owner",
    "PropertyRecord",
    "Reason",
    "Recipient",
    "ScoreResult",
    "StoredProperty",
    "clean_property",
    "clean_score",
    "direction_of",
    "json_text",
    "number",
    "parse_context",
    "parse_count",
    "parse_email",
    "parse_flag",
    "parse_id",
    "parse_label",
    "parse_memo_url",
    "parse_property",
    "parse_recipient",
    "parse_score",
    "parse_status",
    "parse_text",
    "parse_time",
    "stored_property",
    "stored_score",
]
