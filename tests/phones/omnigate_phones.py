"""Telephones of paper: a channel that writes down whom it rings, and is told by tests what they do.

Each dial is one line of the file ``dialled`` in its folder, on the disk before the call returns. The file
``lost`` there makes the platform's answers get lost, ``mute`` makes it unable to say what became of a call.
"""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from aiohttp import web
from pydantic import Field

import omnigate


class Phones(omnigate.CallChannel):
    """Ring telephones of paper."""

    kind = "phones"
    summary = "Telephones of paper, for tests."

    class Config(omnigate.ChannelConfig):
        """Where the paper lies."""

        folder: Path = Field(description="Folder of what was dialled.")

    config: Config

    def __init__(self, config: Config, host: omnigate.ChannelHost) -> None:
        self.config = config
        self.host = host
        self.open = not (config.folder / "closed").exists()

    def routes(self) -> Iterable[omnigate.Route]:
        """Return where tests say what the phones do."""
        return [omnigate.Route("POST", "/steps", self._steps)]

    async def admit(self, wanted: omnigate.CallWanted) -> omnigate.Admission:
        """Admit numbers as they are written, for an hour."""
        try:
            number = omnigate.tel(wanted.number)
        except ValueError:
            raise omnigate.Refused("bad_number", "this is no number that can be called") from None
        if number.path.endswith("0000"):
            raise omnigate.Refused("limit_reached", "this number was called too often today")
        expires_at = datetime.now(UTC) + timedelta(hours=1)
        return omnigate.Admission(
            customer=number,
            callback_at=wanted.callback_at,
            expires_at=expires_at,
            agent=wanted.agent,
        )

    async def dial(self, call: omnigate.Call) -> Mapping[str, str]:
        """Write the attempt down."""
        self._write("dialled", call)
        if self._is("lost"):
            raise omnigate.Uncertain("the connection broke")
        return {"leg_a": f"{call.id}-{call.attempt}"}

    async def hang_up(self, call: omnigate.Call) -> None:
        """Write it down and say so."""
        self._write("hung_up", call)
        await self.host.put(self._step(call, "cancelled", "hung-up"))

    async def follow_up(self, call: omnigate.Call) -> omnigate.CallUpdate | None:
        """Look it up on the paper."""
        if self._is("mute"):
            raise omnigate.Uncertain("nobody keeps a list")
        if f"{call.id} {call.attempt}" not in self._lines("dialled"):
            return None
        return self._step(call, "agent_ringing", "looked-up")

    def handover_link(self, token: str) -> str | None:
        """Return a link, for tests that want one."""
        return f"https://phones.invalid/?token={token}"

    def offer(self) -> omnigate.CallOffer:
        """Offer calls at any time."""
        return omnigate.CallOffer(is_open=self.open, region="RU", consent={"*": "May we call?"})

    def capacity(self) -> int | None:
        """Take any number: paper is patient."""
        return None

    async def fetch(self, attachment: omnigate.AttachmentRef) -> AsyncIterator[bytes]:
        """Return the recording of a call."""
        yield b"RIFF" + str(attachment.ref).encode()

    async def _steps(self, request: web.Request) -> web.StreamResponse:
        steps: Sequence[Any] = await request.json()
        await self.host.put(*(omnigate.CallUpdate.model_validate(step) for step in steps))
        return web.Response()

    def _step(self, call: omnigate.Call, state: Any, name: str) -> omnigate.CallUpdate:
        return omnigate.CallUpdate(
            external_id=f"{call.id}-{call.attempt}-{name}",
            conversation=call.customer,
            occurred_at=datetime.now(UTC),
            call=call.id,
            attempt=call.attempt,
            state=state,
        )

    def _is(self, name: str) -> bool:
        return (self.config.folder / name).exists()

    def _lines(self, name: str) -> list[str]:
        path = self.config.folder / name
        return path.read_text().splitlines() if path.exists() else []

    def _write(self, name: str, call: omnigate.Call) -> None:
        with (self.config.folder / name).open("a") as paper:
            paper.write(f"{call.id} {call.attempt}\n")
            paper.flush()
            os.fsync(paper.fileno())


@omnigate.hookimpl
def omnigate_channels() -> Sequence[type[omnigate.Channel]]:
    """Return the one kind there is."""
    return [Phones]
