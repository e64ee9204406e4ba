"""How updates come: by webhook, which is set here, or by long poll."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Mapping
from typing import Any, Final

from pydantic import SecretStr
from yarl import URL

import omnigate
from omnigate_telegram.api import OFFICIAL, Api, ApiError, Failure, for_the_channel
from omnigate_telegram.config import PORTS, TelegramConfig

_SLACK_SECONDS: Final = 10.0
_PAGE: Final = 100
_FIRST_PAUSE_SECONDS: Final = 1.0
_LONGEST_PAUSE_SECONDS: Final = 60.0
_CONFLICT_SECONDS: Final = 30.0
_LOOK_SECONDS: Final = 300.0
_RECENT_SECONDS: Final = 900.0
_FRESH_SECONDS: Final = 5 * 24 * 3600


# ---- webhook --------------------------------------------------------------------------------------


class Webhook:
    """Has the platform deliver to our address, and looks now and then how that goes."""

    def __init__(
        self, api: Api, config: TelegramConfig, host: omnigate.ChannelHost, secret: SecretStr
    ) -> None:
        self._api = api
        self._config = config
        self._secret = secret
        self._host = host
        self.url = host.public_url("hook")
        self.trouble = ""

    async def begin(self) -> None:
        """Set the webhook; its secret cannot be read back, so it is set whatever stands there.

        Raises as `Api.call` does, and `NotReady` for an address that the platform cannot reach.
        """
        if obstacle := self._obstacle():
            raise omnigate.NotReady(obstacle)
        arguments = {
            "url": self.url,
            "secret_token": self._secret.get_secret_value(),
            "allowed_updates": self._config.allowed_updates(),
            "max_connections": self._config.max_connections,
        }
        await self._api.call("setWebhook", arguments)
        self.trouble = ""

    async def once(self) -> None:
        """Look, after a while, whether the webhook is what it should be; set it anew when it is not."""
        await asyncio.sleep(_LOOK_SECONDS)
        info = await self._api.call("getWebhookInfo")
        self.trouble = self.trouble_of(info)
        if info.get("url") != self.url:
            self._host.log.warning(
                "somebody changed the webhook; it is set anew", was=_origin(info.get("url"))
            )
            await self.begin()

    def trouble_of(self, info: Mapping[str, Any]) -> str:
        """Return what is wrong with the webhook, in the platform's own words; empty when nothing is."""
        if obstacle := self._obstacle():
            return obstacle
        if info.get("url") != self.url:
            return (
                f"the webhook is set to {_origin(info.get('url'))}; the daemon sets it when it starts, "
                f"and so does: omnigate channel setup {self._host.name}"
            )
        failed_at, waiting = info.get("last_error_date") or 0, info.get("pending_update_count", 0)
        if waiting and time.time() - failed_at < _RECENT_SECONDS:
            return f"Telegram cannot deliver ({waiting} wait): {info.get('last_error_message')}"
        return ""

    def _obstacle(self) -> str | None:
        """Return why the platform would not deliver to our address, and what to do."""
        if URL(self._config.api_url).host != OFFICIAL:
            return None  # a server of one's own takes any
        address = URL(self.url)
        if address.scheme != "https":
            return (
                "Telegram delivers to https only: put a TLS proxy before Omnigate and say its address "
                'in [server] public_url, or set mode = "poll"'
            )
        if address.port not in PORTS:
            ports = ", ".join(map(str, PORTS))
            return (
                f"Telegram delivers to the ports {ports} only, and public_url names {address.port}; "
                'change it, or set mode = "poll"'
            )
        return None


def _origin(url: object) -> str:
    if not isinstance(url, str) or not url:
        return "nothing"
    try:
        return str(URL(url).origin())
    except ValueError:
        return "another address"


# ---- long poll ------------------------------------------------------------------------------------


