"""A door for the company's own mail server: SMTP or LMTP, inside the daemon's event loop.

It is no mail exchanger for the world: spam, SPF, DKIM and DMARC are the business of the server before it,
and only networks that are named may connect. What it promises is narrow: 250 is said once a mail is
stored durably, and anything else leaves the mail with the server that brought it, which tries again.
"""

from __future__ import annotations

import asyncio
import logging
import ssl
from collections.abc import AsyncIterator, Callable, Collection
from contextlib import asynccontextmanager
from typing import Any, Final, Literal

from omnigate_email.listening.conversation import Conversation, LmtpConversation
from omnigate_email.listening.desk import Desk, Network, Take

ENDING_SECONDS: Final = 0.5
"""How long mails that are being stored may still take when the door closes."""


@asynccontextmanager
async def listening(
    *,
    protocol: Literal["smtp", "lmtp"],
    host: str,
    port: int,
    take: Take,
    is_ours: Callable[[str], bool],
    allow: Collection[Network],
    max_message_bytes: int,
    max_connections: int,
    timeout_seconds: float,
    hostname: str,
    log: Any,
    tls: ssl.SSLContext | None = None,
) -> AsyncIterator[int]:
    """Listen until the block ends; gives the port. Raises ``OSError`` when the address is not free.

    At the end nobody is let in any more, mails that are just being stored get half a second, and the other
    connections are told to come again.
    """
    # What the library remarks would stand beside our log, with whatever the peer has said in it.
    logging.getLogger("mail.log").setLevel(logging.CRITICAL)
    desk = Desk(take, is_ours, allow, max_connections, log)
    kind = LmtpConversation if protocol == "lmtp" else Conversation
    loop = asyncio.get_running_loop()

    def conversation() -> Conversation:
        return kind(
            desk,
            data_size_limit=max_message_bytes,
            enable_SMTPUTF8=True,
            hostname=hostname,
            ident="Omnigate",
            tls_context=tls,
            timeout=timeout_seconds,
            loop=loop,
        )

    server = await loop.create_server(conversation, host, port)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        await _end(desk)


async def _end(desk: Desk) -> None:
    for one in [each for each in desk.open if not each.is_taking]:
        one.close()
    loop = asyncio.get_running_loop()
    until = loop.time() + ENDING_SECONDS
    while desk.open and loop.time() < until:  # noqa: ASYNC110  # connections end in their own tasks
        await asyncio.sleep(0.01)
    for one in list(desk.open):
        one.close()
