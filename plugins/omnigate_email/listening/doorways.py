"""Where mail servers knock: whether it can be listened there, and why not."""

from __future__ import annotations

import asyncio
import errno
import os
import ssl
from typing import Final

import omnigate
from omnigate_email.listening.config import ListenerConfig

_ADVICE: Final = {
    errno.EADDRINUSE: "another program, or another channel, has the address; choose another port in listen",
    errno.EADDRNOTAVAIL: "this machine has no such address; check listen",
    errno.EACCES: "ports below 1024 need a right of their own; choose a higher one in listen",
}


def refusal(config: ListenerConfig, error: OSError) -> str:
    """Return in words for the operator why it cannot be listened there."""
    why = os.strerror(error.errno) if error.errno and error.errno > 0 else str(error)
    advice = _ADVICE.get(error.errno or 0, "check listen")
    return f"cannot listen on {config.listen}: {why}; {advice}"


def certificate(config: ListenerConfig) -> ssl.SSLContext | None:
    """Return what STARTTLS needs, None when it is not offered; raises `NotReady`."""
    if config.tls_cert is None:
        return None
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    try:
        context.load_cert_chain(config.tls_cert, config.tls_key)
    except OSError as error:  # SSLError is one
        raise omnigate.NotReady(
            f"{config.tls_cert} cannot be used as a certificate: {error}"
        ) from None
    return context


async def check(protocol: str, config: ListenerConfig, *, is_open: bool) -> omnigate.Health:
    """Say whether mail can be taken there; where nobody listens yet, by taking the address for a moment.

    Nobody is let in meanwhile: a mail server that knocks is refused and comes again.
    """
    if not is_open:
        try:
            loop = asyncio.get_running_loop()
            server = await loop.create_server(
                asyncio.Protocol, config.host, config.port, start_serving=False
            )
        except OSError as error:
            return omnigate.Health("down", refusal(config, error))
        server.close()
        await server.wait_closed()
    return omnigate.Health("up", f"takes mail by {protocol} on {config.listen}")
