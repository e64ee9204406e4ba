"""Mails of a real mailbox are stored once each, whatever happens between."""

from __future__ import annotations

import asyncio
import email
import time
from datetime import UTC, datetime, timedelta
from email import policy

import pytest
from omnigate_email.imap.fetched import Fetched

import omnigate
from tests.plugins.email.dovecot import Dovecot
from tests.plugins.email.imap.conftest import Reading, mail

pytestmark = pytest.mark.anyio


async def test_what_is_there_at_first_is_left_and_what_comes_is_stored(box: Reading) -> None:
    box.write("old")
    async with box.reading():
        await box.up()
        box.write("first", "second")
        await box.has("first", "second")


async def test_a_mail_that_comes_while_waiting_is_stored_within_two_seconds(box: Reading) -> None:
    async with box.reading():
        await box.up()
        took, texts = [], ["now", "now too", "and now"]
        for number, text in enumerate(texts, start=1):
            began = time.monotonic()
            await asyncio.to_thread(box.write, text)
            await box.has(*texts[:number])
            took.append(time.monotonic() - began)
        # The safety poll is a minute away: only the server's own word is as fast. One of three may meet
        # with a machine that is busy.
        assert min(took) < 2.0, took


async def test_a_mail_that_comes_while_another_is_worked_on_is_not_overheard(box: Reading) -> None:
    def another(found: Fetched) -> None:
        if found.uid == 1:
            box.write("another")

    box.refuse = another
    async with box.reading(after_reading="seen"):
        await box.up()
        await asyncio.to_thread(box.write, "one")
        await box.has("one")
        began = time.monotonic()
        # The server has told of it in its answer to the marking of the first, and does not again.
        await box.has("one", "another")
        assert time.monotonic() - began < 30.0, "the safety poll is a minute away"


async def test_after_a_restart_nothing_comes_twice_and_nothing_is_missed(box: Reading) -> None:
    async with box.reading():
        await box.up()
        box.write("before")
        await box.has("before")
    box.write("while away", "and another")
    async with box.reading():
        await box.has("before", "while away", "and another")
    async with box.reading():
        await box.up()
        assert [found.uid for found in box.taken] == [1, 2, 3]


async def test_mails_before_the_first_one_and_after_the_first_start_are_not_missed(
    box: Reading,
) -> None:
    async with box.reading():
        await box.up()
    box.write("while away")
    async with box.reading():
        await box.has("while away")


async def test_everything_there_is_can_be_wanted(box: Reading) -> None:
    box.write("one", "two")
    async with box.reading(since="all"):
        await box.has("one", "two")


async def test_what_arrived_since_a_day_can_be_wanted(box: Reading) -> None:
    long_ago = "09-May-2020 10:00:00 +0000"
    with box.server.client(box.user) as client:
        client.append("INBOX", "", f'"{long_ago}"', mail("ancient"))
        client.append("INBOX", "", f'"{long_ago}"', mail("as ancient"))
    box.write("recent")
    day = datetime.now(UTC).date() - timedelta(days=2)
    async with box.reading(since=day):
        await box.has("recent")
        await box.up()
        with box.server.client(box.user) as client:  # moved here by somebody: new to this folder
            client.append("INBOX", "", f'"{long_ago}"', mail("found again"))
        await box.has("recent", "found again")
    async with box.reading(since=day):
        await box.up()
        assert len(box.taken) == 2


async def test_nobody_sees_that_a_mail_was_read(box: Reading) -> None:
    async with box.reading():
        await box.up()
        box.write("unseen")
        await box.has("unseen")
    with box.server.client(box.user) as client:
        client.select(readonly=True)
        assert client.search(None, "UNSEEN")[1] == [b"1"]
        assert client.search(None, "RECENT")[1] == [b"1"]


async def test_what_somebody_read_before_us_is_stored_all_the_same(box: Reading) -> None:
    async with box.reading():
        await box.up()
    box.write("read on a phone")
    with box.server.client(box.user) as client:
        client.select()
        client.fetch("1", "(BODY[])")
        assert client.search(None, "SEEN")[1] == [b"1"]
    async with box.reading():
        await box.has("read on a phone")
        assert "\\Seen" in box.taken[0].flags


async def test_two_folders_are_read_side_by_side(box: Reading) -> None:
    box.server.create_folder(box.user, "Junk")
    async with box.reading(folders=["INBOX", "Junk"]):
        await box.up()
        with box.server.client(box.user) as client:
            client.append("Junk", "", "", mail("not junk"))
        await box.has("not junk")
        box.write("plain")
        await box.has("not junk", "plain")
        assert {found.folder for found in box.taken} == {"INBOX", "Junk"}


async def test_a_folder_may_have_a_name_in_any_language(box: Reading) -> None:
    name = 'Заявки & "прочее"'
    encoded = '"&BBcEMARPBDIEOgQ4- &- \\"&BD8EQAQ+BEcENQQ1-\\""'
    with box.server.client(box.user) as client:
        assert client.create(encoded)[0] == "OK"
    async with box.reading(folders=[name]):
        await box.up()
        with box.server.client(box.user) as client:
            client.append(encoded, "", "", mail("hello"))
        await box.has("hello")
        assert box.taken[0].folder == name
    async with box.reading(folders=[name]):
        await box.up()
    assert len(box.taken) == 1


