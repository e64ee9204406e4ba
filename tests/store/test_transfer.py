"""A conversation is handed over between two of its events; who gets which is settled there and then."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from omnigate.backend import BackendConfig
from omnigate.errors import Refused
from omnigate.flow.router import Receiver, RoutingTable, Way
from omnigate.model.attachment import AttachmentRef
from omnigate.model.inbound import MessageEdited
from omnigate.store import conversations
from omnigate.store.conversations import StatusChange, Transfer, change_status, transfer
from omnigate.store.erase import Removal, remove_person
from omnigate.store.ownership import held_at, held_now
from omnigate.store.record import MEDIA_URL

Say = Callable[..., Any]
BEGIN = 1_800_000_000_000


@pytest.fixture
def shop(desk: Any, said: Say) -> Any:
    """A store in which a bot owns by the route, an archive observes, and a person waits."""
    receivers = {
        name: Receiver(name, desk.add_backend(name), BackendConfig())
        for name in ("bot", "archive", "person")
    }
    desk._route = RoutingTable(receivers, {"app": Way(["bot"], ["archive"])})
    desk.put(said("m1"), said("m2"))
    return desk


def conversation(desk: Any) -> str:
    [row] = desk.rows("SELECT id FROM conversation")
    return str(row.id)


def hand(desk: Any, to: str, note: str | None = None) -> bool:
    desk.now += 1000
    [changed] = desk.run(transfer, Transfer(conversation(desk), to, note))
    return bool(changed)


def owed(desk: Any, name: str) -> list[tuple[int, str]]:
    """Return sequence and type of all that a backend is owed."""
    rows = desk.rows(
        "SELECT sequence, type FROM outbox JOIN event USING (position)"
        " JOIN destination ON destination.id = destination_id WHERE name = :name ORDER BY outbox.id",
        name=name,
    )
    return [(row.sequence, row.type) for row in rows]


def handed(desk: Any) -> list[dict[str, Any]]:
    rows = desk.rows(
        "SELECT body, media FROM event JOIN event_body USING (position)"
        " WHERE type = 'conversation.transferred' ORDER BY position"
    )
    return [{**json.loads(row.body)["data"]["transfer"], "media": bool(row.media)} for row in rows]


def test_the_event_is_the_last_of_the_former_owner_and_the_first_of_the_new_one(
    shop: Any, said: Say
) -> None:
    assert hand(shop, "person", "wants a human")
    shop.put(said("m3"))
    assert hand(shop, "bot")
    shop.put(said("m4"))
    started, received = "conversation.started", "message.received"
    moved = "conversation.transferred"
    bot = [(1, started), (2, received), (3, received), (4, moved), (6, moved), (7, received)]
    assert owed(shop, "bot") == bot
    assert owed(shop, "person") == [(4, moved), (5, received), (6, moved)]
    assert [number for number, _ in owed(shop, "archive")] == [1, 2, 3, 4, 5, 6, 7]


def test_the_new_owner_is_told_what_was_said_as_it_is_now_the_oldest_first(
    shop: Any, said: Say
) -> None:
    file = AttachmentRef(kind="image", mime="image/png", ref={"id": "1"})
    shop.put(
        said("m3", attachments=[file]),
        said("e1", item=MessageEdited, message_id="m1", text="corrected"),
    )
    hand(shop, "person", "please")
    [told] = handed(shop)
    assert (told["from_backend"], told["to_backend"], told["note"]) == (None, "person", "please")
    assert [(one["text"], one["state"]) for one in told["history"]] == [
        ("corrected", "edited"),
        ("m2", "received"),
        ("m3", "received"),
    ]
    [shown] = told["history"][2]["attachments"]
    assert shown["url"] == MEDIA_URL + shown["id"]
    assert told["media"], "addresses of files are made anew whenever it is delivered"


def test_history_is_bounded_by_number_and_by_size(
    shop: Any, said: Say, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop.put(*(said(f"n{number}") for number in range(30)))
    hand(shop, "person")
    texts = [one["text"] for one in handed(shop)[-1]["history"]]
    assert texts == [f"n{number}" for number in range(10, 30)]
    assert not handed(shop)[-1]["media"]
    shop.put(said("large", text="x" * 5000), said("last"))
    monkeypatch.setattr(conversations, "HISTORY_BYTES", 5000)
    hand(shop, "bot")
    assert [one["text"] for one in handed(shop)[-1]["history"]] == ["last"]


def test_handing_over_to_the_owner_changes_nothing(shop: Any) -> None:
    assert hand(shop, "person")
    assert not hand(shop, "person", "again")
    assert len(handed(shop)) == 1


def test_an_observer_may_become_the_owner_and_hears_of_it_once(shop: Any) -> None:
    hand(shop, "archive")
    assert [kind for _, kind in owed(shop, "archive")].count("conversation.transferred") == 1


def test_what_is_not_there_cannot_be_handed_over(shop: Any) -> None:
    with pytest.raises(Refused):
        shop.run(transfer, Transfer("cnv_nobody", "person"))


def test_whose_it_was_when_an_attempt_began_is_still_known(shop: Any) -> None:
    [asked] = shop.rows("SELECT id FROM event WHERE type = 'message.received' LIMIT 1")
    hand(shop, "person")  # at one second
    hand(shop, "archive")  # at two
    with shop.engine.connect() as connection:
        now = held_now(connection, asked.id)
        assert now is not None
        assert (now.channel, now.owner) == ("app", "archive")
        owners = [held_at(connection, asked.id, BEGIN + after) for after in (0, 1500, 2500)]
        assert [known.owner for known in owners if known] == [None, "person", "archive"]
        assert held_now(connection, "evt_none") is held_at(connection, "evt_none", 0) is None


def test_no_note_is_added_to_what_is_being_erased(shop: Any) -> None:
    """It would come to stand beside texts that are emptied already."""
    [row] = shop.rows("SELECT id, contact_id FROM conversation")
    shop.run(remove_person, Removal([row.contact_id]))
    count = len(shop.rows("SELECT id FROM event"))
    assert shop.run(change_status, StatusChange(row.id, "closed", "api", "she left")) == [False]
    for operation, change in (
        (transfer, Transfer(row.id, "person", "she left")),
        (change_status, StatusChange(row.id, "open", "api", "she left")),
    ):
        with pytest.raises(Refused) as refused:
            shop.run(operation, change)
        assert refused.value.code == "gone"
    assert len(shop.rows("SELECT id FROM event")) == count
