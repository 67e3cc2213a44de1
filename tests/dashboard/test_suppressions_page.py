"""The page of suppressions answers whether we would write, and puts entries on the list and takes them off it."""

from __future__ import annotations

import csv
import io
import re
from html import unescape
from typing import Any

from tests.dashboard.conftest import Desktop
from tests.samples import OTHER_TENANT, TENANT, item, new_uuid

EVIL = '"><script>alert(1)</script><img src=x onerror=alert(1)>'


def listed(browser: Desktop) -> list[tuple[str, str]]:
    return [(entry.value, str(entry.reason)) for entry in browser.orchestrator.operations.suppressions.list_(TENANT)]


def entered(browser: Desktop, what: str, reason: str = "manual", source: str = "phone call", **more: Any) -> None:
    browser.orchestrator.operations.suppressions.add(TENANT, what, reason=reason, source=source, **more)


def csrf(browser: Desktop) -> str:
    found = re.search(r'name="csrf" value="([^"]+)"', browser.get("suppressions").text)
    assert found is not None
    return found[1]


def taken_in(browser: Desktop, content: bytes, name: str = "list.csv", **fields: str) -> Any:
    data = {"csrf": csrf(browser), **fields}
    path = f"/t/{TENANT}/suppressions/import"
    return browser.client.post(path, data=data, files={"file": (name, content, "text/csv")})


def test_an_empty_list_says_what_appears_there(browser: Desktop):
    assert "Nobody is suppressed" in browser.get("suppressions").text
    assert "No entry is like that" in browser.get("suppressions?reason=bounce").text


def test_it_says_whether_we_would_write_and_everything_that_stands_against_it(browser: Desktop):
    property_id = new_uuid()
    entered(browser, "owner@owners.test", "bounce")
    entered(browser, "owner@owners.test", "unsubscribe", "the office")
    entered(browser, "owners.test")
    entered(browser, property_id, "sold")
    yes = unescape(browser.get("suppressions?address=somebody@else.test").text)
    assert "Nothing on the list stands against" in yes
    no = unescape(browser.get(f"suppressions?address=Owner@Owners.test&property={property_id}").text)
    answer = no[no.index("Nobody writes to") : no.index("Search the list")]
    assert [word in answer for word in ("Bounced", "Opted out", "Entered by hand", "Sold", "the office")] == [True] * 5
    assert "Since" in answer
    wrong = browser.get("suppressions?address=nonsense")
    assert (wrong.status_code, 'aria-invalid="true"' in wrong.text) == (200, True)


def test_what_was_entered_leaves_the_queue_and_what_is_removed_returns(browser: Desktop):
    campaign = browser.orchestrator.create_campaign(TENANT, **item()).id
    fields = {"act": "add", "what": " owner@owners.test", "source": "phone call", "because": "manual"}
    assert "Entered. 1 campaign left the queue." in browser.post("suppressions", fields).text
    assert "It was on the list before" in browser.post("suppressions", fields).text  # pressed twice
    gone = {"act": "remove", "what": "owner@owners.test", "on": "address", "because": "manual"}
    assert "1 campaign may go out again" in browser.post("suppressions", gone).text
    assert "not on the list any more" in browser.post("suppressions", gone).text
    stored = browser.orchestrator.get_campaign(campaign, TENANT)
    assert stored is not None
    assert stored.status == "scheduled"
    assert "Once: Entered by hand, taken back" in browser.get("suppressions?address=owner@owners.test").text


def test_the_owners_word_is_taken_back_by_the_owner_alone_and_a_complaint_never(browser: Desktop):
    entered(browser, "owner@owners.test", "unsubscribe")
    entered(browser, "spam@owners.test", "complaint")
    gone = {"act": "remove", "what": "owner@owners.test", "on": "address", "because": "unsubscribe"}
    assert browser.post("suppressions", gone).status_code == 409
    assert browser.post("suppressions", gone | {"consent": "yes", "why": " "}).status_code == 400
    assert browser.post("suppressions", gone | {"why": "they wrote"}).status_code == 409
    complaint = {"act": "remove", "what": "spam@owners.test", "on": "address", "because": "complaint"}
    assert browser.post("suppressions", complaint | {"consent": "yes", "why": "they wrote"}).status_code == 409
    assert len(listed(browser)) == 2
    done = browser.post("suppressions", gone | {"consent": "yes", "why": "they wrote on 12 May"})
    assert "Taken off the list." in done.text
    assert listed(browser) == [("spam@owners.test", "complaint")]


