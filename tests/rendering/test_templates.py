"""Templates of one's own: replaced file by file, and wrong ones stopped with file, line and variable."""

from __future__ import annotations

import re
import threading
from dataclasses import replace
from pathlib import Path

import mails
import pytest

from orchestrator import errors
from orchestrator.rendering import HTML, TEXT, Branding, Renderer
from orchestrator.rendering.content import ReasonLine, variables
from orchestrator.rendering.palette import Palette


def _edited(folder: Path, name: str, old: str, new: str) -> Renderer:
    renderer = Renderer(folder)
    renderer.eject(folder)
    path = folder / name
    source = path.read_text(encoding="utf-8")
    assert old in source
    path.write_text(source.replace(old, new, 1), encoding="utf-8")
    return renderer


def test_the_shipped_templates_have_no_problem(renderer: Renderer) -> None:
    assert renderer.check() == []


def test_ejected_templates_give_the_same_mail(tmp_path: Path, renderer: Renderer) -> None:
    paths = renderer.eject(tmp_path / "mine")
    assert [path.name for path in paths] == [HTML, TEXT]
    assert Renderer(tmp_path / "mine").render(mails.FULL) == renderer.render(mails.FULL)


@pytest.mark.parametrize("name", [HTML, TEXT])
def test_the_list_at_the_head_of_a_template_names_every_variable(tmp_path: Path, renderer: Renderer, name: str) -> None:
    renderer.eject(tmp_path)
    head = (tmp_path / name).read_text(encoding="utf-8").split("#}")[0]
    names = set(re.findall(r"[a-z_0-9]+", head))
    offered = variables(mails.FULL)
    assert set(offered) <= names
    for key in ("address", "bar", "brand"):
        assert set(offered[key]) <= names
    assert set(ReasonLine.__slots__) | set(Palette.__slots__) <= names


def test_eject_replaces_nothing_unless_forced(tmp_path: Path, renderer: Renderer) -> None:
    (tmp_path / TEXT).write_text("mine", encoding="utf-8")
    with pytest.raises(errors.ConfigurationError, match="Nothing was copied"):
        renderer.eject(tmp_path)
    assert not (tmp_path / HTML).exists()
    assert (tmp_path / TEXT).read_text(encoding="utf-8") == "mine"
    renderer.eject(tmp_path, force=True)
    assert "{{ greeting }}" in (tmp_path / TEXT).read_text(encoding="utf-8")


def test_one_file_can_be_replaced_and_the_other_stays(tmp_path: Path, renderer: Renderer) -> None:
    (tmp_path / TEXT).write_text("{{ greeting }} {{ memo_url }}", encoding="utf-8")
    mail = Renderer(tmp_path).render(mails.FULL)
    assert mail.text == f"Hello Jane, {mails.FULL.memo_url}\n"
    assert mail.html == renderer.render(mails.FULL).html


def test_an_unknown_variable_stops_the_mail_with_file_line_and_name(tmp_path: Path) -> None:
    renderer = _edited(tmp_path, HTML, "<!-- footer -->", "{{ agent_phone }}")
    line = (tmp_path / HTML).read_text(encoding="utf-8").split("{{ agent_phone }}")[0].count("\n") + 1
    with pytest.raises(errors.TemplateError, match="agent_phone") as caught:
        renderer.render(mails.FULL)
    assert caught.value.template == str(tmp_path / HTML)
    assert caught.value.line == line
    assert f"{HTML}:{line}" in str(caught.value)


def test_a_field_a_record_lacks_stops_that_mail_and_no_other(tmp_path: Path) -> None:
    (tmp_path / TEXT).write_text("HOA fee: {{ property_record.attrs.hoa_fee }}", encoding="utf-8")
    renderer = Renderer(tmp_path)
    with pytest.raises(errors.TemplateError, match="hoa_fee"):
        renderer.render(mails.FULL)
    assert renderer.render(mails.with_attrs(hoa_fee=120)).text == "HOA fee: 120\n"


def test_a_field_named_like_a_dict_method_is_the_field(tmp_path: Path) -> None:
    (tmp_path / TEXT).write_text("{{ property_record.attrs.items }}", encoding="utf-8")
    assert Renderer(tmp_path).render(mails.with_attrs(items=7)).text == "7\n"


@pytest.mark.parametrize(
    ("source", "line", "said"),
    [
        ("a\n{{ greeting }", 2, "unexpected '}'"),
        ("a\nb\n{% if x %}", 3, "end"),
        ("{% nonsense %}", 1, "nonsense"),
        ("\n{{ greeting | shout }}", 2, "shout"),
        ("\n\n{{ score / 0 }}", 3, "TypeError"),
        ("{% include 'missing.txt' %}", 1, "missing.txt"),
    ],
)
def test_a_broken_template_is_named_with_its_line(tmp_path: Path, source: str, line: int, said: str) -> None:
    (tmp_path / TEXT).write_text(source, encoding="utf-8")
    with pytest.raises(errors.TemplateError) as caught:
        Renderer(tmp_path).render(mails.FULL)
    assert caught.value.line == line
    assert said in str(caught.value)
    assert str(tmp_path / TEXT) in str(caught.value)
    problems = Renderer(tmp_path).check()
    assert [problem.line for problem in problems] == [line]
    assert str(problems[0]).splitlines()[-1].strip() == "^"


