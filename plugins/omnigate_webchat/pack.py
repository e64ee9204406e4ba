"""The widget's modules as one file without comments and needless space, as browsers get it.

The modules run as they stand; packing only makes one small request of thirty. It relies on rules
that the widget keeps: every statement ends with its semicolon, an import is one statement of plain
names, no name is used twice at the top of modules, a template literal holds neither another one nor
a private name. Packed, a broken rule is a syntax error.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Final

_IMPORT: Final = re.compile(r"""^import\s+[^;]*?\s*from\s+"\./([\w.]+)";\n""", re.MULTILINE)
_EXPORT: Final = re.compile(r"^export (?=const|class|function|async)", re.MULTILINE)
_TOKEN: Final = re.compile(
    r"""(?P<comment>/\*.*?\*/|//[^\n]*)
      | (?P<text>"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*'|`(?:\\.|[^`\\])*`)
      | (?P<space>\s+)
      | (?P<word>[\w$\#]+)
      | (?P<mark>.)""",
    re.VERBOSE | re.DOTALL,
)
_REGEX: Final = re.compile(r"/(?:\\.|\[(?:\\.|[^\]\\])*\]|[^/\\\n])+/[a-z]*")
_SILENT: Final = {",}", ",)", ",]", ";}"}
"""A mark and the bracket after it that together say no more than the bracket."""
_BEFORE_REGEX: Final = "(,=:[!&|?{};"


def pack(modules: Mapping[str, str], entry: str) -> str:
    """Return ``entry`` and all it imports as one module with the exports of ``entry``.

    Raises ``KeyError`` for an import of a module that is not there.
    """
    parts = []
    for name in _in_order(modules, entry, set()):
        source = _IMPORT.sub("", modules[name])
        parts.append(source if name == entry else _EXPORT.sub("", source))
    return squeeze("\n".join(parts))


def squeeze(source: str) -> str:
    """Drop comments and needless space, shorten private names.

    What is private to a class is named by nobody outside it, so that renaming it is safe.
    """
    out: list[str] = []
    gap = False
    private: dict[str, str] = {}
    for kind, token in _tokens(source):
        if kind in ("space", "comment"):
            gap = True
            continue
        if token.startswith("#"):
            token = private.setdefault(token, f"#{_letters(len(private))}")
        if out and out[-1] + token in _SILENT:
            out.pop()
        elif gap and out:
            out.append(_between(out[-1][-1], token[0]))
        out.append(token)
        gap = False
    return "".join(out) + "\n"


def _letters(number: int) -> str:
    """Return the short name of a private name: a, b, … z, aa, ab …"""
    name = ""
    while number >= 0:
        number, place = divmod(number, 26)
        name = chr(ord("a") + place) + name
        number -= 1
    return name


def _in_order(modules: Mapping[str, str], name: str, seen: set[str]) -> Iterator[str]:
    """Yield what a module imports before the module itself, each once."""
    if name in seen:
        return
    seen.add(name)
    for imported in _IMPORT.findall(modules[name]):
        yield from _in_order(modules, imported, seen)
    yield name


def _tokens(source: str) -> Iterator[tuple[str, str]]:
    at = 0
    last = ";"
    while at < len(source):
        # A slash begins a regular expression where a value may begin, else it divides.
        found = _TOKEN.match(source, at)
        kind = str(found.lastgroup) if found else "mark"
        if kind == "mark" and source[at] == "/" and last in _BEFORE_REGEX:
            found = _REGEX.match(source, at)
        if found is None:
            raise ValueError(f"cannot read the script at {source[at : at + 40]!r}")
        yield kind, found.group()
        at = found.end()
        if kind not in ("space", "comment"):
            last = found.group()[-1]


def _between(before: str, after: str) -> str:
    """Return what must stay of the space between two characters of a script."""
    words = (before.isalnum() or before in "_$") and (after.isalnum() or after in "_$#")
    return " " if words or (before == after and before in "+-") else ""
