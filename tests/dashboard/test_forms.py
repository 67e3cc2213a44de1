"""Forms: what is wrong is said beside it and nothing typed is lost; what comes twice is done once; nothing is a 500."""

from __future__ import annotations

import base64
import hashlib
import re
import sqlite3
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import timedelta
from html import unescape
from typing import Any
from urllib.parse import quote

import pytest

from orchestrator import app
from orchestrator.clock import ManualClock
from orchestrator.dashboard import again
from orchestrator.dashboard.filling import Sent
from orchestrator.domain.reply import InboundMail
from orchestrator.repository import OutreachRepository
from orchestrator.services.looking.templating import SAMPLE
from tests.dashboard.conftest import BASE, Desktop, desktop
from tests.samples import OTHER_TENANT, TENANT, item, new_uuid

PASSWORD = "correct horse battery"
TYPED = 'me & <you> "said" so'
EVIL = '"><script>alert(1)</script>'
HERE = f"/t/{TENANT}"


def hashed() -> str:
    """The password as it may stand in a configuration, at a fraction of the usual cost."""
    salt = b"salt of sixteen."
    key = hashlib.scrypt(PASSWORD.encode(), salt=salt, n=4, r=1, p=1, dklen=32)
    return ":".join(("scrypt", "2", "1", "1", *(base64.b64encode(raw).decode() for raw in (salt, key))))


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OutreachRepository]:
    """One database for all: what a form does is not its business, and what that causes is tested page by page."""
    opened = OutreachRepository(f"sqlite:///{tmp_path_factory.mktemp('forms')}/forms.db")
    opened.upgrade()
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def browser(repository: OutreachRepository) -> Iterator[Desktop]:
    with desktop(repository) as opened:
        yield opened


@pytest.fixture
def hall(repository: OutreachRepository, manual_clock: ManualClock) -> Iterator[Desktop]:
    """A browser that has logged in with a password."""
    with desktop(repository, is_open=False, dashboard_password_hash=hashed(), clock=manual_clock) as opened:
        opened.client.post("/login", data={"password": PASSWORD})
        yield opened


def from_(page: str) -> dict[str, str]:
    """What a browser says of the page that a form stands on."""
    return {"origin": BASE, "referer": f"{BASE}{HERE}/{page}".rstrip("/")}


def proof(browser: Desktop) -> str:
    found = re.search(r'name="csrf" value="([^"]+)"', browser.get("settings").text)
    assert found is not None
    return found[1]


def sent(browser: Desktop, path: str, fields: dict[str, Any], page: str | None = None) -> Any:
    """Send a form as the browser would that shows `page` (default: the same path)."""
    headers = from_(path if page is None else page)
    return browser.client.post(f"{HERE}/{path}", data={"csrf": proof(browser), **fields}, headers=headers)


def campaign(browser: Desktop, tenant: str = TENANT) -> str:
    """The id of a new campaign to an owner of its own."""
    return browser.orchestrator.create_campaign(tenant, **item(f"{new_uuid()}@owners.test", batch="spring")).id


def reply(browser: Desktop) -> str:
    """The id of a mail that nobody knows whose it is."""
    mail = InboundMail(text="Who are you?", dedupe_key=new_uuid())
    return str(browser.orchestrator.services.reply_intake.receive(mail).reply_id)


def summary(text: str) -> str:
    """What a page says at its top, as a person reads it."""
    found = re.search(r'id="refused-summary".*?</div>', text, re.DOTALL)
    assert found is not None, text[:2000]
    return " ".join(unescape(re.sub(r"<[^>]+>", "", found[0].partition(">")[2])).split())


def wrong(text: str) -> str:
    """The tag of the field that is said to be wrong, which the summary links to and the focus goes to."""
    tags = [tag for tag in re.findall(r"<(?:input|select|textarea)\b[^>]*>", text) if 'aria-invalid="true"' in tag]
    assert len(tags) == 1
    id_ = re.search(r'\bid="([^"]+)"', tags[0])
    assert id_ is not None
    assert f'<a href="#{id_[1]}">' in text
    assert "autofocus" in tags[0]
    assert 'aria-describedby="refused-why"' in tags[0]
    assert text.count('id="refused-why"') == 1
    return tags[0]


