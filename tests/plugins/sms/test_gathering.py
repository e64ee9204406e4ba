"""Pieces of whom was erased are not handed on, whatever brings their text to an end."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from omnigate_sms import reassembly
from omnigate_sms.confirming import Confirming
from omnigate_sms.gathering import Gathering
from omnigate_sms.incoming import Reading
from omnigate_sms.reassembly import OPEN
from omnigate_sms.stopwords import Words

import omnigate
from omnigate.testing import FakeHost

from .conftest import ANNA, AT
from .test_reassembly import LONG, cut

pytestmark = pytest.mark.anyio
WAIT = timedelta(minutes=20)


class Shop:
    """A channel's texts by a clock that tests move."""

    def __init__(self) -> None:
        self.host = FakeHost("texts")
        self.now = AT
        reading = Reading("RU", Words(frozenset(), frozenset()))
        confirming = Confirming(self.host, None, None)
        self.gathering = Gathering(self.host, "smpp", WAIT, reading, confirming, self._clock)

    def _clock(self) -> datetime:
        return self.now

    @property
    def said(self) -> list[Any]:
        return [item.text for item in self.host.store.items if hasattr(item, "text")]

    async def erase(self) -> None:
        """Erase whom the pieces are of."""
        assert await self.host.notes(OPEN)
        self.host.store.erase(omnigate.tel(f"+{ANNA}"))
        assert not await self.host.notes(OPEN)


async def test_a_text_whose_beginning_was_erased_is_what_came_afterwards() -> None:
    shop, pieces = Shop(), list(cut(LONG))
    await shop.gathering.take(pieces[:2])
    await shop.erase()
    for piece in pieces[2:]:
        await shop.gathering.take([piece])
    (said,) = shop.said
    assert said == b"".join(piece.data or b"" for piece in pieces[2:]).decode("utf-16-be")
    assert LONG.endswith(said)
    assert await shop.host.notes(OPEN) == {}


async def test_pieces_that_were_erased_do_not_come_back_when_their_time_is_up() -> None:
    shop = Shop()
    await shop.gathering.take(list(cut(LONG))[:-1])
    await shop.erase()
    shop.now += WAIT
    await shop.gathering._expire()
    assert shop.said == []


async def test_pieces_that_were_erased_do_not_make_room_by_going_out(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(reassembly, "MOST_OPEN_OF_ONE", 1)
    shop = Shop()
    await shop.gathering.take([next(cut(LONG, reference=1))])
    await shop.erase()
    await shop.gathering.take([next(cut(LONG, reference=2))])
    assert shop.said == []


async def test_pieces_that_come_at_once_are_one_text_though_none_is_noted() -> None:
    shop = Shop()
    await shop.gathering.take(list(cut(LONG)))
    assert shop.said == [LONG]


async def test_a_channel_that_trusts_its_memory_brings_erased_words_back(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Sabotage twin."""

    async def all_of_them(self: Gathering, step: Any, came: Any = ()) -> list[Any]:
        return [item for text in step.out for item in self._reading.long_text(text)]

    monkeypatch.setattr(Gathering, "_whole", all_of_them)
    with pytest.raises(AssertionError):
        await test_pieces_that_were_erased_do_not_come_back_when_their_time_is_up()
