"""What a mail says, in both parts, whatever is known and whatever is missing."""

from __future__ import annotations

import html
import re
from dataclasses import replace
from html.parser import HTMLParser

import mails
import pytest

from orchestrator import errors
from orchestrator.rendering import Branding, MailContent, Renderer, subject_line

ARTEFACTS = re.compile(r"None|nan\b|undefined|\{\{|\{%|\(\)|, ,|,,| ,| \.(?:\s|$)|\.\.|,\.", re.MULTILINE)


class Page(HTMLParser):
    """Visible text, links, images and tables of a page; knows which elements were left open."""

    void = frozenset({"meta", "br", "img"})

    def __init__(self, source: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.pieces: list[str] = []
        self.attributes: dict[str, list[dict[str, str | None]]] = {}
        self.feed(source)
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.attributes.setdefault(tag, []).append(dict(attrs))
        if tag not in self.void:
            self.open.append(tag)
        if tag in ("p", "td", "br", "tr"):
            self.pieces.append(" ")

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if "style" not in self.open and "title" not in self.open:
            self.pieces.append(data)

    @property
    def text(self) -> str:
        return " ".join("".join(self.pieces).split())


def _words(text: str) -> set[str]:
    return set(re.findall(r"[a-z0-9$%&'.-]+", text.lower().replace("−", "-")))


def test_both_parts_hold_the_same_facts(renderer: Renderer) -> None:
    mail = renderer.render(mails.FULL)
    shown = Page(mail.html).text
    for part in (shown, mail.text):
        for fact in (
            "Hello Jane,",
            "114 Maple Street",
            "Unit 2",
            "Dayton, OH 45402",
            "3 beds, 2 baths",
            "1,480 sq ft, built in 1954",
            "82 of 100",
            "Rents nearby rose 4% in the year to October",
            "New roof in 2021, by the city permit",
            "No plumbing permit on record since 1987",
            "R. Sample",
            "Sample Realty",
            "We buy and look after small houses in Dayton",
            "Advertisement from Sample Realty",
            "200 Sample Avenue, Suite 4, Dayton, OH 45402",
            "our own estimate, not an appraisal",
            "SAMPLE, JANE A as the owner",
            "Unsubscribe, and we will not write to you again",
        ):
            assert fact in part, fact


def test_the_parts_share_their_words_and_links(renderer: Renderer) -> None:
    for content in (mails.FULL, mails.BARE):
        mail = renderer.render(content)
        page = Page(mail.html)
        in_html, in_text = _words(page.text), _words(re.sub(r"(https?|mailto):\S+", "", mail.text))
        assert len(in_html & in_text) / len(in_html) >= 0.8
        assert len(in_html & in_text) / len(in_text) >= 0.8
        links = [link["href"] for link in page.attributes["a"]]
        assert links == [content.memo_url, content.unsubscribe_url]
        assert all(f"\n{link}\n" in mail.text for link in links)


def test_every_combination_of_missing_parts_reads_well(renderer: Renderer) -> None:
    for name, content in mails.every_combination():
        mail = renderer.render(content)
        shown = Page(mail.html).text
        for part in (shown, mail.text):
            assert not ARTEFACTS.search(re.sub(r"https?://\S+", "", part)), name
            assert "82 of 100" in part, name
        assert "\n\n\n" not in mail.text, name
        assert not re.search(r"<(p|h1|h2|span|td)[^>]*>\s*</\1>", mail.html), name
        assert max(len(line) for line in mail.text.splitlines()) <= 78, name


@pytest.mark.parametrize(
    ("attrs", "lines"),
    [
        ({"beds": 3, "baths": 2.5, "sqft": 1480, "year_built": 1954}, "3 beds, 2.5 baths|1,480 sq ft, built in 1954"),
        ({"beds": 1, "baths": 1}, "1 bed, 1 bath"),
        ({"beds": 0, "baths": 1.0}, "1 bath"),
        ({"beds": None, "baths": "", "sqft": "1,480", "year_built": "1954"}, "1,480 sq ft, built in 1954"),
        ({"year_built": 1954}, "Built in 1954"),
        ({"beds": "3", "sqft": 0, "year_built": 0}, "3 beds"),
        ({"beds": -1, "baths": "many", "sqft": float("nan"), "year_built": 99999}, ""),
        ({}, ""),
    ],
)
def test_only_what_is_known_of_the_building_is_said(renderer: Renderer, attrs: dict, lines: str) -> None:
    text = renderer.render(mails.with_attrs(**attrs)).text
    card = text.split("Dayton, OH 45402\n")[1].split("Investment score")[0]
    assert card == "".join(f"{line}\n" for line in lines.split("|") if line)


def test_the_heaviest_three_reasons_stand_in_one_list_by_weight(renderer: Renderer) -> None:
    content = mails.with_reasons(
        {"note": "light", "weight": 0.1, "direction": "positive"},
        {"note": "heavy", "weight": -0.9, "direction": "negative"},
        {"note": "unweighted", "direction": "positive"},
        {"note": "middle", "weight": 0.5},
        {"note": "second", "weight": 0.6, "direction": "negative"},
    )
    mail = renderer.render(content)
    assert "  - Against  heavy\n  - Against  second\n  + For      middle\n\n" in mail.text
    assert re.findall(r"(. (?:For|Against)) (heavy|second|middle)", Page(mail.html).text.replace("\xa0", " ")) == [
        ("− Against", "heavy"),
        ("− Against", "second"),
        ("+ For", "middle"),
    ]
    assert "light" not in mail.text


def test_a_reason_without_a_note_is_named_and_an_empty_one_is_left_out(renderer: Renderer) -> None:
    mail = renderer.render(mails.with_reasons({"feature": "school_rating", "weight": 1}, {"weight": 5}, "junk", None))
    assert "  + For      School rating\n" in mail.text
    assert mail.text.count("+ For") == 1


def test_no_reasons_leave_no_heading(renderer: Renderer) -> None:
    mail = renderer.render(mails.with_reasons())
    assert "What moved" not in mail.text + mail.html


@pytest.mark.parametrize(("score", "said"), [(0, "0"), (100, "100"), (82.0, "82"), (87.5, "87.5"), (66.666, "66.7")])
def test_the_score_is_said_as_it_is(renderer: Renderer, score: float, said: str) -> None:
    mail = renderer.render(mails.with_reasons(score=score))
    assert f"Investment score: {said} of 100\n" in mail.text
    assert f"{said} of 100 Investment score" in Page(mail.html).text


def test_the_bar_is_as_long_as_the_score(renderer: Renderer) -> None:
    def widths(score: float) -> list[str]:
        page = renderer.render(mails.with_reasons(score=score)).html
        return re.findall(r'class="(?:fill|rest)" width="(\d+)"', page)

    assert widths(0) == ["110"]
    assert widths(50) == ["55", "55"]
    assert widths(100) == ["110"]


@pytest.mark.parametrize(
    ("branding", "said"),
    [
        (Branding(company_name="Acme", postal_address="1 A St."), "Advertisement from Acme, 1 A St. The score"),
        (
            Branding(from_name="Ann", postal_address="1 A St\nDayton"),
            "Advertisement from Ann, 1 A St, Dayton. The score",
        ),
        (Branding(company_name="Acme"), "Advertisement from Acme. The score"),
        (Branding(postal_address="1 A St"), "Advertisement, 1 A St. The score"),
        (Branding(), "Advertisement. The score"),
    ],
)
def test_the_mail_says_that_it_is_an_advertisement_and_whose(renderer: Renderer, branding: Branding, said: str) -> None:
    assert said in Page(renderer.render(replace(mails.FULL, branding=branding)).html).text


def test_company_and_sender_stand_in_for_each_other(renderer: Renderer) -> None:
    only_company = renderer.render(replace(mails.FULL, branding=Branding(company_name="Acme"))).text
    only_sender = renderer.render(replace(mails.FULL, branding=Branding(from_name="Ann"))).text
    assert "\nAcme\n\n-- \n" in only_company
    assert "\nAnn\n\n-- \n" in only_sender


def test_the_memo_button_says_pdf_only_for_a_pdf(renderer: Renderer) -> None:
    signed = "https://store.sample.test/memo.PDF?X-Amz-Signature=abc&X-Amz-Expires=600"
    assert "Read the memo (PDF):\n" + signed in renderer.render(replace(mails.FULL, memo_url=signed)).text
    assert "(PDF)" not in renderer.render(mails.BARE).text


def test_an_opt_out_by_mail_is_offered_in_both_parts(renderer: Renderer) -> None:
    mail = renderer.render(mails.BARE)
    assert "mailto:stop@sample.test?subject=unsubscribe" in mail.text
    assert 'clicktracking="off" href="mailto:stop@sample.test?subject=unsubscribe"' in mail.html


def test_the_html_is_built_for_mail_programs(renderer: Renderer) -> None:
    mail = renderer.render(mails.LONG)
    page = Page(mail.html)
    assert len(mail.html.encode()) < 20_000
    assert page.attributes["html"] == [{"lang": "en", "dir": "ltr"}]
    assert all(table["role"] == "presentation" for table in page.attributes["table"])
    assert all(image["alt"] and image["width"] and image["height"] for image in page.attributes["img"])
    assert page.attributes.keys().isdisjoint({"script", "form", "iframe", "link", "video", "object"})
    assert re.search(r"<title>[^<]+</title>", mail.html)
    assert not re.search(r"[^ ]!important|var\(|;position:|display:\s*(?:grid|flex)|url\(", mail.html)


def test_the_preheader_is_a_sentence_of_its_own(renderer: Renderer) -> None:
    for content in (mails.FULL, mails.BARE, mails.LONG):
        mail = renderer.render(content)
        preheader = html.unescape(mail.html.split('mso-hide:all;">')[1].split("</div>")[0])
        assert 40 <= len(preheader) <= 110
        assert preheader != mail.subject


def test_the_subject_names_the_street_in_at_most_sixty_characters() -> None:
    assert subject_line("114 Maple Street") == "Our memo on 114 Maple Street"
    assert subject_line("Building 7, 1204 Northwestern Boulevard, Unit B") == (
        "Our memo on Building 7, 1204 Northwestern Boulevard, Unit B"
    )
    assert subject_line("Building 7, 1204 Northwestern Boulevard, Unit 12B") == (
        "About Building 7, 1204 Northwestern Boulevard, Unit 12B"
    )
    assert len(subject_line("word " * 2000)) < 210


@pytest.mark.parametrize(
    ("content", "missing"),
    [
        (mails.with_address(""), "property_record.address.line1"),
        (replace(mails.FULL, property_record={}), "property_record.address.line1"),
        (mails.with_reasons(score=None), "score_result.score"),
        (replace(mails.FULL, score_result={}), "score_result.score"),
    ],
)
def test_no_mail_is_written_without_street_or_score(renderer: Renderer, content: MailContent, missing: str) -> None:
    with pytest.raises(errors.TemplateError, match=missing):
        renderer.render(content)


@pytest.mark.parametrize("parts", [{}, {"city": "Dayton"}, {"zip": "45402"}, {"state": "OH"}, {"line2": "Unit 2"}])
def test_an_address_with_missing_parts_leaves_no_stray_commas(renderer: Renderer, parts: dict) -> None:
    mail = renderer.render(mails.with_address("9 Lot Road", **parts))
    said = ", ".join(["9 Lot Road", *parts.values()])
    for part in (Page(mail.html).text, mail.text):
        assert f"as the owner of {said}." in " ".join(part.split())


def test_a_logo_without_a_company_name_still_has_words(renderer: Renderer) -> None:
    branding = Branding(logo_url="https://brand.sample.test/logo.png")
    mail = renderer.render(replace(mails.FULL, branding=branding))
    assert 'alt="Company logo"' in mail.html


def test_the_page_begins_with_its_doctype(renderer: Renderer) -> None:
    mail = renderer.render(mails.FULL)
    assert mail.html.startswith("<!DOCTYPE html>\n")
    assert mail.text.startswith("Hello Jane,\n")


def test_the_copy_is_short_calm_and_asks_one_question(renderer: Renderer) -> None:
    letter = renderer.render(mails.FULL).text.split("\n-- \n")[0]
    prose = re.sub(r"https?://\S+", "", letter)
    assert 50 <= len(prose.split()) <= 150
    assert prose.count("?") == 1
    assert "!" not in prose
    assert not re.search(r"\b(?:urgent|now|today|free|guarantee\w*|act|final|limited|offer|dear|friend)\b", prose, re.I)
    assert not re.search(r"\b(?:county|permit office|public records?)\b", renderer.render(mails.BARE).text, re.I)
