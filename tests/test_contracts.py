"""Records as callers hand them in: cleaned, made storable, or refused with the field's name."""

from __future__ import annotations

import json
import uuid
from collections import OrderedDict
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from enum import Enum
from types import MappingProxyType
from typing import Any

import email_validator
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BaseModel

from orchestrator import contracts, errors

PROPERTY_ID = "0190f3a0-1111-7000-8000-00000000abcd"


def record(**changes: Any) -> dict[str, Any]:
    return {
        "id": PROPERTY_ID,
        "owner": {"name": "SMITH, JOHN A", "email": "john@sample.test"},
        "address": {"line1": "114 Maple Street", "city": "Dayton", "state": "OH", "zip": "45402"},
        "attrs": {"beds": 3, "baths": 2.5, "sqft": 1480, "year_built": 1954},
        **changes,
    }


def result(*reasons: Any, score: Any = 82) -> dict[str, Any]:
    return {"score": score, "reasons": list(reasons)}


def owner(email: Any) -> dict[str, Any]:
    return record(owner={"email": email})


def test_a_clean_record_comes_out_as_it_went_in() -> None:
    given_record = record(assessed_value=123456.78, owner={"email": "j@sample.test", "phone": "937"}, tags=["a", None])
    assert contracts.parse_property(given_record).as_dict() == given_record
    reason = {"feature": "roof", "weight": -0.25, "direction": "down", "note": "Old roof", "model": "v3"}
    given_result = {**result(reason, {}), "version": 7}
    assert contracts.parse_score(given_result).as_dict() == given_result


def test_only_what_a_mail_needs_is_required() -> None:
    least = {"id": PROPERTY_ID, "owner": {"email": "j@sample.test"}, "address": {"line1": "9 Lot Road"}}
    assert contracts.parse_property(least).as_dict() == least
    assert contracts.parse_score({"score": 0}).as_dict() == {"score": 0}
    assert contracts.parse_score({"score": 0, "reasons": None}).reasons is None


def test_pydantic_objects_are_read_whatever_their_version() -> None:
    class Version2(BaseModel):
        score: float

    class Version1:
        def dict(self) -> dict[str, Any]:
            return {"score": 50, "reasons": []}

    assert contracts.parse_score(Version2(score=50)).score == 50
    assert contracts.parse_score(Version1()).score == 50
    assert contracts.parse_score({"score": 1, "detail": Version2(score=9)}).as_dict()["detail"] == {"score": 9.0}
    assert contracts.parse_score(MappingProxyType({"score": 50})).score == 50
    assert contracts.parse_score(OrderedDict(score=50)).score == 50


@pytest.mark.parametrize("wrong", [None, [], "record", 7, dict])
def test_what_is_no_record_is_refused(wrong: Any) -> None:
    with pytest.raises(errors.ValidationError, match="property_record: must be a dict or a Pydantic object"):
        contracts.parse_property(wrong)


def test_a_record_that_was_left_out_is_no_nonetype() -> None:
    with pytest.raises(errors.ValidationError, match=r"^score_result: .*, got nothing$"):
        contracts.parse_score(None)


@pytest.mark.parametrize("missing", [{}, {"email": None}, {"email": ""}, {"email": "  "}, None, {"name": "X"}])
def test_a_missing_owner_email_is_named(missing: Any) -> None:
    with pytest.raises(ValueError, match="owner email is required") as caught:
        contracts.parse_property(record(owner=missing))
    assert isinstance(caught.value, errors.ValidationError)
    assert caught.value.field == "owner.email"
    no_owner = record()
    del no_owner["owner"]
    with pytest.raises(ValueError, match="owner email is required"):
        contracts.parse_property(no_owner)


@pytest.mark.parametrize(
    ("typed", "sent_to"),
    [
        ("John.Smith+tax@Sample.TEST", "John.Smith+tax@sample.test"),
        (" mailto:j@sample.test ", "j@sample.test"),
        ("<j@sample.test>.", "j@sample.test"),
        ("MAILTO:<j@sample.test>;", "j@sample.test"),
        ("j@sample.test,", "j@sample.test"),
        ("j@bücher.example", "j@xn--bcher-kva.example"),
        ("o'brien@sample.test", "o'brien@sample.test"),
        ("\u200bj@sample.test\ufeff", "j@sample.test"),
    ],
)
def test_an_address_is_freed_from_what_stands_around_it(typed: str, sent_to: str) -> None:
    assert contracts.parse_property(owner(typed)).owner.email == sent_to


