"""The sandbox's mailboxes, as the dashboard's inbox wants them."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from orchestrator import errors
from orchestrator.dashboard.mailbox import ACTS, CLIENTS, FAULTS, Carrier, Counts, Happening, Letter, Mail
from orchestrator.domain.specimen import CATEGORY
from orchestrator.sandbox import Message, Sandbox
from orchestrator.sandbox.deeds import Deed
from orchestrator.sandbox.happenings import SCANNER

#: Seconds that a person is made to wait until the product was told; what takes longer is seen a moment later.
PATIENCE = 3.0
#: The mailboxes of owners who are made up; no such host exists.
SIMULATED_HOST = "simulated-owners.example.test"
_DEEDS = frozenset({"one_click", "mailto_opt_out", "out_of_office"})
#: What a list says of a mail, by what happened to it.
_STATES = {
    "processed": "on its way",
    "deferred": "put off",
    "delivered": "delivered",
    "open": "opened",
    "machine_open": "opened by a machine",
    "scanner_open": "opened by a scanner",
    "click": "clicked",
    "scanner_click": "opened by a scanner",
    "bounce": "bounced",
    "blocked": "blocked",
    "dropped": "dropped",
    "spamreport": "reported as spam",
    "unsubscribe": "unsubscribed",
    "reply": "replied",
    "out_of_office": "out of office",
    "one_click": "opted out",
    "mailto_opt_out": "opted out",
}
#: After these a mail waits for nobody.
_READ = frozenset(
    {"open", "click", "reply", "one_click", "mailto_opt_out", "spamreport", "bounce", "blocked", "dropped"}
)


class SandboxMailbox:
    """Adapts a sandbox to `dashboard.mailbox.Mailbox`.

    Args:
        sandbox: The sandbox.
        write: Writes to so many made-up owners at `SIMULATED_HOST`, as a seed decides, in a tenant's name; returns how
            many of them are new.
    """

    def __init__(self, sandbox: Sandbox, write: Callable[[str, int, int], int]) -> None:
        self._sandbox = sandbox
        self._write = write
        self._looked_after: set[str] = set()
        self._writing = threading.Lock()
        self._cleared = 0
        self._counted: dict[str, tuple[object, Counts]] = {}

    @property
    def speed(self) -> float:
        return self._sandbox.config.speed

    def look_after(self, campaigns: set[str]) -> None:
        """Say that the mail of these campaigns has owners who read it by themselves: it waits for nobody else."""
        self._looked_after |= campaigns

    def mark(self) -> object:
        told = self._sandbox.truth(detail=False)
        return told["accepted"], told["emitter"], told["owners"], self._cleared

    def counts(self, tenant: str) -> Counts:
        mark = (self.mark(), len(self._looked_after))
        known = self._counted.get(tenant)
        if known is None or known[0] != mark:  # every page asks, and going through thousands of mails takes its time
            deeds = self._deeds()
            mails = [self._mail(message, deeds) for message in self._of(tenant)]
            counts = Counts(len(mails), sum(mail.unread for mail in mails), sum(mail.simulated for mail in mails))
            self._counted[tenant] = known = mark, counts
        return known[1]

    def mails(self, tenant: str, words: str, *, unread: bool, before: int | None, limit: int) -> list[Mail]:
        wanted, deeds = words.casefold().split(), self._deeds()
        found: list[Mail] = []
        for message in self._of(tenant):
            if len(found) >= limit:
                break
            if before is not None and message.number >= before:
                continue
            mail = self._mail(message, deeds)
            searched = f"{mail.to} {mail.to_name} {mail.subject}".casefold()
            if all(word in searched for word in wanted) and (mail.unread or not unread):
                found.append(mail)
        return found

    def letter(self, tenant: str, mail: str) -> Letter | None:
        message = self._sandbox.message(mail)
        if message is None or message.custom_args.get("tenant_id") != tenant:
            return None
        return Letter(
            mail=self._mail(message, self._deeds()),
            html=message.body("text/html") or "",
            text=message.body("text/plain") or "",
            headers={**_envelope(message), **message.headers},
            request=message.payload,
            links={link.index: link.url for link in message.links() if link.part == "html"},
        )

    def live(self, letter: Letter, link: Callable[[int], str]) -> str:
        message = self._sandbox.message(letter.mail.id)
        return (message and message.rewritten(lambda one: link(one.index))) or ""

    def happened(self, letter: Letter) -> list[Happening]:
        message = self._sandbox.message(letter.mail.id)
        events = [] if message is None else [self._event(event) for event in list(message.events)]
        return [*events, *map(_deed, self._sandbox.deeds.kept(letter.mail.id))]

    def open(self, letter: Letter) -> None:
        self._happen(letter, "open")

    def click(self, letter: Letter, link: int) -> None:
        if link in letter.links:
            self._happen(letter, "click", url=letter.links[link], index=link, part="html")

    def reply(self, letter: Letter, text: str, client: str) -> None:
        if client not in CLIENTS:
            raise errors.ValidationError("client", f"must be one of {', '.join(CLIENTS)}")
        self._sandbox.owners.reply(letter.mail.id, text, client=client).wait(PATIENCE)

    def act(self, letter: Letter, act: str) -> None:
        if act not in ACTS:
            raise errors.ValidationError("act", f"must be one of {', '.join(ACTS)}")
        if act in _DEEDS:
            self._sandbox.owners.do(letter.mail.id, act).wait(PATIENCE)
        else:
            self._happen(letter, act)

    def simulate(self, tenant: str, owners: int, seed: int) -> int:
        with self._writing:
            return self._write(tenant, owners, seed)

    def clear(self, tenant: str) -> int:
        messages = list(self._of(tenant))
        self._sandbox.discard(messages)
        self._cleared += 1
        return len(messages)

    def faults(self) -> Mapping[str, float]:
        values = self._sandbox.faults.as_dict()
        return {knob: values[knob] for knob in FAULTS}

    def misbehave(self, faults: Mapping[str, float]) -> None:
        self._sandbox.faults.set(**{knob: value for knob, value in faults.items() if knob in FAULTS})

    def _happen(self, letter: Letter, action: str, **options: Any) -> None:
        events = self._sandbox.act(letter.mail.id, action, **options)
        self._sandbox.wait_until_posted([event["sg_event_id"] for event in events], PATIENCE)

    def _of(self, tenant: str) -> Iterator[Message]:
        """Yield the tenant's mail, newest first."""
        for message in self._sandbox.messages(limit=self._sandbox.config.max_messages):
            if message.custom_args.get("tenant_id") == tenant:
                yield message

    def _deeds(self) -> dict[str, list[str]]:
        """Return what the owners did, by mail."""
        found: dict[str, list[str]] = {}
        for deed in self._sandbox.deeds.kept():
            found.setdefault(deed.about.get("message", ""), []).append(deed.kind)
        return found

    def _mail(self, message: Message, deeds: Mapping[str, list[str]]) -> Mail:
        kinds = [*map(_kind, list(message.events)), *deeds.get(message.id, ())]
        campaign = message.custom_args.get("campaign_id", "")
        simulated = message.email.endswith(f"@{SIMULATED_HOST}")
        arrived = "delivered" in kinds
        waits = arrived and _READ.isdisjoint(kinds)
        return Mail(
            id=message.id,
            number=message.number,
            campaign_id=campaign,
            to=message.email,
            to_name=message.name or message.email,
            sender=message.sender.get("name") or message.sender["email"],
            subject=message.subject or "(no subject)",
            at=_moment(message.accepted_at),
            state=next((_STATES[kind] for kind in reversed(kinds) if kind in _STATES), "accepted"),
            unread=waits and not simulated and campaign not in self._looked_after,
            arrived=arrived,
            opened=not {"open", "click"}.isdisjoint(kinds),
            simulated=simulated,
            test=CATEGORY in message.categories,
        )

    def _event(self, event: dict[str, Any]) -> Happening:
        kind = _kind(event)
        return Happening(
            at=_moment(event["timestamp"]),
            kind=kind,
            event_id=event["sg_event_id"],
            detail=str(event.get("url") or event.get("reason") or ""),
            carriers=tuple(
                Carrier(
                    what=f"webhook {event['event']}",
                    answer=post.answer,
                    accepted=post.accepted,
                    milliseconds=1000 * post.seconds,
                )
                for post in self._sandbox.posts(event["sg_event_id"])
            ),
            raw=event,
        )


