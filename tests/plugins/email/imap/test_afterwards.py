"""What is done to a mail once it is stored, and what is left alone."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.plugins.email.imap.conftest import Reading, mail
from tests.plugins.email.imap.servers import Scripted, Wire

pytestmark = pytest.mark.anyio


@pytest.fixture
async def wire(box: Reading) -> AsyncIterator[Wire]:
    async with Wire(box.server.imap_port) as one:
        yield one


def found(box: Reading, criteria: str, folder: str = "INBOX") -> list[str]:
    """Return the numbers of the mails in a folder that meet a search."""
    with box.server.client(box.user) as client:
        client.select(folder, readonly=True)
        told = client.uid("SEARCH", criteria)[1][0]
    return told.decode().split() if told else []


async def test_stored_mails_are_marked_as_read(box: Reading) -> None:
    box.write("old")
    async with box.reading(after_reading="seen"):
        await box.up()
        box.write("one", "two")
        await box.has("one", "two")
        await box.until(lambda: found(box, "SEEN") == ["2", "3"], "they are marked")


async def test_stored_mails_get_a_keyword(box: Reading) -> None:
    async with box.reading(after_reading="keyword"):
        await box.up()
        box.write("one")
        await box.until(lambda: found(box, "KEYWORD $Omnigate") == ["1"], "it has the keyword")
        assert found(box, "UNSEEN") == ["1"]


async def test_a_folder_that_takes_no_keywords_is_told_of_and_mails_are_stored(
    box: Reading, wire: Wire
) -> None:
    wire.rewrite = lambda piece: piece.replace(rb"\Draft \*)]", rb"\Draft)]")
    async with box.reading(after_reading="keyword", port=wire.port):
        await box.until(lambda: "takes no keyword $Omnigate" in box.state, "it is told")
        box.write("one")
        await box.has("one")


@pytest.mark.parametrize("lacking", [b"", b" MOVE"])
async def test_stored_mails_are_moved_and_what_others_deleted_is_left(
    box: Reading, wire: Wire, lacking: bytes
) -> None:
    wire.rewrite = lambda piece: piece.replace(lacking, b" GONE") if lacking else piece
    box.server.create_folder(box.user, "Done")
    box.write("deleted by somebody")
    with box.server.client(box.user) as client:
        client.select()
        client.uid("STORE", "1", "+FLAGS", r"(\Deleted)")
    async with box.reading(after_reading="move", move_to="Done", port=wire.port):
        await box.up()
        box.write("one", "two")
        await box.has("one", "two")
        await box.until(lambda: found(box, "ALL", "Done") == ["1", "2"], "they are moved")
        await box.until(lambda: found(box, "ALL") == ["1"], "they are gone from here")
        assert found(box, "DELETED") == ["1"]


async def test_marking_as_read_leaves_what_others_deleted(box: Reading) -> None:
    async with box.reading(after_reading="seen"):
        await box.up()
        box.write("deleted by somebody")
        with box.server.client(box.user) as client:
            client.select()
            client.uid("STORE", "1", "+FLAGS", r"(\Deleted)")
        box.write("one")
        await box.until(lambda: found(box, "SEEN") == ["1", "2"], "they are marked")
        assert found(box, "DELETED") == ["1"]


async def test_a_server_that_cannot_move_is_told_of(box: Reading, wire: Wire) -> None:
    box.server.create_folder(box.user, "Done")

    def without(piece: bytes) -> bytes:
        return piece.replace(b" MOVE", b" GONE").replace(b" UIDPLUS", b" UIDGONE")

    wire.rewrite = without
    async with box.reading(after_reading="move", move_to="Done", port=wire.port):
        await box.up()
        box.write("one")
        await box.has("one")
        await box.until(lambda: "neither MOVE nor UIDPLUS" in box.state, "it is told")


async def test_of_very_many_mails_each_is_marked(box: Reading) -> None:
    async with Scripted() as server:
        server.mails |= {uid: mail(str(uid)) for uid in range(1, 1_251)}
        async with box.reading(after_reading="seen", since="all", port=server.port):
            await box.up()
        stored = [one.split()[2] for one in server.commands if one.startswith("UID STORE")]
        marked = [uid for some in stored for uid in some.split(",")]
        assert marked == [str(uid) for uid in range(1, 1_251)]


async def test_what_could_not_be_done_is_done_after_a_restart_and_nothing_is_stored_twice(
    box: Reading,
) -> None:
    async with box.reading(after_reading="move", move_to="Done"):
        await box.up()
        box.write("one", "two")
        await box.has("one", "two")
        await box.until(lambda: "move is refused" in box.state, "the folder is missing")
        assert box.state.startswith("degraded")
        assert found(box, "ALL") == ["1", "2"]
    box.server.create_folder(box.user, "Done")
    async with box.reading(after_reading="move", move_to="Done"):
        await box.until(lambda: found(box, "ALL", "Done") == ["1", "2"], "they are moved")
        await box.up()
        assert len(box.taken) == 2


async def test_a_crash_between_storing_and_marking_leaves_it_to_the_next_start(
    box: Reading,
) -> None:
    async with box.reading(after_reading="seen"):
        await box.up()
        box.write("one")
        await box.has("one")
        await box.until(lambda: found(box, "SEEN") == ["1"], "it is marked")
        before = '"unmarked":[]'
        await box.until(lambda: before in box.store.notes["post"]["imap/INBOX"], "it is noted")
    # What the store has when the process dies right after the commit.
    note = box.store.notes["post"]["imap/INBOX"]
    box.store.notes["post"]["imap/INBOX"] = note.replace(before, '"unmarked":[1]')
    with box.server.client(box.user) as client:
        client.select()
        client.uid("STORE", "1", "-FLAGS", r"(\Seen)")
    async with box.reading(after_reading="seen"):
        await box.until(lambda: found(box, "SEEN") == ["1"], "it is marked")
        await box.up()
        assert len(box.taken) == 1
