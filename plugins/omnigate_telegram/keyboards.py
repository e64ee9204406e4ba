"""The common buttons as keyboards of Telegram."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import omnigate

Rows = Sequence[Sequence[omnigate.Button]]

INLINE: Final = frozenset({"reply", "url"})
"""Kinds of buttons that stand under a message; the others make a keyboard in place of the letters."""
LONGEST_PAYLOAD_BYTES: Final = 64


def keyboard(rows: Rows) -> dict[str, Any] | None:
    """Return the ``reply_markup`` that shows the buttons; raises `Refused` for what does not fit."""
    if not rows:
        return None
    if all(button.kind in INLINE for row in rows for button in row):
        return {"inline_keyboard": [[_inline(button) for button in row] for row in rows]}
    shown = [[_typed(button) for button in row if button.kind != "url"] for row in rows]
    return {
        "keyboard": [row for row in shown if row],
        "resize_keyboard": True,
        "one_time_keyboard": True,
    }


def left_over(rows: Rows) -> str:
    """Return as lines of text the links that a keyboard in place of the letters cannot hold."""
    if all(button.kind in INLINE for row in rows for button in row):
        return ""
    links = (button for row in rows for button in row if button.kind == "url")
    return "\n".join(f"{button.label}: {button.value}" for button in links)


def _inline(button: omnigate.Button) -> dict[str, Any]:
    if button.kind == "url":
        return {"text": button.label, "url": button.value}
    payload = button.value or button.label
    if len(payload.encode()) > LONGEST_PAYLOAD_BYTES:
        raise omnigate.Refused(
            "button_too_long",
            f"the value of the button {button.label!r} has more than {LONGEST_PAYLOAD_BYTES} bytes; "
            "give it a shorter value",
        )
    return {"text": button.label, "callback_data": payload}


def _typed(button: omnigate.Button) -> dict[str, Any]:
    if button.kind == "contact":
        return {"text": button.label, "request_contact": True}
    if button.kind == "location":
        return {"text": button.label, "request_location": True}
    return {"text": button.label}
