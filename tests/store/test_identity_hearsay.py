"""Addresses that a contact has by hearsay: they go to whom they are proven for."""

from __future__ import annotations

import json
from collections.abc import Sequence

import pytest

from omnigate.store.ledger import Ledger
from omnigate.store.transaction import Transaction
from tests.store.people import People, group, proven, told


def _claims(transaction: Transaction, items: Sequence[tuple[str, str]]) -> list[None]:
    """Give contacts an address that nobody has proven, as a form would."""
    for contact_id, address in items:
        ledger = Ledger(transaction)
        person = ledger.people([contact_id])[contact_id]
        person.know(address, None, None)
        ledger.flush()
    return [None] * len(items)


def test_an_address_by_hearsay_goes_to_whom_it_is_proven_for_and_the_two_stay_two(
    people: People,
) -> None:
    people.write(told("webchat:v", display_name="Claims much"), proven("telegram:5"))
    people.desk.run(_claims, (people.who("webchat:v"), "tel:+4912345"))
    people.write(proven("telegram:5", "tel:+4912345"))
    assert people.groups() == {group("webchat:v"), group("telegram:5", "tel:+4912345")}
    assert people.events("contact.merged", "contact.conflict") == []
    changed = people.events("contact.updated")
    assert [one["contact"]["display_name"] for one in changed] == ["Claims much", None]
    assert "tel:" not in json.dumps(changed[0])


@pytest.mark.parametrize("also", [(), ("user:1",)])
def test_who_writes_from_an_address_that_somebody_only_claimed_is_somebody_else(
    people: People, also: tuple[str, ...]
) -> None:
    people.write(told("webchat:v"))
    people.desk.run(_claims, (people.who("webchat:v"), "mailto:a@b.example"))
    people.write(proven("mailto:a@b.example", *also))
    assert people.groups() == {group("webchat:v"), group("mailto:a@b.example", *also)}


def test_conversations_on_an_address_go_with_it_and_no_others(people: People) -> None:
    people.write(told("webchat:v"))
    people.desk.run(_claims, (people.who("webchat:v"), "tel:+4912345"))
    people.write(told("tel:+4912345"))
    assert people.groups() == {group("webchat:v", "tel:+4912345")}
    people.write(proven("telegram:5", "tel:+4912345"), told("tel:+4912345"))
    assert people.groups() == {group("webchat:v"), group("telegram:5", "tel:+4912345")}
    with_whom = {
        row.external_id: row.contact_id
        for row in people.desk.rows("SELECT external_id, contact_id FROM conversation")
    }
    assert with_whom == {
        "webchat:v": people.who("webchat:v"),
        "tel:+4912345": people.who("telegram:5"),
        "telegram:5": people.who("telegram:5"),
    }


@pytest.mark.parametrize(("wish", "left"), [("granted", None), ("refused", "refused")])
def test_nobody_agrees_to_be_written_to_at_an_address_that_is_not_theirs(
    people: People, wish: str, left: str | None
) -> None:
    people.write(told("webchat:v"))
    people.desk.run(_claims, (people.who("webchat:v"), "tel:+4912345"))

    def consent(transaction: Transaction, items: Sequence[str]) -> list[None]:
        transaction.connection.exec_driver_sql(
            "UPDATE address SET consent = ?, consent_at = 1 WHERE address = 'tel:+4912345'", (wish,)
        )
        return [None] * len(items)

    people.desk.run(consent, wish)
    people.write(proven("telegram:5", "tel:+4912345"))
    people.write(proven("telegram:5", "tel:+4912345"))
    (row,) = people.desk.rows("SELECT consent FROM address WHERE address = 'tel:+4912345'")
    assert row.consent == left


def test_the_only_address_of_a_contact_is_no_hearsay(people: People) -> None:
    people.write(told("tel:+4912345", display_name="Texter"))
    people.write(proven("telegram:5", "tel:+4912345"))
    assert people.groups() == {group("telegram:5", "tel:+4912345")}


def test_what_a_person_has_merged_no_proof_takes_apart(people: People) -> None:
    people.write(told("tel:+4912345"), told("mailto:a@b.example"))
    people.merge("mailto:a@b.example", "tel:+4912345", by="operator")
    people.write(proven("telegram:5", "tel:+4912345"))
    assert people.groups() == {group("telegram:5", "tel:+4912345", "mailto:a@b.example")}


def test_the_older_contact_stays_though_the_younger_one_is_written_first(people: People) -> None:
    people.write(told("webchat:v"))
    people.desk.run(_claims, (people.who("webchat:v"), "tel:+4912345"))
    people.write(proven("telegram:5"), proven("tel:+4912345"), proven("telegram:5", "tel:+4912345"))
    older, younger = people.events("conversation.started")[-2:]
    (merged,) = people.events("contact.merged")
    assert merged["contact"]["id"] == older["contact"]["id"]
    assert merged["data"]["contact"]["merged"] == younger["contact"]["id"]
