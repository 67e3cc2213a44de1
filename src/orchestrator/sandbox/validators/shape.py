"""The types SendGrid decodes a request into. A value of another type is a bare *Bad Request*, whatever else is wrong.

Only types whose violation has no message of its own are listed: a sandbox flag that is no boolean, say, is explained
by the settings' validator.
"""

from __future__ import annotations

from typing import Any

from orchestrator.sandbox.validators.problem import JSON

PERSON = {"email": str, "name": str}
TOP: dict[str, type] = {
    "personalizations": list,
    "from": dict,
    "reply_to": dict,
    "reply_to_list": list,
    "content": list,
    "attachments": list,
    "template_id": str,
    "headers": dict,
    "categories": list,
    "custom_args": dict,
    "asm": dict,
    "mail_settings": dict,
    "tracking_settings": dict,
}
PERSONALIZATION: dict[str, type] = {
    "to": list,
    "cc": list,
    "bcc": list,
    "from": dict,
    "headers": dict,
    "substitutions": dict,
    "custom_args": dict,
    "dynamic_template_data": dict,
}
_PEOPLE_LISTS = ("to", "cc", "bcc")
_STRING_MAPS = ("custom_args", "substitutions")


def _fits(value: Any, types: dict[str, type]) -> bool:
    if type(value) is not dict:
        return False
    for name, found in value.items():
        if found is not None and type(found) is not types.get(name, type(found)):
            return False
    return True


def _all_fit(values: Any, types: dict[str, type]) -> bool:
    return all(_fits(value, types) for value in values or ())


def _strings(holder: JSON) -> bool:
    return all(type(value) is str for name in _STRING_MAPS for value in (holder.get(name) or {}).values())


def _personalization_fits(block: Any) -> bool:
    if not _fits(block, PERSONALIZATION) or not _strings(block):
        return False
    if block.get("from") is not None and not _fits(block["from"], PERSON):
        return False
    return all(_all_fit(block.get(name), PERSON) for name in _PEOPLE_LISTS)


def decodes(payload: Any) -> bool:
    """Say whether the decoded JSON has the shape of a mail; values are judged later."""
    if not _fits(payload, TOP) or not _strings(payload):
        return False
    people = [payload[name] for name in ("from", "reply_to") if payload.get(name) is not None]
    return (
        _all_fit(people, PERSON)
        and _all_fit(payload.get("reply_to_list"), PERSON)
        and _all_fit(payload.get("content"), {})
        and _all_fit(payload.get("attachments"), {})
        and all(_personalization_fits(block) for block in payload.get("personalizations") or ())
        and all(_all_fit([s], {}) for s in (payload.get("mail_settings") or {}).values() if s is not None)
        and all(_all_fit([s], {}) for s in (payload.get("tracking_settings") or {}).values() if s is not None)
    )
