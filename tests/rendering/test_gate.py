"""The gate: every rule can be broken, is told with its place, and the shipped templates break none."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path

import mails
import pytest

from orchestrator.rendering import HTML, TEXT, Renderer, gate
from orchestrator.rendering.gate import matrix
from orchestrator.rendering.gate.mail import Mail

BODY = "<!-- footer -->"
STYLE = ":root { color-scheme: light dark; }"
LETTER = "Would you be open to a conversation?"
OPT_OUT = 'clicktracking="off" href="{{ unsubscribe_url }}"'
MEMO = '<a href="{{ memo_url }}"'
IMAGE = '<img src="https://brand.test/a.png" width="40" height="40" alt="A">'

#: What is done to a shipped template, and which rules the mail then breaks.
BROKEN: list[tuple[str, str, str, str]] = [
    ("html-size", HTML, BODY, "<!--" + "x" * 80_000 + "-->"),
    ("html-large", HTML, BODY, "<!--" + "x" * 40_000 + "-->"),
    ("html-nesting", HTML, "</div>\n</body>", "</body>"),
    ("html-nesting", HTML, BODY, "<tr><p>a</p></tr>"),
    ("html-nesting", HTML, BODY, "Words between rows"),
    ("html-nesting", HTML, "{{ greeting }}</p>", "{{ greeting }}<div>a</div></p>"),
    ("html-nesting", HTML, "{{ greeting }}</p>", "{{ greeting }}</b></p>"),
    ("html-nesting", HTML, "{{ greeting }}</p>", "<blink>{{ greeting }}</blink></p>"),
    ("html-nesting", HTML, 'class="btn"', 'class="btn" class="again"'),
    ("html-nesting", HTML, '<p class="ink"', '<p id="a"></p><p id="a" class="ink"'),
    ("html-element", HTML, "</body>", "<script>x()</script></body>"),
    ("html-element", HTML, "</body>", "<form></form></body>"),
    ("html-element", HTML, "</body>", "<iframe></iframe></body>"),
    ("html-element", HTML, "</body>", "<video></video></body>"),
    ("html-element", HTML, "</body>", "<object></object></body>"),
    ("html-element", HTML, "<title>", '<link rel="stylesheet" href="https://a.test/a.css"><title>'),
    ("html-element", HTML, "<h1 ", '<h1 onclick="x()" '),
    ("html-head", HTML, "<!DOCTYPE html>", ""),
    ("html-head", HTML, '<html lang="en"', "<html"),
    ("html-head", HTML, "<title>{{ subject }}</title>", ""),
    ("html-head", HTML, '<meta charset="utf-8">', ""),
    ("html-head", HTML, '<meta name="viewport" content="width=device-width, initial-scale=1">', ""),
    ("css-forbidden", HTML, STYLE, ".page { position: absolute; }"),
    ("css-forbidden", HTML, STYLE, ".page { display: grid; }"),
    ("css-forbidden", HTML, STYLE, ".page { --ink: #000000; }"),
    ("css-forbidden", HTML, STYLE, ".page { color: var(--ink); }"),
    ("css-forbidden", HTML, STYLE, "@import 'a.css';"),
    ("css-forbidden", HTML, "<h1 class=\"ink\" style=\"", "<h1 class=\"ink\" style=\"position:fixed;"),
    ("css-weak", HTML, STYLE, ".page { display: flex; }"),
    ("css-weak", HTML, STYLE, ".page { background-image: url(https://a.test/a.png); }"),
    ("css-important", HTML, STYLE, ".page { color: #000000!important; }"),
    ("css-margin", HTML, STYLE, ".page { margin: 0 -4px; }"),
    ("css-margin", HTML, STYLE, ".page { margin-top: -.5em; }"),
    ("image", HTML, "{{ greeting }}</p>", "{{ greeting }}</p>" + IMAGE.replace(' alt="A"', "")),
    ("image", HTML, "{{ greeting }}</p>", "{{ greeting }}</p>" + IMAGE.replace(' width="40"', "")),
    ("image", HTML, "{{ greeting }}</p>", "{{ greeting }}</p>" + IMAGE.replace('height="40"', 'height="auto"')),
    ("image", HTML, "{{ greeting }}</p>", "{{ greeting }}</p>" + IMAGE.replace("https:", "http:")),
    ("image-format", HTML, "{{ greeting }}</p>", "{{ greeting }}</p>" + IMAGE.replace(".png", ".svg")),
    ("image-format", HTML, "{{ greeting }}</p>", "{{ greeting }}</p>" + IMAGE.replace(".png", ".webp?v=2")),
    ("image-format", HTML, "{{ greeting }}</p>", "{{ greeting }}</p>" + IMAGE.replace("https", "data")),
    ("table-role", HTML, 'role="presentation" cellpadding="0" cellspacing="0" border="0" class="box"', ""),
    ("preheader", HTML, "{{ preheader }}", ""),
    ("preheader", HTML, "{{ preheader }}", "Too short"),
    ("preheader", HTML, "{{ preheader }}", "x" * 120),
    ("parts-differ", TEXT, "You know the property better", " ".join(f"w{n}" for n in range(40))),
    ("links-differ", HTML, BODY + "\n<tr><td", BODY + '\n<tr><td><a href="https://a.test/">Us</a></td></tr><tr><td'),
    ("links-differ", TEXT, LETTER, LETTER + " https://a.test/"),
    ("leftover", TEXT, "{{ greeting }}", "{{ greeting }} None"),
    ("leftover", HTML, "{{ greeting }}", "{{ greeting }} {{ '{{' }} name }}"),
    ("leftover", HTML, "{{ greeting }}", "{{ greeting }} undefined"),
    ("leftover", TEXT, "{{ greeting }}", "{{ greeting }} nan"),
    ("spacing", TEXT, "We looked at", "We  looked at"),
    ("spacing", HTML, "We looked at", "We  looked at"),
    ("spacing", HTML, "Unsubscribe</a>,", "Unsubscribe</a> ,"),
    ("spacing", TEXT, "{{ greeting }}", "Hi {{ '' }},"),
    ("spacing", HTML, "{{ greeting }}", "Hi <b>{{ '' }}</b>,"),
    ("opt-out", HTML, "Unsubscribe</a>", "</a>"),
    ("opt-out-tracked", HTML, OPT_OUT, 'href="{{ unsubscribe_url }}"'),
    ("opt-out-tracked", HTML, OPT_OUT, 'href="{{ unsubscribe_url }}" clicktracking="off"'),
    ("opt-out-tracked", HTML, OPT_OUT, 'clicktracking="on" href="{{ unsubscribe_url }}"'),
    ("postal-address", TEXT, "{{ brand.postal_address }}\n", ""),
    ("postal-address", HTML, '{{ ", " ~ brand.postal_address if brand.postal_address }}', ""),
    ("advertisement", TEXT, "Advertisement", "A letter"),
    ("advertisement", HTML, "Advertisement", "A letter"),
    ("link-count", HTML, "{{ greeting }}", "".join(f'<a href="https://{c}.test/">x</a>' for c in "abc")),
    ("link-scheme", HTML, "{{ greeting }}", '{{ greeting }} <a href="http://a.test/">x</a>'),
    ("link-scheme", TEXT, "{{ greeting }}", "{{ greeting }} http://a.test/"),
    ("link-scheme", HTML, "{{ greeting }}", '{{ greeting }} <a href="">x</a>'),
    ("link-scheme", HTML, "{{ greeting }}", '{{ greeting }} <a href="javascript:x()">x</a>'),
    ("link-host", HTML, "{{ greeting }}", '{{ greeting }} <a href="https://a.test/">www.bank.test</a>'),
    ("link-host", HTML, "{{ greeting }}", '{{ greeting }} <a href="https://a.test/">bank.test/login</a>'),
    ("link-shortener", HTML, "{{ greeting }}", '{{ greeting }} <a href="https://bit.ly/x">x</a>'),
    ("link-shortener", TEXT, "{{ greeting }}", "{{ greeting }} https://tinyurl.com/x"),
    ("copy-salutation", TEXT, "{{ greeting }}", "Dear Homeowner,"),
    ("copy-salutation", HTML, "{{ greeting }}", "Dear friend,"),
    ("copy-salutation", HTML, "{{ greeting }}", "Hi {{ owner_name }},"),
    ("copy-shouting", TEXT, LETTER, LETTER + " SAY YES OR NO TO US, AS WE ASK ALL OF YOU, DAY BY DAY." * 2),
    ("copy-admission", HTML, "Advertisement", "This is an advertisement"),
    ("copy-admission", TEXT, "{{ greeting }}", "{{ greeting }} We found your house."),
    ("copy-urgency", TEXT, LETTER, LETTER + " Act now."),
    ("copy-urgency", HTML, LETTER, LETTER + " This is your last chance."),
    ("copy-shouting", HTML, LETTER, LETTER + " CALL US TODAY."),
    ("copy-exclamation", TEXT, LETTER, LETTER + " Thank you! Thank you!"),
    ("copy-questions", TEXT, LETTER, LETTER + " When?"),
    ("copy-hype", HTML, LETTER, LETTER + " We buy houses."),
    ("copy-fairness", HTML, LETTER, LETTER + " The neighborhood is changing."),
    ("copy-length", TEXT, LETTER, LETTER + " Words and more words." * 30),
    ("text-size", HTML, "font-size:13px", "font-size:11px"),
    ("dark-mode", HTML, '<meta name="color-scheme" content="light dark">', ""),
    ("facts", TEXT, "Investment score: {{ score }} of 100", ""),
    ("facts", HTML, "{{ reason.note }}", "A fact"),
]  # fmt: skip


def _mail(content=mails.FULL, renderer: Renderer | None = None) -> Mail:
    return Mail("a mail", content, (renderer or Renderer()).render(content))


def _rules(mail: Mail) -> set[str]:
    return {flaw.rule for flaw in gate.examine(mail)}


def _edited(folder: Path, name: str, old: str, new: str) -> Renderer:
    renderer = Renderer(folder)
    renderer.eject(folder)
    path = folder / name
    source = path.read_text(encoding="utf-8")
    assert old in source
    path.write_text(source.replace(old, new, 1), encoding="utf-8")
    return Renderer(folder)


def test_the_shipped_templates_break_no_rule():
    report = gate.check(Renderer())
    assert report.findings == []
    assert report.mails > 50
    assert 8_000 < report.largest < 20_000


@pytest.mark.parametrize(("rule", "name", "old", "new"), BROKEN, ids=[f"{n}-{row[0]}" for n, row in enumerate(BROKEN)])
def test_each_rule_can_be_broken(tmp_path: Path, rule: str, name: str, old: str, new: str):
    assert rule in _rules(_mail(renderer=_edited(tmp_path, name, old, new)))


def test_no_rule_is_left_untried():
    tried = {row[0] for row in BROKEN} | {row[0] for row in SUBJECTS}
    elsewhere = {"template", "company", "property", "memo-link", "link-foreign", "reason"}  # each has a test of its own
    assert tried | elsewhere == set(gate.RULES)


SUBJECTS = [
    ("subject-length", "Our memo"),
    ("subject-length", "Our memo on 114 Maple Street and on everything else that we know"),
    ("subject-reply", "Re: Our memo on 114 Maple Street"),
    ("subject-reply", "FWD: 114 Maple Street"),
    ("subject-reply", "AW: 114 Maple Street"),
    ("subject-urgency", "Last chance for 114 Maple Street"),
    ("subject-urgency", "114 Maple Street: respond within 24 hours"),
    ("subject-shouting", "OUR MEMO on 114 Maple Street"),
    ("subject-money", "$425,000 for 114 Maple Street"),
    ("subject-exclamation", "Our memo! On 114 Maple Street!"),
]


@pytest.mark.parametrize(("rule", "subject"), SUBJECTS)
def test_a_subject_is_true_calm_and_short(rule: str, subject: str):
    mail = _mail()
    assert rule in _rules(replace(mail, rendered=replace(mail.rendered, subject=subject)))


@pytest.mark.parametrize("line1", ["77 SOUTH MAIN STREET", "1 Deadline Road", "9 Final Notice Court", "5 Nan Place"])
def test_the_street_in_a_subject_is_no_fault_of_its_wording(line1: str):
    assert _rules(_mail(mails.with_address(line1, zip="45402"))) == set()


@pytest.mark.parametrize(
    "note", ["Act now! Last chance! WE BUY HOUSES", "None of it is undefined", "Dear Friend, {{ x }}"]
)
def test_what_records_say_is_no_fault_of_the_template(note: str):
    assert _rules(_mail(mails.with_reasons({"note": note, "weight": 1}))) == set()


def test_the_sender_the_property_and_the_memo_must_be_shown(tmp_path: Path):
    (tmp_path / TEXT).write_text("{{ greeting }}\n", encoding="utf-8")
    wanted = {"company", "property", "memo-link", "opt-out", "postal-address", "advertisement", "reason", "facts"}
    assert wanted < _rules(_mail(renderer=Renderer(tmp_path)))


def test_a_link_may_lead_to_the_senders_own_domain_and_below_it():
    rendered = _mail().rendered
    linked = replace(rendered, text=rendered.text + "https://www.realty.test/ and https://other.test/\n")
    told = [
        f.message
        for f in gate.examine(Mail("", mails.FULL, linked), frozenset({"realty.test"}))
        if f.rule == "link-foreign"
    ]
    assert told == ["'https://other.test/' is not on realty.test"]


def test_a_link_text_that_names_its_own_host_or_a_file_is_no_disguise(tmp_path: Path):
    shown = '<a href="https://www.a.test/x">a.test</a> <a href="{{ memo_url }}">memo.pdf</a> '
    renderer = _edited(tmp_path, HTML, "{{ greeting }}", "{{ greeting }} " + shown)
    assert "link-host" not in _rules(_mail(renderer=renderer))


def test_an_http_address_that_was_configured_is_no_fault():
    local = replace(mails.FULL, unsubscribe_url="http://127.0.0.1:8080/u/x", memo_url="http://127.0.0.1:8080/memo")
    assert _rules(_mail(local)) == set()


# -------------------------------------------------------------------------------------------------- where it is told


def test_a_finding_is_told_once_with_the_line_of_the_template_and_a_caret(tmp_path: Path):
    renderer = _edited(tmp_path, HTML, "padding:24px 8px;", "padding:24px 8px;position:absolute;")
    line = (tmp_path / HTML).read_text(encoding="utf-8").split("position:absolute")[0].count("\n") + 1
    report = gate.check(renderer)
    (finding,) = report.findings
    assert (finding.rule.id, finding.template, finding.line) == ("css-forbidden", str(tmp_path / HTML), line)
    assert finding.mails == report.mails
    source, caret = finding.excerpt.splitlines()
    assert source[caret.index("^") :].startswith("position:absolute")
    assert not report.ok


def test_two_places_are_two_findings(tmp_path: Path):
    renderer = _edited(tmp_path, HTML, BODY, "<!-- here -->")
    path = tmp_path / HTML
    path.write_text(
        path.read_text(encoding="utf-8").replace("!important; }", "!important;}").replace(" !important", "!important")
    )
    found = gate.check(renderer).findings
    assert len({finding.line for finding in found}) == len(found) > 10


def test_what_only_some_records_bring_to_light_is_told_with_how_many(tmp_path: Path):
    report = gate.check(_edited(tmp_path, TEXT, "{{ greeting }}", "Hello {{ owner_name }},"))
    (finding,) = [each for each in report.findings if each.rule.id == "spacing"]
    assert finding.line is not None
    assert 0 < finding.mails < report.mails
    assert "no name" in finding.mail


def test_an_error_that_only_some_records_raise_is_told_with_its_line(tmp_path: Path):
    report = gate.check(_edited(tmp_path, TEXT, "{{ greeting }}", "{{ greeting }}\n{{ 1 / (reasons | length - 2) }}"))
    (finding,) = report.findings
    assert (finding.rule.id, finding.template) == ("template", str(tmp_path / TEXT))
    assert "ZeroDivisionError" in finding.message
    assert "long notes" in finding.mail or "no notes" in finding.mail
    assert finding.excerpt.splitlines()[-1].strip() == "^"


def test_a_finding_in_an_included_file_is_told_there(tmp_path: Path):
    (tmp_path / "legal.txt").write_text("This is not spam.\n", encoding="utf-8")
    report = gate.check(_edited(tmp_path, TEXT, "Why you:", "{% include 'legal.txt' %}\nWhy you:"))
    (finding,) = [each for each in report.findings if each.rule.id == "copy-admission"]
    assert (finding.template, finding.line) == (str(tmp_path / "legal.txt"), 1)


def test_failures_come_before_warnings(tmp_path: Path):
    renderer = _edited(tmp_path, HTML, "font-size:13px", "font-size:11px")
    path = tmp_path / TEXT
    path.write_text(path.read_text(encoding="utf-8").replace("Advertisement", "A letter"), encoding="utf-8")
    assert [finding.rule.severity for finding in gate.check(renderer).findings] == ["fail", "warn"]


# ------------------------------------------------------------------------------------------------------- the samples


def test_every_value_meets_every_other_in_the_representatives():
    dimensions = (matrix.OWNERS, matrix.BUILDINGS, matrix.REASONS, matrix.ADDRESSES, matrix.SENDERS)
    names = [name for name, _ in matrix.representatives()]
    for first, second in ((a, b) for n, a in enumerate(dimensions) for b in dimensions[n + 1 :]):
        assert all(any(x in name and y in name for name in names) for x in first for y in second)
    assert len(set(names)) == len(names) < 100


def test_the_whole_matrix_holds_every_combination():
    assert sum(1 for _ in matrix.every_mail()) == 9 * 4 * 6 * 6 * 6


@pytest.mark.parametrize(
    "evil",
    [
        "<" * 40_000,
        "<p style='" + "a:(" * 20_000,
        "</p>" * 20_000,
        "<style>" + "{" * 40_000,
        "AB, " * 20_000,
    ],
    ids=lambda evil: evil[:8],
)
def test_a_page_of_nonsense_takes_no_longer_than_a_letter_of_its_size(evil: str):
    rendered = replace(_mail().rendered, html=evil, text=evil)
    started = time.process_time()
    assert _rules(Mail("", mails.FULL, rendered))
    assert time.process_time() - started < 5
