"""The phones over HTTP: a page for each, its screen as a stream, and what is touched on it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence
from dataclasses import asdict
from typing import Final

from aiohttp import web
from pydantic import ValidationError

from omnigate.demo.phones.phone import OPAQUE, Action, CannotDo, Phone, picture_type
from omnigate.demo.streams import stream

_LOOK_SECONDS: Final = 1.0
"""What fades by itself, such as typing, is gone from the screen after so long at the latest."""
_BEAT: Final = 15
"""A stream says something after so many looks: a page that was closed shows itself only then."""


class PhoneRoutes:
    """What the pages of the phones ask for."""

    def __init__(self, phones: Sequence[Phone]) -> None:
        self._phones = {phone.facts.kind: phone for phone in phones}
        self._closing = asyncio.Event()

    def add_to(self, app: web.Application) -> None:
        """Add the routes; the page itself is a file, and not among them."""
        app.router.add_get("/phones/{kind}/facts", self.facts)
        app.router.add_get("/phones/{kind}/screen", self.screen)
        app.router.add_post("/phones/{kind}/act", self.act)
        app.router.add_post("/phones/{kind}/files", self.send)
        app.router.add_get("/phones/{kind}/files/{message:\\d{1,15}}/{index:\\d}", self.file)

    def close(self) -> None:
        """End all streams."""
        self._closing.set()
        for phone in self._phones.values():
            phone.ring()

    def phone(self, request: web.Request) -> Phone:
        """Return the phone that a request is about; raises 404."""
        phone = self._phones.get(request.match_info["kind"])
        if phone is None:
            raise web.HTTPNotFound
        return phone

    async def facts(self, request: web.Request) -> web.StreamResponse:
        """Answer with what never changes."""
        return web.json_response(asdict(self.phone(request).facts))

    async def screen(self, request: web.Request) -> web.StreamResponse:
        """Stream the screen, all of it, whenever it changes."""
        return await stream(request, self._screens(self.phone(request)))

    async def act(self, request: web.Request) -> web.StreamResponse:
        """Do what was touched: 204, or 409 when the platform lets nobody do it."""
        phone = self.phone(request)
        try:
            action = Action.model_validate_json(await request.read())
        except ValidationError:
            raise web.HTTPBadRequest(text="That is no touch of a phone.") from None
        try:
            await phone.act(action)
        except CannotDo as error:
            raise web.HTTPConflict(text=str(error)) from None
        return web.Response(status=204)

    async def send(self, request: web.Request) -> web.StreamResponse:
        """Send the body as a file."""
        phone = self.phone(request)
        try:
            await phone.sends(
                await request.read(),
                request.query.get("name", "file"),
                request.query.get("text", ""),
            )
        except CannotDo as error:
            raise web.HTTPConflict(text=str(error)) from None
        phone.ring()
        return web.Response(status=204)

    async def file(self, request: web.Request) -> web.StreamResponse:
        """Answer with the bytes of a file: a picture to be seen, anything else to be saved."""
        phone = self.phone(request)
        content = phone.content(
            int(request.match_info["message"]), int(request.match_info["index"])
        )
        if content is None:
            raise web.HTTPNotFound
        kind = picture_type(content)
        headers = {} if kind else {"Content-Disposition": "attachment"}
        return web.Response(body=content, content_type=kind or OPAQUE, headers=headers)

    async def _screens(self, phone: Phone) -> AsyncGenerator[str, None]:
        shown, looks = phone.screen(), 0
        yield f"data: {shown.to_json()}"
        while not self._closing.is_set():
            try:
                shown = await phone.changed(shown, _LOOK_SECONDS)
            except TimeoutError:
                looks += 1
                if looks % _BEAT == 0:
                    yield ": still here"
            else:
                yield f"data: {shown.to_json()}"
