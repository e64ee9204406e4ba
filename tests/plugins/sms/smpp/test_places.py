"""Places of which there are few."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from typing import Any

import pytest
from omnigate_sms.smpp import link, places
from omnigate_sms.smpp.places import Places

from tests.plugins.sms.smpp.links import Bind, Smsc, text, until

pytestmark = pytest.mark.anyio


async def served(few: Places, wishes: Sequence[bool]) -> list[int]:
    """Have callers come one after the other for a place that is taken; return who had it first, and next."""
    order: list[int] = []

    async def come(number: int, *, urgent: bool) -> None:
        await few.acquire(urgent=urgent)
        order.append(number)
        few.release()

    await few.acquire()
    async with asyncio.TaskGroup() as tasks:
        for number, urgent in enumerate(wishes):
            tasks.create_task(come(number, urgent=urgent))
            await asyncio.sleep(0)  # it waits now
        few.release()
    return order


async def test_who_is_urgent_goes_first_and_within_a_sort_who_came_first() -> None:
    assert await served(Places(1), [False, True, False, True]) == [1, 3, 0, 2]


async def test_nobody_starves() -> None:
    order = await served(Places(1), [False] + [True] * 30)
    assert order.index(0) == places.FAIR_EVERY - 1


async def test_who_stops_waiting_takes_no_place() -> None:
    few = Places(1)
    await few.acquire()
    gone = [asyncio.create_task(few.acquire(urgent=urgent)) for urgent in (True, False)]
    await asyncio.sleep(0)
    gone[1].cancel()
    few.release()  # the first has its place now, and has not heard of it
    gone[0].cancel()
    await asyncio.wait(gone)
    async with asyncio.timeout(10):
        await few.acquire()
    few.release()
    assert await served(few, [False, True]) == [1, 0]


async def replies_place(
    bind: Bind, smsc: Smsc, wait: Callable[[Any], Coroutine[Any, Any, None]], **options: Any
) -> int:
    """Send a campaign and then an answer; return how many texts left before the answer did."""
    bound = await bind(**options)
    await smsc.set(hold=options.get("window") == 1)
    texts = [text(id=f"prt_{number}", to=f"7916000000{number}") for number in range(6)]
    sending = [asyncio.create_task(bound.link.send(one)) for one in texts]
    await smsc.until("submit")
    sending.append(asyncio.create_task(bound.link.send(text(id="prt_r", is_awaited=True))))
    await wait(bound)
    smsc.tell(release=True)
    await asyncio.gather(*sending)
    assert all(task.done() for task in sending)
    return [one["destination_addr"] for one in await smsc.so_far("submit")].index("79161234567")


async def test_an_answer_goes_before_a_campaign_where_the_window_is_full(
    bind: Bind, smsc: Smsc
) -> None:
    async def waits(bound: Any) -> None:
        await until(lambda: bound.link._sender.session._window._urgent)

    assert await replies_place(bind, smsc, waits, window=1) == 1


async def test_an_answer_goes_before_a_campaign_where_the_rate_is_used_up(
    bind: Bind, smsc: Smsc
) -> None:
    async def waits(bound: Any) -> None:
        await until(lambda: bound.link._turns._urgent)

    assert await replies_place(bind, smsc, waits, rate_per_second=4) <= 2


async def test_the_check_of_that_notices_a_link_where_who_came_first_goes_first(
    bind: Bind, smsc: Smsc, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Fair(Places):
        async def acquire(self, *, urgent: bool = False) -> None:
            await super().acquire()

    monkeypatch.setattr(link, "Places", Fair)

    async def waits(bound: Any) -> None:
        await until(lambda: len(bound.link._turns._others) > 1)

    assert await replies_place(bind, smsc, waits, rate_per_second=4) > 2
