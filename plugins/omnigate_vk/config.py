"""What an operator tells Omnigate about a community."""

from __future__ import annotations

import base64
import re
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, ConfigDict, Field, SecretStr, model_validator

import omnigate

_SECRET = re.compile(r"[A-Za-z0-9]{1,50}")
_TOKEN = re.compile(r"[\x21-\x7e]{20,1000}")

EVENTS = (
    "message_new",
    "message_reply",
    "message_edit",
    "message_allow",
    "message_deny",
    "message_event",
    "message_typing_state",
    "message_read",
    "message_reaction_event",
    "user_block",
    "user_unblock",
)
"""The kinds of events that the platform is asked for."""


def check_token(token: SecretStr) -> SecretStr:
    """Return a token as it is; raises ``ValueError`` when it cannot be one."""
    if not _TOKEN.fullmatch(token.get_secret_value()):
        raise ValueError(
            "an access token is a long line of letters and digits, such as vk1.a.…; copy it from the "
            "community's settings, section API usage"
        )
    return token


def check_secret(secret: SecretStr) -> SecretStr:
    """Return a secret key as it is; raises ``ValueError`` when the platform would refuse it."""
    if not _SECRET.fullmatch(secret.get_secret_value()):
        raise ValueError("a secret key has 1 to 50 characters of A-Z, a-z and 0-9")
    return secret


def derived(secret: bytes) -> SecretStr:
    """Return a secret key made of a secret of the installation."""
    return SecretStr(base64.b32encode(secret).rstrip(b"=").decode()[:50])


class VkConfig(omnigate.ChannelConfig):
    """Which community it is and how its events come."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"token": {"env": "VK_TOKEN"}, "group_id": 123456, "mode": "poll"}]
        }
    )

    priority: omnigate.Priority = 50
    response_target_seconds: omnigate.ResponseTarget = 90.0
    token: Annotated[SecretStr, AfterValidator(check_token)] = Field(
        description=(
            "The community's access token, with the rights to manage it, its messages, photos and documents."
        )
    )
    group_id: int = Field(
        gt=0, lt=2**53, description="The community's number: the digits in vk.com/club<number>."
    )
    mode: Annotated[Literal["callback", "poll"], omnigate.Asked()] = Field(
        "callback",
        description=(
            "callback: VK POSTs events to public_url. poll: Omnigate fetches them by Bots Long Poll; needs "
            "no address of its own."
        ),
    )
    secret: Annotated[SecretStr, AfterValidator(check_secret)] | None = Field(
        None,
        description=(
            "What VK proves itself with on every event: 1 to 50 letters and digits. Made by Omnigate when it "
            "is not given."
        ),
    )
    confirmation: str | None = Field(
        None,
        min_length=1,
        max_length=100,
        pattern=r"^[A-Za-z0-9]+$",
        description=(
            "The string that VK wants to read, as the community's settings show it. Only where the server is "
            "entered there by hand: then give secret too, and Omnigate leaves the servers alone."
        ),
    )
    screen_name: str | None = Field(
        None,
        pattern=r"^[A-Za-z0-9_.]{1,64}$",
        description="The community's short name, for links that bring customers; asked for when not given.",
    )
    api_url: omnigate.ReceiverUrl = Field(
        "https://api.vk.ru", description="Where VK's API is; the older host is https://api.vk.com."
    )
    allow_private: list[omnigate.PrivateNetwork] = Field(
        [],
        description=(
            "Networks (CIDR) besides the public internet where api_url may be; only there is http:// "
            "accepted."
        ),
    )
    poll_seconds: int = Field(
        25,
        ge=1,
        le=90,
        description="How long VK may hold a poll open while there is nothing; some proxies cut at 30.",
    )

    @model_validator(mode="after")
    def _by_hand_with_a_secret(self) -> Self:
        if self.confirmation is not None and self.secret is None:
            raise ValueError(
                "confirmation is for a server that is entered by hand: give secret too, the key that was "
                "entered with it"
            )
        return self
