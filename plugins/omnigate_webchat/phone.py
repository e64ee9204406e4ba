"""Phone numbers as people type them, made E.164.

``phonenumbers`` is an extra and heavy to import: it is brought in where a number has to be read.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from functools import cache
from importlib.util import find_spec
from typing import Final

import omnigate

_NUMBER: Final = re.compile(r"[+(]?[\d() ./\u00a0\u2010-\u2015-]{3,38}", re.ASCII)
"""What people type; anything else is no telephone number, whatever a reader would make of it."""


def looks_like_number(text: str) -> bool:
    """Tell whether the text has nothing in it but what numbers are written with."""
    return _NUMBER.fullmatch(text) is not None


def dial_codes(regions: Collection[str] | None) -> list[tuple[str, str]]:
    """Return the dialling codes of regions, of all that there are without any.

    Of regions that share a code the one that it is known for comes first: RU before KZ.
    """
    return [(one, code) for one, code in _all_codes().items() if regions is None or one in regions]


@cache
def _all_codes() -> dict[str, str]:
    if not is_available():
        return {}
    import phonenumbers  # noqa: PLC0415  # an extra, and half a second to import

    # Each code's main country is the first of its regions there.
    coded = phonenumbers.COUNTRY_CODE_TO_REGION_CODE.items()
    known = phonenumbers.SUPPORTED_REGIONS
    return {one: str(code) for code, regions in coded for one in regions if one in known}


def e164(text: str, default_region: str) -> str | None:
    """Return the number in E.164 form, or None when it is not a valid number.

    Numbers without a country are read as those of the region. Without the ``phonenumbers`` package
    nothing is valid; `is_available` tells.
    """
    return omnigate.read_number(text, default_region) if is_available() else None


def is_available() -> bool:
    """Tell whether the ``phonenumbers`` package is installed."""
    return find_spec("phonenumbers") is not None
