"""Templates that somebody typed are tried out where they can do nothing but write a mail."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from orchestrator.rendering import HTML, TEXT, shipped_dir, trial
from orchestrator.rendering.samples import FULL


def sources(**changed: str) -> dict[str, str]:
    """The shipped templates, with one of them replaced: ``html=`` or ``text=``."""
    shipped = {name: (shipped_dir() / name).read_text("utf-8") for name in (HTML, TEXT)}
    return shipped | {{"html": HTML, "text": TEXT}[name]: source for name, source in changed.items()}


def test_what_is_typed_is_checked_and_shown():
    plain = sources()
    done = trial.attempt({**plain, HTML: plain[HTML].replace("{{ greeting }}", "Good day!", 1)}, FULL)
    assert done.problem is None
    assert done.mail is not None
    assert "Good day!" in done.mail.html
    assert done.mails > 50
    assert done.findings == [] or {finding["severity"] for finding in done.findings} <= {"fail", "warn"}


def test_a_syntax_error_is_told_with_its_line_and_a_caret():
    done = trial.attempt(sources(html="<p>fine</p>\n{% if greeting %}\n<p>{{ greeting </p>\n{% endif %}"), FULL)
    assert done.mail is None
    assert done.problem is not None
    assert done.problem.startswith(f"{HTML}:3: ")
    (finding,) = done.findings
    assert finding["line"] == 3
    assert finding["excerpt"].splitlines()[1].strip() == "^"


def test_an_unknown_variable_is_named_with_the_one_that_was_meant():
    (finding,) = trial.attempt(sources(text="{{ greting }}"), FULL).findings
    assert "did you mean 'greeting'" in finding["message"]
    assert Path(finding["template"]).name == TEXT


@pytest.mark.parametrize(
    "evil",
    [
        "{{ ''.__class__.__mro__[1].__subclasses__() }}",
        "{{ brand.__class__.__init__.__globals__ }}",
        "{{ cycler.__init__.__globals__.os.environ }}",
        "{{ self.__init__.__globals__ }}",
        "{{ reasons.clear() }}",
        "{% include '/etc/passwd' %}",
        "{% include '../../settings.py' %}",
        "{{ '%s'|attr('format') }}{{ (''|attr('__class__')).mro() }}",
        "{{ 'a' * 20000000000 }}",
        "{% for i in range(99999999999) %}x{% endfor %}",
    ],
)
def test_code_is_not_run(evil: str):
    done = trial.attempt(sources(text=evil), FULL)
    assert done.mail is None
    assert done.problem


def test_a_template_without_an_end_is_stopped():
    loop = "{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}"
    done = trial.attempt(sources(text=loop), FULL, seconds=2)
    assert done.mail is None
    assert "within 2 seconds" in (done.problem or "")


def test_few_wait_for_their_turn():
    loop = "{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}"
    with ThreadPoolExecutor(6) as threads:
        tried = list(threads.map(lambda _: trial.attempt(sources(text=loop), FULL, seconds=0.4), range(6)))
    assert [done.mail for done in tried] == [None] * 6
    assert sum("Other templates" in (done.problem or "") for done in tried) >= 3


def test_nothing_of_our_environment_reaches_the_trial(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("SENDGRID_API_KEY", "SG.secret")
    done = trial.attempt(sources(text="{{ brand.company }}"), FULL)
    assert done.mail is not None
    assert "SG.secret" not in done.mail.text


def test_a_folder_of_own_templates_stands_behind_what_is_typed(tmp_path: Path):
    (tmp_path / "foot.txt").write_text("our own foot", "utf-8")
    done = trial.attempt({TEXT: "{% include 'foot.txt' %}"}, FULL, template_dir=tmp_path)
    assert done.mail is not None
    assert done.mail.text.strip() == "our own foot"
    assert [path.name for path in tmp_path.iterdir()] == ["foot.txt"]
