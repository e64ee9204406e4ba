"""SMS from an HTTP gateway that POSTs each message as form fields.

Source: ExampleSMS, "Inbound webhooks" v2 (read 2026-08-21).
"""

from collections.abc import Sequence

from pydantic import AwareDatetime, Field, SecretStr, ValidationError

import omnigate

SECONDS = 20.0
REFUSALS = {
    "no_such_number": omnigate.Meaning.BAD_NUMBER,
    "no_credit": omnigate.Meaning.NO_MONEY,
}
"""What the gateway's own errors mean."""


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
        """Hand one SMS to the gateway, which knows no idempotency key: it is asked once."""
        answer = await omnigate.ask_once(
            self.host.http,
            "POST",
            self.config.url,
            seconds=SECONDS,
            headers={"x-token": self.config.token.get_secret_value()},
            json={"to": part.address.path, "text": part.text},
        )
        refusal = REFUSALS.get(str(answer.object().get("error")))
        if refusal is not None:
            raise refusal.error(f"ExampleSMS: {answer.words()}", answer.status)
        if answer.status != 200:
            raise answer.judge("the message was taken")
        try:
            accepted = Accepted.model_validate_json(answer.body)
        except ValidationError:  # perhaps sent, and it costs money
            raise answer.judge("the message was taken") from None
        return omnigate.Sent(external_id=accepted.id)


@omnigate.hookimpl
def omnigate_channels() -> Sequence[type[omnigate.Channel]]:
    """Offer the kind ``examplesms``."""
    return [ExampleSms]
