"""The platform on loopback: the API, the upload server, files, and the long poll."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from typing import Any, Final, Self, TypeVar

from aiohttp import BodyPartReader, web

from omnigate.emulators.faults import Fault, Faults
from omnigate.emulators.vk import uploading
from omnigate.emulators.vk.arguments import Arguments
from omnigate.emulators.vk.calls import Call, Gate, TurnedAway
from omnigate.emulators.vk.community import Community
from omnigate.emulators.vk.errors import Refused
from omnigate.emulators.vk.methods import METHODS
from omnigate.emulators.vk.multichat import MultiChat
from omnigate.emulators.vk.people import Person
from omnigate.emulators.vk.world import World

_T = TypeVar("_T")
_FORM_BYTES: Final = 4 * 1024 * 1024
_PAGE: Final = "<html><body><h1>{status}</h1><p>nginx</p></body></html>"


class VkEmulator:
    """VK as a community's program sees it. Use it as an asynchronous context manager.

    ``speed`` shortens what the platform waits for: repeats of callbacks and long polls. The same
    seed gives the same ids, tokens and orders. ``port`` 0 is any free one.
    """

    def __init__(
        self,
        *,
        seed: int = 0,
        clock: Callable[[], float] = time.time,
        speed: float = 1.0,
        port: int = 0,
    ) -> None:
        self.world = World(seed, clock, speed)
        self.faults = Faults()
        """For methods by their name, and for ``upload``, ``file`` and ``a_check``."""
        self.calls: list[Call] = []
        """Every call that was admitted, oldest first."""
        self.turned_away: list[TurnedAway] = []
        """Every call that was not admitted."""
        self.gate = Gate(self.world, METHODS)
        self._closing = asyncio.Event()
        self._port = port
        self._runner: web.AppRunner | None = None

    @property
    def url(self) -> str:
        """Return the address without a slash; methods are below ``/method/``."""
        return self.world.shelf.url

    def add_community(self, name: str = "Shop", screen_name: str | None = None) -> Community:
        """Found a community with a token that has all rights."""
        return self.world.add_community(name, screen_name)

    def person(self, first_name: str = "Anna", last_name: str = "Petrova", **more: Any) -> Person:
        """Let somebody sign up."""
        return self.world.add_person(first_name, last_name, **more)

    def multichat(
        self, community: Community, owner: Person, title: str, members: Iterable[Person] = ()
    ) -> MultiChat:
        """Open a chat of several people and invite a community to it."""
        return self.world.add_chat(community, owner, title, members)

    def calls_of(self, method: str) -> list[Call]:
        """Return the calls of one method."""
        return [call for call in self.calls if call.method == method]

    async def wait_for(self, look: Callable[[], _T], seconds: float = 10.0) -> _T:
        """Return what ``look`` gives as soon as it is true.

        Raises:
            TimeoutError: it was not true within the seconds
        """
        return await self.world.bell.wait_for(look, seconds)

    async def __aenter__(self) -> Self:
        await self._listen(self._port)
        return self

    async def __aexit__(self, *failure: object) -> None:
        self._closing.set()
        for community in self.world.communities.values():
            community.long_poll.closed = True
            await community.callback.close()
        self.world.bell.ring()
        await self._hang_up()

    @asynccontextmanager
    async def outage(self) -> AsyncIterator[None]:
        """Be down: every connection is cut and new ones are refused, until the block is left.

        The address stays the same, and what people do meanwhile is there afterwards.
        """
        if self._runner is not None and self._runner.server is not None:
            for connection in self._runner.server.connections:
                connection.force_close()
        await self._hang_up()
        try:
            yield
        finally:
            await self._listen(self._port)

    async def _listen(self, port: int) -> None:
        app = web.Application(client_max_size=_FORM_BYTES)
        app.router.add_route("*", "/method/{method}", self._method)
        app.router.add_route("*", "/wh{group_id}", self._long_poll)
        app.router.add_post("/upload/{ticket}", self._upload)
        app.router.add_get("/files/{token}/{name}", self._file)
        self._runner = web.AppRunner(app, handle_signals=False, shutdown_timeout=1.0)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", port).start()
        self._port = self._runner.addresses[0][1]
        self.world.shelf.url = f"http://127.0.0.1:{self._port}"

    async def _hang_up(self) -> None:
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    async def _method(self, request: web.Request) -> web.StreamResponse:
        method = request.match_info["method"]
        try:
            form = await request.post()
        except ValueError:
            return web.json_response(Refused(8, "form is broken").to_json(method, {}))  # own words
        given = {
            **request.query,
            **{key: text for key, text in form.items() if isinstance(text, str)},
        }
        arguments = Arguments(given)
        fault = self.faults.take(method, _chat(given))
        if (early := await self._early(request, fault, method, given)) is not None:
            return early
        return await self._late(request, fault, self._call(method, arguments))

    def _call(self, method: str, arguments: Arguments) -> dict[str, Any]:
        """Do a call and return the body of its answer."""
        now = self.world.clock()
        try:
            community, handle = self.gate.admit(method, arguments)
        except Refused as error:
            self.turned_away.append(TurnedAway(method, arguments, now, error))
            return error.to_json(method, arguments)
        call = Call(method, arguments, self.world, community, now)
        self.calls.append(call)
        try:
            call.answer = handle(call)
        except Refused as error:
            call.error = error
            return error.to_json(method, arguments)
        finally:
            self.world.bell.ring()
        return {"response": call.answer}

    async def _long_poll(self, request: web.Request) -> web.StreamResponse:
        group_id = request.match_info["group_id"]
        community = self.world.communities.get(int(group_id)) if group_id.isdecimal() else None
        if community is None or request.query.get("act") != "a_check":
            return web.Response(status=404)
        fault = self.faults.take("a_check", community.id)
        if (early := await self._early(request, fault, "a_check", {})) is not None:
            return early
        return await self._late(request, fault, await community.long_poll.check(request.query))

    async def _upload(self, request: web.Request) -> web.StreamResponse:
        upload = self.world.shelf.uploads.get(request.match_info["ticket"])
        if upload is None:
            return web.json_response({"error": "unknown upload"}, status=404)
        fault = self.faults.take("upload", upload.peer_id)
        if (early := await self._early(request, fault, "upload", {})) is not None:
            return early
        try:
            part = await _first_part(request)
            parts = _chunks(part)
            await uploading.take(
                self.world.shelf, upload, part.name or "", part.filename or "", parts
            )
        except uploading.BadUpload as error:
            return await self._late(request, fault, {"error": str(error)})
        return await self._late(request, fault, upload.answer)

    async def _file(self, request: web.Request) -> web.StreamResponse:
        fault = self.faults.take("file")
        if (early := await self._early(request, fault, "file", {})) is not None:
            return early
        stored = self.world.shelf.stored.get(request.match_info["token"])
        if stored is None:
            return web.Response(status=404)
        return web.Response(body=stored.data, content_type=stored.mime)

    async def _early(
        self, request: web.Request, fault: Fault | None, method: str, given: dict[str, str]
    ) -> web.StreamResponse | None:
        """Return the answer of a fault that leaves no effect, or none."""
        if fault is None:
            return None
        self.world.bell.ring()
        if fault.delay_seconds:
            await asyncio.sleep(fault.delay_seconds)
        if "before" in (fault.hang, fault.cut):
            return await self._silence(request, fault)
        if fault.error is not None:
            refused = Refused(fault.error, **dict(fault.parameters))
            refused.words = fault.description or refused.words
            return web.json_response(refused.to_json(method, given))
        if fault.status is not None:
            page = _PAGE.format(status=fault.status)
            return web.Response(status=fault.status, text=page, content_type="text/html")
        return None

    async def _late(
        self, request: web.Request, fault: Fault | None, body: Any
    ) -> web.StreamResponse:
        """Return the answer, or what a fault makes of it after the effect."""
        if fault is not None and "after" in (fault.hang, fault.cut):
            return await self._silence(request, fault)
        if fault is not None and fault.body is not None:
            return web.Response(body=fault.body, content_type="application/json")
        return web.json_response(body)

    async def _silence(self, request: web.Request, fault: Fault) -> web.StreamResponse:
        if fault.hang is not None:
            await self._closing.wait()
        if request.transport is not None:
            request.transport.abort()
        return web.Response(status=500)  # nobody gets it


def _chat(given: dict[str, str]) -> int | None:
    """Return the peer that a call is about."""
    for name in ("peer_id", "user_id", "peer_ids"):
        text = given.get(name, "").split(",")[0]
        if text.lstrip("-").isdecimal():
            return int(text)
    return None


async def _first_part(request: web.Request) -> BodyPartReader:
    if not request.content_type.startswith("multipart/"):
        raise uploading.BadUpload("the form is not multipart/form-data")
    part = await (await request.multipart()).next()
    if not isinstance(part, BodyPartReader):
        raise uploading.BadUpload("there is no file")
    return part


async def _chunks(part: BodyPartReader) -> Any:
    while chunk := await part.read_chunk(65536):
        yield chunk
