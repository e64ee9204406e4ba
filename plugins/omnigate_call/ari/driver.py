"""Calls by Asterisk's REST interface (ARI).

Theory of operation. One WebSocket brings the events of our application, and while it stands the application
exists. Every attempt is a `Line`, found by the ids of its channels, which are ours. What is followed how is
in `omnigate_call.links`; channels and bridges of ours that belong to nothing are removed.

Source: Asterisk 22 "REST API" (docs.asterisk.org, read 2026-11-22); compared with Asterisk 16.28 and 22.10.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import suppress
from urllib.parse import urlsplit

from aiohttp import WSMsgType
from aiohttp.client_ws import ClientWebSocketResponse
from pydantic import BaseModel

import omnigate
from omnigate_call.ari.checking import health
from omnigate_call.ari.config import AriConfig
from omnigate_call.ari.events import REPLACED, happened
from omnigate_call.ari.hands import not_rung
from omnigate_call.ari.line import Line
from omnigate_call.ari.look import Look, look_at, subscribe
from omnigate_call.ari.rest import FAILED, NOT_FOUND, UNANSWERED, Denied, Failure, Rest
from omnigate_call.driver import Attempt, Desk
from omnigate_call.links import SwitchDriver
from omnigate_call.phone import Happened
from omnigate_call.steps import step_of


class Ari(SwitchDriver[Line, Look]):
    """An Asterisk of one's own, by ARI."""

    kind = "ari"
    Config = AriConfig
    can_record = True
    config: AriConfig

    def __init__(self, config: BaseModel, desk: Desk) -> None:
        super().__init__(config, desk)
        self._rest = Rest(lambda: self.host.http, self.config)
        self._hears = False

    # ---- the connection ---------------------------------------------------------------------------------

    def _app(self) -> str:
        return self.config.app or super()._app()

    @property
    def _is_connected(self) -> bool:
        return self._hears

    async def _hold(self) -> None:
        """Read events from one connection to its end; see `SwitchDriver._hold`."""
        try:
            stream = await self._rest.events(self._names.app)
        except FAILED as error:
            raise _for_the_channel(error) from None
        reading = asyncio.create_task(self._read(stream))
        try:
            await self._remove_strays(await self._catch_up())
            self._hears = True
            self.host.status("up")
            await reading
            self.host.status("down", "the switch closed the stream of events")
        finally:
            self._hears = False
            reading.cancel()
            with suppress(asyncio.CancelledError):
                await reading
            await stream.close()

    async def _read(self, stream: ClientWebSocketResponse) -> None:
        async for message in stream:
            if message.type is not WSMsgType.TEXT:
                continue
            try:
                event = omnigate.read_json(message.data.encode())
            except ValueError:
                self.host.log.warning("an event of the switch is not JSON")
                continue
            if isinstance(event, dict) and event.get("type") == REPLACED:
                self.host.log.error(
                    "another program uses our Stasis application",
                    app=self._names.app,
                    remedy="give one of them another app",
                )
            if (news := happened(event)) is not None:
                self._hear(news)

    def _hear(self, news: Happened) -> None:
        place = self._names.place(news.name)
        line = self._of(news.name)
        if line is not None:
            line.hear(news)
        elif place is None or place.leg is None:
            return
        elif self._hears and news.what not in ("gone", "left"):
            self._spawn(self._remove("channels", news.name))

    # ---- attempts ---------------------------------------------------------------------------------------

    def _ids(self, attempt: Attempt) -> Mapping[str, str]:
        return {
            leg: self._names.channel(attempt.call_id, attempt.number, leg) for leg in attempt.legs
        }

    def _follow(self, attempt: Attempt) -> Line:
        return Line(
            attempt, self._names, self._rest, self.config.customer_endpoint, self._telling.put
        )

    async def _begin(self, followed: Line) -> bool:
        try:
            await followed.begin()
        except Denied as error:
            self._refused(followed, error)
            return False
        except omnigate.NoAnswer as error:
            raise omnigate.Uncertain(f"{error}: it may ring") from None
        return True

    def _refused(self, line: Line, error: Denied) -> None:
        """Tell that the first phone cannot be rung; raises where that is not the phone's fault."""
        attempt = line.attempt
        if error.status in (401, 403, 404, 503):
            raise _for_an_attempt(error)
        why = not_rung(line.first.leg, attempt.agent.endpoint or "", error)
        self.host.log.warning("a phone cannot be rung", call=attempt.call_id, reason=why)
        self._telling.put(step_of(attempt, "failed", leg=line.first.leg, error=why))

    # ---- what the switch has ----------------------------------------------------------------------------

    async def _look(self) -> Look:
        try:
            return await look_at(self._rest, self._names)
        except FAILED as error:
            raise _for_an_attempt(error) from None

    async def _attend(self, look: Look) -> None:
        try:
            await subscribe(self._rest, self._names, look)
        except UNANSWERED as error:
            raise _for_an_attempt(error) from None

    async def _remove_strays(self, look: Look) -> None:
        for what, names in (("channels", look.channels), ("bridges", look.bridges)):
            for name in names:
                if self._is_stray(name):
                    await self._remove(what, name)

    async def _remove(self, what: str, name: str) -> None:
        """Hang up a channel of ours, or drop a bridge, that belongs to nothing the daemon knows of."""
        self.host.log.warning("what is stray on the switch is removed", what=what, name=name)
        try:
            await self._rest.ask("DELETE", what, name)
        except FAILED as error:
            if not (isinstance(error, Denied) and error.status == NOT_FOUND):
                self.host.log.warning("it stays on the switch", name=name, reason=str(error))

    # ---- recordings, and the operator ----------------------------------------------------------------------

    async def fetch(self, recording: omnigate.AttachmentRef) -> AsyncIterator[bytes]:
        """Return the bytes of a recording that the switch has stored."""
        name = (recording.ref or {}).get("recording")
        if not isinstance(name, str) or self._names.place(name) is None:
            raise omnigate.Refused("no_recording", "it is no recording of this switch")
        try:
            async for chunk in self._rest.file("recordings", "stored", name, "file"):
                yield chunk
        except Denied as error:
            if error.status == NOT_FOUND:
                raise omnigate.Refused("gone", "the switch no longer has the recording") from None
            raise _for_an_attempt(error) from None
        except omnigate.NoAnswer as error:
            raise omnigate.DestinationUnavailable(str(error)) from None

    def talks_to(self) -> str:
        """Return the host of the REST interface."""
        return urlsplit(self.config.url).netloc.rpartition("@")[2]

    async def check(self) -> omnigate.Health:
        """Ask the switch who it is, and whether the agents' phones are there."""
        try:
            return await health(self._rest, self.desk.agents.values())
        except FAILED as error:
            raise _for_the_channel(error) from None


def _for_an_attempt(error: Failure) -> omnigate.OmnigateError:
    if isinstance(error, Denied) and error.status in (401, 403):
        return _for_the_channel(error)
    return omnigate.DestinationUnavailable(str(error))


def _for_the_channel(error: Failure) -> omnigate.OmnigateError:
    if not isinstance(error, Denied):
        return omnigate.NotReady(str(error))
    if error.status == 401:
        return omnigate.CredentialsRejected("the switch knows no such user; see ari.conf")
    if error.status == 403:
        return omnigate.CredentialsRejected(
            "the user may only read; set read_only = no for it in ari.conf"
        )
    return omnigate.NotReady(f"{error}; is ARI enabled in ari.conf and http.conf?")
