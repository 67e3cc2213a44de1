"""Taking in what the event webhook brings: checked or unchecked, one event, a list, or a raw body."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from orchestrator import errors
from orchestrator.services.doubt.endpoint import Endpoint
from orchestrator.services.incoming.delivery_events import DeliveryEvents, Receipt
from orchestrator.services.incoming.webhook_log import Watch, unrecorded
from orchestrator.webhooks import sendgrid
from orchestrator.webhooks.signature import Verifier


@dataclass(frozen=True, slots=True)
class Intake:
    """Takes webhooks in.

    `verifier` returns what checks signatures, or raises `WebhookNotConfigured`; `endpoint` is told that a batch is
    taken; `store` keeps its events; `opt_out_prefix` is what every opt-out link of ours begins with, or None; `watch`
    writes down which POSTs came in.
    """

    verifier: Callable[[], Verifier]
    endpoint: Endpoint
    store: DeliveryEvents
    opt_out_prefix: str | None
    watch: Watch = unrecorded

    def handle(self, data: Any) -> Any:
        """Store one event (its result, or None) or a list (of results), unchecked. Raises `MalformedPayload`."""
        if isinstance(data, dict):
            return self._ingest([data]).results[0]
        if isinstance(data, list):
            return list(self._ingest(data).results)
        raise errors.MalformedPayload(f"A webhook is a dict or a list of dicts, not {type(data).__name__}.")

    def verify(self, raw_body: bytes, headers: Mapping[str, str]) -> None:
        """Check that SendGrid signed exactly these bytes. Raises `WebhookNotConfigured` or a signature error."""
        self.verifier().verify(raw_body, headers)

    def receive(self, raw_body: bytes, headers: Mapping[str, str]) -> Receipt:
        """Verify and store one POST; when this returns, everything is committed.

        Raises:
            WebhookNotConfigured, SignatureMissing, SignatureInvalid: It cannot be trusted; nothing was stored.
            MalformedPayload: Not a JSON list.
            DatabaseUnreachable: Nothing was stored; SendGrid will send it again.
        """
        with self.watch("events", raw_body, headers) as arrival, self.endpoint.taking():
            self.verify(raw_body, headers)
            arrival.trust = "signed"
            receipt = self.take_again(raw_body)
            arrival.stored(receipt.received, receipt.new, receipt.duplicate, receipt.unknown)
            return receipt

    def take_again(self, raw_body: bytes) -> Receipt:
        """Store a batch that is trusted; what is known already changes nothing. Raises `MalformedPayload`."""
        return self.store.ingest(sendgrid.parse(raw_body, opt_out_prefix=self.opt_out_prefix))

    def _ingest(self, data: list[Any]) -> Receipt:
        normalised = [sendgrid.normalise(event, opt_out_prefix=self.opt_out_prefix) for event in data]
        with self.endpoint.taking():
            return self.store.ingest(normalised)
