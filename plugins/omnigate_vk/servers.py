"""The callback servers of the community: ours, found again by its address or its title, and never a second.

Source: vendor schema 5.199, section groups.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable, Mapping
from typing import Any, Final

from pydantic import SecretStr

import omnigate
from omnigate_vk.api import VERSION, Api
from omnigate_vk.config import EVENTS, VkConfig

WAITS: Final = "the callback server waits for its confirmation"
_FRESH_SECONDS: Final = 1.0
_CONFIRM_SECONDS: Final = 5.0


class Servers:
    """What the platform knows of where events are to be sent."""

    def __init__(
        self, api: Api, config: VkConfig, host: omnigate.ChannelHost, secret: SecretStr
    ) -> None:
        self._api = api
        self._group_id = config.group_id
        self._secret = secret
        self._code = config.confirmation
        self._is_by_hand = config.confirmation is not None
        self._code_at = 0.0
        self._asking = asyncio.Lock()
        self.url = host.public_url("hook")
        self._title = f"omnigate-{host.secret('title').hex()[:5]}"

    async def ours(self) -> Mapping[str, Any] | None:
        """Return our server as the platform knows it. Raises as `Api.call` does."""
        known = await self._api.call("groups.getCallbackServers", group_id=self._group_id)
        items = known.get("items") if isinstance(known, dict) else None
        servers = [one for one in items or () if isinstance(one, dict)]
        by_address = [one for one in servers if one.get("url") == self.url]
        by_title = [one for one in servers if one.get("title") == self._title]
        return next(iter([*by_address, *by_title]), None)

    async def register(self, *, anew: bool = False) -> str:
        """Have events sent to our address and return what was done for it.

        Adds a server, or edits the one there is when it is not as it should be, or ``anew``: the platform
        then makes sure of us once more. Raises as `Api.call` does.
        """
        server = await self.ours()
        described = {
            "group_id": self._group_id,
            "url": self.url,
            "title": self._title,
            "secret_key": self._secret.get_secret_value(),
        }
        self._code_at = 0.0
        if server is None:
            added = await self._api.call("groups.addCallbackServer", **described)
            server_id, did = added["server_id"], f"VK delivers to {self.url}: server added"
        else:
            server_id, did = server["id"], f"VK delivers to {self.url}"
            secret = server.get("secret_key")
            differs = server.get("url") != self.url or not omnigate.secrets_match(
                secret if isinstance(secret, str) else "", self._secret
            )
            if anew or differs or server.get("status") in ("failed", "unconfigured"):
                await self._api.call("groups.editCallbackServer", server_id=server_id, **described)
                did += ": server set anew"
        await self.switch(server_id, EVENTS, on=True)
        return did

    async def switch(self, server_id: int, events: Iterable[str], *, on: bool) -> None:
        """Have some kinds of events sent to a server, or no longer. Raises as `Api.call` does."""
        await self._api.call(
            "groups.setCallbackSettings",
            group_id=self._group_id,
            server_id=server_id,
            api_version=VERSION,
            **dict.fromkeys(events, on),
        )

    async def trouble(self) -> str:
        """Return what is wrong with our server; empty when nothing is. Raises as `Api.call` does."""
        server = await self.ours()
        trouble = trouble_of(server)
        if server is None or trouble:
            return trouble
        settings = await self._api.call(
            "groups.getCallbackSettings", group_id=self._group_id, server_id=server["id"]
        )
        events = settings.get("events") if isinstance(settings, dict) else None
        on = events if isinstance(events, dict) else {}
        if missing := [one for one in EVENTS if not on.get(one)]:
            return f"the callback server does not get {', '.join(missing)}: omnigate channel setup adds them"
        return ""

    async def confirmation(self) -> str:
        """Return the string that the platform wants to read now; it changes with every server.

        Asked for at most once a second, however many ask us. Raises as `Api.call` does.
        """
        if self._is_by_hand and self._code is not None:
            return self._code
        async with self._asking:
            if self._code is None or time.monotonic() - self._code_at > _FRESH_SECONDS:
                async with asyncio.timeout(_CONFIRM_SECONDS):
                    told = await self._api.call(
                        "groups.getCallbackConfirmationCode", group_id=self._group_id
                    )
                self._code, self._code_at = str(told["code"]), time.monotonic()
            return self._code


def trouble_of(server: Mapping[str, Any] | None) -> str:
    """Return what is wrong with our server, in the platform's own words; empty when nothing is."""
    if server is None:
        return "no callback server has our address: omnigate channel setup adds it"
    status = server.get("status")
    if status == "ok":
        return ""
    if status == "wait":
        return WAITS
    return (
        f"the status of the callback server is {status!r}: VK did not reach {server.get('url')}, or did not "
        "get the confirmation string there; see that public_url is reached from outside, then: omnigate "
        "channel setup"
    )
