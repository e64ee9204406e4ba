"""Tokens that come back: who is taken for the same customer by them, and what is told."""

from __future__ import annotations

import json
import random
from collections.abc import Sequence
from typing import Any

import pytest

from omnigate.model.inbound import MessageDeleted, MessageEdited, Profile
from omnigate.store import arriving
from omnigate.store.contacts import Merge, merge
from omnigate.store.conversations import StatusChange, change_status
from omnigate.store.handovers import MOST_OFFERED
from omnigate.store.ingest import Intake, ingest
from omnigate.store.parting import Unmerge, unmerge
from omnigate.store.threads import ChannelKey
from tests.store.counter import ANNA, BOT, FORGED, MAIL, SHOP, SITE, VISITOR, Counter


class TestCarryingOn:
    def test_the_conversation_starts_with_where_the_customer_comes_from(
        self, counter: Counter
    ) -> None:
        counter.write(BOT, ANNA, counter.token(), text="/start")
        started = counter.events("conversation.started")[-1]
        told = started["conversation"]["context"]["handover"]
        source = counter.conversation(SITE)
        assert told == {
            "id": told["id"],
            "conversation": source.id,
            "channel": "site",
            "kind": "webchat",
            "page": "https://shop.example/bikes",
            "title": "Bikes",
            "proven": True,
            "messages": [
                {
                    "direction": "inbound",
                    "at": told["messages"][0]["at"],
                    "text": "Is it in stock?",
                    "author": None,
                    "attachments": 0,
                }
            ],
            "withheld": False,
        }
        assert started["contact"]["id"] == source.contact_id
        assert counter.used() == [counter.conversation(BOT).id]

    def test_both_are_one_contact_and_the_reason_is_said(self, counter: Counter) -> None:
        counter.write(BOT, ANNA, counter.token())
        assert counter.is_one(SITE, BOT)
        (merged,) = counter.events("contact.merged")
        assert merged["data"]["contact"]["reason"] == "handover"
        assert merged["contact"]["display_name"] == "Anna"
        assert {known["address"] for known in merged["contact"]["addresses"]} == {
            "webchat:v1",
            "telegram:7",
        }

    def test_a_known_conversation_gets_it_with_the_message(self, counter: Counter) -> None:
        counter.write(BOT, ANNA, text="Hello")
        counter.write(BOT, ANNA, counter.token())
        said = counter.events("message.received")[-1]
        assert said["conversation"]["context"]["handover"]["proven"]
        assert counter.is_one(SITE, BOT)

    def test_a_closed_one_is_reopened_knowing_it(self, counter: Counter) -> None:
        counter.write(BOT, ANNA, text="Hello")
        closing = StatusChange(counter.conversation(BOT).id, "closed", "api", None)
        counter.desk.run(change_status, closing)
        counter.write(BOT, ANNA, counter.token())
        (reopened,) = counter.events("conversation.reopened")
        assert reopened["conversation"]["context"]["handover"]["proven"]

    def test_of_a_long_talk_the_end_is_told(self, counter: Counter) -> None:
        counter.put(
            SITE, *(counter.item("c", VISITOR, text=f"{n} " + "x" * 3000) for n in range(14))
        )
        counter.write(BOT, ANNA, counter.token())
        told = counter.handover(BOT)
        assert told is not None
        texts = [message["text"] for message in told["messages"]]
        assert [text.split()[0] for text in texts] == [str(n) for n in range(4, 14)]
        assert {len(text) for text in texts} == {arriving.LONGEST_TOLD}

    def test_what_comes_in_the_same_batch_is_told_as_it_is_now(self, counter: Counter) -> None:
        last = counter.item("c", VISITOR, text="And in blue?")
        gone = counter.item("c", VISITOR, text="Sorry, wrong window")
        edited = counter.item("c", VISITOR, text="Or read?")
        token = counter.token()
        edit = MessageEdited(
            external_id="edit",
            conversation="c",
            occurred_at=edited.occurred_at,
            message_id=edited.external_id,
            text="Or red?",
        )
        delete = MessageDeleted(
            external_id="delete",
            conversation="c",
            occurred_at=gone.occurred_at,
            message_id=gone.external_id,
        )
        counter.desk.run(
            ingest,
            Intake(SITE, [last, gone, edited, edit, delete]),
            Intake(BOT, [counter.item("c", ANNA, token)]),
        )
        told = counter.handover(BOT)
        assert told is not None
        assert [message["text"] for message in told["messages"]] == [
            "Is it in stock?",
            "And in blue?",
            "Or red?",
        ]

    def test_the_visit_of_the_page_is_not_taken_over(self, counter: Counter) -> None:
        counter.write(BOT, ANNA, counter.token())
        assert "192.0.2.1" not in counter.conversation(BOT).context

    @pytest.mark.parametrize("spell", [str.upper, lambda token: f" {token[:13]}-{token[13:]}\n"])
    def test_a_token_that_somebody_typed_is_understood(self, counter: Counter, spell: Any) -> None:
        counter.write(BOT, ANNA, spell(counter.token()))
        assert counter.is_one(SITE, BOT)

    def test_it_can_be_undone_and_then_no_token_makes_them_one_again(
        self, counter: Counter
    ) -> None:
        counter.write(BOT, ANNA, counter.token())
        (merged,) = counter.events("contact.merged")
        undo = Unmerge(
            counter.conversation(SITE).contact_id, merged["data"]["contact"]["merge"], "operator"
        )
        counter.desk.run(unmerge, undo)
        assert not counter.is_one(SITE, BOT)
        told = counter.handover(BOT)
        assert told is not None
        assert (told["proven"], told["messages"]) == (False, [])
        counter.write(BOT, ANNA, counter.token())
        assert not counter.is_one(SITE, BOT)
        told = counter.handover(BOT)
        assert told is not None
        assert (told["proven"], told["messages"]) == (False, [])

    def test_undoing_another_merge_leaves_what_was_told(self, counter: Counter) -> None:
        counter.write(BOT, ANNA, counter.token())
        counter.write(MAIL, FORGED)
        ids = [counter.conversation(channel).contact_id for channel in (SITE, MAIL)]
        counter.desk.run(merge, Merge(ids[0], ids[1], "operator"))
        number = counter.events("contact.merged")[-1]["data"]["contact"]["merge"]
        counter.desk.run(unmerge, Unmerge(ids[0], number, "operator"))
        assert counter.is_one(SITE, BOT)
        assert (counter.handover(BOT) or {})["proven"]

    def test_where_links_are_no_proof_whoever_follows_a_strangers_stays_who_they_are(
        self, counter: Counter
    ) -> None:
        counter.desk.trust = counter.desk.trust._replace(merge_on=frozenset({"verified", "call"}))
        counter.write(BOT, ANNA, counter.token())
        assert not counter.is_one(SITE, BOT)
        assert counter.events("contact.merged", "contact.conflict") == []
        told = counter.handover(BOT)
        assert told is not None
        assert (told["proven"], told["messages"]) == (False, [])
        source = counter.conversation(SITE)
        assert (told["conversation"], told["page"]) == (source.id, "https://shop.example/bikes")
        assert "in stock" not in json.dumps(counter.events()[-2:])
        assert counter.used() == [counter.conversation(BOT).id], "it is good once all the same"
        (visitor,) = counter.desk.rows("SELECT * FROM address WHERE address = 'webchat:v1'")
        assert visitor.verified_at is None

    def test_where_links_are_no_proof_whoever_is_one_already_is_told(
        self, counter: Counter
    ) -> None:
        counter.desk.trust = counter.desk.trust._replace(merge_on=frozenset())
        counter.write(BOT, ANNA)
        ids = [counter.conversation(channel).contact_id for channel in (SITE, BOT)]
        counter.desk.run(merge, Merge(ids[0], ids[1], "operator"))
        counter.write(BOT, ANNA, counter.token())
        assert (counter.handover(BOT) or {})["proven"]

    def test_whoever_is_one_already_stays_so_and_is_told(self, counter: Counter) -> None:
        counter.write(BOT, ANNA)
        ids = [counter.conversation(channel).contact_id for channel in (SITE, BOT)]
        counter.desk.run(merge, Merge(ids[0], ids[1], "operator"))
        counter.write(BOT, ANNA, counter.token())
        assert (counter.handover(BOT) or {})["proven"]
        assert len(counter.events("contact.merged")) == 1


