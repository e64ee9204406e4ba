"""Start everything the demo shows, say where it is, and end it in order."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import sys
import webbrowser
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from importlib import import_module
from typing import TYPE_CHECKING, Final

from aiohttp import ClientError, ClientSession, UnixConnector, web

from omnigate import config, gateway, logs, plugins
from omnigate.demo.doors import free_port, listening_socket
from omnigate.demo.pages import Part, Surroundings, application
from omnigate.demo.phones import CALLS, PLATFORMS, opened
from omnigate.demo.phones.routes import PhoneRoutes
from omnigate.demo.receiver import Receiver
from omnigate.demo.scratch import HOST, Emulated, Scratch, scratch
from omnigate.errors import OmnigateError
from omnigate.process import Signals

if TYPE_CHECKING:
    from omnigate.demo.handsets import Handsets

_START_SECONDS: Final = 30.0
_LOOK_AGAIN_SECONDS: Final = 0.05
_LINGER_SECONDS: Final = 3.0
"""How long open pages may take to let go at the end."""

Say = Callable[[str], None]


class DemoFailed(OmnigateError):
    """The demo cannot start; the text says why."""


def run(port: int, *, platforms: Sequence[str] = (), open_browser: bool, say: Say) -> None:
    """Run until Ctrl-C or SIGTERM; leaves nothing behind.

    ``port`` is that of the page; another one is taken when it is in use, 0 takes any. ``platforms``
    are those of `omnigate.demo.phones` to show beside the site. Raises `OmnigateError` when it cannot start.
    """
    logs.configure("warning", "auto")
    try:
        asyncio.run(_run(port, platforms, open_browser, say))
    except KeyboardInterrupt:
        say("Ended at once.")
    except BaseExceptionGroup as group:
        raise _cause(group) from group


async def _run(port: int, platforms: Sequence[str], open_browser: bool, say: Say) -> None:
    stop = asyncio.Event()
    _stop_on_signals(stop)
    async with AsyncExitStack() as stack:
        door = stack.enter_context(listening_socket(port, say))
        page_port, daemon_port = door.getsockname()[1], free_port()
        phones = [
            await stack.enter_async_context(opened(platform))
            for platform in platforms
            if platform in PLATFORMS
        ]
        handsets = await _handsets(stack) if CALLS in platforms else None
        emulated: list[Emulated] = [*phones]
        parts: list[Part] = [PhoneRoutes(phones)]
        if handsets is not None:
            emulated.append(handsets)
            parts.append(handsets)
        made = stack.enter_context(scratch(page_port, daemon_port, emulated))
        receiver = Receiver(made.secret)
        daemon = asyncio.create_task(
            gateway.serve(config.load(made.config, plugins.load), Signals(stop=stop)), name="daemon"
        )
        try:
            token = await _token(made, daemon)
            if token is None:
                return
            made.keep_token(token)
            known = Surroundings(
                port=page_port,
                daemon=f"http://{HOST}:{daemon_port}",
                token=token,
                token_file=str(made.token),
                phones=[phone.facts for phone in phones],
                has_calls=handsets is not None,
            )
            async with _serving(receiver, known, parts, door):
                address = f"http://{HOST}:{page_port}/"
                _welcome(address, known, made, say)
                if open_browser and _has_browser():
                    await asyncio.to_thread(webbrowser.open, address)
                # The daemon ends by the same signal, after what is under way has been delivered.
                await daemon
        finally:
            stop.set()
            await asyncio.gather(daemon, return_exceptions=True)
    say("\nStopped; nothing is left behind.")


async def _handsets(stack: AsyncExitStack) -> Handsets:
    """Bring the phones that ring in, with their switch: the demo without them does without it."""
    module = import_module("omnigate.demo.handsets")
    made: Handsets = await stack.enter_async_context(module.opened())
    return made


@asynccontextmanager
async def _serving(
    receiver: Receiver, known: Surroundings, parts: Sequence[Part], door: socket.socket
) -> AsyncIterator[None]:
    """Serve the pages until the block ends."""
    async with ClientSession() as http:
        runner = web.AppRunner(
            application(receiver, known, http, parts),
            access_log=None,
            handle_signals=False,
            shutdown_timeout=_LINGER_SECONDS,
        )
        await runner.setup()
        try:
            await web.SockSite(runner, door).start()
            yield
        finally:
            receiver.close()
            for part in parts:
                part.close()
            await runner.cleanup()


async def _token(made: Scratch, daemon: asyncio.Task[None]) -> str | None:
    """Make an API token as ``omnigate token create`` does, once the daemon answers.

    None when it was stopped before; raises what ended it, or `DemoFailed` when it takes too long.
    """
    scopes = ["messages:send", "messages:read", "events:read", "media", "calls"]
    wanted = {"name": "demo desk", "scopes": scopes}
    path = made.directory / "omnigate.sock"
    try:
        async with (
            asyncio.timeout(_START_SECONDS),
            ClientSession(connector=UnixConnector(str(path))) as http,
        ):
            while True:
                if daemon.done():
                    await daemon
                    return None
                try:
                    async with http.post("http://omnigate/admin/tokens", json=wanted) as answer:
                        answer.raise_for_status()
                        return str((await answer.json())["token"])
                except (ClientError, OSError):
                    await asyncio.sleep(_LOOK_AGAIN_SECONDS)
    except TimeoutError:
        raise DemoFailed(
            f"The daemon was not ready within {_START_SECONDS:g} seconds; is the machine very busy? "
            "Try again."
        ) from None


def _welcome(address: str, known: Surroundings, made: Scratch, say: Say) -> None:
    say("")
    say("  Omnigate is running: chat, store, signed webhooks and API, all real.")
    say("")
    say(f"  Open       {address}")
    for facts in known.phones:
        say(
            f"  {facts.title:<10} {address}phones/{facts.kind}/   emulated, with a phone for {facts.customer}"
        )
    if known.has_calls:
        say("  Phones     emulated, Maya's and the customer's: ask for a call in the chat")
    say(f"  API        {known.daemon}/v1/   token in {known.token_file}")
    say(f"  Look in    omnigate status --config {made.config}")
    say("  Stop       Ctrl-C")
    say("")


def _stop_on_signals(stop: asyncio.Event) -> None:
    """Stop in order on the first signal; the second does what it does to any program."""
    loop = asyncio.get_running_loop()

    def asked() -> None:
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.remove_signal_handler(number)
        stop.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, asked)


def _has_browser() -> bool:
    """Tell whether a browser can open in a window: one in the terminal would hide everything."""
    if not sys.stdout.isatty():
        return False
    if sys.platform.startswith("linux"):
        return bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))
    return True


def _cause(group: BaseExceptionGroup[BaseException]) -> BaseException:
    """Return the one error of ours in a group, or the group itself."""
    found = group.subgroup(OmnigateError)
    while isinstance(found, BaseExceptionGroup):
        inner = found.exceptions[0]
        if not isinstance(inner, BaseExceptionGroup):
            return inner
        found = inner
    return group
