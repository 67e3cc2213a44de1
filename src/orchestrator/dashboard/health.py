"""What the rates say about a sender's standing with mailbox providers, in sentences."""

from __future__ import annotations

from dataclasses import dataclass

from orchestrator.services.looking.statistics import Funnel

#: Fewer delivered than this say nothing yet.
ENOUGH = 100


@dataclass(frozen=True, slots=True)
class Health:
    """One judgement: of which rate, how bad (``watch`` or ``stop``), the short word, and the sentence."""

    rate: str
    tone: str
    word: str
    sentence: str


@dataclass(frozen=True, slots=True)
class Standing:
    """All judgements together: ``good``, ``watch``, ``stop`` or ``collecting``."""

    tone: str
    word: str
    findings: tuple[Health, ...]


#: rate: (from here on watch, from here on stop, what it is, what follows). Providers' published limits where there are
#: any: Google asks for complaints below 0.1 % and never 0.3 %; Amazon SES reviews an account at 5 % bounces.
_LIMITS = {
    "bounce": (0.02, 0.05, "of the mails sent bounced", "Look at where these addresses come from."),
    "complaint": (
        0.0008,
        0.003,
        "of the mails delivered were reported as spam",
        "Gmail does not report complaints to SendGrid, so this may be low: look at Postmaster Tools.",
    ),
    "unsubscribe": (
        0.005,
        0.01,
        "of the mails delivered were answered by an opt-out",
        "Ask who is written to, and why.",
    ),
}


def judge(funnel: Funnel) -> Standing:
    """Return what a tenant's rates say."""
    delivered = funnel.counts["delivered"]
    if delivered < ENOUGH:
        return Standing("collecting", f"Collecting data: {delivered} of {ENOUGH} delivered", ())
    findings = tuple(found for name in _LIMITS if (found := _look(funnel, name)) is not None)
    if any(found.tone == "stop" for found in findings):
        return Standing("stop", "At risk", findings)
    return Standing("watch", "Watch", findings) if findings else Standing("good", "Healthy", ())


def _look(funnel: Funnel, name: str) -> Health | None:
    watch, stop, what, then = _LIMITS[name]
    rate = funnel.rates[name]
    if rate.value is None or rate.value < watch:
        return None
    tone, limit = ("stop", stop) if rate.value >= stop else ("watch", watch)
    numbers = f"{rate.numerator:,} of {rate.denominator:,} ({100 * rate.value:.2f}%) {what}."
    word = f"{'Stop' if tone == 'stop' else 'Watch'}: from {100 * limit:g}%"
    return Health(name, tone, word, f"{numbers} {then}")
