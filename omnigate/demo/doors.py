"""Ports on loopback: the one that was asked for, or one that is free."""

from __future__ import annotations

import socket
from collections.abc import Callable

from omnigate.demo.scratch import HOST


def listening_socket(port: int, say: Callable[[str], None]) -> socket.socket:
    """Return a socket bound to the port, or to another one, said so, when it is in use."""
    try:
        return _bound(port)
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        other = _bound(0)
        say(f"Port {port} cannot be used ({reason}); taking {other.getsockname()[1]} instead.")
        return other


def free_port() -> int:
    """Return a port that nobody has just now."""
    with _bound(0) as probe:
        port: int = probe.getsockname()[1]
    return port


def _bound(port: int) -> socket.socket:
    opened = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        opened.bind((HOST, port))
    except OSError:
        opened.close()
        raise
    return opened
