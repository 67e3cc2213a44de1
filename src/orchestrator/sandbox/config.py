"""What a sandbox is told when it is made: whom it lets in, how its mailboxes behave, how fast it goes."""

from __future__ import annotations

from dataclasses import dataclass, field

KILOBYTE = 1024
RETRY_SCHEDULE = (0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 30.0, 60.0)
MINUTE = 60.0
#: Story seconds after its arrival at which Inbound Parse posts a mail again: first every few minutes, then every three
#: hours, for the last time after 71 hours and 20 minutes.
INBOUND_RETRIES = (
    *(minutes * MINUTE for minutes in (5, 10, 15, 20, 25, 35, 50, 80, 140)),
    *(minutes * MINUTE for minutes in range(320, 4281, 180)),
)


@dataclass(frozen=True, slots=True)
class Behaviour:
    """How often ordinary addresses (those without a magic local part) do what; each rate is a share 0..1 of all mail.

    The refusals (`bounce`, `block`, `drop`) exclude each other; everything else happens to delivered mail only.
    A click always comes after an open of the same mail.
    """

    bounce: float = 0.0
    block: float = 0.0
    drop: float = 0.0
    defer: float = 0.0
    machine_open: float = 0.0
    scanner: float = 0.0
    open: float = 0.0
    click: float = 0.0
    unsubscribe: float = 0.0
    spam: float = 0.0
    async_bounce: float = 0.0

    @classmethod
    def quiet(cls) -> Behaviour:
        """Everything is delivered and nobody reacts."""
        return cls()

    @classmethod
    def realistic(cls) -> Behaviour:
        """Rates in the range that cold-to-lukewarm owner mail sees: 97 % delivered, many machine opens, few clicks."""
        return cls(
            bounce=0.018,
            block=0.009,
            drop=0.003,
            defer=0.05,
            machine_open=0.45,
            scanner=0.06,
            open=0.34,
            click=0.11,
            unsubscribe=0.006,
            spam=0.001,
            async_bounce=0.002,
        )


@dataclass(frozen=True, slots=True)
class OwnerModel:
    """How often the owners of ordinary addresses do what, besides `Behaviour`; a share 0..1 of all delivered mail.

    The first line of an owner's answer to a mail excludes the others: an owner who writes is interested, or asks, or
    wants no mail, and does not also press a button.
    """

    interested: float = 0.0
    question: float = 0.0
    not_interested: float = 0.0
    sold: float = 0.0
    wrong_person: float = 0.0
    opt_out: float = 0.0
    legal: float = 0.0
    other: float = 0.0
    one_click: float = 0.0
    mailto_opt_out: float = 0.0
    out_of_office: float = 0.0
    scan: float = 0.0

    @classmethod
    def absent(cls) -> OwnerModel:
        """Nobody writes."""
        return cls()

    @classmethod
    def realistic(cls) -> OwnerModel:
        """Rates in the range that well addressed mail to owners sees: one in twenty writes, most of them politely."""
        return cls(
            interested=0.012,
            question=0.01,
            not_interested=0.012,
            sold=0.004,
            wrong_person=0.003,
            opt_out=0.008,
            legal=0.0005,
            other=0.004,
            one_click=0.01,
            mailto_opt_out=0.002,
            out_of_office=0.03,
            scan=0.06,
        )

    @classmethod
    def lively(cls) -> OwnerModel:
        """Rates high enough to see every kind of answer among a few dozen owners."""
        return cls(
            interested=0.12,
            question=0.08,
            not_interested=0.08,
            sold=0.04,
            wrong_person=0.03,
            opt_out=0.06,
            legal=0.01,
            other=0.03,
            one_click=0.05,
            mailto_opt_out=0.03,
            out_of_office=0.1,
            scan=0.1,
        )


@dataclass(frozen=True)
class SandboxConfig:
    """Settings of one sandbox.

    Args:
        webhook_url: Where signed event batches are posted; None: events happen and are kept, but posted nowhere.
        api_keys: Accepted API keys; None: any that begins with ``SG.``, as SendGrid's own do.
        verified_senders: Accepted from addresses or domains, lower case; None: everybody may send.
        seed: Decides what ordinary addresses do and which requests a fault hits.
        behaviour: Rates for ordinary addresses.
        flush_interval: Seconds a shard gathers events before it posts them (SendGrid: about 30).
        retry_schedule: Seconds between the attempts to post one batch; after the last one it is given up.
        speed: Story seconds per real second: a person opens half a minute after delivery, which comes 60 times sooner.
        shards: How many simulated SendGrid servers gather events independently.
        posts_in_flight: How many batches are posted at the same time.
        webhook_timeout: Seconds to wait for the receiver's answer.
        max_messages: How many messages are kept with their bodies; the oldest are discarded, their truth is kept.
        max_batch_bytes: Size at which a shard posts without waiting (SendGrid: 768 KB).
        user_id: The account number that stands in event ids.
        inbound_url: Where mail of the owners is posted as Inbound Parse does; None: it comes in nowhere.
        inbound_host: The host whose mail that is; None: every host's, as if all MX records pointed here.
        inbound_raw: The whole mail in one field (``send_raw``) instead of its parts.
        inbound_signed: Posts are signed; see `Sandbox.inbound_public_key`.
        inbound_spam_check: Posts carry a spam score.
        inbound_retries: Story seconds after its arrival at which a mail is posted again after a server error.
        owners: How owners of ordinary addresses answer.
        visits: Hosts whose links the owners' programs may follow, besides this machine and those the sandbox posts to.
    """

    webhook_url: str | None = None
    api_keys: frozenset[str] | None = None
    verified_senders: frozenset[str] | None = None
    seed: int = 7
    behaviour: Behaviour = field(default_factory=Behaviour.quiet)
    flush_interval: float = 0.2
    retry_schedule: tuple[float, ...] = RETRY_SCHEDULE
    speed: float = 60.0
    shards: int = 3
    posts_in_flight: int = 4
    webhook_timeout: float = 10.0
    max_messages: int = 5_000
    max_batch_bytes: int = 768 * KILOBYTE
    user_id: int = 5_590_994
    inbound_url: str | None = None
    inbound_host: str | None = None
    inbound_raw: bool = False
    inbound_signed: bool = True
    inbound_spam_check: bool = True
    inbound_retries: tuple[float, ...] = INBOUND_RETRIES
    owners: OwnerModel = field(default_factory=OwnerModel.absent)
    visits: frozenset[str] = frozenset()
