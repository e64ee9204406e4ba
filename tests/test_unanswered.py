"""A request that fails: its error says whether anything of it can have arrived."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import aiohttp
import pytest

import omnigate
from omnigate import unanswered
from omnigate.flow.egress import guarded_session
from tests.ports import free_port
from tests.unsteady import TAKEN, provider

pytestmark = pytest.mark.anyio

Ask = Callable[[str], Awaitable[bytes]]


@pytest.fixture
async def ask(anyio_backend):
    """Give a function that asks and reads up to nine bytes."""
    async with guarded_session(allow_private=["127.0.0.0/8"]) as session:

        async def ask(url, **options):
            async with omnigate.answer_to(
                session, "POST", url, place="the gateway", **options
            ) as answer:
                return await omnigate.read_body(answer, 9)

        yield ask


async def test_the_answer_is_lent_to_the_block_that_reads_it(ask):
    async with provider(TAKEN) as there:
        assert await ask(there.url) == b"ok"


async def hanging_up_leaves_it_open(ask: Ask) -> None:
    async with provider() as there:
        with pytest.raises(omnigate.NoAnswer, match=r"the gateway: .* closed") as caught:
            await ask(there.url)
        assert len(there.requests) == 1
    assert "canary" not in str(caught.value)


async def test_a_request_that_was_sent_may_have_arrived(ask):
    await hanging_up_leaves_it_open(ask)


async def test_sabotage_one_who_takes_it_for_not_sent_is_found_out(ask, monkeypatch):
    monkeypatch.setattr(unanswered, "surely_not_sent", lambda error: True)
    with pytest.raises(omnigate.DestinationUnavailable):
        await hanging_up_leaves_it_open(ask)


@pytest.mark.parametrize("url", ["", "https://10.0.0.1/?key=canary"], ids=["nobody", "not allowed"])
async def test_one_that_was_never_sent_may_be_made_again(ask, url):
    with pytest.raises(omnigate.DestinationUnavailable) as caught:
        await ask(url or f"http://127.0.0.1:{free_port()}/?key=canary")
    assert "canary" not in str(caught.value)


async def test_an_answer_that_never_ends_is_none(ask):
    async with provider(b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nha") as there:
        with pytest.raises(omnigate.NoAnswer, match="no answer in time"):
            await ask(there.url, timeout=aiohttp.ClientTimeout(total=0.2))


async def test_an_answer_over_the_limit_is_none(ask):
    async with provider(b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\n1234567890") as there:
        with pytest.raises(omnigate.NoAnswer, match="too long"):
            await ask(there.url)


async def test_once_there_was_an_answer_no_error_means_that_nothing_was_sent(anyio_backend):
    async with provider(TAKEN) as there, aiohttp.ClientSession() as session:
        with pytest.raises(omnigate.NoAnswer):
            async with omnigate.answer_to(session, "POST", there.url, place="the gateway"):
                raise aiohttp.ConnectionTimeoutError


async def test_what_the_block_raises_of_its_own_goes_on_as_it_is(anyio_backend):
    async with provider(TAKEN) as there, aiohttp.ClientSession() as session:
        with pytest.raises(omnigate.Refused):
            async with omnigate.answer_to(session, "POST", there.url, place="the gateway"):
                raise omnigate.Refused("no", "the answer says no")
