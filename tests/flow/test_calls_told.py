"""Who hears of a call: the channel in which it was asked for, and its trouble is its own."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

import omnigate
from omnigate.flow.figures import Figures
from omnigate.flow.followers import Followers
from omnigate.store.transaction import CallChanged

CALL = omnigate.Call(
    id="cal_00000000000000000000000000",
    state="customer_ringing",
    customer="+79161234567",
    requested_at=datetime(2026, 11, 22, tzinfo=UTC),
)


class Widget(omnigate.Channel):
    kind = "widget"

    def __init__(self) -> None:
        self.heard: list[tuple[str, omnigate.Call]] = []
        self.error: Exception | None = None

    async def send(self, part: omnigate.OutboundPart) -> omnigate.Sent:
        raise NotImplementedError

    def call_changed(self, conversation: str, call: omnigate.Call) -> None:
        if self.error is not None:
            raise self.error
        self.heard.append((conversation, call))


class Deaf(omnigate.Channel):
    kind = "deaf"

    def __init__(self) -> None:
        pass

    async def send(self, part: omnigate.OutboundPart) -> omnigate.Sent:
        raise NotImplementedError


def changed(asked_by: str | None, call: omnigate.Call = CALL, **more: Any) -> CallChanged:
    given = {"has_ended": False, "is_cancelled": False, "asked_in": "visitor-1", **more}
    return CallChanged("phone", call, asked_by=asked_by, **given)


@pytest.fixture
def widget() -> Widget:
    return Widget()


@pytest.fixture
def followers(widget: Widget) -> Followers:
    followers = Followers(lambda text: text.replace("omnigate-media:", "https://signed/"))
    followers.add("site", widget)
    followers.add("deaf", Deaf())
    return followers


def test_the_channel_in_which_it_was_asked_for_hears_and_no_other(
    followers: Followers, widget: Widget
) -> None:
    followers.tell_calls([changed("site"), changed("deaf"), changed("other"), changed(None)])
    assert widget.heard == [("visitor-1", CALL)]


def test_a_recording_has_an_address_that_works(followers: Followers, widget: Widget) -> None:
    file = omnigate.Attachment(id="att_1", url="omnigate-media:att_1")
    followers.tell_calls([changed("site", CALL.model_copy(update={"recording": file}))])
    ((_, call),) = widget.heard
    assert call.recording is not None
    assert call.recording.url == "https://signed/att_1"


def test_what_a_channel_raises_reaches_nobody_else(followers: Followers, widget: Widget) -> None:
    second = Widget()
    followers.add("second", second)
    widget.error = RuntimeError("no connection")
    followers.tell_calls([changed("site"), changed("second")])
    assert len(second.heard) == 1


def test_one_that_was_removed_hears_nothing_more(followers: Followers, widget: Widget) -> None:
    followers.remove("site")
    followers.tell_calls([changed("site")])
    assert widget.heard == []


def test_ends_are_counted_once_each() -> None:
    figures = Figures()
    ended = CALL.model_copy(update={"state": "completed"})
    figures.called(
        [changed("site"), changed("site", ended, has_ended=True), changed("site", ended)]
    )
    assert figures.calls == {("phone", "completed"): 1}
