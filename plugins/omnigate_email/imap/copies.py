"""Copies of what was sent, put into the mailbox's folder for sent mail some moments later.

The mail is with the customer by then, so nothing here can make a message fail; copies that wait when the
daemon ends are lost, and what could not be kept is logged.
"""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import Final

import omnigate
from omnigate_email.imap.mailbox import Mailbox

MOST_WAITING_BYTES: Final = 100 * 1024 * 1024
"""Of copies in memory; what is more is not kept."""
GATHER_SECONDS: Final = 2.0
"""What is sent within this time goes with one login: providers count them."""
ATTEMPTS: Final = 3
PAUSE_SECONDS: Final = 20.0


class Copies:
    """Keeps copies for one channel, while `run` runs."""

    def __init__(self, mailbox: Mailbox, host: omnigate.ChannelHost) -> None:
        self._mailbox = mailbox
        self._host = host
        self._waiting: list[tuple[bytes, datetime]] = []
        self._news = asyncio.Event()

    def add(self, content: bytes) -> None:
        """Have a mail kept that was sent just now; never waits."""
        waiting_bytes = sum(len(one) for one, _ in self._waiting)
        if waiting_bytes + len(content) > MOST_WAITING_BYTES:
            self._host.log.warning("no copy is kept of a mail that was sent: too many wait")
            return
        self._waiting.append((content, datetime.now(UTC)))
        self._news.set()

    async def run(self) -> None:
        """Keep copies as they come, until cancelled. Raises `CredentialsRejected`."""
        while True:
            await self._news.wait()
            await asyncio.sleep(GATHER_SECONDS)
            self._news.clear()
            mails, self._waiting = self._waiting, []
            await self._keep(mails)

    async def _keep(self, mails: list[tuple[bytes, datetime]]) -> None:
        reason = ""
        for attempt in range(ATTEMPTS):
            if attempt:
                await asyncio.sleep(PAUSE_SECONDS)
            try:
                await self._mailbox.keep_sent(mails)
            except omnigate.NotReady as error:
                # Some of them may be there already: a second copy harms less than none.
                reason = str(error)
            else:
                return
        self._host.log.warning("copies of sent mails are lost", count=len(mails), reason=reason)
