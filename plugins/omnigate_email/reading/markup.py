"""HTML of mails: made harmless, and made text.

The sanitiser (nh3) and the text maker (inscriptis) take time that grows with the square of how deep
elements nest and, for the first, with size times ampersands; tables padded to their widest cell grow
with rows times columns. All of these are bounded here before either sees them; beyond the bounds tags
are merely cut out.
"""

from __future__ import annotations

import html
import re
from collections import Counter
from collections.abc import Collection, Iterator
from html.entities import html5
from urllib.parse import unquote

import nh3
from inscriptis.css_profiles import CSS_PROFILES  # type: ignore[import-untyped]  # has no types
from inscriptis.html_engine import Inscriptis  # type: ignore[import-untyped]  # has no types
from inscriptis.model.config import ParserConfig  # type: ignore[import-untyped]  # has no types
from lxml.etree import LxmlError  # type: ignore[import-untyped]  # has no types
from lxml.html import (  # type: ignore[import-untyped]  # has no types
    HtmlElement,
    document_fromstring,
)

HTML_SIGNS = 4 * 1024 * 1024
"""Longer HTML is not kept as HTML."""
LAID_OUT_SIGNS = 1024 * 1024
"""Longer HTML is made text without its layout."""
DEPTH = 120
"""Of elements; libxml2 drops what is deeper than 256, and half of that is implied by other tags."""
CELL_SIGNS = 200
ROWS, COLUMNS = 200, 20
TABLE_SIGNS = 1024 * 1024
"""Of all tables of a mail together, padded: those beyond any of these bounds are laid out as lines."""
TEXT_SIGNS = 4 * 1024 * 1024
"""Text that became longer than that was blown up by indents: it is made anew without layout."""
LINK_SIGNS = 300

