"""What an operator tells Omnigate about a channel of texts."""

from __future__ import annotations

import re
from collections.abc import Sequence
from decimal import Decimal
from typing import Annotated, Final, Literal, Self

from pydantic import (
    AfterValidator,
    ConfigDict,
    Field,
    StringConstraints,
    model_validator,
)

import omnigate
from omnigate_sms import gsm, stopwords
from omnigate_sms.limits import Limits
from omnigate_sms.links.description import CustomConfig
from omnigate_sms.links.exolve import ExolveConfig
from omnigate_sms.links.jasmin import JasminConfig
from omnigate_sms.links.kannel import KannelConfig
from omnigate_sms.links.smsaero import SmsAeroConfig
from omnigate_sms.links.smscru import SmscRuConfig
from omnigate_sms.links.twilio import TwilioConfig
from omnigate_sms.links.vonage import VonageConfig
from omnigate_sms.segments import MOST_SEGMENTS, WidthBits
from omnigate_sms.smpp.config import SmppConfig

LinkName = Literal[
    "smpp", "kannel", "jasmin", "twilio", "vonage", "smscru", "smsaero", "exolve", "custom"
]

RefusedType = Literal[
    "fixed_line",
    "pager",
    "personal",
    "premium_rate",
    "shared_cost",
    "toll_free",
    "uan",
    "voicemail",
    "voip",
]
"""Types of numbers that can be refused: those that can be told apart from mobile ones."""

AT_ONCE: Final = 20
"""Texts that are sent at once, where the window of an SMSC does not ask for more."""
NAME_CHARACTERS: Final = 11
"""Most that phones show of a name in the place of a number (3GPP TS 23.040 section 9.1.2.5)."""

CODE: Final = "{code}"
"""Where the token of a handover stands in a text."""

_NUMBER: Final = re.compile(r"\+?[0-9]{2,15}")


def check_sender(text: str) -> str:
    """Return a number, a short code or a name that texts can come from; raises ``ValueError``."""
    if _NUMBER.fullmatch(text):
        return text
    if not gsm.is_gsm(text) or len(gsm.encode(text)) > NAME_CHARACTERS or text != text.strip():
        raise ValueError(
            f"a sender is a number of at most 15 digits, or a name of at most {NAME_CHARACTERS} Latin "
            "letters and digits"
        )
    return text


def check_handover_text(text: str) -> str:
    """Return a text with a place for the code; raises ``ValueError``."""
    if text.count(CODE) != 1:
        raise ValueError(f"the text has to have {CODE} in it, once")
    before, _, after = text.partition(CODE)
    if (before[-1:] + after[:1]).strip(' .,:;!?#"()').strip():
        raise ValueError(f"leave a blank before and after {CODE}, so that it can be told apart")
    return text


Word = Annotated[str, StringConstraints(min_length=1, max_length=stopwords.LONGEST)]
Confirmation = Annotated[
    str, StringConstraints(min_length=1, max_length=300, strip_whitespace=True)
]


