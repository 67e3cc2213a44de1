"""A mail on its way to SendGrid's mail servers, with the envelope it travels in."""

from __future__ import annotations

from dataclasses import dataclass

from orchestrator import errors

#: What can be wrong with the form that SendGrid posts, for receivers that must survive it.
DAMAGES = ("wrong_charset", "no_envelope", "truncated", "not_a_form")


@dataclass(frozen=True, slots=True, kw_only=True)
class Letter:
    """One mail.

    Args:
        mime: Its bytes.
        envelope_from: Return path; empty: reports and automatic answers, which must not be answered (RFC 5321).
        envelope_to: Recipients; SendGrid posts each of them separately.
        message_id: Its Message-ID, or None.
        at: Story time in unix seconds.
        host: Server that handed it in.
        signed_by: Domain whose DKIM signature is valid, or None.
        damage: One of `DAMAGES`, or None.
    """

    mime: bytes
    envelope_from: str
    envelope_to: tuple[str, ...]
    message_id: str | None
    at: int
    host: str = "mout.example.net"
    signed_by: str | None = None
    damage: str | None = None

    def __post_init__(self) -> None:
        if self.damage is not None and self.damage not in DAMAGES:
            raise errors.ValidationError("damage", f"must be one of {', '.join(DAMAGES)}, not {self.damage!r}")
