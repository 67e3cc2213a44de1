"""The dashboard: pages for people, made on the server, current while they are looked at."""

from orchestrator.dashboard.access import Access
from orchestrator.dashboard.application import Beside, create_app

__all__ = ["Access", "Beside", "create_app"]
