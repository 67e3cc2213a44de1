"""What a sandbox is told when it is made: whom it lets in, how its mailboxes behave, how fast it goes."""

from __future__ import annotations

from dataclasses import dataclass, field

KILOBYTE = 1024
RETRY_SCHEDULE = (0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 30.0, 60.0)


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
