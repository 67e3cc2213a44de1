"""A client and a webhook receiver that know nothing of the package: http.client, http.server and cryptography."""

from __future__ import annotations

import base64
import email
import http.client
import json
from dataclasses import dataclass, field
from email.message import Message as EmailMessage
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from orchestrator.sandbox import Sandbox, SandboxServer

KEY = "SG.test.key"
REPLY_TO = "r+token@in.example.com"
HTML = '<p><a href="https://memo.example.com/1?a=1&amp;b=2">Memo</a> <a href="https://example.com/help">Help</a></p>'


def mail(to: str | list[str] = "owner@example.com", **changes: Any) -> dict[str, Any]:
    """Return a right request to one or several recipients (one personalization each), with fields replaced."""
    recipients = [to] if isinstance(to, str) else to
    return {
        "personalizations": [{"to": [{"email": email}]} for email in recipients],
        "from": {"email": "team@sender.example", "name": "Team"},
        "subject": "Your house",
        "content": [{"type": "text/plain", "value": "Hello"}, {"type": "text/html", "value": HTML}],
        "custom_args": {"campaign_id": "c-1", "outreach_message_id": "m-1"},
        "categories": ["memo", "2026"],
        **changes,
    }


@dataclass
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class Client:
    """One kept-alive connection to a sandbox."""

    def __init__(self, url: str) -> None:
        self.connection = http.client.HTTPConnection(url.removeprefix("http://"), timeout=60)

    def call(self, method: str, path: str, body: Any = None, key: str | None = KEY) -> Answer:
        raw = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
        headers = {"Content-Type": "application/json", "Accept": "application/json"}
        if key is not None:
            headers["Authorization"] = f"Bearer {key}"
        self.connection.request(method, path, raw, headers)
        answer = self.connection.getresponse()
        return Answer(answer.status, {k.lower(): v for k, v in answer.getheaders()}, answer.read())

    def send(self, payload: Any = None, key: str | None = KEY) -> Answer:
        return self.call("POST", "/v3/mail/send", mail() if payload is None else payload, key)


@dataclass
class Field:
    """One field of a form, with the headers it came with."""

    value: bytes
    headers: EmailMessage

    @property
    def text(self) -> str:
        return self.value.decode()

    @property
    def json(self) -> Any:
        return json.loads(self.value)


@dataclass
class Post:
    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def events(self) -> list[dict[str, Any]]:
        return json.loads(self.body) if self.headers.get("content-type", "").startswith("application/json") else []

    @property
    def form(self) -> dict[str, Field]:
        """The fields of a multipart/form-data body, taken apart by hand."""
        kind, _, boundary = self.headers["content-type"].partition("; boundary=")
        assert kind == "multipart/form-data"
        fence = b"--" + boundary.encode()
        first, *parts, last = (b"\r\n" + self.body).split(b"\r\n" + fence)
        assert (first, last) == (b"", b"--\r\n")
        fields: dict[str, Field] = {}
        for part in parts:
            head, _, value = part.removeprefix(b"\r\n").partition(b"\r\n\r\n")
            headers = email.message_from_bytes(head + b"\r\n\r\n")
            name = headers.get_param("name", header="Content-Disposition")
            fields[str(name)] = Field(value, headers)
        assert len(fields) == len(parts)
        return fields

    def signed_with(self, public_key: str) -> bool:
        key = serialization.load_der_public_key(base64.b64decode(public_key))
        assert isinstance(key, ec.EllipticCurvePublicKey)
        signature = base64.b64decode(self.headers["x-twilio-email-event-webhook-signature"])
        timestamp = self.headers["x-twilio-email-event-webhook-timestamp"].encode()
        try:
            key.verify(signature, timestamp + self.body, ec.ECDSA(hashes.SHA256()))
        except InvalidSignature:
            return False
        return True


@dataclass
class Receiver:
    """A webhook endpoint that keeps every post and answers as told (then with 200)."""

    url: str = ""
    posts: list[Post] = field(default_factory=list)
    answers: list[int] = field(default_factory=list)
    #: What GET and HEAD of a path are answered: status and headers; 200 where nothing is said.
    pages: dict[str, tuple[int, dict[str, str]]] = field(default_factory=dict)

    @property
    def base(self) -> str:
        return self.url.removesuffix("/hook")

    @property
    def inbound(self) -> list[Post]:
        """The posts of inbound mail, in the order they came."""
        return [post for post in self.posts if post.path == "/inbound"]

    @property
    def requests(self) -> list[str]:
        return [post.path for post in self.posts if post.path not in ("/hook", "/inbound")]

    @property
    def events(self) -> list[dict[str, Any]]:
        return [event for post in self.posts for event in post.events]

    def kinds(self, to: str | None = None) -> list[str]:
        return [event["event"] for event in self.events if to is None or event.get("email") == to]

    def one(self, kind: str) -> dict[str, Any]:
        (event,) = [event for event in self.events if event["event"] == kind]
        return event


@dataclass
class Bench:
    sandbox: Sandbox
    server: SandboxServer
    client: Client

    def settle(self) -> dict[str, Any]:
        report = self.sandbox.settle(60)
        assert report["settled"], report
        return report


def sent(made: Bench, to: str = "Jane@home.example", **changes: Any) -> str:
    """Send a mail whose answers go to `REPLY_TO`, and return its id once everything about it has happened."""
    changes = {"reply_to": {"email": REPLY_TO}, **changes}
    x_message_id = made.client.send(mail(to, **changes)).headers["x-message-id"]
    made.settle()
    return x_message_id
