"""Every way in which a mail server may answer, or not, and what it means."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from omnigate_email.accounts import SmtpConfig
from omnigate_email.smtp import dialogue, refusals
from omnigate_email.smtp.composing import Composed
from omnigate_email.smtp.submission import Submission

import omnigate
from omnigate.testing import FakeHost
from tests.plugins.email.sending.scripted import DEAF, DROP, STALL, Scripted, scripted

pytestmark = pytest.mark.anyio


@pytest.fixture(params=[False, True], ids=["asyncio", "uvloop"])
def anyio_backend(request: pytest.FixtureRequest) -> tuple[str, dict[str, bool]]:
    """Both loops: the daemon's own is uvloop, whose transports are of another kind."""
    return "asyncio", {"use_uvloop": request.param}


MAIL = Composed(
    b"From: support@example.com\r\nTo: anna@example.org\r\nMessage-ID: <1@example.com>\r\n\r\n.Hello\r\n",
    "support@example.com",
    ["anna@example.org"],
)


@asynccontextmanager
async def submitting(server: Scripted, **given: object) -> AsyncIterator[Submission]:
    config = SmtpConfig.model_validate(
        {"host": "127.0.0.1", "port": server.port, "tls": "none", "timeout_seconds": 5, **given}
    )
    async with FakeHost() as host:
        submission = Submission(config, host)
        try:
            yield submission
        finally:
            await submission.close()


async def outcome(script: dict[str, str | list[str]], **given: object) -> object:
    """Return what sending one mail comes to."""
    async with scripted(**script) as server, submitting(server, **given) as submission:
        try:
            return await submission.send(MAIL)
        except omnigate.OmnigateError as error:
            return error


async def test_mails_go_out_over_one_connection_and_dots_are_kept() -> None:
    async with scripted() as server, submitting(server) as submission:
        accepted = await submission.send(MAIL)
        await submission.send(MAIL)
    assert accepted.reply == "250 2.0.0 queued as 4XyZ"
    assert server.connections == 1
    assert [mail.replace(b"\r\n..", b"\r\n.") for mail in server.mails] == [
        MAIL.content + b".\r\n"
    ] * 2
    assert server.lines.count("MAIL FROM:<support@example.com> SIZE=88") == 2
    assert server.lines[-1] == "QUIT"


async def until(holds: Callable[[], object]) -> None:
    async with asyncio.timeout(20):
        while not holds():  # noqa: ASYNC110  # a server that does not know that it is watched
            await asyncio.sleep(0.01)


Expected = tuple[type[omnigate.OmnigateError], str]
REFUSED, LATER, DOWN = omnigate.Refused, omnigate.RetryLater, omnigate.DestinationUnavailable
UNCERTAIN, REJECTED = omnigate.Uncertain, omnigate.CredentialsRejected

ANSWERS: list[tuple[str, dict[str, str | list[str]], Expected]] = [
    ("closing at once", {"greeting": "421 4.3.2 not now"}, (DOWN, "421 4.3.2 not now")),
    ("no service", {"greeting": "554 5.3.2 go away"}, (DOWN, "554 5.3.2 go away")),
    ("hung up", {"greeting": DROP}, (DOWN, "closed the connection")),
    ("not a mail server", {"greeting": "HTTP/1.1 400 Bad Request"}, (DOWN, "is it a mail server?")),
    ("silent", {"greeting": STALL}, (DOWN, "did not answer in time")),
    ("login wanted", {"MAIL": "530 5.7.0 Authentication required"}, (REJECTED, "wants a login")),
    ("not our address", {"MAIL": "553 5.7.1 not owned by user"}, (DOWN, "refuses our own address")),
    ("no space", {"MAIL": "452 4.3.1 insufficient storage"}, (DOWN, "452 4.3.1")),
    ("too large", {"MAIL": "552 5.3.4 message too big"}, (REFUSED, "too_large")),
    (
        "quota of the account",
        {"MAIL": "550 5.4.5 quota exceeded"},
        (DOWN, "more mail from this account"),
    ),
    ("unknown", {"RCPT": "550 5.1.1 no such user"}, (REFUSED, "no_such_recipient")),
    ("unknown, briefly", {"RCPT": "550 no"}, (REFUSED, "no_such_recipient")),
    ("no such domain", {"RCPT": "550 5.1.2 host not found"}, (REFUSED, "no_such_domain")),
    ("full", {"RCPT": "552 5.2.2 mailbox full"}, (REFUSED, "mailbox_full")),
    ("full for now", {"RCPT": "452 4.2.2 over quota"}, (LATER, "452 4.2.2")),
    ("greylisted", {"RCPT": "450 4.2.0 greylisted, come back"}, (LATER, "greylisted")),
    ("greylisted otherwise", {"RCPT": "451 4.7.1 try again"}, (LATER, "451 4.7.1")),
    ("too many", {"RCPT": "452 4.5.3 too many recipients"}, (LATER, "452 4.5.3")),
    ("relaying", {"RCPT": "554 5.7.1 <a@b>: Relay access denied"}, (DOWN, "only after a login")),
    ("blocked", {"RCPT": "550 5.7.1 blocked by policy"}, (REFUSED, "refused_by_policy")),
    ("closing", {"RCPT": "421 4.4.2 timeout"}, (DOWN, "421 4.4.2")),
    ("lost before the mail", {"DATA": DROP}, (DOWN, "closed the connection")),
    ("no data", {"DATA": "451 4.3.0 trouble"}, (LATER, "451 4.3.0")),
    ("spam", {"mail": "554 5.7.1 spam detected"}, (REFUSED, "refused_by_policy")),
    ("refused", {"mail": "554 no thanks"}, (REFUSED, "refused_by_server")),
    ("trouble at the end", {"mail": "451 4.3.0 queue file write error"}, (LATER, "451 4.3.0")),
    ("full disk at the end", {"mail": "452 4.3.1 disk full"}, (DOWN, "452 4.3.1")),
    ("closing at the end", {"mail": "421 4.3.2 shutting down"}, (DOWN, "421 4.3.2")),
    ("lost after the mail", {"mail": DROP}, (UNCERTAIN, "closed the connection")),
]


