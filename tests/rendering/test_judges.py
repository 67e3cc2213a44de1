"""SpamAssassin and the Nu Html Checker, where they are installed; where not, the run says that it proved nothing."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from orchestrator.rendering import Renderer
from tests.rendering import evidence, judges

OPT_OUT = "https://go.sample.test/u/SAMPLE"


@pytest.fixture
def spamassassin() -> str:
    return judges.spamassassin() or pytest.skip("not proven: what SpamAssassin thinks of a mail: not installed")


@pytest.fixture
def nu_checker() -> Path:
    return judges.nu_checker() or pytest.skip(
        "not proven: that the HTML is valid: no Nu Html Checker; ./dev mails gets it"
    )


def test_spamassassin_has_nothing_against_the_mails_and_something_against_spam(spamassassin: str, renderer: Renderer):
    mails = [renderer.render(content) for content in evidence.SHOWN.values()]
    spam = replace(mails[0], subject="$900 for YOU", text=mails[0].text.replace("Hello Jane,", "Dear Friend,"))
    spam = replace(spam, html=spam.html.replace("Hello Jane,", "Dear Friend,"))
    *reports, worse = judges.spam_reports([*mails, spam], OPT_OUT)
    told = {
        name: report
        for name, mail, report in zip(evidence.SHOWN, mails, reports, strict=True)
        if evidence.too_spammy(mail, report)
    }
    assert told == {}
    assert "DEAR_FRIEND" in worse.points
    assert evidence.too_spammy(spam, worse)


def test_the_html_is_valid_and_what_is_not_is_seen(nu_checker: Path, renderer: Renderer):
    pages = {name: renderer.render(content).html for name, content in evidence.SHOWN.items()}
    pages["broken"] = pages["everything known"].replace("</h1>", "").replace(' lang="en"', ' lang="nonsense!"')
    errors = judges.html_errors(nu_checker, pages)
    assert errors.pop("broken")
    assert errors == {name: [] for name in evidence.SHOWN}
