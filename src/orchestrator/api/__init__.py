"""HTTP in: SendGrid's webhooks, opt-out pages, health and metrics, as one FastAPI application."""

from __future__ import annotations

from orchestrator.api.application import create_app
from orchestrator.api.core import Check, Core, Receipt
from orchestrator.api.lane import Lane

__all__ = ["Check", "Core", "Lane", "Receipt", "create_app"]