#: What of a form cannot be used.
UNUSABLE: list[dict[str, str]] = [
    {"act": "add", "what": "", "source": "x"},
    {"act": "add", "what": "nobody@", "source": "x"},
    {"act": "add", "what": "a@b.test", "source": ""},
    {"act": "add", "what": "a@b.test", "source": "x", "because": "boredom"},
    {"act": "add", "what": "a@b.test", "source": "x", "on": "planet"},
    {"act": "burn", "what": "a@b.test"},
    {"act": "remove", "what": "a@b.test"},
]


def test_what_cannot_be_used_is_named_and_nothing_is_done(browser: Desktop):
    for fields in UNUSABLE:
        answer = browser.post("suppressions", fields)
        assert answer.status_code == 400, fields
        assert "<h1>" in answer.text
    assert listed(browser) == []


def test_the_list_is_searched_and_read_page_by_page(browser: Desktop):
    for number in range(60):
        entered(browser, f"owner{number:02}@owners.test", "bounce" if number % 2 else "manual")
    entered(browser, "jdoe@gmail.com")
    first = browser.get("suppressions").text
    assert "50 shown of 61" in first
    on = re.search(r'href="[^"]*/(suppressions\?after=[^"]+)">Next', first)
    assert on is not None
    second = unescape(browser.get(unescape(on[1])).text)
    assert ("owner59@owners.test" in second, "owner00@owners.test" in second) == (True, False)
    back = re.search(r'href="[^"]*/(suppressions\?before=[^"]+)">Previous', second)
    assert back is not None
    assert "jdoe@gmail.com" in browser.get(unescape(back[1])).text
    assert "30 shown of 30" in browser.get("suppressions?reason=bounce").text
    assert "1 shown of 1" in browser.get("suppressions?q=OWNER07").text
    assert "1 shown of 1" in browser.get("suppressions?q=J.Doe%2Bhomes@gmail.com").text
    assert browser.get("suppressions?after=nonsense").status_code == 400
    assert browser.get("suppressions?q=100%25_").status_code == 200


def test_a_file_is_taken_in_row_by_row_and_its_rejects_can_be_downloaded(browser: Desktop):
    content = b"email,reason\na@b.test,unsubscribe\nnonsense,manual\nc@d.test,boredom\ne@f.test,\xff\ng@h.test,\n"
    shown = taken_in(browser, content)
    assert "Taken in, except for 3 rows" in shown.text
    lines = re.findall(r'<tr><th scope="row" class="r">(\d+)</th>', shown.text)
    assert lines == ["3", "4", "5"]
    assert sorted(listed(browser)) == [("a@b.test", "unsubscribe"), ("g@h.test", "manual")]
    carried = re.search(r'name="rejects" value="([^"]*)"', shown.text)
    assert carried is not None
    file = browser.post("suppressions/rejects.csv", {"rejects": unescape(carried[1])}, "suppressions")
    rows = list(csv.DictReader(io.StringIO(file.text)))
    assert [(row["line"], row["row"]) for row in rows][:2] == [("3", "nonsense,manual"), ("4", "c@d.test,boredom")]
    assert file.headers["content-disposition"] == 'attachment; filename="rejected-rows.csv"'
    again = taken_in(browser, b"a@b.test\n\n# a note\nnew@b.test\n", because="bounce", name="plain.txt")
    assert '<h2 id="dh">Taken in</h2>' in again.text
    assert ("new@b.test", "bounce") in listed(browser)


#: file: (its bytes, the line that is named, what is said of it, what is stored of it)
BROKEN: dict[str, tuple[bytes, str, str, list[str]]] = {
    "a workbook": (b"PK\x03\x04" + bytes(range(256)) * 20, "1", "starts an Excel workbook or a zip archive; save", []),
    "UTF-16": ("\ufeffemail\na@b.test\n".encode("utf-16-le"), "1", "starts a text in UTF-16; save the file as CSV", []),
    "UTF-16, unmarked": ("email".encode("utf-16-le"), "1", "holds a NUL character; save the file as CSV", []),
    "latin-1": ("value,source\na@b.test,Jos\xe9\nc@d.test,x\n".encode("latin-1"), "2", "(byte 15 of the line); save",
                ["c@d.test"]),
    "a quote that stays open": (b'email,source\na@b.test,"me\nc@d.test,x\n', "2", "quote that opens is closed",
                                ["c@d.test"]),
    "a comma too many": (b"email,source\na@b.test,me, too\n", "2", "has 3 values, the header has 2 columns; put", []),
    "a column twice": (b"email,reason,email\na@b.test,,c@d.test\n", "1", "the column 'email' twice; leave", []),
    "NULs": (b"email\na@b.test\n\x00\x00\n", "3", "holds a NUL character", ["a@b.test"]),
    "no address": (b"a@b.test\nSmith\n", "2", "no property's id. Write an address", ["a@b.test"]),
    "quotes alone": (b'"' * 5000, "1", "is no address", []),
}  # fmt: skip


