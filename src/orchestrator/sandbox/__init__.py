"""A SendGrid look-alike for demos, tests and development; it shares no code with what it tests."""

from __future__ import annotations

from orchestrator.sandbox.config import Behaviour, OwnerModel, SandboxConfig
from orchestrator.sandbox.faults import Faults
from orchestrator.sandbox.message import Message
from orchestrator.sandbox.sandbox import Sandbox
from orchestrator.sandbox.server import SandboxServer

__all__ = ["Behaviour", "Faults", "Message", "OwnerModel", "Sandbox", "SandboxConfig", "SandboxServer"]