#: What the form of the templates says of the preview beside it.
PREVIEW = {"mail": SAMPLE, "show": "desktop", "campaign": "", "q": ""}
#: form: (path, page, what is sent, which field is wrong, what its page says, what was typed and must still be there)
WRONG: dict[str, tuple[str, str, dict[str, Any], str, str, list[str]]] = {
    "suppress, no address": (
        "suppressions", "suppressions?reason=sold",
        {"act": "add", "what": "nobody@", "on": "", "because": "sold", "source": TYPED},
        "what", "is not an email address", [TYPED, '<option value="sold" selected>'],
    ),
    "suppress, no source": (
        "suppressions", "suppressions",
        {"act": "add", "what": "a@b.test", "on": "domain", "because": "manual", "source": " "},
        "source", "Say where this comes from", ['value="a@b.test"', '<option value="domain" selected>'],
    ),
    "suppress from a campaign": (
        "campaigns/{c}", "campaigns/{c}?mail=dark&done=hold", {"act": "suppress", "reason": ""},
        "reason", "Say why; it is kept with the entry.", ['<dialog id="do-suppress" popover', '?mail=dark"'],
    ),
    "hold": (
        "campaigns/{c}", "campaigns/{c}", {"act": "hold", "reason": "x" * 201},
        "reason", "must be a text of 1 to 200 characters".capitalize(), ["x" * 201],
    ),
    "hold several": (
        "campaigns", "campaigns", {"act": "hold", "id": ["{c}"], "q": "", "reason": ""},
        "reason", "Say why, for whoever finds them held.", ['aria-label="Tick 114 Maple Street" checked'],
    ),
    "hold none": (
        "campaigns", "campaigns", {"act": "hold", "q": "", "reason": TYPED},
        "id", "Campaigns: Nothing was ticked. Tick the campaigns first.", [TYPED],
    ),
    "hold a batch": (
        "batch", "batch?label=spring", {"act": "hold", "label": "spring", "reason": "  "},
        "reason", "Say why.", ['<dialog id="do-hold" popover'],
    ),
    "pause": (
        "dispatcher", "dispatcher", {"act": "pause", "scope": "everything", "reason": ""},
        "reason", "so that the next person knows", ['value="everything" checked', '<dialog id="pause" popover'],
    ),
    "settings": (
        "settings", "settings", {"name": TYPED, "time_zone": "Mars/Olympus"},
        "time_zone", "Use an IANA name", [TYPED, "Mars/Olympus"],
    ),
    "templates": (
        "templates", "templates", {"html": "a" * 100_001, "text": TYPED, **PREVIEW},
        "html", "100,000 are allowed", ["a" * 100_001, TYPED],
    ),
    "assign a reply": (
        "replies/{r}", "replies?show=nobodys", {"act": "assign", "campaign": "nonsense", "show": "nobodys", "page": ""},
        "campaign", "is not a UUID", ['value="nonsense"'],
    ),
}  # fmt: skip


@pytest.mark.parametrize("form", WRONG)
def test_a_wrong_field_is_named_and_what_was_typed_is_kept(browser: Desktop, form: str):
    path, page, fields, name, words, typed = WRONG[form]
    if path == "suppressions":  # the list's filters travel along
        fields = {"q": "", "kind": "", "reason": "sold" if "reason=" in page else "", **fields}
    known = {"c": campaign(browser), "r": reply(browser)}
    given = {
        key: [v.format(**known) for v in value] if isinstance(value, list) else value for key, value in fields.items()
    }
    answer = sent(browser, path.format(**known), given, page.format(**known))
    assert answer.status_code == 400
    assert "<title>Nothing was done · " in answer.text
    assert words in summary(answer.text)
    assert f'name="{name}"' in wrong(answer.text)
    plain = unescape(answer.text)
    assert [one for one in typed if one not in plain] == []
    assert "done=" not in re.search(r'<body data-page="([^"]*)"', answer.text)[1]  # type: ignore[index]
    assert 'role="status"><span>' not in answer.text  # what was told of an earlier act is not told again