def test_what_is_wrong_with_a_file_is_said_with_its_line_and_what_to_do(browser: Desktop):
    for file, (content, line, words, stored) in BROKEN.items():
        before = {value for value, _ in listed(browser)}
        shown = taken_in(browser, content.replace(b"@", f"@{len(before)}.".encode()))
        rejected = re.findall(r'<tr><th scope="row" class="r">(\d+)</th><td data-l="Why">([^<]*)<', shown.text)
        assert [one[0] for one in rejected] == [line], file
        assert words in unescape(rejected[0][1])
        new = {value for value, _ in listed(browser)} - before
        assert new == {value.replace("@", f"@{len(before)}.") for value in stored}


def test_what_other_programs_write_is_read(browser: Desktop):
    """A mark at the beginning and CR LF, CR alone, semicolons, and a last line without an end."""
    files = (
        b"\xef\xbb\xbfemail,reason\r\n1@b.test,sold\r\n",
        b"email\r2@b.test\r",
        b"email;reason\n3@b.test;\n",
        b"4@b.test",
    )
    for content in files:
        assert '<h2 id="dh">Taken in</h2>' in taken_in(browser, content).text
    assert sorted(value for value, _ in listed(browser)) == [f"{n}@b.test" for n in range(1, 5)]
    for content in (b"", b"\n\n", b"email,reason\n", b"# a note\n"):
        assert "The file is empty, or holds nothing but a header" in taken_in(browser, content).text


def test_forms_that_are_none_of_ours_change_nothing(browser: Desktop):
    path, good = f"/t/{TENANT}/suppressions/import", {"file": ("a.csv", b"a@b.test\n", "text/csv")}
    assert browser.client.post(path, data={"csrf": "guessed"}, files=good).status_code == 403
    assert browser.client.post(path, data={"csrf": csrf(browser)}).status_code == 400
    broken = {"Content-Type": "multipart/form-data; boundary=x"}
    assert browser.client.post(path, content=b"--x\r\nnothing", headers=broken).status_code in (400, 403)
    assert browser.client.post(path, content=iter([b"a"]), headers=broken).status_code == 411
    both = {**broken, "Content-Length": "10", "Transfer-Encoding": "chunked"}
    assert browser.client.post(path, content=b"--x\r\nnothing", headers=both).status_code == 411
    huge = {**broken, "Content-Length": str(9 * 1024 * 1024)}
    assert browser.client.post(path, content=b"", headers=huge).status_code == 413
    assert taken_in(browser, b"a@b.test\n", because="boredom").status_code == 400
    assert browser.post("suppressions", {"act": "add", "csrf": "guessed", "what": "a@b.test"}).status_code == 403
    assert listed(browser) == []


def test_what_is_downloaded_can_be_taken_in_again_and_holds_no_formulas(browser: Desktop):
    entered(browser, "=cmd@evil.test", source="=HYPERLINK(1)")
    entered(browser, "owners.test")
    browser.orchestrator.operations.suppressions.add(OTHER_TENANT, "theirs@owners.test")
    content = browser.get("suppressions.csv").content
    rows = list(csv.DictReader(io.StringIO(content.decode())))
    assert [(row["value"], row["source"]) for row in rows] == [
        ("'=cmd@evil.test", "'=HYPERLINK(1)"),
        ("owners.test", "phone call"),
    ]
    shown = taken_in(browser, content)
    assert re.search(r"<dt>New</dt><dd>0</dd><dt>On the list before</dt><dd>2</dd>", shown.text)


def test_what_strangers_wrote_stays_text(browser: Desktop):
    entered(browser, "owner@owners.test", source=EVIL)
    shown = [
        browser.get("suppressions"),
        browser.get("suppressions?address=owner@owners.test"),
        browser.get("suppressions", params={"q": EVIL, "address": EVIL, "done": EVIL}),
        taken_in(browser, f"{EVIL}\n".encode(), name=f"{EVIL}.csv"),
    ]
    for page in shown:
        assert page.status_code == 200
        assert "<script>alert" not in page.text
        assert "<img" not in page.text


def test_other_tenants_lists_are_their_own(browser: Desktop):
    browser.orchestrator.operations.suppressions.add(OTHER_TENANT, "theirs@owners.test")
    assert "theirs@" not in browser.get("suppressions").text
    assert "Nothing on the list stands against" in browser.get("suppressions?address=theirs@owners.test").text
    browser.post("suppressions", {"act": "remove", "what": "theirs@owners.test", "because": "manual"})
    assert len(browser.orchestrator.operations.suppressions.list_(OTHER_TENANT)) == 1
