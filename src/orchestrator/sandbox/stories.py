"""Lets the stories of mails happen: events, suppression lists, and what the owners do."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

from orchestrator.sandbox import happenings, outcomes
from orchestrator.sandbox.config import Behaviour, OwnerModel, SandboxConfig
from orchestrator.sandbox.emitter import Emitter
from orchestrator.sandbox.message import Message
from orchestrator.sandbox.outcomes import Step
from orchestrator.sandbox.owners.people import DEEDS, Owners
from orchestrator.sandbox.reporting import Reporter
from orchestrator.sandbox.suppressions import Suppressions
from orchestrator.sandbox.truth import Truth

_LIST_DETAILS = {
    "bounces": ("reason", "status"),
    "blocks": ("reason", "status"),
    "invalid_emails": ("reason",),
    "spam_reports": (),
    "unsubscribes": (),
}

_ABSENT = OwnerModel.absent()
_DEEDS = frozenset(DEEDS)


class Stories:
    """Plays the stories of `outcomes`, step by step.

    Args:
        config: Returns the sandbox's present settings.
        reporter: Tells the webhook.
        truth: Keeps the books.
        suppressions: The lists that happenings fill.
        owners: Do what is no event of SendGrid's.
        unix_time: Returns the present moment.
    """

    def __init__(
        self,
        config: Callable[[], SandboxConfig],
        reporter: Reporter,
        truth: Truth,
        suppressions: Suppressions,
        owners: Owners,
        unix_time: Callable[[], int],
    ) -> None:
        self._config = config
        self._reporter = reporter
        self._emitter: Emitter = reporter.emitter
        self._truth = truth
        self._suppressions = suppressions
        self._owners = owners
        self._unix_time = unix_time

    def begin(self, message: Message) -> None:
        """Decide what becomes of a mail at the moment SendGrid would try to deliver it."""
        reason = self._suppressions.reason_to_drop(message)
        config = self._config()
        story = outcomes.dropped(reason) if reason else outcomes.story_of(message.email, config.behaviour, config.seed)
        if config.owners != _ABSENT:
            story = (*story, *self._answer(message, story, config))
        self.play(message, story)

    def _answer(self, message: Message, story: outcomes.Story, config: SandboxConfig) -> list[Step]:
        """Return what an owner does about a mail; an address that names its story does nothing else."""
        delivered_at = next((step.at for step in story if step.action == "deliver"), None)
        if delivered_at is None or outcomes.is_magic(message.email):
            return []
        return self._owners.steps(message.email, config.owners, config.seed, delivered_at)

    def play(self, message: Message, story: Iterable[Step]) -> None:
        """Let the steps of a story happen from now on."""
        now = self._unix_time()
        for step in story:
            if step.at == 0:
                self._take(message, step, now)
        later = ((step.at / self._config().speed, partial(self._take, message, step, now)) for step in story if step.at)
        self._emitter.schedule(later)

    def _take(self, message: Message, step: Step, began_at: int) -> None:
        if step.action in _DEEDS:
            self._owners.done(message, step.action, began_at + int(step.at), step.options)
        else:
            self.happen(message, step, began_at)

    def happen(self, message: Message, step: Step, began_at: int) -> list[dict[str, Any]]:
        """Let one step happen, tell the webhook, and return the events it made.

        Args:
            message: The mail it happens to.
            step: What happens.
            began_at: When its story began, in unix seconds.
        """
        timestamp = began_at + int(step.at)
        events: list[dict[str, Any]] = []
        for action, options in outcomes.expand(step, message):
            happening = happenings.HAPPENINGS[action]
            event = happenings.event_of(happening, message, options, timestamp, self._config().user_id)
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
            self._suppressions.add(happening.suppresses, message.email, event["timestamp"], **details)
        elif happening.event == "group_unsubscribe":
            self._suppressions.leave_group(event["asm_group_id"], message.email)
        elif happening.event == "group_resubscribe":
            self._suppressions.rejoin_group(event["asm_group_id"], message.email)

    def autopilot(
        self, messages: list[Message], *, seed: int, owners: OwnerModel, behaviour: Behaviour
    ) -> dict[str, int]:
        """Let the owners of mails that were delivered open, click, answer and opt out by rates, from now on.

        Args:
            messages: The mails.
            seed: Decides which owners do what.
            owners: How often they answer.
            behaviour: How often they react otherwise; its refusals do not apply.

        Returns:
            How many owners there were, and how often each thing is going to happen.
        """
        counts = Counter({"owners": 0})
        for message in messages:
            if not _was_delivered(message):
                continue
            steps = outcomes.reactions(behaviour, seed, message.email)
            story = (*steps, *self._owners.steps(message.email, owners, seed, 0.0))
            counts["owners"] += 1
            counts.update(step.action for step in story)
            self.play(message, story)
        return dict(counts)


def _was_delivered(message: Message) -> bool:
    names = [event["event"] for event in message.events]
    return "delivered" in names and "bounce" not in names
