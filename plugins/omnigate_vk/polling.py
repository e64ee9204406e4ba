"""Events by Bots Long Poll: a session with a key that expires, and a counter of what was fetched.

The counter is the cursor, stored with the events that it stands behind. What cannot be fetched any more
(failures 1 and 3) is told of; the platform says no more than that about it.

Source: vendor documentation of Bots Long Poll.
"""

from __future__ import annotations

import asyncio
import json
from typing import Any, Final

import omnigate
from omnigate_vk.api import VERSION, Api, ApiError
from omnigate_vk.config import EVENTS, VkConfig
from omnigate_vk.servers import Servers

_RIGHTS: Final = frozenset({7, 15})
_LONGEST_PAUSE_SECONDS: Final = 60.0
_LATEST: Final = "0"
"""Wait of a poll that only fetches what there is."""


class Poll:
    """Fetches events; what was stored is not asked for again."""

    def __init__(
        self,
        api: Api,
        config: VkConfig,
        host: omnigate.ChannelHost,
        channel: omnigate.WebhookChannel,
        servers: Servers,
    ) -> None:
        self._api = api
        self._config = config
        self._host = host
        self._channel = channel
        self._servers = servers
        self._server = ""
        self._key = ""
        self._ts = ""
        self._failures = 0
        self.trouble = ""

    async def begin(self) -> None:
        """Open a session and go on where the store says. Raises as `Api.call` does."""
        await self.switch_on()
        session_ts = await self._renew()
        self._ts = await self._host.cursor() or ""
        if not self._ts:
            await self._host.put(cursor=session_ts)
            self._ts = session_ts
        await self._servers_off()

    async def once(self) -> None:
        """Fetch what there is, or wait for it, and store it, each event by itself.

        Raises as `Api.call` does, also when the platform falls silent: then a new session is to be
        begun; and what `ChannelHost.put` raises: then it all comes again.
        """
        await self._fetch(str(self._config.poll_seconds))

    async def finish(self) -> bool:
        """Fetch what was never fetched and end the polling; true when nothing is left.

        For a community whose events come another way from now on. Raises as `once` does.
        """
        self._ts = await self._host.cursor() or ""
        if not self._ts:
            return True
        try:
            await self._renew()
            while await self._fetch(_LATEST):
                pass
            await self._set(enabled=False)
        except ApiError as error:
            if error.code != 100:  # it is switched off already
                raise
        await self._host.put(cursor="")
        return True

    async def _fetch(self, wait: str) -> int:
        """Store what one poll brings and return how many events that were."""
        query = {"act": "a_check", "key": self._key, "ts": self._ts, "wait": wait}
        seconds = 2.0 * max(1, int(wait))
        answer = await self._api.poll(self._server, query, seconds)
        if not isinstance(answer, dict):
            raise omnigate.NoAnswer("the long poll did not answer with an object")
        if "failed" in answer:
            await self._recover(answer)
            return 1 if wait == _LATEST else 0  # there may be more
        updates, ts = answer.get("updates"), answer.get("ts")
        if not isinstance(updates, list) or not isinstance(ts, (str, int)):
            raise omnigate.NoAnswer("the long poll did not answer with updates")
        self._failures = 0
        if updates:
            bodies = [json.dumps(one).encode() for one in updates]
            await self._host.put_updates(self._channel.parse, bodies, cursor=str(ts))
            for body in bodies:
                self._channel.stored(omnigate.Request.of(body))
        self._ts = str(ts)
        return len(updates)

    async def _recover(self, answer: dict[str, Any]) -> None:
        """Do what a failure asks for; ever more slowly when it fails again and again."""
        pause_seconds = min(2.0**self._failures - 1, _LONGEST_PAUSE_SECONDS)
        self._failures += 1
        await asyncio.sleep(pause_seconds)
        failed, ts = answer["failed"], answer.get("ts")
        if failed == 1 and isinstance(ts, (int, str)):
            self._host.log.warning("events lost: VK keeps them no longer", before=self._ts, now=ts)
            self._ts = str(ts)
        elif failed == 2:
            await self._renew()
        elif failed == 3:
            session_ts = await self._renew()
            self._host.log.warning("events lost: VK counts anew", before=self._ts, now=session_ts)
            self._ts = session_ts
        else:
            raise omnigate.NoAnswer(f"the long poll failed with {str(failed)[:20]}")

    async def _renew(self) -> str:
        """Get a new key and return where the counter stands."""
        told = await self._api.call("groups.getLongPollServer", group_id=self._config.group_id)
        try:
            self._server, self._key = str(told["server"]), str(told["key"])
            return str(told["ts"])
        except (TypeError, KeyError):
            raise omnigate.NoAnswer("getLongPollServer did not return a session") from None

    async def switch_on(self) -> None:
        """Switch the long poll and our events on, where they are not; without the right, it has to be so."""
        try:
            if self.trouble_of(await self._settings()):
                await self._set(enabled=True)
        except ApiError as error:
            if error.code not in _RIGHTS:
                raise

    async def _servers_off(self) -> None:
        """Have events no longer posted to us; what is on its way already is taken all the same."""
        try:
            server = await self._servers.ours()
            if server is not None and self._config.confirmation is None:
                await self._servers.switch(server["id"], EVENTS, on=False)
        except ApiError as error:
            if error.code not in _RIGHTS:
                raise

    async def _settings(self) -> Any:
        return await self._api.call("groups.getLongPollSettings", group_id=self._config.group_id)

    async def _set(self, *, enabled: bool) -> None:
        events = dict.fromkeys(EVENTS, True) if enabled else {}
        await self._api.call(
            "groups.setLongPollSettings",
            group_id=self._config.group_id,
            enabled=enabled,
            api_version=VERSION,
            **events,
        )

    async def look(self) -> str:
        """Return what keeps events from being polled; empty when nothing does."""
        return self.trouble_of(await self._settings())

    @staticmethod
    def trouble_of(settings: Any) -> str:
        """Return what is wrong with the settings of the long poll; empty when nothing is."""
        if not isinstance(settings, dict) or not settings.get("is_enabled"):
            return "Bots Long Poll is switched off: omnigate channel setup switches it on"
        events = settings.get("events")
        on = events if isinstance(events, dict) else {}
        if missing := [one for one in EVENTS if not on.get(one)]:
            return f"Bots Long Poll lacks {', '.join(missing)}: omnigate channel setup adds them"
        return ""
