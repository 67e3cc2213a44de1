"""Telling mail that a machine wrote from mail of a person."""

from __future__ import annotations

from orchestrator.domain.reply.mail import Automatic, InboundMail, ReplyKind


def automatic(mail: InboundMail) -> Automatic | None:
    """Return what kind of automatic mail this is and how that is known; None when a person seems to have written it."""
    submitted = (mail.header("Auto-Submitted") or "no").split(";")[0].strip().lower()
    if submitted != "no":
        return Automatic(kind=ReplyKind.AUTOMATIC, evidence=f"Auto-Submitted: {submitted}")
    return None
