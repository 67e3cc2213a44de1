"""When a pre-signed link to a memo stops working.

Object stores hand out links that carry their own end. A mail is read days after it was sent, so a link that ends before
makes a mail whose only button leads to an error page. The forms read here, and where they are described:

- AWS Signature Version 4 (Amazon S3 API reference, "Authenticating requests: using query parameters") and the older
  Version 2 ("REST authentication": ``AWSAccessKeyId``, ``Expires``, ``Signature``); S3's look-alikes use the same;
- Google Cloud Storage V4 and V2 signed URLs ("Signed URLs": ``X-Goog-…``; ``GoogleAccessId``, ``Expires``);
- Azure Storage shared access signatures ("Create a service SAS": ``se``, and ``ske`` of a user delegation key);
- CloudFront with a canned or a custom policy ("Use signed URLs": ``Expires`` or ``Policy``, ``Key-Pair-Id``).
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import unquote_plus

#: How long SendGrid goes on trying to deliver a mail it has taken (SendGrid docs, "Deferred").
DELIVERY = timedelta(hours=72)
#: A link that ends within this time of the hand-over is as good as dead: mail takes its time, and so do people.
LAST_CALL = timedelta(hours=1)

#: What every form has one of; spares most links the rest.
_MARKS = ("expires=", "se=", "policy=")
_SECONDS = re.compile(r"[0-9]{1,12}")
_BASIC_TIME = re.compile(r"[0-9]{8}T[0-9]{6}Z")
#: Longer than any custom policy; a text that is not one is not decoded.
_LONGEST_POLICY = 8_000
#: CloudFront's own spelling of base64, whose usual letters mean something in an address.
_CLOUDFRONT = str.maketrans("-_~", "+=/")

Query = Mapping[str, str]


def expires_at(url: str) -> datetime | None:
    """Return when a pre-signed link stops working (aware, UTC), or None for any other link and for malformed ones.

    Takes time in proportion to the length of `url`, and never raises, whatever `url` holds. Session credentials can end
    a link sooner than it says; nobody but its signer knows.
    """
    lowered = url.lower()
    if not any(mark in lowered for mark in _MARKS):
        return None
    query = _query(url)
    ends = [end for form in _FORMS if (end := _attempted(form, query)) is not None]
    return min(ends, default=None)


def problem(url: str, at: datetime, needed: timedelta) -> str | None:
    """Return what is wrong with a link that must work for `needed` from `at` on, in words for a person, or None.

    The words depend on the link alone, so that a hold for this reason can be told from every other.
    """
    end = expires_at(url)
    return None if end is None or end - at >= needed else words(end)


def words(end: datetime) -> str:
    """Say when a link stops working, as a reason of a hold."""
    return f"the memo link stops working at {end:%Y-%m-%d %H:%M:%S} UTC"


def _query(url: str) -> Query:
    """Return the parameters by their names in small letters; one that is there twice is unusable, so it is left out."""
    found: dict[str, str] = {}
    twice: set[str] = set()
    for pair in url.partition("#")[0].partition("?")[2].split("&"):
        name, _, value = pair.partition("=")
        name = unquote_plus(name).lower()
        if name in found:
            twice.add(name)
        found[name] = unquote_plus(value)
    return {name: value for name, value in found.items() if name not in twice and value}


def _attempted(form: Callable[[Query], datetime | None], query: Query) -> datetime | None:
    try:
        return form(query)
    except (ValueError, OverflowError, RecursionError):  # of strptime, datetime, base64, Unicode and JSON
        return None


def _version_4(query: Query, prefix: str) -> datetime | None:
    signed, seconds = query.get(f"{prefix}-date", ""), query.get(f"{prefix}-expires", "")
    if f"{prefix}-signature" not in query or not _BASIC_TIME.fullmatch(signed) or not _SECONDS.fullmatch(seconds):
        return None
    start = datetime.strptime(signed, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    return start + timedelta(seconds=int(seconds))


def _aws(query: Query) -> datetime | None:
    return _version_4(query, "x-amz")


def _google(query: Query) -> datetime | None:
    return _version_4(query, "x-goog")


def _version_2(query: Query) -> datetime | None:
    """AWS and Google V2, and CloudFront's canned policy: a second of the epoch, a signature, and who signed."""
    signer = query.keys() & {"awsaccesskeyid", "googleaccessid", "key-pair-id"}
    if not signer or "signature" not in query:
        return None
    return _epoch(query.get("expires", ""))


def _azure(query: Query) -> datetime | None:
    if "sig" not in query or "se" not in query:
        return None
    return min(_azure_time(query[name]) for name in ("se", "ske") if name in query)


def _azure_time(text: str) -> datetime:
    end = datetime.fromisoformat(text.replace(" ", "+"))  # an offset's plus sign that nobody escaped
    return end.replace(tzinfo=UTC) if end.tzinfo is None else end.astimezone(UTC)


def _cloudfront(query: Query) -> datetime | None:
    policy = query.get("policy", "")
    if "signature" not in query or "key-pair-id" not in query or not 0 < len(policy) <= _LONGEST_POLICY:
        return None
    # A plus sign is no letter of CloudFront's; where one was meant, decoding the query has made a space of it.
    encoded = policy.replace(" ", "+").translate(_CLOUDFRONT)
    ends = list(_policy_ends(json.loads(base64.b64decode(encoded, validate=True))))
    return min((end for end in ends if end is not None), default=None)


def _policy_ends(policy: Any) -> Iterator[datetime | None]:
    statements = policy.get("Statement") if isinstance(policy, dict) else None
    for statement in statements if isinstance(statements, list) else [statements]:
        limit: Any = statement
        for name in ("Condition", "DateLessThan", "AWS:EpochTime"):
            limit = limit.get(name) if isinstance(limit, dict) else None
        if isinstance(limit, (int, str)) and not isinstance(limit, bool):
            yield _epoch(str(limit))


def _epoch(text: str) -> datetime | None:
    return datetime.fromtimestamp(int(text), UTC) if _SECONDS.fullmatch(text) else None


_FORMS = (_aws, _google, _version_2, _azure, _cloudfront)
