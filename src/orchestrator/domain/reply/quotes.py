"""Telling what a person wrote from what their program quoted."""

from __future__ import annotations

from collections.abc import Sequence


def new_text(text: str, *, own_markers: Sequence[str] = ()) -> str:
    """Return what is new in a reply: without the quoted mail, without the signature.

    Args:
        text: The whole mail as plain text.
        own_markers: Words that stand in our own mails only, such as the host of our links; a line that holds one is
            quoted.
    """
    kept = []
    for line in text.splitlines():
        if line.startswith(("On ", ">")) or any(marker in line for marker in own_markers):
            break
        kept.append(line)
    return "\n".join(kept).strip()
