"""Merges that a person undoes: everything goes back to whose it was, and no proof makes one of them again."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from omnigate.errors import Refused
from omnigate.store.contacts import Edit, edit
from omnigate.store.merges import read_merges, resolve_conflicts, roots_of
from omnigate.store.merging import family, forget_merges
from omnigate.store.parting import Unmerge, unmerge
from omnigate.store.transaction import Transaction
from tests.store.people import People, forget_addresses, group, proven, told


def test_an_undone_merge_gives_back_addresses_with_their_conversations_of_later_too(
    people: People,
) -> None:
    people.write(told("webchat:v", display_name="Anna"), told("tel:+4912345", phone="+4912345"))
    number = people.merge("webchat:v", "tel:+4912345")
    people.write(told("tel:+4912345"), conversation="later")
    shown = people.undo("webchat:v", number, "two people share a phone")
    assert people.groups() == {group("webchat:v"), group("tel:+4912345")}
    assert shown.id == people.who("tel:+4912345")
    assert [str(known.address) for known in shown.addresses] == ["tel:+4912345"]
    whose = people.desk.rows("SELECT contact_id FROM conversation WHERE external_id = 'later'")
    assert whose[0].contact_id == shown.id
    (event,) = people.events("contact.unmerged")
    assert event["contact"]["id"] == people.who("webchat:v")
    assert event["contact"]["phone"] is None, "it was the other's"
    assert event["data"]["contact"] | {"changed": []} == {
        "id": people.who("webchat:v"),
        "changed": [],
        "merged": shown.id,
        "merge": number,
        "reason": "two people share a phone",
    }
    assert people.events("contact.updated")[-1]["contact"]["id"] == shown.id
    people.write(told("tel:+4912345"), told("webchat:v"))
    assert people.groups() == {group("webchat:v"), group("tel:+4912345")}


def test_no_proof_makes_one_again_what_a_person_has_parted_but_a_person_can(
    people: People,
) -> None:
    people.write(proven("user:1"), told("webchat:v"))
    people.write(proven("user:1", "webchat:v"))
    people.undo("user:1", 1)
    apart = {group("user:1"), group("webchat:v")}
    for _ in range(2):
        people.write(proven("user:1", "webchat:v"))
        assert people.groups() == apart
    (event,) = people.events("contact.conflict")
    assert event["data"]["conflict"]["reason"] == "somebody has parted them"
    with pytest.raises(Refused) as refused:
        people.undo("user:1", 1)
    assert refused.value.code == "undone"
    people.merge("user:1", "webchat:v")
    assert people.groups() == {group("user:1", "webchat:v")}


def test_who_was_parted_is_parted_from_all_that_the_other_became(people: People) -> None:
    people.write(told("app:a"), told("app:b"), told("app:c"))
    number = people.merge("app:b", "app:a")
    people.undo("app:b", number)
    people.write(proven("app:c", "app:b"))
    people.write(proven("app:c", "app:a"))
    assert people.groups() == {group("app:a"), group("app:b", "app:c")}


@pytest.mark.parametrize(
    "order", [(0, 1, 2), (0, 2, 1), (1, 0, 2), (1, 2, 0), (2, 0, 1), (2, 1, 0)]
)
def test_merges_on_top_of_each_other_are_undone_in_any_order(
    people: People, order: tuple[int, ...]
) -> None:
    for name in "abcd":
        people.write(told(f"app:{name}", phone=f"+49123{ord(name)}"))
    alone = people.groups()
    numbers = [
        people.merge("app:a", "app:b"),
        people.merge("app:c", "app:a"),
        people.merge("app:d", "app:c"),
    ]
    assert len(people.groups()) == 1
    for step in order:
        _undo_anywhere(people, numbers[step])
    assert people.groups() == alone
    phones = people.desk.rows("SELECT phone FROM contact ORDER BY id")
    assert [row.phone for row in phones] == [f"+49123{ord(name)}" for name in "abcd"]


def _undo_anywhere(people: People, number: int) -> None:
    (row,) = people.desk.rows("SELECT loser FROM merge WHERE id = :id", id=number)
    people.desk.run(unmerge, Unmerge(row.loser, number, "operator"))


def test_what_was_filled_from_somebody_is_emptied_again_all_the_way_up(people: People) -> None:
    people.write(told("app:a", display_name="A"), told("app:b", phone="+4911111"), told("app:c"))
    first = people.merge("app:a", "app:b")
    second = people.merge("app:c", "app:a")
    _undo_anywhere(people, first)
    phones = {row.id: row.phone for row in people.desk.rows("SELECT id, phone FROM contact")}
    assert phones[people.who("app:b")] == "+4911111"
    assert phones[people.who("app:c")] is None
    people.desk.run(edit, Edit(people.who("app:c"), {"phone": "+4922222"}))
    shown = people.undo("app:c", second)
    assert (shown.display_name, shown.phone) == ("A", None)
    phones = {row.id: row.phone for row in people.desk.rows("SELECT id, phone FROM contact")}
    assert phones[people.who("app:c")] == "+4922222"


def test_only_a_merge_of_the_contact_is_undone(people: People) -> None:
    people.write(told("app:a"), told("app:b"), told("app:c"))
    number = people.merge("app:a", "app:b")
    for address, which in (("app:c", number), ("app:a", number + 1)):
        with pytest.raises(Refused) as refused:
            people.undo(address, which)
        assert refused.value.code == "not_found"
    assert people.groups() == {group("app:a", "app:b"), group("app:c")}


def test_erasing_takes_addresses_out_of_merges_and_conflicts_and_ends_undoing(
    people: People,
) -> None:
    people.write(proven("user:1", "tel:+4912345"), proven("user:2", "tel:+4912345"), told("app:a"))
    number = people.merge("user:1", "app:a", note="Anna said so")

    def forget(transaction: Transaction, items: Sequence[str]) -> list[None]:
        forget_merges(transaction.connection, list(items))
        return forget_addresses(transaction, items)

    people.desk.run(forget, people.who("user:1"))
    rows = people.desk.rows("SELECT * FROM merge") + people.desk.rows("SELECT * FROM conflict")
    assert len(rows) == 1
    assert not any(word in repr(rows) for word in ("tel:", "app:", "Anna"))
    with pytest.raises(Refused) as refused:
        _undo_anywhere(people, number)
    assert refused.value.code == "gone"


def test_merges_are_read_in_pages_and_conflicts_that_are_not_there_are_not_resolved(
    people: People,
) -> None:
    people.write(told("app:a"), told("app:b"), told("app:c"))
    numbers = [people.merge("app:a", other) for other in ("app:b", "app:c")]
    who = people.who("app:a")
    with people.desk.engine.begin() as connection:
        (newest,) = read_merges(connection, who, before=None, limit=1)
        (oldest,) = read_merges(connection, who, before=newest.id, limit=5)
    assert [oldest.id, newest.id] == numbers
    with pytest.raises(Refused) as refused:
        people.desk.run(resolve_conflicts, 1)
    assert refused.value.code == "not_found"


def test_contacts_that_claim_to_be_part_of_each_other_hold_up_nobody(people: People) -> None:
    people.write(told("app:a"), told("app:b"))
    one, other = people.who("app:a"), people.who("app:b")
    with people.desk.engine.begin() as connection:
        for part, whole in ((one, other), (other, one)):
            connection.exec_driver_sql(
                "UPDATE contact SET merged_into = ? WHERE id = ?", (whole, part)
            )
        assert roots_of(connection, [one])[one].id == other
        assert sorted(family(connection, one)) == sorted((one, other))
