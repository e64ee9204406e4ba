"""How fast texts leave: in the window, at the granted rate, and after a pause when it was too fast."""

from __future__ import annotations

import asyncio
import json
import time

import pytest
from omnigate_sms.smpp import link as smpp_link
from omnigate_sms.smpp import throttle
from omnigate_sms.smpp.places import Places

import omnigate
from tests.plugins.sms.smpp.links import Bind, Bound, Smsc, pause_is_over, text

pytestmark = pytest.mark.anyio


async def test_too_fast_pauses_the_whole_link_longer_each_time(
    bind: Bind, smsc: Smsc, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert (throttle.FIRST_SECONDS, throttle.LONGEST_SECONDS) == (1, 30)
    monkeypatch.setattr(throttle, "FIRST_SECONDS", 0.8)
    link = await bind()
    await smsc.set(plan=[{"status": 0x58}, {"status": 0x14}, {}, {"status": 0x58}])
    assert 0.2 < await _pause_of_refusal(link) <= 0.8
    with pytest.raises(omnigate.RetryLater, match="too fast"):
        await link.link.send(text("another", id="prt_2"))
    assert (await smsc.report())["taken"] == 1, "nothing leaves in a pause"
    await pause_is_over(link)
    assert 0.8 < await _pause_of_refusal(link) <= 1.6
    await pause_is_over(link)
    await link.link.send(text())
    assert await _pause_of_refusal(link) <= 0.8, "what was taken ends the doubling"


async def _pause_of_refusal(link: Bound) -> float:
    """Return for how long the host is asked to wait: neither by its schedule, nor as for one that is down."""
    with pytest.raises(omnigate.RetryLater, match="ESME_R") as caught:
        await link.link.send(text())
    assert caught.value.after_seconds is not None
    return caught.value.after_seconds


async def test_a_window_full_of_too_fast_is_one_pause(bind: Bind, smsc: Smsc) -> None:
    link = await bind()
    await smsc.set(plan=[{"status": 0x58}] * 10)
    sending = [link.link.send(text(id=f"prt_{number}")) for number in range(10)]
    outcomes = await asyncio.gather(*sending, return_exceptions=True)
    assert all(isinstance(one, omnigate.RetryLater) for one in outcomes)
    assert all(one.after_seconds <= 1 for one in outcomes)  # type: ignore[union-attr]


@pytest.mark.parametrize("window", [1, 3])
async def test_no_more_requests_wait_for_answers_than_the_window_has(
    bind: Bind, smsc: Smsc, window: int
) -> None:
    link = await bind(window=window)
    await smsc.set(hold=True)
    sending = [
        asyncio.create_task(link.link.send(text(id=f"prt_{number}"))) for number in range(20)
    ]
    await smsc.until("submit", window)
    assert (await smsc.report())["unanswered"] == window
    smsc.tell(release=True)
    await asyncio.gather(*sending)
    assert (await smsc.report())["most"] == window


async def test_the_window_check_notices_a_link_without_one(bind: Bind, smsc: Smsc) -> None:
    link = await bind(window=3)
    session = link.link._sender.session
    assert session is not None
    session._window = Places(1000)  # broken on purpose
    await smsc.set(hold=True)
    sending = [
        asyncio.create_task(link.link.send(text(id=f"prt_{number}"))) for number in range(20)
    ]
    await smsc.until("submit", 20)
    smsc.tell(release=True)
    await asyncio.gather(*sending)
    assert (await smsc.report())["most"] > 3


async def test_segments_leave_at_the_granted_rate(bind: Bind, smsc: Smsc) -> None:
    link = await bind(rate_per_second=20)
    begun = time.monotonic()
    await asyncio.gather(*(link.link.send(text(id=f"prt_{number}")) for number in range(11)))
    assert time.monotonic() - begun > 10 / 20 * 0.9


async def test_a_text_whose_turn_does_not_come_waits_by_itself(
    bind: Bind, smsc: Smsc, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(smpp_link, "BEGIN_SECONDS", 0.2)
    slow = await bind(rate_per_second=0.1)
    await slow.link.send(text())
    with pytest.raises(omnigate.RetryLater, match="rate_per_second") as caught:
        await slow.link.send(text(id="prt_2"))
    assert caught.value.after_seconds == 1
    narrow = await bind(window=1)
    await smsc.set(hold=True)
    sending = asyncio.create_task(narrow.link.send(text(id="prt_3")))
    await smsc.until("submit", 2)
    with pytest.raises(omnigate.DestinationUnavailable, match="too many requests"):
        await narrow.link.send(text(id="prt_4"))
    smsc.tell(release=True)
    assert (await sending).external_id == "1001"


async def test_a_thousand_texts_a_second_go_through_one_bind(bind: Bind, smsc: Smsc) -> None:
    """A generous floor: how fast it is on an idle machine is for the benchmark."""
    link = await bind(rate_per_second=10_000, window=50)
    await smsc.set(quiet=True)
    begun = time.monotonic()
    for first in range(0, 1000, 50):
        batch = (link.link.send(text(id=f"prt_{first + one}")) for one in range(50))
        await asyncio.gather(*batch)
    seconds = time.monotonic() - begun
    print(json.dumps({"submits_per_second": round(1000 / seconds)}))
    assert (await smsc.report())["taken"] == 1000
    assert seconds < 20