@pytest.mark.parametrize(
    "wrong",
    ["not-an-email", "a@b", "a@@sample.test", "a..b@sample.test", "a b@sample.test", "ü@sample.test", "@sample.test",
     "a@localhost", "a@sample.invalid", "a@-sample.test", "a@sample.test\r\nBcc: b@sample.test", "a" * 65 + "@s.test",
     "John <j@sample.test>", "a@" + "b" * 64 + ".test", "a@" + "b." * 130 + "test", 7, ["a@sample.test"]],
)  # fmt: skip
def test_a_bad_address_is_refused_with_field_and_value(wrong: Any) -> None:
    with pytest.raises(errors.ValidationError, match=r"owner\.email") as caught:
        contracts.parse_property(owner(wrong))
    assert caught.value.field == "owner.email"
    assert str(wrong)[:7] in str(caught.value)
    assert str(caught.value).isprintable()
    assert len(str(caught.value)) < 300


@pytest.mark.parametrize(
    "several", ["a@s.test, b@s.test", "a@s.test;b@s.test", "a@s.test b@s.test", "a@s.test / b@s.test"]
)
def test_several_addresses_in_one_field_are_refused_as_such(several: str) -> None:
    with pytest.raises(errors.ValidationError, match="one address is needed, got several"):
        contracts.parse_property(owner(several))


@given(st.from_regex(r"[A-Za-z0-9_+.-]{1,12}@([A-Za-z0-9-]{1,8}\.){1,3}[A-Za-z0-9]{1,6}", fullmatch=True))
@settings(max_examples=300, deadline=None)
def test_the_quick_check_of_addresses_agrees_with_email_validator(address: str) -> None:
    try:
        wanted = email_validator.validate_email(
            address, check_deliverability=False, allow_smtputf8=False, test_environment=True, strict=True
        ).ascii_email
    except email_validator.EmailNotValidError:
        wanted = None
    try:
        found = contracts.parse_email("email", address)
    except errors.ValidationError:
        found = None
    assert found == wanted


@pytest.mark.parametrize(
    "given_id",
    [PROPERTY_ID, PROPERTY_ID.upper(), f" {PROPERTY_ID} ", PROPERTY_ID.replace("-", ""), uuid.UUID(PROPERTY_ID),
     f"urn:uuid:{PROPERTY_ID}"],
)  # fmt: skip
def test_an_id_comes_out_in_its_canonical_form(given_id: Any) -> None:
    assert contracts.parse_property(record(id=given_id)).id == PROPERTY_ID
    assert contracts.parse_id("tenant_id", given_id) == PROPERTY_ID


@pytest.mark.parametrize("wrong", ["", None, 7, "12", PROPERTY_ID[:-1], PROPERTY_ID + "0", "x" * 5000, "{}", b"1"])
def test_what_is_no_uuid_is_refused_with_the_fields_name(wrong: Any) -> None:
    with pytest.raises(errors.ValidationError, match=r"property_record\.id") as caught:
        contracts.parse_property(record(id=wrong))
    assert caught.value.field == "property_record.id"
    assert len(str(caught.value)) < 200
    with pytest.raises(errors.ValidationError, match="tenant_id"):
        contracts.parse_id("tenant_id", wrong)


@pytest.mark.parametrize(
    ("score", "got"),
    [(101, "101"), (-1, "-1"), (100.5, "100.5"), (None, "nothing"), ("high", "'high'"), (float("nan"), "nan"),
     (float("inf"), "inf"), (True, "True"), ([], r"\[\]")],
)  # fmt: skip
def test_a_score_out_of_range_is_refused(score: Any, got: str) -> None:
    with pytest.raises(ValueError, match=f"score must be between 0 and 100, got {got}"):
        contracts.parse_score(result(score=score))