def test_what_is_corrected_is_done(browser: Desktop):
    first = sent(browser, "settings", {"name": TYPED, "time_zone": "Mars/Olympus"})
    csrf = re.search(r'name="csrf" value="([^"]+)"', first.text)
    assert csrf is not None
    fields = {"csrf": csrf[1], "name": "Acme", "time_zone": "Europe/Berlin"}
    answer = browser.client.post(f"{HERE}/settings", data=fields, headers=from_("settings"))
    assert "Saved." in answer.text
    assert (answer.status_code, answer.url.path) == (200, f"{HERE}/settings")


def test_what_was_written_is_shown_when_its_form_is_no_more(browser: Desktop):
    id_ = campaign(browser)
    sent(browser, f"campaigns/{id_}", {"act": "suppress", "reason": "phone call"})
    answer = sent(browser, f"campaigns/{id_}", {"act": "hold", "reason": TYPED})
    assert answer.status_code == 409
    assert "Cannot hold a campaign" in summary(answer.text)
    assert f"You had written: {TYPED}" in summary(answer.text)


def test_a_fragment_takes_the_summary_alone(browser: Desktop):
    fields = {"csrf": proof(browser), "html": "a" * 100_001, "text": "", "mail": "sample", "show": "desktop"}
    headers = {**from_("templates"), "hx-request": "true", "hx-current-url": f"{BASE}{HERE}/templates"}
    answer = browser.client.post(f"{HERE}/templates", data=fields, headers=headers)
    assert [answer.headers[name] for name in ("hx-retarget", "hx-reselect", "hx-reswap")] == [
        "#refused", "#refused", "outerHTML",
    ]  # fmt: skip


# ---------------------------------------------------------------------------------------------------- sessions that end


@pytest.mark.parametrize("attempts", [["wrong wrong wrong", PASSWORD], [PASSWORD]], ids=["second try", "at once"])
def test_what_was_typed_outlives_the_session(hall: Desktop, manual_clock: ManualClock, attempts: list[str]):
    fields = {"csrf": proof(hall), "act": "pause", "scope": "everything", "reason": TYPED}
    manual_clock.advance(timedelta(hours=13))
    answer = hall.client.post(f"{HERE}/dispatcher", data=fields, headers=from_("dispatcher?done=resume"))
    assert (answer.status_code, "Your session had ended." in answer.text) == (403, True)
    asked = [str(answer.url)]
    for password in attempts:
        hidden = dict(re.findall(r'type="hidden" name="([^"]+)" value="([^"]*)"', answer.text))
        form = {name: unescape(value) for name, value in hidden.items()} | {"password": password}
        answer = hall.client.post("/login", data=form, headers={"origin": BASE})
        asked.append(str(answer.url))
    assert summary(answer.text).startswith("You are logged in again. Your session had ended, and nothing was done.")
    assert re.search(r'<dialog id="pause" popover[^>]* open\b', answer.text)
    assert unescape(answer.text).count(TYPED) == 1
    assert 'value="everything" checked' in answer.text
    assert f'data-page="{HERE}/dispatcher"' in answer.text
    assert not any(word in address for address in asked for word in (quote(TYPED), "said", "pause"))
    assert hall.orchestrator.operations.status().paused == []
    fresh = re.search(r'name="csrf" value="([^"]+)"', answer.text)
    assert fresh is not None
    again_ = hall.client.post(f"{HERE}/dispatcher", data={**fields, "csrf": fresh[1]}, headers=from_("dispatcher"))
    assert "Paused." in again_.text
    assert [one.reason for one in hall.orchestrator.operations.status().paused] == [TYPED]
    hall.orchestrator.operations.resume()


