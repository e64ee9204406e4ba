"""Clients that do not read: their connections are cut, so that none keeps memory and a place for ever.

The framework waits without end for a client that takes its answer byte by byte, or not at all. While
something of an answer waits here, the client's machine must acknowledge it at a minimum rate.
"""

from __future__ import annotations

import asyncio
import socket
import struct
from dataclasses import dataclass
from typing import Any, Final

import structlog
from aiohttp import web

LOOK_SECONDS: Final = 5.0
STALLED_SECONDS: Final = 30.0
"""A network may be gone for so long, in a tunnel, say."""
MIN_BYTES_PER_SECOND: Final = 256
"""Slower than any telephone line."""

_ACKNOWLEDGED: Final = struct.Struct("=Q")
_ACKNOWLEDGED_AT: Final = 120
"""Of ``tcpi_bytes_acked`` in ``struct tcp_info``. Source: linux/tcp.h, since Linux 4.1."""
_INFO_BYTES: Final = _ACKNOWLEDGED_AT + _ACKNOWLEDGED.size

log = structlog.get_logger("server")


@dataclass(frozen=True, slots=True)
class _Window:
    """Since when an answer has been waiting, and how much the client had by then."""

    began_at: float
    acknowledged: int


async def cut_stalled(server: web.Server) -> None:
    """Abort connections whose client does not read; runs until cancelled.

    Where the system does not tell what a client has acknowledged (other than Linux) none is cut.
    """
    loop = asyncio.get_running_loop()
    windows: dict[object, _Window] = {}
    while True:
        await asyncio.sleep(LOOK_SECONDS)
        now, before, windows, cut = loop.time(), windows, {}, 0
        for connection in server.connections:
            transport = connection.transport
            acknowledged = _waiting_for(transport)
            if transport is None or acknowledged is None:
                continue
            window = before.get(connection, _Window(now, acknowledged))
            seconds = now - window.began_at
            if seconds < STALLED_SECONDS:
                windows[connection] = window
            elif acknowledged - window.acknowledged < MIN_BYTES_PER_SECOND * seconds:
                transport.abort()
                cut += 1
            else:
                windows[connection] = _Window(now, acknowledged)
        if cut:
            log.warning("connections cut: their clients do not read", count=cut)


def _waiting_for(transport: Any) -> int | None:
    """Return what a client has acknowledged so far; None when it is not what we wait for."""
    if transport is None or transport.is_closing() or transport.get_write_buffer_size() == 0:
        return None
    connected = transport.get_extra_info("socket")
    try:
        info = connected.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _INFO_BYTES)
        return int(_ACKNOWLEDGED.unpack_from(info, _ACKNOWLEDGED_AT)[0])
    except (AttributeError, OSError, struct.error):
        return None
