"""How an Asterisk is reached by ARI."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field, SecretStr

import omnigate
from omnigate_call.dialstring import Template


class AriConfig(BaseModel):
    """The table ``ari``: Asterisk's REST interface, and how customers are dialled there."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    url: omnigate.ReceiverUrl = Field(
        description="Where Asterisk's HTTP server is; http:// only inside allow_private.",
        examples=["http://127.0.0.1:8088"],
    )
    username: str = Field(
        min_length=1,
        max_length=100,
        pattern=r"^[^:\s]+$",
        description="User in Asterisk's ari.conf.",
        examples=["omnigate"],
    )
    password: SecretStr = Field(min_length=1, description="The user's password in ari.conf.")
    customer_endpoint: Template = Field(
        description="How customers are dialled: {number} has the plus, {digits} has not. Let it lead through "
        "a context that lets only your countries through: Local/{digits}@omnigate-out.",
        examples=["PJSIP/{number}@trunk"],
    )
    app: str | None = Field(
        None,
        pattern=r"^[A-Za-z0-9_]{1,40}$",
        description="Name of the Stasis application; of the channel when not set. No other program may "
        "use it.",
    )
