"""One request that must not be made twice: what its failures say, and what an answer means."""

from __future__ import annotations

import aiohttp
import pytest

import omnigate
from omnigate import atmostonce
from omnigate.flow.egress import guarded_session
from tests.ports import free_port
from tests.unsteady import TAKEN, provider

pytestmark = pytest.mark.anyio

SECONDS = 15.0


@pytest.fixture
async def session(anyio_backend):
    async with guarded_session(allow_private=["127.0.0.0/8"]) as session:
        yield session


@pytest.mark.parametrize("method", ["GET", "PUT", "POST"])
async def test_what_is_not_answered_is_not_asked_again(session, method):
    """Also on a host that has just answered, whose connection would have been kept."""
    async with provider(TAKEN) as there:
        await omnigate.ask_once(session, method, there.url, seconds=SECONDS)
        with pytest.raises(omnigate.NoAnswer):
            await omnigate.ask_once(session, method, there.url, seconds=SECONDS)
        assert len(there.requests) == 2


async def test_sabotage_the_http_client_by_itself_asks_again(session):
    """What the check above looks for is there: a GET over a kept connection is made twice."""
    async with provider(TAKEN) as there:
        for _ in range(2):
            try:
                async with session.get(there.url) as answer:
                    await answer.read()
            except aiohttp.ServerDisconnectedError:
                pass
        assert len(there.requests) == 3


async def test_sabotage_a_request_on_a_connection_of_its_own_would_still_be_repeated(
    session, monkeypatch
):
    async def again(request, handler):
        return await handler(request)

    monkeypatch.setattr(atmostonce, "_once", again)
    async with provider() as there:
        with pytest.raises(omnigate.NoAnswer):
            await omnigate.ask_once(session, "GET", there.url, seconds=SECONDS)
        assert len(there.requests) == 2


async def test_silence_leaves_open_what_became_of_it(session):
    async with provider(b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nha") as there:
        with pytest.raises(omnigate.NoAnswer, match="no answer in time"):
            await omnigate.ask_once(session, "POST", there.url, seconds=0.2)


async def test_an_answer_over_the_limit_is_none(session):
    long = b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\n12345"
    async with provider(long) as there:
        with pytest.raises(omnigate.NoAnswer, match="too long"):
            await omnigate.ask_once(
                session, "GET", there.url, seconds=SECONDS, answer_limit_bytes=4
            )
    async with provider(long) as there:
        said = await omnigate.ask_once(
            session, "GET", there.url, seconds=SECONDS, answer_limit_bytes=5
        )
        assert (said.json(), said.object()) == (12345, {})


@pytest.mark.parametrize(
    ("url", "words"),
    [
        (f"http://127.0.0.1:{free_port()}/?key=canary", "refused"),
        ("https://10.0.0.1/?key=canary", "allow_private"),
    ],
    ids=["nobody listens", "a private address"],
)
async def test_what_was_surely_not_sent_may_be_sent_again(session, url, words):
    with pytest.raises(omnigate.DestinationUnavailable, match=words) as caught:
        await omnigate.ask_once(session, "POST", url, seconds=SECONDS)
    assert "canary" not in str(caught.value)


async def test_a_header_that_would_end_its_line_is_not_sent(session):
    headers = {"x-key": "canary\r\nx-more: 1"}
    async with provider(TAKEN) as there:
        with pytest.raises(omnigate.DestinationUnavailable, match="line breaks") as caught:
            await omnigate.ask_once(session, "POST", there.url, seconds=SECONDS, headers=headers)
        assert there.requests == []
        assert "canary" not in str(caught.value)


async def test_no_redirect_is_followed_and_a_secret_stays_out_of_the_error(session):
    moved = b"HTTP/1.1 307 Moved\r\nlocation: http://127.0.0.1:9/thief\r\ncontent-length: 0\r\n\r\n"
    async with provider(moved) as there:
        said = await omnigate.ask_once(session, "POST", there.url, seconds=SECONDS)
        assert (said.status, said.location) == (307, "http://127.0.0.1:9/thief")
        with pytest.raises(omnigate.NoAnswer) as caught:
            await omnigate.ask_once(session, "POST", there.url, seconds=SECONDS)
        assert "canary" not in str(caught.value)


async def test_what_is_sent_is_written_as_it_was_given(session):
    async with provider(TAKEN, TAKEN) as there:
        url = there.url.partition("?")[0]
        await omnigate.ask_once(
            session, "POST", url, seconds=SECONDS, data=[("a", "1"), ("a", "2")]
        )
        await omnigate.ask_once(session, "GET", url, seconds=SECONDS, params={"to": "+7 9"})
        form, query = there.requests
        assert b"application/x-www-form-urlencoded" in form
        assert b"content-length: 7" in form.lower()
        assert query.partition(b"GET ")[2].startswith(b"/send?to=%2B7+9 ")


# ---- what an answer means ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (200, omnigate.Uncertain),
        (302, omnigate.DestinationUnavailable),
        (400, omnigate.Refused),
        (401, omnigate.CredentialsRejected),
        (403, omnigate.DestinationUnavailable),
        (404, omnigate.DestinationUnavailable),
        (408, omnigate.Uncertain),
        (422, omnigate.Refused),
        (429, omnigate.DestinationUnavailable),
        (500, omnigate.Uncertain),
        (502, omnigate.Uncertain),
        (503, omnigate.DestinationUnavailable),
    ],
)
def test_a_status_says_whether_it_may_have_been_taken(status, error):
    said = omnigate.Answer("sms.example.com", status, b"<html>\r\nno")
    assert type(said.judge("the text was taken")) is error


