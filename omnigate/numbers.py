"""Numbers of telephones: read as people write them, made E.164, and let through by rules or refused.

``phonenumbers`` is an extra and heavy to import: it is brought in where a number has to be read.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import lru_cache
from importlib.util import find_spec
from typing import Annotated, Any, Final, Literal

from pydantic import AfterValidator, StringConstraints

from omnigate.errors import ConfigError, Refused

NumberType = Literal[
    "fixed_line",
    "fixed_line_or_mobile",
    "mobile",
    "pager",
    "personal",
    "premium_rate",
    "shared_cost",
    "toll_free",
    "uan",
    "voicemail",
    "voip",
]
"""Types of numbers as far as their country's plan tells; where it does not, fixed_line_or_mobile."""

ANYWHERE: Final = "*"
"""Stands for all countries; of none are satellites and international networks."""
COSTLY_PREFIXES: Final = ("+870", "+878", "+881", "+882", "+883", "+888", "+979")
"""Beginnings of numbers of no country: satellites, international networks, premium rate. They count as
valid and mobile, and are what fraud dials: they are let through by ``allowed_prefixes`` alone."""

_NO_COUNTRY: Final = "001"
"""The country of `COSTLY_PREFIXES`, as the package has it (the world, by UN M.49)."""
_MOST_DIGITS: Final = 15
"""Digits of a number with its country's (ITU-T E.164). The package has longer ones: Germany's, for one."""
_LONGEST: Final = 40
"""Characters that are looked at."""

_TYPES: Final[dict[NumberType, str]] = {
    "fixed_line": "FIXED_LINE",
    "fixed_line_or_mobile": "FIXED_LINE_OR_MOBILE",
    "mobile": "MOBILE",
    "pager": "PAGER",
    "personal": "PERSONAL_NUMBER",
    "premium_rate": "PREMIUM_RATE",
    "shared_cost": "SHARED_COST",
    "toll_free": "TOLL_FREE",
    "uan": "UAN",
    "voicemail": "VOICEMAIL",
    "voip": "VOIP",
}


def region_codes() -> Collection[str]:
    """Return the countries that numbers can be of; empty when the package is not there to tell."""
    if find_spec("phonenumbers") is None:
        return ()
    import phonenumbers  # noqa: PLC0415  # an extra, and half a second to import

    regions: Collection[str] = phonenumbers.SUPPORTED_REGIONS
    return regions


def check_region(text: str) -> str:
    """Return a country; raises ``ValueError`` for what is none."""
    known = region_codes()
    is_code = len(text) == 2 and text.isascii() and text.isalpha() and text.isupper()
    if not is_code:
        raise ValueError("write a country as two capital letters, for example RU (ISO 3166-1)")
    if known and text not in known:
        raise ValueError(f"no country is called {text}, for example RU is one (ISO 3166-1)")
    return text


def check_country(text: str) -> str:
    """Return a country or the sign for all of them; raises ``ValueError``."""
    return text if text == ANYWHERE else check_region(text)


Region = Annotated[str, AfterValidator(check_region)]
"""A field of a configuration: a country as two letters."""
Country = Annotated[str, AfterValidator(check_country)]
"""A field of a configuration: a country as two letters, or ``*`` for all of them."""
NumberPrefix = Annotated[str, StringConstraints(pattern=r"^\+?[1-9][0-9]{0,14}$")]
"""A field of a configuration: how numbers begin, with or without the plus."""


