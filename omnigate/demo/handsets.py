"""Two phones that ring: the agent's and the customer's, on an emulated Asterisk.

The daemon calls them as it calls any others: the channel, its driver and the calls are those of
``omnigate run``; only the switch and the phones are not there.
"""

from __future__ import annotations

import json
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass
from functools import partial
from typing import Final, Literal

from aiohttp import web
from pydantic import BaseModel, ConfigDict, ValidationError

from omnigate.demo.streams import stream
from omnigate.emulators.asterisk import AsteriskEmulator, CannotDo, Phone, PhoneState

_BEAT_SECONDS: Final = 15.0
"""How often a stream says something though nothing happens: a page that was closed shows itself then."""
_AGENT: Final = "PJSIP/maya"
_CUSTOMER: Final = "PJSIP/*@trunk"
"""Whatever number was given, it is this phone."""
_SECTION: Final = """\
[channels.phone]
kind = "call"
driver = "ari"
default_region = "RU"
countries = ["*"]
caller_id = "+74951234567"
agents = {{ Maya = "{agent}" }}
ring_seconds = 45
retry_after_seconds = []
record = true
allow_private = ["127.0.0.0/8"]

[channels.phone.consent]
en = "You may record the call."
ru = "Вы можете записать разговор."

[channels.phone.limits]
per_number_per_hour = 0
per_number_per_day = 0
per_address_per_hour = 0
per_address_per_day = 0

[channels.phone.ari]
url = "{url}"
username = "{user}"
password = {{ file = "{secret_file}" }}
customer_endpoint = "PJSIP/{{number}}@trunk"

[channels.site.call]
channel = "phone"
session_seconds = 0
per_hour = 100
per_hour_per_network = 1000
"""
_ENDED: Final = {16: "Call ended", 17: "Busy", 19: "Nobody answered", 21: "Declined"}

Who = Literal["agent", "customer"]


class Touch(BaseModel):
    """One touch of a phone, as the page tells it."""

    model_config = ConfigDict(extra="forbid")

    who: Who
    do: Literal["answer", "decline", "hang_up"]


@dataclass(frozen=True, slots=True)
class Handset:
    """What one phone shows."""

    state: PhoneState
    caller: str
    since: float
    """POSIX seconds: how long it has been so."""
    last: str
    """How the latest call ended, while it is idle."""


@asynccontextmanager
async def opened() -> AsyncIterator[Handsets]:
    """Run a switch with two phones as long as the block."""
    async with AsteriskEmulator() as switch:
        yield Handsets(switch)


class Handsets:
    """The two phones, and what the page asks for."""

    def __init__(self, switch: AsteriskEmulator, clock: Callable[[], float] = time.time) -> None:
        self._switch = switch
        self._clock = clock
        self._closing = False
        self._phones: dict[Who, Phone] = {
            "agent": switch.add_phone(_AGENT),
            "customer": switch.add_phone(_CUSTOMER),
        }
        self._since: dict[Who, tuple[PhoneState, float]] = {}

    @property
    def section(self) -> str:
        """The channel's part of the configuration, and the chat's button, as an operator writes them."""
        return _SECTION.format(
            agent=_AGENT,
            url=self._switch.url,
            user=self._switch.user,
            secret_file=self.secret_file,
        )

    @property
    def secret_file(self) -> str:
        """The name of the file that the section names."""
        return "ari.secret"

    @property
    def secret(self) -> str:
        """The password of the switch's interface."""
        return self._switch.password

    def screens(self) -> dict[Who, Handset]:
        """Return what both phones show now."""
        return {who: self._screen(who, phone) for who, phone in self._phones.items()}

    def add_to(self, app: web.Application) -> None:
        """Add the routes."""
        app.router.add_get("/handsets", self.watch)
        app.router.add_post("/handsets", self.touch)

    def close(self) -> None:
        """End all streams."""
        self._closing = True
        self._switch.changes.ring()

    async def watch(self, request: web.Request) -> web.StreamResponse:
        """Stream what both phones show, whenever it changes."""
        return await stream(request, self._screens())

    async def touch(self, request: web.Request) -> web.StreamResponse:
        """Do what was touched: 204, or 409 when the phone cannot do that now."""
        try:
            touch = Touch.model_validate_json(await request.read())
        except ValidationError:
            raise web.HTTPBadRequest(text="That is no touch of a phone.") from None
        phone = self._phones[touch.who]
        does = {"answer": phone.answer, "decline": phone.decline, "hang_up": phone.hang_up}
        try:
            does[touch.do]()
        except CannotDo as error:
            raise web.HTTPConflict(text=str(error)) from None
        return web.Response(status=204)

    async def _screens(self) -> AsyncGenerator[str, None]:
        shown = None
        while not self._closing:
            now = self.screens()
            if now != shown:
                shown = now
                phones = {who: asdict(handset) for who, handset in now.items()}
                yield f"data: {json.dumps(phones, ensure_ascii=False, separators=(',', ':'))}"
                continue  # it may have changed while that was sent
            try:
                await self._switch.changes.wait_for(partial(self._is_other, now), _BEAT_SECONDS)
            except TimeoutError:
                yield ": still here"

    def _is_other(self, before: dict[Who, Handset]) -> bool:
        return self._closing or self.screens() != before

    def _screen(self, who: Who, phone: Phone) -> Handset:
        state = phone.state
        if who not in self._since or self._since[who][0] != state:
            self._since[who] = state, self._clock()
        end = phone.last_end if state == "idle" else None
        last = _ENDED.get(end.number, end.text) if end is not None else ""
        return Handset(state, phone.caller, self._since[who][1], last)