async def test_gaps_in_the_numbers_do_not_matter(box: Reading) -> None:
    async with box.reading():
        await box.up()
        box.write("1")
        await box.has("1")
    box.write("2", "3", "4", "5")
    with box.server.client(box.user) as client:
        client.select()
        for uid in ("2", "4"):
            client.uid("STORE", uid, "+FLAGS", r"(\Deleted)")
        client.expunge()
    async with box.reading():
        await box.has("1", "3", "5")
        await box.up()
    # The last one gone: a search for what is after it finds the one before, which is no news.
    box.write("6")
    with box.server.client(box.user) as client:
        client.select()
        client.uid("STORE", "6", "+FLAGS", r"(\Deleted)")
        client.expunge()
    async with box.reading():
        await box.up()
        assert box.texts == ["1", "3", "5"]
        assert len(box.taken) == 3


async def test_a_mail_without_an_id_is_known_by_its_whole_text(box: Reading) -> None:
    bare = b"Subject: alarm\r\n\r\nPump %d stands still.\r\n"
    async with box.reading():
        await box.up()
        box.server.deliver(box.user, bare % 1)
        box.server.deliver(box.user, bare % 2)
        await box.has("alarm", "alarm")
        assert len({found.key for found in box.taken}) == 2


async def test_a_restart_of_the_server_while_waiting_loses_nothing(box: Reading) -> None:
    with Dovecot() as server:
        own = Reading(server, "bob", box.store)
        async with own.reading():
            await own.up()
            await asyncio.to_thread(server.stop)
            await own.until(lambda: own.state.startswith("down"), "the loss is told")
            await asyncio.to_thread(server.start)
            await asyncio.to_thread(own.write, "after the restart")
            await own.has("after the restart")
            await own.up()
            assert len(own.taken) == 1


async def test_a_folder_that_is_deleted_is_waited_for_while_the_others_go_on(box: Reading) -> None:
    box.server.create_folder(box.user, "Orders")
    async with box.reading(folders=["INBOX", "Orders"]):
        await box.up()
        await asyncio.to_thread(box.server.delete_folder, box.user, "Orders")
        await box.until(lambda: "Orders: the folder cannot be opened" in box.state, "it is told")
        assert box.state.startswith("degraded")
        await asyncio.to_thread(box.write, "meanwhile")
        await box.has("meanwhile")
        await asyncio.to_thread(box.server.create_folder, box.user, "Orders")
        await box.up()
        with box.server.client(box.user) as client:
            client.append("Orders", "", "", mail("an order"))
        await box.has("meanwhile", "an order")


async def test_a_folder_numbered_anew_is_gone_through_again_and_nothing_comes_twice(
    box: Reading,
) -> None:
    box.server.create_folder(box.user, "Orders")
    async with box.reading(folders=["Orders"]):
        await box.up()
        with box.server.client(box.user) as client:
            for subject in ("one", "two"):
                client.append("Orders", "", "", mail(subject))
        await box.has("one", "two")
    await asyncio.to_thread(box.server.recreate_folder, box.user, "Orders")
    with box.server.client(box.user) as client:  # moved there from a backup, in another order
        for subject in ("two", "new", "one"):
            client.append("Orders", "", "", mail(subject))
        client.append("Orders", "", '"09-May-2020 10:00:00 +0000"', mail("ancient"))
    async with box.reading(folders=["Orders"]):
        await box.has("one", "two", "new")
        await box.up()
        assert len(box.taken) == 3
        with box.server.client(box.user) as client:
            client.append("Orders", "", "", mail("next"))
        await box.has("one", "two", "new", "next")
    async with box.reading(folders=["Orders"]):
        await box.up()
        assert len(box.taken) == 4


async def test_what_was_there_before_the_first_start_is_not_wanted_after_a_renumbering(
    box: Reading,
) -> None:
    box.server.create_folder(box.user, "Orders")
    earlier = (datetime.now(UTC) - timedelta(hours=1)).strftime("%d-%b-%Y %H:%M:%S +0000")
    async with box.reading(folders=["Orders"]):
        await box.up()
    await asyncio.to_thread(box.server.recreate_folder, box.user, "Orders")
    with box.server.client(box.user) as client:
        client.append("Orders", "", f'"{earlier}"', mail("of this morning"))
        client.append("Orders", "", "", mail("new"))
    async with box.reading(folders=["Orders"]):
        await box.has("new")
        await box.up()


