"""Writing a mail from the templates, beside filling a text of the same size."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

from benchmarks import workload
from benchmarks.measuring import Options, Runs, expect, measure, result
from orchestrator.rendering import MailContent, RenderedMail, Renderer
from orchestrator.rendering.samples import FULL

DEFAULT_N = 2_000
_SLOTS = ("greeting", "line1", "memo_url", "unsubscribe_url")


def run(options: Options) -> Iterator[dict[str, Any]]:
    """Yield the case ``Renderer.render``: HTML and text of one mail each."""
    n = options.size(DEFAULT_N)
    contents = [_content(number) for number in range(n)]
    renderer = Renderer()
    form = _Form(contents[0], renderer.render(contents[0]))
    ours, limit = Runs(), Runs()
    for content in contents[: min(n, 200)]:
        renderer.render(content)
    for _ in range(options.repeat):
        ours.add(measure(n, lambda: _all_rendered(renderer, contents), profile=options.profile))
        limit.add(measure(n, lambda: form.fill_all(contents)))
    rendered, filled = renderer.render(contents[0]), form.fill(contents[0])
    expect(len("".join(filled)), len(rendered.html) + len(rendered.text), "characters of the two ways")
    size = len((rendered.html + rendered.text).encode())
    yield result("render", "Renderer.render", None, ours, ("str.format to the same size", limit), mail_bytes=size)


class _Form:
    """The finished mail with the parts that differ from owner to owner cut out."""

    def __init__(self, content: MailContent, mail: RenderedMail) -> None:
        self._html, self._text = (_cut(part, content) for part in (mail.html, mail.text))

    def fill(self, content: MailContent) -> tuple[str, str]:
        slots = _slots(content)
        return self._html.format(**slots), self._text.format(**slots)

    def fill_all(self, contents: Sequence[MailContent]) -> None:
        for content in contents:
            self.fill(content)


def _all_rendered(renderer: Renderer, contents: Sequence[MailContent]) -> None:
    for content in contents:
        renderer.render(content)


def _content(number: int) -> MailContent:
    item = workload.item(number)
    return replace(
        FULL,
        property_record=item["property_record"],
        score_result=item["score_result"],
        memo_url=item["memo_url"],
        greeting=f"Hello Jane {number},",
        owner_name=item["property_record"]["owner"]["name"],
        unsubscribe_url=f"https://go.sample.test/u/{number:032x}",
    )


def _slots(content: MailContent) -> dict[str, str]:
    line1 = content.property_record["address"]["line1"]
    values = (content.greeting, line1, content.memo_url, content.unsubscribe_url)
    return dict(zip(_SLOTS, map(str, values), strict=True))


def _cut(part: str, content: MailContent) -> str:
    form = part.replace("{", "{{").replace("}", "}}")
    for name, value in _slots(content).items():
        form = form.replace(value, f"{{{name}}}")
    return form
