"""Those who write: customers through the channel, the CRM through the API, each until acknowledged.

What was not acknowledged is sent again, word for word, until it is: that is how platforms behave, and
it makes whatever is stored or delivered more than once the daemon's fault.
"""

from __future__ import annotations

import asyncio
import hashlib
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final

import aiohttp

from proofs.daemon import TOKEN, Daemon

LONGEST_BATCH: Final = 12
AGAIN: Final = 0.1
"""How often a platform repeats what was acknowledged."""
PAUSE_SECONDS: Final = 0.02
"""After a refusal, before the next try."""


@dataclass
class Book:
    """What was acknowledged."""

    messages: set[str] = field(default_factory=set)
    """External ids of customers' messages, which are also what they say."""
    answers: dict[str, str] = field(default_factory=dict)
    """What the CRM sent through the API → the message's id."""
    files: dict[str, str] = field(default_factory=dict)
    """Uploads: id → SHA-256 of the bytes."""
    complaints: list[str] = field(default_factory=list)
    """Answers of the daemon that no daemon may give."""

    @property
    def acknowledged(self) -> int:
        """How many messages, both ways."""
        return len(self.messages) + len(self.answers)


class Writers:
    """All who write; they stop between two messages while ``may_write`` says no."""

    def __init__(
        self,
        daemon: Daemon,
        token: str,
        chance: random.Random,
        may_write: Callable[[], bool],
    ) -> None:
        self.book = Book()
        self.again = AGAIN
        self._daemon = daemon
        self._token = token
        self._chance = chance
        self._may_write = may_write
        self._ended = False
        self._tasks: list[asyncio.Task[None]] = []
        self._session = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=20))

    def begin(self, customers: int, agents: int, uploaders: int) -> None:
        """Begin to write, all at once."""
        works = [self._customer(number) for number in range(customers)]
        works += [self._agent(number) for number in range(agents)]
        works += [self._uploader(number) for number in range(uploaders)]
        self._tasks = [asyncio.create_task(work) for work in works]

    async def end(self) -> None:
        """Have what was begun acknowledged, then stop."""
        self._ended = True
        await asyncio.gather(*self._tasks)

    async def leave(self) -> None:
        """Stop at once, whatever was begun."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._session.close()

    async def _turn(self) -> bool:
        """Wait for one's turn to write; False when it is over."""
        while not self._ended and not (self._daemon.up.is_set() and self._may_write()):  # noqa: ASYNC110  # three things end it
            await asyncio.sleep(PAUSE_SECONDS)
        return not self._ended

    async def _customer(self, number: int) -> None:
        """Write in two conversations, alone or several messages at a time."""
        said = [0, 0]
        while await self._turn():
            batch = []
            for _ in range(self._chance.choice([1, 1, 1, self._chance.randint(2, LONGEST_BATCH)])):
                which = self._chance.randrange(2)
                batch.append(message(f"c{number}x{which}", said[which]))
                said[which] += 1
            await self.say(batch)
            if self._chance.random() < self.again:
                answer = await self.say(batch)
                if answer["accepted"]:
                    self.book.complaints.append(f"a repetition was accepted: {answer}")

    async def say(self, batch: list[dict[str, Any]]) -> Any:
        """Hand in what customers say; return the daemon's answer."""
        body = batch[0] if len(batch) == 1 else batch
        answer = await self._post("/channels/app/messages", TOKEN, json=body)
        if answer["accepted"] + answer["duplicates"] != len(batch):
            self.book.complaints.append(f"{len(batch)} messages were answered with {answer}")
        self.book.messages.update(message["external_id"] for message in batch)
        return answer

    async def _agent(self, number: int) -> None:
        """Write to customers through the API, each message under a key of its own."""
        count = 0
        while await self._turn():
            text = f"a{number}-{count}"
            count += 1
            to = {"channel": "app", "address": f"app:agent{number}"}
            await self.send(to, text)
            if self._chance.random() < self.again:
                await self.send(to, text)

    async def send(self, to: dict[str, str], text: str) -> None:
        """Answer a customer through the API, under a key made of the text."""
        key = {"Idempotency-Key": f"key-{text}"}
        answer = await self._post(
            "/v1/messages", self._token, json={"to": to, "text": text}, headers=key
        )
        if self.book.answers.setdefault(text, answer["id"]) != answer["id"]:
            self.book.complaints.append(f"the key of {text} gave a second message")

    async def _uploader(self, number: int) -> None:
        while await self._turn():
            await self.upload(self._chance.randbytes(self._chance.randint(1, 400_000)))
            await asyncio.sleep(self._chance.random() / 5)

    async def upload(self, content: bytes) -> None:
        """Upload a file through the API."""
        answer = await self._post("/v1/media", self._token, data=content)
        self.book.files[answer["id"]] = hashlib.sha256(content).hexdigest()

    async def _post(
        self, path: str, token: str, headers: dict[str, str] | None = None, **body: Any
    ) -> Any:
        """Send until it is acknowledged; return the answer."""
        sent = {"Authorization": f"Bearer {token}", **(headers or {})}
        if "data" in body:
            sent["Content-Type"] = "application/octet-stream"
        while True:
            await self._daemon.up.wait()
            try:
                async with self._session.post(
                    self._daemon.address + path, headers=sent, **body
                ) as answer:
                    content = await answer.json(content_type=None)
                    if answer.status in (201, 202):
                        return content
                    if answer.status not in (409, 500, 503):
                        raise RuntimeError(f"{path} answered {answer.status}: {content}")
            except (aiohttp.ClientError, OSError, TimeoutError, ValueError):
                pass  # it died, or dies just now
            await asyncio.sleep(PAUSE_SECONDS)


def message(conversation: str, number: int) -> dict[str, Any]:
    """Return what a customer says as the ``number``-th thing in a conversation, from 0."""
    text = f"{conversation}-{number}"
    return {
        "external_id": text,
        "conversation": conversation,
        "sender": {"address": f"app:{conversation}"},
        "text": text,
    }
