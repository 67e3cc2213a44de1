"""The owners' mailboxes, as the pages need them; whoever runs a sandbox brings the object that can do this."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple, Protocol

#: What can be made to happen to a mail, beside opening, clicking and answering it.
ACTS: dict[str, str] = {
    "one_click": "Opt out with one click, as Gmail offers it",
    "mailto_opt_out": "Opt out by writing a mail",
    "out_of_office": "Answer automatically: out of the office",
    "machine_open": "A privacy proxy opens it",
    "scanner": "A security scanner opens it and follows every link",
    "defer": "Put it off for a while",
    "bounce": "Bounce: there is no such mailbox",
    "block": "Block: refused this once",
    "spam": "Report it as spam",
    "open": "Open it once more",
}
#: Mail programs that owners answer with.
CLIENTS: dict[str, str] = {
    "gmail": "Gmail",
    "outlook": "Outlook",
    "apple": "Apple Mail",
    "yahoo": "Yahoo Mail",
    "plain": "A program that writes plain text",
}
#: What can be made to go wrong: knob: (words, unit, largest). Chances are given in percent.
FAULTS: dict[str, tuple[str, str, int]] = {
    "error_429": ("Too many requests (429)", "%", 100),
    "error_5xx_before": ("Server error, nothing accepted", "%", 100),
    "error_5xx_after": ("Accepted, then a server error", "%", 100),
    "latency_ms": ("Every answer is late", "ms", 3000),
    "duplicate_same_id": ("Webhooks twice", "%", 100),
    "duplicate_new_id": ("Webhooks twice, under a new id", "%", 100),
    "reorder": ("Webhooks out of order", "%", 100),
    "delay": ("Webhooks late", "s", 30),
    "bad_signature": ("Webhooks with a wrong signature", "%", 100),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Mail:
    """One mail in an owner's mailbox."""

    id: str
    #: Where it stands among all mails; the cursor of the list.
    number: int
    #: The campaign that it says it belongs to.
    campaign_id: str
    to: str
    to_name: str
    sender: str
    subject: str
    at: datetime
    #: What happened to it last, in a word or two.
    state: str
    unread: bool
    #: Whether it came as far as the mailbox.
    arrived: bool
    #: Whether a person opened it.
    opened: bool
    #: Whether its owner was made up to fill the charts.
    simulated: bool
    #: Whether it is a test mail: it belongs to no campaign, and what happens to it moves nothing.
    test: bool = False


class Counts(NamedTuple):
    """How many mails there are, how many of them wait to be read, and how many have owners who are made up."""

    total: int
    unread: int
    simulated: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Letter:
    """All that there is of one mail."""

    mail: Mail
    html: str
    text: str
    headers: Mapping[str, str]
    #: The request that brought it, as SendGrid got it.
    request: Mapping[str, Any]
    #: Where its tracked links lead, by their number.
    links: Mapping[int, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Carrier:
    """What brought a cause to the product: one request, and how it was answered."""

    #: For example ``webhook``.
    what: str
    answer: str
    accepted: bool
    milliseconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Happening:
    """Something that happened in a mailbox."""

    at: datetime
    #: An event's name as SendGrid has it, ``machine_open``, ``scanner_open``, ``scanner_click``, ``blocked``, or a
    #: deed, as ``reply``.
    kind: str
    #: The id of the event that told of it; None: it was told in another way, and arrives as a mail or a request.
    event_id: str | None
    #: The one thing to know beside: the answer, the reason, the link.
    detail: str = ""
    carriers: tuple[Carrier, ...] = ()
    #: The event or the deed as data.
    raw: Mapping[str, Any]


class Mailbox(Protocol):
    """The mailboxes of all owners of a tenant. Safe to use from several threads.

    Every method that is given a mail's id returns or does nothing for a mail of another tenant: `letter` is None.
    """

    @property
    def speed(self) -> float:
        """Story seconds per real second."""
        ...

    def mark(self) -> object:
        """Return something that changes whenever anything has happened; cheap."""
        ...

    def counts(self, tenant: str) -> Counts:
        """Return how many mails there are of each kind; every page asks."""
        ...

    def mails(self, tenant: str, words: str, *, unread: bool, before: int | None, limit: int) -> list[Mail]:
        """Return mails, newest first.

        Args:
            tenant: Whose.
            words: What the owner's name, the address or the subject holds; case does not matter.
            unread: Only what waits to be read.
            before: Only those with a lower number.
            limit: At most so many.
        """
        ...

    def letter(self, tenant: str, mail: str) -> Letter | None:
        """Return one mail; None: it is not there."""
        ...

    def live(self, letter: Letter, link: Callable[[int], str]) -> str:
        """Return the HTML of a mail whose tracked links lead where `link` says of their number."""
        ...

    def happened(self, letter: Letter) -> list[Happening]:
        """Return what happened to a mail: first what events told of, then deeds; each in the order it happened."""
        ...

    def open(self, letter: Letter) -> None:
        """Open it, as a person does; return when the product was told."""
        ...

    def click(self, letter: Letter, link: int) -> None:
        """Follow one of its links, as a person does; return when the product was told."""
        ...

    def reply(self, letter: Letter, text: str, client: str) -> None:
        """Answer it in the owner's place with one of `CLIENTS`; return when the product was told."""
        ...

    def act(self, letter: Letter, act: str) -> None:
        """Let one of `ACTS` happen to it; return when the product was told."""
        ...

    def simulate(self, tenant: str, owners: int, seed: int) -> int:
        """Write to so many made-up owners, who then behave as owners do; return how many are new.

        Args:
            tenant: In whose name.
            owners: How many.
            seed: Decides what each of them does; the same seed means the same owners.
        """
        ...

    def clear(self, tenant: str) -> int:
        """Delete a tenant's mails and return how many there were; what is under way still happens."""
        ...

    def faults(self) -> Mapping[str, float]:
        """Return the present value of each of `FAULTS`; chances between 0 and 1."""
        ...

    def misbehave(self, faults: Mapping[str, float]) -> None:
        """Turn those knobs. Raises `ValidationError`."""
        ...