_LAYOUT = ParserConfig(css=CSS_PROFILES["strict"])
"""The other profile indents what stands in a ``div`` and parts words at each ``span``."""
_URL_SCHEMES = {"http", "https", "mailto", "tel", "cid"}
_TAGS = nh3.ALLOWED_TAGS | {"font", "tfoot"}
_WITH_CONTENT = {"script", "style", "title", "template", "select", "textarea", "noframes"}
"""Go with what stands in them: it is not shown, or asks."""
_ATTRIBUTES = {
    **nh3.ALLOWED_ATTRIBUTES,
    "font": {"color", "face", "size"},
    "table": nh3.ALLOWED_ATTRIBUTES["table"] | {"border", "cellpadding", "cellspacing", "width"},
}
_TAG = re.compile(r"<(/?)([a-zA-Z][a-zA-Z0-9]*)")
_NO_DEEPER = frozenset(
    {"p", "li", "dd", "dt", "option", "tr", "td", "th", "tbody", "thead", "tfoot", "colgroup"}
    | {"area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "wbr"}
)
"""Elements that hold nothing, or that end where the next of their kind begins."""
_LONE = re.compile(r"&(?![a-zA-Z#])|&#0{0,5}38;|&#[xX]0{0,4}26;")
_NAMED = re.compile(
    r"&(?!#[0-9]{1,7};|#[xX][0-9a-fA-F]{1,6};)"
    r"(?:([a-zA-Z][a-zA-Z0-9]{1,31});|(nbsp|lt|gt|amp|quot)(?![a-zA-Z0-9=]))?"
)
_AMPERSAND = "\ue726"
"""Stands for one while the sanitiser works; the sign is of private use and means nothing in a mail."""
_UNSEEN = re.compile(r"<(script|style|head|title)\b.*?(?:</\1\s*>|\Z)", re.DOTALL | re.IGNORECASE)
_COMMENT = re.compile(r"<!--.*?(?:-->|\Z)", re.DOTALL)
_LINE_TAG = re.compile(
    r"</?(?:p|div|br|tr|li|h[1-6]|table|ul|ol|blockquote|pre)\b[^<>]*>", re.IGNORECASE
)
_ANY_TAG = re.compile(r"</?[a-zA-Z!][^<>]*>")
_CID = re.compile(r"""\bcid:([^\s"'<>)]{1,500})""", re.IGNORECASE)
_CLEAN_TAG = re.compile(r'<([a-z][a-z0-9]*|/)[^"<>]*(?:"[^"]*"[^"<>]*)*>')
"""A tag as the sanitiser writes it, with all its values: they may look like tags."""
_SOURCE = re.compile(r'<img(?: (?!src=)[a-z-]+="[^"]*")* src="')
_BLANK_LINES = re.compile(r"\n{3,}")


def content_ids(source: str) -> frozenset[str]:
    """Return the content ids that the HTML names as ``cid:``, without angle brackets."""
    return frozenset(unquote(html.unescape(match)) for match in _CID.findall(source))


def sanitised(source: str, pictures: Collection[str]) -> str | None:
    """Return the HTML without anything that acts, loads or asks; ``None`` if it is beyond the bounds.

    Pictures from elsewhere are removed, for they tell their sender who read when; those whose content
    id is among ``pictures`` stay as ``cid:``.
    """
    if len(source) > HTML_SIGNS or _depth(source) > DEPTH:
        return None

    def kept(tag: str, attribute: str, value: str) -> str | None:
        if tag != "img" or attribute != "src":
            return value
        scheme, _, name = value.replace(_AMPERSAND, "&").strip().partition(":")
        return (
            f"cid:{unquote(name)}"
            if scheme.lower() == "cid" and unquote(name) in pictures
            else None
        )

    clean = nh3.clean(
        _NAMED.sub(_numbered, _LONE.sub(_AMPERSAND, source.replace(_AMPERSAND, ""))),
        tags=_TAGS,
        clean_content_tags=_WITH_CONTENT,
        attributes=_ATTRIBUTES,
        attribute_filter=kept,
        url_schemes=_URL_SCHEMES,
        url_relative="deny",
    )
    clean = _CLEAN_TAG.sub(_unless_empty, clean).replace(_AMPERSAND, "&amp;")
    return clean if len(clean) <= HTML_SIGNS else None


def _unless_empty(match: re.Match[str]) -> str:
    """Return a tag as it is; nothing for a picture that was removed."""
    is_removed = match[1] == "img" and _SOURCE.match(match[0]) is None
    return "" if is_removed else match[0]


def as_text(source: str, clean: str | None) -> str:
    """Return what a reader of the HTML sees, as text; ``clean`` is the same, sanitised.

    Links keep where they lead to, in brackets, unless the text says it.
    """
    if clean is None or len(clean) > LAID_OUT_SIGNS:
        return without_tags(source)
    try:
        text = _laid_out(clean)
    except (LxmlError, RecursionError, ValueError):
        return without_tags(source)  # what the text maker cannot take
    return _tidy(text) if len(text) <= TEXT_SIGNS else without_tags(source)


def without_tags(source: str) -> str:
    """Return the text between the tags, a line per block: for HTML that nothing else may see."""
    text = _UNSEEN.sub("", _COMMENT.sub("", source))
    text = _ANY_TAG.sub("", _LINE_TAG.sub("\n", " ".join(text.split())))
    return _tidy(html.unescape(text))


def _numbered(match: re.Match[str]) -> str:
    """Return a named character by its number, and an ampersand that names none by its stand-in."""
    known = html5.get(f"{match[1] or match[2]};")
    if known is None:
        return _AMPERSAND + match[0][1:]
    return "".join(_AMPERSAND if sign == "&" else f"&#{ord(sign)};" for sign in known)


def _depth(source: str) -> int:
    """Return how deep elements nest at most, or more: an end tag closes only its own kind."""
    opened: Counter[str] = Counter()
    depth = deepest = 0
    for match in _TAG.finditer(source):
        name = match[2].lower()
        if name in _NO_DEEPER:
            continue
        if not match[1]:
            opened[name] += 1
            depth += 1
            deepest = max(deepest, depth)
        elif opened[name]:
            opened[name] -= 1
            depth -= 1
    return deepest


def _laid_out(clean: str) -> str:
    if not clean.strip():
        return ""
    tree = document_fromstring(f"<html><body>{clean}</body></html>")
    left = TABLE_SIGNS
    for table in list(tree.iter("table")):
        left -= (size := _padded_signs(table, left))
        if not size:
            _as_lines(table)
    for link in tree.iter("a"):
        _show_target(link)
    return str(Inscriptis(tree, _LAYOUT).get_text())


def _rows(table: HtmlElement) -> Iterator[HtmlElement]:
    """Iterate over the table's own rows."""
    for child in table:
        if child.tag == "tr":
            yield child
        elif child.tag in ("tbody", "thead", "tfoot"):
            yield from (row for row in child if row.tag == "tr")


def _padded_signs(table: HtmlElement, most: int) -> int:
    """Return what the table takes with its cells padded, 0 if it is rather layout than a table."""
    if next(table.iterdescendants("table"), None) is not None:
        return 0
    rows = [[cell for cell in row if cell.tag in ("td", "th")] for row in _rows(table)]
    columns = max((len(row) for row in rows), default=0)
    if not 1 < columns <= COLUMNS or len(rows) > ROWS:
        return 0
    widest = max(len("".join(cell.itertext())) for row in rows for cell in row)
    size = len(rows) * columns * max(widest, 1)
    return size if widest <= CELL_SIGNS and size <= most else 0


def _as_lines(table: HtmlElement) -> None:
    """Make each cell of a table that is but layout a line of its own."""
    for element in [table, *_rows(table), *(cell for row in _rows(table) for cell in row)]:
        element.tag = "div"
    for child in table:
        if child.tag in ("tbody", "thead", "tfoot", "caption"):
            child.tag = "div"


def _show_target(link: HtmlElement) -> None:
    target = link.get("href") or ""
    shown = "".join(link.itertext()).strip()
    bare = target.partition("://")[2].rstrip("/")
    if not shown or not target.startswith(("http://", "https://")) or len(target) > LINK_SIGNS:
        return
    if bare not in shown:
        link.tail = f" ({target}){link.tail or ''}"


def _tidy(text: str) -> str:
    lines = (line.rstrip() for line in text.replace("\xa0", " ").split("\n"))
    return _BLANK_LINES.sub("\n\n", "\n".join(lines)).strip("\n")