async def test_a_mail_of_25_megabytes_comes_whole(box: Reading) -> None:
    line = "0123456789abcdef" * 4 + "\r\n"
    body = line * (24_900_000 // len(line))
    async with box.reading():
        await box.up()
        await asyncio.to_thread(box.server.deliver, box.user, mail("large", body=body))
        await box.has("large")
        await asyncio.to_thread(box.write, "behind it")
        await box.has("large", "behind it")
    found = box.taken[0]
    assert not found.truncated
    assert found.raw.endswith(body.encode() + b"\r\n")


async def test_of_a_mail_that_is_too_large_the_text_comes_with_a_remark(box: Reading) -> None:
    file = "QUFB" * 19 + "\r\n"
    body = (
        "--x\r\nContent-Type: multipart/alternative; boundary=y\r\n\r\n"
        '--y\r\nContent-Type: text/plain; charset="koi8-r"\r\n\r\nplain text\r\n'
        "--y\r\nContent-Type: text/html\r\n\r\n<p>html text</p>\r\n--y--\r\n"
        '--x\r\nContent-Type: application/pdf; name="price \\"list\\".pdf"\r\n'
        "Content-Transfer-Encoding: base64\r\nContent-Disposition: attachment\r\n\r\n"
        f"{file * 1000}--x--\r\n"
    )
    more = "MIME-Version: 1.0\r\nContent-Type: multipart/mixed;\r\n boundary=x\r\nX-Kept: yes\r\n"
    async with box.reading(max_message_bytes=65_536):
        await box.up()
        box.server.deliver(box.user, mail("large", more, body))
        box.write("behind it")
        await box.has("large", "behind it")
    found = box.taken[0]
    assert found.truncated
    assert 'price "list".pdf' in found.remark
    assert str(found.size_bytes) in found.remark
    assert found.size_bytes > 65_536 > len(found.raw)
    assert b"QUFB" not in found.raw

    read = email.message_from_bytes(found.raw, policy=policy.default)
    assert read["subject"] == "large"
    assert read["x-kept"] == "yes"
    assert read.get_content_type() == "multipart/alternative"
    kinds = [(part.get_content_type(), part.get_content()) for part in read.iter_parts()]
    assert kinds == [("text/plain", "plain text"), ("text/html", "<p>html text</p>")]


async def test_of_a_text_that_is_too_long_the_beginning_comes(box: Reading) -> None:
    body = "all work and no play\r\n" * 100_000
    async with box.reading(max_message_bytes=65_536):
        await box.up()
        box.server.deliver(box.user, mail("long", body=body))
        await box.has("long")
    found = box.taken[0]
    assert "cut" in found.remark
    assert found.raw.endswith(body.encode()[: 1024 * 1024])


async def test_while_nothing_can_be_stored_nothing_is_lost_and_the_order_stays(
    box: Reading,
) -> None:
    async with box.reading():
        await box.up()
        box.store.failure = omnigate.Overloaded("too much is waiting", 0.01)
        box.write("one", "two")
        await box.until(lambda: box.asked >= 3, "it is tried again")
        assert "mails cannot be stored: too much is waiting" in box.state
        box.store.failure = omnigate.StoreError("the disk is full")
        asked = box.asked
        await box.until(lambda: box.asked >= asked + 3, "it is tried again")
        box.store.failure = None
        await box.has("one", "two")
        await box.up()
    async with box.reading():
        await box.up()
        assert len(box.taken) == 2


async def test_a_stop_while_nothing_can_be_stored_loses_nothing(box: Reading) -> None:
    async with box.reading():
        await box.up()
        box.store.failure = omnigate.StoreError("the disk is full")
        box.write("one", "two")
        await box.until(lambda: box.asked >= 2, "it is tried again")
    async with box.reading():
        box.store.failure = None
        await box.has("one", "two")


async def test_a_mail_that_cannot_be_taken_does_not_hold_up_those_behind_it(box: Reading) -> None:
    def refuse(found: object) -> None:
        if getattr(found, "uid", None) == 1:
            raise ZeroDivisionError("a mistake in whoever takes it")

    box.refuse = refuse
    async with box.reading():
        await box.up()
        box.write("poison", "good", "better")
        await box.has("good", "better")
        await box.until(lambda: "mails set aside: 1" in box.state, "it is told")
        assert any(line["event"] == "mail set aside" for line in box.host.log_lines)


async def test_what_was_set_aside_is_tried_again(box: Reading) -> None:
    broken = True

    def refuse(found: object) -> None:
        if broken:
            raise ZeroDivisionError("a mistake in whoever takes it")

    box.refuse = refuse
    async with box.reading():
        await box.up()
        box.write("poison")
        await box.until(lambda: "set aside" in box.state, "it is told")
    broken = False
    async with box.reading():
        await box.until(lambda: "set aside" in box.state, "it is told again")
        box.write("good")  # a look at the folder
        await box.has("good", "poison")
        await box.until(lambda: box.state.startswith("up"), "it is well again")


async def test_reading_stops_at_once_whatever_it_waits_for(box: Reading) -> None:
    async with box.reading() as task:
        await box.up()
        began = time.monotonic()
        task.cancel()
        await asyncio.wait([task], timeout=30)
        assert time.monotonic() - began < 10.0, "an answer is waited for longer"
        assert task.cancelled()
