"""Reading replies: is it a person's, what is new in it, what does it say."""

from orchestrator.domain.reply.automatic import automatic
from orchestrator.domain.reply.labels import classify
from orchestrator.domain.reply.mail import (
    Attachment,
    Automatic,
    Classified,
    InboundMail,
    ReplyKind,
    ReplyLabel,
    ReportPart,
    interest,
)
from orchestrator.domain.reply.quotes import new_text

__all__ = [
    "Attachment",
    "Automatic",
    "Classified",
    "InboundMail",
    "ReplyKind",
    "ReplyLabel",
    "ReportPart",
    "automatic",
    "classify",
    "interest",
    "new_text",
]
