"""The sandbox itself: accepts mail, lets things happen to it, and knows the truth."""

from __future__ import annotations

import itertools
import time
from collections.abc import Iterator
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any

from orchestrator import clock as clocks
from orchestrator import errors
from orchestrator.sandbox import happenings, ids, outcomes
from orchestrator.sandbox.config import SandboxConfig
from orchestrator.sandbox.faults import Faults
from orchestrator.sandbox.message import Message
from orchestrator.sandbox.outcomes import Step
from orchestrator.sandbox.reporting import Reporter
from orchestrator.sandbox.store import MessageStore
from orchestrator.sandbox.suppressions import Suppressions
from orchestrator.sandbox.truth import Truth

if TYPE_CHECKING:
    from starlette.types import ASGIApp

MAX_TIMES = 100
ACTIONS = (*happenings.HAPPENINGS, "scanner", "account_status_change")
_LIST_DETAILS = {
    "bounces": ("reason", "status"),
    "blocks": ("reason", "status"),
    "invalid_emails": ("reason",),
    "spam_reports": (),
    "unsubscribes": (),
}


class Sandbox:
    """A SendGrid look-alike: its API, its mailboxes and its signed event webhook, in one process and in memory.

    Args:
        config: Its settings; default: everybody may send, everything is delivered, nothing is posted.
        clock: Where event timestamps come from; default the system's clock.

    Raises:
        errors.ConfigurationError: the webhook's address is not an http or https address.
    """

    def __init__(self, config: SandboxConfig | None = None, clock: clocks.Clock | None = None) -> None:
        self.config = config or SandboxConfig()
        self.faults = Faults(self.config.seed)
        self.suppressions = Suppressions()
        self._clock = clock or clocks.SystemClock()
        self._store = MessageStore(self.config.max_messages)
        self._truth = Truth()
        self._ids = ids.MessageIds()
        self._numbers = itertools.count(1)
        self._reporter = Reporter(self.config, self.faults, self._truth, self.unix_time)
        self._emitter = self._reporter.emitter

    @property
    def public_key(self) -> str:
        """The webhook's verification key, as SendGrid shows it (base64 DER SubjectPublicKeyInfo)."""
        return self._reporter.signer.public_key

    def rotate_key(self) -> str:
        """Make a new key pair and return its public key; batches posted from now on carry the new signature."""
        return self._reporter.signer.rotate()

    def post_to(self, webhook_url: str | None) -> None:
        """Post events to another webhook from now on; None posts nowhere. What still waits goes to the new one.

        Raises:
            errors.ConfigurationError: it is not an http or https address; then nothing has changed.
        """
        self.config = self._reporter.redirect(webhook_url)

    @cached_property
    def app(self) -> ASGIApp:
        """The HTTP side as an ASGI application: SendGrid's API and, under ``/sandbox/api``, the control API."""
        from orchestrator.sandbox.application import create_application

        return create_application(self)

    def start(self) -> None:
        """Start posting events; until then they wait."""
        self._store.open()
        self._emitter.start()

    def stop(self) -> None:
        """Stop posting events and send home whoever waits for mail; `start` goes on where this stopped."""
        self._store.close()
        self._emitter.stop()

    def __enter__(self) -> Sandbox:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def unix_time(self) -> int:
        """Return the present moment in unix seconds."""
        return int(self._clock.now().timestamp())

    def accept(self, payload: dict[str, Any]) -> str:
        """Take in a request that passed every check and return its X-Message-Id.

        Args:
            payload: The decoded body of ``POST /v3/mail/send``; it is kept and must not be changed afterwards.
        """
        x_message_id = ids.random_id()
        messages = list(self._messages_of(payload, x_message_id, self.unix_time()))
        self._store.add(messages)
        self._truth.accepted(messages)
        self._emitter.schedule((self._delay(m), partial(self._begin, m)) for m in messages)
        return x_message_id

    def _messages_of(self, payload: dict[str, Any], x_message_id: str, now: int) -> Iterator[Message]:
        shared = payload.get("custom_args") or {}
        request_part = self._ids.request_part(x_message_id, now)
        index = 0
        for block in payload["personalizations"]:
            own = block.get("custom_args")
            custom_args = {**shared, **own} if own else shared
            headers = {**(payload.get("headers") or {}), **(block.get("headers") or {})}
            given = next((value for key, value in headers.items() if key.lower() == "message-id"), None)
            smtp_id = given or ids.smtp_id(x_message_id)
            for kind in ("to", "cc", "bcc"):
                for person in block.get(kind) or ():
                    yield Message(
                        x_message_id, index, person["email"], person.get("name"), kind, payload, block, custom_args,
                        f"{request_part}.{index}", smtp_id, now, next(self._numbers),
                    )  # fmt: skip
                    index += 1

    def _delay(self, message: Message) -> float:
        """Return how many real seconds a scheduled mail waits; a time in the past means now."""
        send_at = message.personalization.get("send_at") or message.payload.get("send_at") or 0
        return max(send_at - message.accepted_at, 0) / self.config.speed

    def _begin(self, message: Message) -> None:
        """Decide what becomes of a mail at the moment SendGrid would try to deliver it."""
        reason = self.suppressions.reason_to_drop(message)
        config = self.config
        story = outcomes.dropped(reason) if reason else outcomes.story_of(message.email, config.behaviour, config.seed)
        now = self.unix_time()
        later = [(step.at / config.speed, partial(self._happen, message, step, now)) for step in story if step.at > 0]
        if story[0].at == 0:
            self._happen(message, story[0], now)
        self._emitter.schedule(later)

    def _happen(self, message: Message, step: Step, began_at: int) -> list[dict[str, Any]]:
        timestamp = began_at + int(step.at)
        events: list[dict[str, Any]] = []
        for action, options in outcomes.expand(step, message):
            happening = happenings.HAPPENINGS[action]
            event = happenings.event_of(happening, message, options, timestamp, self.config.user_id)
            message.events.append(event)
            self._truth.happened(message, happening.letter)
            self._suppress(message, happening, event)
            self._reporter.report(message, event)
            events.append(event)
        return events

    def _suppress(self, message: Message, happening: happenings.Happening, event: dict[str, Any]) -> None:
        if happening.suppresses:
            details = {name: event.get(name, "") for name in _LIST_DETAILS[happening.suppresses]}
            if happening.suppresses == "spam_reports":
                details["ip"] = happenings.visitor_ip(message.email)
            self.suppressions.add(happening.suppresses, message.email, event["timestamp"], **details)
        elif happening.event == "group_unsubscribe":
            self.suppressions.leave_group(event["asm_group_id"], message.email)
        elif happening.event == "group_resubscribe":
            self.suppressions.rejoin_group(event["asm_group_id"], message.email)

    def act(self, message_id: str | None, action: str, **options: Any) -> list[dict[str, Any]]:
        """Let something happen to a mail now, and return the events it made (none when it was not tracked).

        Args:
            message_id: X-Message-Id, `sg_message_id` or ``{X-Message-Id}.{index}``; None for account_status_change.
            action: One of `ACTIONS`; ``drop`` and ``defer`` included.
            options: What differs from the usual: ``reason``, ``status``, ``url``, ``index``, ``ip``, ``useragent``,
                ``group_id``; for ``defer`` ``times``; for ``account_status_change`` ``type``.

        Raises:
            errors.ValidationError: no such action, or no such message (its body may have been discarded).
        """
        if action not in ACTIONS:
            raise errors.ValidationError("action", f"unknown: {action!r}; there are {', '.join(ACTIONS)}")
        if action == "account_status_change":
            return [self._change_account(options.get("type", "compliance_suspend"))]
        message = self._store.get(message_id or "")
        if message is None:
            raise errors.ValidationError(
                "message_id", f"no message {message_id!r}; the newest {self.config.max_messages} are kept"
            )
        times = options.pop("times", 1)
        if type(times) is not int or not 1 <= times <= MAX_TIMES:
            raise errors.ValidationError("times", f"must be a whole number from 1 to {MAX_TIMES}")
        step = Step(0.0, action, options)
        return [event for _ in range(times) for event in self._happen(message, step, self.unix_time())]

    def _change_account(self, kind: str) -> dict[str, Any]:
        if kind not in happenings.ACCOUNT_STATUS_TYPES:
            raise errors.ValidationError("type", f"must be one of {', '.join(happenings.ACCOUNT_STATUS_TYPES)}")
        event = happenings.account_event(kind, self.unix_time(), self.config.user_id)
        self._truth.account_changed()
        self._emitter.emit(event, 0)
        return event

    def post_test_events(self) -> None:
        """Post what SendGrid's *test your integration* posts: one event of each kind, with invented ids."""
        for event in happenings.sample_events(self.unix_time()):
            self._emitter.emit(event, 0)

    def message(self, message_id: str) -> Message | None:
        """Return one message by any of its ids, or None."""
        return self._store.get(message_id)

    def messages(self, to: str | None = None, limit: int = 50, before: int | None = None) -> list[Message]:
        """Return accepted messages, newest first.

        Args:
            to: Only to this address.
            limit: At most so many.
            before: Only those whose `number` is lower (cursor of the next page).
        """
        return self._store.newest(to, limit, before)

    def wait_for_message(self, to: str | None = None, timeout: float = 10.0) -> Message | None:
        """Return the newest message to an address, waiting up to `timeout` seconds for one; None when none came."""
        return self._store.wait(to, timeout)

    def truth(self, *, detail: bool = True) -> dict[str, Any]:
        """Return what really happened, whatever the webhook was made to tell.

        Keys: ``requests``, ``accepted`` (mails), ``accepted_twice`` (outreach_message_ids taken more than once),
        ``events`` (name → count), ``status`` (final status → count), ``duplicates``, ``withheld``, ``opens`` and
        ``clicks`` (human, machine), ``emitter``; with `detail` also ``messages`` by outreach_message_id (by message id
        where the mail carried none) and ``campaigns`` by the campaign_id custom argument.
        """
        return {**self._truth.report(detail=detail), "emitter": self._emitter.report()}

    def settle(self, timeout: float) -> dict[str, Any]:
        """Wait until every story is told and every event acknowledged or given up.

        Args:
            timeout: Seconds to wait at most.

        Returns:
            ``settled`` (bool), ``seconds`` waited, and the emitter's counts: ``emitted``, ``acknowledged``,
            ``given_up``, ``pending``, ``batches``, ``attempts``, ``refused``, ``last_failure``.
        """
        began = time.monotonic()
        settled = self._emitter.settle(timeout)
        return {"settled": settled, "seconds": round(time.monotonic() - began, 3), **self._emitter.report()}

    def clear(self) -> None:
        """Delete every message, list entry, count and event still to come; faults stay as they are."""
        self._emitter.clear()
        self._store.clear()
        self.suppressions.clear()
        self._truth.clear()
