"""Which hosts take mail, where it is posted, and who signs the posts: parse settings and security policies."""

from __future__ import annotations

import threading
import uuid
from dataclasses import asdict, dataclass, replace
from typing import Any

from orchestrator import errors
from orchestrator.sandbox import web
from orchestrator.sandbox.config import SandboxConfig
from orchestrator.sandbox.signing import Signer

#: SendGrid keeps mail to these local parts for itself.
RESERVED = ("abuse", "postmaster", "unsubscribe")
#: The host name of the setting that takes the mail of every host; SendGrid has none, a sandbox without DNS needs one.
EVERY_HOST = "*"


@dataclass(frozen=True, slots=True)
class ParseSetting:
    """What happens to the mail of one host.

    Args:
        hostname: The host whose MX record points to SendGrid, lower case, or `EVERY_HOST`.
        url: Where its mail is posted.
        spam_check: Posts carry a spam score and report.
        send_raw: The whole mail in one field.
        security_policy: Id of the policy that signs the posts, or None.
    """

    hostname: str
    url: str
    spam_check: bool = False
    send_raw: bool = False
    security_policy: str | None = None

    def as_dict(self) -> dict[str, Any]:
        """Return the setting as SendGrid shows it."""
        return {name: value for name, value in asdict(self).items() if value is not None}


def checked_url(url: object) -> str:
    """Return `url`.

    Raises:
        errors.ConfigurationError: it is no http or https address.
    """
    if not isinstance(url, str) or not web.is_address(url):
        raise errors.ConfigurationError(
            f"The sandbox cannot post inbound mail to {url!r}.",
            fix="Give an absolute address, for example http://127.0.0.1:8080/webhooks/sendgrid/inbound.",
        )
    return url


class Policies:
    """Security policies: each a name and a key pair that signs posts. Safe to use from several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._policies: dict[str, tuple[str, Signer]] = {}

    def add(self, name: str, signer: Signer | None = None) -> str:
        """Make a policy, by default with a key pair of its own, and return its id."""
        with self._lock:
            policy_id = str(uuid.uuid4())
            self._policies[policy_id] = (name, signer or Signer())
            return policy_id

    def signer(self, policy_id: str | None) -> Signer | None:
        """Return who signs for a policy, or None."""
        with self._lock:
            return self._policies[policy_id][1] if policy_id in self._policies else None

    def shown(self, policy_id: str) -> dict[str, Any] | None:
        """Return a policy as SendGrid shows it, or None."""
        with self._lock:
            if policy_id not in self._policies:
                return None
            name, signer = self._policies[policy_id]
        return {"id": policy_id, "name": name, "signature": {"public_key": signer.public_key}}

    def ids(self) -> list[str]:
        with self._lock:
            return list(self._policies)

    def remove(self, policy_id: str) -> bool:
        """Remove a policy and say whether there was one."""
        with self._lock:
            return self._policies.pop(policy_id, None) is not None


class ParseSettings:
    """The settings of one account, and the policy that the sandbox's own setting is signed with.

    Args:
        config: Names the first setting, with `inbound_url`; without that mail comes in nowhere.

    Raises:
        errors.ConfigurationError: `inbound_url` is no http or https address.
    """

    def __init__(self, config: SandboxConfig) -> None:
        self._lock = threading.Lock()
        self._settings: dict[str, ParseSetting] = {}
        self.policies = Policies()
        self._own_signer = Signer()
        self.own_policy = self.policies.add("sandbox", self._own_signer)
        if config.inbound_url is not None:
            self.put(self.own(config))

    def own(self, config: SandboxConfig) -> ParseSetting:
        """Return the setting that the sandbox's own settings amount to."""
        return ParseSetting(
            (config.inbound_host or EVERY_HOST).lower(),
            config.inbound_url or "",
            config.inbound_spam_check,
            config.inbound_raw,
            self.own_policy if config.inbound_signed else None,
        )

    @property
    def own_signer(self) -> Signer:
        """Who signs for the sandbox's own setting."""
        return self._own_signer

    def put(self, setting: ParseSetting) -> ParseSetting:
        """Keep a setting in place of the host's former one, and return it.

        Raises:
            errors.ConfigurationError: its address is no http or https address.
        """
        checked_url(setting.url)
        with self._lock:
            self._settings[setting.hostname] = setting
        return setting

    def get(self, hostname: str) -> ParseSetting | None:
        with self._lock:
            return self._settings.get(hostname.lower())

    def change(self, hostname: str, **changes: Any) -> ParseSetting | None:
        """Change a setting and return it; None when there is none.

        Raises:
            errors.ConfigurationError: its new address is no http or https address.
        """
        setting = self.get(hostname)
        return self.put(replace(setting, **changes)) if setting else None

    def all(self) -> list[ParseSetting]:
        with self._lock:
            return list(self._settings.values())

    def remove(self, hostname: str) -> bool:
        """Remove a setting and say whether there was one."""
        with self._lock:
            return self._settings.pop(hostname.lower(), None) is not None

    def clear(self) -> None:
        with self._lock:
            self._settings.clear()

    def route(self, recipient: str) -> ParseSetting | None:
        """Return the setting that takes mail to `recipient`, or None: then it goes to somebody else's mail server."""
        local_part, _, host = recipient.lower().rpartition("@")
        if local_part in RESERVED:
            return None
        return self.get(host) or self.get(EVERY_HOST)
