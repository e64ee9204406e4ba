"""Whose number it is, and whether we write to it."""

from __future__ import annotations

from typing import Final
from urllib.parse import quote

import omnigate
from omnigate_sms.config import SmsConfig

SCHEME: Final = "sms"
"""Of senders that have no number: the names of banks and shops, short codes. Nobody can answer them."""

_LONGEST: Final = 40
"""Characters that are looked at: a number has 15 digits, a name 11 letters."""
_SHORT_CODE_DIGITS: Final = 7


def address_of(source: str, region: str) -> omnigate.Address:
    """Return who sent a text: ``tel:`` for a number, ``sms:`` for a name or a short code."""
    source = source.strip()[:_LONGEST]
    number = omnigate.number_of(source, region)
    if number is not None:
        return omnigate.tel(number)
    digits = source.removeprefix("+")
    if digits.isascii() and digits.isdigit() and len(digits) > _SHORT_CODE_DIGITS:
        try:
            return omnigate.tel(f"+{digits}")
        except ValueError:  # not of the form of E.164
            pass
    # Percent signs for all but letters and digits, as in any address of the web.
    return omnigate.Address(
        f"{SCHEME}:{quote(source, safe='', errors='replace') or 'unknown'}"[:480]
    )


def number_of_ours(sender: str | None, region: str) -> str | None:
    """Return the number or short code that customers write to; None where it is a name, or unknown."""
    if sender is None:
        return None
    address = address_of(sender, region)
    return address.path if address.scheme == "tel" or address.path.isdigit() else None


def place_of(address: omnigate.Address) -> str:
    """Return the conversation with an address: the number, or the name."""
    return address.path


class Writable:
    """The numbers that texts may go to; everything else is refused before it costs money."""

    def __init__(self, config: SmsConfig) -> None:
        self._rules = omnigate.NumberRules(
            default_region=config.default_region,
            countries=config.countries,
            allowed_prefixes=config.allowed_prefixes,
            denied_prefixes=config.denied_prefixes,
            refused_types=frozenset(config.refused_types),
        )

    def number(self, address: omnigate.Address) -> str:
        """Return the number of an address in E.164 form.

        Raises:
            omnigate.Refused: it is no number (``bad_address``), no valid one (``bad_number``), of a
                type that is not written to (``number_type``), or in none of the countries and prefixes
                that are (``not_allowed``).
        """
        if address.scheme != "tel":
            raise omnigate.Refused(
                "bad_address",
                f"write tel:+<country><number>, not {address}: only numbers get texts",
            )
        return self._rules.number(address.path)
