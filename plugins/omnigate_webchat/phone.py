"""Phone numbers as people type them, made E.164.

``phonenumbers`` is an extra and heavy to import: it is brought in where a number has to be read.
"""

from __future__ import annotations

from importlib.util import find_spec


def e164(text: str, default_region: str) -> str | None:
    """Return the number in E.164 form, or None when it is not a valid number.

    Numbers without a country are read as those of the region. Without the ``phonenumbers`` package
    nothing is valid; `is_available` tells.
    """
    if not is_available() or len(text) > 40:
        return None
    import phonenumbers  # noqa: PLC0415  # an extra, and half a second to import

    try:
        number = phonenumbers.parse(text, default_region)
    except phonenumbers.NumberParseException:
        return None
    if not phonenumbers.is_valid_number(number):
        return None
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


def is_available() -> bool:
    """Tell whether the ``phonenumbers`` package is installed."""
    return find_spec("phonenumbers") is not None
