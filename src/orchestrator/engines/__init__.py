"""Who runs when: the loops that send what is due and publish what happened."""

from orchestrator.engines.local import LocalEngine

__all__ = ["LocalEngine"]