@pytest.mark.parametrize("run", range(8))
def test_whatever_is_made_and_brought_those_are_one_whose_tokens_say_so(
    new_desk: Any, said: Any, run: int
) -> None:
    """A model that knows only the rules agrees with the store, whoever tries which token where."""
    seed = random.SystemRandom().randrange(1_000_000)
    print("seed", seed)
    chance = random.Random(seed)
    counter = Counter(new_desk(), said)
    sides = {f"v{n}": Profile.model_validate({"address": f"webchat:v{n}"}) for n in range(3)}
    comers = [(BOT, f"telegram:{n}", True) for n in range(2)]
    comers += [(SHOP, "vk:1", True), (MAIL, "mailto:a@example.org", False)]
    parent = {name: name for name in [*sides, *(address for _, address, _ in comers)]}
    tokens: list[tuple[str, str, set[str], bool]] = []
    used: set[str] = set()
    void: set[str] = set()

    def offers(name: str) -> list[str]:
        """Return what is open of the offer of a conversation, the oldest first."""
        spent = used | void
        return [
            one for one, of, _, offered in tokens if offered and of == name and one not in spent
        ]

    def root(name: str) -> str:
        return name if parent[name] == name else root(parent[name])

    for name, visitor in sides.items():
        counter.write(SITE, visitor, conversation=name)
    for channel, address, verified in comers:
        sender = Profile.model_validate({"address": address, "verified": verified})
        counter.write(channel, sender, conversation=address)
    for _ in range(30):
        if not tokens or chance.random() < 0.4:
            name = chance.choice(sorted(sides))
            good = chance.sample([BOT, SHOP, MAIL], chance.randint(1, 3))
            offered = chance.random() < 0.6
            counter.desk.now += 1
            token = counter.token(*good, called=name, offered=offered)
            tokens.append((token, name, {channel.name for channel in good}, offered))
            void.update(offers(name)[:-MOST_OFFERED])
            continue
        token, name, names, offered = chance.choice(tokens)
        channel, address, verified = chance.choice(comers)
        sender = Profile.model_validate({"address": address, "verified": verified})
        counter.write(channel, sender, token, conversation=address)
        if token not in used | void and channel.name in names:
            used.add(token)
            void.update(offers(name) if offered else ())
            if verified:
                parent[root(name)] = root(address)

    owners = {name: counter.conversation(SITE, name).contact_id for name in sides}
    owners |= {
        address: counter.conversation(channel, address).contact_id for channel, address, _ in comers
    }
    for one in owners:
        for other in owners:
            assert (owners[one] == owners[other]) == (root(one) == root(other)), (one, other)
    assert sum(known is not None for known in counter.used()) == len(used)
    assert counter.desk.problems() == []


def test_conversations_in_memory_know_what_the_store_knows(counter: Counter) -> None:
    """What is remembered between batches is as if it had been read."""
    from omnigate.store.recent import Recent
    from omnigate.store.transaction import Transaction

    recent = Recent()

    def remembering(transaction: Transaction, intakes: Sequence[Intake]) -> list[Any]:
        transaction.recent = recent
        return ingest(transaction, intakes)

    def put(channel: ChannelKey, item: Any) -> None:
        counter.desk.run(remembering, Intake(channel, [item]))

    put(SITE, counter.item("c", VISITOR))
    put(BOT, counter.item("c", ANNA))
    put(BOT, counter.item("c", ANNA, counter.token()))
    put(SITE, counter.item("c", VISITOR))
    put(BOT, counter.item("c", ANNA))
    whole = [event["contact"] for event in counter.events("message.received")[-2:]]
    assert whole[0] == whole[1]
    assert counter.is_one(SITE, BOT)
    assert (counter.handover(BOT) or {})["proven"]
