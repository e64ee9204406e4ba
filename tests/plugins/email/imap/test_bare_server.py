"""A Dovecot that offers no more than IMAP4rev1, or lacks one thing: mails come all the same, once each."""

from __future__ import annotations

import imaplib
import itertools
from collections.abc import AsyncIterator, Iterator
from typing import Any, Final

import pytest
from omnigate_email.imap.mailbox import Mailbox

from omnigate.testing import FakeHost, MemoryStore
from tests.plugins.email.dovecot import Dovecot
from tests.plugins.email.imap.conftest import Reading, mail
from tests.plugins.email.imap.servers import Wire

pytestmark = pytest.mark.anyio
_users = itertools.count(1)

USUAL: Final = "IMAP4rev1 SASL-IR LOGIN-REFERRALS ID ENABLE LITERAL+ NAMESPACE UIDPLUS"
BARE: Final = "IMAP4rev1"
NO_IDLE: Final = f"{USUAL} CONDSTORE MOVE"
NO_CONDSTORE: Final = f"{USUAL} IDLE"
QUICK_SECONDS: Final = 0.2


@pytest.fixture(
    scope="module", params=[BARE, NO_IDLE, NO_CONDSTORE], ids=["bare", "no IDLE", "no CONDSTORE"]
)
def server(request: pytest.FixtureRequest) -> Iterator[Dovecot]:
    with Dovecot(capability=request.param) as one:
        yield one


@pytest.fixture
def box(server: Dovecot) -> Reading:
    """Give the mailbox of a user nobody had before; the folder INBOX is there and empty."""
    user = f"bare{next(_users)}"
    with server.client(user) as client:
        client.select()
    return Reading(server, user, MemoryStore())


@pytest.fixture
async def wire(box: Reading) -> AsyncIterator[Wire]:
    async with Wire(box.server.imap_port) as one:
        if "CONDSTORE" not in box.server.capability:
            # Dovecot tells the number all the same; who does not know the extension tells none.
            one.rewrite = lambda piece: piece.replace(b"HIGHESTMODSEQ", b"X-NUMBER")
        yield one


async def test_mails_come_once_each_also_over_restarts(box: Reading, wire: Wire) -> None:
    offered = box.server.capability.split()
    quick: dict[str, Any] = {"port": wire.port}
    if "IDLE" not in offered:
        quick["poll_seconds"] = QUICK_SECONDS
    async with box.reading(**quick):
        await box.up()
        box.write("one", "two")
        await box.has("one", "two")
        box.write("three")
        await box.has("one", "two", "three")
    box.write("while away")
    with box.server.client(box.user) as client:  # somebody else leaves a gap in the numbers
        client.select()
        client.uid("STORE", "2", "+FLAGS", r"(\Deleted)")
        client.expunge()
    for _ in range(2):
        async with box.reading(**quick):
            await box.has("one", "two", "three", "while away")
            await box.up()
    assert [found.uid for found in box.taken] == [1, 2, 3, 4]
    assert (b"IDLE\r\n" in wire.said) is ("IDLE" in offered)
    assert (b"CONDSTORE" in wire.said) is ("CONDSTORE" in offered)
    assert (b"ENABLE" in wire.said) is ("CONDSTORE" in offered)
    assert (b" ID " in wire.said) is ("ID" in offered)


@pytest.mark.parametrize("server", [BARE], indirect=True)
async def test_a_server_that_is_restarted_is_read_on(box: Reading) -> None:
    async with box.reading(poll_seconds=QUICK_SECONDS):
        await box.up()
        box.write("before")
        await box.has("before")
        box.server.restart()
        box.write("after")
        await box.has("before", "after")
        assert len(box.taken) == 2


@pytest.mark.parametrize("server", [BARE], indirect=True)
async def test_a_folder_numbered_anew_brings_nothing_twice(box: Reading) -> None:
    box.server.create_folder(box.user, "Orders")
    quick: dict[str, Any] = {"folders": ["Orders"], "poll_seconds": QUICK_SECONDS}
    async with box.reading(**quick):
        await box.up()
        with box.server.client(box.user) as client:
            client.append("Orders", "", "", mail("one"))
        await box.has("one")
    box.server.recreate_folder(box.user, "Orders")
    with box.server.client(box.user) as client:
        for subject in ("one", "two"):
            client.append("Orders", "", "", mail(subject))
    async with box.reading(**quick):
        await box.has("one", "two")
        await box.up()
        assert len(box.taken) == 2


@pytest.mark.parametrize("policy", ["keyword", "move"])
async def test_what_is_done_after_reading_is_done_or_told(box: Reading, policy: str) -> None:
    box.server.create_folder(box.user, "Done")
    more: dict[str, Any] = {"after_reading": policy}
    if policy == "move":
        more["move_to"] = "Done"
    health = await Mailbox(box.config(**more), FakeHost()).check()
    offered = box.server.capability.split()
    if policy == "move" and not {"MOVE", "UIDPLUS"} & set(offered):
        assert health.state == "down"
        assert 'the server cannot move mails: set after_reading = "seen"' in health.message
        return
    assert health.state == "up"
    assert ("no IDLE, so it looks every 120 s" in health.message) is ("IDLE" not in offered)
    async with box.reading(poll_seconds=QUICK_SECONDS, **more):
        await box.up()
        box.write("one", "two")
        await box.has("one", "two")
        with box.server.client(box.user) as client:
            await box.until(lambda: _done(client, policy) == 2, "it is done to both")
        assert len(box.taken) == 2


def _done(client: imaplib.IMAP4, policy: str) -> int:
    """Return to how many mails that was done which is to be done after reading."""
    client.select("Done" if policy == "move" else "INBOX", readonly=True)
    criteria = {"keyword": "KEYWORD $Omnigate", "move": "ALL"}[policy]
    (found,) = client.search(None, criteria)[1]
    return len(found.split())
