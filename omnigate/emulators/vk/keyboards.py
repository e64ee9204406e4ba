"""Keyboards and carousels: what the platform takes, and error 911 for the rest.

Source: vendor JSON schema 5.199 (``messages_keyboard``) and the bot documentation (sizes). The words
after "Keyboard format is invalid" are as people report them from the live platform where a comment
does not say otherwise; whether rows count from 0 or 1 in them is unverified.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

from omnigate.emulators.vk import limits
from omnigate.emulators.vk.errors import Refused

COLORS: Final = ("primary", "secondary", "positive", "negative", "default")

_FIELDS: Final[Mapping[str, tuple[frozenset[str], frozenset[str]]]] = {
    # type: (needed, possible besides)
    "text": (frozenset({"label"}), frozenset({"payload"})),
    "callback": (frozenset({"label"}), frozenset({"payload"})),
    "open_link": (frozenset({"link", "label"}), frozenset({"payload"})),
    "location": (frozenset(), frozenset({"payload"})),
    "open_app": (frozenset({"app_id", "label"}), frozenset({"owner_id", "hash", "payload"})),
    "vkpay": (frozenset({"hash"}), frozenset({"payload"})),
}


def _bad(detail: str) -> Refused:
    return Refused(911, detail)


def read_keyboard(given: Any, group_id: int) -> dict[str, Any]:
    """Return a keyboard as messages carry it.

    Raises:
        Refused: 911, with what is wrong
    """
    if not isinstance(given, dict):
        raise _bad("keyboard should be array")
    inline = given.get("inline", False)
    one_time = given.get("one_time", False)
    if not isinstance(inline, bool):
        raise _bad("inline property should be boolean")
    if not isinstance(one_time, bool):
        raise _bad("one_time property should be boolean")
    if inline and "one_time" in given and one_time:
        raise _bad("one_time is not allowed for inline keyboard")  # own words
    if unknown := given.keys() - {"inline", "one_time", "buttons", "author_id"}:
        raise _bad(f"keyboard contains unknown fields: {', '.join(sorted(unknown))}")  # own words
    rows = given.get("buttons")
    if not isinstance(rows, list):
        raise _bad("buttons should be array")
    if len(rows) > (limits.INLINE_ROWS if inline else limits.ROWS):
        raise _bad("buttons contain too much rows")
    buttons = [_row(row, number) for number, row in enumerate(rows)]
    if sum(map(len, buttons)) > (limits.INLINE_BUTTONS if inline else limits.BUTTONS):
        raise _bad("keyboard contains too much buttons")
    return {"one_time": one_time, "inline": inline, "buttons": buttons, "author_id": -group_id}


def _row(row: Any, number: int) -> list[dict[str, Any]]:
    if not isinstance(row, list) or not row:
        raise _bad(f"row {number} should be array of buttons")  # own words
    if len(row) > limits.COLUMNS:
        raise _bad(f"row {number} contains too much columns")
    return [_button(button, f"button [{number}][{column}]") for column, button in enumerate(row)]


def _button(button: Any, place: str) -> dict[str, Any]:
    if not isinstance(button, dict) or not isinstance(button.get("action"), dict):
        raise _bad(f"{place} should have action")  # own words
    if button.keys() - {"action", "color"}:
        raise _bad(f"{place} contains unknown fields")
    action = button["action"]
    kind = action.get("type")
    if not isinstance(kind, str) or kind not in _FIELDS:
        raise _bad(f"{place} has invalid action type")  # own words
    needed, possible = _FIELDS[kind]
    if missing := needed - action.keys():
        raise _bad(f"{place} should have {', '.join(sorted(missing))}")  # own words
    if action.keys() - needed - possible - {"type"}:
        raise _bad("action contains unknown fields")
    if "color" in button:
        if kind not in ("text", "callback"):
            raise _bad(f"{place} color is allowed only for text and callback")  # own words
        if button["color"] not in COLORS:
            raise _bad(f"{place} has invalid color")  # own words
    return {**button, "action": _action(action, place)}


def _action(action: dict[str, Any], place: str) -> dict[str, Any]:
    if "label" in action:
        label = action["label"]
        if not isinstance(label, str) or not label:
            raise _bad(f"{place} label should be at least 1 letters length")
        if len(label) > limits.LABEL_CHARACTERS:
            raise _bad(f"{place} label should be no longer than 40 letters")  # own words
    if "link" in action and not _is_link(action["link"]):
        raise _bad(f"{place} has invalid link")
    if "payload" not in action:
        return action
    return {**action, "payload": _payload(action["payload"], place)}


def _payload(payload: Any, place: str) -> str:
    """Return it as the text that comes back with the press. It is a JSON text or any JSON value."""
    if payload is None:
        raise _bad(f"{place} payload is invalid")  # own words; None is refused since 2019
    if isinstance(payload, str):
        try:
            json.loads(payload or "{}")
        except ValueError:
            raise _bad(f"{place} payload is invalid JSON") from None  # own words
        text = payload
    else:
        text = json.dumps(payload, ensure_ascii=False, separators=(",", ":"))
    if len(text) > limits.BUTTON_PAYLOAD_CHARACTERS:
        raise _bad(f"{place} payload is too long")  # own words
    return text


def read_template(given: Any) -> dict[str, Any]:
    """Return a carousel as messages carry it.

    Raises:
        Refused: 911, with what is wrong, in this emulator's own words
    """
    if not isinstance(given, dict) or given.get("type") != "carousel":
        raise _bad("template type should be carousel")
    elements = given.get("elements")
    if not isinstance(elements, list) or not 1 <= len(elements) <= limits.CAROUSEL_ELEMENTS:
        raise _bad("template should contain from 1 to 10 elements")
    read = [_element(element, number) for number, element in enumerate(elements)]
    if len({(frozenset(one), len(one.get("buttons", ()))) for one in read}) > 1:
        raise _bad("template elements should have the same structure")
    return {"type": "carousel", "elements": read}


def _element(element: Any, number: int) -> dict[str, Any]:
    place = f"element [{number}]"
    if not isinstance(element, dict):
        raise _bad(f"{place} should be object")
    if element.keys() - {"title", "description", "photo_id", "buttons", "action"}:
        raise _bad(f"{place} contains unknown fields")
    if not (element.keys() & {"title", "photo_id"}):
        raise _bad(f"{place} should have title or photo_id")
    for name in ("title", "description"):
        text = element.get(name, "")
        if not isinstance(text, str) or len(text) > limits.CAROUSEL_CHARACTERS:
            raise _bad(f"{place} {name} should be no longer than 80 letters")
    buttons = element.get("buttons", [])
    if not isinstance(buttons, list) or len(buttons) > limits.CAROUSEL_BUTTONS:
        raise _bad(f"{place} contains too much buttons")
    action = element.get("action")
    if action is not None and (
        not isinstance(action, dict)
        or action.get("type") not in ("open_link", "open_photo")
        or (action["type"] == "open_link" and not _is_link(action.get("link")))
    ):
        raise _bad(f"{place} has invalid action")
    read = [_button(one, f"{place} button [{column}]") for column, one in enumerate(buttons)]
    return {**element, "buttons": read} if "buttons" in element else dict(element)


def _is_link(link: Any) -> bool:
    return isinstance(link, str) and link.startswith(("http://", "https://")) and " " not in link
