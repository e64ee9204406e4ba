"""What an operator tells Omnigate about calls: through whom, by whom, to whom, when and how many."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Literal, Self

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationInfo,
    field_validator,
    model_validator,
)

import omnigate
from omnigate_call.agents import Agent, Agents, Number, check_phones, first_there
from omnigate_call.ami.config import AmiConfig
from omnigate_call.ari.config import AriConfig
from omnigate_call.providers.config import (
    ExolveConfig,
    MangoConfig,
    NovofonConfig,
    NovofonOldConfig,
    SipuniConfig,
    TwilioConfig,
    ZadarmaConfig,
)

DriverName = Literal[
    "ari", "ami", "zadarma", "mango", "sipuni", "exolve", "novofon", "novofon_old", "twilio"
]

RetriedEnd = Literal[
    "agent_no_answer",
    "agent_busy",
    "customer_no_answer",
    "customer_busy",
    "customer_rejected",
    "failed",
]

Language = Annotated[str, StringConstraints(pattern=r"^([a-z]{2}|\*)$")]
ConsentText = Annotated[str, StringConstraints(min_length=1, max_length=1000)]


class Limits(BaseModel):
    """How many calls are asked for and placed, for each hour and day of the clock (UTC); 0 sets no limit."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    per_number_per_hour: int = Field(2, ge=0, description="Calls asked for to one number.")
    per_number_per_day: int = Field(5, ge=0, description="Calls asked for to one number.")
    per_address_per_hour: int = Field(
        3, ge=0, description="Calls that customers of one network address ask for."
    )
    per_address_per_day: int = Field(
        10, ge=0, description="Calls that customers of one network address ask for."
    )
    per_site_per_hour: int = Field(
        60, ge=0, description="Calls that customers of one site ask for."
    )
    calls_per_day: int = Field(
        300, ge=0, description="Attempts of the whole channel in a day, with those after the first."
    )
    minutes_per_day: int = Field(
        900,
        ge=0,
        description="Minutes of the whole channel in a day: the most that a day can cost, give or take "
        "the calls under way.",
    )