@pytest.mark.parametrize("score", [0, 100, 82.5, "82", Decimal("82.5")])
def test_a_score_in_range_is_taken(score: Any) -> None:
    assert contracts.parse_score(result(score=score)).score == float(score)


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"address": {"city": "Dayton"}}, "property_record.address.line1"),
        ({"address": {"line1": " \r\n "}}, "property_record.address.line1"),
        ({"address": None}, "property_record.address"),
        ({"address": "114 Maple Street"}, "property_record.address"),
        ({"address": {"line1": ["x"]}}, "property_record.address.line1"),
        ({"attrs": [1]}, "property_record.attrs"),
        ({"attrs": {"beds": {"n": 3}}}, "property_record.attrs.beds"),
        ({"owner": ["j@sample.test"]}, "property_record.owner"),
        ({"owner": {"email": "j@sample.test", "name": {}}}, "property_record.owner.name"),
    ],
)
def test_a_wrong_field_is_named_by_its_path(changes: dict[str, Any], field: str) -> None:
    with pytest.raises(errors.ValidationError) as caught:
        contracts.parse_property(record(**changes))
    assert caught.value.field == field
    assert field in str(caught.value)


@pytest.mark.parametrize(
    ("reasons", "field"),
    [
        ([{"weight": "heavy"}], "score_result.reasons.0.weight"),
        ([{}, {"note": {}}], "score_result.reasons.1.note"),
        ("many", "score_result.reasons"),
        ([7], "score_result.reasons.0"),
    ],
)
def test_a_wrong_reason_is_named_by_its_place(reasons: Any, field: str) -> None:
    with pytest.raises(errors.ValidationError) as caught:
        contracts.parse_score({"score": 50, "reasons": reasons})
    assert caught.value.field == field


@pytest.mark.parametrize(
    ("given_zip", "kept"),
    [("02139", "02139"), (2139, "02139"), (2139.0, "02139"), ("92688-1234", "92688-1234"), ("", None)],
)
def test_a_zip_code_keeps_its_leading_zero(given_zip: Any, kept: str | None) -> None:
    parsed = contracts.parse_property(record(address={"line1": "1 A St", "zip": given_zip}))
    assert parsed.address.zip == kept


def test_names_and_addresses_are_cleaned_not_refused() -> None:
    parsed = contracts.parse_property(
        record(
            owner={"email": "j@sample.test", "name": " SMITH\r\nBcc: x@evil.test\x00\t JOHN\u202e "},
            address={"line1": "114\n Maple\x07Street", "line2": "   ", "city": "\u200bDayton"},
        )
    )
    assert parsed.owner.name == "SMITH Bcc: x@evil.test JOHN"
    assert parsed.address.line1 == "114 Maple Street"
    assert parsed.address.line2 is None
    assert parsed.address.city == "Dayton"


def test_a_snapshot_is_json_and_parses_to_the_same_values() -> None:
    class Kind(Enum):
        HOUSE = "house"

    @dataclass
    class Sale:
        on: date
        price: Decimal

    odd = record(
        assessed=Decimal("123456.78"),
        exact=Decimal("0.1234567890123456789012345"),
        sold=Sale(date(2020, 1, 2), Decimal("99")),
        seen=datetime(2026, 1, 5, tzinfo=UTC),
        parent=uuid.UUID(PROPERTY_ID),
        kind=Kind.HOUSE,
        tags=("a", "b"),
        codes={"x"},
        blob=b"\xff",
        ratio=float("nan"),
        huge=2**70,
        note="nul\x00 and lone \ud800 surrogate",
    )
    odd[7] = "number as key"  # type: ignore[index]
    stored = contracts.parse_property(odd).as_dict()
    assert contracts.parse_property(json.loads(json.dumps(stored))).as_dict() == stored
    assert stored["assessed"] == 123456.78
    assert stored["exact"] == "0.1234567890123456789012345"
    assert stored["sold"] == {"on": "2020-01-02", "price": 99.0}
    assert stored["parent"] == PROPERTY_ID
    assert stored["kind"] == "house"
    assert stored["tags"] == ["a", "b"]
    assert stored["ratio"] is None
    assert stored["huge"] == str(2**70)
    assert stored["note"] == "nul and lone  surrogate"
    assert stored["7"] == "number as key"
    assert "\\u0000" not in json.dumps(stored)
    stored_text = json.dumps(stored, ensure_ascii=False)
    assert stored_text.encode()


def test_a_record_that_contains_itself_is_refused() -> None:
    endless = record()
    endless["self"] = endless
    with pytest.raises(errors.ValidationError, match="cannot be stored as JSON"):
        contracts.parse_property(endless)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(st.text(), json_values, max_size=4))
