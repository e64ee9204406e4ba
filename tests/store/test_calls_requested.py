"""Wishes for a call in the store: taken once, and in the conversation with that number."""

from __future__ import annotations

import json
from typing import Any

import pytest

from omnigate.errors import Refused
from omnigate.store.callrequests import request_calls
from omnigate.store.idempotency import KeyReused
from tests.store.calls import NUMBER, asked, dial, request, types
from tests.store.conftest import BEGIN, at


class TestAsking:
    def test_a_wish_begins_a_conversation_with_the_number_which_nobody_has_proven(
        self, desk
    ) -> None:
        call = request(desk, name="Anna", agent=None)
        assert (call.state, call.customer, call.attempt) == ("requested", NUMBER, 0)
        assert not call.consent
        assert types(desk, "") == ["conversation.started", "call.requested"]
        (row,) = desk.rows("SELECT external_id, address, channel FROM conversation")
        assert tuple(row) == (NUMBER, f"tel:{NUMBER}", "phone")
        (owner,) = desk.rows("SELECT verified_at FROM address")
        assert owner.verified_at is None
        (contact,) = desk.rows("SELECT display_name, phone FROM contact")
        assert tuple(contact) == ("Anna", NUMBER)

    def test_a_second_wish_for_a_number_goes_into_the_same_conversation(self, desk: Any) -> None:
        request(desk)
        request(desk)
        assert types(desk, "") == ["conversation.started", "call.requested", "call.requested"]

    def test_a_name_that_somebody_types_does_not_rename_a_customer_who_is_known(
        self, desk: Any
    ) -> None:
        request(desk, name="Anna")
        request(desk, name="Mallory")
        (contact,) = desk.rows("SELECT display_name FROM contact")
        assert contact.display_name == "Anna"

    def test_that_the_customer_has_agreed_is_told_with_the_call(self, desk: Any) -> None:
        request(desk, consent=True)
        (row,) = desk.rows(
            "SELECT body FROM event_body JOIN event USING (position) WHERE type = 'call.requested'"
        )
        assert json.loads(row.body)["data"]["call"]["consent"] is True

    def test_a_wish_for_later_waits_and_says_so(self, desk: Any) -> None:
        call = request(desk, callback_at=at(BEGIN + 60_000))
        assert (call.state, call.callback_at) == ("queued", at(BEGIN + 60_000))
        assert types(desk) == ["call.requested", "call.queued"]
        assert dial(desk) == []
        desk.now += 60_000
        assert [begun.id for begun in dial(desk)] == [call.id]

    def test_the_same_key_is_the_same_call(self, desk: Any) -> None:
        first, second = desk.run(request_calls, asked(key="k"), asked(key="k"))
        (third,) = desk.run(request_calls, asked(key="k"))
        assert first.id == second.id == third.id
        assert types(desk) == ["call.requested"]
        with pytest.raises(KeyReused):
            desk.run(request_calls, asked(key="k", body="another"))

    def test_a_wish_from_a_conversation_names_it_and_tells_nothing_of_what_was_said(
        self, desk: Any, said: Any
    ) -> None:
        desk.put(said("m-1", context={"page": "https://shop.example.org/bikes", "title": "Bikes"}))
        (chat,) = desk.rows("SELECT id FROM conversation")
        request(desk, from_conversation=chat.id)
        (row,) = desk.rows("SELECT context FROM conversation WHERE channel = 'phone'")
        reference = json.loads(row.context)["handover"]
        assert reference["conversation"] == chat.id
        assert reference["page"] == "https://shop.example.org/bikes"
        assert (reference["proven"], reference["messages"]) == (False, [])

    def test_a_wish_from_nowhere_is_refused_and_leaves_nothing(self, desk: Any) -> None:
        with pytest.raises(Refused, match="not_found"):
            request(desk, from_conversation="cnv_00000000000000000000000000")
        assert desk.rows("SELECT 1 FROM call") == []

    def test_a_closed_conversation_is_open_again(self, desk: Any) -> None:
        request(desk)
        desk.rows("UPDATE conversation SET status = 'closed' RETURNING id")
        request(desk, source="widget")
        assert types(desk, "conversation.") == ["conversation.started", "conversation.reopened"]
