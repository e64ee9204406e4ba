"""A CRM that takes events as signed webhooks.

Each event is one POST of its envelope, signed by the Standard Webhooks specification 1.0.0, with
``omnigate-attempt`` and, on replays, ``omnigate-replay`` beside it. A 2xx answer settles it; its body
may carry messages for the customer.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Self

from pydantic import ConfigDict, Field, ValidationError, model_validator

import omnigate

if TYPE_CHECKING:
    from aiohttp import ClientSession


class Answer(omnigate.Payload):
    """A receiver's answer as far as it concerns us; whatever else it says is its own affair."""

    messages: list[omnigate.Content] = Field([], max_length=10)


class Webhook(omnigate.Backend):
    """POST events to a URL and take messages for the customer from the answer."""

    kind = "webhook"
    summary = "Signed webhooks to a CRM, with answers in the response."

    class Config(omnigate.BackendConfig, omnigate.ReceiverConfig):
        """What the receiver is called and how it knows us."""

        model_config = ConfigDict(
            json_schema_extra={
                "examples": [
                    {
                        "url": "https://crm.example.org/omnigate",
                        "secret": {"env": "OMNIGATE_WEBHOOK_SECRET"},
                    }
                ]
            }
        )

        url: omnigate.ReceiverUrl = Field(description="Where events are POSTed to.")

        @model_validator(mode="after")
        def _can_sign(self) -> Self:
            if not self.signing_secrets():
                raise ValueError(
                    "secret is missing: receivers must be able to tell your webhooks from forged ones"
                )
            return self

    config: Config

    @cached_property
    def _receiver(self) -> omnigate.Receiver:
        return omnigate.Receiver(
            self.config.url,
            omnigate.Signer(self.config.signing_secrets()),
            headers=self.config.headers,
            timeout_seconds=self.config.timeout_seconds,
        )

    @cached_property
    def _session(self) -> ClientSession:
        return self.host.http(
            allow_private=self.config.allow_private,
            ca_file=self.config.ca_file,
            own_urls_only=True,
        )

    async def deliver(self, event: omnigate.Event) -> omnigate.Reply | None:
        """POST the event; every attempt has the same id and body and a fresh time and signature."""
        headers = {"omnigate-attempt": str(event.attempt)}
        if event.replay:
            headers["omnigate-replay"] = "1"
        answer = await self._receiver.post(self._session, event.id, event.body, headers)
        return None if answer == b"" else self._read(event, answer)

    async def check(self) -> omnigate.Health:
        """Ask the receiver with OPTIONS, which changes nothing there; any answer below 500 will do."""
        try:
            status = await self._receiver.reach(self._session)
        except omnigate.DestinationUnavailable as error:
            return omnigate.Health("down", str(error))
        if status >= 500 and status != 501:  # many a receiver does not know OPTIONS
            return omnigate.Health("degraded", f"{self._receiver.origin} answered {status}")
        return omnigate.Health("up", f"{self._receiver.origin} answers")

    def _read(self, event: omnigate.Event, body: bytes | None) -> omnigate.Reply | None:
        """Return the messages in an answer; a body that is none of ours is no failure."""
        if body is None:
            self._ignore(event, "it is larger than 64 KiB")
            return None
        if not body.lstrip().startswith(b"{") or b'"messages"' not in body:
            return None  # "ok", a page, a record id: receivers answer all sorts of things
        try:
            answer = Answer.model_validate_json(body)
        except ValidationError as error:
            self._ignore(event, omnigate.describe(error))
            return None
        return omnigate.Reply(messages=answer.messages) if answer.messages else None

    def _ignore(self, event: omnigate.Event, reason: str) -> None:
        self.host.log.warning("webhook answer ignored", event_id=event.id, reason=reason)


@omnigate.hookimpl
def omnigate_backends() -> Sequence[type[omnigate.Backend]]:
    """Offer the kind ``webhook``."""
    return [Webhook]
