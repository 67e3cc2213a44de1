"""SendGrid's Inbound Parse, put into our own words.

What comes in was written by anybody, so nothing here raises for content: what cannot be read is left out.
The bytes of attachments are looked at where they lie and never copied; everything is linear in their number.
"""

from orchestrator.webhooks.inbound.post import parse

__all__ = ["parse"]
