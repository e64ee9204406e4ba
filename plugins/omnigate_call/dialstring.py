"""What a switch is told to dial: written by the operator, with room for a number and nothing else.

``&`` rings several phones, ``,`` begins an option and ``@`` names the trunk: a dial string is a small
language, and a customer's number stands in it. So the number is plus and digits, here once more, and
templates are checked when the configuration is read.
"""

from __future__ import annotations

import re
from typing import Annotated, Final

from pydantic import AfterValidator

_ENDPOINT: Final = re.compile(r"[A-Za-z][A-Za-z0-9]{0,19}/[A-Za-z0-9_.@:+/-]{1,100}", re.ASCII)
_HOLE: Final = re.compile(r"\{(number|digits)\}")
_NUMBER: Final = re.compile(r"\+[1-9][0-9]{4,14}", re.ASCII)


def check_endpoint(text: str) -> str:
    """Return one phone as a switch names it; raises ``ValueError`` for anything else."""
    if not _ENDPOINT.fullmatch(text):
        raise ValueError(
            "write one phone as PJSIP/100 or Local/100@office: technology, slash, name"
        )
    return text


def check_template(text: str) -> str:
    """Return how customers are dialled; raises ``ValueError`` unless it has one place for the number."""
    holes = _HOLE.findall(text)
    if len(holes) != 1 or not _ENDPOINT.fullmatch(_HOLE.sub("0", text)):
        raise ValueError(
            "write how customers are dialled as PJSIP/{number}@trunk: {number} has the plus, {digits} "
            "has not, and one of them has to be there"
        )
    return text


Endpoint = Annotated[str, AfterValidator(check_endpoint)]
Template = Annotated[str, AfterValidator(check_template)]


def filled(template: str, number: str) -> str:
    """Return a template with a number in it; raises ``ValueError`` for a number that is not E.164."""
    if not _NUMBER.fullmatch(number):
        raise ValueError("a number that is dialled is a plus and digits")
    return template.replace("{number}", number).replace("{digits}", number[1:])


def lasting(endpoint: str) -> str:
    """Return an endpoint whose channel is there for as long as the call.

    Once both sides of a channel through the dial plan (``Local/…``) are bridged, the switch takes it out of
    the way and hangs it up, while the two go on talking: option ``n`` keeps it.

    Source: Asterisk 22 "Local Channel Modifiers" (docs.asterisk.org, read 2026-11-22); 16.28 does so.
    """
    technology, _, rest = endpoint.partition("/")
    if technology.lower() != "local":
        return endpoint
    place, _, options = rest.partition("/")
    return endpoint if "n" in options else f"{technology}/{place}/{options}n"
