"""Who is the same customer: what a proof makes one, and what it does not."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from omnigate.store.identity import Identities
from omnigate.store.ingest import Intake, ingest
from omnigate.store.ledger import Ledger
from omnigate.store.record import Recorder
from omnigate.store.threads import ChannelKey
from omnigate.store.transaction import Transaction
from tests.store.people import People, forget_addresses, group, proven, told


def test_a_proven_address_makes_its_owner_and_the_writer_one_and_the_older_stays(
    people: People,
) -> None:
    people.write(told("webchat:v"), proven("user:1"))
    older = people.who("webchat:v")
    people.write(proven("user:1", "webchat:v"))
    assert people.groups() == {group("webchat:v", "user:1")}
    assert people.who("user:1") == older
    assert people.proven() == {"webchat:v", "user:1"}
    (event,) = people.events("contact.merged")
    (row,) = people.desk.rows("SELECT * FROM merge")
    assert event["data"]["contact"]["merge"] == row.id
    assert (row.winner, json.loads(row.addresses)) == (older, ["user:1"])
    assert (row.channel, row.merged_by, row.undone_at) == ("app", None, None)


def test_a_new_address_that_is_proven_with_a_known_one_is_no_merge(people: People) -> None:
    people.write(told("webchat:v"))
    people.write(proven("user:1", "webchat:v"))
    assert people.groups() == {group("webchat:v", "user:1")}
    assert people.events("contact.merged") == []
    assert len(people.desk.rows("SELECT id FROM contact")) == 1


def test_what_somebody_only_says_merges_nothing_and_gives_nobody_an_address(
    people: People,
) -> None:
    people.write(proven("tel:+4912345"), told("app:c", "tel:+4912345", "mailto:a@b.example"))
    people.write(told("app:c", "tel:+4912345"))
    people.write(told("app:d", "app:c"))
    assert people.groups() == {group("tel:+4912345"), group("app:c"), group("app:d")}
    assert people.proven() == {"tel:+4912345"}
    assert people.desk.rows("SELECT * FROM merge") == []


def test_somebody_else_in_the_same_conversation_proves_nothing_about_whom_it_is_with(
    people: People,
) -> None:
    people.write(proven("app:host"), proven("user:2"), conversation="room")
    people.write(proven("app:guest", "user:2"), conversation="room")
    assert people.groups() == {group("app:host")}


def test_a_conversation_on_an_address_that_somebody_else_has_proves_nothing(
    people: People,
) -> None:
    people.write(proven("app:a"), proven("app:b"), proven("user:1"))
    people.desk.run(_hand_address, ("app:a", people.who("app:b")))
    people.write(proven("app:a", "user:1"))
    assert people.who("user:1") not in (people.who("app:a"), people.who("app:b"))
    assert people.desk.rows("SELECT * FROM merge") == []


def _hand_address(transaction: Transaction, items: Sequence[tuple[str, str]]) -> list[None]:
    """Have addresses be other contacts', as no part of this program does."""
    for address, contact_id in items:
        transaction.connection.exec_driver_sql(
            "UPDATE address SET contact_id = ? WHERE address = ?", (contact_id, address)
        )
    return [None] * len(items)


def test_an_answered_call_proves_the_number_and_all_that_a_visitor_had(people: People) -> None:
    people.write(told("webchat:v"), told("tel:+4912345"))
    left = people.same("webchat:v", "tel:+4912345", "tel:+4912345")
    assert left == people.who("webchat:v") == people.who("tel:+4912345")
    assert people.proven() == {"webchat:v", "tel:+4912345"}
    # Whatever is proven later meets it as one, as if it had come first.
    people.write(proven("user:1", "webchat:v"), proven("telegram:5", "tel:+4912345"))
    assert len(people.groups()) == 1


def test_a_proof_about_one_contact_only_proves_its_addresses(people: People) -> None:
    people.write(told("webchat:v"), told("app:w"))
    people.merge("webchat:v", "app:w")
    assert people.same("webchat:v", "app:w", "webchat:v") == people.who("app:w")
    assert people.proven() == {"webchat:v"}
    assert len(people.desk.rows("SELECT id FROM merge")) == 1


def test_what_was_erased_is_nobody(people: People) -> None:
    people.write(told("webchat:v"), told("tel:+4912345"))
    one, other = people.who("webchat:v"), people.who("tel:+4912345")
    people.desk.run(forget_addresses, one)

    def operation(transaction: Transaction, items: Sequence[None]) -> list[Any]:
        ledger, recorder = Ledger(transaction), Recorder(transaction)
        found = ledger.people([one, other])
        return [
            Identities(transaction, ledger, recorder).same(
                found[one],
                found[other],
                address="tel:+4912345",
                proof="call",
                channel=None,
                occurred_at=transaction.now,
            )
        ]

    assert people.desk.run(operation, None) == [None]
    assert people.desk.rows("SELECT * FROM conflict") == []
    assert people.desk.rows("SELECT * FROM merge") == []


def test_messages_of_people_who_are_proven_already_cost_no_statement_more(people: People) -> None:
    names = [f"app:{number}" for number in range(20)]
    people.write(*(proven(name, f"user:{name}") for name in names))
    plain = [f"web:{number}" for number in range(20)]
    people.write(*(told(name) for name in plain))
    costs = []
    for profiles in ([told(name) for name in plain], [proven(n, f"user:{n}") for n in names]):
        seen: list[str] = []

        def trace(transaction: Transaction, items: Sequence[Any]) -> list[Any]:
            driver: Any = transaction.connection.connection.driver_connection
            driver.set_trace_callback(seen.append)  # noqa: B023  # it is run within the round
            try:
                return list(ingest(transaction, items))
            finally:
                driver.set_trace_callback(None)

        items = [people.said(profile) for profile in profiles]
        people.desk.run(trace, Intake(ChannelKey("app", "http"), items))
        costs.append(len(seen))
    assert costs[0] == costs[1], "a profile that proves nothing new asks nothing"