@pytest.mark.parametrize("headers", [{}, {"origin": "https://evil.example"}, {"sec-fetch-site": "cross-site"}])
def test_what_another_site_sends_is_not_kept(hall: Desktop, headers: dict[str, str]):
    hall.client.cookies.clear()
    path = f"{HERE}/dispatcher"
    answer = hall.client.post(path, data={"act": "pause", "reason": EVIL}, headers=headers)
    assert "script" not in answer.text.replace("<script src", "")
    kept = {"password": PASSWORD, "kept": again.carried(Sent(path, path, {"reason": ["pwned"]})) or ""}
    answer = hall.client.post("/login", data=kept, headers=headers)
    assert "pwned" not in answer.text
    for text in ("", "{", "[]", "null", '{"to":1}', '{"to":"/","page":"/","fields":{"a":1}}', "\udcff"):
        assert again.brought(text) is None


def test_a_form_of_an_earlier_session_comes_back_with_what_was_typed(hall: Desktop):
    fields = {"csrf": proof(hall), "act": "pause", "scope": "tenant", "reason": TYPED}
    hall.client.cookies.clear()
    hall.client.post("/login", data={"password": PASSWORD})
    answer = hall.client.post(f"{HERE}/dispatcher", data=fields, headers=from_("dispatcher"))
    assert answer.status_code == 403
    assert "Nothing was done. This form is of an earlier session." in summary(answer.text)
    assert TYPED in unescape(answer.text)
    elsewhere = hall.client.post(f"{HERE}/dispatcher", data=fields)  # nothing says that a page of ours sent it
    assert (elsewhere.status_code, TYPED in unescape(elsewhere.text)) == (403, False)
    assert hall.orchestrator.operations.status().paused == []


def test_a_fragment_never_becomes_a_login(hall: Desktop):
    hall.client.cookies.clear()
    headers = {"hx-request": "true", "hx-current-url": f"{BASE}{HERE}/campaigns?q=a&done=hold.1.0"}
    for method in ("GET", "POST"):
        answer = hall.client.request(method, f"{HERE}/templates", headers=headers, follow_redirects=False)
        assert (answer.status_code, answer.text) == (403, "")
        login = answer.headers["hx-redirect"]
        assert login.startswith(f"/login?next={quote(f'{HERE}/campaigns?q=a', safe='')}")


def test_in_the_demo_a_lost_session_costs_nothing(browser: Desktop):
    browser.client.cookies.clear()
    fields = {"act": "pause", "scope": "tenant", "reason": TYPED}
    answer = browser.client.post(f"{HERE}/dispatcher", data=fields, headers=from_("dispatcher"))
    assert TYPED in unescape(answer.text)
    assert browser.client.get(HERE, follow_redirects=False).status_code == 200
    browser.client.cookies.clear()
    file, to = {"file": ("a.csv", b"lost@b.test\n")}, f"{HERE}/suppressions/import"
    answer = browser.client.post(to, data={"because": "sold"}, files=file, headers=from_("suppressions"))
    assert "nothing was done. Choose the file once more" in summary(answer.text)
    assert "lost@b.test" not in browser.get("suppressions").text
    assert browser.orchestrator.operations.status().paused == []


# ---------------------------------------------------------------------------------------------------- twice, and by two

