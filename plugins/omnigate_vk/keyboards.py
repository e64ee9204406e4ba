"""The common buttons as keyboards of VK, and what VK takes of a keyboard.

Source: vendor schema 5.199 and the bot documentation for the sizes.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from pydantic_core import to_json

import omnigate
from omnigate_vk.messages import BUTTON

Rows = Sequence[Sequence[omnigate.Button]]

COLUMNS: Final = 5
_INLINE: Final = (6, 10)
_ORDINARY: Final = (10, 40)
"""The most rows and buttons, under a message and in place of the letters."""
_LABEL: Final = 40
_PAYLOAD: Final = 255
_COLORS: Final = frozenset({"primary", "secondary", "positive", "negative", "default"})
_COLORED: Final = frozenset({"text", "callback"})


def keyboard(rows: Rows) -> dict[str, Any] | None:
    """Return the keyboard that shows the buttons: under the message, or below when they are many.

    Rows of more than five are broken. Raises `Refused` for what does not fit.
    """
    if not rows:
        return None
    shown = [_button(button) for row in rows for button in row]
    lines, position = [], 0
    for row in rows:
        line = shown[position : position + len(row)]
        position += len(row)
        lines += [line[start : start + COLUMNS] for start in range(0, len(line), COLUMNS)]
    is_inline = len(lines) <= _INLINE[0] and len(shown) <= _INLINE[1]
    made: dict[str, Any] = {"inline": is_inline, "buttons": lines}
    if not is_inline:
        made["one_time"] = True
    return checked(made)


def _button(button: omnigate.Button) -> dict[str, Any]:
    payload = to_json({BUTTON: button.value or button.label}).decode()
    if button.kind == "url":
        return {"action": {"type": "open_link", "link": button.value, "label": button.label}}
    if button.kind == "location":
        return {"action": {"type": "location", "payload": payload}}
    return {
        "action": {"type": "text", "label": button.label, "payload": payload},
        "color": "secondary",
    }


def checked(given: Any) -> dict[str, Any]:
    """Return a keyboard as it is; raises `Refused` saying what VK would not take about it."""
    rows = given.get("buttons") if isinstance(given, dict) else None
    if not isinstance(given, dict) or not isinstance(rows, list):
        raise _refused("a keyboard is an object with rows of buttons")
    if given.get("inline") and given.get("one_time"):
        raise _refused("one_time is not for inline keyboards")
    most_rows, most_buttons = _INLINE if given.get("inline") else _ORDINARY
    if not all(isinstance(row, list) and 0 < len(row) <= COLUMNS for row in rows):
        raise _refused(f"a row of a keyboard has one to {COLUMNS} buttons")
    if len(rows) > most_rows or sum(map(len, rows)) > most_buttons:
        raise _refused(
            f"VK shows {most_buttons} buttons in {most_rows} rows"
            + (" under a message" if given.get("inline") else "")
        )
    for row in rows:
        for button in row:
            _check(button)
    return given


def _check(button: Any) -> None:
    action = button.get("action") if isinstance(button, dict) else None
    if not isinstance(action, dict) or not isinstance(action.get("type"), str):
        raise _refused("a button has an action with a type")
    label, payload = action.get("label", ""), action.get("payload", "")
    if not isinstance(label, str) or len(label) > _LABEL:
        raise _refused(f"the label {str(label)[:60]!r} has more than {_LABEL} characters")
    text = payload if isinstance(payload, str) else to_json(payload).decode()
    if len(text) > _PAYLOAD:
        raise _refused(
            f"the value of the button {label!r} is too long: as JSON it may have {_PAYLOAD} characters"
        )
    color = button.get("color")
    if color is not None and (action["type"] not in _COLORED or color not in _COLORS):
        raise _refused(f"a button of type {action['type']} cannot have the colour {color!r}")


def _refused(reason: str) -> omnigate.Refused:
    return omnigate.Refused("bad_buttons", f"{reason}; give fewer or shorter ones")
