"""How an Asterisk is reached by AMI."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr, StringConstraints

import omnigate
from omnigate_call.dialstring import Template


def _one_line(value: SecretStr) -> SecretStr:
    # Unwrapped to be checked; the error does not show it.
    if not value.get_secret_value().isprintable():
        raise ValueError("a password is printable and on one line")
    return value


Word = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_.-]{1,80}$")]


class AmiConfig(BaseModel):
    """The table ``ami``: Asterisk's manager interface, and how customers are dialled there."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    host: str = Field(
        min_length=1,
        max_length=255,
        description="Name or address of the Asterisk.",
        examples=["127.0.0.1"],
    )
    port: int = Field(5038, ge=1, le=65535, description="Its manager port; 5039 is usual with TLS.")
    tls: bool = Field(
        False, description="Speak TLS. Without it the port must be on this machine or in a VPN."
    )
    ca_file: omnigate.AuthoritiesFile | None = Field(
        None, description="PEM file with the authorities that vouch for the switch's certificate."
    )
    username: Word = Field(description="User in Asterisk's manager.conf.", examples=["omnigate"])
    password: Annotated[SecretStr, AfterValidator(_one_line)] = Field(
        min_length=1, description="The user's secret in manager.conf."
    )
    customer_endpoint: Template = Field(
        description="How customers are dialled: {number} has the plus, {digits} has not. Let it lead through "
        "a context that lets only your countries through: Local/{digits}@omnigate-out.",
        examples=["PJSIP/{number}@trunk"],
    )
