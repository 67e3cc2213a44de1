"""The evidence table of docs/templates.md, made from a run: ``./dev mails``, and ``./dev mails --write`` to keep it.

Makes mails with the shipped templates and lets everything judge them that this machine has.
"""

from __future__ import annotations

import argparse
import re
import shutil
import sys
from dataclasses import dataclass, field
from pathlib import Path

from playwright.sync_api import sync_playwright

from orchestrator.rendering import MailContent, RenderedMail, Renderer, gate
from orchestrator.rendering.gate import matrix
from tests.conftest import BROWSERS
from tests.rendering import judges, looks

PAGE = judges.ROOT / "docs" / "templates.md"
BEGIN, END = "<!-- made by ./dev mails --write -->\n", "<!-- end -->"
NOT_PROVEN = "not proven"
HEAD = ("Mail", "HTML", "Words", "SpamAssassin", "axe light", "axe dark", "Overflow", "Nu")

#: The mails that stand in the table, each for something.
SHOWN: dict[str, MailContent] = {
    "everything known": matrix.combined("person", "all known", "three reasons", "whole address", "whole sender"),
    "least known": matrix.combined("no name", "nothing known", "no reasons", "street only", "company only"),
    "longest": matrix.combined("long name", "huge", "long notes", "long street", "long sender"),
    "logo, couple": matrix.combined("couple", "all known", "three reasons", "whole address", "logo"),
    "company, no ZIP": matrix.combined("company", "odd", "twelve reasons", "no ZIP", "sender only"),
    "accents": matrix.combined("accents", "all known", "one reason", "accents", "whole sender"),
    "right to left": matrix.combined("right to left", "all known", "no notes", "capitals", "whole sender"),
    "opt-out by mail": matrix.combined("markup", "all known", "three reasons", "whole address", "no web address"),
}


@dataclass
class Judged:
    """What is known of one mail; None is not proven."""

    mail: RenderedMail
    spam: judges.SpamReport | None = None
    axe: dict[str, list] | None = None
    overflow: list[str] | None = None
    html_errors: list[str] | None = None
    wrong: list[str] = field(default_factory=list)


def own_columns(mail: RenderedMail, content: MailContent) -> tuple[str, str]:
    """Return the columns that need nothing but Python: size of the HTML part, and words of both parts."""
    shown = gate.Mail("", content, mail).shown
    html, text = (len(shown[part].split()) for part in (gate.Part.HTML, gate.Part.TEXT))
    return f"{len(mail.html.encode()) / 1000:.1f} kB", f"{html} / {text}"


def rows(judged: dict[str, Judged]) -> list[tuple[str, ...]]:
    return [(name, *own_columns(each.mail, SHOWN[name]), *_proven(each)) for name, each in judged.items()]


def _proven(each: Judged) -> tuple[str, ...]:
    spam = NOT_PROVEN
    if each.spam:
        rules = ", ".join(f"{rule} {points:g}" for rule, points in each.spam.counted.items())
        spam = f"{each.spam.score + 0.0:.1f}" + (f" ({rules})" if rules else "")
    axe = [NOT_PROVEN] * 2 if each.axe is None else [str(len(each.axe[scheme])) for scheme in looks.SCHEMES]
    overflow = NOT_PROVEN if each.overflow is None else str(len(each.overflow) or "none")
    nu = NOT_PROVEN if each.html_errors is None else str(len(each.html_errors))
    return (spam, *axe, overflow, nu)


def table(found: list[tuple[str, ...]]) -> str:
    lines = [HEAD, ("---",) * len(HEAD), *found]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def judge() -> tuple[dict[str, Judged], list[str], str]:
    """Return the mails of the table, everything that is wrong with these and all others, and who judged."""
    renderer, wrong, by = Renderer(), [], []
    judged = {name: Judged(renderer.render(content)) for name, content in SHOWN.items()}
    report = gate.check(renderer, full=True)
    wrong += [str(finding) for finding in report.findings]
    by.append(f"the gate ({report.mails:,} mails, {len(report.findings)} findings)")
    wrong += _judge_in_browser(judged, renderer, by) + _judge_by_spamassassin(judged, by) + _judge_html(judged, by)
    return judged, wrong, "; ".join(by)


def _judge_in_browser(judged: dict[str, Judged], renderer: Renderer, by: list[str]) -> list[str]:
    path = next((found for name in BROWSERS if (found := shutil.which(name))), None)
    if path is None:
        return []
    wrong, others = [], {name: Judged(renderer.render(content)) for name, content in matrix.representatives()}
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=list(looks.CHROMIUM_ARGS))
        viewer = looks.Viewer(browser)
        for name, each in {**judged, **others}.items():
            viewer.show(each.mail.html)
            each.overflow = viewer.overflow()
            each.axe = {
                scheme: [f for width in (375, 600) for f in viewer.axe(scheme, width)] for scheme in looks.SCHEMES
            }
            wrong += [f"{name}: {told}" for told in each.overflow]
            wrong += [f"{name}: axe {told}" for told in (*each.axe["light"], *each.axe["dark"])]
        by.append(f"Chromium {browser.version.split('.')[0]} and axe-core 4.14.1 ({len(judged) + len(others)} mails)")
        browser.close()
    return wrong


def _judge_by_spamassassin(judged: dict[str, Judged], by: list[str]) -> list[str]:
    if judges.spamassassin() is None:
        return []
    opt_out = "https://go.sample.test/u/SAMPLE"
    reports = judges.spam_reports([each.mail for each in judged.values()], opt_out)
    for each, report in zip(judged.values(), reports, strict=True):
        each.spam = report
    by.append(f"SpamAssassin {judges.spamassassin_version()}, offline")
    return [f"{name}: {each.spam}" for name, each in judged.items() if each.spam and too_spammy(each.mail, each.spam)]


def too_spammy(mail: RenderedMail, report: judges.SpamReport) -> bool:
    """A mail of text may score 1.0; one with an image 3.0, but only for the image."""
    if "<img" not in mail.html:
        return report.score > 1.0
    others = [points for rule, points in report.points.items() if not rule.startswith("HTML_IMAGE_ONLY")]
    return report.score > 3.0 or max(others, default=0) >= 1.0


def _judge_html(judged: dict[str, Judged], by: list[str]) -> list[str]:
    jar = judges.fetch_nu_checker()
    if jar is None:
        return []
    found = judges.html_errors(jar, {name: each.mail.html for name, each in judged.items()})
    for name, each in judged.items():
        each.html_errors = found[name]
    by.append(f"Nu Html Checker {judges.NU_VERSION}")
    return [f"{name}: {told}" for name, errors in found.items() for told in errors]


def written(page: Path = PAGE) -> list[list[str]]:
    """Return the rows that stand in the page."""
    section = page.read_text("utf-8").split(BEGIN)[1].split(END)[0]
    lines = [line for line in section.splitlines() if line.startswith("| ")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines][2:]


def main() -> int:
    arguments = argparse.ArgumentParser(prog="./dev mails", description=__doc__.partition("\n")[0] if __doc__ else None)
    arguments.add_argument("--write", action="store_true", help="put the table into docs/templates.md")
    write = arguments.parse_args().write
    judged, wrong, by = judge()
    made = f"{BEGIN}\n{table(rows(judged))}\nJudged by {by}.\n\n{END}"
    sys.stdout.write(made + "\n")
    for told in wrong:
        sys.stderr.write(f"{told}\n")
    if write:
        source = PAGE.read_text("utf-8")
        PAGE.write_text(re.sub(f"{BEGIN}.*?{END}", lambda _: made, source, flags=re.DOTALL), "utf-8")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
