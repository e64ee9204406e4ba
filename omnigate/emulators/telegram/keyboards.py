"""Keyboards under messages: what is accepted and what is kept of it.

Source: fact sheet, section 5; ``get_reply_markup``, ``get_keyboard_button`` and
``get_inline_keyboard_button`` of the published server. Refusals that come from behind that server
(the length of callback data, where a number may be asked for) have unverified words.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from omnigate.emulators.telegram.arguments import Arguments
from omnigate.emulators.telegram.errors import Refused, bad_request
from omnigate.emulators.telegram.fields import flag_field, inside, object_field, text_field
from omnigate.emulators.telegram.limits import BUTTONS, CALLBACK_DATA_BYTES

Markup = dict[str, Any]

_STYLES = ("danger", "success", "primary")
_REQUESTS = ("request_contact", "request_location")
_CHOICES = ("request_users", "request_chat", "request_poll", "web_app")


def read_keyboard(arguments: Arguments, chat_type: str, *, business: bool = False) -> Markup | None:
    """Return the keyboard of a call for a chat of this type, none where there is none.

    Raises:
        Refused: it is no keyboard, or not for such a chat
    """
    given = arguments.json("reply_markup", "reply keyboard markup")
    if given is None:
        return None
    if not isinstance(given, dict):
        raise bad_request("Object expected as reply markup")
    if _rows(given, "keyboard", 'Field "keyboard" must be an Array of Arrays'):
        return _reply_keyboard(given, chat_type, business)
    words = 'Field "inline_keyboard" of the InlineKeyboardMarkup must be an Array of Arrays'
    if _rows(given, "inline_keyboard", words):
        return _inline_keyboard(given)
    if flag_field(given, "remove_keyboard"):
        return {"remove_keyboard": True}
    if flag_field(given, "force_reply"):
        return {"force_reply": True} | _placeholder(given)
    return None


def inline_part(markup: Markup | None) -> dict[str, Any]:
    """Return what of a keyboard stands in the message itself: only inline keyboards do."""
    return {"reply_markup": markup} if markup and "inline_keyboard" in markup else {}


def _rows(given: dict[str, Any], name: str, words: str) -> list[list[Any]]:
    rows = given.get(name)
    if rows is None:
        return []
    if not isinstance(rows, list):
        raise bad_request(f'Field "{name}" must be of type Array')
    if not all(isinstance(row, list) for row in rows):
        raise bad_request(words)
    return rows


def _placeholder(given: dict[str, Any]) -> dict[str, Any]:
    text = text_field(given, "input_field_placeholder")
    return {"input_field_placeholder": text} if text else {}


def _reply_keyboard(given: dict[str, Any], chat_type: str, business: bool) -> Markup:
    if chat_type == "channel":
        raise bad_request("Inline keyboard expected")
    if business:
        raise bad_request(
            "BUSINESS_REPLY_MARKUP_INVALID"
        )  # code unverified; the sheet says refused
    rows = _parsed(
        given["keyboard"], "keyboard button", lambda button: _reply_button(button, chat_type)
    )
    flags = ("resize_keyboard", "one_time_keyboard", "is_persistent", "selective")
    return (
        {"keyboard": _counted(rows)}
        | {flag: True for flag in flags if flag_field(given, flag)}
        | _placeholder(given)
    )


def _parsed(
    rows: list[list[Any]], what: str, parse: Callable[[Any], dict[str, Any]]
) -> list[list[dict[str, Any]]]:
    """Parse every button; what is wrong inside one is told as its fault, but not codes."""
    try:
        return [[parse(button) for button in row] for row in rows]
    except Refused as refused:
        words = refused.description.removeprefix("Bad Request: ")
        if words.isupper() or words.endswith("in private chats only"):
            raise
        raise inside(what, refused) from None


def _reply_button(given: Any, chat_type: str) -> dict[str, Any]:
    if isinstance(given, str):
        return {"text": given}
    if not isinstance(given, dict):
        raise bad_request("KeyboardButton must be a String or an Object")
    button: dict[str, Any] = {"text": _text(given)}
    if flag_field(given, "request_contact") and chat_type != "private":
        raise bad_request("Phone number can be requested in private chats only")
    if flag_field(given, "request_location") and chat_type != "private":
        raise bad_request("Location can be requested in private chats only")
    for name in _REQUESTS:
        if flag_field(given, name):
            return button | {name: True}
    for name in _CHOICES:
        if name in given:
            return button | {name: object_field(given, name)}
    return button | _style(given)


def _inline_keyboard(given: dict[str, Any]) -> Markup:
    rows = _parsed(given["inline_keyboard"], "inline keyboard button", _inline_button)
    return {"inline_keyboard": _counted(rows)}


def _inline_button(given: Any) -> dict[str, Any]:
    if not isinstance(given, dict):
        raise bad_request("InlineKeyboardButton must be an Object")
    button: dict[str, Any] = {"text": _text(given)} | _style(given)
    for name in ("url", "callback_data"):
        value = text_field(given, name)
        if value:
            return button | {name: _checked(name, value)}
    for name in ("switch_inline_query", "switch_inline_query_current_chat"):
        if name in given:
            return button | {name: text_field(given, name)}
    for name in ("login_url", "web_app", "copy_text", "switch_inline_query_chosen_chat"):
        if name in given:
            return button | {name: object_field(given, name)}
    for name in ("callback_game", "pay"):
        if name in given:
            return button | {name: given[name]}
    raise bad_request("Text buttons are unallowed in the inline keyboard")


def _checked(name: str, value: str) -> str:
    if name == "callback_data" and len(value.encode()) > CALLBACK_DATA_BYTES:
        raise bad_request("BUTTON_DATA_INVALID")
    if name == "url" and "://" not in value and "." not in value:
        raise bad_request("BUTTON_URL_INVALID")
    return value


def _text(given: dict[str, Any]) -> str:
    text = text_field(given, "text", required=True)
    if not text:
        raise bad_request("BUTTON_TEXT_INVALID")  # unverified
    return text


def _style(given: dict[str, Any]) -> dict[str, Any]:
    style = text_field(given, "style")
    if not style:
        return {}
    if style not in _STYLES:
        raise bad_request("BUTTON_STYLE_INVALID")  # unverified
    return {"style": style}


def _counted(rows: list[list[dict[str, Any]]]) -> list[list[dict[str, Any]]]:
    if sum(map(len, rows)) > BUTTONS:
        raise bad_request("Reply markup is too long")
    return rows