class Poll:
    """Fetches updates; what was stored is confirmed with the next call.

    The cursor is ``<offset> <when>``. After a week of silence the platform begins to count anew
    anywhere, perhaps below an offset it was told before: so an offset is told until it has confirmed
    what it stands for, and never again, and not at all when it is old.
    """

    def __init__(
        self,
        api: Api,
        config: TelegramConfig,
        host: omnigate.ChannelHost,
        channel: omnigate.WebhookChannel,
    ) -> None:
        self._api = api
        self._config = config
        self._host = host
        self._channel = channel
        self._offset: int | None = None
        self.trouble = ""

    async def begin(self) -> None:
        """Go on where the store says; a webhook that is set is taken back, or no poll is answered.

        Raises as `Api.call` does.
        """
        offset, _, seconds = (await self._host.cursor() or "").partition(" ")
        is_fresh = seconds.isdecimal() and time.time() - int(seconds) < _FRESH_SECONDS
        self._offset = int(offset) if is_fresh and offset.isdecimal() else None
        info = await self._api.call("getWebhookInfo")
        if info.get("url"):
            self._host.log.info("webhook removed: updates are polled")
            await self._api.call("deleteWebhook", {"drop_pending_updates": False})

    async def once(self) -> None:
        """Fetch what waits and store it, each update by itself.

        Raises as `Api.call` does, and what `ChannelHost.put` raises: then it all comes again.
        """
        arguments: dict[str, Any] = {
            "timeout": self._config.poll_seconds,
            "limit": _PAGE,
            "allowed_updates": self._config.allowed_updates(),
        }
        if self._offset is not None:
            arguments["offset"] = self._offset
        seconds = self._config.poll_seconds + _SLACK_SECONDS
        updates = await self._api.call("getUpdates", arguments, seconds=seconds)
        if not isinstance(updates, list):
            raise omnigate.NoAnswer("getUpdates did not return a list")
        self._offset = None  # told: what it stands for is confirmed
        if not updates:
            return
        numbers = [one.get("update_id") for one in updates if isinstance(one, dict)]
        offset = next((number + 1 for number in reversed(numbers) if isinstance(number, int)), None)
        cursor = None if offset is None else f"{offset} {int(time.time())}"
        bodies = [json.dumps(one, ensure_ascii=False).encode() for one in updates]
        await self._host.put_updates(self._channel.parse, bodies, cursor=cursor)
        self._offset = offset
        for one, body in zip(updates, bodies, strict=True):
            if isinstance(one, dict) and "callback_query" in one and "update_id" in one:
                self._channel.stored(omnigate.Request.of(body))

    def trouble_of(self, info: Mapping[str, Any]) -> str:
        """Return what keeps updates from being polled; empty when nothing does."""
        if info.get("url"):
            return (
                "a webhook is set, so polls are not answered; the daemon removes it when it starts, and "
                f"so does: omnigate channel setup {self._host.name}"
            )
        return ""


class Patience:
    """How long to wait after failures in a row, and what to tell of them: the first, and the end."""

    def __init__(self, host: omnigate.ChannelHost) -> None:
        self._host = host
        self._pause_seconds = _FIRST_PAUSE_SECONDS

    def worked(self, trouble: str) -> None:
        """Note that updates come, or what is not as it should be."""
        self._pause_seconds = _FIRST_PAUSE_SECONDS
        self._host.status("degraded" if trouble else "up", trouble)

    async def failed(self, error: Failure) -> None:
        """Tell why and wait; raises `CredentialsRejected` when waiting would not help."""
        meant = for_the_channel(error)
        if isinstance(meant, omnigate.CredentialsRejected):
            raise meant
        seconds, told = self._pause_seconds, str(error)
        if isinstance(error, ApiError) and error.code == 409:
            seconds = _CONFLICT_SECONDS
            told = (
                f"another program reads this bot's updates, or a webhook is set: {error.description}. "
                "A bot has one reader; stop the other one"
            )
        elif isinstance(error, ApiError) and error.retry_after_seconds:
            seconds = error.retry_after_seconds
        self._host.status("down", told)
        await asyncio.sleep(seconds)
        self._pause_seconds = min(self._pause_seconds * 2, _LONGEST_PAUSE_SECONDS)