#: form: (path, what is sent)
TWICE: dict[str, tuple[str, dict[str, Any]]] = {
    "hold": ("campaigns/{c}", {"act": "hold", "reason": "once"}),
    "release": ("campaigns/{held}", {"act": "release"}),
    "cancel": ("campaigns/{c}", {"act": "cancel"}),
    "send": ("campaigns/{c}", {"act": "send"}),
    "suppress": ("campaigns/{c}", {"act": "suppress", "reason": "once"}),
    "read": ("campaigns/{answered}", {"act": "read"}),
    "hold several": ("campaigns", {"act": "hold", "id": ["{c}", "{held}"], "reason": "once"}),
    "release several": ("campaigns", {"act": "release", "id": ["{held}"]}),
    "cancel several": ("campaigns", {"act": "cancel", "id": ["{c}"]}),
    "queue several": ("campaigns", {"act": "retry", "id": ["{c}"]}),
    "hold a batch": ("batch", {"act": "hold", "label": "spring", "reason": "once"}),
    "cancel a batch": ("batch", {"act": "cancel", "label": "spring"}),
    "enter": ("suppressions", {"act": "add", "what": "a@b.test", "source": "once"}),
    "take back": ("suppressions", {"act": "remove", "what": "gone@owners.test", "on": "address", "because": "manual"}),
    "label": ("replies/{r}", {"act": "label", "label": "sold"}),
    "put away": ("replies/{r}", {"act": "release"}),
    "assign": ("replies/{r}", {"act": "assign", "campaign": "{c}"}),
    "pause": ("dispatcher", {"act": "pause", "scope": "tenant", "reason": "once"}),
    "resume": ("dispatcher", {"act": "resume", "scope": "tenant"}),
    "retry": ("dispatcher", {"act": "retry", "campaign": "{c}"}),
    "retry all": ("dispatcher", {"act": "retry_all"}),
    "replay": ("webhooks", {}),
    "describe": ("settings", {"name": "Acme", "time_zone": "UTC"}),
}


@pytest.mark.parametrize("form", TWICE)
def test_a_form_that_comes_twice_is_done_once(browser: Desktop, form: str):
    path, fields = TWICE[form]
    known = {
        "c": campaign(browser),
        "held": campaign(browser),
        "answered": campaign(browser),
        "r": reply(browser),
    }
    browser.orchestrator.hold_campaign(known["held"], TENANT, "a person")
    browser.orchestrator.record_reply(known["answered"], TENANT, "What is this?")
    browser.orchestrator.operations.suppressions.add(TENANT, "gone@owners.test")
    data = {"csrf": proof(browser)} | {
        key: [one.format(**known) for one in value] if isinstance(value, list) else value.format(**known)
        for key, value in fields.items()
    }
    told = []
    for _ in range(2):
        to = f"{HERE}/{path.format(**known)}"
        answer = browser.client.post(to, data=data, headers=from_(path.format(**known)), follow_redirects=False)
        told.append((answer.status_code, answer.headers.get("location"), _everything(browser)))
    assert told[0][0] == 303
    assert told[1] == told[0]


def _everything(browser: Desktop) -> list[Any]:
    """Every row of every table."""
    with closing(sqlite3.connect(str(browser.orchestrator.repository.url.database))) as connection:
        tables = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name").fetchall()
        return [sorted(map(repr, connection.execute(f'SELECT * FROM "{table}"'))) for (table,) in tables]


def test_presses_at_the_same_moment_do_one_thing(browser: Desktop):
    id_, fields = campaign(browser), {"csrf": proof(browser), "act": "hold", "reason": "once"}
    path = f"{HERE}/campaigns/{id_}"
    with ThreadPoolExecutor(8) as threads:
        answers = threads.map(lambda _: browser.client.post(path, data=fields, follow_redirects=False), range(8))
    assert {(one.status_code, one.headers.get("location")) for one in answers} == {(303, f"{path}?done=hold")}
    assert [event.event_type for event in browser.orchestrator.get_events(id_, TENANT)].count("held") == 1


def test_a_press_that_was_refused_may_come_again(browser: Desktop):
    fields = {"csrf": proof(browser), "act": "assign", "campaign": campaign(browser)}
    path = f"{HERE}/replies/{'0' * 8}-0000-7000-8000-{'0' * 12}"
    assert [browser.client.post(path, data=fields).status_code for _ in range(2)] == [404, 404]


def _seen(browser: Desktop, page: str) -> str:
    found = re.search(r'name="seen" value="([^"]+)"', browser.get(page).text)
    assert found is not None
    return found[1]


