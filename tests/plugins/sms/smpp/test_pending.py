"""Requests that wait for answers: each under a number of its own, answered once, in time or too late."""

from __future__ import annotations

import asyncio

import pytest
import structlog
from omnigate_sms.smpp import pending as module
from omnigate_sms.smpp.bodies import RESPONSE, Command, Taken
from omnigate_sms.smpp.pdu import SEQUENCE_LIMIT, Pdu
from omnigate_sms.smpp.pending import NoAnswer, Pending, Waiting

pytestmark = pytest.mark.anyio

SUBMIT = Command.SUBMIT_SM


@pytest.fixture
def requests() -> Pending:
    return Pending(structlog.get_logger())


def answer(waiting: Waiting, command: int = SUBMIT | RESPONSE) -> Pdu:
    return Pdu(command=command, sequence=waiting.sequence, body=Taken())


async def test_an_answer_goes_to_who_waits_for_it_and_tells_what_was_read(requests: Pending):
    one, other = requests.begin(SUBMIT, 3), requests.begin(SUBMIT, 7)
    assert requests.settle(answer(other)) == 7
    assert await requests.wait(other, 5) == answer(other)
    assert not one.answered.done()


async def test_an_answer_to_something_else_settles_nothing(requests: Pending):
    waiting = requests.begin(SUBMIT, 0)
    assert requests.settle(answer(waiting, Command.UNBIND | RESPONSE)) is None
    assert not waiting.answered.done()


async def test_numbers_begin_anew_and_none_is_given_twice_at_once(requests: Pending):
    requests._sequence = SEQUENCE_LIMIT - 1
    last, first, second = (requests.begin(SUBMIT, 0) for _ in range(3))
    assert [last.sequence, first.sequence, second.sequence] == [SEQUENCE_LIMIT, 1, 2]
    requests.forget(first)
    requests._sequence = SEQUENCE_LIMIT - 1
    assert [requests.begin(SUBMIT, 0).sequence for _ in range(2)] == [1, 3]


async def test_what_comes_too_late_is_told_once_to_who_asked_for_that(requests: Pending):
    waiting = requests.begin(SUBMIT, 0)
    heard: list[Pdu] = []
    with pytest.raises(NoAnswer, match="no answer within 0 s"):
        await requests.wait(waiting, 0, heard.append)
    requests.forget(waiting)
    for _ in range(2):
        requests.settle(answer(waiting))
    assert heard == [answer(waiting)]


async def test_of_very_many_without_an_answer_the_oldest_are_forgotten(
    requests: Pending, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(module, "OVERDUE_LIMIT", 2)
    heard: list[int] = []
    given_up = [requests.begin(SUBMIT, 0) for _ in range(3)]
    for waiting in given_up:
        with pytest.raises(NoAnswer):
            await requests.wait(waiting, 0, lambda pdu: heard.append(pdu.sequence))
        requests.forget(waiting)
    for waiting in given_up:
        requests.settle(answer(waiting))
    assert heard == [2, 3]


async def test_an_end_is_told_to_all_who_wait(requests: Pending):
    waiting = requests.begin(SUBMIT, 0)
    drained = asyncio.create_task(requests.all_answered(5))
    requests.end("it is over")
    await drained
    with pytest.raises(NoAnswer, match="it is over"):
        await requests.wait(waiting, 5)
