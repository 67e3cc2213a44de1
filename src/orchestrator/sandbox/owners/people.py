"""Everything the owners can be made to do: one table of deeds, and the object that does them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import fields
from functools import partial
from inspect import signature
from typing import Any

from orchestrator import errors
from orchestrator.sandbox.config import OwnerModel, SandboxConfig
from orchestrator.sandbox.deeds import Deed, Deeds
from orchestrator.sandbox.errands import Errands
from orchestrator.sandbox.inbound.delivery import Deliveries, Wishes
from orchestrator.sandbox.inbound.letter import Letter
from orchestrator.sandbox.message import Message
from orchestrator.sandbox.outcomes import Step
from orchestrator.sandbox.owners import automatic, opt_out, scanner
from orchestrator.sandbox.owners.model import acts_of, saying
from orchestrator.sandbox.owners.original import Original, original_of
from orchestrator.sandbox.owners.replies import Reply, reply

MODES = ("default", "raw")
HOSTS = ("new", "old")
_TRAVEL = ("mode", "host", "chunked")
_REPLY = {field.name for field in fields(Reply)} - {"sender"} | {"from", "intent"}
_MAILS: dict[str, Callable[..., Letter]] = {"out_of_office": automatic.out_of_office, **automatic.REPORTS}
DEEDS = ("reply", *_MAILS, "one_click", "mailto_opt_out", "scan")


class Owners:
    """Lets owners, and the programs that act for them, do things about the mail they got.

    Args:
        config: Returns the sandbox's present settings.
        find: Returns a message by any of its ids, or None.
        errands: Does what takes a server's time.
        deliveries: Takes the mail that owners write.
        deeds: The book in which everything is noted.
        unix_time: Returns the present moment.
    """

    def __init__(
        self,
        config: Callable[[], SandboxConfig],
        find: Callable[[str], Message | None],
        errands: Errands,
        deliveries: Deliveries,
        deeds: Deeds,
        unix_time: Callable[[], int],
    ) -> None:
        self._config = config
        self._find = find
        self._errands = errands
        self._deliveries = deliveries
        self._deeds = deeds
        self._unix_time = unix_time

    def do(self, message_id: str, kind: str, **options: Any) -> Deed:
        """Let something be done about a mail, now; what needs the network happens in the background.

        Args:
            message_id: Any id of the message.
            kind: One of `DEEDS`.
            options: What is special about it. ``reply``: ``text``, or ``intent`` (a row of `lines.LINES`), and the
                fields of `Reply` with ``from`` for its sender. ``out_of_office``, ``bounce_report``: the arguments of
                the functions in `automatic`. All that send mail: ``mode`` (``default``, ``raw``), ``host`` (``new``,
                ``old``), ``chunked``. ``one_click``: ``encoding`` (``multipart``, ``urlencoded``).

        Returns:
            The deed. `Deed.wait` waits for the first answer, `Sandbox.settle` for the last.

        Raises:
            errors.ValidationError: no such message, deed or option.
        """
        if kind not in DEEDS:
            raise errors.ValidationError("deed", f"unknown: {kind!r}; there are {', '.join(DEEDS)}")
        message = self._find(message_id)
        if message is None:
            raise errors.ValidationError("message_id", f"no message {message_id!r}; it may have been discarded")
        return self.done(message, kind, self._unix_time(), options)

    def reply(self, message_id: str, text: str, **options: Any) -> Deed:
        """Answer a mail in the owner's place; see `do`."""
        return self.do(message_id, "reply", text=text, **options)

    def done(self, message: Message, kind: str, at: int, options: Mapping[str, Any]) -> Deed:
        """Do something about a mail at a moment of the story; see `do`."""
        wish = dict(options)
        original = original_of(message)
        wishes = _travel({name: wish.pop(name) for name in _TRAVEL if name in wish})
        if kind == "reply":
            letter, details = _replied(original, wish, at)
        elif kind in _MAILS:
            letter, details = _written(kind, original, wish, at), wish
        elif kind == "mailto_opt_out":
            _only(wish, ())
            letter, details = opt_out.mailto_letter(original, at), {}
        else:
            return self._clicked(message, kind, at, original, wish)
        deed = self._deeds.begin(kind, at, message)
        deed.details = {**details, **_envelope(letter)}
        self._send(letter, deed, wishes)
        return deed

    def write(self, letter: Letter, **travel: Any) -> Deed:
        """Send a mail that answers none of ours.

        Args:
            letter: The mail.
            travel: ``mode``, ``host`` and ``chunked`` as in `do`.

        Raises:
            errors.ValidationError: one of them is not what it may be.
        """
        _only(travel, _TRAVEL)
        wishes = _travel(travel)
        deed = self._deeds.begin("mail", letter.at, None)
        deed.details = _envelope(letter)
        self._send(letter, deed, wishes)
        return deed

    def _send(self, letter: Letter | None, deed: Deed, wishes: Wishes) -> None:
        if letter is None:
            deed.outcome = "no mailto address"
            deed.expect(0)
        else:
            deed.outcome = "sent"
            self._deliveries.hand_in(letter, deed, wishes)

    def _clicked(self, message: Message, kind: str, at: int, original: Original, wish: dict[str, Any]) -> Deed:
        _only(wish, ("encoding",) if kind == "one_click" else ())
        post = opt_out.one_click_post(wish.get("encoding", "multipart"))
        deed = self._deeds.begin(kind, at, message)
        deed.details = wish
        deed.expect(1)
        errand = partial(self._scan, original) if kind == "scan" else partial(self._press, original, post)
        self._errands.run(partial(_finished, errand, deed))
        return deed

    def _press(self, original: Original, post: opt_out.Post, deed: Deed) -> None:
        url, obstacle = opt_out.one_click_address(original)
        if url is None:
            deed.outcome = f"not offered: {obstacle}"
        elif not scanner.visitable(self._config())(url):
            deed.outcome = "not visited"
        else:
            headers = {"Content-Type": post.content_type, "User-Agent": scanner.USER_AGENT}
            deed.visits.append(scanner.visit("POST", url, self._config().webhook_timeout, headers, post.body))
            deed.outcome = _judged(deed.visits[0])

    def _scan(self, original: Original, deed: Deed) -> None:
        config = self._config()
        for visit in scanner.scan(original, scanner.visitable(config), config.webhook_timeout):
            deed.visits.append(visit)
        deed.outcome = "scanned"

    def steps(self, email: str, rates: OwnerModel, seed: int, delivered_at: float) -> list[Step]:
        """Return what the owner of an address does about a mail that was delivered at a moment of its story."""
        return [Step(delivered_at + after, kind, options) for after, kind, options in acts_of(rates, seed, email)]


