"""One session with a manager interface: logged in, actions answered, events handed on in order."""

from __future__ import annotations

import asyncio
import itertools
import ssl
from collections.abc import Callable, Sequence
from hashlib import md5
from typing import Final

from omnigate_call.ami.config import AmiConfig
from omnigate_call.ami.wire import LINE_BYTES, Block, NotManager, encode, read_banner, read_block

CONNECT_SECONDS: Final = 10.0
ANSWER_SECONDS: Final = 10.0
PING_SECONDS: Final = 20.0
LIST_LIMIT: Final = 20_000
"""Channels that a list may have."""


class LoginRefused(Exception):
    """The switch does not know us, or does not let us in."""


class Unanswered(Exception):
    """There is no answer to go by; ``sent`` tells whether the switch may have got the action."""

    def __init__(self, message: str, *, sent: bool) -> None:
        super().__init__(message)
        self.sent = sent


class ActionDenied(Exception):
    """The switch answered, and said no."""


class Session:
    """A connection. `run` reads it to its end; `act` works while it does."""

    def __init__(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        hear: Callable[[Block], None],
    ) -> None:
        self._reader = reader
        self._writer = writer
        self._hear = hear
        self._waiting: dict[str, asyncio.Future[Block]] = {}
        self._lists: dict[str, list[Block]] = {}
        self._numbers = itertools.count(1)

    @classmethod
    async def open(cls, config: AmiConfig, hear: Callable[[Block], None]) -> Session:
        """Connect, and read the banner; raises `Unanswered` or `NotManager`."""
        context = ssl.create_default_context(cafile=config.ca_file) if config.tls else None
        try:
            async with asyncio.timeout(CONNECT_SECONDS):
                reader, writer = await asyncio.open_connection(
                    config.host, config.port, ssl=context, limit=LINE_BYTES
                )
                await read_banner(reader)
        except (OSError, EOFError) as error:  # TimeoutError is an OSError
            why = str(error) or "no answer in time"
            raise Unanswered(f"{config.host}:{config.port}: {why}", sent=False) from None
        return cls(reader, writer, hear)

    async def run(self) -> None:
        """Read until the connection ends; raises `Unanswered` or `NotManager`."""
        pinging = asyncio.create_task(self._ping())
        try:
            while True:
                self._take(await read_block(self._reader))
        except (OSError, EOFError) as error:
            raise Unanswered(str(error) or "the connection was lost", sent=True) from None
        finally:
            pinging.cancel()
            for waiting in self._waiting.values():
                if not waiting.done():
                    waiting.set_exception(Unanswered("the connection was lost", sent=True))
            self._waiting.clear()
            self._writer.close()

    async def login(self, config: AmiConfig) -> None:
        """Log in for calls and their events; raises `LoginRefused` or `Unanswered`."""
        try:
            challenge = (await self.act("Challenge", ("AuthType", "MD5"))).get("challenge", "")
            # unwrapped to be proven: it does not go over the wire
            proof = f"{challenge}{config.password.get_secret_value()}".encode()
            await self.act(
                "Login",
                ("AuthType", "MD5"),
                ("Username", config.username),
                ("Key", md5(proof, usedforsecurity=False).hexdigest()),  # the protocol's own
                ("Events", "call"),
            )
        except ActionDenied as error:
            raise LoginRefused(str(error)) from None

    async def act(self, action: str, *fields: tuple[str, str], key: str | None = None) -> Block:
        """Perform an action and return its answer; raises `ActionDenied` or `Unanswered`.

        ``key`` becomes its ActionID, by which later events name it.
        """
        action_id = key or f"omnigate-{next(self._numbers)}"
        data = encode([("Action", action), ("ActionID", action_id), *fields])
        waiting: asyncio.Future[Block] = asyncio.get_running_loop().create_future()
        self._waiting[action_id] = waiting
        try:
            if self._writer.is_closing():
                raise Unanswered("the switch is not connected", sent=False)
            self._writer.write(data)
            async with asyncio.timeout(ANSWER_SECONDS):
                answer = await waiting
        except TimeoutError:
            raise Unanswered("no answer in time", sent=True) from None
        finally:
            self._waiting.pop(action_id, None)
        if answer.get("response") == "Error":
            raise ActionDenied(answer.get("message", "refused")[:200])
        return answer

    async def channels(self) -> Sequence[Block]:
        """Return the channels that the switch has; raises as `act`."""
        action_id = f"omnigate-{next(self._numbers)}"
        found: list[Block] = []
        self._lists[action_id] = found
        done: asyncio.Future[Block] = asyncio.get_running_loop().create_future()
        self._waiting[f"{action_id}:end"] = done
        try:
            await self.act("CoreShowChannels", key=action_id)
            async with asyncio.timeout(ANSWER_SECONDS):
                await done
        except TimeoutError:
            raise Unanswered("the list of channels has no end", sent=True) from None
        finally:
            del self._lists[action_id]
            self._waiting.pop(f"{action_id}:end", None)
        return found

    def close(self) -> None:
        """Close the connection."""
        self._writer.close()

    def _take(self, block: Block) -> None:
        action_id = block.get("actionid", "")
        if "response" in block and "event" not in block:
            self._answer(action_id, block)
        elif (listed := self._lists.get(action_id)) is not None:
            if block.get("event") == "CoreShowChannelsComplete":
                self._answer(f"{action_id}:end", block)
            elif len(listed) < LIST_LIMIT:
                listed.append(block)
        else:
            self._hear(block)

    def _answer(self, action_id: str, block: Block) -> None:
        waiting = self._waiting.get(action_id)
        if waiting is not None and not waiting.done():
            waiting.set_result(block)

    async def _ping(self) -> None:
        """Make sure that there is somebody; a dead connection is closed, which ends `run`."""
        while True:
            await asyncio.sleep(PING_SECONDS)
            try:
                await self.act("Ping")
            except (Unanswered, ActionDenied):
                self._writer.transport.abort()
                return


__all__ = ["ActionDenied", "LoginRefused", "NotManager", "Session", "Unanswered"]
