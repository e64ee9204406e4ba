"""The sender of updates to a webhook.

Theory of operation: updates of one queue (a chat, mostly) go one after the other; queues go side by
side, on at most ``max_connections`` connections. Any 2xx settles an update. Anything else and a lost
connection bring the same update again: at once the first time, then after 2, 4, 8 … seconds up to
60 to 120, drawn by lot; a Retry-After is followed up to an hour. What is a day old is given up. A
receiver that answers 410 for 23 hours loses the webhook.

Source: fact sheet, section 2; WebhookActor of the published server. The words of lost connections are
unverified.
"""

from __future__ import annotations

import asyncio
import json
from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from random import Random
from typing import Any, Final

import aiohttp

from omnigate.emulators.faults import Fault, Faults
from omnigate.emulators.telegram.internet import Internet
from omnigate.emulators.telegram.pace import Pace
from omnigate.emulators.telegram.updates import Update, UpdateQueue

SECRET_HEADER: Final = "X-Telegram-Bot-Api-Secret-Token"  # noqa: S105  # a name, not a secret
METHOD: Final = "webhook"
"""Under this name faults meet the platform's own requests."""

_MAX_RETRY_AFTER = 3600
_MAX_RESEND_SECONDS = 60
_GONE_SECONDS = 23 * 3600.0
_READ_SECONDS = 60.0
"""Unverified."""
_NOT_BY_WEBHOOK = ("deletewebhook", "setwebhook", "close", "logout")


@dataclass(frozen=True, slots=True)
class WebhookSettings:
    """What ``setWebhook`` said."""

    url: str
    secret_token: str = ""
    max_connections: int = 40
    ip_address: str = ""
    has_certificate: bool = False


@dataclass(frozen=True, slots=True)
class Posted:
    """One attempt to deliver."""

    update_id: int
    at: float
    status: int | None
    error: str


class WebhookSender:
    """Delivers one bot's updates until stopped."""

    def __init__(
        self,
        settings: WebhookSettings,
        updates: UpdateQueue,
        *,
        internet: Internet,
        faults: Faults,
        pace: Pace,
        clock: Callable[[], float],
        random: Random,
        execute: Callable[[Mapping[str, Any]], Awaitable[None]],
        gone: Callable[[], None],
    ) -> None:
        self.settings = settings
        self.attempts: list[Posted] = []
        self.last_error: tuple[int, str] | None = None
        """When the last delivery failed, and why."""
        self._updates = updates
        self._internet = internet
        self._faults = faults
        self._pace = pace
        self._clock = clock
        self._random = random
        self._execute = execute
        self._gone = gone
        self._gone_since: float | None = None
        self._queues: dict[int, deque[tuple[int, Update]]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._connections = asyncio.Semaphore(settings.max_connections)

    def start(self) -> None:
        """Deliver what waits and what comes."""
        for delivery, update in self._updates.deliveries():
            self._enqueue(delivery, update)
        self._updates.listener = self._enqueue

    async def stop(self) -> None:
        """Deliver nothing more; what is under way is broken off."""
        self._updates.listener = None
        current = asyncio.current_task()
        tasks = [task for task in self._tasks if task is not current]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _enqueue(self, delivery: int, update: Update) -> None:
        queue = self._queues.get(update.queue)
        if queue is not None:
            queue.append((delivery, update))
            return
        self._queues[update.queue] = deque([(delivery, update)])
        task = asyncio.create_task(self._work(update.queue))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _work(self, key: int) -> None:
        queue = self._queues[key]
        while queue:
            delivery, update = queue[0]
            await self._deliver(update)
            self._updates.drop(delivery)
            self._updates.changes.notify()
            queue.popleft()
        del self._queues[key]

    async def _deliver(self, update: Update) -> None:
        """Return when the update is accepted or too old."""
        delay, failures = 1, 0
        while True:
            async with self._connections:
                retry_after, error = await self._post(update)
            if error is None:
                return
            self.last_error = (int(self._clock()), error)
            wait = min(max(retry_after, 0), _MAX_RETRY_AFTER)
            if not retry_after and failures:
                most = self._random.randint(_MAX_RESEND_SECONDS, 2 * _MAX_RESEND_SECONDS)
                delay = min(most, delay * 2)
                wait = delay
            if self._clock() + wait > update.expires_at:
                return
            failures += 1
            await self._pace.sleep(wait)

    async def _post(self, update: Update) -> tuple[int, str | None]:
        """Return the seconds to wait that were asked for, and what went wrong."""
        where = self._internet.resolve(self.settings.url)
        if where is None:
            return 0, self._note(update, None, "Failed to resolve host")
        fault = self._faults.take(METHOD, update.queue)
        headers = {"Content-Type": "application/json", "Accept-Encoding": "gzip, deflate"}
        if self.settings.secret_token:
            headers[SECRET_HEADER] = self.settings.secret_token
        body = json.dumps(update.body, ensure_ascii=False).encode()
        try:
            async with self._internet.session.post(
                where,
                data=body if fault is None or fault.body is None else fault.body,
                headers=headers,
                allow_redirects=False,
                timeout=aiohttp.ClientTimeout(total=_READ_SECONDS),
            ) as answer:
                said = await answer.read()
        except TimeoutError:
            return 0, self._note(update, None, "Read timeout expired")
        except aiohttp.ClientConnectorError:
            return 0, self._note(update, None, "Connection refused")
        except aiohttp.ClientError:
            return 0, self._note(update, None, "Webhook connection closed")
        if _is_lost(fault):
            return 0, self._note(update, answer.status, "Webhook connection closed")
        return await self._judge(update, answer, said)

    async def _judge(
        self, update: Update, answer: aiohttp.ClientResponse, said: bytes
    ) -> tuple[int, str | None]:
        if 200 <= answer.status <= 299:
            self._gone_since = None
            self._note(update, answer.status, "")
            await self._obey(said)
            return 0, None
        self._note_gone(answer.status)
        retry_after = answer.headers.get("Retry-After", "")
        words = f"Wrong response from the webhook: {answer.status} {answer.reason}"
        error = self._note(update, answer.status, words)
        return int(retry_after) if retry_after.isdecimal() else 0, error

    async def _obey(self, said: bytes) -> None:
        """Execute the call that an answer may hold; nobody learns its result."""
        try:
            call = json.loads(said) if said else None
        except ValueError:
            return
        if not isinstance(call, dict) or not isinstance(call.get("method"), str):
            return
        method = call["method"].lower()
        if method not in _NOT_BY_WEBHOOK and not method.startswith("get"):
            await self._execute(call)

    def _note(self, update: Update, status: int | None, error: str) -> str:
        self.attempts.append(Posted(update.id, self._clock(), status, error))
        return error

    def _note_gone(self, status: int) -> None:
        if status != 410:
            self._gone_since = None
        elif self._gone_since is None:
            self._gone_since = self._clock()
        elif self._clock() > self._gone_since + _GONE_SECONDS:
            self._gone()


def _is_lost(fault: Fault | None) -> bool:
    """Whether the platform fails to notice that the update arrived, and so will repeat it."""
    return fault is not None and (bool(fault.cut or fault.hang) or fault.body is not None)
