"""A company's own application, or any system that can POST JSON, as a channel.

The application POSTs what customers say in the words of Omnigate's model and is POSTed the answers,
signed. This is the smallest complete channel, so read it when you write your own: ``wire.py`` says what
goes over the wire, this module says what is done with it.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from functools import cached_property
from secrets import token_urlsafe
from typing import Annotated, Self

from aiohttp import web
from pydantic import ConfigDict, Field, SecretStr, ValidationError, model_validator

import omnigate
from omnigate_http import wire

BATCH_LIMIT_BYTES = 16 * 1024 * 1024
"""A full batch of a thousand messages of 16 KiB."""


class Http(omnigate.Channel):
    """Take messages, receipts and typing by POST; POST answers to the application."""

    kind = "http"
    summary = "Any system that POSTs messages and is POSTed the answers."
    capabilities = omnigate.Capabilities(
        buttons=frozenset({"reply", "url", "phone", "contact", "location"}),
        attachments=10,
        subject=True,
        author=True,
        on_uncertain="native",
    )

    class Config(omnigate.ChannelConfig, omnigate.ReceiverConfig):
        """How the application proves itself, and where it wants the answers."""

        model_config = ConfigDict(
            json_schema_extra={"examples": [{"token": {"env": "OMNIGATE_HTTP_TOKEN"}}]}
        )

        token: Annotated[
            SecretStr | None,
            omnigate.Asked(needed=True, unless=("secret", "secrets"), fresh=token_urlsafe),
        ] = Field(
            None,
            min_length=16,
            description="What the application presents as Authorization: Bearer …; 16 characters or more.",
        )
        old_token: SecretStr | None = Field(
            None, min_length=16, description="Also accepted, while token replaces it."
        )
        url: Annotated[omnigate.ReceiverUrl | None, omnigate.Asked()] = Field(
            None,
            description="Where answers are POSTed to; without it the channel only takes messages in.",
        )

        @model_validator(mode="after")
        def _can_prove(self) -> Self:
            if not self.token and not self.signing_secrets():
                raise ValueError("give token or secret, or nobody can post to this channel")
            if self.url and not self.signing_secrets():
                raise ValueError("secret is missing: answers POSTed to url must be signed")
            return self

    config: Config

    # ---- from the application -------------------------------------------------------------------

    def routes(self) -> Iterable[omnigate.Route]:
        """Serve ``messages``, ``receipts`` and ``typing``."""
        return (
            omnigate.Route(
                "POST", "/messages", self._messages, BATCH_LIMIT_BYTES, admit=self._admit
            ),
            omnigate.Route(
                "POST", "/receipts", self._receipts, BATCH_LIMIT_BYTES, admit=self._admit
            ),
            omnigate.Route("POST", "/typing", self._typing, admit=self._admit),
        )

    async def _messages(self, request: web.Request) -> web.Response:
        messages = wire.messages(await self._authentic(request))
        return await self._store(messages)

    async def _receipts(self, request: web.Request) -> web.Response:
        receipts = wire.receipts(await self._authentic(request))
        return await self._store([receipt.inbound() for receipt in receipts])

    async def _typing(self, request: web.Request) -> web.Response:
        self.host.emit(wire.typing(await self._authentic(request)))
        return web.Response(status=204)

    def _admit(self, request: web.Request) -> None:
        """Turn away whom the headers give away, before a body of megabytes is read."""
        token = _bearer(request)
        if token is not None:
            if not omnigate.secrets_match(token, self.config.token, self.config.old_token):
                raise omnigate.Unauthorized("the bearer token is wrong")
        elif self._signer is None:
            raise omnigate.Unauthorized("the bearer token is missing")
        else:
            self._signer.check_headers(request.headers, time.time())

    async def _authentic(self, request: web.Request) -> bytes:
        """Return the body of an admitted request; without a token it must be signed."""
        body = await request.read()
        if _bearer(request) is None and self._signer is not None:
            self._signer.verify(request.headers, body, time.time())
        return body

    async def _store(self, items: Sequence[omnigate.Inbound]) -> web.Response:
        """Store all or nothing; the answer goes out only after the items are on disk."""
        recorded = await self.host.put(*items)
        duplicates = sum(record.duplicate for record in recorded)
        return web.Response(
            status=202,
            body=b'{"accepted":%d,"duplicates":%d}' % (len(recorded) - duplicates, duplicates),
            content_type="application/json",
        )

    # ---- to the application ---------------------------------------------------------------------

    async def send(self, part: omnigate.OutboundPart) -> omnigate.Sent:
        """POST one part; the same id on every attempt lets the application tell a repetition."""
        if self._receiver is None:
            raise omnigate.Refused("no_receiver", "this channel has no url to send answers to")
        body = wire.Answer.of(part).model_dump_json().encode()
        # A full stop has a meaning of its own in what is signed.
        webhook_id = part.id.replace(".", "_")
        headers = {"omnigate-attempt": str(part.attempt)}
        answer = await self._receiver.post(self.host.http, webhook_id, body, headers)
        try:
            taken = wire.Taken.model_validate_json(answer or b"{}")
        except ValidationError:
            taken = wire.Taken()  # it said 2xx: what it adds need not be ours
        return omnigate.Sent(external_id=taken.external_id or part.id)

    async def check(self) -> omnigate.Health:
        """Ask the application with OPTIONS, which changes nothing there."""
        if self._receiver is None:
            return omnigate.Health("up", "takes messages in; no url for answers")
        try:
            status = await self._receiver.reach(self.host.http)
        except omnigate.DestinationUnavailable as error:
            return omnigate.Health("down", str(error))
        if status >= 500 and status != 501:  # many a receiver does not know OPTIONS
            return omnigate.Health("degraded", f"{self._receiver.origin} answered {status}")
        return omnigate.Health("up", f"{self._receiver.origin} answers")

    @cached_property
    def _signer(self) -> omnigate.Signer | None:
        secrets = self.config.signing_secrets()
        return omnigate.Signer(secrets) if secrets else None

    @cached_property
    def _receiver(self) -> omnigate.Receiver | None:
        if self.config.url is None or self._signer is None:
            return None
        return omnigate.Receiver(
            self.config.url,
            self._signer,
            headers=self.config.headers,
            timeout_seconds=self.config.timeout_seconds,
        )


def _bearer(request: web.Request) -> str | None:
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else None


@omnigate.hookimpl
def omnigate_channels() -> Sequence[type[omnigate.Channel]]:
    """Offer the kind ``http``."""
    return [Http]
