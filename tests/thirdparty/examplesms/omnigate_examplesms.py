"""SMS from an HTTP gateway that POSTs each message as form fields.

Source: ExampleSMS, "Inbound webhooks" v2 (read 2026-08-21).
"""

from collections.abc import Sequence

import aiohttp
from pydantic import AwareDatetime, Field, SecretStr

import omnigate


class Form(omnigate.Payload):
    """One callback; fields are named as the gateway names them."""

    id: str = Field(min_length=1)
    sender: str = Field(alias="from", pattern=r"^\+[1-9]\d{4,14}$")
    text: str
    sent_at: AwareDatetime


class Accepted(omnigate.Payload):
    """What the gateway answers to a message it takes."""

    id: str = Field(min_length=1)


class ExampleSms(omnigate.WebhookChannel):
    """Receive and send SMS through ExampleSMS."""

    kind = "examplesms"
    summary = "SMS through ExampleSMS."
    capabilities = omnigate.Capabilities(text_units="utf16", text_limit=67 * 6, on_uncertain="hold")

    class Config(omnigate.ChannelConfig):
        """What the gateway and we know of each other."""

        token: SecretStr = Field(
            description="Secret that the gateway sends in X-Token and expects from us."
        )
        url: omnigate.ReceiverUrl = Field(description="Where messages are POSTed to.")

    config: Config

    def authenticate(self, request: omnigate.Request) -> None:
        """Compare the token in constant time."""
        if not omnigate.secrets_match(request.headers.get("x-token"), self.config.token):
            raise omnigate.Unauthorized("X-Token is missing or wrong")

    def parse(self, request: omnigate.Request) -> Sequence[omnigate.Inbound]:
        """Return the one message of a callback."""
        form = request.form(Form)
        return [
            omnigate.InboundMessage(
                external_id=form.id,
                conversation=form.sender,
                occurred_at=form.sent_at,
                sender=omnigate.Profile(address=omnigate.tel(form.sender)),
                text=form.text,
            )
        ]

    async def send(self, part: omnigate.OutboundPart) -> omnigate.Sent:
        """Hand one SMS to the gateway, which knows no idempotency key."""
        body = {"to": part.address.path, "text": part.text}
        headers = {"x-token": self.config.token.get_secret_value()}
        try:
            async with self.host.http.post(self.config.url, json=body, headers=headers) as answer:
                if answer.status != 200:
                    raise omnigate.judge(answer.status, answer.headers.get("retry-after"))
                accepted = Accepted.model_validate_json(await answer.read())
        except aiohttp.ClientConnectorError as error:  # surely not sent
            raise omnigate.DestinationUnavailable(f"ExampleSMS: {error.os_error}") from None
        except (aiohttp.ClientError, TimeoutError, ValueError):  # perhaps sent, and it costs money
            raise omnigate.Uncertain("ExampleSMS took the message and did not confirm it") from None
        return omnigate.Sent(external_id=accepted.id)


@omnigate.hookimpl
def omnigate_channels() -> Sequence[type[omnigate.Channel]]:
    """Offer the kind ``examplesms``."""
    return [ExampleSms]
