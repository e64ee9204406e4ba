"""What a community runs to get events, scripted."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

from omnigate.emulators.vk import Community


@dataclass
class Receiver:
    """What a community runs: answers as scripted, then ``ok``; and remembers what came."""

    community: Community
    url: str = ""
    code: str | None = None
    """Instead of the right confirmation string."""
    script: list[tuple[int, str] | None] = field(default_factory=list)
    """Status and body, or none for no answer at all."""
    retry_after: str = ""
    silence: asyncio.Event = field(default_factory=asyncio.Event)
    got: list[dict[str, Any]] = field(default_factory=list)
    retries: list[str | None] = field(default_factory=list)

    async def take(self, request: web.Request) -> web.Response:
        body = await request.json()
        if isinstance(body, dict) and body.get("type") == "confirmation":
            assert body == {"type": "confirmation", "group_id": self.community.id}
            return web.Response(text=self.code or self.community.callback.code)
        self.got.append(body)
        self.retries.append(request.headers.get("X-Retry-Counter"))
        if (answer := self.script.pop(0) if self.script else (200, "ok")) is None:
            await self.silence.wait()
            return web.Response(text="ok")
        headers = {"Retry-After": self.retry_after} if self.retry_after else {}
        return web.Response(status=answer[0], text=answer[1], headers=headers)
