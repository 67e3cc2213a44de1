"""Links that carry their own end: every form the stores hand out, and everything that only looks like one."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime, timedelta
from urllib.parse import quote

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from orchestrator.domain import memo_link

END = datetime(2026, 3, 9, 12, 30, 15, tzinfo=UTC)
DAY = timedelta(days=1)
EPOCH = int(END.timestamp())


def policy(document: object) -> str:
    """A custom policy in CloudFront's own base64."""
    text = base64.b64encode(json.dumps(document).encode()).decode()
    return text.translate(str.maketrans("+=/", "-_~"))


def custom(limit: object) -> str:
    statement = {"Resource": "https://d1.cloudfront.net/*", "Condition": {"DateLessThan": {"AWS:EpochTime": limit}}}
    return policy({"Statement": [statement]})


SIGNED = {
    "aws v4": "https://b.s3.amazonaws.com/m.pdf?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKIA%2F20260302"
    "&X-Amz-Date=20260302T123015Z&X-Amz-Expires=604800&X-Amz-SignedHeaders=host&X-Amz-Signature=ab12",
    "aws v4 in small letters": "https://minio.test/m?x-amz-date=20260302T123015Z&x-amz-expires=604800&x-amz-signature=a",
    "aws v2": f"https://b.s3.amazonaws.com/m.pdf?AWSAccessKeyId=AKIA&Expires={EPOCH}&Signature=vjby%2BN%3D",
    "google v4": "https://storage.googleapis.com/b/m.pdf?X-Goog-Algorithm=GOOG4-RSA-SHA256&X-Goog-Date=20260302T123015Z"
    "&X-Goog-Expires=604800&X-Goog-SignedHeaders=host&X-Goog-Signature=ff",
    "google v2": f"https://storage.googleapis.com/b/m.pdf?GoogleAccessId=a@b.test&Expires={EPOCH}&Signature=x",
    "azure": f"https://a.blob.core.windows.net/c/m.pdf?sv=2022-11-02&se={quote('2026-03-09T12:30:15Z')}&sr=b&sp=r&sig=x",
    "azure with an offset": "https://a.blob.core.windows.net/c/m?se=2026-03-09T14:30:15+02:00&sp=r&sig=x",
    "azure, key ends first": "https://a.blob.core.windows.net/c/m?se=2027-01-01&ske=2026-03-09T12:30:15Z&sig=x",
    "cloudfront canned": f"https://d1.cloudfront.net/m.pdf?Expires={EPOCH}&Signature=a~b_&Key-Pair-Id=K2",
    "cloudfront custom": f"https://d1.cloudfront.net/m.pdf?Policy={custom(EPOCH)}&Signature=a~b_&Key-Pair-Id=K2",
    "beside other things": f"https://x.test/m?a&b=&=c&&Signature=x&Expires={EPOCH}&AWSAccessKeyId=k#Expires=1",
}  # fmt: skip


@pytest.mark.parametrize("url", SIGNED.values(), ids=SIGNED.keys())
def test_the_end_of_every_form_is_read(url: str) -> None:
    assert memo_link.expires_at(url) == END


def test_a_day_ends_at_its_first_moment_as_azure_reads_it() -> None:
    assert memo_link.expires_at("https://a.test/m?se=2026-03-09&sig=x") == datetime(2026, 3, 9, tzinfo=UTC)


