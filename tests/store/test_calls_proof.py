"""What a call that was answered proves of who has the number, and what it tells then."""

from __future__ import annotations

import json
from typing import Any

import pytest

from omnigate.model.address import Address
from omnigate.model.attachment import AttachmentRef
from omnigate.model.call import Call
from omnigate.model.inbound import Profile
from omnigate.store.contacts import Merge, merge
from tests.store.calls import NUMBER, answered, dial, now, request, tell, types


class TestProof:
    def ask_from_chat(self, desk: Any, said: Any) -> Call:
        desk.put(said("m-1", text="Is the red one there?"))
        (chat,) = desk.rows("SELECT id FROM conversation")
        request(desk, from_conversation=chat.id)
        (call,) = dial(desk)
        return call

    def contacts(self, desk: Any) -> list[str]:
        rows = desk.rows("SELECT DISTINCT contact_id FROM conversation")
        return [row.contact_id for row in rows]

    def told(self, desk: Any, event_type: str) -> list[dict[str, Any]]:
        rows = desk.rows("SELECT body FROM event_body ORDER BY position")
        found = [json.loads(row.body) for row in rows]
        return [one for one in found if one["type"] == event_type]

    def test_who_answers_and_talks_is_the_one_who_asked(self, desk: Any, said: Any) -> None:
        call = self.ask_from_chat(desk, said)
        assert len(self.contacts(desk)) == 2
        answered(desk, call)
        assert len(self.contacts(desk)) == 1
        assert "contact.merged" in types(desk, "contact.")
        (owned,) = desk.rows(f"SELECT verified_at FROM address WHERE address = 'tel:{NUMBER}'")
        assert owned.verified_at is not None
        (row,) = desk.rows("SELECT context FROM conversation WHERE channel = 'phone'")
        reference = json.loads(row.context)["handover"]
        assert reference["proven"]
        assert [known["text"] for known in reference["messages"]] == ["Is the red one there?"]

    def test_who_hangs_up_at_once_proves_nothing(self, desk: Any, said: Any) -> None:
        call = self.ask_from_chat(desk, said)
        answered(desk, call, talk_seconds=9.0)
        assert len(self.contacts(desk)) == 2
        (row,) = desk.rows("SELECT context FROM conversation WHERE channel = 'phone'")
        assert not json.loads(row.context)["handover"]["proven"]

    @pytest.mark.parametrize(("talk_seconds", "contacts"), [(29.9, 2), (30.0, 1)])
    def test_how_long_a_talk_proves_a_number_is_the_operators_to_say(
        self, desk: Any, said: Any, talk_seconds: float, contacts: int
    ) -> None:
        desk.trust = desk.trust._replace(call_proof_seconds=30.0)
        answered(desk, self.ask_from_chat(desk, said), talk_seconds=talk_seconds)
        assert len(self.contacts(desk)) == contacts

    def test_a_merge_by_a_call_names_that_proof(self, desk: Any, said: Any) -> None:
        answered(desk, self.ask_from_chat(desk, said))
        (merged,) = self.told(desk, "contact.merged")
        assert merged["data"]["contact"]["reason"] == "call"

    def test_the_end_is_told_of_the_contact_that_the_talk_has_made_one(
        self, desk: Any, said: Any
    ) -> None:
        answered(desk, self.ask_from_chat(desk, said))
        (contact,) = self.contacts(desk)
        rows = desk.rows("SELECT body FROM event_body ORDER BY position")
        told = [json.loads(row.body) for row in rows]
        ends = [one for one in told if one["type"] in ("contact.merged", "call.ended")]
        assert [one["type"] for one in ends] == ["contact.merged", "call.ended"]
        assert [one["contact"]["id"] for one in ends] == [contact, contact]
        assert ends[1]["conversation"]["context"]["handover"]["proven"]

    def test_where_calls_are_no_proof_an_answered_one_changes_nobody(
        self, desk: Any, said: Any
    ) -> None:
        desk.trust = desk.trust._replace(merge_on=frozenset({"verified", "handover"}))
        call = self.ask_from_chat(desk, said)
        answered(desk, call)
        assert now(desk, call).state == "completed"
        assert len(self.contacts(desk)) == 2
        assert types(desk, "contact.") == []
        assert desk.rows("SELECT * FROM address WHERE verified_at IS NOT NULL") == []
        (row,) = desk.rows("SELECT context FROM conversation WHERE channel = 'phone'")
        reference = json.loads(row.context)["handover"]
        assert (reference["proven"], reference["messages"]) == (False, [])

    def test_a_call_of_then_is_no_proof_later_when_calls_are(self, desk: Any, said: Any) -> None:
        trust = desk.trust
        desk.trust = trust._replace(merge_on=frozenset({"verified"}))
        call = self.ask_from_chat(desk, said)
        answered(desk, call)
        desk.trust = trust
        recording = AttachmentRef(kind="audio", mime="audio/wav", ref={"name": "rec-1"})
        tell(desk, call, "late", recording=recording, seconds=99)
        assert types(desk)[-1] == "call.recorded"
        assert len(self.contacts(desk)) == 2

    def test_where_a_person_has_made_them_one_the_call_tells_what_was_said(
        self, desk: Any, said: Any
    ) -> None:
        desk.trust = desk.trust._replace(merge_on=frozenset())
        call = self.ask_from_chat(desk, said)
        caller, visitor = self.contacts(desk)
        desk.run(merge, Merge(caller, visitor))
        answered(desk, call)
        (row,) = desk.rows("SELECT context FROM conversation WHERE channel = 'phone'")
        reference = json.loads(row.context)["handover"]
        assert [known["text"] for known in reference["messages"]] == ["Is the red one there?"]
        assert desk.rows("SELECT * FROM address WHERE verified_at IS NOT NULL") == []

    def test_two_customers_who_share_a_phone_stay_two(self, desk: Any, said: Any) -> None:
        """Both have a customer id of their own: the phone cannot make them one."""
        anna = Profile(address=Address("user:anna"), verified=True)
        first = said("m-1")
        desk.put(first.model_copy(update={"sender": anna, "conversation": "anna"}))
        (chat,) = desk.rows("SELECT id FROM conversation")
        request(desk, from_conversation=chat.id)
        (call,) = dial(desk)
        answered(desk, call)
        assert len(self.contacts(desk)) == 1
        boris = Profile(address=Address("user:boris"), verified=True)
        second = said("m-2")
        desk.put(second.model_copy(update={"sender": boris, "conversation": "boris"}))
        (other,) = desk.rows("SELECT id FROM conversation WHERE external_id = 'boris'")
        request(desk, from_conversation=other.id)
        (call,) = dial(desk)
        for number, (state, seconds) in enumerate(
            [("customer_answered", 1), ("bridged", 2), ("completed", 60)]
        ):
            tell(desk, call, f"b-{number}", state, seconds=seconds)
        assert len(self.contacts(desk)) == 2
        assert types(desk, "contact.conflict") == ["contact.conflict"]

    def test_a_call_that_nobody_asked_for_in_a_chat_proves_its_number(self, desk: Any) -> None:
        request(desk)
        (call,) = dial(desk)
        answered(desk, call)
        (owned,) = desk.rows("SELECT verified_at FROM address")
        assert owned.verified_at is not None
        assert types(desk, "contact.") == ["contact.updated"]