@settings(deadline=None)
def test_any_unknown_fields_are_kept_and_stable(more: dict[str, Any]) -> None:
    stored = contracts.parse_property({**more, **record()}).as_dict()
    again = contracts.parse_property(json.loads(json.dumps(stored))).as_dict()
    assert again == stored
    assert json.dumps(stored, ensure_ascii=False).encode()


@pytest.mark.parametrize(
    ("direction", "weight", "points"),
    [
        ("positive", -0.5, "for"), ("negative", 0.5, "against"), ("+", None, "for"), ("-", None, "against"),
        ("−", 1, "against"), ("UP", None, "for"), (" Down ", None, "against"), ("for", 0, "for"),
        ("against", 0, "against"), (True, -1, "for"), (False, 1, "against"), (1, -1, "for"), (-1, 1, "against"),
        ("-1", 1, "against"), (0, 5, "neither"), (None, 0.2, "for"), (None, -0.2, "against"), ("", -0.2, "against"),
        (None, None, "neither"), (None, float("nan"), "neither"), ("sideways", 1, "for"), ("neutral", 1, "neither"),
        ({}, "0.3", "for"),
    ],
)  # fmt: skip
def test_a_direction_is_understood_in_many_words(direction: Any, weight: Any, points: str) -> None:
    assert contracts.direction_of(direction, weight) == points


@pytest.mark.parametrize(
    "url",
    ["https://s3.sample.test/memo.pdf?X-Amz-Signature=a%20b&X-Amz-Expires=600#p2", "http://localhost:8025/memo",
     "HTTPS://memo.sample.test", "https://[::1]:80/x", "  https://memo.sample.test/x "],
)  # fmt: skip
def test_a_web_address_is_taken_as_it_is(url: str) -> None:
    assert contracts.parse_memo_url(url) == url.strip()


@pytest.mark.parametrize(
    "url",
    ["", None, "memo.pdf", "/memo.pdf", "//host/memo", "javascript:alert(1)", "JAVASCRIPT://x/%0aalert(1)",
     "data:text/html,x",
     "ftp://host/memo", "file:///etc/passwd", "https://", "https:///memo", "https://a b/", "https://x/\r\nBcc:",
     "https://x/\x00",
     "https://x/\u202e", "https://x:99999/", "https://[::1/", "https://good.test@evil.test/", "https:\\\\evil.test",
     'https://x/"onclick', "https://x/<b>", "https://x/" + "a" * 9000, 7],
)  # fmt: skip
def test_anything_else_is_no_memo_address(url: Any) -> None:
    with pytest.raises(errors.ValidationError, match="memo_url") as caught:
        contracts.parse_memo_url(url)
    assert caught.value.field == "memo_url"
    assert str(caught.value).isprintable()
    assert len(str(caught.value)) < 250


_TEXTS = st.one_of(
    st.sampled_from(
        ["Dayton", "O'Brien & Söhne", " Dayton", "a  b", "", "tab\there", "\u200bx", "ǅ", "×", "٣", "a\u00a0b"]
    ),
    st.text(max_size=6),
)
_ANYTHING = st.one_of(
    _TEXTS, st.none(), st.booleans(), st.integers(), st.floats(), st.lists(st.integers(), max_size=1), st.just({"a": 1})
)
_EMAILS = st.one_of(st.sampled_from(["j@sample.test", "J@Sample.test", "<j@s.test>", "a@x.local", "é@s.test"]), _TEXTS)
_IDS = st.sampled_from([PROPERTY_ID, PROPERTY_ID.upper(), PROPERTY_ID + "\n", "42"])