def test_check_names_unknown_variables_and_suggests_the_right_one(tmp_path: Path) -> None:
    renderer = _edited(tmp_path, TEXT, "{{ greeting }}", "{{ greting }}")
    (problem,) = renderer.check()
    assert problem.line == (tmp_path / TEXT).read_text(encoding="utf-8").split("{{ greting }}")[0].count("\n") + 1
    assert "did you mean 'greeting'?" in problem.message
    excerpt, caret = problem.excerpt.splitlines()
    assert caret.index("^") == excerpt.index("greting")


def test_a_template_that_is_not_utf8_is_named(tmp_path: Path) -> None:
    (tmp_path / TEXT).write_bytes("Grüß".encode("latin-1"))
    with pytest.raises(errors.TemplateError, match="UTF-8"):
        Renderer(tmp_path).render(mails.FULL)
    assert "UTF-8" in Renderer(tmp_path).check()[0].message


def test_a_folder_that_does_not_exist_is_not_passed_over(tmp_path: Path) -> None:
    renderer = Renderer(tmp_path / "typo")
    with pytest.raises(errors.TemplateError, match="typo"):
        renderer.render(mails.FULL)
    assert "typo" in str(renderer.check()[0])


def test_a_mended_template_works_without_a_new_renderer(tmp_path: Path) -> None:
    (tmp_path / TEXT).write_text("{{ greeting }", encoding="utf-8")
    renderer = Renderer(tmp_path)
    with pytest.raises(errors.TemplateError):
        renderer.render(mails.FULL)
    (tmp_path / TEXT).write_text("{{ greeting }}", encoding="utf-8")
    assert renderer.render(mails.FULL).text == "Hello Jane,\n"


def test_only_html_is_escaped(tmp_path: Path) -> None:
    (tmp_path / TEXT).write_text("{{ owner_name }}", encoding="utf-8")
    (tmp_path / HTML).write_text("{{ owner_name }}", encoding="utf-8")
    renderer = Renderer(tmp_path)
    content = mails.with_reasons()
    mail = renderer.render(replace(content, owner_name="Tom & Ann <x>"))
    assert mail.text == "Tom & Ann <x>\n"
    assert mail.html == "Tom &amp; Ann &lt;x&gt;"


def test_one_renderer_serves_many_threads(renderer: Renderer) -> None:
    content = replace(mails.FULL, branding=Branding(company_name="Never Seen Before Ltd"))  # not compiled so far
    fresh, seen = Renderer(), []
    threads = [threading.Thread(target=lambda: seen.append(fresh.render(content))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert seen == [renderer.render(content)] * 8
    assert "Never Seen Before Ltd" in seen[0].html


def test_each_sender_has_its_own_look(renderer: Renderer) -> None:
    """What is a sender's own is compiled into the templates, and must not be another's."""
    one = replace(mails.FULL, branding=Branding(company_name="One & Co", color="#aa0000", tagline="Homes"))
    other = replace(mails.FULL, branding=Branding(company_name="Other Ltd", color="#00aa00"))
    for first, second in ((one, other), (other, one), (one, other)):
        ours, theirs = renderer.render(first), renderer.render(second)
        assert (first.branding.company_name or "").replace("&", "&amp;") in ours.html
        assert (first.branding.company_name or "-") in ours.text
        assert (second.branding.company_name or "") not in ours.text
        assert (first.branding.color or "") in ours.html
        assert (first.branding.color or "") not in theirs.html


@pytest.mark.parametrize(
    "source",
    [
        '{% set brand = {"company": "mine"} %}{{ brand.company }}',
        '{% for brand in [{"company": "mine"}] %}{{ brand.company }}{% endfor %}',
        '{% macro show(brand) %}{{ brand.company }}{% endmacro %}{{ show({"company": "mine"}) }}',
        '{% macro brand() %}{% endmacro %}{{ "mine" if brand.company is undefined }}',
        '{% import "part.txt" as brand %}{{ brand.company }}',
        '{% from "part.txt" import company as brand %}{{ "mine" if brand.company is undefined }}',
        '{% set brand = {"company": "mine"} %}{% include "shown.txt" %}',
        '{% extends "base.txt" %}{% set brand = {"company": "mine"} %}',
        "{% if brand.company %}{% set kept = brand.company and 'mine' %}{% endif %}{{ kept }}",
        "{% if not brand.company %}{% block b %}mine{% endblock %}{% endif %}{{ self.b() }}",
    ],
)
def test_what_a_template_makes_of_the_sender_itself_comes_first(tmp_path: Path, source: str) -> None:
    (tmp_path / "part.txt").write_text('{% set company = "mine" %}', encoding="utf-8")
    (tmp_path / "shown.txt").write_text("{{ brand.company }}", encoding="utf-8")
    (tmp_path / "base.txt").write_text("{{ brand.company }}", encoding="utf-8")
    (tmp_path / TEXT).write_text(source, encoding="utf-8")
    assert Renderer(tmp_path).render(mails.FULL).text == "mine\n"
