"""How one bot hears of its updates: by asking, or at its webhook; never both.

Source: fact sheet, section 2; ``process_get_updates_query``, ``process_set_webhook_query``,
``do_set_webhook`` and ``fail_query_conflict`` of the published server.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable, Mapping
from typing import Any
from urllib.parse import urlsplit

from omnigate.emulators.telegram.errors import (
    OTHER_POLLER,
    WEBHOOK_IS_ACTIVE,
    Refused,
    bad_request,
    flood,
)
from omnigate.emulators.telegram.internet import Internet, is_private
from omnigate.emulators.telegram.limits import SECRET_TOKEN_CHARS, WEBHOOK_PORTS
from omnigate.emulators.telegram.model import Bot
from omnigate.emulators.telegram.pace import Pace
from omnigate.emulators.telegram.updates import Update
from omnigate.emulators.telegram.webhook import WebhookSender, WebhookSettings
from omnigate.emulators.telegram.world import World

_CONFLICT_SECONDS = 3.0
_SAME_OFFSET_SECONDS = 3.0
_HASTE_SECONDS = 0.5
_SET_WEBHOOK_SECONDS = 1.0
_SECRET = re.compile(r"[A-Za-z0-9_-]*")


class Receiver:
    """The receiving side of one bot."""

    def __init__(
        self,
        world: World,
        bot: Bot,
        internet: Internet,
        pace: Pace,
        execute: Callable[[Mapping[str, Any]], Awaitable[None]],
    ) -> None:
        self.sender: WebhookSender | None = None
        """There is one while a webhook is set."""
        self._world = world
        self._bot = bot
        self._internet = internet
        self._pace = pace
        self._execute = execute
        self._turn = 0
        """Counts long polls: the one that has the turn is alive."""
        self.polling = False
        """Whether a long poll waits just now."""
        self._ended_by = ""
        self._last_offset: int | None = None
        self._last_asked_at = float("-inf")
        self._next_conflict_at = float("-inf")
        self._next_webhook_at = float("-inf")
        self._ending: set[asyncio.Task[None]] = set()

    async def get_updates(self, offset: int, limit: int, timeout_seconds: int) -> list[Update]:
        """Return what comes from ``offset`` on, at most ``limit``, waiting where there is nothing.

        Who asks again and again with the same offset is slowed down, as on the platform: within
        three seconds the answer takes three, within half a second it holds one update.

        Raises:
            Refused: there is a webhook, or somebody else begins to ask
        """
        if self.sender is not None:
            raise await self._conflict(WEBHOOK_IS_ACTIVE)
        now = _monotonic()
        if offset == self._last_offset:
            if now < self._last_asked_at + self._pace.real(_SAME_OFFSET_SECONDS):
                timeout_seconds = max(timeout_seconds, int(_SAME_OFFSET_SECONDS))
            if now < self._last_asked_at + self._pace.real(_HASTE_SECONDS):
                limit = 1
        self._last_offset, self._last_asked_at = offset, now
        updates = self._bot.updates.get(offset, limit)
        if updates or not timeout_seconds:
            return updates
        return await self._wait(max(offset, 0), limit, timeout_seconds)

    async def set_webhook(self, settings: WebhookSettings, allowed: str, *, drop: bool) -> str:
        """Deliver to a webhook from now on; return what the platform says to it.

        The webhook that was there is gone even where the new one is refused, as in the server.

        Raises:
            Refused: too soon after the last time, or such a webhook cannot be
        """
        now = _monotonic()
        if now < self._next_webhook_at:
            raise flood(1)
        self._next_webhook_at = now + self._pace.real(_SET_WEBHOOK_SECONDS)
        if self.sender is not None and self.sender.settings == settings and not drop:
            self._bot.updates.choose(allowed)
            return "Webhook is already set"
        self._end_poll("terminated by setWebhook request")
        await self._remove()
        if drop:
            self._bot.updates.clear()
        self._check(settings)
        self._bot.updates.choose(allowed)
        self.sender = WebhookSender(
            settings,
            self._bot.updates,
            internet=self._internet,
            faults=self._world.faults,
            pace=self._pace,
            clock=self._world.clock,
            random=self._world.random,
            execute=self._execute,
            gone=self._lose,
        )
        self.sender.start()
        return "Webhook was set"

    async def delete_webhook(self, *, drop: bool) -> str:
        """Deliver by long polls from now on; return what the platform says to it."""
        was_set = self.sender is not None
        await self._remove()
        if drop:
            self._bot.updates.clear()
        return "Webhook was deleted" if was_set else "Webhook is already deleted"

    def info(self) -> dict[str, Any]:
        """Return what ``getWebhookInfo`` tells."""
        updates = self._bot.updates
        told: dict[str, Any] = {
            "url": "",
            "has_custom_certificate": False,
            "pending_update_count": len(updates),
        }
        if self.sender is not None:
            settings = self.sender.settings
            told |= {
                "url": settings.url,
                "has_custom_certificate": settings.has_certificate,
                "max_connections": settings.max_connections,
                "ip_address": settings.ip_address or "198.51.100.1",
            }
            if self.sender.last_error is not None:
                told["last_error_date"], told["last_error_message"] = self.sender.last_error
        if not updates.has_default_kinds:
            told["allowed_updates"] = sorted(updates.allowed)
        return told

    async def close(self) -> None:
        """Deliver nothing more, by any way."""
        self._end_poll("")
        await self._remove()

    async def _wait(self, offset: int, limit: int, seconds: int) -> list[Update]:
        self._end_poll(OTHER_POLLER)
        self._turn += 1
        turn, self.polling = self._turn, True
        self._world.changes.notify()
        queue = self._bot.updates
        try:
            return (
                await queue.changes.wait_until(
                    lambda: self._look(turn, offset, limit), self._pace.real(seconds)
                )
                or []
            )
        except TimeoutError:
            return []
        except _TurnLost:
            if not self._ended_by:
                return []
            raise await self._conflict(self._ended_by) from None
        finally:
            if turn == self._turn:
                self.polling = False

    def _look(self, turn: int, offset: int, limit: int) -> list[Update]:
        if turn != self._turn:
            raise _TurnLost
        return self._bot.updates.get(offset, limit)

    def _end_poll(self, words: str) -> None:
        if self.polling:
            self._turn += 1
            self.polling = False
            self._ended_by = words
            self._bot.updates.changes.notify()

    async def _conflict(self, words: str) -> Refused:
        """Return the refusal; the second within three seconds comes three seconds late."""
        now = _monotonic()
        if now < self._next_conflict_at:
            await self._pace.sleep(_CONFLICT_SECONDS)
        else:
            self._next_conflict_at = now + self._pace.real(_CONFLICT_SECONDS)
        return Refused(409, words)

    def _check(self, settings: WebhookSettings) -> None:
        parts = _split(settings.url)
        if len(settings.secret_token) > SECRET_TOKEN_CHARS:
            raise bad_request("secret token is too long")
        if not _SECRET.fullmatch(settings.secret_token):
            raise bad_request("secret token contains unallowed characters")
        if not self._world.local:
            if parts.scheme != "https":
                raise bad_request("bad webhook: An HTTPS URL must be provided for webhook")
            if (parts.port or 443) not in WEBHOOK_PORTS:
                words = "Webhook can be set up only on ports 80, 88, 443 or 8443"
                raise bad_request(f"bad webhook: {words}")
            if is_private(parts.hostname or ""):
                address = "127.0.0.1" if parts.hostname == "localhost" else parts.hostname
                raise bad_request(f"bad webhook: IP address {address} is reserved")
        if self._internet.resolve(settings.url) is None:
            words = "Failed to resolve host: Name or service not known"  # unverified
            raise bad_request(f"bad webhook: {words}")

    async def _remove(self) -> None:
        sender, self.sender = self.sender, None
        if sender is not None:
            await sender.stop()
            self._world.changes.notify()

    def _lose(self) -> None:
        """Remove the webhook from inside its own sender."""
        task = asyncio.create_task(self._remove())
        self._ending.add(task)
        task.add_done_callback(self._ending.discard)


class _TurnLost(Exception):
    """Another call has taken the place of this long poll."""


def _split(url: str) -> Any:
    """Take a webhook's URL apart; without a scheme it is an HTTPS one."""
    if not re.match(r"[a-z]+://", url, re.IGNORECASE):
        url = f"https://{url}"
    try:
        parts = urlsplit(url)
        good = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        good = False
    if not good:
        raise bad_request("invalid webhook URL specified")
    return parts


def _monotonic() -> float:
    return asyncio.get_running_loop().time()
