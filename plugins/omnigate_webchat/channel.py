"""The web chat as a channel: puts the endpoints together and hands on what the host says."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import ClassVar, Final

import omnigate
from omnigate_webchat import geo, phone, poll, session
from omnigate_webchat.assets import Assets
from omnigate_webchat.callbutton import Calls
from omnigate_webchat.commands import Commands
from omnigate_webchat.config import WebchatConfig
from omnigate_webchat.connection import Connections
from omnigate_webchat.events import EventLog, sent_key
from omnigate_webchat.forms import asks_for_phones
from omnigate_webchat.gate import Gate
from omnigate_webchat.handovers import Handovers
from omnigate_webchat.hub import Hub
from omnigate_webchat.poll import Polls
from omnigate_webchat.session import Sessions
from omnigate_webchat.socket import Sockets
from omnigate_webchat.tokens import (
    CONNECTION_SECONDS,
    UPLOAD_SECONDS,
    VISITOR_SECONDS,
    Pass,
    Seal,
    UploadClaims,
    VisitorClaims,
)
from omnigate_webchat.upload import UploadEndpoint
from omnigate_webchat.visitor import Visits

_WIDGET: Final = Path(__file__).parent / "widget"
_RESTART: Final = 1012
_LONGEST_SLEEP_SECONDS: Final = 3600.0
_MULTIPART_BYTES: Final = 64 * 1024
"""Room for the boundaries and headers around an uploaded file."""


class Webchat(omnigate.Channel):
    """Talk with the visitors of a site through a widget on its pages.

    The event log is the mailbox: a message counts as sent once it is stored, and every tab of the
    visitor reads it from there, now or when it comes back.
    """

    kind: ClassVar[str] = "webchat"
    summary: ClassVar[str] = "Chat widget for a web site"
    capabilities: ClassVar[omnigate.Capabilities] = omnigate.Capabilities(
        buttons=frozenset({"reply", "url", "phone"}),
        attachments=10,
        author=True,
        typing=True,
        on_uncertain="native",
    )

    class Config(WebchatConfig):
        """What a web chat can be told."""

    config: Config

    def __init__(self, config: Config, host: omnigate.ChannelHost) -> None:
        super().__init__(config, host)
        _check_extras(config)
        passes = Seal(host.secret("connection"), Pass, CONNECTION_SECONDS)
        visitors = Seal(host.secret("visitor"), VisitorClaims, VISITOR_SECONDS)
        tickets = Seal(host.secret("upload"), UploadClaims, UPLOAD_SECONDS)
        visits = Visits()
        log = self._log = EventLog(host)
        self._hub = Hub(self._show_presence)
        calls = self._calls = Calls(config.call, host, self._hub.push)
        handovers = Handovers(config.continue_in, host)
        commands = Commands(config, host, visits, tickets, calls, handovers)
        connections = Connections(config, host, self._hub, visits, passes, log, calls)
        self._sessions = Sessions(config, host, visits, visitors, passes, log, calls, handovers)
        self._sockets = Sockets(connections, commands)
        self._polls = Polls(connections, commands, log)
        self._uploads = UploadEndpoint(config.uploads, host, connections, tickets)

    def routes(self) -> Iterable[omnigate.Route]:
        """Return the endpoints of the wire protocol; see README.md."""
        gate = Gate(self.config.allowed_origins)
        assets = Assets(_WIDGET)
        upload_bytes = self.config.uploads.max_bytes + _MULTIPART_BYTES
        yield gate.route("GET", "/w.js", assets.loader, originless=True)
        yield gate.route("GET", "/ui/{hash}/{file:.+}", assets.module, originless=True)
        yield gate.route(
            "POST", "/session", self._sessions.open, max_body_bytes=session.MAX_BODY_BYTES
        )
        yield gate.route("GET", "/socket", self._sockets.serve, stream=True)
        yield gate.route("GET", "/events", self._polls.events, originless=True)
        yield gate.route(
            "POST", "/commands", self._polls.commands, max_body_bytes=poll.MAX_BODY_BYTES
        )
        yield gate.route("GET", "/history", self._polls.history, originless=True)
        yield gate.route(
            "POST", "/upload", self._uploads.take, max_body_bytes=upload_bytes, stream=True
        )
        for path in ("/session", "/events", "/commands", "/history", "/upload"):
            yield gate.preflight(path)

    async def run(self) -> None:
        """Tell everybody when working hours begin and end; send everybody off when cancelled."""
        self._hub.start()
        await self._calls.load()
        self.host.status("up")
        try:
            while True:
                await self._wait_for_hours()
        finally:
            self._hub.stop(_RESTART)

    async def send(self, part: omnigate.OutboundPart) -> omnigate.Sent:
        """Take the part: the event that the host records of it is what the visitor sees."""
        return omnigate.Sent(external_id=sent_key(part.conversation, part.message))

    async def signal(self, conversation: str, signal: omnigate.Signal) -> None:
        """Show visitors that an agent types or has read."""
        match signal:
            case omnigate.AgentTyping():
                author = None if signal.author is None else signal.author.model_dump()
                data = {"active": signal.active, "author": author}
                self._hub.push(conversation, {"t": "typing", "d": data})
            case omnigate.AgentRead() if self._hub.is_heard(conversation):
                message = signal.message_id or await self._log.last_said(conversation)
                if message is not None:
                    self._hub.push(conversation, {"t": "read", "d": {"id": message}})

    def conversation_of(self, address: omnigate.Address) -> str:
        """Return the conversation of a user whom the site can prove; a visitor has to have been here.

        A conversation in which nobody ever was is one that nobody will ever see.
        """
        if address.scheme not in ("user", "webchat"):
            raise omnigate.Refused(
                "no_recipient", "web chat reaches webchat:<visitor> and user:<id>, nobody else"
            )
        if address.scheme == "webchat":
            raise omnigate.Refused("no_address", f"no visitor {address} has ever written here")
        if self.config.identity_secret is None:
            raise omnigate.Refused(
                "no_address",
                f"nobody can be {address} here: without identity_secret the site proves no user",
            )
        return str(address)

    def recorded(self, conversation: str, events: Sequence[omnigate.Event]) -> None:
        """Wake the tabs of a conversation."""
        self._hub.wake(conversation)

    def call_changed(self, conversation: str, call: omnigate.Call) -> None:
        """Show the visitor how the call goes."""
        self._calls.changed(conversation, call)

    async def check(self) -> omnigate.Health:
        """Tell whether the files that the configuration names can be read."""
        file = self.config.geo_file
        if file is not None and not await asyncio.to_thread(Path(file).is_file):
            return omnigate.Health(
                "degraded", f"geo_file {file} is not there; visitors have no city"
            )
        return omnigate.Health("up", "serving the widget")

    async def _wait_for_hours(self) -> None:
        """Sleep until working hours may change and tell everybody if they did."""
        hours = self.config.hours
        if hours is None:
            await asyncio.Event().wait()
            return
        now = datetime.now(UTC)
        open_before = hours.is_open(now)
        # In steps of an hour: the machine may have slept, its clock may have been set.
        until_change = (hours.next_change(now) - now).total_seconds()
        await asyncio.sleep(min(until_change, _LONGEST_SLEEP_SECONDS))
        online = hours.is_open(datetime.now(UTC))
        if online != open_before:
            self._hub.broadcast({"t": "online", "d": {"online": online}})

    def _show_presence(self, conversation: str, online: bool) -> None:
        self.host.emit(omnigate.Presence(conversation=conversation, online=online))


def _check_extras(config: WebchatConfig) -> None:
    """Raise `omnigate.ConfigError` when the configuration needs a package that is not installed."""
    missing = []
    if asks_for_phones((config.prechat, config.offline)) and not phone.is_available():
        missing.append("a phone field needs the package phonenumbers")
    if config.call is not None and not phone.is_available():
        missing.append("call needs the package phonenumbers")
    if config.geo_file is not None and not geo.is_available():
        missing.append("geo_file needs the package maxminddb")
    if missing:
        raise omnigate.ConfigError(
            f"{'; '.join(missing)}: install it with pip install 'omnigate[webchat]'"
        )
