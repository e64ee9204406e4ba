"""Calls by Asterisk's manager interface (AMI), for switches that offer nothing else.

Theory of operation. One session brings the events of calls. An attempt is one ``Originate``: the switch rings
the first phone on a channel whose id is ours, and has it ``Dial`` the second when it is answered. A `Track`
follows each attempt by the ids of its channels. What is followed how is in `omnigate_call.links`: after a
lost session, and at the start, ``CoreShowChannels`` tells what there is; what belongs to nothing is hung up.

Talks are not recorded: ``MixMonitor`` needs the class ``system``, which may do anything, and no action hands
over what it has written.

Source: Asterisk 22 "AMI" (docs.asterisk.org, read 2026-11-22); compared with Asterisk 16.28 and 22.10.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from typing import Final

from pydantic import BaseModel

import omnigate
from omnigate_call.ami.config import AmiConfig
from omnigate_call.ami.linked import Listed
from omnigate_call.ami.originate import not_rung, originate
from omnigate_call.ami.session import (
    ActionDenied,
    LoginRefused,
    NotManager,
    Session,
    Unanswered,
)
from omnigate_call.ami.track import Track
from omnigate_call.ami.wire import Block
from omnigate_call.driver import Attempt, Desk
from omnigate_call.links import SwitchDriver
from omnigate_call.steps import step_of

_NO_SUCH: Final = "no such channel"


class Ami(SwitchDriver[Track, Listed]):
    """An Asterisk of one's own, by AMI."""

    kind = "ami"
    Config = AmiConfig
    config: AmiConfig

    def __init__(self, config: BaseModel, desk: Desk) -> None:
        super().__init__(config, desk)
        self._session: Session | None = None
        self._has_caught_up = False
        self._started: str | None = None
        """When the switch was started, as it says itself, to know a restart by."""

    # ---- the connection ---------------------------------------------------------------------------------

    @property
    def _is_connected(self) -> bool:
        return self._session is not None and self._has_caught_up

    async def _hold(self) -> None:
        """Follow one session to its end; see `SwitchDriver._hold`."""
        try:
            await self._hold_session(await Session.open(self.config, self._hear))
        except LoginRefused as error:
            raise _rejected(error) from None
        except (Unanswered, NotManager, ActionDenied) as error:
            raise omnigate.NotReady(str(error)) from None

    async def _hold_session(self, session: Session) -> None:
        reading = asyncio.create_task(session.run())
        try:
            await session.login(self.config)
            self._session = session
            await self._hang_up_strays(await self._catch_up())
            self._has_caught_up = True
            self.host.status("up")
            try:
                await reading
            except (Unanswered, NotManager) as error:
                self.host.status("down", str(error))
        finally:
            self._session, self._has_caught_up = None, False
            session.close()
            reading.cancel()
            with suppress(asyncio.CancelledError, Unanswered, NotManager):
                await reading

    def _hear(self, event: Block) -> None:
        if event.get("event") == "OriginateResponse":
            self._originated(event)
            return
        tracks = [track for track in self._followed.values() if track.concerns(event)]
        for track in tracks:
            track.hear(event)
        name = event.get("uniqueid", "")
        is_new = not tracks and event.get("event") == "Newstate"
        if is_new and self._is_connected and self._is_stray(name):
            self._spawn(self._hang_up_stray(name))

    def _originated(self, event: Block) -> None:
        track = self._of(event.get("actionid", ""))
        if track is not None and event.get("response") == "Failure":
            track.failed(not_rung(track.attempt))

    # ---- attempts ---------------------------------------------------------------------------------------

    def _ids(self, attempt: Attempt) -> Mapping[str, str]:
        leg = attempt.legs[0]
        return {leg: self._names.channel(attempt.call_id, attempt.number, leg)}

    def _follow(self, attempt: Attempt) -> Track:
        name = self._names.channel(attempt.call_id, attempt.number, attempt.legs[0])
        return Track(attempt, name, self._hung_up, self._telling.put)

    async def _begin(self, followed: Track) -> bool:
        attempt = followed.attempt
        followed.begun()
        try:
            await self._asked().act(
                "Originate",
                *originate(attempt, followed.first.name, self.config.customer_endpoint),
                key=self._names.whole(attempt.call_id, attempt.number),
            )
        except ActionDenied as error:
            self._denied(attempt, error)
            return False
        except Unanswered as error:
            if not error.sent:
                raise omnigate.DestinationUnavailable(str(error)) from None
            raise omnigate.Uncertain(f"{error}: it may ring") from None
        return True

    def _denied(self, attempt: Attempt, error: ActionDenied) -> None:
        if "permission" in str(error).lower():
            raise omnigate.CredentialsRejected(
                f"the switch does not let us call: {error}; give the user the class originate"
            )
        why = f"{not_rung(attempt)}: {error}"
        self.host.log.warning("a phone cannot be rung", call=attempt.call_id, reason=why)
        self._telling.put(step_of(attempt, "failed", leg=attempt.legs[0], error=why))

    async def _hung_up(self, name: str) -> bool:
        try:
            await self._asked().act("Hangup", ("Channel", name), ("Cause", "16"))
        except ActionDenied as error:
            if _NO_SUCH in str(error).lower():
                return False
            raise
        return True

    def _asked(self) -> Session:
        """Return the session in which the switch is asked; raises `Unanswered`."""
        if self._session is None:
            raise Unanswered("the switch is not connected", sent=False)
        return self._session

    # ---- what the switch has ----------------------------------------------------------------------------

    async def _look(self) -> Listed:
        asked_at = asyncio.get_running_loop().time()
        try:
            status = await self._asked().act("CoreStatus")
            channels = await self._asked().channels()
        except (ActionDenied, Unanswered) as error:
            raise omnigate.DestinationUnavailable(str(error)) from None
        started = f"{status.get('corestartupdate')} {status.get('corestartuptime')}"
        by_restart = self._started is not None and started != self._started
        self._started = started
        return Listed(asked_at, {each.get("uniqueid", ""): each for each in channels}, by_restart)

    async def _hang_up_strays(self, look: Listed) -> None:
        for name in look.channels:
            if self._is_stray(name):
                await self._hang_up_stray(name)

    async def _hang_up_stray(self, name: str) -> None:
        self.host.log.warning("a stray channel is hung up", name=name)
        try:
            await self._hung_up(name)
        except (ActionDenied, Unanswered) as error:
            self.host.log.warning("it stays on the switch", name=name, reason=str(error))

    def talks_to(self) -> str:
        """Return the manager interface's host and port."""
        return f"{self.config.host}:{self.config.port}"

    async def check(self) -> omnigate.Health:
        """Log in and ask the switch how it is."""
        try:
            session = await Session.open(self.config, lambda event: None)
        except (Unanswered, NotManager) as error:
            raise omnigate.NotReady(str(error)) from None
        reading = asyncio.create_task(session.run())
        try:
            await session.login(self.config)
            await session.channels()
            return omnigate.Health("up", f"the manager of {self.config.host} takes calls")
        except LoginRefused as error:
            raise _rejected(error) from None
        except ActionDenied as error:
            raise omnigate.CredentialsRejected(
                f"the user may not list channels: {error}; give it the class reporting"
            ) from None
        except Unanswered as error:
            raise omnigate.NotReady(str(error)) from None
        finally:
            session.close()
            reading.cancel()
            with suppress(asyncio.CancelledError, Unanswered, NotManager):
                await reading


def _rejected(error: LoginRefused) -> omnigate.CredentialsRejected:
    return omnigate.CredentialsRejected(
        f"the switch does not let us in: {error}; see user, secret and permit in manager.conf"
    )