def require_phonenumbers(extra: str) -> None:
    """Raise `omnigate.ConfigError` naming the extra to install, unless numbers can be read."""
    if find_spec("phonenumbers") is None:
        raise ConfigError(
            "the package phonenumbers is missing, without which no number can be read; "
            f'install it with: pip install "omnigate[{extra}]"'
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class NumberRules:
    """The numbers that may be written to or called; everything else is refused before it costs money.

    Needs the package phonenumbers, see `require_phonenumbers`.
    """

    default_region: str
    """The country of numbers that are written without one."""
    countries: Sequence[str] = ()
    """Countries whose numbers are let through; only the default one when empty, ``*``: all.

    Numbers of no country, of satellites say, are let through by ``allowed_prefixes`` alone.
    """
    allowed_prefixes: Sequence[str] = ()
    """Beginnings that are let through beside the countries; also of numbers too new to be known as valid."""
    denied_prefixes: Sequence[str] = ()
    """Beginnings that never are."""
    types: Collection[NumberType] | None = None
    """Types that are let through; None: all but ``refused_types``."""
    refused_types: Collection[NumberType] = ()

    def number(self, text: str, region: str | None = None) -> str:
        """Return a number in E.164 form; ``region`` is its country if it is written without one.

        Raises:
            omnigate.Refused: it is no valid number (``bad_number``), of a type that is not let through
                (``number_type``), or in none of the countries and prefixes that are (``not_allowed``).
        """
        region = region or self.default_region
        parsed = _parsed(text, region) or self._possible(text, region)
        if parsed is None:
            raise Refused(
                "bad_number",
                f"{text[:_LONGEST]} is no valid number; write it with + and the country's code",
            )
        number = _e164(parsed)
        self._require_place(parsed, number)
        self._require_type(parsed, number)
        return number

    def _require_type(self, parsed: Any, number: str) -> None:
        kind = _type_of(parsed)
        if kind in self.refused_types:
            raise Refused(
                "number_type", f"{number} is a number of type {kind}, listed in refused_types"
            )
        is_new = kind is None and number.removeprefix("+").startswith(_plain(self.allowed_prefixes))
        if self.types is not None and kind not in self.types and not is_new:
            raise Refused(
                "number_type", f"{number} is a number of type {kind or 'unknown'}: not let through"
            )

    def _require_place(self, parsed: Any, number: str) -> None:
        import phonenumbers  # noqa: PLC0415  # as above

        digits = number.removeprefix("+")
        if digits.startswith(_plain(self.denied_prefixes)):
            raise Refused("not_allowed", f"{number} begins as one of denied_prefixes")
        if digits.startswith(_plain(self.allowed_prefixes)):
            return
        country = phonenumbers.region_code_for_number(parsed)
        if country in (None, _NO_COUNTRY):
            raise Refused(
                "not_allowed",
                f"{number} is a number of no country, of a satellite perhaps; if it is to be reached "
                "whatever that costs, add its beginning to allowed_prefixes",
            )
        countries = self.countries or (self.default_region,)
        if ANYWHERE not in countries and country not in countries:
            raise Refused(
                "not_allowed",
                f"{number} is a number of {country}, which is not in countries; add it there, "
                "or the beginning of the number to allowed_prefixes",
            )

    def _possible(self, text: str, region: str) -> Any:
        """Return a number of `allowed_prefixes` that only might be one: the package may be older."""
        parsed = _parsed(text, region, must_be_valid=False)
        if parsed is None or not self.allowed_prefixes:
            return None
        digits = _e164(parsed).removeprefix("+")
        return parsed if digits.startswith(_plain(self.allowed_prefixes)) else None


def read_number(text: str, region: str) -> str | None:
    """Return a number as people write it in E.164 form; ``region`` is its country if it names none.

    None for what is no valid number. Needs the package phonenumbers, see `require_phonenumbers`.
    """
    parsed = _parsed(text, region)
    return _e164(parsed) if parsed is not None else None


@lru_cache(maxsize=4096)
def number_of(source: str, region: str) -> str | None:
    """Return a provider's spelling of a number as E.164: most leave out the plus, some the country.

    None for what is no valid number: a name, a short code, an extension.
    """
    digits = source.removeprefix("+")
    if not digits.isascii() or not digits.isdigit():
        return None
    spellings = [f"+{digits}"] if source.startswith("+") else [f"+{digits}", digits]
    for spelling in spellings:
        number = read_number(spelling, region)
        if number is not None:
            return number
    return None


def _plain(prefixes: Sequence[str]) -> tuple[str, ...]:
    return tuple(prefix.removeprefix("+") for prefix in prefixes)


def _type_of(parsed: Any) -> NumberType | None:
    import phonenumbers  # noqa: PLC0415  # as above

    kind = phonenumbers.number_type(parsed)
    names = (name for name, constant in _TYPES.items() if _constant(constant) == kind)
    return next(names, None)


def _constant(name: str) -> int:
    import phonenumbers  # noqa: PLC0415  # as above

    constant: int = getattr(phonenumbers.PhoneNumberType, name)
    return constant


def _e164(parsed: Any) -> str:
    import phonenumbers  # noqa: PLC0415  # as above

    number: str = phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.E164)
    return number


def _parsed(text: str, region: str, *, must_be_valid: bool = True) -> Any:
    """Return a valid number as the package has it, or one of a possible length, or None."""
    import phonenumbers  # noqa: PLC0415  # as above

    if len(text) > _LONGEST:
        return None
    try:
        parsed = phonenumbers.parse(text, region)
    except phonenumbers.NumberParseException:
        return None
    check = phonenumbers.is_valid_number if must_be_valid else phonenumbers.is_possible_number
    return parsed if check(parsed) and len(_e164(parsed)) <= len("+") + _MOST_DIGITS else None
