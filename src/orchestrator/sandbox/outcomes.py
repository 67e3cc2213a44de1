"""What becomes of a mail: a short story of happenings, chosen by the recipient's address.

A *magic* local part (``bounce@``, ``defer3@``, ``scanner+x@``, ``open-12@``) names its story. Any other address gets
one from the sandbox's rates, decided by a hash of seed and address alone: the same address behaves the same in
every run, whatever was sent before.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from hashlib import blake2b
from typing import Any, NamedTuple

from orchestrator.sandbox.config import Behaviour
from orchestrator.sandbox.message import Message

# Story seconds after acceptance (SandboxConfig.speed tells how many of them pass in a real second).
DELIVERY, SLOW_DELIVERY, RETRY_PAUSE = 2.0, 120.0, 20.0
MACHINE, HUMAN_OPEN, HUMAN_CLICK, REACTION, LATE_BOUNCE = 1.0, 35.0, 48.0, 60.0, 90.0
AWAY, ANSWER = 3.0, 90.0
MAX_DEFERRALS = 9


class Step(NamedTuple):
    """One happening of a story.

    Args:
        at: Story seconds after acceptance.
        action: A row of `happenings.HAPPENINGS`, or ``scanner`` or ``click`` for whatever links the mail has; or a
            deed of `owners.people.DEEDS`.
        options: What is special about it.
    """

    at: float
    action: str
    options: dict[str, Any] = {}  # noqa: RUF012 - never changed


Story = tuple[Step, ...]
PROCESSED = Step(0.0, "processed")
DELIVERED = Step(DELIVERY, "deliver")
ACCEPTED: Story = (PROCESSED, DELIVERED)
_OPENED: Story = (*ACCEPTED, Step(DELIVERY + HUMAN_OPEN, "open"))


def _after_delivery(after: float, action: str) -> Callable[[int], Story]:
    return lambda _number: (*ACCEPTED, Step(DELIVERY + after, action))


def _answered(deed: str, after: float = ANSWER, **options: Any) -> Callable[[int], Story]:
    """Owners open a mail before they do something about it; machines do not."""
    first = ACCEPTED if after < HUMAN_OPEN else _OPENED
    return lambda _number: (*first, Step(DELIVERY + after, deed, options))


def _refused(action: str) -> Callable[[int], Story]:
    return lambda _number: (PROCESSED, Step(DELIVERY, action))


def _dropped(reason: str, action: str = "drop") -> Callable[[int], Story]:
    return lambda _number: (Step(DELIVERY, action, {"reason": reason}),)


def _deferrals(number: int) -> Story:
    times = min(max(number, 1), MAX_DEFERRALS)
    return tuple(Step(DELIVERY + n * RETRY_PAUSE, "defer") for n in range(times))


def _deferred(number: int) -> Story:
    tries = _deferrals(number)
    return (PROCESSED, *tries, Step(DELIVERY + len(tries) * RETRY_PAUSE, "deliver"))


def _expired(number: int) -> Story:
    tries = _deferrals(3)
    return (PROCESSED, *tries, Step(DELIVERY + len(tries) * RETRY_PAUSE, "expire"))


MAGIC: dict[str, Callable[[int], Story]] = {
    "delivered": lambda _number: ACCEPTED,
    "bounce": _refused("bounce"),
    "block": _refused("block"),
    "nomx": _refused("no_mx"),
    "expired": _expired,
    "defer": _deferred,
    "slow": lambda _number: (PROCESSED, Step(SLOW_DELIVERY, "deliver")),
    "drop": _dropped("Bounced Address"),
    "invalid": _dropped("Invalid", "invalid"),
    "spamcontent": _dropped("Spam Content"),
    "quota": _dropped("Recipient List over Package Quota"),
    "spam": _after_delivery(REACTION, "spam"),
    "mpp": _after_delivery(MACHINE, "machine_open"),
    "scanner": _after_delivery(MACHINE, "scanner"),
    "open": lambda _number: _OPENED,
    "click": lambda _number: (*_OPENED, Step(DELIVERY + HUMAN_CLICK, "click")),
    "unsubscribe": _after_delivery(REACTION, "unsubscribe"),
    "asyncbounce": _after_delivery(LATE_BOUNCE, "async_bounce"),
    "interested": _answered("reply", intent="interested"),
    "question": _answered("reply", intent="question"),
    "notinterested": _answered("reply", intent="not_interested"),
    "sold": _answered("reply", intent="sold"),
    "wrongperson": _answered("reply", intent="wrong_person"),
    "stop": _answered("reply", intent="opt_out"),
    "legal": _answered("reply", intent="legal"),
    "away": _answered("out_of_office", AWAY),
    "oneclick": _answered("one_click", REACTION),
    "mailto": _answered("mailto_opt_out", REACTION),
    "linkscanner": _answered("scan", MACHINE),
    "bouncereport": _answered("bounce_report", AWAY),
    "receipt": _answered("receipt", REACTION),
    "complaint": _answered("complaint", REACTION),
}
_MAGIC_LOCAL_PART = re.compile(rf"({'|'.join(sorted(MAGIC, key=len, reverse=True))})(\d*)(?:$|[+.\-].*)", re.IGNORECASE)


def _shares(seed: int, email: str) -> list[float]:
    """Return eight numbers 0..1 that depend on nothing but seed and address."""
    digest = blake2b(f"{seed}|{email.lower()}".encode(), digest_size=32).digest()
    return [int.from_bytes(digest[n : n + 4], "big") / 2**32 for n in range(0, 32, 4)]


def _ordinary(rates: Behaviour, seed: int, email: str) -> Story:
    if rates == Behaviour():
        return ACCEPTED
    shares = _shares(seed, email)
    fate, defer = shares[:2]
    for rate, refusal in ((rates.bounce, "bounce"), (rates.block, "block"), (rates.drop, "drop")):
        if fate < rate:
            return MAGIC[refusal](0)
        fate -= rate
    story = _deferred(1) if defer < rates.defer else ACCEPTED
    done = story[-1].at
    return (*story, *_reactions(rates, shares, done))


def reactions(rates: Behaviour, seed: int, email: str) -> Story:
    """Return what the owner of an ordinary address does about a delivered mail, in story seconds after delivery.

    Args:
        rates: What ordinary addresses do.
        seed: Decides which of them do it.
        email: The owner's address.
    """
    return tuple(_reactions(rates, _shares(seed, email), 0.0))


def _reactions(rates: Behaviour, shares: list[float], done: float) -> Iterator[Step]:
    _fate, _defer, machine, scanner, person, leave, report, late = shares
    wishes = (
        (machine < rates.machine_open, MACHINE, "machine_open"),
        (scanner < rates.scanner, MACHINE, "scanner"),
        (person < max(rates.open, rates.click), HUMAN_OPEN + 20 * late, "open"),
        (person < rates.click, HUMAN_CLICK + 20 * late, "click"),
        (leave < rates.unsubscribe, REACTION + 20, "unsubscribe"),
        (report < rates.spam, REACTION + 25, "spam"),
        (late < rates.async_bounce, LATE_BOUNCE, "async_bounce"),
    )
    return (Step(done + after, action) for wanted, after, action in wishes if wanted)


def is_magic(email: str) -> bool:
    """Whether the local part of an address decides what becomes of its mail."""
    return _MAGIC_LOCAL_PART.fullmatch(email.rpartition("@")[0]) is not None


def story_of(email: str, rates: Behaviour, seed: int) -> Story:
    """Return what becomes of a mail to `email` that no suppression list stops.

    Args:
        email: The recipient.
        rates: What ordinary addresses do.
        seed: Decides which of them do it.
    """
    magic = _MAGIC_LOCAL_PART.fullmatch(email.rpartition("@")[0])
    if magic:
        return MAGIC[magic.group(1).lower()](int(magic.group(2) or 0))
    return _ordinary(rates, seed, email)


def dropped(reason: str) -> Story:
    """Return the story of a mail that SendGrid does not even try to deliver."""
    return _dropped(reason)(0)


def expand(step: Step, message: Message) -> list[tuple[str, dict[str, Any]]]:
    """Turn a step into happenings: a scanner opens and clicks everything, a person clicks one link.

    What was not tracked, or needs an HTML part or a link the mail does not have, happens unseen: no event.
    """
    action, options = step.action, step.options
    if action == "scanner":
        clicks = [("scanner_click", _target(link)) for link in message.links()]
        return expand(Step(step.at, "scanner_open", options), message) + clicks
    if action == "click" and "url" not in options:
        links = message.links()
        return [("click", {**_target(links[0]), **options})] if links else []
    has_pixel = message.tracks("open") and (message.body("text/html") or message.template_id)
    if action.endswith("open") and not has_pixel:
        return []
    return [(action, options)]


def _target(link: Any) -> dict[str, Any]:
    return {"url": link.url, "index": link.index, "part": link.part}
