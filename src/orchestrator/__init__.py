"""Outreach.Orchestrator writes to property owners, once and well, and knows what happened.

```python
from orchestrator import OutreachOrchestrator, OutreachStatus
```

The public names are loaded when first used, so that ``import orchestrator`` costs nothing.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from orchestrator.domain.campaign import OutreachCampaign, OutreachStatus
    from orchestrator.orchestrator import OutreachOrchestrator

__version__ = "0.1.0"
__all__ = ["OutreachCampaign", "OutreachOrchestrator", "OutreachStatus", "__version__"]

_HOME = {
    "OutreachCampaign": "orchestrator.domain.campaign",
    "OutreachOrchestrator": "orchestrator.orchestrator",
    "OutreachStatus": "orchestrator.domain.campaign",
}


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'orchestrator' has no attribute {name!r}")
    return getattr(importlib.import_module(_HOME[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)
