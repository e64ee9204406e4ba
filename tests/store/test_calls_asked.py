"""Which calls that customers asked for in a channel are still open: what it picks up after a restart."""

from __future__ import annotations

from typing import Any

import pytest

from omnigate.errors import Refused
from omnigate.model.address import Address
from omnigate.model.call import Call, CallWanted
from omnigate.store.callends import Cancellation, cancel_calls
from omnigate.store.callreads import calls_asked_in
from omnigate.store.callrequests import Asked, request_calls
from omnigate.store.erase import Removal, remove_person
from omnigate.store.threads import ChannelKey
from tests.store.conftest import BEGIN, CHANNEL, at

PHONE = ChannelKey("phone", "call", 10)


def request(desk: Any, number: str, conversation_id: str | None = None) -> Call:
    wanted = CallWanted(number=number, from_conversation=conversation_id)
    asked = Asked(PHONE, wanted, Address(f"tel:{number}"), expires_at=at(BEGIN + 3_600_000))
    call: Call = desk.run(request_calls, asked)[0]
    return call


def asked_in(desk: Any, channel: str) -> list[tuple[str, str]]:
    with desk.engine.begin() as connection:
        return [(place, call.id) for place, call in calls_asked_in(connection, channel)]


def test_open_calls_are_found_by_where_they_were_asked_for(desk: Any, said: Any) -> None:
    desk.put(said("m-1", "c-1"), said("m-2", "c-2"))
    ids = {row.external_id: row.id for row in desk.rows("SELECT id, external_id FROM conversation")}
    first = request(desk, "+79161234561", ids["c-1"])
    over = request(desk, "+79161234562", ids["c-1"])
    second = request(desk, "+79161234563", ids["c-2"])
    request(desk, "+79161234564")
    desk.run(cancel_calls, Cancellation(over.id))
    assert asked_in(desk, CHANNEL.name) == [("c-1", first.id), ("c-2", second.id)]
    assert asked_in(desk, PHONE.name) == []
    assert asked_in(desk, "another") == []


@pytest.mark.parametrize("named", ["conversation", "contact"])
def test_nobody_asks_for_a_call_while_they_are_being_erased(
    desk: Any, said: Any, named: str
) -> None:
    """A wish that the erasure does not see any more would keep what was said with it."""
    desk.put(said("m-1", "c-1"))
    (row,) = desk.rows("SELECT id, contact_id FROM conversation")
    place = (
        {"from_conversation": row.id} if named == "conversation" else {"contact": row.contact_id}
    )
    wanted = CallWanted(number="+79161234561", note="about her divorce", **place)
    asked = Asked(PHONE, wanted, Address("tel:+79161234561"), expires_at=at(BEGIN + 3_600_000))
    desk.run(remove_person, Removal([row.contact_id]))
    with pytest.raises(Refused) as refused:
        desk.run(request_calls, asked)
    assert refused.value.code == "gone"
    assert desk.rows("SELECT id FROM call") == []
