"""One bot: how its updates come in, and what is sent through it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from functools import cached_property
from typing import Any, Final
from urllib.parse import urlsplit

from pydantic import SecretStr

import omnigate
from omnigate_telegram import files
from omnigate_telegram.api import FAILED, Api, for_the_channel
from omnigate_telegram.config import TelegramConfig
from omnigate_telegram.limits import Pace
from omnigate_telegram.places import SCHEME, Place, message_numbers
from omnigate_telegram.pressing import Presses
from omnigate_telegram.receiving import Patience, Poll, Webhook
from omnigate_telegram.sending import Sender
from omnigate_telegram.token import bot_id, derived
from omnigate_telegram.updates import parse_update, update_of

SECRET_HEADER: Final = "X-Telegram-Bot-Api-Secret-Token"  # noqa: S105  # the header's name


class Telegram(omnigate.WebhookChannel):
    """One bot of Telegram."""

    kind = "telegram"
    summary = "A Telegram bot: private chats, groups, topics and business accounts."
    capabilities = omnigate.Capabilities(
        text_limit=4096,
        one_each=frozenset({SCHEME}),
        text_units="utf16",
        caption_limit=1024,
        buttons=frozenset({"reply", "url", "contact", "location"}),
        attachments=10,
        attachment_limit_bytes=50 * 1024 * 1024,
        albums=(frozenset({"image", "video"}), frozenset({"file"}), frozenset({"audio"})),
        location=True,
        typing=True,
        changes=frozenset({"edit", "delete", "react"}),
        on_uncertain="resend",
    )

    class Config(TelegramConfig):
        """Which bot it is and how its updates come."""

    config: Config

    def __init__(self, config: Config, host: omnigate.ChannelHost) -> None:
        super().__init__(config, host)
        self._username: str | None = None

    # ---- from the platform ------------------------------------------------------------------------

    def authenticate(self, request: omnigate.Request) -> None:
        """Compare the secret token that the platform was given with our address."""
        given = request.headers.get(SECRET_HEADER, "")
        if self.config.mode != "webhook" or not omnigate.secrets_match(given, self._secret_token):
            raise omnigate.Unauthorized(f"the header {SECRET_HEADER} is wrong or missing")

    def parse(self, request: omnigate.Request) -> Sequence[omnigate.Inbound]:
        """Return what one update says."""
        return parse_update(update_of(request.body), bot_id(self.config.token))

    def stored(self, request: omnigate.Request) -> None:
        """Have a pressed button answered, or it spins on."""
        # Few updates are one, and to read them all again would cost as much as parsing did.
        if b'"callback_query"' in request.body:
            self._presses.note(update_of(request.body).get("callback_query"))

    def talks_to(self) -> str | None:
        """Return the Bot API's host where it is polled."""
        return urlsplit(self.config.api_url).netloc if self.config.mode == "poll" else None

    async def run(self) -> None:
        """Receive, and answer pressed buttons."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._presses.answer())
            tasks.create_task(self._receive())

    async def _receive(self) -> None:
        patience = Patience(self.host)
        source = (
            Poll(self.api, self.config, self.host, self)
            if self.config.mode == "poll"
            else Webhook(self.api, self.config, self.host, self._secret_token)
        )
        has_begun = False
        while True:
            try:
                if not has_begun:
                    await self._introduce()
                    await source.begin()
                    has_begun = True
                    patience.worked(source.trouble)
                await source.once()
            except FAILED as error:
                has_begun = False
                await patience.failed(error)
            except (omnigate.Overloaded, omnigate.StoreError) as error:
                # Nothing was confirmed: it all comes again.
                await asyncio.sleep(getattr(error, "retry_after_seconds", 1.0))
            else:
                patience.worked(source.trouble)

    async def _introduce(self) -> None:
        me = await self.api.call("getMe")
        self._username = me.get("username") if isinstance(me, dict) else None

    def fetch(self, attachment: omnigate.AttachmentRef) -> AsyncIterator[bytes]:
        """Return the bytes of a customer's file."""
        return files.fetch(self.api, str((attachment.ref or {})["file_id"]))

    # ---- to the platform --------------------------------------------------------------------------

    async def send(self, part: omnigate.OutboundPart) -> omnigate.Sent:
        """Send one part."""
        return await self._sender.send(part)

    async def change(self, change: omnigate.OutboundChange) -> None:
        """Edit, delete or react."""
        await self._sender.change(change)

    async def signal(self, conversation: str, signal: omnigate.Signal) -> None:
        """Show that an agent is typing and, in chats of a business account, up to where one has read."""
        place = Place.of(conversation)
        try:
            if isinstance(signal, omnigate.AgentRead):
                await self._show_read(place, signal.message_id)
            elif signal.active:
                await self.api.call("sendChatAction", {**place.arguments(), "action": "typing"})
        except FAILED as error:
            self.host.log.debug("not shown", error=str(error))

    async def _show_read(self, place: Place, message_id: str | None) -> None:
        if place.business is None or message_id is None:
            return  # the platform knows of no reading by bots, nor of all that there is
        known = (await self.host.messages([message_id])).get(message_id)
        if known is not None and known.external_ids:
            number = message_numbers(known.external_ids[-1])[-1]
            arguments = {**place.arguments(), "message_id": number}
            await self.api.call("readBusinessMessage", arguments)

    def conversation_of(self, address: omnigate.Address) -> str:
        """Return the private chat with a user."""
        if address.scheme != SCHEME:
            raise omnigate.Refused("bad_address", f"write telegram:<user id>, not {address}")
        return Place.of(address.path).conversation

    def handover_link(self, token: str) -> str | None:
        """Return the link that opens a chat with the bot and brings the token along."""
        return f"https://t.me/{self._username}?start={token}" if self._username else None

    # ---- for the operator -------------------------------------------------------------------------

    async def check(self) -> omnigate.Health:
        """Ask who the bot is, and whether updates come the way they should."""
        try:
            me = await self.api.call("getMe")
            info = await self.api.call("getWebhookInfo")
        except FAILED as error:
            meant = for_the_channel(error)
            if isinstance(meant, omnigate.CredentialsRejected):
                raise meant from None
            return omnigate.Health("down", str(error))
        name = f"@{me.get('username')}"
        source: Any = (
            Poll(self.api, self.config, self.host, self)
            if self.config.mode == "poll"
            else Webhook(self.api, self.config, self.host, self._secret_token)
        )
        trouble = source.trouble_of(info)
        if trouble:
            return omnigate.Health("degraded", f"{name}: {trouble}")
        return omnigate.Health("up", f"{name}, updates by {self.config.mode}")

    async def setup(self) -> Sequence[str]:
        """Set the webhook, or take it back for polling."""
        try:
            if self.config.mode == "poll":
                await self.api.call("deleteWebhook", {"drop_pending_updates": False})
                return ["no webhook is set: updates are polled"]
            webhook = Webhook(self.api, self.config, self.host, self._secret_token)
            await webhook.begin()
            return [f"Telegram delivers to {webhook.url}"]
        except FAILED as error:
            raise for_the_channel(error) from None

    @cached_property
    def api(self) -> Api:
        """The way to the platform."""
        return Api(lambda: self.host.http, self.config.api_url, self.config.token)

    @cached_property
    def _sender(self) -> Sender:
        return Sender(self.api, self.host, Pace())

    @cached_property
    def _presses(self) -> Presses:
        return Presses(self.api, self.host)

    @cached_property
    def _secret_token(self) -> SecretStr:
        return self.config.secret_token or derived(self.host.secret("webhook"))
