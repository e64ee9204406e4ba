"""What an operator tells Omnigate about a bot."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import AfterValidator, ConfigDict, Field, SecretStr, model_validator

import omnigate
from omnigate_telegram.token import check_secret_token, check_token

PORTS = (443, 80, 88, 8443)
"""The only ports to which the platform's own servers deliver webhooks."""


class TelegramConfig(omnigate.ChannelConfig):
    """Which bot it is and how its updates come."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"token": {"env": "TELEGRAM_TOKEN"}, "mode": "poll"}]}
    )

    priority: omnigate.Priority = 50
    response_target_seconds: omnigate.ResponseTarget = 90.0
    token: Annotated[SecretStr, AfterValidator(check_token)] = Field(
        description="The bot's token, as @BotFather gives it: <number>:<35 characters>."
    )
    mode: Annotated[Literal["webhook", "poll"], omnigate.Asked()] = Field(
        "webhook",
        description=(
            "webhook: Telegram POSTs updates to public_url, which must be https and on port 443, 80, 88 "
            "or 8443. poll: Omnigate fetches them; needs no address of its own."
        ),
    )
    secret_token: Annotated[SecretStr, AfterValidator(check_secret_token)] | None = Field(
        None,
        description=(
            "What Telegram proves itself with on every webhook: 1 to 256 of A-Z, a-z, 0-9, _ and -. "
            "Made by Omnigate when it is not given."
        ),
    )
    api_url: omnigate.ReceiverUrl = Field(
        "https://api.telegram.org",
        description="The Bot API: Telegram's own, or a local Bot API server such as http://127.0.0.1:8081.",
    )
    allow_private: list[omnigate.PrivateNetwork] = Field(
        [],
        description=(
            "Networks (CIDR) besides the public internet where api_url may be; only there is http:// "
            "accepted."
        ),
    )
    reactions: bool = Field(
        False,
        description="Ask for reactions too; in groups the bot must be an administrator to get them.",
    )
    channel_posts: bool = Field(
        False, description="Take posts of broadcast channels that the bot administers as messages."
    )
    poll_seconds: int = Field(
        30,
        ge=1,
        le=50,
        description="How long Telegram may hold a poll open while there is nothing.",
    )
    max_connections: int = Field(
        40,
        ge=1,
        le=100_000,
        description="How many webhooks Telegram sends at once; its servers take 100.",
    )

    @model_validator(mode="after")
    def _polls_alone(self) -> Self:
        if self.mode == "poll" and self.secret_token is not None:
            raise ValueError("secret_token is for webhooks: leave it out, or set mode to webhook")
        return self

    def allowed_updates(self) -> list[str]:
        """Return the kinds of updates that the platform is asked for."""
        return [
            "message",
            "edited_message",
            "callback_query",
            "my_chat_member",
            "business_connection",
            "business_message",
            "edited_business_message",
            "deleted_business_messages",
            *(["channel_post", "edited_channel_post"] if self.channel_posts else []),
            *(["message_reaction"] if self.reactions else []),
        ]