@pytest.mark.parametrize(
    ("act", "words"),
    [("hold", "It is held: waits for the lawyer."), ("cancel", "It is held: waits for"), ("send", "It is held")],
)
def test_the_second_of_two_people_is_told_what_the_first_did(browser: Desktop, act: str, words: str):
    id_ = campaign(browser)
    seen = _seen(browser, f"campaigns/{id_}")
    browser.orchestrator.hold_campaign(id_, TENANT, "waits for the lawyer")
    answer = sent(browser, f"campaigns/{id_}", {"act": act, "reason": TYPED, "seen": seen})
    assert answer.status_code == 409
    assert f"Meanwhile this campaign was changed. {words}" in summary(answer.text)
    stored = browser.orchestrator.get_campaign(id_, TENANT)
    assert stored is not None
    assert (stored.status, stored.hold_reason) == ("scheduled", "waits for the lawyer")
    now = _seen(browser, f"campaigns/{id_}")
    assert sent(browser, f"campaigns/{id_}", {"act": act, "reason": TYPED, "seen": now}).status_code == 200


def test_holding_several_leaves_the_reasons_of_others(browser: Desktop):
    free, held = campaign(browser), campaign(browser)
    browser.orchestrator.hold_campaign(held, TENANT, "waits for the lawyer")
    answer = sent(browser, "campaigns", {"act": "hold", "id": [free, held], "reason": "too early"})
    assert "1 campaign held. 1 campaign was so before." in answer.text
    stored = [browser.orchestrator.get_campaign(one, TENANT) for one in (free, held)]
    assert [one and one.hold_reason for one in stored] == ["too early", "waits for the lawyer"]


def test_a_pause_and_a_name_are_not_replaced_unseen(browser: Desktop):
    seen = _seen(browser, "dispatcher")
    browser.orchestrator.operations.pause("the auditors are here", TENANT)
    for act in ("pause", "resume"):
        answer = sent(browser, "dispatcher", {"act": act, "scope": "tenant", "reason": TYPED, "seen": seen})
        assert (answer.status_code, "Meanwhile somebody paused" in summary(answer.text)) == (409, True)
    assert browser.orchestrator.desk.tenant(TENANT).pause_reason == "the auditors are here"
    browser.orchestrator.operations.resume(TENANT)
    seen = _seen(browser, "settings")
    browser.orchestrator.desk.describe_tenant(TENANT, name="Theirs", time_zone="UTC")
    answer = sent(browser, "settings", {"name": "Mine", "time_zone": "UTC", "seen": seen})
    assert (answer.status_code, 'value="Mine"' in answer.text) == (409, True)
    assert browser.orchestrator.desk.tenant(TENANT).name == "Theirs"


# ---------------------------------------------------------------------------------------------------- whatever comes in

#: What may come in the place of a field's value, given one that could be right.
HOSTILE: dict[str, Callable[[str], str]] = {
    "nothing": lambda _: "",
    "a NUL": lambda given: f"{given}%00",
    "a lone surrogate": lambda given: f"{given}%ED%A0%80",
    "no UTF-8": lambda given: f"{given}%FF%FE",
    "markup": lambda _: quote(EVIL),
    "very long": lambda _: "x" * 5_000,
    "line ends": lambda given: f"{given}%0D%0ASet-Cookie:%20a=b",
    "nobody's": lambda _: "00000000-0000-7000-8000-000000000000",
    "a number": lambda _: "-1e309",
    "twice": lambda given: f"{given}&id=2&act=hold",
}
#: Every name that a form's field has, and what stands in it when it is right.
FIELDS = {
    "id": "{c}", "campaign": "{c}", "message": "{c}", "reason": "why", "what": "a@b.test", "on": "address", "why": "so",
    "because": "manual", "source": "me", "consent": "yes", "label": "sold", "show": "waiting", "page": "one", "q": "",
    "scope": "tenant", "html": "<p>", "text": "Hello", "mail": "sample", "name": "Acme", "time_zone": "UTC",
    "rejects": "[]",
    "next": "/", "password": "?", "kept": "{}", "to": "a@b.test", "kind": "", "owners": "1", "seed": "1", "seen": "",
}  # fmt: skip


