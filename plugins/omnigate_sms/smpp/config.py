"""What the SMPP link can be told."""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from typing import Annotated, Final, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr, model_validator

import omnigate

LongMessages = Literal["udh8", "udh16", "sar", "payload"]
Alphabet = Literal["gsm", "latin1", "ascii"]
IdForm = Literal["same", "hex_to_dec", "dec_to_hex"]

CHARSETS: Final[Mapping[Alphabet, str]] = {"latin1": "latin-1", "ascii": "ascii"}
"""Of alphabets that are not GSM's own."""

PLAIN_PORT: Final = 2775
"""Registered with IANA for SMPP."""


def _ascii(value: SecretStr) -> SecretStr:
    # Unwrapped to be checked; the error does not show it.
    if not value.get_secret_value().isascii() or "\0" in value.get_secret_value():
        raise ValueError("the password must be ASCII")
    return value


class SmppConfig(BaseModel):
    """The table ``smpp`` of an SMS channel: how to bind to the operator's SMSC, and its ways."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    host: str = Field(min_length=1, max_length=255, description="Name or address of the SMSC.")
    port: Annotated[int, omnigate.Asked(again=True)] = Field(
        PLAIN_PORT, ge=1, le=65535, description="Its port; 3550 is usual with TLS."
    )
    tls: Annotated[bool, omnigate.Asked(again=True)] = Field(
        False,
        description="Speak TLS. Off by default because most operators offer SMPP inside a VPN only.",
    )
    ca_file: Annotated[omnigate.AuthoritiesFile | None, omnigate.Asked(again=True)] = Field(
        None, description="PEM file with the authorities that vouch for the SMSC's certificate."
    )
    system_id: str = Field(
        min_length=1, max_length=15, pattern=r"^[\x21-\x7e]+$", description="Our name there."
    )
    password: Annotated[SecretStr, AfterValidator(_ascii)] = Field(
        max_length=64,
        description="Our password there. The standard allows 8 characters; some give out more.",
    )
    system_type: Annotated[str, omnigate.Asked(again=True)] = Field(
        "", max_length=12, pattern=r"^[\x20-\x7e]*$", description="Only if the operator names one."
    )
    address_range: str = Field(
        "",
        max_length=40,
        pattern=r"^[\x20-\x7e]*$",
        description="Numbers whose texts we want, if the operator asks for an expression.",
    )
    bind: Annotated[Literal["transceiver", "separate"], omnigate.Asked(again=True)] = Field(
        "transceiver",
        description=(
            "One session for both ways, or a transmitter and a receiver where the operator wants so."
        ),
    )
    window: int = Field(
        10,
        ge=1,
        le=100,
        description="Requests that may be unanswered at once; operators set a most.",
    )
    rate_per_second: float = Field(
        10.0,
        gt=0,
        le=10_000,
        description="Segments sent per second. Operators grant 10 to 100, as a rule; ask yours.",
    )
    response_timeout_seconds: float = Field(
        30.0,
        gt=0,
        le=30,
        description=(
            "How long an answer may take. A text whose answer did not come may have been sent: it is "
            "not sent again by itself."
        ),
    )
    bind_timeout_seconds: float = Field(
        5.0, gt=0, le=60, description="How long connecting, and then binding, may take."
    )
    enquire_link_seconds: float = Field(
        30.0, gt=0, le=600, description="Silence after which the SMSC is asked whether it is there."
    )
    enquire_timeout_seconds: float = Field(
        15.0, gt=0, le=60, description="How long it may take to say so before we connect anew."
    )
    already_bound_seconds: float = Field(
        180.0,
        ge=0,
        le=3600,
        description=(
            "How long a bind refused as already bound is tried again: the SMSC may not have noticed "
            "yet that an earlier connection is gone."
        ),
    )
    long_messages: LongMessages = Field(
        "udh8",
        description=(
            "How the pieces of a long text say where they belong: user data header with an 8-bit or "
            "16-bit reference, sar parameters, or the whole in one message_payload."
        ),
    )
    default_alphabet: Alphabet = Field(
        "gsm",
        description=(
            "What the SMSC takes data_coding 0 for: GSM 03.38 with a septet per octet, Latin-1 or "
            "ASCII. What it has no character for goes as UCS-2."
        ),
    )
    dlr_id: IdForm = Field(
        "same",
        description=(
            "How ids in receipts differ from those given when a text was taken: hex_to_dec where the "
            "answer is hexadecimal and the receipt decimal, dec_to_hex the other way round."
        ),
    )
    registered_delivery: int = Field(
        1, ge=0, le=31, description="Which receipts to ask for: 0 none, 1 all, 2 only of failures."
    )
    user_message_reference: Literal["auto", "on", "off"] = Field(
        "auto",
        description=(
            "Whether segments bear a number of ours in the parameter user_message_reference. An SMSC that "
            "gives it back in receipts tells so what became of a text whose answer was lost. auto: where the "
            "SMSC says at the bind that it speaks version 3.4."
        ),
    )
    service_type: str = Field(
        "", max_length=5, pattern=r"^[\x20-\x7e]*$", description="Only if the operator names one."
    )
    source_ton: int | None = Field(
        None,
        ge=0,
        le=7,
        description="Type of our number; by its looks (international, name, short code) if not set.",
    )
    source_npi: int | None = Field(
        None, ge=0, le=18, description="Numbering plan of our number; by its looks if not set."
    )
    short_code_ton: int = Field(
        3,
        ge=0,
        le=7,
        description="Type of our number if it is a short code: 3, 0 or 6 by operator.",
    )
    destination_ton: int = Field(1, ge=0, le=7, description="Type of customers' numbers.")
    destination_npi: int = Field(1, ge=0, le=18, description="Numbering plan of their numbers.")

    @model_validator(mode="after")
    def _authorities_are_for_tls(self) -> SmppConfig:
        if self.ca_file is not None and not self.tls:
            raise ValueError("ca_file is of use only with tls = true; set it or remove ca_file")
        return self

    def lacks(self, text: str) -> bool:
        """Tell whether the default alphabet lacks a character of a text, which goes as UCS-2 then.

        What GSM itself lacks is not asked here: that goes as UCS-2 with every operator.
        """
        charset = CHARSETS.get(self.default_alphabet)
        if charset is None:
            return False
        try:
            text.encode(charset)
        except UnicodeEncodeError:
            return True
        return False

    def tls_context(self) -> ssl.SSLContext | None:
        """Return what the SMSC's certificate is verified with; None without TLS."""
        return ssl.create_default_context(cafile=self.ca_file) if self.tls else None
