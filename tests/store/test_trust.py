"""What a channel vouches for, where the operator leaves it to people who is the same customer."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import pytest

from omnigate.model.inbound import Profile
from omnigate.store.contacts import Merge, merge

USER = Profile.model_validate({"address": "user:1", "verified": True, "also": ["webchat:v"]})
VISITOR = Profile.model_validate({"address": "webchat:v"})
SHARED = Profile.model_validate(
    {"address": "telegram:5", "verified": True, "also": ["tel:+4912345", "user:1"]}
)


@pytest.fixture
def vouched_for(desk: Any) -> Any:
    """A store in which calls and links are proofs, and channels only speak of their own addresses."""
    desk.trust = desk.trust._replace(merge_on=frozenset({"call", "handover"}))
    return desk


def write(desk: Any, said: Any, *profiles: Profile) -> None:
    count = len(desk.rows("SELECT id FROM message"))
    desk.put(
        *(
            said(f"m{count + number}", profile.address, sender=profile)
            for number, profile in enumerate(profiles)
        )
    )


def owned(desk: Any) -> dict[str, bool]:
    """Return all addresses, and whether each is proven."""
    rows = desk.rows("SELECT address, verified_at FROM address")
    return {row.address: row.verified_at is not None for row in rows}


def types(desk: Any) -> Sequence[str]:
    rows = desk.rows("SELECT body FROM event_body ORDER BY position")
    found = [json.loads(row.body)["type"] for row in rows]
    return [name for name in found if name.startswith("contact.")]


def test_a_visitor_who_signs_in_stays_apart_from_the_user_whose_id_is_proven(
    vouched_for: Any, said: Any
) -> None:
    write(vouched_for, said, VISITOR)
    write(vouched_for, said, USER, USER)
    assert owned(vouched_for) == {"webchat:v": False, "user:1": True}
    assert len(vouched_for.rows("SELECT DISTINCT contact_id FROM address")) == 2
    assert types(vouched_for) == []


def test_an_address_that_nobody_has_is_nobodys_after_it_was_vouched_for(
    vouched_for: Any, said: Any
) -> None:
    write(vouched_for, said, SHARED)
    write(vouched_for, said, USER, SHARED)
    assert owned(vouched_for) == {"telegram:5": True, "user:1": True}
    assert types(vouched_for) == []


def test_who_was_made_one_before_stays_so(desk: Any, said: Any) -> None:
    write(desk, said, VISITOR, USER.model_copy(update={"also": []}))
    write(desk, said, USER)
    desk.trust = desk.trust._replace(merge_on=frozenset())
    write(desk, said, USER, VISITOR)
    assert len(desk.rows("SELECT DISTINCT contact_id FROM address")) == 1
    assert types(desk) == ["contact.merged"]


def test_a_person_can_make_them_one_all_the_same(vouched_for: Any, said: Any) -> None:
    write(vouched_for, said, VISITOR, USER)
    older, younger = vouched_for.rows("SELECT id FROM contact ORDER BY id")
    vouched_for.run(merge, Merge(older.id, younger.id))
    write(vouched_for, said, USER)
    assert len(vouched_for.rows("SELECT DISTINCT contact_id FROM address")) == 1


def test_what_was_left_out_is_a_proof_again_when_it_is_said_anew(
    vouched_for: Any, desk: Any, said: Any
) -> None:
    trust = vouched_for.trust
    write(desk, said, VISITOR, USER)
    desk.trust = trust._replace(merge_on=frozenset({"verified"}))
    assert types(desk) == []
    write(desk, said, USER)
    assert types(desk) == ["contact.merged"]
    (row,) = desk.rows("SELECT reason FROM merge")
    assert row.reason == "verified"
