"""Turning a message into the parts that a channel can carry. Pure: no I/O, no clock.

Nothing is lost silently: what a channel cannot show is sent another way and named in ``degraded``.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Final

from omnigate.capabilities import Capabilities, TextUnits
from omnigate.model.attachment import Attachment, Location
from omnigate.model.outbound import Button, Content, plain_text
from omnigate.store.outbound import PartContent

MEASURES: Final[dict[TextUnits, Callable[[str], int]]] = {
    "characters": len,
    "utf16": lambda text: len(text.encode("utf-16-le")) // 2,
    "bytes": lambda text: len(text.encode()),
}
# Where a text is best cut, the best first: after a paragraph, a line, a sentence, a word.
_CUTS: Final = (
    re.compile(r"\n\n+"),
    re.compile(r"\n"),
    re.compile(r"(?<=[.!?…])\s+"),
    re.compile(r"\s+"),
)
_JOINERS: Final = "\u200d\ufe0f\U0001f3fb\U0001f3fc\U0001f3fd\U0001f3fe\U0001f3ff"


def render(
    content: Content,
    attachments: Sequence[Attachment],
    capabilities: Capabilities,
    link: Callable[[Attachment], str],
    reply_to: str | None = None,
) -> tuple[list[PartContent], list[str]]:
    """Return the parts of a message, in order, and what had to be changed for the channel.

    ``link`` gives an address under which a customer can open a file that the channel cannot carry.
    """
    degraded: list[str] = []
    carried = [file for file in attachments if _carries(capabilities, file)]
    linked = [file for file in attachments if not _carries(capabilities, file)]
    text = content.text or ""
    if content.subject and not capabilities.subject:
        text = f"{content.subject}\n\n{text}".rstrip()
        degraded.append("subject: sent as the first line")
    for file in linked:
        text = "\n".join(filter(None, (text, _labelled(file, link(file)))))
        degraded.append(f"attachment {file.id}: sent as a link")
    if content.location is not None and not capabilities.location:
        text = "\n".join(filter(None, (text, _on_a_map(content.location))))
        degraded.append("location: sent as a link")
    shown, rest = _split_buttons(content.buttons, capabilities)
    if rest:
        text = "\n".join(filter(None, (text, plain_text(rest))))
        degraded.append("buttons: sent as numbered lines")
    if content.author and content.author.name and not capabilities.author:
        degraded.append("author: not shown")
    parts = _assemble(text, carried, capabilities, degraded)
    if content.location is not None and capabilities.location:
        parts.append(PartContent(location=content.location))
        parts = [part for part in parts if part.text or part.attachments or part.location]
    elif shown and capabilities.albums is not None and len(parts[-1].attachments) > 1:
        parts.append(PartContent(attachments=[parts[-1].attachments.pop()]))
    parts[0].subject = content.subject if capabilities.subject else None
    parts[0].reply_to = reply_to
    parts[-1].buttons = shown
    for part in parts:
        part.author = content.author if capabilities.author else None
        part.automatic = content.automatic
        part.extensions = content.extensions
    return parts, degraded


def measure_of(capabilities: Capabilities) -> Callable[[str], int]:
    """Return what tells how long a text is for a channel."""
    return capabilities.measure or MEASURES[capabilities.text_units]


def split_text(text: str, limit: int, measure: Callable[[str], int]) -> list[str]:
    """Cut text into pieces that measure at most ``limit``, at paragraphs, lines, sentences or words.

    Never inside a surrogate pair or a joined emoji, and only inside a word that is longer than a
    piece. Joined again, the pieces say the same but for white space at the cuts.
    """
    pieces = []
    rest = text
    while measure(rest) > limit:
        end = _longest_prefix(rest, limit, measure)
        cut = _best_cut(rest, end)
        piece, rest = rest[:cut].rstrip(), rest[cut:].lstrip()
        if piece:
            pieces.append(piece)
    return [*pieces, rest] if rest or not pieces else pieces


def _carries(capabilities: Capabilities, file: Attachment) -> bool:
    limit = capabilities.attachment_limit_bytes
    return (
        capabilities.attachments > 0
        and file.kind in capabilities.attachment_kinds
        and (limit is None or file.size_bytes is None or file.size_bytes <= limit)
    )


def _labelled(file: Attachment, url: str) -> str:
    label = file.caption or file.name
    return f"{label}: {url}" if label else url


def _split_buttons(
    rows: Sequence[Sequence[Button]], capabilities: Capabilities
) -> tuple[list[list[Button]], list[list[Button]]]:
    """Return the rows a channel shows and those it cannot; all or nothing, so that numbers fit."""
    if all(button.kind in capabilities.buttons for row in rows for button in row):
        return [list(row) for row in rows], []
    return [], [list(row) for row in rows]


def _assemble(
    text: str, files: Sequence[Attachment], capabilities: Capabilities, degraded: list[str]
) -> list[PartContent]:
    """Distribute text and files over parts: the text first, beside the files where it fits."""
    measure, limit = measure_of(capabilities), capabilities.text_limit
    groups = _albums(files, capabilities)
    caption_limit = capabilities.caption_limit if capabilities.caption_limit is not None else limit
    if groups and (caption_limit is None or measure(text) <= caption_limit):
        texts: list[str] = []
        parts = [PartContent(text=text or None, attachments=groups.pop(0))]
    else:
        texts = [text] if limit is None else split_text(text, limit, measure)
        parts = [PartContent(text=piece) for piece in texts if piece]
    parts += [PartContent(attachments=group) for group in groups]
    if len(texts) > 1:
        degraded.append(f"text: sent in {len(texts)} parts")
    if sum(bool(part.attachments) for part in parts) > 1:
        degraded.append("attachments: sent in several parts")
    return parts


def _albums(files: Sequence[Attachment], capabilities: Capabilities) -> list[list[Attachment]]:
    """Return the files in groups that may stand in one part each, in their order."""
    groups: list[list[Attachment]] = []
    for file in files:
        if (
            groups
            and len(groups[-1]) < capabilities.attachments
            and _stand_together(groups[-1][-1], file, capabilities)
        ):
            groups[-1].append(file)
        else:
            groups.append([file])
    return groups


def _stand_together(one: Attachment, other: Attachment, capabilities: Capabilities) -> bool:
    if capabilities.albums is None:
        return True
    return any({one.kind, other.kind} <= kinds for kinds in capabilities.albums)


def _on_a_map(point: Location) -> str:
    name = ", ".join(filter(None, (point.title, point.address)))
    where = f"{point.latitude:.6f}&mlon={point.longitude:.6f}"
    url = f"https://www.openstreetmap.org/?mlat={where}"
    return f"{name}: {url}" if name else url


def _longest_prefix(text: str, limit: int, measure: Callable[[str], int]) -> int:
    """Return how many characters fit, never ending inside a joined emoji."""
    low, high = 1, len(text)
    while low < high:
        middle = (low + high + 1) // 2
        if measure(text[:middle]) <= limit:
            low = middle
        else:
            high = middle - 1
    end = low
    while (
        end > 1
        and (text[end : end + 1] in _JOINERS or text[end - 1] == "\u200d")
        and end < len(text)
    ):
        end -= 1
    return end if end > 1 else low


def _best_cut(text: str, end: int) -> int:
    """Return where to cut the first ``end`` characters: the last good place in their second half."""
    window = text[: end + 1]
    for cut in _CUTS:
        places = [match.start() for match in cut.finditer(window) if match.start() >= end // 2]
        if places:
            return min(max(places[-1], 1), end)
    return end