class CallConfig(omnigate.ChannelConfig):
    """Through whom calls are placed, who takes them, whom they may reach, when and how many."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "driver": "ari",
                    "agents": {"sales": "PJSIP/100"},
                    "default_region": "RU",
                    "allow_private": ["127.0.0.0/8"],
                    "ari": {
                        "url": "http://127.0.0.1:8088",
                        "username": "omnigate",
                        "customer_endpoint": "PJSIP/{number}@trunk",
                    },
                }
            ]
        }
    )

    driver: DriverName = Field(
        description="How calls are placed: by an Asterisk of yours (ari, or ami where it offers only that) "
        "or by a provider; its own table says where."
    )
    default_region: omnigate.Region = Field(
        description="Country (two letters) of numbers that are written without one.",
        examples=["RU"],
    )
    agents: Agents = Field(
        min_length=1,
        max_length=1000,
        description="Whose phones ring for the company, by name (letters, digits, _ and -): an Asterisk's "
        "endpoint, or for providers a number or an extension.",
        examples=[{"sales": "PJSIP/100"}],
    )
    caller_id: Annotated[Number | None, omnigate.Asked()] = Field(
        None,
        description="The number that customers see, one of yours; left to the switch when not set.",
        examples=["+74951234567"],
    )
    order: Literal["agent_first", "customer_first"] = Field(
        "agent_first",
        description="Whose phone rings first. With the agent first no customer hears an empty line.",
    )
    ari: Annotated[AriConfig | None, omnigate.Asked(when=("driver=ari",))] = Field(
        None, description="An Asterisk, by its REST interface."
    )
    ami: Annotated[AmiConfig | None, omnigate.Asked(when=("driver=ami",))] = Field(
        None, description="An Asterisk, by its manager interface."
    )
    zadarma: Annotated[ZadarmaConfig | None, omnigate.Asked(when=("driver=zadarma",))] = Field(
        None, description="Zadarma: keys of its API."
    )
    mango: Annotated[MangoConfig | None, omnigate.Asked(when=("driver=mango",))] = Field(
        None, description="Mango Office: key and salt of its API."
    )
    sipuni: Annotated[SipuniConfig | None, omnigate.Asked(when=("driver=sipuni",))] = Field(
        None, description="Sipuni: the account and its key."
    )
    exolve: Annotated[ExolveConfig | None, omnigate.Asked(when=("driver=exolve",))] = Field(
        None, description="MTS Exolve: the key and the callback resource."
    )
    novofon: Annotated[NovofonConfig | None, omnigate.Asked(when=("driver=novofon",))] = Field(
        None, description="Novofon: key of the Call API of platform 2.0."
    )
    novofon_old: Annotated[
        NovofonOldConfig | None, omnigate.Asked(when=("driver=novofon_old",))
    ] = Field(None, description="Novofon: keys of its first API.")
    twilio: Annotated[TwilioConfig | None, omnigate.Asked(when=("driver=twilio",))] = Field(
        None, description="Twilio: the account and a number of it."
    )
    hours: omnigate.Hours | None = Field(
        None,
        description="When calls are placed; what is asked for at other times waits. Unset: always.",
    )
    countries: list[omnigate.Country] = Field(
        [],
        description="Countries whose numbers are called; only default_region when empty, "
        '["*"] for all. Numbers abroad are what fraud dials.',
    )
    allowed_prefixes: list[omnigate.NumberPrefix] = Field(
        [], description="Beginnings of numbers that are called beside countries, such as +7701."
    )
    denied_prefixes: list[omnigate.NumberPrefix] = Field(
        [*omnigate.COSTLY_PREFIXES, "+7809", "+1900"],
        description="Beginnings of numbers that are never called: satellites and premium rate.",
    )
    number_types: list[omnigate.NumberType] = Field(
        ["fixed_line", "mobile", "fixed_line_or_mobile"],
        min_length=1,
        description="Types of numbers that are called.",
    )
    do_not_call: list[Number] = Field(
        [], description="Numbers that are never called, beside your own."
    )
    limits: Limits = Field(Limits(), description="How many calls are asked for and placed.")
    concurrency: int = Field(
        5, ge=1, le=1000, description="Calls at once, at most; never more than agents have lines."
    )
    ring_seconds: int = Field(30, ge=5, le=180, description="How long each phone rings.")
    max_call_seconds: int = Field(
        3600, ge=30, le=6 * 3600, description="The longest talk; then it is cut off."
    )
    retry_after_seconds: list[Annotated[float, Field(ge=1, le=7 * 24 * 3600)]] = Field(
        [300, 900],
        max_length=10,
        description="How long after a try that reached nobody the next one is, one for each; [] for none.",
    )
    retry_on: list[RetriedEnd] = Field(
        ["agent_no_answer", "agent_busy", "customer_no_answer", "customer_busy", "failed"],
        description="Ends of a try after which there is another.",
    )
    expire_after_seconds: float = Field(
        2 * 3600,
        ge=60,
        le=7 * 24 * 3600,
        description="How long after the moment for which it was asked a call is given up.",
    )
    ahead_days: int = Field(
        14,
        ge=1,
        le=60,
        description="How far ahead a call may be asked for, at most. Who asks for no moment waits for the "
        "next opening, however far that is.",
    )
    record: bool = Field(
        False,
        description="Record the talks. Tell your customers: put it into consent.",
    )
    consent: dict[Language, ConsentText] = Field(
        {},
        description="What has to be agreed to before a call, by language, * for any other; "
        "without that no call is placed.",
        examples=[{"ru": "Разговор будет записан.", "*": "The call will be recorded."}],
    )
    allow_private: list[omnigate.PrivateNetwork] = Field(
        [],
        description="Networks (CIDR) besides the public internet where the switch may be; only there is "
        "http:// accepted. An Asterisk on the same machine needs 127.0.0.0/8.",
    )
    ca_file: omnigate.AuthoritiesFile | None = Field(
        None, description="PEM file with the authorities that vouch for the switch's certificate."
    )

    @field_validator("agents")
    @classmethod
    def _agents_can_be_rung(
        cls, agents: dict[str, Agent], known: ValidationInfo
    ) -> dict[str, Agent]:
        """Refuse agents without a phone that the driver rings; a driver with a mistake rings nobody."""
        driver = known.data.get("driver")
        return agents if driver is None else check_phones(agents, driver)

    @model_validator(mode="after")
    def _driver_has_its_table(self) -> Self:
        given = self._given()
        if self.driver not in given:
            # What is there may be what is meant: the name of the driver is the slip then.
            meant = f", or set driver to {given[0]}, whose table is there" if given else ""
            raise ValueError(f"driver is {self.driver}: add its table, {self.driver}{meant}")
        return self

    @model_validator(mode="after")
    def _no_other_driver(self) -> Self:
        given = self._given()
        others = [name for name in given if name != self.driver]
        spare = others if self.driver in given else others[1:]
        if spare:
            tables = f"tables {' and '.join(spare)}" if spare[1:] else f"table {spare[0]}"
            which = "one of them" if spare[1:] else "it"
            raise ValueError(
                f"driver is {self.driver}: remove the {tables}, or set driver to {which}"
            )
        return self

    @model_validator(mode="after")
    def _recorded_with_consent(self) -> Self:
        if self.record and not self.consent:
            raise ValueError("record needs consent: the text by which customers agree to it")
        return self

    @staticmethod
    def tables() -> Sequence[str]:
        """Return the names of all drivers."""
        return DriverName.__args__  # type: ignore[attr-defined,no-any-return]  # of a Literal

    def _given(self) -> Sequence[str]:
        """Return the names of the drivers whose tables are there."""
        return [name for name in self.tables() if getattr(self, name) is not None]

    def opening(self, moment: datetime, agents: Sequence[Agent] | None = None) -> datetime | None:
        """Return the first moment from this one on at which somebody is there: this one while open.

        ``agents`` are those who would do; all when None. None when nobody is there in the next weeks.
        """
        wanted = list(self.agents.values()) if agents is None else agents
        return first_there(moment, self.hours, wanted)
