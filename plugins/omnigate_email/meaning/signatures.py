"""Where a signature begins: nothing that could be something said is taken for one.

Source: RFC 3676 section 4.3 (the line ``-- ``); the lines that telephones and web mail add, 2026-11-22.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from omnigate_email.meaning.attributions import is_blank, is_quoted

WITHIN_LINES: Final = 8
"""A farewell is one only so near the end."""
LONGEST_SIGNATURE_LINES: Final = 30
"""Below a line ``-- ``: firms add addresses and disclaimers."""
_LONGEST_LINE: Final = 120

_DEVICES: Final = (
    r"iphone|ipad|mac\b|android|samsung|galaxy|huawei|honor|xiaomi|redmi|poco|realme|oppo|vivo|nokia"
    r"|windows|outlook|gmail|yahoo|icloud|яндекс|yandex|mail\.?ru|mail\b|mymail\b"
    r"|почты (?:mail|яндекс|(?:для )?windows)|рамблер|rambler|blackberry|spark\b|\[?proton"
)
_OF_PROGRAM: Final = re.compile(
    rf"""(?:
        отправлено\ (?:с|со|из)\ (?:
            (?:моего|моей|мобильн[а-я]{{2,3}}|устройства|смартфона|телефона|планшета|приложения)\b
          | {_DEVICES.replace(" ", chr(92) + " ")}
        )
      | sent\ (?:from|via|with)\ (?:my\b|the\b|{_DEVICES.replace(" ", chr(92) + " ")})
      | (?:get|скача(?:ть|йте)|получит[ье]|загрузит[ье])\ outlook\ (?:for|для)\b
    ).{{0,80}}""",
    re.IGNORECASE | re.VERBOSE,
)
_FAREWELL: Final = re.compile(
    r"(?i:с (?:глубоким |искренним )?уважением|с ув\.?|с наилучшими пожеланиями|с добрыми пожеланиями"
    r"|(?:best|kind|warm) regards|regards|(?:yours )?sincerely|yours faithfully|best wishes)"
    r" ?[,.!]?(?: ?[А-ЯЁA-Z][\w.«»\"-]{0,30},?){0,5}"
)
_POSTSCRIPT: Final = re.compile(r"(?:p\.? ?s\b|з\.? ?ы\b|п\.? ?с\.)", re.IGNORECASE)
_LINK: Final = re.compile(r"<?https?://\S{1,300}")


def without_signature(lines: Sequence[str]) -> Sequence[str]:
    """Return the lines above the signature, or all of them when there is none, or nothing but one."""
    end = _end(lines, len(lines))
    while begins := _begins(lines, end):
        above = _end(lines, begins)
        if not above:
            break
        end = above
    return lines[:end]


def is_signature(lines: Sequence[str]) -> bool:
    """Tell whether lines, of which the first is not blank, are nothing but a signature."""
    last = without_signature(lines)
    return _begins(last, len(last)) == 0


def _begins(lines: Sequence[str], end: int) -> int | None:
    """Return the first of the last lines that begins a signature; none of its lines is a quote."""
    begins = None
    for index in range(max(end - LONGEST_SIGNATURE_LINES, 0), end):
        if is_quoted(lines[index]):
            begins = None
        elif begins is None and _is_sign(lines, index, end):
            begins = index
    return begins


def _is_sign(lines: Sequence[str], index: int, end: int) -> bool:
    if lines[index] == "-- ":
        return True
    if len(lines[index]) > _LONGEST_LINE or end - index > WITHIN_LINES:
        return False
    line = " ".join(lines[index].split())
    rest = lines[index + 1 : end]
    if _OF_PROGRAM.fullmatch(line):
        # People write on below what their telephone has put there.
        return all(is_blank(one) or _LINK.fullmatch(one.strip()) for one in rest)
    if line == "--" or _FAREWELL.fullmatch(line):
        return not any(_is_said(one) for one in rest)
    return False


def _is_said(line: str) -> bool:
    """Tell whether a line below a farewell is something said, rather than a name or an address."""
    words = line.split()
    if len(line) > _LONGEST_LINE or "?" in line or _POSTSCRIPT.match(line.strip()):
        return True
    return len(words) >= 4 and line.rstrip().endswith((".", "!", "…", ":"))


def _end(lines: Sequence[str], end: int) -> int:
    """Return where the last line is that is not blank, plus one."""
    while end and is_blank(lines[end - 1]):
        end -= 1
    return end
