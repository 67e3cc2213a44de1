"""What can happen to a mail, and the event SendGrid reports it with.

One table row per happening: SendGrid's event name, how its id is made, its own fields as they are really on the wire
(`attempt` is a string, `tls` an integer, `url_offset` an object, a DNS failure has no `status`), and the suppression
list it fills. `act` and the stories of `outcomes` both name rows of this table.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from orchestrator.sandbox import ids
from orchestrator.sandbox.message import Message

Options = Mapping[str, Any]
Fields = Callable[[Message, Options], dict[str, Any]]

BROWSER = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0 Safari/537.36"
PROXY = "Mozilla/5.0"
SCANNER = "Mozilla/5.0 (compatible; mail link scanner)"
ACCOUNT_STATUS_TYPES = ("compliance_suspend", "compliance_deactivate", "compliance_ban", "reactivate")


@dataclass(frozen=True, slots=True)
class Happening:
    """How one kind of happening is reported.

    Args:
        event: SendGrid's event name.
        letter: Its sign in the truth's compact log; unique.
        fields: Makes the event's own fields.
        id_word: Word inside a deterministic event id; None: the id is random per hit.
        attempted: The deterministic id carries the delivery attempt.
        smtp_id: The event carries `smtp-id`.
        suppresses: Suppression list the recipient lands on, or None.
        bare: The event lacks `sg_message_id` and `ip` (asynchronous bounces).
    """

    event: str
    letter: str
    fields: Fields
    id_word: str | None = None
    attempted: bool = False
    smtp_id: bool = False
    suppresses: str | None = None
    bare: bool = False


def visitor_ip(email: str) -> str:
    """Return an address of a documentation network (RFC 5737), always the same for one recipient."""
    return f"203.0.113.{zlib.crc32(email.encode()) % 254 + 1}"


def _processed(message: Message, options: Options) -> dict[str, Any]:
    send_at = message.personalization.get("send_at") or message.payload.get("send_at")
    pool = message.payload.get("ip_pool_name")
    return {"send_at": send_at or 0, **({"pool": {"name": pool, "id": 1}} if pool else {})}


def _deferred(message: Message, options: Options) -> dict[str, Any]:
    message.attempts += 1
    reason = "451 4.7.1 Temporarily rate limited, try again later"
    return {
        "attempt": str(message.attempts),
        "response": options.get("reason", reason),
        "tls": 0,
        "domain": message.email.rpartition("@")[2],
        "from": message.sender["email"],
    }


def _delivered(message: Message, options: Options) -> dict[str, Any]:
    return {"response": options.get("response", "250 2.0.0 OK queued"), "ip": "198.51.100.24", "tls": 1}


def _bounce(kind: str, status: str | None, classification: str, reason: str, *, ip: bool = True) -> Fields:
    def fields(message: Message, options: Options) -> dict[str, Any]:
        made = {
            "type": kind,
            "reason": options.get("reason", reason),
            "bounce_classification": classification,
            "tls": 1,
        }
        if status is not None:
            made["status"] = options.get("status", status)
        if ip:
            made["ip"] = "198.51.100.24"
        return made

    return fields


def _dropped(message: Message, options: Options) -> dict[str, Any]:
    return {"reason": options.get("reason", "Bounced Address"), "status": "5.0.0"}


def _open(machine: bool, agent: str) -> Fields:
    def fields(message: Message, options: Options) -> dict[str, Any]:
        return {
            "ip": options.get("ip") or visitor_ip(message.email),
            "useragent": options.get("useragent", agent),
            "sg_machine_open": machine,
            "sg_content_type": "html",
        }

    return fields


def _click(agent: str) -> Fields:
    def fields(message: Message, options: Options) -> dict[str, Any]:
        return {
            "ip": options.get("ip") or visitor_ip(message.email),
            "useragent": options.get("useragent", agent),
            "url": options["url"],
            "url_offset": {"index": options.get("index", 0), "type": options.get("part", "html")},
        }

    return fields


def _group(message: Message, options: Options) -> dict[str, Any]:
    return {
        "ip": visitor_ip(message.email),
        "useragent": BROWSER,
        "asm_group_id": options.get("group_id", message.group_id or 1),
    }


def _none(message: Message, options: Options) -> dict[str, Any]:
    return {}


_HARD = _bounce(
    "bounce", "5.1.1", "Invalid Address", "550 5.1.1 The email account that you tried to reach does not exist"
)
_LATE = _bounce("bounce", "5.1.1", "Invalid Address", "550 5.1.1 No such recipient (reported later)", ip=False)
_BLOCK = _bounce("blocked", "4.0.0", "Reputation", "550 5.7.1 Message refused by the recipient's policy")
_NO_MX = _bounce("blocked", None, "Unclassified", "unable to get mx info: no such host", ip=False)
_EXPIRED = _bounce(
    "expired", "4.4.7", "Mailbox Unavailable", "Bounced - Expired: not accepted within 72 hours", ip=False
)

HAPPENINGS: dict[str, Happening] = {
    "processed": Happening("processed", "p", _processed, "processed", smtp_id=True),
    "defer": Happening("deferred", "f", _deferred, "deferred", attempted=True, smtp_id=True),
    "deliver": Happening("delivered", "d", _delivered, "delivered", attempted=True, smtp_id=True),
    "drop": Happening("dropped", "D", _dropped, "drop", smtp_id=True),
    "invalid": Happening("dropped", "i", _dropped, "drop", smtp_id=True, suppresses="invalid_emails"),
    "bounce": Happening("bounce", "b", _HARD, "bounce", attempted=True, smtp_id=True, suppresses="bounces"),
    "async_bounce": Happening("bounce", "a", _LATE, "bounce", True, smtp_id=True, suppresses="bounces", bare=True),
    "block": Happening("bounce", "k", _BLOCK, "bounce", attempted=True, smtp_id=True, suppresses="blocks"),
    "no_mx": Happening("bounce", "n", _NO_MX, "bounce", attempted=True, smtp_id=True, suppresses="blocks"),
    "expire": Happening("bounce", "x", _EXPIRED, "bounce", attempted=True, smtp_id=True, suppresses="blocks"),
    "open": Happening("open", "o", _open(False, BROWSER)),
    "machine_open": Happening("open", "m", _open(True, PROXY)),
    "scanner_open": Happening("open", "s", _open(False, SCANNER)),
    "click": Happening("click", "c", _click(BROWSER)),
    "scanner_click": Happening("click", "C", _click(SCANNER)),
    "spam": Happening("spamreport", "r", _none, suppresses="spam_reports"),
    "unsubscribe": Happening("unsubscribe", "u", _none, suppresses="unsubscribes"),
    "group_unsubscribe": Happening("group_unsubscribe", "g", _group),
    "group_resubscribe": Happening("group_resubscribe", "G", _group),
}


def _category(message: Message, event: str) -> list[str] | str:
    """Echo the categories; some of SendGrid's servers write a single one as a bare string."""
    categories = message.categories
    return categories[0] if len(categories) == 1 and event in ("deferred", "dropped") else categories


