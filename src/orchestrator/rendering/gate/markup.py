"""Rules about the HTML part as a document: size, head, nesting, elements, styles, images and tables."""

from __future__ import annotations

import re
from collections.abc import Iterator

from orchestrator.rendering.gate import css
from orchestrator.rendering.gate.findings import Flaw, Part
from orchestrator.rendering.gate.mail import Mail
from orchestrator.rendering.gate.page import Element, Page

SIZE_LIMIT = 80_000  # bytes
LARGE = 40_000
SMALLEST_TEXT = 12  # px
_FORBIDDEN = (
    "script form input button select textarea iframe frame object embed applet video audio canvas svg math base dialog"
)
_NOT_STATIC = frozenset({"absolute", "fixed", "relative", "sticky"})
_FORMAT = re.compile(r"^data:|\.(?:svgz?|webp)(?:$|[?#])", re.IGNORECASE)
_IMPORTANT = re.compile(r"\S!important", re.IGNORECASE)
_PIXELS = re.compile(r"(\d+(?:\.\d+)?)px")
_NUMBER = re.compile(r"[1-9]\d*")


def flaws(mail: Mail) -> Iterator[Flaw]:
    """Yield what is wrong with the markup of `mail`."""
    page = mail.page
    yield from _size(mail)
    yield from _head(page)
    for line, fault in page.faults:
        yield _flaw("html-nesting", fault, fault, line)
    for element in page.elements:
        yield from _element(element)
        for each in element.style:
            yield from _declaration(each, element.line + each.line - 1)
        yield from _important(element.attributes.get("style", ""), element.line)
    for line, sheet in page.sheets:
        yield from _sheet(sheet, line)
    for image in page.all("img"):
        yield from _image(image, mail.configured)
    for table in page.all("table"):
        if table.attributes.get("role") not in ("presentation", "none"):
            yield _flaw("table-role", f"'{table.source[:40]}' has no role: write role=\"presentation\"", "", table.line)


def _size(mail: Mail) -> Iterator[Flaw]:
    size = len(mail.rendered.html.encode())
    if size > LARGE:
        rule = "html-size" if size > SIZE_LIMIT else "html-large"
        yield _flaw(rule, f"the HTML part is larger than {(SIZE_LIMIT if size > SIZE_LIMIT else LARGE) // 1000} kB")


def _head(page: Page) -> Iterator[Flaw]:
    metas = page.all("meta")
    named = {meta.attributes.get("name", "").lower(): meta.attributes.get("content", "") for meta in metas}
    utf8 = any(meta.attributes.get("charset", "").lower() == "utf-8" for meta in metas) or any(
        "charset=utf-8" in meta.attributes.get("content", "").lower().replace(" ", "") for meta in metas
    )
    wanted = {
        "it does not begin with <!DOCTYPE html>": page.has_doctype,
        'the language is missing: <html lang="en">': any(e.attributes.get("lang") for e in page.all("html")),
        "the title is missing: <title>{{ subject }}</title>": any(title.text for title in page.all("title")),
        'the character set is missing: <meta charset="utf-8">': utf8,
        'the viewport is missing: <meta name="viewport" content="width=device-width, initial-scale=1">': "width"
        in named.get("viewport", ""),
    }
    yield from (_flaw("html-head", message, message) for message, there in wanted.items() if not there)
    if not named.get("color-scheme"):
        yield _flaw("dark-mode", 'add <meta name="color-scheme" content="light dark"> and the colours for dark')


def _element(element: Element) -> Iterator[Flaw]:
    is_sheet = element.tag == "link" and "stylesheet" in element.attributes.get("rel", "").lower()
    if element.tag in _FORBIDDEN.split() or is_sheet:
        yield _flaw("html-element", f"'<{element.tag}' is not allowed in a mail", element.tag, element.line)
    for name in element.attributes:
        if name.startswith("on"):
            yield _flaw("html-element", f"the attribute '{name}' runs a script", name, element.line)


def _sheet(sheet: str, line: int) -> Iterator[Flaw]:
    plain = css.without_comments(sheet)
    for match in re.finditer(r"@(?:import|font-face)", plain, re.IGNORECASE):
        rule = "css-forbidden" if match[0].lower() == "@import" else "css-weak"
        yield _flaw(rule, f"'{match[0]}' is not loaded", match[0], line + plain.count("\n", 0, match.start()))
    for each in css.in_sheet(sheet):
        yield from _declaration(each, line + each.line - 1)
    yield from _important(plain, line)


def _declaration(declared: css.Declaration, line: int) -> Iterator[Flaw]:
    name, value = declared.name, declared.value
    shown = declared.source if len(declared.source) <= 60 else declared.source[:60]
    if _is_forbidden(name, value):
        yield _flaw("css-forbidden", f"'{shown}' does not work in mail", name, line)
    if name.startswith("margin") and re.search(r"(?:^|\s)-\.?\d", value):
        yield _flaw("css-margin", f"'{shown}' is negative", shown, line)
    if _FORMAT.search(value.replace("url(", "").strip("\"')")) and "url(" in value:
        yield _flaw("image-format", f"'{shown}' is not shown everywhere", shown, line)
    if value.split(" ")[0] in ("flex", "inline-flex") or "url(" in value:
        yield _flaw("css-weak", f"'{shown}' does not work everywhere", name, line)
    pixels = _PIXELS.match(value) if name == "font-size" else None
    if pixels and 2 <= float(pixels[1]) < SMALLEST_TEXT:
        yield _flaw("text-size", f"'{shown}' is too small", shown, line)


def _is_forbidden(name: str, value: str) -> bool:
    return (
        name.startswith(("--", "grid"))
        or "var(" in value
        or (name == "position" and value.split(" ")[0] in _NOT_STATIC)
        or (name == "display" and "grid" in value)
    )


def _important(style: str, line: int) -> Iterator[Flaw]:
    for match in _IMPORTANT.finditer(style):
        place = line + style.count("\n", 0, match.start())
        yield _flaw("css-important", f"'{match[0]}' lacks its space: write ' !important'", "", place, near=match[0])


def _image(image: Element, configured: tuple[str, ...]) -> Iterator[Flaw]:
    given = image.attributes
    missing = [name for name in ("alt",) if name not in given]
    missing += [name for name in ("width", "height") if not _NUMBER.fullmatch(given.get(name, ""))]
    for name in missing:
        hint = 'alt="" for decoration, else words' if name == "alt" else f'a number of pixels, as {name}="40"'
        yield _flaw("image", f"'<img' has no {name}: write {hint}", name, image.line)
    source = given.get("src", "")
    if _FORMAT.search(source):
        yield _flaw("image-format", f"'{source[:60]}' is not shown everywhere: use PNG or JPEG", "", image.line)
    elif not source.startswith("https://") and source not in configured:
        yield _flaw("image", f"'{source[:60] or '<img'}' is no https address", "src", image.line)


def _flaw(rule: str, message: str, about: str = "", line: int = 0, near: str = "") -> Flaw:
    quoted = re.search(r"'([^']+)'", message)
    return Flaw(rule, Part.HTML, message, about, near or (quoted[1] if quoted else ""), line)