UNSIGNED = {
    "an ordinary link": "https://memo.example.com/114-maple-street.pdf",
    "an ordinary query": "https://memo.example.com/m?house=12&please=1",
    "no signature": f"https://b.test/m?AWSAccessKeyId=AKIA&Expires={EPOCH}",
    "nobody signed": f"https://b.test/m?Expires={EPOCH}&Signature=x",
    "no date": "https://b.test/m?X-Amz-Expires=60&X-Amz-Signature=x",
    "a date that is none": "https://b.test/m?X-Amz-Date=20261399T990000Z&X-Amz-Expires=60&X-Amz-Signature=x",
    "a time beyond the calendar": "https://b.test/m?X-Amz-Date=99991231T235959Z&X-Amz-Expires=60&X-Amz-Signature=x",
    "milliseconds": f"https://b.test/m?AWSAccessKeyId=k&Signature=x&Expires={EPOCH}000",
    "seconds that are a word": "https://b.test/m?AWSAccessKeyId=k&Signature=x&Expires=soon",
    "digits of another script": "https://b.test/m?AWSAccessKeyId=k&Signature=x&Expires=١٢٣٤٥٦٧٨٩٠",
    "negative seconds": "https://b.test/m?AWSAccessKeyId=k&Signature=x&Expires=-5",
    "said twice": f"https://b.test/m?AWSAccessKeyId=k&Signature=x&Expires={EPOCH}&expires={EPOCH + 1}",
    "in the fragment only": f"https://b.test/m#?AWSAccessKeyId=k&Signature=x&Expires={EPOCH}",
    "azure without a signature": "https://b.test/m?se=2026-03-09",
    "azure with a word": "https://b.test/m?se=tomorrow&sig=x",
    "a policy that is no base64": "https://b.test/m?Policy=!!!&Signature=x&Key-Pair-Id=K",
    "a policy that is no JSON": f"https://b.test/m?Policy={base64.b64encode(b'x').decode()}&Signature=x&Key-Pair-Id=K",
    "a policy of another shape": f"https://b.test/m?Policy={policy([1, {'Statement': 3}])}&Signature=x&Key-Pair-Id=K",
    "a policy with another limit": f"https://b.test/m?Policy={custom([1])}&Signature=x&Key-Pair-Id=K",
    "a policy with a truth for a limit": f"https://b.test/m?Policy={custom(True)}&Signature=x&Key-Pair-Id=K",
    "a policy too deep": f"https://b.test/m?Policy={base64.b64encode(b'[' * 5000).decode()}&Signature=x&Key-Pair-Id=K",
    "a policy too long": f"https://b.test/m?Policy={'A' * 9000}&Signature=x&Key-Pair-Id=K",
    "half an escape": "https://b.test/m?se=%E2%82&sig=%&x=%zz",
    "nothing": "",
}


@pytest.mark.parametrize("url", UNSIGNED.values(), ids=UNSIGNED.keys())
def test_whatever_is_no_such_link_has_no_end(url: str) -> None:
    assert memo_link.expires_at(url) is None


_NAMES = st.sampled_from(
    ["X-Amz-Date", "X-Amz-Expires", "X-Amz-Signature", "X-Goog-Date", "X-Goog-Expires", "X-Goog-Signature", "Expires",
     "Signature", "AWSAccessKeyId", "GoogleAccessId", "Key-Pair-Id", "Policy", "se", "ske", "sig", "%73e"]
)  # fmt: skip
_VALUES = st.one_of(
    st.text(),
    st.integers().map(str),
    st.datetimes().map(lambda at: f"{at:%Y%m%dT%H%M%SZ}"),
    st.datetimes().map(lambda at: at.isoformat()),
    st.sampled_from(["9999-12-31T23:59:59-23:59", "0001-01-01T00:00:00+23:59", "[" * 4000, "0" * 5000, "\ud800"]),
    st.recursive(st.none() | st.integers() | st.text(), lambda inner: st.dictionaries(st.text(), inner)).map(policy),
    st.integers().map(custom),
)


@given(
    st.one_of(
        st.text(),
        st.lists(st.tuples(_NAMES, _VALUES)).map(lambda q: "https://x.test/?" + "&".join("=".join(p) for p in q)),
    )
)
@example("https://x.test/?se=0001-01-01T00:00:00+23:59&sig=x")
def test_no_link_whatever_breaks_it(url: str) -> None:
    end = memo_link.expires_at(url)
    assert end is None or end.utcoffset() == timedelta(0)


def test_a_link_is_wanted_for_as_long_as_it_is_needed() -> None:
    url = SIGNED["aws v4"]
    assert memo_link.problem(url, END - DAY, DAY) is None
    assert memo_link.problem(url, END - DAY, DAY + timedelta(microseconds=1)) == (
        "the memo link stops working at 2026-03-09 12:30:15 UTC"
    )
    assert memo_link.problem(url, datetime.max.replace(tzinfo=UTC), DAY) is not None
    assert memo_link.problem(UNSIGNED["an ordinary link"], END, DAY) is None
