"""What an operator tells Omnigate about a provider, whichever it is."""

from __future__ import annotations

from secrets import token_urlsafe
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, SecretStr, model_validator

import omnigate


class ProviderConfig(BaseModel):
    """The table of one link: frozen, unknown keys are errors, errors never print secrets."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    timeout_seconds: float = Field(
        20.0,
        gt=0,
        le=120,
        description=(
            "One request to the last byte of its answer. A text whose answer does not come in time may "
            "have been sent all the same, so it is not sent again by itself."
        ),
    )
    rate_per_second: float = Field(
        10.0,
        gt=0,
        le=1000,
        description="Requests in a second at most; what the provider grants most accounts.",
    )
    callback_url: omnigate.ReceiverUrl | None = Field(
        None,
        description=(
            "Under which address the provider reaches this channel's hook, where it is another than the "
            "public one: a gateway on the same network, say."
        ),
    )


class UnsignedConfig(ProviderConfig):
    """For providers that sign nothing: how their calls are proven instead."""

    callback_token: Annotated[SecretStr | None, omnigate.Asked(fresh=token_urlsafe)] = Field(
        None,
        min_length=16,
        max_length=200,
        description=(
            "What stands as ?token= in the address that the provider calls: 16 to 200 letters, digits, _ "
            "and -. Omnigate makes one for addresses that it hands over itself; give one when you enter "
            "the address in the provider's cabinet by hand."
        ),
    )
    callback_user: str | None = Field(
        None,
        min_length=1,
        max_length=200,
        description="User name, where the provider calls with HTTP Basic authentication.",
    )
    callback_password: SecretStr | None = Field(
        None, min_length=1, description="Password to callback_user."
    )
    callback_networks: list[omnigate.PrivateNetwork] = Field(
        [],
        description="Networks (CIDR) that calls may come from, beside the token; anywhere when empty.",
    )

    @model_validator(mode="after")
    def _whole_login(self) -> Self:
        if (self.callback_user is None) != (self.callback_password is None):
            raise ValueError("callback_user and callback_password belong together: give both")
        return self

    @model_validator(mode="after")
    def _plain_token(self) -> Self:
        token = self.callback_token
        # unwrapped to be checked; the error does not show it
        if token is not None and not _is_plain(token.get_secret_value()):
            raise ValueError("callback_token has only letters, digits, _ and - in it")
        return self


def _is_plain(token: str) -> bool:
    return token.isascii() and token.replace("-", "").replace("_", "").isalnum()
