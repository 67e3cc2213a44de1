"""The dashboard: pages for people, made on the server, current while they are looked at."""

from orchestrator.dashboard.access import Access
from orchestrator.dashboard.application import Beside, create_app
from orchestrator.dashboard.mailbox import Mailbox

__all__ = ["Access", "Beside", "Mailbox", "create_app"]
