"""The addresses that answers come to: ``r+TOKEN@host`` for replies, ``u+TOKEN@host`` to opt out by mail.

The token stands for one attempt and is signed, so nobody can address another's. Both addresses share it, because it is
made for every mail that leaves: whoever knows either could answer "stop" to the other anyway. With its prefix it has 42
of the 64 characters a local part may have (RFC 5321 §4.5.3.1.1); two ids would leave no room for a prefix.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from orchestrator import errors
from orchestrator.domain import specimen
from orchestrator.domain.reply import InboundMail
from orchestrator.tokens import Signer

PURPOSE = "reply"
#: What the token of an opt-out link is signed for.
OPT_OUT_PURPOSE = "unsubscribe"
REPLY = "r+"
OPT_OUT = "u+"

#: The subject that the ``mailto:`` of a mail's List-Unsubscribe header asks for.
_OPT_OUT_SUBJECT = re.compile(r"\s*unsubscribe\s+(\S{1,200})\s*", re.IGNORECASE)
#: Recipients of one mail that are looked at.
_MOST_RECIPIENTS = 50


class Address(NamedTuple):
    """What a mail's own addresses say: that it opts out, and which attempt or which (tenant, campaign) it is about.

    ``of_test`` is true where they say that it is about a test mail, and nothing else.
    """

    opts_out: bool
    message_id: str | None = None
    campaign: tuple[str, str] | None = None
    of_test: bool = False


def read(mail: InboundMail, signer: Signer) -> Address | None:
    """Return what the addresses of `mail` say, if one of them is ours; what is forged or damaged says nothing.

    The SMTP envelope counts first. Where it is missing, the To header serves: what is signed may stand anywhere.
    """
    recipients = [*mail.envelope_to, *([mail.to_email] if mail.to_email else [])][:_MOST_RECIPIENTS]
    found = [one for one in (_recipient(address, signer) for address in recipients) if one is not None]
    by_subject = _subject(mail.subject, signer)
    if by_subject is not None:
        known = next((one.message_id for one in found), None)
        return by_subject._replace(message_id=known or by_subject.message_id)
    real = [one for one in found if not one.of_test]
    return next((one for one in real if one.opts_out), next(iter(real or found), None))


def _recipient(address: str, signer: Signer) -> Address | None:
    local_part = address.rpartition("@")[0].strip(" <\"'").lower()
    for prefix in (REPLY, OPT_OUT):
        if local_part == f"{prefix}{specimen.TOKEN}":
            return Address(prefix == OPT_OUT, of_test=True)
        if local_part.startswith(prefix):
            try:
                ids = signer.verify_local_part(PURPOSE, local_part.removeprefix(prefix))
            except errors.TokenError:
                return None
            return Address(prefix == OPT_OUT, message_id=ids[0]) if len(ids) == 1 else None
    return None


def _subject(subject: str, signer: Signer) -> Address | None:
    asked = _OPT_OUT_SUBJECT.fullmatch(subject)
    if asked is None:
        return None
    try:
        tenant_id, campaign_id, message_id = signer.verify(OPT_OUT_PURPOSE, asked[1])
    except (errors.TokenError, ValueError):
        return None
    return Address(True, message_id, (tenant_id, campaign_id))
