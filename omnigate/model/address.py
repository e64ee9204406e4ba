"""Addresses: scheme-qualified identities such as ``tel:+79161234567`` or ``telegram:42``."""

from __future__ import annotations

import re
from typing import Any, Final

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, core_schema

_PATTERN: Final = r"^[a-z][a-z0-9+.-]{0,31}:[^\s\x00-\x1f\x7f]{1,480}$"
_ADDRESS: Final = re.compile(_PATTERN)
_NUMBER: Final = re.compile(r"\+[1-9]\d{4,14}")


class Address(str):
    """One identity of a contact: ``scheme:path``. Compares and serialises as the text it is."""

    __slots__ = ()

    def __new__(cls, text: str) -> Address:
        """Check and wrap; raises ``ValueError`` when the text is not ``scheme:path``."""
        if not _ADDRESS.fullmatch(text):
            raise ValueError("an address is scheme:path, for example tel:+79161234567")
        return super().__new__(cls, text)

    @property
    def scheme(self) -> str:
        """What kind of identity it is: ``tel``, ``mailto``, ``webchat`` …"""
        return self.partition(":")[0]

    @property
    def path(self) -> str:
        """The identity within its scheme: the number, the mailbox, the user id."""
        return self.partition(":")[2]

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        text = core_schema.no_info_after_validator_function(
            cls, core_schema.str_schema(strip_whitespace=True, max_length=512)
        )
        # What is an address already is not taken apart again.
        return core_schema.json_or_python_schema(
            json_schema=text,
            python_schema=core_schema.union_schema(
                [core_schema.is_instance_schema(cls), text], mode="left_to_right"
            ),
        )

    @classmethod
    def __get_pydantic_json_schema__(
        cls, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        return {"type": "string", "pattern": _PATTERN, "examples": ["tel:+79161234567"]}


def tel(number: str) -> Address:
    """Return the address of a phone number in E.164 form, with its leading plus.

    Raises ``ValueError`` for anything else: parsing what people type is the channel's work.
    Source: RFC 3966, ITU-T E.164.
    """
    if not _NUMBER.fullmatch(number):
        raise ValueError("a phone number is written +<country><number>, digits only")
    return Address(f"tel:{number}")


def mailto(mailbox: str) -> Address:
    """Return the address of a mailbox; the domain is folded to lower case, the local part kept.

    Source: RFC 5321 section 2.4, RFC 6068.
    """
    local, at, domain = mailbox.strip().rpartition("@")
    if not (local and at and domain):
        raise ValueError("a mailbox is written name@domain")
    return Address(f"mailto:{local}@{domain.lower()}")
