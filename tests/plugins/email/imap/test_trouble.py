"""What servers, wires and other people at the mailbox do to us, and what becomes of the mails."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import AsyncIterator
from functools import partial

import pytest
from omnigate_email.imap.fetched import Fetched
from omnigate_email.imap.pauses import Pace

import omnigate
from tests.plugins.email.imap.conftest import Reading, mail
from tests.plugins.email.imap.servers import Scripted, Wire
from tests.seeds import draw_seed

pytestmark = pytest.mark.anyio


@pytest.fixture
async def wire(box: Reading) -> AsyncIterator[Wire]:
    async with Wire(box.server.imap_port) as one:
        yield one


@pytest.fixture
async def scripted() -> AsyncIterator[Scripted]:
    async with Scripted() as one:
        yield one


@pytest.mark.parametrize("folders", [["INBOX"], ["INBOX", "a", "b", "c"]])
async def test_a_refused_login_is_not_tried_a_second_time(box: Reading, folders: list[str]) -> None:
    async with box.reading(password="wrong", folders=folders) as task:
        await asyncio.wait([task], timeout=30)
        error = task.exception()
    assert isinstance(error, omnigate.CredentialsRejected)
    assert "Authentication failed" in str(error)
    assert "wrong" not in str(error)

    def failed() -> list[str]:
        return [
            one for one in box.server.log().splitlines() if "auth failed" in one and name in one
        ]

    name = f"user=<{box.user}>"
    await box.until(failed, "the server logs it")
    assert len(failed()) == 1
    assert "1 attempts" in failed()[0]


@pytest.mark.parametrize(
    "refusal",
    [
        "NO [AUTHENTICATIONFAILED] Invalid credentials (Failure)",
        "NO [ALERT] Application-specific password required",
        "NO LOGIN invalid credentials or IMAP is disabled",
        "NO [AUTHORIZATIONFAILED] no",
        "BAD what is that",
    ],
)
async def test_these_words_mean_that_we_are_not_let_in(
    box: Reading, scripted: Scripted, refusal: str
) -> None:
    scripted.answers["LOGIN"] = f"TAG {refusal}\r\n"
    async with box.reading(port=scripted.port) as task:
        await asyncio.wait([task], timeout=30)
        assert isinstance(task.exception(), omnigate.CredentialsRejected)
    assert scripted.count("LOGIN") == 1


@pytest.mark.parametrize(
    ("command", "refusal"),
    [
        ("LOGIN", "TAG NO [UNAVAILABLE] try again\r\n"),
        ("LOGIN", "TAG NO [LIMIT] enough\r\n"),
        ("LOGIN", "TAG NO [ALERT] Too many simultaneous connections. (Failure)\r\n"),
        ("LOGIN", "TAG NO [INUSE] somebody else is there\r\n"),
        ("LOGIN", "* BYE going down\r\n"),
        ("LOGIN", None),
        ("EXAMINE", "TAG NO [SERVERBUG] internal error\r\n"),
        ("UID SEARCH", "TAG NO what\r\n"),
        ("UID SEARCH", "* BYE Server shutting down.\r\n"),
        ("UID SEARCH", "garbage\r\n"),
        ("UID FETCH", None),
    ],
)
async def test_what_passes_is_tried_again(
    box: Reading, scripted: Scripted, command: str, refusal: str | None
) -> None:
    scripted.mails[1] = mail("hello")
    scripted.once[command] = refusal
    async with box.reading(port=scripted.port, since="all"):
        await box.has("hello")
        await box.up()
    assert scripted.count("LOGIN") > 1


async def test_pauses_grow_and_differ_and_have_an_end() -> None:
    pace = Pace()
    for failures in range(1, 40):
        longest = min(300.0, 2.0 ** (failures - 1))
        pauses = {pace.pause(failures) for _ in range(20)}
        assert len(pauses) > 1
        assert all(longest / 2 <= pause <= longest for pause in pauses)


async def test_a_server_that_falls_silent_is_left_and_found_again(box: Reading, wire: Wire) -> None:
    async with box.reading(port=wire.port, timeout_seconds=0.3, poll_seconds=0.2):
        await box.up()
        wire.stalled.set()  # the end of the waiting is not confirmed any more
        box.write("behind a stall")
        await box.until(lambda: box.state.startswith("down"), "the silence is told")
        assert box.texts == []
        wire.stalled.clear()
        await box.has("behind a stall")
        await box.up()
        assert len(box.taken) == 1


async def test_a_mailbox_that_is_not_reached_yet_is_said_to_be_starting(
    box: Reading, wire: Wire
) -> None:
    wire.stalled.set()  # or the daemon would hold it for up, as it holds channels that say nothing
    async with box.reading(port=wire.port):
        await box.until(lambda: wire.connections, "it connects")
        assert box.state == f"starting logs in to 127.0.0.1:{wire.port}"
        wire.stalled.clear()
        await box.up()


async def test_reading_stops_at_once_while_the_server_is_silent(box: Reading, wire: Wire) -> None:
    wire.stalled.set()
    async with box.reading(port=wire.port) as task:
        await box.until(lambda: wire.connections, "it connects")
        began = time.monotonic()
        task.cancel()
        await asyncio.wait([task], timeout=30)
        assert time.monotonic() - began < 10.0, "an answer is waited for longer"


async def test_a_connection_lost_in_the_middle_of_a_mail_loses_nothing(
    box: Reading, wire: Wire
) -> None:
    body = ("0123456789abcdef" * 4 + "\r\n") * 50_000
    async with box.reading(port=wire.port):
        await box.up()
    box.server.deliver(box.user, mail("large", body=body))
    box.write("behind it")
    wire.cut_after_bytes = 1_500_000
    async with box.reading(port=wire.port):
        await box.has("large", "behind it")
        assert wire.cut_after_bytes is None
        assert len(box.taken) == 2
        assert box.taken[0].raw.endswith(body.encode() + b"\r\n")


async def test_a_mail_that_somebody_expunges_before_it_is_fetched_is_passed_over(
    box: Reading,
) -> None:
    def expunge(found: Fetched) -> None:
        if found.uid == 1:
            with box.server.client(box.user) as client:
                client.select()
                client.uid("STORE", "2", "+FLAGS", r"(\Deleted)")
                client.expunge()

    box.refuse = expunge
    async with box.reading():
        await box.up()
    box.write("one", "two", "three")
    async with box.reading():
        await box.has("one", "three")
        await box.up()
    assert not any(line["level"] == "error" for line in box.host.log_lines)


async def test_somebody_else_at_the_mailbox_changes_nothing(box: Reading) -> None:
    async with box.reading():
        await box.up()
        with box.server.client(box.user) as client:
            client.select()
            for number in range(1, 21):
                await asyncio.to_thread(box.write, str(number))
                client.noop()
                client.uid("STORE", str(number), "+FLAGS", r"(\Seen \Flagged)")
                if number % 5 == 0:
                    await box.has(*map(str, range(1, number + 1)))
                    client.uid("STORE", str(number), "+FLAGS", r"(\Deleted)")
                    client.expunge()
        await box.has(*map(str, range(1, 21)))
        assert len(box.taken) == 20


async def test_a_mail_over_which_connections_end_is_set_aside(
    box: Reading, scripted: Scripted
) -> None:
    scripted.mails |= {1: mail("one"), 2: mail("two"), 3: mail("three")}
    scripted.answers["UID FETCH 2 (UID BODY"] = None
    async with box.reading(port=scripted.port, since="all"):
        await box.has("one", "three")
        await box.until(lambda: "mails set aside: 1" in box.state, "it is told")
    assert scripted.count("UID FETCH 2 (UID BODY") == 3
    assert len(box.taken) == 2


@pytest.mark.parametrize(
    "answer",
    [
        "TAG NO [EXPUNGEISSUED] what mail\r\n",
        "TAG BAD no such thing\r\n",
        "* 2 FETCH (UID 2 BODY[] NIL)\r\nTAG OK done\r\n",
        "* 2 FETCH (UID 2 BODY[] (a b))\r\nTAG OK done\r\n",
        "* 2 FETCH (UID 2 BODY[]\r\nTAG OK done\r\n",
        f"* 2 FETCH (UID 2 BODY {'(' * 5000})\r\nTAG OK done\r\n",
    ],
)
async def test_a_mail_that_the_server_cannot_give_is_set_aside(
    box: Reading, scripted: Scripted, answer: str
) -> None:
    scripted.mails |= {1: mail("one"), 2: mail("two"), 3: mail("three")}
    scripted.answers["UID FETCH 2 (UID BODY"] = answer
    async with box.reading(port=scripted.port, since="all"):
        await box.has("one", "three")
        await box.until(lambda: "mails set aside: 1" in box.state, "it is told")
        assert scripted.count("LOGIN") == 1


async def test_facts_that_cannot_be_read_cost_one_mail_only(
    box: Reading, scripted: Scripted
) -> None:
    scripted.mails |= {1: mail("one"), 3: mail("three")}
    bad = '* 2 FETCH (UID 2 RFC822.SIZE 10 INTERNALDATE "never" FLAGS ())\r\nTAG OK done\r\n'
    scripted.answers["UID SEARCH"] = "* SEARCH 1 2 3\r\nTAG OK done\r\n"
    scripted.answers["UID FETCH 1,2,3"] = bad
    scripted.answers["UID FETCH 2"] = bad
    async with box.reading(port=scripted.port, since="all"):
        await box.has("one", "three")
        await box.until(lambda: "mails set aside: 1" in box.state, "it is told")


async def test_when_no_mail_can_be_taken_reading_stops_before_all_are_set_aside(
    box: Reading, scripted: Scripted
) -> None:
    scripted.mails |= {uid: mail(str(uid)) for uid in range(1, 151)}
    scripted.answers["UID FETCH 1"] = "TAG OK [nothing] done\r\n"
    for digit in range(10):
        scripted.answers[f"UID FETCH {digit}"] = "TAG NO no\r\n"
    async with box.reading(port=scripted.port, since="all"):
        await box.until(lambda: "more than 100 mails cannot be taken" in box.state, "it is told")
        assert box.state.startswith("down")
    assert box.texts == []


async def test_a_server_that_sends_more_than_it_said_is_not_believed(
    box: Reading, scripted: Scripted
) -> None:
    scripted.mails |= {1: mail("one"), 2: mail("two")}
    scripted.answers["UID FETCH 1 (UID BODY"] = (
        "* 1 FETCH (UID 1 BODY[] {99999999999}\r\n" + "x" * 20_000_000
    )
    async with box.reading(port=scripted.port, since="all", max_message_bytes=65_536):
        await box.has("two")
        await box.until(lambda: "mails set aside: 1" in box.state, "it is told")


async def test_a_server_without_idle_is_looked_at_from_time_to_time(
    box: Reading, scripted: Scripted
) -> None:
    async with box.reading(port=scripted.port, poll_seconds=0.05):
        await box.up()
        scripted.mails[1] = mail("hello")
        await box.has("hello")
    assert scripted.count("IDLE") == 0
    assert scripted.count("LOGIN") == 1


@pytest.mark.parametrize("refusal", ["TAG BAD what\r\n", "TAG NO not now\r\n"])
async def test_a_server_that_refuses_what_it_offers_is_read_without(
    box: Reading, scripted: Scripted, refusal: str
) -> None:
    scripted.capabilities = "IMAP4rev1 IDLE ID ENABLE CONDSTORE"
    scripted.answers |= {"IDLE": refusal, "ID (": refusal, "ENABLE": refusal}
    async with box.reading(port=scripted.port, poll_seconds=0.05):
        await box.up()
        scripted.mails[1] = mail("hello")
        await box.has("hello")
    assert scripted.count("IDLE") == scripted.count("ID (") == scripted.count("LOGIN") == 1


async def test_an_unchanged_folder_is_not_searched_after_a_reconnect(
    box: Reading, wire: Wire
) -> None:
    box.write("old")
    async with box.reading(port=wire.port):
        await box.up()
    assert b"SEARCH" in wire.said
    wire.said = b""
    async with box.reading(port=wire.port):
        await box.until(lambda: b"IDLE" in wire.said, "it waits")
    assert b"SEARCH" not in wire.said
    box.write("new")
    async with box.reading(port=wire.port):
        await box.has("new")


async def test_a_server_whose_numbers_do_not_last_is_told_of(
    box: Reading, scripted: Scripted
) -> None:
    scripted.answers["EXAMINE"] = "* 0 EXISTS\r\nTAG OK done\r\n"
    async with box.reading(port=scripted.port):
        await box.until(lambda: "no UIDVALIDITY" in box.state, "it is told")


async def test_without_idle_a_mail_is_not_there_within_two_seconds(
    box: Reading, wire: Wire
) -> None:
    """The check of the two seconds, made to fail."""
    wire.rewrite = lambda piece: piece.replace(b" IDLE", b" XDLE")
    async with box.reading(port=wire.port):
        await box.up()
        began = time.monotonic()
        await asyncio.to_thread(box.write, "late")
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(2.0 - (time.monotonic() - began)):
                await box.has("late")


async def test_a_store_that_forgets_the_position_is_given_the_mails_again(box: Reading) -> None:
    """The check of what comes twice, made to fail."""
    async with box.reading():
        await box.up()
        position = dict(box.store.notes["post"])
        box.write("hello")
        await box.has("hello")
    box.store.notes["post"] = position
    async with box.reading():
        await box.until(lambda: len(box.taken) == 2, "it comes again")
        assert box.texts == ["hello"]


async def test_whatever_is_cut_and_whenever_it_stops_each_mail_is_stored_once_in_order(
    box: Reading, wire: Wire
) -> None:
    chance = random.Random(draw_seed())
    subjects = [str(number) for number in range(40)]
    async with box.reading():
        await box.up()

    async def deliver() -> None:
        for subject in subjects:
            body = "x" * 70 + "\r\n"
            content = mail(subject, body=body * chance.randrange(200))
            await asyncio.to_thread(box.server.deliver, box.user, content)

    delivering = asyncio.create_task(deliver())
    while not delivering.done() or len(box.texts) < len(subjects):
        wire.cut_after_bytes = chance.randrange(30_000)
        enough = min(len(box.texts) + chance.randrange(1, 10), len(subjects))
        some_came = partial(lambda least: len(box.texts) >= least or wire.uncut, enough)
        async with box.reading(port=wire.port, after_reading="seen") as task:
            await box.until(some_came, "some come, or the connection ends")
            assert not task.done()
    await delivering
    assert box.texts == subjects
    assert [found.uid for found in box.taken] == list(range(1, len(subjects) + 1))


async def test_whatever_a_server_says_reading_goes_on_trying(
    box: Reading, scripted: Scripted
) -> None:
    chance = random.Random(draw_seed())
    scripted.mails |= {1: mail("one")}
    alphabet = ' ()"\\{}[]*+\r\n0123456789TAGOKNOBADUIDFETCHSEARCHBYE'
    async with box.reading(port=scripted.port, since="all") as task:
        for _ in range(60):
            junk = "".join(chance.choices(alphabet, k=chance.randrange(1, 200)))
            command = chance.choice(["CAPABILITY", "EXAMINE", "UID SEARCH", "UID FETCH", "NOOP"])
            scripted.once[command] = chance.choice([junk, f"* {junk}\r\nTAG OK done\r\n"])
            scripted.once["LOGOUT"] = None
            await asyncio.sleep(0.01)
            assert not task.done(), task
        scripted.once.clear()
    async with box.reading(port=scripted.port, since="all"):
        await box.until(lambda: box.state, "it goes on")
