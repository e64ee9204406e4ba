"""Texts of several segments: in pieces or whole, and what becomes of one that is half sent."""

from __future__ import annotations

from typing import Any

import pytest
from omnigate_sms.smpp import link as smpp_link

import omnigate
from tests.plugins.sms.smpp.links import LATIN, Bind, Smsc, pause_is_over, text

pytestmark = pytest.mark.anyio


RUSSIAN = "Съешь ещё этих мягких французских булок, да выпей же чаю 😀. " * 4


@pytest.mark.parametrize("said", [RUSSIAN, LATIN], ids=["ucs2", "gsm7"])
@pytest.mark.parametrize("way", ["udh8", "udh16", "sar"])
async def test_a_long_text_goes_in_pieces_that_say_where_they_belong(
    bind: Bind, smsc: Smsc, way: str, said: str
) -> None:
    link = await bind(long_messages=way)
    sent = await link.link.send(text(said))
    submits = await smsc.so_far("submit")
    assert sent.segments == [str(submit["id"]) for submit in submits]
    assert sent.external_id == sent.segments[0]
    assert "".join(submit["text"] for submit in submits) == said
    places = [_place(way, submit) for submit in submits]
    assert [place[1:] for place in places] == [
        (len(submits), number) for number in range(1, len(submits) + 1)
    ]
    assert len({place[0] for place in places}) == 1, "one text has one reference"
    assert {submit["esm_class"] for submit in submits} == {0 if way == "sar" else 0x40}


def _place(way: str, submit: dict[str, Any]) -> tuple[int, int, int]:
    if way == "sar":
        assert submit["udh"] == []
        return tuple(
            submit[f"sar_{one}"] for one in ("msg_ref_num", "total_segments", "segment_seqnum")
        )
    (element,) = map(bytes.fromhex, submit["udh"])
    assert (element[0], element[1]) == ((0, 3) if way == "udh8" else (8, 4))
    return int.from_bytes(element[2:-2], "big"), element[-2], element[-1]


@pytest.mark.parametrize("said", [RUSSIAN, LATIN], ids=["ucs2", "gsm7"])
async def test_a_long_text_may_go_whole(bind: Bind, smsc: Smsc, said: str) -> None:
    link = await bind(long_messages="payload")
    sent = await link.link.send(text(said))
    assert sent == omnigate.Sent(external_id="1000", segments=["1000"])
    submit = await smsc.until("submit")
    assert (submit["text"], submit["payload"], submit["esm_class"]) == (said, True, 0)
    await link.link.send(text("short", id="prt_2"))
    assert not (await smsc.until("submit", 2))["payload"], "short texts need none"


async def test_a_half_sent_text_goes_on_where_it_was_too_fast(bind: Bind, smsc: Smsc) -> None:
    link = await bind()
    await smsc.set(plan=[{}, {"status": 0x58}])
    sent = await link.link.send(text(LATIN))
    submits = await smsc.so_far("submit")
    assert sent.segments == ["1000", *(str(submit["id"]) for submit in submits[2:])]
    assert submits[1]["text"] == submits[2]["text"], "the refused segment and no other goes again"
    assert submits[0]["udh"][0][4:8] == submits[2]["udh"][0][4:8]


async def test_a_half_sent_text_goes_on_at_the_next_attempt(bind: Bind, smsc: Smsc) -> None:
    link = await bind()
    await smsc.set(plan=[{}, {"status": 0x08}])
    with pytest.raises(omnigate.RetryLater, match="segment 2 of 2"):
        await link.link.send(text(LATIN))
    sent = await link.link.send(text(LATIN, attempt=2))
    assert sent.segments == ["1000", "1002"]
    references = {submit["udh"][0][:6] for submit in await smsc.so_far("submit")}
    assert len(references) == 1


async def test_a_half_sent_text_that_is_refused_is_refused(bind: Bind, smsc: Smsc) -> None:
    link = await bind()
    await smsc.set(plan=[{}, {"status": 0x45}])
    with pytest.raises(omnigate.Refused, match="segment 2 of 2"):
        await link.link.send(text(LATIN))


async def test_a_half_sent_text_that_has_to_pause_for_long_is_put_off(
    bind: Bind, smsc: Smsc, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(smpp_link, "BEGIN_SECONDS", 0.2)
    link = await bind()
    await smsc.set(plan=[{}, {"status": 0x58}])
    with pytest.raises(omnigate.RetryLater, match="segment 2 of 2") as caught:
        await link.link.send(text(LATIN))
    assert 0 < (caught.value.after_seconds or 0) <= 1
    await pause_is_over(link)
    assert (await link.link.send(text(LATIN))).segments == ["1000", "1002"]


async def test_a_session_refused_half_way_leaves_the_text_to_the_next(
    bind: Bind, smsc: Smsc
) -> None:
    link = await bind()
    await smsc.set(plan=[{}, {"status": 0x04}])
    with pytest.raises(omnigate.RetryLater, match="segment 2 of 2"):
        await link.link.send(text(LATIN))
    await link.up(2)
    assert (await link.link.send(text(LATIN))).segments == ["1000", "1002"]
