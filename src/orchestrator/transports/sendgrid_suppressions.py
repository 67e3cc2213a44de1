"""SendGrid's own suppression lists, read page by page ("Suppressions" in SendGrid's API reference)."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import aiohttp
import orjson

from orchestrator import errors
from orchestrator.domain.message import Accepted, NotSent
from orchestrator.transports.sendgrid_answers import classify, printable

#: The lists, in the order in which they are read. ``blocks`` are about one mail each and stop no other.
LISTS = ("bounces", "blocks", "invalid_emails", "spam_reports", "unsubscribes")
#: Entries SendGrid gives out at once at most.
PAGE = 500
#: Bytes of one page that are read; 500 entries with their reasons take a tenth of it.
LARGEST = 4 * 1024 * 1024
#: How often one page is asked for, and the longest wait between two tries, in seconds.
TRIES = 5
LONGEST_WAIT = 60.0


@dataclass(frozen=True, slots=True)
class Listed:
    """An address on one of SendGrid's lists. ``email`` is as SendGrid has it, and may be no address at all."""

    list: str
    email: str
    since: datetime | None


class SendGridLists:
    """Reads the lists of one account.

    Args:
        api_key: SendGrid API key with read access to suppressions.
        base_url: Address of the API without the path.
        timeout: Seconds that one page may take.
        pause: Waits the given seconds.
    """

    def __init__(
        self,
        api_key: str,
        base_url: str = "https://api.sendgrid.com",
        *,
        timeout: float = 30.0,
        pause: Callable[[float], Any] = asyncio.sleep,
    ) -> None:
        self._headers = {
            "Authorization": f"Bearer {api_key}",
            "Accept": "application/json",
            "User-Agent": "outreach-orchestrator",
        }
        self._key, self._base_url = api_key, base_url.rstrip("/")
        self._timeout, self._pause = timeout, pause

    async def pages(self, name: str) -> AsyncIterator[list[Listed]]:
        """Yield the pages of the list `name`.

        Raises:
            ConfigurationError: SendGrid refuses the key, or knows no such list.
            ProviderUnreachable: It gave no usable answer, several times in a row.
        """
        limits = aiohttp.ClientTimeout(total=self._timeout)
        async with aiohttp.ClientSession(headers=self._headers, timeout=limits, trust_env=False) as session:
            offset, size = 0, PAGE
            while size == PAGE:
                rows = await self._page(session, name, offset)
                size, offset = len(rows), offset + len(rows)
                yield [_listed(name, row) for row in rows]

    async def _page(self, session: aiohttp.ClientSession, name: str, offset: int) -> list[Any]:
        reason = ""
        for turn in range(TRIES):
            wait = min(LONGEST_WAIT, 0.5 * 2**turn)
            try:
                status, headers, body = await self._get(session, name, offset)
            except (aiohttp.ClientError, OSError, TimeoutError) as error:
                reason = printable(f"{type(error).__name__}: {error}".replace(self._key, "[API key]"))
            else:
                if status == 200:
                    return _rows(body)
                reason, wait = _refused(status, headers, body, name, wait)
            if turn < TRIES - 1:
                await self._pause(wait)
        raise errors.ProviderUnreachable(f"SendGrid's list of {name} could not be read: {reason}")

    async def _get(
        self, session: aiohttp.ClientSession, name: str, offset: int
    ) -> tuple[int, Mapping[str, str], bytes]:
        url, query = f"{self._base_url}/v3/suppression/{name}", {"limit": str(PAGE), "offset": str(offset)}
        async with session.get(url, params=query, allow_redirects=False) as response:
            content = bytearray()
            while chunk := await response.content.read(65536):
                content += chunk
                if len(content) > LARGEST:
                    raise aiohttp.ClientPayloadError("the answer is larger than any page")
            return response.status, response.headers, bytes(content)


def _refused(status: int, headers: Mapping[str, str], body: bytes, name: str, wait: float) -> tuple[str, float]:
    """Return why a page was not given, and how long to wait; raises when waiting is of no use."""
    outcome = classify(status, headers, body, validation_only=False, now=time.time())
    reason = f"SendGrid answered {status}." if isinstance(outcome, Accepted) else outcome.reason
    if isinstance(outcome, NotSent) and not outcome.account:
        return reason, min(LONGEST_WAIT, wait if outcome.retry_after is None else outcome.retry_after)
    if status >= 500 or status == 408:
        return reason, wait
    fix = "Give the API key read access to suppressions, and check OUTREACH_SENDGRID_URL."
    raise errors.ConfigurationError(f"SendGrid does not give out its list of {name}: {reason}", fix=fix)


def _rows(body: bytes) -> list[Any]:
    try:
        rows = orjson.loads(body)
    except orjson.JSONDecodeError:
        rows = None
    if not isinstance(rows, list):
        raise errors.ProviderUnreachable("SendGrid's answer is not a list of addresses.")
    return rows


def _listed(name: str, row: Any) -> Listed:
    entry = row if isinstance(row, dict) else {}
    created = entry.get("created")
    return Listed(name, str(entry.get("email") or ""), _moment(created))


def _moment(value: Any) -> datetime | None:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return None
    try:
        return datetime.fromtimestamp(value, UTC)
    except (ValueError, OverflowError, OSError):
        return None
