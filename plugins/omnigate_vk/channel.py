"""One community: how its events come in, and what is sent through it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from functools import cached_property
from urllib.parse import urlsplit

from pydantic import SecretStr

import omnigate
from omnigate_vk import checking, fetching
from omnigate_vk.afterwards import Afterwards
from omnigate_vk.api import CALLS_PER_SECOND, FAILED, Api, for_the_channel
from omnigate_vk.callback import Callback
from omnigate_vk.config import VkConfig, derived
from omnigate_vk.event import Knowledge
from omnigate_vk.events import envelope_of, parse_event
from omnigate_vk.marks import Marks
from omnigate_vk.model import Raw
from omnigate_vk.people import People
from omnigate_vk.places import SCHEME, number_of, peer_of
from omnigate_vk.polling import Poll
from omnigate_vk.sending import Sender
from omnigate_vk.sent import SentMessages
from omnigate_vk.servers import Servers
from omnigate_vk.standing import Standing


class Vk(omnigate.WebhookChannel):
    """One community of VK."""

    kind = "vk"
    summary = "A VK community: messages of people and chats."
    capabilities = omnigate.Capabilities(
        text_limit=4096,
        one_each=frozenset({SCHEME}),
        buttons=frozenset({"reply", "url", "location"}),
        attachments=10,
        attachment_limit_bytes=200 * 1024 * 1024,
        albums=(frozenset({"image", "video", "audio", "file", "sticker"}),),
        location=True,
        typing=True,
        changes=frozenset({"edit", "delete", "react"}),
        on_uncertain="native",
    )

    class Config(VkConfig):
        """Which community it is and how its events come."""

    config: Config

    def __init__(self, config: Config, host: omnigate.ChannelHost) -> None:
        super().__init__(config, host)
        self._screen_name = config.screen_name
        self._known = Knowledge(
            group_id=config.group_id,
            people=People(),
            marks=Marks(host.secret("mark")),
            sent=SentMessages(),
        )
        self._read: tuple[bytes | None, Raw] = (None, {})

    # ---- from the platform ------------------------------------------------------------------------

    def authenticate(self, request: omnigate.Request) -> None:
        """Compare the secret in the event with the one that the platform was given.

        Whoever asks for the confirmation string need not have it: the platform may not, at first. By poll
        it is the same: what was on its way when polling began is still delivered.
        """
        try:
            envelope = self._envelope(request.body)
        except omnigate.BadPayload:
            raise omnigate.Unauthorized("this is no event of VK") from None
        if envelope.get("group_id") != self.config.group_id:
            raise omnigate.Unauthorized("the event is of another community")
        if envelope["type"] == "confirmation":
            return
        given = envelope.get("secret")
        if not omnigate.secrets_match(given if isinstance(given, str) else None, self._secret):
            raise omnigate.Unauthorized("the secret is wrong or missing")

    async def handshake(self, request: omnigate.Request) -> omnigate.Response | None:
        """Give the platform the string by which it makes sure of us."""
        if self._envelope(request.body)["type"] != "confirmation":
            return None
        try:
            return omnigate.Response(body=(await self._servers.confirmation()).encode())
        except (*FAILED, TimeoutError) as error:
            self.host.log.warning("VK was not given the confirmation string", error=str(error))
            return omnigate.Response(status=503)

    def parse(self, request: omnigate.Request) -> Sequence[omnigate.Inbound]:
        """Return what one event says."""
        envelope = self._envelope(request.body)
        return parse_event(envelope, self._known, request.received_at_seconds)

    def stored(self, request: omnigate.Request) -> None:
        """Have done what an event asks for beside being stored."""
        try:
            self._afterwards.hear(self._envelope(request.body))
        except omnigate.BadPayload:
            return  # it is in quarantine

    def reply(self, request: omnigate.Request) -> omnigate.Response:
        """Say ``ok``: for anything else the event would come again."""
        return omnigate.Response(body=b"ok")

    def _envelope(self, body: bytes) -> Raw:
        """Return an event as JSON; the one last read is at hand, for it is asked for several times."""
        if self._read[0] is not body:
            self._read = (body, envelope_of(body))
        return self._read[1]

    def talks_to(self) -> str | None:
        """Return the API's host where it is polled."""
        return urlsplit(self.config.api_url).netloc if self.config.mode == "poll" else None

    async def run(self) -> None:
        """Receive, and do what is to be done once something is stored."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._afterwards.work())
            tasks.create_task(self._receive())

    async def _receive(self) -> None:
        source: Poll | Callback = (
            self._poll
            if self.config.mode == "poll"
            else Callback(self.config, self._servers, self._poll)
        )
        has_begun = False
        while True:
            try:
                if not has_begun:
                    await self._introduce()
                    await source.begin()
                    has_begun = True
                    self._standing.receives(source.trouble)
                await source.once()
            except FAILED as error:
                has_begun = False
                await self._standing.failed(error)
            except (omnigate.Overloaded, omnigate.StoreError) as error:
                # Nothing was confirmed: it all comes again.
                await asyncio.sleep(getattr(error, "retry_after_seconds", 1.0))
            else:
                self._standing.receives(source.trouble)

    async def _introduce(self) -> None:
        """Learn the community's short name, for links."""
        if self._screen_name is None:
            self._screen_name = (await checking.community(self._api, self.config)).get(
                "screen_name"
            )

    def fetch(self, attachment: omnigate.AttachmentRef) -> AsyncIterator[bytes]:
        """Return the bytes of a customer's file."""
        return fetching.fetch(self._api, attachment.ref or {})

    # ---- to the platform --------------------------------------------------------------------------

    async def send(self, part: omnigate.OutboundPart) -> omnigate.Sent:
        """Send one part."""
        return await self._sender.send(part)

    async def change(self, change: omnigate.OutboundChange) -> None:
        """Edit, delete or react."""
        await self._sender.change(change)

    async def signal(self, conversation: str, signal: omnigate.Signal) -> None:
        """Show that an agent is typing, or has read."""
        peer_id = peer_of(conversation)
        try:
            if isinstance(signal, omnigate.AgentRead):
                await self._mark_read(peer_id, signal.message_id)
            elif signal.active:
                await self._api.call("messages.setActivity", peer_id=peer_id, type="typing")
        except FAILED as error:
            self.host.log.debug("not shown", error=str(error))

    async def _mark_read(self, peer_id: int, message_id: str | None) -> None:
        up_to: int | None = None
        if message_id is not None:
            known = (await self.host.messages([message_id])).get(message_id)
            numbers = [number_of(one) for one in known.external_ids] if known else []
            if not numbers:
                return
            up_to = max(numbers)
        await self._api.call("messages.markAsRead", peer_id=peer_id, up_to_cmid=up_to)

    def conversation_of(self, address: omnigate.Address) -> str:
        """Return the conversation with a user."""
        if address.scheme != SCHEME:
            raise omnigate.Refused("bad_address", f"write vk:<user id>, not {address}")
        return str(peer_of(address.path))

    def handover_link(self, token: str) -> str | None:
        """Return the link that opens the conversation with the community and brings the token along."""
        name = self._screen_name or f"club{self.config.group_id}"
        return f"https://vk.me/{name}?ref={token}&ref_source=omnigate"

    # ---- for the operator -------------------------------------------------------------------------

    async def check(self) -> omnigate.Health:
        """Ask about the community, the token's rights, and whether events come the way they should."""
        try:
            return await checking.check(self._api, self.config, self._servers, self._poll)
        except FAILED as error:
            meant = for_the_channel(error)
            if isinstance(meant, omnigate.CredentialsRejected):
                raise meant from None
            return omnigate.Health("down", str(meant))

    async def setup(self) -> Sequence[str]:
        """Register our address, or switch the long poll on."""
        try:
            if self.config.mode == "poll":
                await self._poll.switch_on()
                return ["Bots Long Poll is on, with the events that are wanted"]
            if self.config.confirmation is not None:
                return [
                    f"enter {self._servers.url} in the community's settings: it is done by hand"
                ]
            return [await self._servers.register(anew=True)]
        except FAILED as error:
            raise for_the_channel(error) from None

    @cached_property
    def _api(self) -> Api:
        limiter = self.host.limiter(CALLS_PER_SECOND)
        return Api(lambda: self.host.http, self.config.api_url, self.config.token, limiter)

    @cached_property
    def _servers(self) -> Servers:
        return Servers(self._api, self.config, self.host, self._secret)

    @cached_property
    def _poll(self) -> Poll:
        return Poll(self._api, self.config, self.host, self, self._servers)

    @cached_property
    def _standing(self) -> Standing:
        return Standing(self.host)

    @cached_property
    def _afterwards(self) -> Afterwards:
        return Afterwards(self._api, self.host, self._known)

    @cached_property
    def _sender(self) -> Sender:
        return Sender(self._api, self.host, self._known, self._standing)

    @cached_property
    def _secret(self) -> SecretStr:
        return self.config.secret or derived(self.host.secret("callback"))
