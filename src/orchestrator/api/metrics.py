"""Prometheus metrics of one application. Labels are closed sets: never an address, a message or a campaign."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from orchestrator.api.core import Receipt

_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)


class Metrics:
    """Counts what comes in; a registry of its own, so that two applications in one process do not mix.

    Args:
        version: This package's version, for ``orchestrator_build_info``.
    """

    def __init__(self, version: str) -> None:
        self.registry = CollectorRegistry()
        self._requests = Counter(
            "orchestrator_webhook_requests_total",
            "Webhook requests by outcome: accepted, or the error that refused them.",
            ["outcome"],
            registry=self.registry,
        )
        self._events = Counter(
            "orchestrator_webhook_events_total",
            "Events in accepted webhooks: new, duplicate, or unknown (of no campaign of ours).",
            ["outcome"],
            registry=self.registry,
        )
        self._inbound = Counter(
            "orchestrator_inbound_mails_total",
            "Inbound mails: by kind, duplicate, unmatched (of no campaign of ours), or the error that refused them.",
            ["outcome"],
            registry=self.registry,
        )
        self._inbound_duration = Histogram(
            "orchestrator_inbound_handle_duration_seconds",
            "Time from the head of the request to the commit, or to the refusal.",
            buckets=_SECONDS,
            registry=self.registry,
        )
        self._duration = Histogram(
            "orchestrator_webhook_handle_duration_seconds",
            "Time from the complete body to the commit, or to the refusal.",
            buckets=_SECONDS,
            registry=self.registry,
        )
        for outcome in ("new", "duplicate", "unknown"):  # a rate() needs the series to exist before its first event
            self._events.labels(outcome)
        info = Gauge(
            "orchestrator_build_info", "Always 1; the version is a label.", ["version"], registry=self.registry
        )
        info.labels(version).set(1)

    def webhook_accepted(self, receipt: Receipt, seconds: float) -> None:
        """Count a batch that is stored."""
        self._requests.labels("accepted").inc()
        self._events.labels("new").inc(receipt.new)
        self._events.labels("duplicate").inc(receipt.duplicate)
        self._events.labels("unknown").inc(receipt.unknown)
        self._duration.observe(seconds)

    def webhook_refused(self, outcome: str, seconds: float) -> None:
        """Count a batch that is not stored; `outcome` is an error's `code`."""
        self._requests.labels(outcome).inc()
        self._duration.observe(seconds)

    def inbound(self, outcome: str, seconds: float) -> None:
        """Count an inbound mail: what became of it, or an error's `code`."""
        self._inbound.labels(outcome).inc()
        self._inbound_duration.observe(seconds)

    def exposition(self) -> bytes:
        """Return all metrics in Prometheus's text format."""
        return generate_latest(self.registry)
