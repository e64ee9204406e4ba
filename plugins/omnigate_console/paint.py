"""An event as one or two lines for a person. What customers write cannot command the terminal."""

from __future__ import annotations

import re
from typing import Any, Final

import omnigate

_LONGEST_TEXT: Final = 500

# Everything a terminal obeys (C0, DEL, C1) and everything that hides or reorders text (soft hyphen,
# direction marks and overrides, line separators, tags). The joiners of emoji and scripts stay.
_UNSAFE: Final = re.compile(
    "[\x00-\x1f\x7f-\x9f\xad\u061c\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff"
    "\ufff9-\ufffb\ud800-\udfff\U000e0000-\U000e007f]"
)

_RESET: Final = "\x1b[0m"
_DIM: Final = "\x1b[2m"
_BOLD: Final = "\x1b[1m"
_CYAN: Final = "\x1b[36m"
_GREEN: Final = "\x1b[32m"
_RED: Final = "\x1b[31m"
_YELLOW: Final = "\x1b[33m"

_COLOURS: Final = {
    "message.received": _CYAN,
    "message.failed": _RED,
    "message.unknown": _YELLOW,
    "message.sent": _GREEN,
    "message.delivered": _GREEN,
    "message.read": _GREEN,
}


def escape(text: str) -> str:
    """Return the text on one line with every unsafe character written out, such as ``\\x1b``."""
    text = text.replace("\r\n", "\n").replace("\n", " ⏎ ")
    return _UNSAFE.sub(lambda found: found.group().encode("unicode_escape").decode(), text)


def paint(event: omnigate.Event, *, colour: bool) -> str:
    """Return the lines for one event, each ended by a line feed."""
    envelope = event.envelope
    where = [envelope.channel.name] if envelope.channel else []
    if envelope.contact:
        where.append(envelope.contact.display_name or envelope.contact.id)
    number = f" #{envelope.sequence}" if envelope.sequence is not None else ""
    again = f" attempt {event.attempt}" if event.attempt > 1 else ""
    again += " replay" if event.replay else ""
    head = " ".join(
        (
            _in(_DIM, f"{envelope.recorded_at.astimezone():%H:%M:%S}", colour),
            _in(_COLOURS.get(envelope.type, _BOLD), f"{envelope.type.value:<18}", colour),
            _in(_BOLD, escape(" · ".join(where)), colour),
            _in(_DIM, f"{number}{again}".strip(), colour),
        )
    ).rstrip()
    said = _said(envelope.data)
    return f"{head}\n" + (f"         {escape(said)}\n" if said else "")


def _in(code: str, text: str, colour: bool) -> str:
    return f"{code}{text}{_RESET}" if colour and text else text


def _said(data: dict[str, Any]) -> str:
    """Return what is worth reading in the data of any type of event; empty when nothing is."""
    noun, details = next(iter(data.items()), ("", {}))
    if not isinstance(details, dict):
        return ""
    if noun == "message":
        words = [details.get("text") or ""]
        words += [_file(file) for file in details.get("attachments") or ()]
        words += [f"({details['error']})"] if details.get("error") else []
        text = " ".join(word for word in words if word)
    else:
        text = ", ".join(
            f"{key} {value}"
            for key, value in details.items()
            if isinstance(value, str | int | float) or (isinstance(value, list) and value)
        )
    return text if len(text) <= _LONGEST_TEXT else text[:_LONGEST_TEXT] + "…"


def _file(attachment: dict[str, Any]) -> str:
    return f"[{attachment.get('kind', 'file')} {attachment.get('name') or ''}".rstrip() + "]"