def _finished(errand: Callable[[Deed], None], deed: Deed) -> None:
    try:
        errand(deed)
    finally:
        deed.tried()


def _judged(visit: scanner.Visit) -> str:
    answer = visit["answer"]
    if answer.startswith("HTTP 2"):
        return "done"
    return "redirected" if answer.startswith("HTTP 3") else "refused" if answer.startswith("HTTP") else "no answer"


def _envelope(letter: Letter | None) -> dict[str, Any]:
    if letter is None:
        return {}
    return {"message_id": letter.message_id, "from": letter.envelope_from, "to": list(letter.envelope_to)}


def _only(wish: Mapping[str, Any], allowed: tuple[str, ...] | set[str]) -> None:
    if unknown := set(wish) - set(allowed):
        told = ", ".join(sorted(allowed)) or "none"
        raise errors.ValidationError(min(unknown), f"unknown option; there are {told}")


def _travel(wish: Mapping[str, Any]) -> Wishes:
    mode, host = wish.get("mode"), wish.get("host", "new")
    if mode not in (None, *MODES):
        raise errors.ValidationError("mode", f"must be one of {', '.join(MODES)}, not {mode!r}")
    if host not in HOSTS:
        raise errors.ValidationError("host", f"must be one of {', '.join(HOSTS)}, not {host!r}")
    return Wishes(None if mode is None else mode == "raw", host == "old", bool(wish.get("chunked")))


def _replied(original: Original, wish: dict[str, Any], at: int) -> tuple[Letter, dict[str, Any]]:
    _only(wish, _REPLY | set(_TRAVEL))
    intent = wish.pop("intent", None)
    if "text" not in wish:
        wish = {**_said(intent), **wish}
    wish.pop("intent", None)
    sender = wish.pop("from", None)
    files = wish.pop("attachments", ())
    if not isinstance(files, list | tuple):
        raise errors.ValidationError("attachments", "must be a list")
    wish["attachments"] = tuple(files)
    details = {name: wish[name] for name in ("text", "client", "language") if name in wish}
    return reply(original, Reply(sender=sender, **wish), at), {"intent": intent, **details}


def _said(intent: str | None) -> dict[str, Any]:
    try:
        return saying(intent or "")
    except KeyError:
        raise errors.ValidationError("text", "is missing, and so is an intent to make words of") from None


def _written(kind: str, original: Original, wish: dict[str, Any], at: int) -> Letter:
    _only(wish, set(signature(_MAILS[kind]).parameters) - {"original", "at"})
    for name, value in wish.items():
        if not isinstance(value, str):
            raise errors.ValidationError(name, "must be text")
    return _MAILS[kind](original, at, **wish)
