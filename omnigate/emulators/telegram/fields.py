"""Fields of the JSON objects inside arguments, with the refusals of the published server.

A number is taken for a text and a text of digits for a number, as there (``JsonObject``); the words
for other types are unverified in their details.
"""

from __future__ import annotations

from typing import Any

from omnigate.emulators.telegram.errors import Refused, bad_request

Json = dict[str, Any]


def text_field(given: Json, name: str, *, required: bool = False) -> str:
    """Return a text, empty where it is not given; raises ``Refused``."""
    value = _value(given, name, required)
    if value is None:
        return ""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise bad_request(f'Field "{name}" must be of type String')
    return _whole(str(value))


def integer_field(given: Json, name: str, *, required: bool = False) -> int:
    """Return a whole number, 0 where it is not given; raises ``Refused``."""
    value = _value(given, name, required)
    if value is None:
        return 0
    try:
        number = (
            int(value) if isinstance(value, str | int) and not isinstance(value, bool) else None
        )
    except ValueError:
        number = None
    if number is None or not -(2**31) <= number < 2**31:
        raise bad_request(f'Field "{name}" must be a valid Number')
    return number


def flag_field(given: Json, name: str) -> bool:
    """Return whether a flag is set; raises ``Refused`` where it is no boolean."""
    value = given.get(name)
    if value is None:
        return False
    if not isinstance(value, bool):
        raise bad_request(f'Field "{name}" must be of type Boolean')
    return value


def object_field(given: Json, name: str) -> Json:
    """Return an object that has to be there; raises ``Refused``."""
    value = _value(given, name, True)
    if not isinstance(value, dict):
        raise bad_request(f'Field "{name}" must be of type Object')
    return value


def inside(what: str, refused: Refused) -> Refused:
    """Return the refusal of a part as the refusal of the whole: ``can't parse …: …``."""
    words = refused.description.removeprefix("Bad Request: ")
    return bad_request(f"Can't parse {what}: {words[0].upper()}{words[1:]}")


def _value(given: Json, name: str, required: bool) -> Any:
    value = given.get(name)
    if value is None and required:
        raise bad_request(f'Can\'t find field "{name}"')
    return value


def _whole(text: str) -> str:
    """Return the text as the server takes it: halves of characters are no UTF-8."""
    if any(0xD800 <= ord(char) <= 0xDFFF for char in text):
        raise bad_request("strings must be encoded in UTF-8")
    return text
