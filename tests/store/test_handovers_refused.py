"""Tokens that come back and are not good, and strangers who bring them: nobody becomes anybody."""

from __future__ import annotations

import json
from typing import Any

import pytest

from omnigate import failpoints
from omnigate.handovertoken import digest_of, new_handover_token
from omnigate.model.context import Context, HandedOver
from omnigate.model.inbound import ContactUpdated, Profile
from omnigate.store import arriving
from omnigate.store.ingest import Intake, ingest
from omnigate.store.threads import ChannelKey
from tests.store.counter import ANNA, BOT, FORGED, FORM, MAIL, SHOP, SITE, VISITOR, Counter


class TestNotGood:
    """The message is stored as ever, and nothing else happens."""

    def refused(self, counter: Counter, channel: ChannelKey, token: str, **more: Any) -> None:
        before = counter.used()
        recorded = counter.write(channel, ANNA, token, **more)
        assert recorded.message_id is not None
        assert counter.handover(channel, more.get("conversation", "c")) is None
        said = counter.events("message.received")[-1]
        ours = counter.desk.rows(
            "SELECT id FROM handover WHERE token_sha256 = :digest", digest=digest_of(token)
        )
        named = ours[0].id if ours else token
        assert said["data"]["message"]["handover"] == named
        assert counter.used() == before
        assert counter.events("contact.merged", "contact.conflict") == []

    def test_one_that_nobody_made(self, counter: Counter) -> None:
        self.refused(counter, BOT, new_handover_token())

    @pytest.mark.parametrize("ref", ["spring-sale", "0" * 26, "x" * 1000, "", " ", "İ" * 26])
    def test_what_a_campaign_brings(self, counter: Counter, ref: str) -> None:
        counter.token()
        self.refused(counter, BOT, ref)

    def test_one_that_has_expired(self, counter: Counter) -> None:
        token = counter.token(lifetime=1000)
        counter.desk.now += 1000
        self.refused(counter, BOT, token)

    def test_one_made_for_another_channel(self, counter: Counter) -> None:
        token = counter.token(SHOP)
        self.refused(counter, BOT, token)
        counter.write(SHOP, Profile.model_validate({"address": "vk:7", "verified": True}), token)
        assert counter.is_one(SITE, SHOP)

    def test_one_in_its_own_conversation_and_channel(self, counter: Counter) -> None:
        token = counter.token(SITE, BOT)
        counter.write(SITE, VISITOR, token)
        assert counter.handover(SITE) is None
        self.refused(counter, SITE, token, conversation="another")
        counter.write(BOT, ANNA, token)
        assert counter.is_one(SITE, BOT)

    def test_one_that_was_used(self, counter: Counter) -> None:
        token = counter.token()
        counter.write(BOT, ANNA, token)
        thief = Profile.model_validate({"address": "telegram:666", "verified": True})
        counter.write(BOT, thief, token, conversation="thief")
        assert counter.handover(BOT, "thief") is None
        assert (
            counter.conversation(BOT, "thief").contact_id != counter.conversation(SITE).contact_id
        )

    def test_one_that_somebody_else_says_in_a_group(self, counter: Counter) -> None:
        token = counter.token()
        counter.write(BOT, ANNA, conversation="group")
        other = Profile.model_validate({"address": "telegram:8", "verified": True})
        counter.write(BOT, other, token, conversation="group")
        assert counter.handover(BOT, "group") is None
        assert counter.used() == [None]

    def test_two_with_one_token_in_a_batch_and_one_gets_it(self, counter: Counter) -> None:
        token = counter.token()
        thief = Profile.model_validate({"address": "telegram:666", "verified": True})
        counter.put(BOT, counter.item("c", ANNA, token), counter.item("thief", thief, token))
        assert counter.is_one(SITE, BOT)
        assert counter.handover(BOT, "thief") is None

    def test_two_channels_with_one_token_in_a_turn_and_one_gets_it(self, counter: Counter) -> None:
        token = counter.token()
        friend = Profile.model_validate({"address": "vk:9", "verified": True})
        counter.desk.run(
            ingest,
            Intake(SHOP, [counter.item("c", friend, token)]),
            Intake(BOT, [counter.item("c", ANNA, token)]),
        )
        assert (counter.is_one(SITE, SHOP), counter.is_one(SITE, BOT)) == (True, False)

    def test_a_message_delivered_twice_uses_nothing_twice(self, counter: Counter) -> None:
        item = counter.item("c", ANNA, counter.token())
        counter.put(BOT, item)
        (again,) = counter.put(BOT, item)
        assert again.duplicate
        assert len(counter.events("contact.merged")) == 1

    def test_a_store_that_fails_has_used_nothing(
        self, counter: Counter, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        item = counter.item("c", ANNA, counter.token())

        def fail(name: str) -> None:
            raise OSError(name)

        with monkeypatch.context() as broken:
            broken.setattr(failpoints, "reached", fail)
            with pytest.raises(OSError, match="insert"):
                counter.put(BOT, item)
        assert counter.used() == [None]
        counter.put(BOT, item)
        assert counter.is_one(SITE, BOT)


class TestStrangers:
    """Somebody whose address nobody vouches for, or who began as somebody else."""

    def test_a_forged_sender_with_an_own_token_does_not_become_its_victim(
        self, counter: Counter
    ) -> None:
        counter.write(MAIL, FORGED, text="I am the victim", conversation="before")
        victim = counter.conversation(MAIL, "before").contact_id
        counter.write(MAIL, FORGED, counter.token())
        assert counter.conversation(MAIL).contact_id == victim
        assert counter.conversation(SITE).contact_id != victim
        assert counter.events("contact.merged") == []

    def test_nothing_of_what_was_said_is_told_of_it(self, counter: Counter) -> None:
        counter.write(MAIL, FORGED, counter.token())
        told = counter.handover(MAIL)
        assert told is not None
        assert (told["proven"], told["messages"]) == (False, [])
        assert told["conversation"] == counter.conversation(SITE).id
        assert "in stock" not in json.dumps(counter.events()[-2:])
        assert counter.used() == [counter.conversation(MAIL).id]

    def test_a_mail_that_is_vouched_for_does(self, counter: Counter) -> None:
        sender = FORGED.model_copy(update={"verified": True})
        counter.write(MAIL, sender, counter.token())
        assert counter.is_one(SITE, MAIL)

    def test_whoever_types_anothers_number_into_a_form_does_not_become_them(
        self, counter: Counter
    ) -> None:
        counter.write(FORM, Profile.model_validate({"address": "tel:+79161234567"}))
        counter.write(BOT, ANNA, counter.token(BOT, of=FORM))
        assert not counter.is_one(FORM, BOT)
        assert not (counter.handover(BOT) or {})["proven"]

    def test_whoever_has_proven_the_number_before_is_one(self, counter: Counter) -> None:
        known = Profile.model_validate({"address": "tel:+79161234567", "verified": True})
        counter.write(FORM, known)
        counter.write(BOT, ANNA, counter.token(BOT, of=FORM))
        assert counter.is_one(FORM, BOT)

    def test_two_customers_with_accounts_of_their_own_stay_two(self, counter: Counter) -> None:
        """A token is passed on, and both are signed in: the contradiction is reported."""
        signed = {"verified": True, "also": ["user:1"]}
        counter.write(SITE, Profile.model_validate({"address": "webchat:v1", **signed}))
        other = {"address": "telegram:7", "verified": True, "also": ["user:2"]}
        counter.write(BOT, Profile.model_validate(other), counter.token())
        assert not counter.is_one(SITE, BOT)
        assert len(counter.events("contact.conflict")) == 1
        assert not (counter.handover(BOT) or {})["proven"]

    def test_nobody_can_claim_to_have_been_handed_over(self, counter: Counter) -> None:
        claim = HandedOver(
            id="hnd_x", conversation="cnv_x", channel="site", kind="webchat", proven=True
        )
        counter.write(FORM, VISITOR, context=Context(handover=claim, title="Form"))
        counter.put(
            FORM,
            ContactUpdated(
                external_id="u1",
                conversation="c",
                occurred_at=counter.item("c", VISITOR).occurred_at,
                sender=VISITOR,
                context=Context(handover=claim),
            ),
        )
        assert counter.handover(FORM) is None
        assert json.loads(counter.conversation(FORM).context)["title"] == "Form"


class TestSabotage:
    """The same checks against a daemon that believes everybody go red."""

    def test_without_the_check_of_the_sender_the_forger_becomes_the_victim(
        self, counter: Counter, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(arriving, "_is_certain", lambda source, item: True)
        check = TestStrangers().test_a_forged_sender_with_an_own_token_does_not_become_its_victim
        with pytest.raises(AssertionError):
            check(counter)

    def test_without_the_check_of_the_first_side_the_form_gives_numbers_away(
        self, counter: Counter, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(arriving, "_is_certain", lambda source, item: item.sender.verified)
        check = TestStrangers().test_whoever_types_anothers_number_into_a_form_does_not_become_them
        with pytest.raises(AssertionError):
            check(counter)

    def test_a_token_that_is_not_used_up_is_good_for_a_thief(
        self, counter: Counter, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def keep(self: Any) -> None:
            self._used = []

        monkeypatch.setattr(arriving.Arrivals, "flush", keep)
        with pytest.raises(AssertionError):
            TestNotGood().test_one_that_was_used(counter)
