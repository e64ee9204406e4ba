"""The checks of this folder find what they are there for: each goes red against a broken part."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from typing import Any

import pytest
from omnigate_sms import incoming, segments
from omnigate_sms.gathering import Gathering
from omnigate_sms.limits import Allowance
from omnigate_sms.numbers import Writable
from omnigate_sms.reassembly import Reassembly
from omnigate_sms.stopwords import Words

from . import test_limits, test_numbers, test_reassembly, test_segments, test_texts_in
from .conftest import open_shop

pytestmark = pytest.mark.anyio


def whatever(*arguments: Any) -> None:
    return None


def never(*arguments: Any) -> bool:
    return False


def as_it_stands(self: Writable, address: Any) -> str:
    return str(address.path)


def anywhere(units: Sequence[bytes], most_bytes: int) -> list[bytes]:
    joined = b"".join(units)
    return [joined[at : at + most_bytes] for at in range(0, len(joined), most_bytes)]


def by_the_clock(said: Any) -> str:
    return f"{said.occurred_at.timestamp()}"


async def later(self: Gathering, texts: Any) -> None:
    """Say that it is kept before it is."""


@pytest.mark.parametrize(
    ("where", "name", "broken", "check"),
    [
        (
            segments,
            "_fill",
            anywhere,
            test_segments.test_a_text_is_whole_again_when_joined_and_each_piece_can_be_read_alone,
        ),
        (
            Reassembly,
            "_is_repeated",
            never,
            test_reassembly.test_what_a_provider_repeats_a_day_later_is_known_by_its_id,
        ),
        (
            Reassembly,
            "_make_room",
            whatever,
            test_reassembly.test_one_sender_cannot_have_more_than_a_few_texts_wait,
        ),
        (
            Gathering,
            "take",
            later,
            test_texts_in.test_a_piece_that_cannot_be_stored_is_not_taken_and_comes_again,
        ),
        (
            incoming,
            "_id_of",
            by_the_clock,
            test_texts_in.test_a_text_without_an_id_is_the_same_within_a_minute,
        ),
        (
            Words,
            "wish",
            whatever,
            test_texts_in.test_who_says_stop_is_left_alone_and_heard_all_the_same,
        ),
        (
            Writable,
            "number",
            as_it_stands,
            test_numbers.test_countries_and_prefixes_say_where_texts_go,
        ),
        (Allowance, "require", whatever, test_limits.test_many_at_once_do_not_slip_through),
        (
            Allowance,
            "give_back",
            whatever,
            test_limits.test_what_did_not_go_out_is_given_back,
        ),
    ],
)
async def test_a_broken_part_is_found(
    where: Any,
    name: str,
    broken: Any,
    check: Callable[..., Any],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(where, name, broken)
    async with open_shop() as shop:
        wanted = inspect.signature(check).parameters
        failed: BaseException | None = None
        try:
            if inspect.isawaitable(doing := check(*([shop] if "shop" in wanted else []))):
                await doing
        except (Exception, pytest.fail.Exception) as error:
            failed = error
        assert failed is not None, "the check did not notice"
