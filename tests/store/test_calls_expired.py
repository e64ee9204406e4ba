"""Wishes that nobody could try in time: missed, and told so."""

from __future__ import annotations

from typing import Any

from omnigate.store.callends import Expiry, expire_calls
from tests.store.calls import HOUR, dial, request, types


class TestExpiring:
    def test_what_was_not_tried_in_time_is_missed(self, desk: Any) -> None:
        call = request(desk)
        assert desk.run(expire_calls, Expiry(10, ["phone"])) == [[]]
        desk.now += HOUR
        assert dial(desk) == []
        ((expired,),) = desk.run(expire_calls, Expiry(10, ["phone"]))
        assert (expired.id, expired.state) == (call.id, "expired")
        assert types(desk) == ["call.requested", "call.missed"]

    def test_one_whose_channel_is_gone_says_so(self, desk: Any) -> None:
        call = request(desk)
        desk.now += HOUR
        ((expired,),) = desk.run(expire_calls, Expiry(10, ["other"]))
        assert (expired.id, expired.state) == (call.id, "expired")
        assert "no channel phone calls people any more" in str(expired.error)

    def test_what_is_under_way_does_not_expire(self, desk: Any) -> None:
        request(desk)
        dial(desk)
        desk.now += HOUR
        assert desk.run(expire_calls, Expiry(10, ["phone"])) == [[]]
