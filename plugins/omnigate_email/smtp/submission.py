"""Handing mails to the submission server: few connections, used again, within the provider's rates."""

from __future__ import annotations

import asyncio
import ssl
from dataclasses import dataclass

import omnigate
from omnigate_email.accounts import SmtpConfig
from omnigate_email.oauth import TokenSource
from omnigate_email.servers import tls_context
from omnigate_email.smtp.composing import Composed
from omnigate_email.smtp.dialogue import Accepted, Dialogue, Stale
from omnigate_email.smtp.rates import Rates


@dataclass(frozen=True, slots=True)
class _Idle:
    dialogue: Dialogue
    leaves: asyncio.TimerHandle


class Submission:
    """The way out for one account. Make it in the loop that uses it, and close it."""

    def __init__(
        self,
        config: SmtpConfig,
        host: omnigate.ChannelHost,
        tokens: TokenSource | None = None,
    ) -> None:
        """Take the tokens of a mailbox that is also read; made here when none are given."""
        self._config = config
        self._tokens = tokens
        if tokens is None and config.oauth is not None:
            self._tokens = TokenSource(config.oauth)
        self._rates = Rates(host, config.per_hour, config.per_day)
        self._places = asyncio.Semaphore(config.max_connections)
        self._idle: list[_Idle] = []
        self._leaving: set[asyncio.Task[None]] = set()
        self._context: ssl.SSLContext | None = None
        self._closed = False

    async def send(
        self, mail: Composed, *, sender: str | None = None, attempt: int = 1
    ) -> Accepted:
        """Hand over one mail and return once the server has taken responsibility for it.

        ``sender`` is the envelope's, where bounces go: the mail's own when it is not given, none when it
        is empty. The first recipient decides: where they are refused nobody gets the mail, and of the
        others, who get copies, is returned who was refused. Raises `Refused`, `RetryLater`,
        `DestinationUnavailable`, `CredentialsRejected`, and `Uncertain` when the connection was lost
        between the mail and the answer.
        """
        await self._rates.take()
        async with self._places:
            while True:
                dialogue = await self._open()
                try:
                    return await dialogue.deliver(
                        mail, mail.sender if sender is None else sender, attempt
                    )
                except Stale:
                    continue  # it was closed while nobody looked: the next one, or a new one
                finally:
                    self._keep(dialogue)

    async def check(self) -> omnigate.Health:
        """Log in and take leave, sending nothing."""
        try:
            dialogue = await self._new()
            try:
                await dialogue.noop()
                limit = dialogue.size_limit_bytes
            finally:
                await dialogue.quit()
        except (omnigate.DestinationUnavailable, omnigate.CredentialsRejected) as error:
            return omnigate.Health("down", str(error))
        size = f", up to {limit // 1_000_000} MB each" if limit else ""
        return omnigate.Health("up", f"{self._config.host} takes our mails{size}")

    async def close(self) -> None:
        """Take leave on all connections; mails under way are their callers' to end."""
        self._closed = True
        for idle in self._idle:
            idle.leaves.cancel()
            self._leave(idle.dialogue)
        self._idle.clear()
        await asyncio.gather(*self._leaving)
        await asyncio.sleep(0)  # the system hears of what was closed in the loop's next round

    async def _open(self) -> Dialogue:
        """Return a connection, one that waits or a new one."""
        while self._idle:
            idle = self._idle.pop()
            idle.leaves.cancel()
            if idle.dialogue.is_sound:
                return idle.dialogue
        return await self._new()

    async def _new(self) -> Dialogue:
        if self._context is None and self._config.tls != "none":
            self._context = await asyncio.to_thread(tls_context, self._config.ca_file)
        return await Dialogue.open(self._config, self._context, self._tokens)

    def _keep(self, dialogue: Dialogue) -> None:
        """Keep a connection for the next mail, for some time."""
        if not dialogue.is_sound:
            dialogue.abort()
        elif self._closed or self._config.idle_seconds == 0:
            self._leave(dialogue)
        else:
            loop = asyncio.get_running_loop()
            leaves = loop.call_later(self._config.idle_seconds, self._expire, dialogue)
            self._idle.append(_Idle(dialogue, leaves))

    def _expire(self, dialogue: Dialogue) -> None:
        self._idle = [idle for idle in self._idle if idle.dialogue is not dialogue]
        self._leave(dialogue)

    def _leave(self, dialogue: Dialogue) -> None:
        task = asyncio.get_running_loop().create_task(dialogue.quit())
        self._leaving.add(task)
        task.add_done_callback(self._leaving.discard)
