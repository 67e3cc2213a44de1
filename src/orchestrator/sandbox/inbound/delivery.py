"""Posts mail to the product as Inbound Parse does: 2xx is the end, 5xx is tried again for three days, 4xx loses it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from orchestrator.sandbox import web
from orchestrator.sandbox.config import SandboxConfig
from orchestrator.sandbox.deeds import Deed, Delivery
from orchestrator.sandbox.errands import Errands
from orchestrator.sandbox.faults import Faults
from orchestrator.sandbox.inbound import form
from orchestrator.sandbox.inbound.letter import Letter
from orchestrator.sandbox.inbound.settings import ParseSetting, ParseSettings
from orchestrator.sandbox.signing import SIGNATURE_HEADER, TIMESTAMP_HEADER

USER_AGENT = "Sendlib/1.0"
MAX_BYTES = 30 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Wishes:
    """What one mail wants different from the setting that takes it; None: nothing.

    Args:
        raw: Posted raw, or not.
        older: Posted by a host of the older generation.
        chunked: Posted in chunks, without a length.
    """

    raw: bool | None = None
    older: bool = False
    chunked: bool = False


@dataclass(slots=True)
class _Job:
    """One mail to one recipient, until its fate is known."""

    letter: Letter
    deed: Deed
    delivery: Delivery
    setting: ParseSetting
    wishes: Wishes
    began_at: int
    body: bytes = b""
    tries: int = 0


class Deliveries:
    """Hands mail in at SendGrid's side of things.

    Args:
        config: The sandbox's settings.
        settings: Which host's mail goes where.
        errands: Does the posting.
        faults: Knobs for double posts and wrong signatures.
        unix_time: Returns the present moment, for signatures.
    """

    def __init__(
        self,
        config: SandboxConfig,
        settings: ParseSettings,
        errands: Errands,
        faults: Faults,
        unix_time: Callable[[], int],
    ) -> None:
        self._config = config
        self._settings = settings
        self._errands = errands
        self._faults = faults
        self._unix_time = unix_time

    def hand_in(self, letter: Letter, deed: Deed, wishes: Wishes) -> None:
        """Put a mail on its way to each of its recipients, and note what becomes of it in the deed's deliveries."""
        jobs: list[_Job] = []
        for recipient in letter.envelope_to:
            setting = self._settings.route(recipient)
            delivery = Delivery(recipient)
            deed.deliveries.append(delivery)
            if setting is None:
                delivery.fate = "elsewhere"
            elif len(letter.mime) > MAX_BYTES:
                delivery.fate = "too_large"
            else:
                raw = setting.send_raw if wishes.raw is None else wishes.raw
                delivery.url, delivery.mode = setting.url, "raw" if raw else "default"
                jobs.append(_Job(letter, deed, delivery, setting, wishes, letter.at))
        deed.expect(len(jobs))
        for job in jobs:
            self._errands.run(partial(self._attempt, job))

    def _attempt(self, job: _Job) -> None:
        if not job.body:
            manner = form.Manner(job.delivery.mode == "raw", job.setting.spam_check, job.wishes.older)
            job.body = form.body_of(job.letter, job.delivery.to, manner)
        answer = self._post(job)
        at = job.began_at + int(self._config.inbound_retries[job.tries - 1] if job.tries else 0)
        job.delivery.attempts.append({"at": at, "answer": answer.told, "seconds": round(answer.seconds, 4)})
        self._judge(job, answer)
        job.deed.tried()

    def _post(self, job: _Job) -> web.Answer:
        headers = {"User-Agent": USER_AGENT, "Content-Type": form.CONTENT_TYPE, "Accept-Encoding": "gzip"}
        signer = self._settings.policies.signer(job.setting.security_policy)
        if signer is not None:
            timestamp = str(self._unix_time())
            signed = job.body + b" " if self._faults.hits("inbound_bad_signature") else job.body
            headers |= {TIMESTAMP_HEADER: timestamp, SIGNATURE_HEADER: signer.sign(timestamp, signed)}
        timeout = self._config.webhook_timeout
        return web.call("POST", job.setting.url, job.body, headers, timeout, chunked=job.wishes.chunked)

    def _judge(self, job: _Job, answer: web.Answer) -> None:
        """Decide the fate of a mail by the answer to its POST.

        What SendGrid does about a timeout or a refused connection is not documented; it is taken for trouble that
        passes, as a 5xx is.
        """
        status = answer.status
        if status is not None and 200 <= status < 300:
            job.delivery.fate = "accepted"
            if self._faults.hits("inbound_duplicate"):
                self._post(job)
                job.delivery.attempts.append({**job.delivery.attempts[-1], "answer": "posted twice"})
        elif answer.unknown_host or (status is not None and status < 500):
            job.delivery.fate = "dropped"
        elif job.tries >= len(self._config.inbound_retries):
            job.delivery.fate = "given_up"
        else:
            self._again(job)

    def _again(self, job: _Job) -> None:
        schedule = (0.0, *self._config.inbound_retries)
        pause = schedule[job.tries + 1] - schedule[job.tries]
        job.tries += 1
        self._errands.run(partial(self._attempt, job), pause / self._config.speed)
