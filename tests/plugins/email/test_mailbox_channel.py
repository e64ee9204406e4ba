"""The channel at a mailbox on a real Dovecot: mail comes in, copies go there, the doctor understands."""

from __future__ import annotations

import asyncio
import itertools
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

import omnigate
from omnigate.testing import MemoryStore
from tests.plugins.email.desk import ADDRESS, ANNA, Desk, letter, open_desk
from tests.plugins.email.dovecot import PASSWORD, Dovecot, dovecot

__all__ = ["dovecot"]  # a fixture

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("reader")]

_numbers = itertools.count(1)


@asynccontextmanager
async def at_a_mailbox(
    server: Dovecot, user: str, *, folders: tuple[str, ...] = ("INBOX",), **config: Any
) -> AsyncIterator[Desk]:
    imap = {
        "host": "127.0.0.1",
        "port": server.imap_port,
        "tls": "none",
        "username": user,
        "password": PASSWORD,
        "folders": list(folders),
    }
    async with open_desk(imap=imap, lmtp=None, **config) as desk:
        await desk.until(lambda: "up" in {state for state, _ in desk.host.states}, "it reads")
        yield desk


def user() -> str:
    return f"desk{next(_numbers)}"


async def test_a_mail_in_the_mailbox_is_a_message_and_its_answer_stands_in_the_thread(
    dovecot: Dovecot,
) -> None:
    name = user()
    async with at_a_mailbox(dovecot, name) as desk:
        await asyncio.to_thread(dovecot.deliver, name, letter("Где заказ?"))
        await desk.until(desk.said, "it comes")
        assert desk.said()[0].text == "Где заказ?"
        assert desk.particulars()["folder"] == "INBOX"
        sent = await desk.answer(desk.said()[0].conversation)
        assert sent["In-Reply-To"] == "<1@client.test>"


async def test_a_mailbox_is_read_on_where_it_was_left(dovecot: Dovecot) -> None:
    """What came while the daemon was away comes, and nothing twice, by whatever way it is found again."""
    name, store = user(), MemoryStore()
    async with at_a_mailbox(dovecot, name, store=store) as desk:
        await asyncio.to_thread(dovecot.deliver, name, letter("Первое"))
        await desk.until(desk.said)
    await asyncio.to_thread(dovecot.deliver, name, letter("Второе", message_id="<2@client.test>"))
    async with at_a_mailbox(dovecot, name, store=store) as desk:
        await desk.until(lambda: len(desk.said()) == 2)
        assert [one.text for one in desk.said()] == ["Первое", "Второе"]


async def test_a_mail_that_cannot_be_read_is_kept_and_holds_up_no_other(dovecot: Dovecot) -> None:
    name = user()
    async with at_a_mailbox(dovecot, name) as desk:
        reader = desk.channel._reader
        assert reader is not None
        read = reader.read

        async def stall(raw: bytes) -> Any:
            if b"<1@client.test>" in raw:
                raise omnigate.BadPayload("the mail took longer than 30 s to read")
            return await read(raw)

        reader.read = stall  # type: ignore[method-assign]  # a reader that one mail stalls
        await asyncio.to_thread(dovecot.deliver, name, letter())
        await asyncio.to_thread(dovecot.deliver, name, letter("Два", message_id="<2@client.test>"))
        await desk.until(desk.said)
        assert desk.said()[0].text == "Два"
        ((_, reason),) = desk.host.store.quarantine
        assert "30 s" in reason


async def test_what_our_people_sent_from_the_same_mailbox_is_told(dovecot: Dovecot) -> None:
    """From the folder where their program keeps it; whose copy of ours it is, is not told again."""
    name = user()
    await asyncio.to_thread(dovecot.create_folder, name, "Sent")
    async with at_a_mailbox(
        dovecot, name, folders=("INBOX", "Sent"), staff_folders=["Sent"]
    ) as desk:
        await asyncio.to_thread(dovecot.deliver, name, letter())
        await desk.until(desk.said)
        ours = await desk.answer(desk.said()[0].conversation)
        theirs = letter(
            "Отвечаю из дома",
            author=f"Пётр <{ADDRESS}>",
            to=ANNA,
            message_id="<2@shop.test>",
            In_Reply_To="<1@client.test>",
        )

        def put() -> None:
            with dovecot.client(name) as client:
                for raw in (bytes(ours), theirs):
                    assert client.append("Sent", "\\Seen", "", raw)[0] == "OK"

        await asyncio.to_thread(put)
        await desk.until(lambda: len(desk.items) == 2)
        echo = desk.items[1]
        assert isinstance(echo, omnigate.EchoMessage)
        assert echo.conversation == desk.said()[0].conversation
        assert echo.text == "Отвечаю из дома"


