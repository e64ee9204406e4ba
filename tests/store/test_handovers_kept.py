"""Tokens in the store: what is kept of them, how long, and what looking for them costs."""

from __future__ import annotations

from typing import Any

import pytest

from omnigate.handovertoken import new_handover_token
from omnigate.ids import handover_id
from omnigate.model.inbound import Profile
from omnigate.store import toldfade
from omnigate.store.erase import Removal, remove_person
from omnigate.store.handovers import MOST_OPEN, NewHandover, make_handovers, read_handover
from omnigate.store.prune import Ages, prune
from tests.store.counter import ANNA, BOT, DAY, SITE, Counter


class TestCost:
    def statements(self, counter: Counter, put: Any) -> int:
        seen: list[str] = []
        # Queries of the hot path go to the driver itself; that is where they are counted.
        with counter.desk.engine.begin() as connection:
            connection.connection.driver_connection.set_trace_callback(seen.append)
        try:
            put()
        finally:
            with counter.desk.engine.begin() as connection:
                connection.connection.driver_connection.set_trace_callback(None)
        return sum("handover" in text.partition("VALUES")[0] for text in seen)

    def test_messages_without_a_token_ask_nothing_of_handovers(self, counter: Counter) -> None:
        counter.token()
        ordinary = [counter.item("c", ANNA), counter.item("d", ANNA, "spring-sale")]
        assert self.statements(counter, lambda: counter.put(BOT, *ordinary)) == 0

    def test_a_hundred_tokens_cost_two_statements_more(self, counter: Counter) -> None:
        junk = [counter.item(f"c{n}", ANNA, new_handover_token()) for n in range(100)]
        good = counter.item("c", ANNA, counter.token())
        asked = self.statements(counter, lambda: counter.put(BOT, *junk, good))
        assert asked == 2


class TestKeeping:
    def test_the_token_itself_is_nowhere(self, counter: Counter) -> None:
        token = counter.token()
        (row,) = counter.desk.rows("SELECT * FROM handover")
        assert token not in str(row)

    def test_its_state_can_be_read(self, counter: Counter) -> None:
        token = counter.token(lifetime=1000)
        (made,) = counter.desk.rows("SELECT id FROM handover")

        def state() -> str:
            with counter.desk.engine.begin() as connection:
                found = read_handover(connection, made.id, counter.desk.now)
            assert found is not None
            return found.state

        assert state() == "open"
        counter.desk.now += 1000
        assert state() == "expired"
        counter.desk.now -= 1000
        counter.write(BOT, ANNA, token)
        counter.desk.now += 1000
        assert state() == "used"

    def test_of_one_conversation_so_many_are_good_at_a_time(self, counter: Counter) -> None:
        tokens = []
        for _ in range(MOST_OPEN + 3):
            counter.desk.now += 1
            tokens.append(counter.token())
        assert len(counter.used()) == MOST_OPEN
        counter.write(BOT, ANNA, tokens[2], conversation="late")
        assert counter.handover(BOT, "late") is None
        counter.write(BOT, ANNA, tokens[3])
        assert counter.is_one(SITE, BOT)

    def test_none_is_made_of_a_conversation_that_is_not_there(self, counter: Counter) -> None:
        gone = NewHandover(handover_id(), "0", "cnv_gone", ["bot"], counter.desk.now + DAY)
        assert counter.desk.run(make_handovers, gone) == [False]

    def test_none_is_made_for_somebody_who_is_being_erased(self, counter: Counter) -> None:
        row = counter.conversation(SITE)
        counter.desk.run(remove_person, Removal([row.contact_id]))
        new = NewHandover(handover_id(), "0" * 64, row.id, ["bot"], counter.desk.now + DAY)
        assert counter.desk.run(make_handovers, new) == [False]

    def test_old_words_are_taken_out_page_by_page(
        self, counter: Counter, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(toldfade, "PAGE", 2)
        monkeypatch.setattr(toldfade, "_TELLERS", toldfade._TELLERS.limit(2))
        for number in range(5):
            sender = Profile.model_validate({"address": f"telegram:{number}", "verified": True})
            counter.write(BOT, sender, counter.token(), conversation=str(number))
        after: str | None = ""
        gone = []
        while after is not None:
            with counter.desk.engine.begin() as connection:
                found = toldfade.find_tellers(connection, counter.desk.now + 1, after)
            gone += counter.desk.run(toldfade.silence, found)
            after = found.after
        assert gone == [2, 2, 1]
        told = [counter.handover(BOT, str(number)) or {} for number in range(5)]
        assert [(one["proven"], one["messages"]) for one in told] == [(True, [])] * 5

    def test_they_are_forgotten_some_days_after_they_expire(self, counter: Counter) -> None:
        counter.token(lifetime=DAY)
        counter.token(lifetime=30 * DAY)
        ages = Ages(*(DAY for _ in Ages._fields))
        counter.desk.now += 2 * DAY
        counter.desk.run(prune, ages)
        assert len(counter.used()) == 2
        counter.desk.now += 1
        assert counter.desk.run(prune, ages)[0]["handover"] == 1
        assert len(counter.used()) == 1
