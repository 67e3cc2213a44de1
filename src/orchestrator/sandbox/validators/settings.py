"""How a mail is handled: unsubscribe groups, batches, pools, mail settings and tracking settings."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from orchestrator.sandbox.validators.problem import JSON, Problem

MAX_GROUPS = 25
POOL_NAME = range(2, 65)  # characters

GROUP_INTEGER = "The ASM group ID must be an integer."
MANY_GROUPS = "There is a limit of 25 unsubscribe groups that can be displayed to a user at a time."
BATCH_STRING = "The batch_id must be a string."
POOL_INVALID = "The IP Pool name must be a valid pool name for your account. You provided {}."
BYPASS_CONFLICT = "The bypass_list_management setting cannot be combined with any of the other bypass options."
NOT_BOOLEAN = "The {} enable param should be a boolean value."
NOT_STRING = "The {} {} param should be a string value."

SWITCHES = {
    "mail_settings": (
        "bcc", "bypass_list_management", "bypass_spam_management", "bypass_bounce_management",
        "bypass_unsubscribe_management", "footer", "sandbox_mode", "spam_check",
    ),
    "tracking_settings": ("click_tracking", "open_tracking", "subscription_tracking", "ganalytics"),
}  # fmt: skip
TEXTS = {
    ("mail_settings", "footer"): ("text", "html"),
    ("tracking_settings", "open_tracking"): ("substitution_tag",),
    ("tracking_settings", "subscription_tracking"): ("text", "html", "substitution_tag"),
    ("tracking_settings", "ganalytics"): ("utm_source", "utm_medium", "utm_term", "utm_content", "utm_campaign"),
}


def _is_integer(value: Any) -> bool:
    return type(value) is int


def groups(payload: JSON) -> Iterator[Problem]:
    asm = payload.get("asm")
    if asm is None:
        return
    if not _is_integer(asm.get("group_id")):
        yield Problem(GROUP_INTEGER, "asm.group_id")
    shown = asm.get("groups_to_display") or ()
    if not isinstance(shown, list | tuple) or not all(_is_integer(group) for group in shown):
        yield Problem(GROUP_INTEGER, "asm.groups_to_display")
    elif len(shown) > MAX_GROUPS:
        yield Problem(MANY_GROUPS, "asm.groups_to_display")


def routing(payload: JSON) -> Iterator[Problem]:
    batch, pool = payload.get("batch_id"), payload.get("ip_pool_name")
    if batch is not None and type(batch) is not str:
        yield Problem(BATCH_STRING, "batch_id")
    if pool is not None and (type(pool) is not str or len(pool) not in POOL_NAME):
        yield Problem(POOL_INVALID.format(pool), "ip_pool_name")


def switches(payload: JSON) -> Iterator[Problem]:
    """Every setting's ``enable`` is a JSON boolean and its texts are strings."""
    for group, names in SWITCHES.items():
        given = payload.get(group)
        if not given:
            continue
        for name, setting in given.items():
            if setting and name in names:
                yield from _setting(setting, group, name)
    yield from _bypasses(payload.get("mail_settings") or {})


def _setting(setting: JSON, group: str, name: str) -> Iterator[Problem]:
    words = name.replace("_", " ")
    if type(setting.get("enable", True)) is not bool:
        yield Problem(NOT_BOOLEAN.format(words), f"{group}.{name}.enable")
    for text in TEXTS.get((group, name), ()):
        if type(setting.get(text) or "") is not str:
            yield Problem(NOT_STRING.format(words, text), f"{group}.{name}.{text}")


def _bypasses(given: JSON) -> Iterator[Problem]:
    on = [
        name for name, setting in given.items() if name.startswith("bypass_") and (setting or {}).get("enable") is True
    ]
    if "bypass_list_management" in on and len(on) > 1:
        yield Problem(BYPASS_CONFLICT, "mail_settings.bypass_list_management")