def event_of(happening: Happening, message: Message, options: Options, timestamp: int, user_id: int) -> dict[str, Any]:
    """Return the event as SendGrid posts it; its own fields win over custom arguments of the same name.

    Args:
        happening: Row of `HAPPENINGS`.
        message: The mail it happened to.
        options: What the caller wants different (``reason``, ``status``, ``url``, ``ip``, ``useragent`` …).
        timestamp: Unix seconds.
        user_id: Account number, part of the deterministic ids.
    """
    event: dict[str, Any] = {
        **message.custom_args,
        "email": message.email,
        "timestamp": timestamp,
        "event": happening.event,
        **happening.fields(message, options),
    }
    if happening.id_word:
        attempt = message.attempts if happening.attempted else None
        x_id, index = message.x_message_id, message.index
        event["sg_event_id"] = ids.delivery_event_id(happening.id_word, user_id, x_id, index, attempt)
    else:
        event["sg_event_id"] = ids.random_id()
    if not happening.bare:
        event["sg_message_id"] = message.sg_message_id
    if happening.smtp_id:
        event["smtp-id"] = message.smtp_id
    if message.categories:
        event["category"] = _category(message, happening.event)
    if message.template_id:
        event["sg_template_id"] = message.template_id
        event["sg_template_name"] = "Version 1"
    if message.group_id is not None and "asm_group_id" not in event:
        event["asm_group_id"] = message.group_id
    return event


def account_event(kind: str, timestamp: int, user_id: int) -> dict[str, Any]:
    """Return an `account_status_change`: the one event without address and message."""
    event_id = ids.account_event_id(user_id, timestamp)
    return {"event": "account_status_change", "sg_event_id": event_id, "timestamp": timestamp, "type": kind}


def sample_events(timestamp: int) -> list[dict[str, Any]]:
    """Return one event of each kind for an invented mail, as SendGrid's integration test posts them."""
    payload = {"from": {"email": "test@example.com"}, "categories": ["cat facts"]}
    x_id = ids.random_id()
    message = Message(
        x_id, 0, "example@test.com", None, "to", payload, {}, {}, f"{x_id}.{ids.RECEIVER_HOST}-0-0.0",
        "<14c5d75ce93.dfd.64b469@ismtpd-555>", timestamp, 0,
    )  # fmt: skip
    options = {"url": "http://www.sendgrid.com/"}
    names = ("processed", "defer", "deliver", "open", "click", "bounce", "drop", "spam", "unsubscribe")
    groups = ("group_unsubscribe", "group_resubscribe")
    return [event_of(HAPPENINGS[name], message, options, timestamp, 0) for name in (*names, *groups)]
