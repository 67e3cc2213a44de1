"""Who a mail is from and to: addresses, their number, and that nobody is named twice in one personalization."""

from __future__ import annotations

import re
from collections.abc import Iterator

from orchestrator.sandbox.validators.problem import JSON, Problem

MAX_RECIPIENTS = MAX_PERSONALIZATIONS = MAX_REPLY_TO = 1000

# SendGrid takes nearly anything with an @ between two non-empty halves; what is too odd is dropped later.
_ADDRESS = re.compile(r'(?:"[^"]+"|[^\s@",;:<>()\[\]\\]+)@[^\s@",;:<>()\[\]\\]+(?<!\.)')

NO_PERSONALIZATION = "You must have at least one personalization."
TOO_MANY_PERSONALIZATIONS = (
    "The personalization block is limited to 1000 personalizations per API request. You have provided {} "
    "personalizations. Please consider splitting this into multiple requests and resending your request."
)
TOO_MANY_RECIPIENTS = "There is a limit of 1000 total recipients (to + cc + bcc) per request."
NO_TO = (
    "The to array is required for all personalization objects, and must have at least one email object with a valid "
    "email address."
)
INVALID = "Does not contain a valid address."
REPEATED = (
    "Each email address in the personalization block should be unique between to, cc, and bcc. We found the first "
    "duplicate instance of [{}] in the personalizations.{}.{} field."
)
NO_FROM = (
    "The from object must be provided for every email send. It is an object that requires the email parameter, but "
    'may also contain a name parameter.  e.g. {"email" : "example@example.com"}  or {"email" : "example@example.com", '
    '"name" : "Example Recipient"}.'
)
INVALID_FROM = "The from email does not contain a valid address."
INVALID_REPLY_TO = "The reply_to email does not contain a valid address."
BOTH_REPLY_TO = "The reply_to and reply_to_list parameters are mutually exclusive; provide only one of them."
REPEATED_REPLY_TO = "Each email address in the reply_to_list should be unique."
TOO_MANY_REPLY_TO = "There is a limit of 1000 email addresses in the reply_to_list."


def is_address(value: object) -> bool:
    """Say whether SendGrid takes the value for an email address."""
    return type(value) is str and _ADDRESS.fullmatch(value) is not None


def personalizations(payload: JSON) -> Iterator[Problem]:
    blocks = payload.get("personalizations")
    if not blocks:
        yield Problem(NO_PERSONALIZATION, "personalizations")
        return
    if len(blocks) > MAX_PERSONALIZATIONS:
        yield Problem(TOO_MANY_PERSONALIZATIONS.format(len(blocks)), "personalizations")
    total = 0
    for position, block in enumerate(blocks):
        total += sum(len(block.get(kind) or ()) for kind in ("to", "cc", "bcc"))
        yield from _recipients(block, position)
    if total > MAX_RECIPIENTS:
        yield Problem(TOO_MANY_RECIPIENTS, "personalizations")


def _recipients(block: JSON, position: int) -> Iterator[Problem]:
    path = f"personalizations.{position}"
    if not block.get("to"):
        yield Problem(NO_TO, f"{path}.to")
    seen: set[str] = set()
    repeated: Problem | None = None
    for kind in ("to", "cc", "bcc"):
        for number, person in enumerate(block.get(kind) or ()):
            email = person.get("email")
            if not is_address(email):
                yield Problem(INVALID, f"{path}.{kind}.{number}.email")
                continue
            if email.lower() in seen and repeated is None:
                repeated = Problem(REPEATED.format(email, position, kind), path)
            seen.add(email.lower())
    if repeated:
        yield repeated
    if block.get("from") is not None and not _is_sender(block["from"]):
        yield Problem(INVALID_FROM, f"{path}.from.email")


def _is_sender(person: JSON) -> bool:
    """SendGrid supports no Unicode in the sender's address."""
    email = person.get("email")
    return type(email) is str and email.isascii() and is_address(email)


def sender(payload: JSON) -> Iterator[Problem]:
    person = payload.get("from")
    if not person or person.get("email") is None:
        yield Problem(NO_FROM, "from.email")
    elif not _is_sender(person):
        yield Problem(INVALID_FROM, "from.email")


def reply_to(payload: JSON) -> Iterator[Problem]:
    single, several = payload.get("reply_to"), payload.get("reply_to_list")
    if single is not None and not is_address(single.get("email")):
        yield Problem(INVALID_REPLY_TO, "reply_to.email")
    if several is None:
        return
    if single is not None:
        yield Problem(BOTH_REPLY_TO, "reply_to")
    if len(several) > MAX_REPLY_TO:
        yield Problem(TOO_MANY_REPLY_TO, "reply_to_list")
    emails = [person.get("email") for person in several]
    for number, email in enumerate(emails):
        if not is_address(email):
            yield Problem(INVALID, f"reply_to_list.{number}.email")
    if len({str(email).lower() for email in emails}) < len(emails):
        yield Problem(REPEATED_REPLY_TO, "reply_to_list")
