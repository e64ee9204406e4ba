"""Proofs that contradict each other: the customers stay two, and that is said."""

from __future__ import annotations

import pytest
from structlog.testing import capture_logs

from omnigate.errors import Refused
from tests.store.people import People, group, proven, told


def test_two_that_have_a_customer_id_each_stay_two_and_that_is_said_once(people: People) -> None:
    people.write(proven("user:1", "tel:+4912345"), proven("user:2"))
    with capture_logs() as logs:
        for _ in range(3):
            people.write(proven("user:2", "tel:+4912345"))
    assert people.groups() == {group("user:1", "tel:+4912345"), group("user:2")}
    (event,) = people.events("contact.conflict")
    (row,) = people.desk.rows('SELECT *, "count" AS seen FROM conflict')
    assert event["data"]["conflict"] == {
        "id": people.who("user:1"),
        "other": people.who("user:2"),
        "address": "tel:+4912345",
        "reason": "each has a user: of its own",
        "conflict": row.id,
    }
    assert (row.seen, row.resolved_at) == (3, None)
    assert len([one for one in logs if one["log_level"] == "warning"]) == 1


def test_a_second_customer_id_for_a_known_person_is_somebody_elses(people: People) -> None:
    people.write(proven("telegram:5", "user:1"))
    people.write(proven("telegram:5", "user:2"))
    people.write(proven("user:3", "telegram:5"))
    assert people.groups() == {group("telegram:5", "user:1"), group("user:2"), group("user:3")}
    assert len(people.events("contact.conflict")) == 2


def test_an_address_of_a_kind_of_which_one_has_one_counts_before_it_is_proven(
    people: People,
) -> None:
    people.write(told("user:1"), proven("user:2"))
    assert people.same("user:1", "user:2", "user:1") is None
    people.write(proven("user:1"))
    assert people.groups() == {group("user:1"), group("user:2")}


def test_people_may_merge_what_contradicts_only_with_force_and_that_resolves_the_conflict(
    people: People,
) -> None:
    people.write(proven("user:1", "tel:+4912345"), proven("user:2", "tel:+4912345"))
    with pytest.raises(Refused, match="user") as refused:
        people.merge("user:1", "user:2")
    assert refused.value.code == "contradictory"
    assert len(people.desk.rows("SELECT * FROM conflict WHERE resolved_at IS NULL")) == 1
    people.merge("user:1", "user:2", force=True, note="a second account", by="operator")
    assert people.desk.rows("SELECT * FROM conflict WHERE resolved_at IS NULL") == []
    assert people.groups() == {group("user:1", "user:2", "tel:+4912345")}
    (event,) = people.events("contact.merged")
    assert event["data"]["contact"]["reason"] == "a second account"


@pytest.mark.parametrize("turned", [False, True], ids=["id first", "number first"])
def test_a_number_that_two_share_gives_nobody_the_others_conversation(
    people: People, turned: bool
) -> None:
    people.write(proven("app:anna", "user:anna", "tel:+79161112233"))
    also = ["user:boris", "tel:+79161112233"]
    people.write(proven("app:boris", *(reversed(also) if turned else also)))
    assert people.groups() == {
        group("app:anna", "user:anna", "tel:+79161112233"),
        group("app:boris", "user:boris"),
    }
    ((count,),) = people.desk.rows("SELECT count(*) FROM conflict")
    assert count == 1


def test_two_customer_ids_in_one_profile_are_two_people(people: People) -> None:
    people.write(proven("app:a", "user:1", "user:2"))
    assert people.groups() == {group("app:a", "user:1"), group("user:2")}
    assert len(people.events("contact.conflict")) == 1