@pytest.mark.parametrize(
    ("script", "expected"), [row[1:] for row in ANSWERS], ids=[row[0] for row in ANSWERS]
)
async def test_an_answer_means(script: dict[str, str | list[str]], expected: Expected) -> None:
    silent = STALL in script.values()
    error = await outcome(script, timeout_seconds=0.3 if silent else 20)
    assert type(error) is expected[0], error
    assert expected[1] in str(error)


async def test_silence_after_the_mail_is_uncertain() -> None:
    async with scripted(mail=STALL) as server, submitting(server, timeout_seconds=0.3) as sending:
        with pytest.raises(omnigate.Uncertain, match="took the mail and did not answer"):
            await sending.send(MAIL)


async def test_a_mail_that_was_not_taken_in_time_was_surely_not_sent(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The server reads nothing, and what the system holds back for it is far less than the mail."""
    monkeypatch.setattr(dialogue, "SLOWEST_BYTES_PER_SECOND", 10**9)
    content = MAIL.content + (b"y" * 76 + b"\r\n") * 400_000
    large = Composed(content, MAIL.sender, MAIL.recipients)
    script = {"EHLO": "250 mail.test", "mail": DEAF}
    async with scripted(**script) as server, submitting(server, timeout_seconds=0.5) as sending:
        with pytest.raises(omnigate.DestinationUnavailable, match="did not take a mail of"):
            await sending.send(large)


async def test_a_connection_that_was_closed_meanwhile_is_replaced() -> None:
    replies: list[str | list[str]] = [
        ["250 ok", DROP, "250 ok"],
        ["250 ok", "421 4.4.2 idle", "250 ok"],
    ]
    for mail in replies:
        async with scripted(MAIL=mail) as server, submitting(server) as sending:
            await sending.send(MAIL)
            await sending.send(MAIL)
        assert len(server.mails) == 2
        assert server.connections == 2


async def test_a_new_connection_that_is_closed_is_not_tried_for_ever() -> None:
    async with scripted(MAIL=DROP) as server, submitting(server) as sending:
        with pytest.raises(omnigate.DestinationUnavailable):
            await sending.send(MAIL)
    assert server.connections == 1


async def test_a_refused_mail_leaves_the_connection_as_new() -> None:
    async with scripted(RCPT=["550 5.1.1 who?", "250 ok"]) as server, submitting(server) as sending:
        with pytest.raises(omnigate.Refused):
            await sending.send(MAIL)
        await sending.send(MAIL)
    assert server.connections == 1
    assert "RSET" in server.lines


async def test_an_idle_connection_is_left_politely() -> None:
    async with scripted() as server, submitting(server, idle_seconds=0.1) as sending:
        await sending.send(MAIL)
        await until(lambda: server.open == 0)
        assert server.lines[-1] == "QUIT"
        await sending.send(MAIL)
        assert server.connections == 2


async def test_no_more_connections_than_allowed_and_each_is_used() -> None:
    async with scripted() as server, submitting(server, max_connections=3) as sending:
        await asyncio.gather(*(sending.send(MAIL) for _ in range(30)))
    assert len(server.mails) == 30
    assert server.connections == 3


async def test_whoever_is_cancelled_in_the_middle_leaves_no_connection() -> None:
    async with scripted(mail=STALL) as server, submitting(server, timeout_seconds=60) as sending:
        task = asyncio.create_task(sending.send(MAIL))
        await until(lambda: "DATA" in server.lines)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await until(lambda: server.open == 0)


COPIED = Composed(MAIL.content, MAIL.sender, ["anna@example.org", "boris@example.org"])


@pytest.mark.parametrize(
    ("answer", "expected"),
    [("550 5.1.1 who?", omnigate.Refused), ("450 4.2.0 later", omnigate.RetryLater)],
)
async def test_a_mail_that_the_customer_cannot_get_goes_to_nobody_who_gets_a_copy(
    answer: str, expected: type[Exception]
) -> None:
    """A copy that was taken would have the message pass for sent, or go out twice."""
    async with scripted(RCPT=[answer, "250 ok"]) as server, submitting(server) as sending:
        with pytest.raises(expected):
            await sending.send(COPIED)
        assert server.mails == []


async def test_a_copy_that_is_refused_does_not_keep_the_mail_from_the_customer() -> None:
    async with scripted(RCPT=["250 ok", "550 5.1.1 who?"]) as server, submitting(server) as sending:
        accepted = await sending.send(COPIED)
    assert list(accepted.refused) == ["boris@example.org"]
    assert len(server.mails) == 1


async def test_an_empty_envelope_sender_and_another_one_are_said() -> None:
    async with scripted(EHLO="250 mail.test") as server, submitting(server) as sending:
        await sending.send(MAIL, sender="")
        await sending.send(MAIL, sender="bounce+x@example.com")
    assert [line for line in server.lines if line.startswith("MAIL")] == [
        "MAIL FROM:<>",
        "MAIL FROM:<bounce+x@example.com>",
    ]


async def test_an_old_server_that_knows_no_ehlo_takes_mail() -> None:
    async with scripted(EHLO="502 what?") as server, submitting(server) as sending:
        await sending.send(MAIL)
    assert server.lines[:3] == [
        "EHLO [127.0.0.1]",
        "HELO [127.0.0.1]",
        "MAIL FROM:<support@example.com>",
    ]


async def test_greylisting_waits_longer_each_time_and_ends_after_days() -> None:
    waits = []
    for attempt in (1, 2, 3, 4, 5, 75):
        error = refusals.meaning("recipient", 451, "4.7.1 greylisted", attempt=attempt)
        assert isinstance(error, omnigate.RetryLater)
        waits.append(error.after_seconds)
    assert waits == [60, 300, 900, 3600, 3600, 3600]
    error = refusals.meaning("recipient", 451, "4.7.1 greylisted", attempt=76)
    assert isinstance(error, omnigate.Refused)
    assert error.code == "gave_up"


async def test_what_a_server_says_is_shown_on_one_line_and_shortened() -> None:
    shown = refusals.words(550, "5.1.1 no\nsuch\x1b[31m user\udcff " + "x" * 1000)
    assert shown.startswith("550 5.1.1 no such [31m user ")
    assert len(shown) <= 310


@pytest.mark.parametrize("content", [b"a\nb\r\n", b"a\rb\r\n", b"a\r\n.\nMAIL\r\n", b"a"])
async def test_what_could_end_a_mail_early_is_never_sent(content: bytes) -> None:
    async with scripted() as server, submitting(server) as sending:
        with pytest.raises(ValueError, match="CR and LF"):
            await sending.send(Composed(content, MAIL.sender, MAIL.recipients))
    assert server.mails == []


async def test_nobody_there_is_said_so() -> None:
    async with scripted() as server:
        pass
    async with submitting(server) as sending:
        with pytest.raises(omnigate.DestinationUnavailable, match="is anything running there"):
            await sending.send(MAIL)
        assert (await sending.check()).state == "down"


async def test_the_rates_are_kept() -> None:
    async with scripted() as server, submitting(server, per_hour=2) as sending:
        for _ in range(2):
            await sending.send(MAIL)
        with pytest.raises(omnigate.DestinationUnavailable, match="per_hour") as error:
            await sending.send(MAIL)
    assert error.value.retry_after_seconds == 3600
    assert len(server.mails) == 2


@settings(deadline=None, max_examples=200)
@given(
    stage=st.sampled_from(["greeting", "login", "sender", "recipient", "content"]),
    code=st.integers(-1, 999),
    message=st.text(max_size=60)
    | st.from_regex(r"[245]\.\d{1,3}\.\d{1,3} .{0,20}", fullmatch=True),
    attempt=st.integers(0, 200),
)
def test_any_answer_means_something(
    stage: refusals.Stage, code: int, message: str, attempt: int
) -> None:
    error = refusals.meaning(stage, code, message, attempt=attempt)
    assert isinstance(error, (REFUSED, LATER, DOWN, REJECTED))
    assert str(error).isprintable()


async def test_a_large_mail_arrives_whole() -> None:
    content = MAIL.content + (b"." * 76 + b"\r\n") * 440_000
    async with scripted(EHLO="250 mail.test") as server, submitting(server) as sending:
        await sending.send(Composed(content, MAIL.sender, MAIL.recipients))
    (arrived,) = server.mails
    assert arrived.replace(b"\r\n..", b"\r\n.") == content + b".\r\n"
