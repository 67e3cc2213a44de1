"""What the webhook is told about a happening: usually one event, with faults switched on more, less, later or worse."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from typing import Any

from orchestrator.sandbox import ids
from orchestrator.sandbox.config import SandboxConfig
from orchestrator.sandbox.emitter import Emitter
from orchestrator.sandbox.faults import Faults
from orchestrator.sandbox.message import Message
from orchestrator.sandbox.poster import Poster
from orchestrator.sandbox.signing import Signer
from orchestrator.sandbox.truth import Truth

Event = dict[str, Any]


class Reporter:
    """Puts events on their way, as the webhook faults will have it.

    Args:
        config: The sandbox's settings.
        faults: Its knobs.
        truth: Its books, where duplicates and withheld events are noted.
        unix_time: Returns the present moment in seconds, for the signature's timestamp.

    Raises:
        errors.ConfigurationError: the webhook's address is not an http or https address.
    """

    def __init__(self, config: SandboxConfig, faults: Faults, truth: Truth, unix_time: Callable[[], int]) -> None:
        self.signer = Signer()
        self._config = config
        self._faults = faults
        self._truth = truth
        self._unix_time = unix_time
        self.emitter = Emitter(config, self._poster)
        self._check()

    def redirect(self, url: str | None) -> SandboxConfig:
        """Post to another webhook from now on (None: nowhere) and return the settings that now hold.

        Raises:
            errors.ConfigurationError: `url` is not an http or https address; then nothing has changed.
        """
        former, self._config = self._config, replace(self._config, webhook_url=url)
        try:
            self._check()
        except Exception:
            self._config = former
            raise
        self.emitter.configure(self._config)
        return self._config

    def report(self, message: Message, event: Event) -> None:
        """Give one event of a mail to the emitter."""
        shard = (message.number + ("smtp-id" in event)) % self._config.shards
        if not self._faults.active:
            self.emitter.emit(event, shard)
            return
        copies = list(self._copies(event))
        self._truth.posted(message, len(copies))
        for delay, copy in copies:
            if delay:
                later = partial(self.emitter.emit, copy, (shard + 1) % self._config.shards)
                self.emitter.schedule([(delay, later)])
            else:
                self.emitter.emit(copy, shard)

    def _copies(self, event: Event) -> Iterator[tuple[float, Event]]:
        """Yield what is posted for one event, each with its delay in seconds."""
        faults, pause = self._faults, 2 * self._config.flush_interval
        dropped = event["event"] == "processed" and faults.hits("drop_processed")
        if dropped or faults.hits("withhold"):
            return
        delay = faults["delay"]
        if faults.hits("reorder"):
            delay += pause * (1 + faults.draw("reorder"))
        yield delay, event
        if faults.hits("duplicate_same_id"):
            yield delay + pause, event
        if faults.hits("duplicate_new_id"):
            yield delay + pause, {**event, "sg_event_id": ids.random_id()}
        if faults.hits("unknown_event"):
            self.emitter.emit({**event, "event": "future_event", "sg_event_id": ids.random_id()}, 0)

    def _sign(self, body: bytes) -> tuple[str, str]:
        timestamp = str(self._unix_time())
        signed = body + b" " if self._faults.hits("bad_signature") else body
        return timestamp, self.signer.sign(timestamp, signed)

    def _poster(self) -> Poster:
        return Poster(self._config.webhook_url or "", self._sign, self._config.webhook_timeout)

    def _check(self) -> None:
        if self._config.webhook_url is not None:
            self._poster().close()