def posts(browser: Desktop) -> list[str]:
    """Every path that takes a POST, as the application itself knows them: no new form escapes."""

    def known(router: Any) -> Iterator[Any]:
        for one in router.routes:
            inner = getattr(one, "original_router", None)
            yield from [one] if inner is None else known(inner)

    pages = app.create_pages(browser.orchestrator, start=TENANT, is_open=True)
    return sorted({one.path for one in known(pages) if "POST" in (one.methods or ())})


def acts_of(browser: Desktop, path: str) -> list[str]:
    """Every act that a path knows, as it says itself when it is asked for another."""
    answer = browser.client.post(path, data={"csrf": proof(browser), "act": "nonsense", "what": "x", "label": "spring"})
    told = re.search(r"act:? must be (?:one of )?([a-z_, ]+)", answer.text)
    return re.findall("[a-z_]+", told[1].replace(" or ", " ")) if told else [""]


def test_whatever_comes_in_is_answered_with_a_page(browser: Desktop):
    known = {"c": campaign(browser), "r": reply(browser)}
    theirs = campaign(browser, OTHER_TENANT)
    paths = posts(browser)
    assert {f"{HERE}/dispatcher", "/login"} <= {path.replace("{tenant}", TENANT) for path in paths}
    faults = []
    for path in paths:
        for id_ in (known["r"] if "{reply}" in path else known["c"], theirs, "nonsense", "%00", "x" * 3000):
            to = re.sub(r"\{(?!tenant)\w+\}", id_, path).replace("{tenant}", TENANT)
            if id_ not in known.values() and to == path.replace("{tenant}", TENANT):
                continue  # nothing of this path is anybody's choice
            for answer, what in _bombarded(browser, to, known, is_ours=id_ in known.values()):
                locked = path == "/login" and answer.status_code == 503  # there is no password here
                is_answer = "<h1" in answer.text or answer.headers["content-type"].startswith("text/csv")
                if (answer.status_code >= 500 and not locked) or not is_answer:
                    faults.append((path, id_[:40], what, answer.status_code, answer.text[:200]))
    assert faults == []
    stored = browser.orchestrator.get_campaign(theirs, OTHER_TENANT)
    assert stored is not None
    assert (stored.status, stored.hold_reason) == ("scheduled", None)


def _bombarded(browser: Desktop, to: str, known: dict[str, str], *, is_ours: bool) -> Iterator[tuple[Any, str]]:
    """Send everything that may come to a path, and yield each answer with what it answers."""
    csrf, kind = proof(browser), {"content-type": "application/x-www-form-urlencoded"}
    for act in acts_of(browser, to) if is_ours else ["hold"]:
        for what, changed in HOSTILE.items() if is_ours else [("nothing", HOSTILE["nothing"])]:
            fields = {name: changed(value.format(**known)) for name, value in FIELDS.items() if value != "{}"}
            body = "&".join(f"{name}={value}" for name, value in fields.items())
            yield browser.client.post(to, content=f"csrf={csrf}&act={act}&{body}", headers=kind), f"{act}, {what}"
    if not is_ours:
        return
    with_page = {**kind, **from_("settings")}
    yield browser.client.post(to, content=f"csrf={csrf}", headers=with_page), "no fields"
    yield browser.client.post(to, content="&".join(f"a{n}=" for n in range(3000)), headers=kind), "3,000 fields"
    yield browser.client.post(to, content=f"csrf={csrf}&reason={'x' * 1_000_000}", headers=kind), "1 MB"
    yield browser.client.post(to, content=b'{"act": "hold"}', headers={"content-type": "application/json"}), "JSON"
    yield browser.client.post(to, content=b"--x", headers={"content-type": "multipart/form-data; boundary=x"}), "parts"
    yield browser.client.post(to, data={"csrf": csrf, "act": "hold"}, files={"reason": b"a file"}), "a file for a text"
    yield browser.client.post(to, content=b"csrf=\xff&act=\xff", headers=with_page), "no text"