def _kind(event: Mapping[str, Any]) -> str:
    name, scanner = event["event"], event.get("useragent") == SCANNER
    if name == "open":
        return "machine_open" if event.get("sg_machine_open") else "scanner_open" if scanner else name
    if name == "click":
        return "scanner_click" if scanner else name
    return "blocked" if event.get("type") in ("blocked", "expired") else name


def _deed(deed: Deed) -> Happening:
    told = deed.as_dict()
    posts = [("inbound mail", one) for delivery in deed.deliveries for one in list(delivery.attempts)]
    visits = [(f"{visit['method']} {_path(visit['url'])}", visit) for visit in list(deed.visits)]
    return Happening(
        at=_moment(deed.at),
        kind=deed.kind,
        event_id=None,
        detail=str(told.get("text") or (deed.outcome if deed.outcome.startswith("no") else "")),
        carriers=tuple(
            Carrier(
                what=what,
                answer=one["answer"],
                accepted=one["answer"].startswith("HTTP 2"),
                milliseconds=1000 * one.get("seconds", 0.0),
            )
            for what, one in (*posts, *visits)
        ),
        raw=told,
    )


def _path(url: str) -> str:
    path = "/" + url.partition("://")[2].partition("/")[2]
    return path if len(path) <= 24 else f"{path[:20]}…"


def _envelope(message: Message) -> dict[str, str]:
    sender = message.sender
    named = f"{sender['name']} <{sender['email']}>" if sender.get("name") else sender["email"]
    owner = f"{message.name} <{message.email}>" if message.name else message.email
    return {"From": named, "To": owner, "Subject": message.subject or "", "Message-ID": message.smtp_id}


def _moment(unix: int) -> datetime:
    return datetime.fromtimestamp(unix, UTC)
