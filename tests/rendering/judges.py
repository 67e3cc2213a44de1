"""Programs that judge a mail and that not every machine has: SpamAssassin and the Nu Html Checker."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from datetime import UTC, datetime
from email.message import EmailMessage
from email.utils import format_datetime
from pathlib import Path

from orchestrator.rendering import RenderedMail

ROOT = Path(__file__).parents[2]
NU_VERSION = "26.9.27"
NU_INTEGRITY = "TkQd5DFfOaWC9ebtvozTsrH2Vaod3jYg+vrOeREzIXxBexLz9+rS2DNtjn7+RPUiZhgli0SghgBX6RJRNea0KA=="
NU_JAR = ROOT / ".dev" / "nu" / NU_VERSION / "vnu.jar"
#: What only mail needs, and HTML's authors do not want: Outlook's properties, layout by attributes, SendGrid's mark.
_MEANT = r".*(mso-|is obsolete|“clicktracking” not allowed).*"
_STATUS = re.compile(r"^X-Spam-Status: (?:Yes|No), score=(-?[\d.]+) .*?tests=(.*?)(?: autolearn| version)", re.S | re.M)
_NUMBER = re.compile(r"^Message-ID: <[0-9a-f]{8}-0000-7000-8000-(\d{12})@", re.MULTILINE)
_POINTS = re.compile(r"^ *(-?\d+\.\d) ([A-Z][A-Z0-9_]+) ", re.MULTILINE)


@dataclass(frozen=True)
class SpamReport:
    """SpamAssassin's score, and its points by rule."""

    score: float
    points: dict[str, float]

    @property
    def counted(self) -> dict[str, float]:
        """The rules that cost or gain something."""
        return {rule: points for rule, points in self.points.items() if points}


def spamassassin() -> str | None:
    """Return the path of SpamAssassin, None where it is not installed."""
    return shutil.which("spamassassin")


def spamassassin_version() -> str:
    told = subprocess.run(["spamassassin", "--version"], capture_output=True, text=True, check=True, timeout=60)
    return told.stdout.split()[2]


def spam_reports(mails: list[RenderedMail], opt_out: str) -> list[SpamReport]:
    """Judge mails by SpamAssassin's rules alone, without a network (``-L``)."""
    box = b"".join(_in_box(mail, opt_out, number) for number, mail in enumerate(mails))
    with tempfile.TemporaryDirectory() as home:
        done = subprocess.run(
            ["spamassassin", "-t", "-L", "--mbox"],
            input=box,
            capture_output=True,
            check=True,
            timeout=110,
            env={**os.environ, "HOME": home},
        )
    answers = done.stdout.decode("utf-8", "replace").split("\nX-Spam-Checker-Version: ")[1:]
    # They come in an order of SpamAssassin's own.
    reports = {int(match[1]): _report(answer) for answer in answers if (match := _NUMBER.search(answer))}
    return [reports[number] for number in range(len(mails))]


def _report(text: str) -> SpamReport:
    status = _STATUS.search(text)
    assert status, text[:500]
    analysis = text.split("Content analysis details:")[-1]
    return SpamReport(float(status[1]), {rule: float(points) for points, rule in _POINTS.findall(analysis)})


def _in_box(mail: RenderedMail, opt_out: str, number: int) -> bytes:
    message = EmailMessage()
    message["From"] = "R. Sample <ann@realty.example>"
    message["To"] = "jane.sample@owner.example"
    message["Subject"] = mail.subject
    message["Date"] = format_datetime(datetime(2026, 1, 5, 15, 0, tzinfo=UTC))
    message["Message-ID"] = f"<0190f3a0-0000-7000-8000-{number:012}@realty.example>"
    message["List-Unsubscribe"] = f"<{opt_out}>"
    message["List-Unsubscribe-Post"] = "List-Unsubscribe=One-Click"
    message.set_content(mail.text)
    message.add_alternative(mail.html, subtype="html")
    lines = message.as_bytes().replace(b"\nFrom ", b"\n>From ")
    return b"From ann@realty.example Mon Jan  5 15:00:00 2026\n" + lines + b"\n"


def nu_checker() -> Path | None:
    """Return the jar of the Nu Html Checker where it was fetched before and Java can run it."""
    return NU_JAR if NU_JAR.is_file() and shutil.which("java") else None


def fetch_nu_checker() -> Path | None:
    """Fetch the jar by npm, at a pinned version and checksum; None where npm or Java is missing, or npm fails."""
    if (found := nu_checker()) or not (shutil.which("npm") and shutil.which("java")):
        return found
    with tempfile.TemporaryDirectory() as folder:
        packed = subprocess.run(
            ["npm", "pack", "--json", f"vnu-jar@{NU_VERSION}"], cwd=folder, capture_output=True, text=True, check=False
        )
        if packed.returncode:
            return None
        told = json.loads(packed.stdout)[0]
        assert told["integrity"] == f"sha512-{NU_INTEGRITY}", "npm has another vnu-jar than ours"
        shutil.unpack_archive(Path(folder, told["filename"]), folder, "gztar", filter="data")
        NU_JAR.parent.mkdir(parents=True, exist_ok=True)
        shutil.move(Path(folder, "package", "build", "dist", "vnu.jar"), NU_JAR)
    return nu_checker()


def html_errors(jar: Path, pages: dict[str, str]) -> dict[str, list[str]]:
    """Return what the Nu Html Checker calls an error in each of `pages`, by name."""
    found: dict[str, list[str]] = {name: [] for name in pages}
    with tempfile.TemporaryDirectory() as folder:
        names = {f"{number}.html": name for number, name in enumerate(pages)}
        for file, name in names.items():
            Path(folder, file).write_text(pages[name], encoding="utf-8")
        done = subprocess.run(
            ["java", "-jar", str(jar), "--errors-only", "--format", "json", "--filterpattern", _MEANT, *names],
            cwd=folder,
            capture_output=True,
            text=True,
            check=False,
            timeout=110,
        )
    for message in json.loads(done.stderr)["messages"]:
        name = names[message["url"].rpartition("/")[2]]
        found[name].append(f"line {message.get('lastLine')}: {message['message']}")
    return found
