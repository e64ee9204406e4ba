"""Contacts that turn out to be one person."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

import pytest

from omnigate.errors import Refused
from omnigate.model import inbound
from omnigate.model.event import EventContact
from omnigate.store.contacts import Edit, Merge, edit, find_contacts, merge, read_contact
from omnigate.store.erase import Removal, remove_person
from omnigate.store.threads import SHOWN_OF_SCHEME


@pytest.fixture
def people(desk: Any, said: Any) -> list[str]:
    """Three contacts, each with a conversation; their ids."""
    desk.put(said("1", "anna"), said("2", "bert"), said("3", "carl"))
    rows = desk.rows("SELECT contact_id FROM conversation ORDER BY external_id")
    return [row.contact_id for row in rows]


def shown(desk: Any, contact_id: str) -> Any:
    with desk.engine.begin() as connection:
        return read_contact(connection, contact_id)


def test_merging_again_follows_what_became_of_a_contact(desk: Any, people: list[str]) -> None:
    anna, bert, carl = people
    desk.run(merge, Merge(winner=anna, loser=bert))
    desk.run(merge, Merge(winner=bert, loser=carl))
    known = shown(desk, carl)
    assert known == shown(desk, bert) == shown(desk, anna)
    assert known.id == anna
    assert [str(one.address) for one in known.addresses] == ["app:anna", "app:bert", "app:carl"]
    assert {row.contact_id for row in desk.rows("SELECT contact_id FROM conversation")} == {anna}


def test_two_contacts_never_become_part_of_each_other(desk: Any, people: list[str]) -> None:
    anna, bert, _ = people
    desk.run(merge, Merge(winner=anna, loser=bert))
    with pytest.raises(Refused, match="one contact already"):
        desk.run(merge, Merge(winner=bert, loser=anna))
    assert shown(desk, bert).id == anna


def test_an_edit_of_a_merged_contact_changes_the_one_it_became_part_of(
    desk: Any, people: list[str]
) -> None:
    anna, bert, _ = people
    desk.run(merge, Merge(winner=anna, loser=bert))
    desk.run(edit, Edit(bert, {"display_name": "Anna"}))
    assert shown(desk, anna).display_name == "Anna"


def test_contacts_that_meet_within_the_batch_that_brought_them_stay_findable(
    desk: Any, said: Any
) -> None:
    proven = inbound.Profile.model_validate(
        {"address": "app:bert", "verified": True, "also": ["app:anna"]}
    )
    desk.put(said("1", "anna"), said("2", "bert"), said("3", "bert", sender=proven))
    rows = desk.rows("SELECT id, merged_into FROM contact ORDER BY id")
    assert [row.merged_into for row in rows] == [None, rows[0].id]
    assert shown(desk, rows[1].id).id == rows[0].id


def write_from(desk: Any, said: Any, who: str, browsers: int) -> None:
    """Have somebody write who is signed in, from one browser after the other."""
    for number in range(browsers):
        sender = inbound.Profile.model_validate(
            {
                "address": f"app:{who}{number:03}",
                "also": [f"user:{who}", f"tel:+49301234{len(who)}"],
                "verified": True,
            }
        )
        desk.put(said(f"{who}{number}", f"{who}{number:03}", sender=sender))


def test_of_very_many_addresses_the_latest_of_each_kind_are_shown_and_the_rest_counted(
    desk: Any, said: Any
) -> None:
    write_from(desk, said, "anna", SHOWN_OF_SCHEME + 7)
    (anna,) = desk.rows("SELECT DISTINCT contact_id FROM conversation")
    known = shown(desk, anna.contact_id)
    kinds = Counter(one.address.scheme for one in known.addresses)
    assert kinds == {"app": SHOWN_OF_SCHEME, "user": 1, "tel": 1}
    assert known.addresses_left_out == 7
    browsers = [one.address.path for one in known.addresses if one.address.scheme == "app"]
    assert browsers == [f"anna{number:03}" for number in range(7, SHOWN_OF_SCHEME + 7)]
    (last,) = desk.rows("SELECT body FROM event_body ORDER BY position DESC LIMIT 1")
    told = EventContact.model_validate(json.loads(last.body)["contact"])
    assert {one.address for one in told.addresses} == {one.address for one in known.addresses}
    assert told.addresses_left_out == 7, "an envelope shows the same"
    assert desk.rows("SELECT count(*) FROM address")[0][0] == SHOWN_OF_SCHEME + 9, "none is lost"
    with desk.engine.begin() as connection:
        (found,) = find_contacts(connection, owned_address="app:anna000", before=None, limit=5)
    assert found.id == known.id


def test_of_some_addresses_all_are_shown(desk: Any, said: Any) -> None:
    write_from(desk, said, "anna", 3)
    (anna,) = desk.rows("SELECT DISTINCT contact_id FROM conversation")
    known = shown(desk, anna.contact_id)
    assert (len(known.addresses), known.addresses_left_out) == (5, 0)


def test_whoever_is_being_erased_is_neither_merged_nor_given_a_name(
    desk: Any, people: list[str]
) -> None:
    """What the erasure has taken out would be back, or what it goes on with be somebody else's."""
    anna, bert, _ = people
    desk.run(remove_person, Removal([anna]))
    for operation, change in (
        (merge, Merge(winner=bert, loser=anna)),
        (merge, Merge(winner=anna, loser=bert)),
        (edit, Edit(anna, {"display_name": "Anna"})),
    ):
        with pytest.raises(Refused) as refused:
            desk.run(operation, change)
        assert refused.value.code == "gone"
    assert shown(desk, anna).display_name is None
    assert shown(desk, bert).id == bert
