"""Contacts that turn out to be one person."""

from __future__ import annotations

from typing import Any

import pytest

from omnigate.errors import Refused
from omnigate.model import inbound
from omnigate.store.contacts import Edit, Merge, edit, merge, read_contact


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
    with pytest.raises(Refused, match="two"):
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
    proven = inbound.Profile.model_validate({"address": "app:bert", "also": ["app:anna"]})
    desk.put(said("1", "anna"), said("2", "bert"), said("3", "bert", sender=proven))
    rows = desk.rows("SELECT id, merged_into FROM contact ORDER BY id")
    assert [row.merged_into for row in rows] == [None, rows[0].id]
    assert shown(desk, rows[1].id).id == rows[0].id
