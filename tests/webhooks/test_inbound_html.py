"""HTML of mails as text: what was quoted is marked, what is hidden is gone, and nothing takes long."""

from __future__ import annotations

import time
import timeit

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestrator.domain.reply import new_text
from orchestrator.webhooks.inbound.html import to_text


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ("<p>One</p><p>Two</p>", "One\n\nTwo"),
        ("One<br>Two<BR/>Three", "One\nTwo\nThree"),
        ("a&nbsp;&amp;&lt;b&gt; &#8217;&#x2019;", "a &<b> ’’"),
        ("<style>p{}</style><title>t</title>x<script>y</script>", "x"),
        ("<!-- <p>no</p> -->yes<![endif]><?xml ?>", "yes"),
        ("3 < 4 and 5 > 4", "3 < 4 and 5 > 4"),
        ("<td>a</td><td>b</td>", "a b"),
        ("<pre>a\n b</pre>c", "a\nb\nc"),
        ("<a title='>'>x</a><a title=\">\">y</a>", "xy"),
        ("&#" + "9" * 5_000 + ";x", "\ufffdx"),
        ("x<style>never closed", "x"),
        ("x<!-- never closed", "x"),
    ],
)
def test_html_becomes_the_text_a_reader_sees(source: str, text: str):
    assert to_text(source) == text


@pytest.mark.parametrize(
    "quoted",
    [
        "<div class=gmail_quote><div>On Sunday Maple wrote:</div><blockquote>Hello</blockquote></div>",
        '<blockquote type="cite"><div>Hello</div></blockquote>',
        '<div class="moz-cite-prefix">On Sunday:</div><blockquote type=cite>Hello</blockquote>',
        '<div id="x1yahoo_quoted_7" class="x1yahoo_quoted yahoo_quoted"><div><div>Hello</div></div></div>',
        '<div class="protonmail_quote">Hello<blockquote>x</blockquote></div>',
        '<div id="appendonsend"></div><hr><div id="divRplyFwdMsg"><b>From:</b> M<br><b>Sent:</b> S<br></div>Hello',
    ],
)
def test_what_programs_quote_is_not_new(quoted: str):
    assert new_text(to_text(f"<div>Yes</div>{quoted}")) == "Yes"


def test_what_stands_below_a_quote_is_not_quoted():
    assert to_text('<blockquote type="cite"><blockquote>a</blockquote></blockquote>b') == "> a\nb"


@settings(deadline=None)
@given(
    st.text(), st.lists(st.sampled_from(["<", ">", "</", "<div ", '"', "'", "<!--", "-->", "&#", "<pre>", "class="]))
)
def test_any_text_is_read(text: str, pieces: list[str]):
    to_text(text + "".join(pieces) + text)


@pytest.mark.parametrize(
    "unit",
    ["<", "<a ", '<a "', "<a '>\"'>'>", "<!--", "<!", "<script>", "</", "&", "<div>", "<pre>\n", "<a class=", "&#1"],
)
def test_time_grows_no_faster_than_the_page(unit: str):
    def seconds(length: int) -> float:
        source = (unit * length)[:length]
        return min(timeit.repeat(lambda: to_text(source), timer=time.process_time, number=1, repeat=3))

    assert seconds(200_000) / max(seconds(100_000), 0.0005) < 4
