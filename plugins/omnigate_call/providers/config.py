"""What an operator tells Omnigate about a provider of calls, whichever it is."""

from __future__ import annotations

from secrets import token_urlsafe
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, SecretStr, StringConstraints, model_validator

import omnigate

Secret = Annotated[SecretStr, Field(min_length=1, max_length=500)]
Name = Annotated[str, StringConstraints(min_length=1, max_length=200, pattern=r"^[\x21-\x7e]+$")]
Line = Annotated[str, StringConstraints(pattern=r"^\+[1-9][0-9]{4,14}$")]


class ProviderConfig(BaseModel):
    """The table of one provider: frozen, unknown keys are errors, errors never print secrets."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    timeout_seconds: float = Field(
        20.0,
        gt=0,
        le=45,
        description="One request to the last byte of its answer. A call whose answer does not come in time "
        "may be ringing all the same, so it is asked about or held, and not placed again.",
    )
    rate_per_second: float = Field(
        1.0,
        gt=0,
        le=100,
        description="Requests in a second at most; what most accounts are granted.",
    )
    callback_url: omnigate.ReceiverUrl | None = Field(
        None,
        description="Under which address the provider reaches this channel's hook, where it is another than "
        "the public one.",
    )
    callback_networks: list[omnigate.PrivateNetwork] = Field(
        [],
        description="Networks (CIDR) that the provider's calls may come from, beside their other proof; "
        "anywhere when empty.",
    )


class UnsignedConfig(ProviderConfig):
    """For providers that sign nothing: what stands in the address that they call proves it."""

    callback_token: Annotated[SecretStr, omnigate.Asked(fresh=token_urlsafe)] = Field(
        min_length=16,
        max_length=200,
        description="What you add as ?token= to the address that you enter at the provider: 16 to 200 "
        "letters, digits, _ and -. An empty answer makes one.",
    )

    @model_validator(mode="after")
    def _plain(self) -> Self:
        # unwrapped to be checked; the error does not show it
        token = self.callback_token.get_secret_value()
        if not (token.isascii() and token.replace("-", "").replace("_", "").isalnum()):
            raise ValueError("callback_token has only letters, digits, _ and - in it")
        return self


class ZadarmaConfig(ProviderConfig):
    """The table ``zadarma``: keys of the API, from the cabinet."""

    key: Name = Field(description="Key of the API, from Settings, Integrations and API.")
    secret: Secret = Field(description="Secret of the API: requests and events are signed with it.")
    sip: Name | None = Field(
        None,
        description="SIP login or extension that pays for the call; the account's own when not set.",
    )
    url: omnigate.ReceiverUrl = Field(
        "https://api.zadarma.com", description="Where the API is; the vendor has a sandbox too."
    )


class NovofonOldConfig(ZadarmaConfig):
    """The table ``novofon_old``: keys of Novofon's first API, which is signed as Zadarma's is."""

    url: omnigate.ReceiverUrl = Field("https://api.novofon.com", description="Where the API is.")


class MangoConfig(ProviderConfig):
    """The table ``mango``: key and salt of the API connector, from the cabinet."""

    api_key: Secret = Field(description="The unique code of your PBX (vpbx_api_key).")
    api_salt: Secret = Field(description="The key for the signature (vpbx_api_salt).")
    line_number: Line | None = Field(
        None,
        description="The line that calls; the channel's caller_id, or the employee's own, when not set.",
    )
    url: omnigate.ReceiverUrl = Field(
        "https://app.mango-office.ru", description="Where the API is."
    )


class SipuniConfig(UnsignedConfig):
    """The table ``sipuni``: the account's number and its key."""

    user: Name = Field(
        pattern=r"^[0-9]{1,20}$", description="The account's number in Sipuni: digits alone."
    )
    secret: Secret = Field(description="Key for the integration, from Settings, API.")
    url: omnigate.ReceiverUrl = Field("https://sipuni.com", description="Where the API is.")


class ExolveConfig(UnsignedConfig):
    """The table ``exolve``: the application's key and its callback resource."""

    api_key: Secret = Field(description="API key of the application.")
    number_code: int = Field(
        ge=1,
        le=10**15,
        description="Code of the number that the calls are charged to (number_code).",
    )
    callback_resource_id: int = Field(
        ge=1, le=10**15, description="Number of the callback resource, from the cabinet."
    )
    url: omnigate.ReceiverUrl = Field("https://api.exolve.ru", description="Where the API is.")


class NovofonConfig(UnsignedConfig):
    """The table ``novofon``: a key of the Call API of platform 2.0."""

    access_token: Secret = Field(
        description="Key of a user who may use the Call API. Only addresses that the cabinet lists may ask."
    )
    virtual_phone_number: Line = Field(
        description="Your rented number, which the call goes out by and customers see."
    )
    url: omnigate.ReceiverUrl = Field(
        "https://callapi-jsonrpc.novofon.ru/v4.0",
        description="Where the Call API is; UIS and CallGear have the same one elsewhere.",
    )


class TwilioConfig(ProviderConfig):
    """The table ``twilio``: which account it is."""

    account_sid: str = Field(
        pattern=r"^AC[0-9a-fA-F]{32}$",
        description="The account's SID: AC and 32 hexadecimal digits.",
    )
    auth_token: Secret = Field(
        description="The account's auth token: Twilio signs its calls with it."
    )
    old_auth_token: Secret | None = Field(
        None, description="Calls signed with it are accepted too, while it is replaced."
    )
    from_number: Line = Field(
        description="A number of the account, E.164, which calls go out by; customers see the channel's "
        "caller_id where it is set and verified with Twilio."
    )
    url: omnigate.ReceiverUrl = Field(
        "https://api.twilio.com",
        description="Where Twilio's API is; another host for other regions.",
    )
