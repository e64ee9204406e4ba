"""Tokens that a customer is shown again and again: each is good, until one of them is used."""

from __future__ import annotations

from typing import Any

import pytest

from omnigate.model.inbound import Profile
from omnigate.store import handovers
from omnigate.store.arriving import Arrivals
from omnigate.store.handovers import MOST_OFFERED, MOST_OPEN, read_handover
from omnigate.store.ingest import Intake, ingest
from omnigate.store.threads import ChannelKey
from tests.store.counter import ANNA, BOT, DAY, MAIL, SHOP, SITE, Counter

THIEF = Profile.model_validate({"address": "telegram:666", "verified": True})
FRIEND = Profile.model_validate({"address": "vk:9", "verified": True})


def shown(counter: Counter, count: int, *channels: ChannelKey, **more: Any) -> list[str]:
    """Show the customer tokens, one after the other."""
    tokens = []
    for _ in range(count):
        counter.desk.now += 1
        tokens.append(counter.token(*channels, offered=True, **more))
    return tokens


def states(counter: Counter) -> list[str]:
    """Return how tokens stand, in the order in which they were made."""
    rows = counter.desk.rows("SELECT id FROM handover ORDER BY created_at")
    with counter.desk.engine.begin() as connection:
        found = [read_handover(connection, row.id, counter.desk.now) for row in rows]
    return [one.state for one in found if one is not None]


class TestAnOffer:
    @pytest.mark.parametrize("chosen", range(MOST_OFFERED))
    def test_whichever_is_used_first_is_good_and_ends_the_others(
        self, counter: Counter, chosen: int
    ) -> None:
        tokens = shown(counter, MOST_OFFERED)
        counter.write(BOT, ANNA, tokens[chosen])
        assert counter.is_one(SITE, BOT)
        for number, token in enumerate(tokens):
            counter.write(BOT, THIEF, token, conversation=f"thief-{number}")
            assert counter.handover(BOT, f"thief-{number}") is None
            counter.write(SHOP, FRIEND, token, conversation=f"friend-{number}")
            assert counter.handover(SHOP, f"friend-{number}") is None
        assert len([one for one in counter.used() if one is not None]) == 1
        assert len(counter.events("contact.merged")) == 1

    def test_two_who_come_by_two_of_one_offer_in_a_batch_and_one_is_the_customer(
        self, counter: Counter
    ) -> None:
        first, second = shown(counter, 2)
        counter.put(BOT, counter.item("c", ANNA, first), counter.item("thief", THIEF, second))
        assert counter.is_one(SITE, BOT)
        assert counter.handover(BOT, "thief") is None

    def test_two_channels_with_one_offer_in_a_turn_and_one_gets_it(self, counter: Counter) -> None:
        first, second = shown(counter, 2)
        counter.desk.run(
            ingest,
            Intake(SHOP, [counter.item("c", FRIEND, second)]),
            Intake(BOT, [counter.item("c", ANNA, first)]),
        )
        assert (counter.is_one(SITE, SHOP), counter.is_one(SITE, BOT)) == (True, False)

    def test_what_is_not_good_where_it_is_brought_ends_nothing(self, counter: Counter) -> None:
        (elsewhere,) = shown(counter, 1, SHOP)
        (good,) = shown(counter, 1)
        counter.write(BOT, THIEF, elsewhere, conversation="thief")
        counter.write(BOT, ANNA, good)
        assert counter.is_one(SITE, BOT)

    def test_a_new_one_after_that_is_good(self, counter: Counter) -> None:
        counter.write(BOT, ANNA, shown(counter, 2)[0])
        counter.write(SHOP, FRIEND, shown(counter, 1)[0])
        assert counter.is_one(SITE, BOT, SHOP)

    def test_those_of_others_and_those_that_a_crm_made_stay(self, counter: Counter) -> None:
        counter.write(SHOP, FRIEND, text="Hello")
        own, theirs = counter.token(), counter.token(of=SHOP, offered=True)
        counter.write(BOT, ANNA, shown(counter, 2)[0])
        counter.write(MAIL, Profile.model_validate({"address": "mailto:a@b.example"}), own)
        assert counter.handover(MAIL) is not None
        counter.write(BOT, THIEF, theirs, conversation="theirs")
        assert counter.handover(BOT, "theirs") is not None

    def test_one_that_a_crm_made_ends_none_that_is_shown(self, counter: Counter) -> None:
        (token,) = shown(counter, 1)
        counter.write(SHOP, FRIEND, counter.token())
        counter.write(BOT, ANNA, token)
        assert counter.is_one(SITE, SHOP, BOT)

    def test_whoever_reads_a_message_learns_nothing_of_one_that_is_over(
        self, counter: Counter
    ) -> None:
        first, second = shown(counter, 2)
        counter.write(BOT, ANNA, first)
        counter.write(BOT, ANNA, second, text=f"/start {second}")
        said = counter.events("message.received")[-1]["data"]["message"]
        ended = counter.desk.rows("SELECT id FROM handover WHERE used_at IS NULL")
        assert (said["handover"], said["text"]) == (ended[0].id, "/start …")
        assert states(counter) == ["used", "expired"]


class TestHowMany:
    def test_a_customer_who_asks_again_and_again_has_the_latest_few(self, counter: Counter) -> None:
        tokens = shown(counter, 3 * MOST_OFFERED)
        assert states(counter) == ["open"] * MOST_OFFERED
        counter.write(BOT, ANNA, tokens[-MOST_OFFERED - 1], conversation="late")
        assert counter.handover(BOT, "late") is None
        counter.write(BOT, ANNA, tokens[-MOST_OFFERED])
        assert counter.is_one(SITE, BOT)

    def test_asking_again_and_again_takes_nothing_from_a_crm(self, counter: Counter) -> None:
        made = [counter.token() for _ in range(MOST_OPEN)]
        shown(counter, MOST_OPEN)
        for number, token in enumerate(made):
            counter.write(BOT, ANNA, token, conversation=f"n{number}")
            assert counter.handover(BOT, f"n{number}") is not None

    def test_each_lives_as_long_as_it_was_given(self, counter: Counter) -> None:
        (first,) = shown(counter, 1, lifetime=DAY)
        counter.desk.now += DAY // 2
        (second,) = shown(counter, 1, lifetime=DAY)
        counter.desk.now += DAY // 2
        assert states(counter) == ["expired", "open"]
        counter.write(BOT, THIEF, first, conversation="late")
        assert counter.handover(BOT, "late") is None
        counter.write(BOT, ANNA, second)
        assert counter.is_one(SITE, BOT)


class Nothing:
    """A statement that does nothing."""

    def run(self, connection: Any, rows: Any) -> int:
        return 0


class TestSabotage:
    """The same checks against a store that lets an offer go on go red."""

    def test_an_offer_that_is_not_ended_is_good_for_a_thief(
        self, counter: Counter, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(handovers, "_END_OFFER", Nothing())
        with pytest.raises(AssertionError):
            TestAnOffer().test_whichever_is_used_first_is_good_and_ends_the_others(counter, 0)

    def test_one_that_is_not_ended_within_the_batch_either(
        self, counter: Counter, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(Arrivals, "_close", lambda self, used: None)
        check = (
            TestAnOffer().test_two_who_come_by_two_of_one_offer_in_a_batch_and_one_is_the_customer
        )
        with pytest.raises(AssertionError):
            check(counter)