class SmsConfig(omnigate.ChannelConfig):
    """Who carries the texts, from whom, to whom, and how many."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "link": "smpp",
                    "sender": "Shop",
                    "default_region": "RU",
                    "smpp": {"host": "smsc.example.org", "system_id": "shop"},
                }
            ]
        }
    )

    priority: omnigate.Priority = 50
    response_target_seconds: omnigate.ResponseTarget = 90.0
    link: LinkName = Field(
        description="How texts are carried: smpp, or a gateway or provider; its own table says where."
    )
    default_region: omnigate.Region = Field(
        description="Country (two letters) that numbers written without + are of.", examples=["RU"]
    )
    sender: Annotated[Annotated[str, AfterValidator(check_sender)] | None, omnigate.Asked()] = (
        Field(
            None,
            description=(
                "Number, short code or registered name that texts come from. A name cannot be answered. "
                "Leave it out only where the provider chooses."
            ),
        )
    )
    smpp: Annotated[SmppConfig | None, omnigate.Asked(when=("link=smpp",))] = Field(
        None, description="SMPP 3.4, to an operator's SMSC or an aggregator."
    )
    kannel: Annotated[KannelConfig | None, omnigate.Asked(when=("link=kannel",))] = Field(
        None, description="Kannel's smsbox."
    )
    jasmin: Annotated[JasminConfig | None, omnigate.Asked(when=("link=jasmin",))] = Field(
        None, description="Jasmin's HTTP API."
    )
    twilio: Annotated[TwilioConfig | None, omnigate.Asked(when=("link=twilio",))] = Field(
        None, description="Twilio."
    )
    vonage: Annotated[VonageConfig | None, omnigate.Asked(when=("link=vonage",))] = Field(
        None, description="Vonage's SMS API."
    )
    smscru: Annotated[SmscRuConfig | None, omnigate.Asked(when=("link=smscru",))] = Field(
        None, description="SMSC.ru."
    )
    smsaero: Annotated[SmsAeroConfig | None, omnigate.Asked(when=("link=smsaero",))] = Field(
        None, description="SMS Aero."
    )
    exolve: Annotated[ExolveConfig | None, omnigate.Asked(when=("link=exolve",))] = Field(
        None, description="MTS Exolve."
    )
    custom: Annotated[CustomConfig | None, omnigate.Asked(when=("link=custom",))] = Field(
        None, description="Any other provider that takes texts by HTTP, described here."
    )
    max_segments: int = Field(
        6,
        ge=1,
        le=MOST_SEGMENTS,
        description="Segments of one text at most; what is longer is sent as several texts.",
    )
    price_per_segment: Decimal | None = Field(
        None,
        ge=0,
        max_digits=12,
        decimal_places=6,
        description="What a segment costs, for estimates; nothing is charged by it.",
    )
    currency: str | None = Field(
        None, pattern=r"^[A-Z]{3}$", description="Of price_per_segment, for example RUB (ISO 4217)."
    )
    validity_seconds: int | None = Field(
        None,
        ge=60,
        le=7 * 24 * 3600,
        description="How long operators try to deliver a text; theirs to say when not set.",
    )
    countries: list[omnigate.Country] = Field(
        [],
        description=(
            'Countries whose numbers texts are sent to; only default_region when empty, ["*"] for all. '
            "Numbers abroad are how messages are pumped for money."
        ),
    )
    allowed_prefixes: list[omnigate.NumberPrefix] = Field(
        [],
        description="Beginnings of numbers that are sent to beside countries, such as +7701; also of numbers "
        "too new to be known as valid.",
    )
    denied_prefixes: list[omnigate.NumberPrefix] = Field(
        [], description="Beginnings of numbers that are never sent to."
    )
    refused_types: list[RefusedType] = Field(
        ["pager", "premium_rate", "shared_cost", "uan", "voicemail"],
        description="Types of numbers that are never sent to: those that cost more or reach no phone.",
    )
    limits: Limits = Field(Limits(), description="How much is sent at most.")
    stop_words: list[Word] = Field(
        list(stopwords.STOP),
        max_length=100,
        description="Texts of nothing but one of these block the contact: nothing more is sent to it.",
    )
    start_words: list[Word] = Field(
        list(stopwords.START),
        max_length=100,
        description="Texts of nothing but one of these take that back.",
    )
    stop_reply: Confirmation | None = Field(
        None,
        description="Text that confirms to somebody, once, that nothing more is sent to them; none: nothing "
        "is said. Leave it out where the provider answers by itself.",
    )
    start_reply: Confirmation | None = Field(
        None,
        description="Text that confirms to somebody, once, that texts are sent to them again; none: nothing "
        "is said.",
    )
    handover_text: Annotated[
        str, StringConstraints(min_length=1, max_length=100), AfterValidator(check_handover_text)
    ] = Field(
        CODE,
        description="Text that customers send to carry on here from another channel; {code} stands for the "
        "code that tells who they are.",
    )
    verified_senders: bool = Field(
        False,
        description="Take numbers that texts come from for proven. Only where your provider vouches for "
        "them: texts can be sent in the name of any number, and could make their sender one contact "
        "with whoever has the number.",
    )
    incomplete_after_seconds: float = Field(
        1200.0,
        ge=1,
        le=24 * 3600,
        description="How long the pieces of a long text are waited for; then it is handed on as it is.",
    )
    allow_private: Annotated[
        list[omnigate.PrivateNetwork],
        omnigate.Asked(again=True, when=("link=kannel", "link=jasmin", "link=custom")),
    ] = Field(
        [],
        description=(
            "Networks (CIDR) besides the public internet where the gateway may be; only there is http:// "
            "accepted. A Kannel on the same machine needs 127.0.0.0/8."
        ),
    )
    ca_file: omnigate.AuthoritiesFile | None = Field(
        None, description="PEM file with the authorities that vouch for the gateway's certificate."
    )

    @model_validator(mode="after")
    def _link_has_its_table(self) -> Self:
        given = self._given()
        if self.link not in given:
            # What is there may be what is meant: the name of the link is the slip then.
            meant = f', or set link = "{given[0]}", whose table is there' if given else ""
            raise ValueError(
                f"link is {self.link} and has no table: add [channels.<name>.{self.link}]{meant}"
            )
        return self

    @model_validator(mode="after")
    def _no_other_link(self) -> Self:
        given = self._given()
        others = [name for name in given if name != self.link]
        spare = others if self.link in given else others[1:]
        if spare:
            tables = f"tables {' and '.join(spare)}" if spare[1:] else f"table {spare[0]}"
            which = "one of them" if spare[1:] else "it"
            raise ValueError(f"link is {self.link}: remove the {tables}, or set link to {which}")
        return self

    @model_validator(mode="after")
    def _no_wishes_to_stop_of_our_own(self) -> Self:
        self._check_wish("stop_reply", self.stop_reply)
        return self

    @model_validator(mode="after")
    def _no_wishes_to_start_of_our_own(self) -> Self:
        self._check_wish("start_reply", self.start_reply)
        return self

    @model_validator(mode="after")
    def _priced(self) -> Self:
        if (self.price_per_segment is None) != (self.currency is None):
            raise ValueError("price_per_segment and currency belong together: give both or none")
        return self

    @staticmethod
    def tables() -> Sequence[str]:
        """Return the names of all links."""
        return LinkName.__args__  # type: ignore[attr-defined,no-any-return]  # of a Literal

    def _given(self) -> Sequence[str]:
        """Return the names of the links whose tables are there."""
        return [name for name in self.tables() if getattr(self, name) is not None]

    def _check_wish(self, name: str, text: str | None) -> None:
        # A machine that sends texts back would change its wish with each of ours.
        wish = stopwords.Words(self.stop_words, self.start_words).wish(text)
        if wish is not None:
            raise ValueError(
                f"{name}: the text is one of {wish}_words itself; say it in a sentence"
            )

    @property
    def sender_id(self) -> str:
        """Return the sender as links take it: a number without its plus; empty where there is none."""
        return (self.sender or "").removeprefix("+")

    @property
    def concurrency(self) -> int:
        """Return how many texts are sent at once: fewer would not fill the window."""
        return max(AT_ONCE, self.smpp.window) if self.smpp is not None else AT_ONCE

    def only_ucs2(self, text: str) -> bool:
        """Tell whether the operator's alphabet lacks a character of a text that GSM's own has."""
        return self.smpp is not None and self.smpp.lacks(text)

    @property
    def width_bits(self) -> WidthBits:
        """Return how wide the reference of long texts is, which takes room from them."""
        wide = self.smpp is not None and self.smpp.long_messages in ("udh16", "sar")
        return 16 if wide else 8
