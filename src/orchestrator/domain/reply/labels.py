"""What a reply says, by rules that name the words they went by."""

from __future__ import annotations

import re

from orchestrator.domain.reply.mail import Classified, ReplyLabel

_STOP = re.compile(r"\b(unsubscribe|opt out|remove me|stop (?:emailing|writing|contacting))\b", re.IGNORECASE)


def classify(new_text: str) -> Classified:
    """Return what a reply says, and the words by which that is known.

    Args:
        new_text: What is new in the reply; quoted text holds words of ours, such as "unsubscribe".
    """
    found = _STOP.search(new_text)
    if found:
        return Classified(label=ReplyLabel.OPT_OUT, words=(found[0],), rule="opt_out.stop_writing")
    return Classified(label=ReplyLabel.OTHER)
