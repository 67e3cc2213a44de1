"""The sandbox itself: accepts mail, lets things happen to it, and knows the truth."""

from __future__ import annotations

import itertools
import time
from collections.abc import Collection, Iterable
from dataclasses import replace
from functools import partial
from typing import Any

from orchestrator import clock as clocks
from orchestrator import errors
from orchestrator.sandbox import happenings, ids
from orchestrator.sandbox.config import Behaviour, OwnerModel, SandboxConfig
from orchestrator.sandbox.deeds import Deeds
from orchestrator.sandbox.errands import Errands
from orchestrator.sandbox.faults import Faults
from orchestrator.sandbox.inbound.delivery import Deliveries
from orchestrator.sandbox.inbound.settings import ParseSettings, checked_url
from orchestrator.sandbox.message import Message, messages_of
from orchestrator.sandbox.outcomes import Step
from orchestrator.sandbox.owners.people import Owners
from orchestrator.sandbox.posts import Post
from orchestrator.sandbox.reporting import Reporter
from orchestrator.sandbox.store import MessageStore
from orchestrator.sandbox.stories import Stories
from orchestrator.sandbox.suppressions import Suppressions
from orchestrator.sandbox.truth import Truth

MAX_TIMES = 100
ACTIONS = (*happenings.HAPPENINGS, "scanner", "account_status_change")


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
        self._errands = Errands(self._emitter)
        self.parse_settings = ParseSettings(self.config)
        self.deeds = Deeds(self.config.max_messages)
        deliveries = Deliveries(self.config, self.parse_settings, self._errands, self.faults, self.unix_time)
        self.owners = Owners(
            lambda: self.config, self._store.get, self._errands, deliveries, self.deeds, self.unix_time
        )
        self._stories = Stories(
            lambda: self.config, self._reporter, self._truth, self.suppressions, self.owners, self.unix_time
        )

    @property
    def public_key(self) -> str:
        """The webhook's verification key, as SendGrid shows it (base64 DER SubjectPublicKeyInfo)."""
        return self._reporter.signer.public_key

    @property
    def inbound_public_key(self) -> str:
        """The key that verifies the posts of inbound mail, in the same form."""
        return self.parse_settings.own_signer.public_key

    def rotate_inbound_key(self) -> str:
        """Make a new key pair for inbound mail and return its public key."""
        return self.parse_settings.own_signer.rotate()

    def receive_at(self, url: str, host: str | None = None, **manner: bool) -> None:
        """Post the owners' mail to `url` from now on, instead of where it went so far.

        Args:
            url: Absolute http or https address.
            host: The host whose mail that is; None: every host's.
            manner: ``raw``, ``signed`` and ``spam_check``, as in `SandboxConfig`.

        Raises:
            errors.ConfigurationError: it is not an http or https address; then nothing has changed.
        """
        changed = {f"inbound_{name}": value for name, value in manner.items()}
        config = replace(self.config, inbound_url=checked_url(url), inbound_host=host, **changed)
        self.parse_settings.clear()
        self.parse_settings.put(self.parse_settings.own(config))
        self.config = config

    def rotate_key(self) -> str:
        """Make a new key pair and return its public key; batches posted from now on carry the new signature."""
        return self._reporter.signer.rotate()

    def post_to(self, webhook_url: str | None) -> None:
        """Post events to another webhook from now on; None posts nowhere. What still waits goes to the new one.

        Raises:
            errors.ConfigurationError: it is not an http or https address; then nothing has changed.
        """
        self._reporter.redirect(webhook_url)
        self.config = replace(self.config, webhook_url=webhook_url)

    def start(self) -> None:
        """Start posting events; until then they wait."""
        self._store.open()
        self._emitter.start()
        self._errands.start()

    def stop(self) -> None:
        """Stop posting events and send home whoever waits for mail; `start` goes on where this stopped."""
        self._store.close()
        self._emitter.stop()
        self._errands.stop()

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
        now = self.unix_time()
        messages = list(
            messages_of(payload, x_message_id, self._ids.request_part(x_message_id, now), now, self._numbers)
        )
        self._store.add(messages)
        self._truth.accepted(messages)
        self._emitter.schedule((self._delay(m), partial(self._stories.begin, m)) for m in messages)
        return x_message_id

    def _delay(self, message: Message) -> float:
        """Return how many real seconds a scheduled mail waits; a time in the past means now."""
        send_at = message.personalization.get("send_at") or message.payload.get("send_at") or 0
        return max(send_at - message.accepted_at, 0) / self.config.speed

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
        return [event for _ in range(times) for event in self._stories.happen(message, step, self.unix_time())]

    def autopilot(
        self, count: int, *, seed: int = 7, owners: OwnerModel | None = None, behaviour: Behaviour | None = None
    ) -> dict[str, int]:
        """Let the owners of those of the newest `count` mails that were delivered behave by rates, from now on.

        Args:
            count: How many mails.
            seed: Decides which owners do what.
            owners: How often they answer; default `OwnerModel.realistic`.
            behaviour: How often they open, click and so on; default `Behaviour.realistic`.

        Returns:
            How many owners there were, and how often each thing is going to happen.
        """
        return self._stories.autopilot(
            self._store.newest(None, count), seed=seed,
            owners=owners or OwnerModel.realistic(), behaviour=behaviour or Behaviour.realistic(),
        )  # fmt: skip

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

    def discard(self, messages: Iterable[Message]) -> None:
        """Take messages out of the mailboxes; counts stay, and what is under way still happens and is reported."""
        self._store.discard(messages)

    def posts(self, event_id: str) -> list[Post]:
        """Return the newest attempts to bring an event (by its ``sg_event_id``) to the webhook, oldest first."""
        return self._emitter.posts.of(event_id)

    def wait_until_posted(self, event_ids: Collection[str], timeout: float) -> bool:
        """Wait until each event was posted once, whatever the answer; False when `timeout` seconds were not enough."""
        return self._emitter.posts.wait(event_ids, timeout)

    def wait_for_message(self, to: str | None = None, timeout: float = 10.0) -> Message | None:
        """Return the newest message to an address, waiting up to `timeout` seconds for one; None when none came."""
        return self._store.wait(to, timeout)

    def truth(self, *, detail: bool = True) -> dict[str, Any]:
        """Return what really happened, whatever the webhook was made to tell.

        Keys: ``requests``, ``accepted`` (mails), ``accepted_twice`` (outreach_message_ids taken more than once),
        ``events`` (name → count), ``status`` (final status → count), ``duplicates``, ``withheld``, ``opens`` and
        ``clicks`` (human, machine), ``emitter``; with `detail` also ``messages`` by outreach_message_id (by message id
        where the mail carried none) and ``campaigns`` by the campaign_id custom argument. ``owners``: what they did
        (``deeds``: kind → count), the fates of the mail they sent (``inbound``), with `detail` also each deed
        (``all``).
        """
        report = self._truth.report(detail=detail)
        return {**report, "owners": self.deeds.report(detail=detail), "emitter": self._emitter.report()}

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
        self.deeds.clear()