async def test_a_copy_of_what_is_sent_lies_in_the_mailbox(
    dovecot: Dovecot, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("omnigate_email.imap.copies.GATHER_SECONDS", 0.05)
    name = user()
    await asyncio.to_thread(dovecot.create_folder, name, "Sent")

    def kept() -> list[Any]:
        with dovecot.client(name) as client:
            client.select("Sent", readonly=True)
            numbers = client.search(None, "SEEN")[1][0].split()
            return [client.fetch(one.decode(), "(BODY.PEEK[])")[1][0][1] for one in numbers]  # type: ignore[index]

    async with at_a_mailbox(dovecot, name, sent_copy=True) as desk:
        await asyncio.to_thread(dovecot.deliver, name, letter())
        await desk.until(desk.said)
        sent = await desk.answer(desk.said()[0].conversation)
        async with asyncio.timeout(30):
            while not (copies := await asyncio.to_thread(kept)):  # noqa: ASYNC110  # a server tells nobody
                await asyncio.sleep(0.05)
        assert str(sent["Message-ID"]).encode() in copies[0]


async def test_a_copy_that_cannot_be_kept_harms_nobody(
    dovecot: Dovecot, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The mail is sent; the operator reads why in the log."""
    monkeypatch.setattr("omnigate_email.imap.copies.GATHER_SECONDS", 0.0)
    monkeypatch.setattr("omnigate_email.imap.copies.PAUSE_SECONDS", 0.0)
    name = user()
    async with at_a_mailbox(dovecot, name, sent_copy=True) as desk:
        await asyncio.to_thread(dovecot.deliver, name, letter())
        await desk.until(desk.said)
        await desk.answer(desk.said()[0].conversation)
        lost = await desk.until(
            lambda: [line for line in desk.host.log_lines if "are lost" in line["event"]]
        )
        assert "make one named Sent" in lost[0]["reason"]


async def test_the_doctor_says_how_both_servers_are(dovecot: Dovecot) -> None:
    async with at_a_mailbox(dovecot, user()) as desk:
        health = await desk.channel.check()
        assert health.state == "up", health
        assert "IMAP: reads INBOX" in health.message
        assert "takes our mails" in health.message
    async with at_a_mailbox(
        dovecot, user(), smtp={"host": "127.0.0.1", "port": 9, "tls": "none"}
    ) as desk:
        health = await desk.channel.check()
        assert health.state == "down"
        assert "127.0.0.1:9" in health.message


async def test_a_refused_login_ends_the_channel(dovecot: Dovecot) -> None:
    """Further tries would lock the account."""
    imap = {
        "host": "127.0.0.1",
        "port": dovecot.imap_port,
        "tls": "none",
        "username": user(),
        "password": "wrong",
    }
    async with open_desk(imap=imap, lmtp=None, running=False) as desk:
        with pytest.raises((omnigate.CredentialsRejected, ExceptionGroup)) as caught:
            async with asyncio.timeout(30):
                await desk.channel.run()
        error = caught.value
        if isinstance(error, ExceptionGroup):
            (error,) = error.exceptions
        assert isinstance(error, omnigate.CredentialsRejected)
        assert "wrong" not in str(error)


async def test_a_mail_that_is_filed_or_numbered_anew_is_not_told_again(dovecot: Dovecot) -> None:
    """Whatever folder it is found in, under whatever number: it is the same mail to the byte."""
    name, store = user(), MemoryStore()
    await asyncio.to_thread(dovecot.create_folder, name, "Archive")

    def file() -> None:
        with dovecot.client(name) as client:
            client.select("INBOX")
            assert client.copy("1", "Archive")[0] == "OK"

    def position() -> dict[str, Any]:
        return dict(json.loads(store.notes["mail"]["imap/Archive"]))

    both = ("INBOX", "Archive")
    async with at_a_mailbox(dovecot, name, folders=both, store=store) as desk:
        await asyncio.to_thread(dovecot.deliver, name, letter())
        await desk.until(desk.said)
        await asyncio.to_thread(file)
        await desk.until(lambda: position()["uid"] >= 1, "it is found there")
    before = position()["uidvalidity"]
    await asyncio.to_thread(dovecot.recreate_folder, name, "Archive")
    await asyncio.to_thread(file)
    async with at_a_mailbox(dovecot, name, folders=both, store=store) as desk:
        await desk.until(lambda: position()["uidvalidity"] != before and position()["uid"] >= 1)
        await asyncio.to_thread(dovecot.deliver, name, letter("Ещё", message_id="<2@client.test>"))
        await desk.until(lambda: desk.said()[-1].text == "Ещё")
        assert len(desk.said()) == 2
