"""The HTML form of what is written: a template with places for the text and what stands around it.

A template is HTML with ``${text}``, and ``${marker}``, ``${pictures}``, ``${signature}`` and ``${author}``
where it wants them; a dollar sign is written ``$$``. Everything that is put in is escaped.
"""

from __future__ import annotations

import re
import string
from collections.abc import Iterable
from html import escape
from importlib.resources import files
from pathlib import Path
from typing import Final, Self

TEMPLATE_LIMIT_BYTES: Final = 256 * 1024
PLACES: Final = frozenset({"text", "marker", "pictures", "signature", "author"})

_WEB_ADDRESS: Final = re.compile(r"https?://[^\s<>\"\x00-\x1f]+")
_AFTER_ADDRESS: Final = ".,;:!?'»”)]}"
"""Belongs to the sentence around a web address when it stands at its end."""
_UNSEEN: Final = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")


class Template:
    """A template that is known to be sound."""

    def __init__(self, source: str) -> None:
        """Check a template; raises ``ValueError`` saying what is wrong."""
        self._template = string.Template(source)
        if not self._template.is_valid():
            raise ValueError("a dollar sign that begins no place is written $$ in a template")
        places = set(self._template.get_identifiers())
        if unknown := places - PLACES:
            raise ValueError(
                f"a template has no place ${{{min(unknown)}}}; there are {', '.join(sorted(PLACES))}"
            )
        if "text" not in places:
            raise ValueError("a template needs the place ${text}")

    @classmethod
    def of_file(cls, path: Path) -> Self:
        """Return the template in a file; raises ``ValueError``."""
        try:
            with path.open("rb") as file:
                source = file.read(TEMPLATE_LIMIT_BYTES + 1)
            if len(source) > TEMPLATE_LIMIT_BYTES:
                raise ValueError(f"{path} is larger than {TEMPLATE_LIMIT_BYTES} bytes")
            return cls(source.decode())
        except OSError as error:
            raise ValueError(f"{path} cannot be read: {error.strerror or error}") from None
        except UnicodeDecodeError:
            raise ValueError(f"{path} is not in UTF-8") from None

    @classmethod
    def bundled(cls) -> Self:
        """Return the template that is used when none is given."""
        return cls(files("omnigate_email.smtp").joinpath("letter.html").read_text("utf-8"))

    def render(
        self,
        text: str,
        *,
        marker: str | None = None,
        author: str | None = None,
        signature: str | None = None,
        pictures: Iterable[tuple[str, str]] = (),
    ) -> str:
        """Return the HTML; pictures are content ids and what they are called."""
        closing = "\n".join(filter(None, (author, signature)))
        return self._template.substitute(
            text=f'<div dir="auto">{lines(text)}</div>' if text else "",
            marker=_grey(lines(marker)) if marker else "",
            author=lines(author or ""),
            signature=_grey(f"-- <br>\n{lines(closing)}") if closing else "",
            pictures="\n".join(_picture(*one) for one in pictures),
        )


def lines(text: str) -> str:
    """Return text as HTML that shows the same: escaped, lines and spaces kept, web addresses as links."""
    shown, at = [], 0
    for found in _WEB_ADDRESS.finditer(text):
        address = found[0].rstrip(_AFTER_ADDRESS)
        shown.append(_escaped(text[at : found.start()]))
        shown.append(f'<a href="{escape(address)}">{_escaped(address)}</a>')
        at = found.start() + len(address)
    shown.append(_escaped(text[at:]))
    return "".join(shown).replace("\n", "<br>\n")


def _escaped(text: str) -> str:
    # Every second space of a run, so that lines can still be broken.
    return escape(_UNSEEN.sub("", text)).replace("  ", "&nbsp; ").replace("\n ", "\n&nbsp;")


def _grey(html: str) -> str:
    return f'<div style="margin:16px 0;font-size:13px;color:#6e7781" dir="auto">{html}</div>'


def _picture(content_id: str, called: str) -> str:
    return (
        f'<p><img src="cid:{escape(content_id)}" alt="{escape(_UNSEEN.sub("", called))}" '
        'style="max-width:100%;height:auto;border:0"></p>'
    )
