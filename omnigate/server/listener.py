"""Listening: the public address, with TLS where it is configured, and the operator's socket."""

from __future__ import annotations

import asyncio
import errno
import logging
import os
import socket
import ssl
import stat
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

from aiohttp import web

from omnigate.config.tables import Server
from omnigate.errors import ConfigError, OmnigateError
from omnigate.server.bodies import Handler
from omnigate.server.stalls import cut_stalled

MAX_LINE_BYTES: Final = 8190
MAX_HEADER_BYTES: Final = 8190
MAX_HEADERS: Final = 100
SHUTDOWN_SECONDS: Final = 5.0
"""How long answers that are under way may take at the end."""

ShortWay = Callable[[Handler], Handler]
SHORT_WAY: Final[web.AppKey[ShortWay]] = web.AppKey("SHORT_WAY")
"""In an application: what stands before its router, if anything does."""

_BACKLOG: Final = 1024
_LINGER_SECONDS: Final = 5.0


class AddressTaken(OmnigateError):
    """An address or socket cannot be listened on; the text says what to do."""


@asynccontextmanager
async def listening(application: web.Application, settings: Server) -> AsyncIterator[int]:
    """Serve the public listener; gives the port that was bound.

    Raises `AddressTaken` when the address cannot be bound, `ConfigError` for unusable TLS files.
    """
    context = _tls(settings)
    runner = _runner(application, settings)
    await runner.setup()
    server = runner.server
    if server is None:
        raise RuntimeError("the listener has been set up and has no server")
    if SHORT_WAY in application:
        router = server.request_handler
        server.request_handler = application[SHORT_WAY](router)  # type: ignore[assignment]  # its requests are web.Request
    cutting = asyncio.get_running_loop().create_task(cut_stalled(server))
    try:
        if settings.max_connections:
            _cap_connections(server, settings.max_connections)
        site = web.TCPSite(
            runner, settings.host, settings.port, ssl_context=context, backlog=_BACKLOG
        )
        try:
            await site.start()
        except OSError as error:
            raise AddressTaken(
                f"cannot listen on {settings.listen}: {_reason(error)}; "
                "stop what listens there, or set another [server] listen"
            ) from error
        yield runner.addresses[0][1]
    finally:
        cutting.cancel()
        await runner.cleanup()


@asynccontextmanager
async def listening_at(
    application: web.Application, address: str, settings: Server
) -> AsyncIterator[int]:
    """Serve an application at ``host:port`` besides the public listener; gives the port that was bound.

    Raises `AddressTaken` when the address cannot be bound.
    """
    host, _, port = address.rpartition(":")
    runner = _runner(application, settings)
    await runner.setup()
    try:
        try:
            await web.TCPSite(runner, host.strip("[]"), int(port), backlog=_BACKLOG).start()
        except OSError as error:
            raise AddressTaken(
                f"cannot listen on {address}: {_reason(error)}; "
                "stop what listens there, or set another [admin] metrics_listen"
            ) from error
        yield runner.addresses[0][1]
    finally:
        await runner.cleanup()


@asynccontextmanager
async def listening_unix(
    application: web.Application, path: Path, settings: Server
) -> AsyncIterator[Path]:
    """Serve the operator's socket, which only this user may open; it is gone afterwards.

    Raises `AddressTaken` when somebody answers there, or it cannot be made.
    """
    runner = _runner(application, settings)
    await runner.setup()
    try:
        try:
            bound = _bind(path)
        except OSError as error:
            raise AddressTaken(
                f"cannot make the socket {path}: {_reason(error)}; set another [admin] socket"
            ) from error
        try:
            site = web.SockSite(runner, bound, backlog=_BACKLOG)
            await site.start()
            yield path
        finally:
            _remove(path)
    finally:
        await runner.cleanup()


def _runner(application: web.Application, settings: Server) -> web.AppRunner:
    options: dict[str, Any] = {
        "access_log": None,
        "keepalive_timeout": settings.keepalive_timeout_seconds,
        "max_line_size": MAX_LINE_BYTES,
        "max_field_size": MAX_HEADER_BYTES,
        "max_headers": MAX_HEADERS,
        "lingering_time": _LINGER_SECONDS,
        # A compressed body is never unpacked here: a few bytes would become gigabytes.
        "auto_decompress": False,
        # Handlers answer for themselves; what is left is noise that strangers make at will.
        "logger": logging.Logger("omnigate.protocol", logging.CRITICAL),
    }
    return web.AppRunner(
        application, handle_signals=False, shutdown_timeout=SHUTDOWN_SECONDS, **options
    )


def _cap_connections(server: web.Server, most: int) -> None:
    """Turn connections away, closed at once, while there are as many as there may be."""
    accept = server.connection_made

    def connection_made(handler: Any, transport: Any) -> None:
        accept(handler, transport)
        if len(server.connections) > most:
            # Not at once: the framework's own task for the connection must have begun.
            asyncio.get_running_loop().call_soon(transport.abort)

    server.connection_made = connection_made  # type: ignore[method-assign]  # no other way to see them come


def _tls(settings: Server) -> ssl.SSLContext | None:
    if settings.tls_cert is None or settings.tls_key is None:
        return None
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        context.load_cert_chain(settings.tls_cert, settings.tls_key)
    except (OSError, ssl.SSLError) as error:
        raise ConfigError(
            f"[server] tls_cert and tls_key cannot be used: {_reason(error)}; "
            "they must be PEM files that belong together and can be read"
        ) from error
    return context


def _bind(path: Path) -> socket.socket:
    """Return a bound socket that only this user may open, in place of a stale one."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    if path.exists() or path.is_symlink():
        _clear(path)
    bound = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    # Nobody else may ever open it, not even between bind and chmod.
    before = os.umask(0o177)
    try:
        bound.bind(str(path))
    except OSError:
        bound.close()
        raise
    finally:
        os.umask(before)
    return bound


def _clear(path: Path) -> None:
    """Remove a socket that nobody answers at; raises ``OSError`` for anything else."""
    if not stat.S_ISSOCK(path.lstat().st_mode):
        raise FileExistsError(errno.EEXIST, "something that is no socket is there")
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.settimeout(1)
        try:
            probe.connect(str(path))
        except ConnectionRefusedError:
            path.unlink(missing_ok=True)
            return
    raise OSError(errno.EADDRINUSE, "another process answers there")


def _remove(path: Path) -> None:
    path.unlink(missing_ok=True)


def _reason(error: Exception) -> str:
    return getattr(error, "strerror", None) or str(error)