def test_what_is_left_open_is_named():
    said = str(omnigate.Answer("sms.example.com", 502, b"").judge("the text was taken"))
    assert said == "sms.example.com answered 502, which does not tell whether the text was taken"


def test_words_are_one_short_line():
    said = omnigate.Answer("sms.example.com", 400, b"a\r\nb\xff" + b"x" * 1000)
    assert said.words().startswith("a b")
    assert len(said.words()) == atmostonce.LONGEST_WORDS
    assert omnigate.Answer("sms.example.com", 400, b" ").words() == "no reason given"


@pytest.mark.parametrize("body", [b"", b"[1]", b"null", b"{", b"[" * 100_000, b"\xff"])
def test_what_is_no_object_is_an_empty_one(body):
    assert omnigate.Answer("sms.example.com", 200, body).object() == {}


def test_what_a_check_did_not_expect_is_not_taken_for_health():
    said = omnigate.Answer("sms.example.com", 200, b"<html>").unexpected()
    assert (said.state, "is url right?" in said.message) == ("degraded", True)


@pytest.mark.parametrize(
    ("meaning", "error"),
    [
        (omnigate.Meaning.BAD_NUMBER, omnigate.Refused),
        (omnigate.Meaning("later", seconds=30.0), omnigate.RetryLater),
        (omnigate.Meaning.TOO_MANY, omnigate.DestinationUnavailable),
        (omnigate.Meaning.NO_RIGHT, omnigate.CredentialsRejected),
        (omnigate.Meaning.UNCLEAR, omnigate.Uncertain),
    ],
)
def test_a_code_means_an_error_with_the_providers_words_and_advice(meaning, error):
    made = meaning.error("error 7", 400)
    assert type(made) is error
    assert "error 7" in str(made)
    assert meaning.advice in str(made)


def test_a_code_says_how_long_to_wait():
    later = omnigate.Meaning("later", seconds=30.0).error("busy")
    full = omnigate.Meaning.TOO_MANY.error("slow", 429)
    assert isinstance(later, omnigate.RetryLater)
    assert isinstance(full, omnigate.DestinationUnavailable)
    assert (later.after_seconds, full.retry_after_seconds, full.status) == (30.0, 60.0, 429)
