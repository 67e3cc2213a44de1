"""Which element may stand in which (HTML Living Standard, §4), as far as a mail uses it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence


def _names(text: str) -> frozenset[str]:
    return frozenset(text.split())


VOID = _names("area base br col embed hr img input link meta source track wbr")
BLOCKS = _names(
    "address article aside blockquote center dl div fieldset footer form h1 h2 h3 h4 h5 h6 header hr main nav ol p pre"
    " section table ul"
)
#: Text that stands directly in one of these is moved out of the table by every parser.
NO_TEXT = frozenset({"table", "thead", "tbody", "tfoot", "tr", "colgroup"})
_INLINE = _names(
    "a abbr b bdi bdo big br cite code del em font i img ins kbd mark q s samp small span strike strong sub sup time tt"
    " u var wbr"
)
_PAGE = _names("html head body meta title style base link script noscript template")
_LISTS = _names("dd dt li figure figcaption caption col colgroup tbody td tfoot th thead tr")
_ACTIVE = _names(
    "area audio button canvas dialog embed iframe input label legend map object option picture select source svg"
    " textarea track video marquee math details summary"
)
KNOWN = BLOCKS | _INLINE | _PAGE | _LISTS | _ACTIVE
_PARENTS = {
    "tr": ("table", "thead", "tbody", "tfoot"),
    "td": ("tr",),
    "th": ("tr",),
    "tbody": ("table",),
    "thead": ("table",),
    "tfoot": ("table",),
    "caption": ("table",),
    "li": ("ul", "ol"),
}
_ONLY = {"table": "tr tbody thead tfoot caption colgroup", "tr": "td th", "ul": "li", "ol": "li"}


def misplaced(tag: str, parents: Sequence[str]) -> Iterator[str]:
    """Yield what is wrong with an element `tag` that stands in `parents`, outermost first."""
    parent = parents[-1] if parents else ""
    if tag not in KNOWN and ":" not in tag:
        yield f"'<{tag}' is no element of HTML"
    if tag in _PARENTS and parent not in _PARENTS[tag]:
        yield f"'<{tag}' must stand in <{_PARENTS[tag][0]}>, not in <{parent or 'nothing'}>"
    elif parent in _ONLY and tag not in _ONLY[parent].split():
        yield f"'<{tag}' must not stand directly in <{parent}>"
    if tag in BLOCKS and "p" in parents:
        yield f"'<{tag}' must not stand in <p>: it ends the paragraph"
    if tag == "a" and "a" in parents:
        yield "'<a' must not stand in another link"
