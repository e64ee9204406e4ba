"""What somebody wrote anew, without the mails they answer and without their signature.

A mail is read from the top. The first line that is quoted (``> …``), or that says that a quoted or
forwarded mail follows, is where the new text ends: unless somebody wrote on below a quoted block, for
then the answers stand between the quotes and all of it stays. The caller keeps the whole text beside.
"""

from __future__ import annotations

from collections.abc import Sequence

from omnigate_email.meaning.attributions import attribution_at, is_blank, is_quoted
from omnigate_email.meaning.signatures import is_signature, without_signature


def newly_written(text: str, *, marker: str | None = None) -> str:
    """Return what is new in a text, without blank lines around it; all of it when nothing would be left.

    ``marker`` is the line that the company's own mails have, to be answered above: the text ends there.
    A forwarded mail with nothing above it is what was meant, and stays. Takes time in proportion to the
    text; applied twice it changes nothing more.
    """
    whole = text.replace("\r\n", "\n").replace("\r", "\n").strip()
    every = whole.split("\n")
    # Below a quote first: a signature there is no answer that would have to be kept.
    lines = _above_quotes(without_signature(_above_marker(every, marker)))
    if len(lines) < len(every) and is_signature(lines):
        return whole
    return "\n".join(without_signature(lines)).strip() or whole


def _above_marker(lines: Sequence[str], marker: str | None) -> Sequence[str]:
    wanted = "".join((marker or "").split()).casefold()
    if not wanted:
        return lines
    for index, line in enumerate(lines):
        # A quoted marker is judged as the quote it stands in: answers may follow below it.
        if not is_quoted(line) and wanted in "".join(line.split()).casefold():
            return lines[:index]
    return lines


def _above_quotes(lines: Sequence[str]) -> Sequence[str]:
    for index, line in enumerate(lines):
        if is_quoted(line) or attribution_at(lines, index):
            return lines if _is_interleaved(lines, index) else lines[:index]
    return lines


def _is_interleaved(lines: Sequence[str], index: int) -> bool:
    """Tell whether somebody wrote below a quoted block that stands here or further down."""
    below_quote = False
    while index < len(lines):
        if is_quoted(lines[index]):
            below_quote = True
            index += 1
        elif is_blank(lines[index]):
            index += 1
        elif size := attribution_at(lines, index):
            below_quote = False
            index += size
        else:
            # Below an attribution without a mark on each line, all the rest is the old mail.
            return below_quote
    return False