def _perhaps(**fields: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries({}, optional=fields)


_PROPERTIES = st.fixed_dictionaries(
    {
        "id": _IDS,
        "owner": st.fixed_dictionaries({"email": _EMAILS}, optional={"name": _ANYTHING, "phone": _ANYTHING}),
        "address": st.fixed_dictionaries(
            {"line1": _ANYTHING}, optional=dict.fromkeys(("line2", "city", "state", "zip", "more"), _ANYTHING)
        ),
    },
    optional={
        "attrs": st.one_of(st.none(), _perhaps(**dict.fromkeys(("beds", "baths", "sqft", "year_built"), _ANYTHING))),
        "more": _ANYTHING,
    },
)
_SCORES = st.fixed_dictionaries(
    {"score": st.one_of(st.integers(-1, 101), st.floats(-1, 101), _ANYTHING)},
    optional={
        "reasons": st.one_of(
            st.none(),
            st.lists(_perhaps(**dict.fromkeys(("feature", "weight", "direction", "note"), _ANYTHING)), max_size=2),
        )
    },
)


@given(_PROPERTIES, _SCORES)
@settings(max_examples=400, deadline=None)
def test_a_record_taken_for_plain_is_what_cleaning_would_make_of_it(
    property_record: dict[str, Any], score_result: dict[str, Any]
) -> None:
    def outcome(read: Any, given_record: Any) -> Any:
        try:
            return read(given_record)
        except errors.ValidationError as error:
            return str(error)

    for quick, thorough, given_record in (
        (contracts.clean_property, lambda r: contracts.parse_property(r).as_dict(), property_record),
        (contracts.clean_score, lambda r: contracts.parse_score(r).as_dict(), score_result),
        (lambda r: json.loads(contracts.stored_property(r).text), contracts.clean_property, property_record),
        (lambda r: json.loads(contracts.stored_score(r)), contracts.clean_score, score_result),
    ):
        assert outcome(quick, given_record) == outcome(thorough, given_record)


@pytest.mark.parametrize(
    "odd", ["https://", "http:///x", "https://a b.test/", "https://u@h.test/", "https://h.test:x/", "https://[::1/",
            "https://h.test/<", "https://h.test/\\\\x", "https://h.test/\u2028", "https://h.test/" + "x" * 8_000],
)  # fmt: skip
def test_an_odd_memo_address_is_refused_also_when_it_looks_plain(odd: str) -> None:
    with pytest.raises(errors.ValidationError, match="memo_url"):
        contracts.parse_memo_url(odd)


@pytest.mark.parametrize(
    "good", ["https://h.test", "http://h.test/a?b=c&d=%20#e", "https://h.test:8443/x", "https://h.test/user@x/[1]"]
)
def test_a_memo_address_comes_out_as_it_went_in(good: str) -> None:
    assert contracts.parse_memo_url(f" {good} ") == contracts.parse_memo_url(good) == good


class LongFloat(float):
    """Like the numbers of numerical libraries: a float that JSON writers do not know."""


class Word(str):
    def __str__(self) -> str:
        return "another word"


@pytest.mark.parametrize(
    "given_record",
    [
        record(),
        record(owner={"email": "John@Sample.TEST", "name": "  O'Brien  \t X "}),
        record(owner={"email": Word("john@sample.test"), "name": Word("SMITH, JOHN")}),
        record(remarks="nul \x00, lone \ud800, é, 漢, \\, \n", listed=date(2026, 1, 2), big=2**80, odd=float("nan")),
        record(attrs={"beds": float("nan"), "baths": LongFloat(2.5), "sqft": float("inf"), "year_built": "1954"}),
        record(id=uuid.UUID(PROPERTY_ID), attrs=None),
        MappingProxyType(record()),
        OrderedDict(record()),
    ],
    ids=range(8),
)
def test_a_property_is_stored_as_it_is_cleaned(given_record: Any) -> None:
    stored, clean = contracts.stored_property(given_record), contracts.clean_property(given_record)
    assert stored.text == contracts.json_text(clean)
    owner = clean["owner"]
    assert stored[:4] == (clean["id"], owner.get("name"), owner["email"], clean["address"]["line1"])
    assert (stored.country, stored.name_format) == (owner.get("country"), owner.get("name_format"))
    assert all(type(value) is str for value in stored[:4])


@pytest.mark.parametrize(
    "given_score",
    [
        result(),
        result({"feature": "roof", "weight": float("nan"), "direction": 1, "note": "\x00 é \n"}),
        result(score=LongFloat(71)) | {"reasons": None},
        result({"weight": LongFloat(0.5)}),
        result(score="71.5"),
        result(score=71),
    ],
    ids=range(6),
)
def test_a_score_is_stored_as_it_is_cleaned(given_score: Any) -> None:
    assert contracts.stored_score(given_score) == contracts.json_text(contracts.clean_score(given_score))


@pytest.mark.parametrize("score", [float("nan"), float("inf"), -1, 101, True, None, "x"])
def test_what_is_no_score_is_not_stored(score: Any) -> None:
    with pytest.raises(errors.ValidationError, match="score"):
        contracts.stored_score(result(score=score))
