"""What a channel keeps for itself: notes are as durable as what it puts with them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

import omnigate
from omnigate.flow.ephemeral import EphemeralRelay
from omnigate.flow.erasure import Erasure
from omnigate.flow.hosts import DaemonChannelHost
from omnigate.flow.inbox import Inbox
from omnigate.store import erase
from omnigate.store.conversationreads import find_conversation
from omnigate.store.store import Store, open_store
from omnigate.store.threads import ChannelKey

pytestmark = pytest.mark.anyio


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    async with open_store(f"sqlite:///{tmp_path}/test.db") as opened:
        yield opened


def host_of(store: Store, name: str = "texts") -> DaemonChannelHost:
    nobody: Any = None
    return DaemonChannelHost(
        ChannelKey(name, "test"),
        store=store,
        inbox=Inbox(store, min_free_bytes=0),
        media=nobody,
        relay=EphemeralRelay(store, nobody, nobody, nobody),
        outbound=nobody,
        handovers=nobody,
        calls=nobody,
        public_url="https://gate.example.org",
        report=lambda state, message: None,
    )


def said(number: int, conversation: str = "c-1") -> omnigate.InboundMessage:
    return omnigate.InboundMessage(
        external_id=f"{conversation}:{number}",
        message_id=f"<{number}@{conversation}>",
        conversation=conversation,
        occurred_at=datetime.now(UTC),
        sender=omnigate.Profile(address=omnigate.Address(f"user:{conversation}")),
        text=f"message {number}",
    )


async def test_notes_are_kept_with_what_is_put_and_found_by_how_their_keys_begin(
    store: Store,
) -> None:
    host = host_of(store)
    await host.put(said(1), notes={"a/2": "two", "a/1": "one", "b": "other"})
    assert await host.notes("a/") == {"a/1": "one", "a/2": "two"}
    assert list(await host.notes()) == ["a/1", "a/2", "b"]


async def test_notes_alone_can_be_put_changed_and_taken_away(store: Store) -> None:
    host = host_of(store)
    await host.put(notes={"a": "1", "b": "1"})
    await host.put(notes={"a": "2", "b": None, "never there": None})
    assert await host.notes() == {"a": "2"}


async def test_a_key_with_signs_that_mean_something_to_a_database_means_itself(
    store: Store,
) -> None:
    host = host_of(store)
    await host.put(notes={"100%": "x", "1000": "y", "a_b": "x", "aXb": "y", "ü/1": "z"})
    assert await host.notes("100%") == {"100%": "x"}
    assert await host.notes("a_b") == {"a_b": "x"}
    assert await host.notes("ü") == {"ü/1": "z"}


async def test_channels_do_not_see_each_others_notes(store: Store) -> None:
    await host_of(store, "one").put(notes={"a": "1"})
    assert await host_of(store, "other").notes() == {}


async def test_notes_are_there_after_a_restart(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/kept.db"
    async with open_store(url) as first:
        await host_of(first).put(notes={"a": "1"})
    async with open_store(url) as second:
        assert await host_of(second).notes() == {"a": "1"}


@pytest.mark.parametrize("notes", [{"": "x"}, {"k" * 201: "x"}, {"k": "x" * 100_001}])
async def test_a_note_that_is_too_long_is_refused_and_nothing_is_stored(
    store: Store, notes: dict[str, str]
) -> None:
    host = host_of(store)
    with pytest.raises(ValueError, match="a note has a key"):
        await host.put(said(1), notes=notes)
    assert await host.conversation("c-1") is None


async def test_notes_of_a_poll_are_written_though_its_update_is_not_understood(
    store: Store,
) -> None:
    def parse(request: omnigate.Request) -> list[omnigate.Inbound]:
        raise omnigate.BadPayload("nobody knows")

    host = host_of(store)
    await host.put_updates(parse, [b"junk"], notes={"place": "7"})
    assert await host.notes() == {"place": "7"}


async def test_conversations_are_found_by_what_the_platform_calls_their_messages(
    store: Store,
) -> None:
    host = host_of(store)
    await host.put(said(1, "c-1"), said(1, "c-2"))
    found = await host.conversations_of(["<1@c-2>", "<1@c-1>", "<1@nowhere>"])
    assert {called: known.external_id for called, known in found.items()} == {
        "<1@c-1>": "c-1",
        "<1@c-2>": "c-2",
    }
    assert found["<1@c-1>"].address == "user:c-1"
    assert await host_of(store, "other").conversations_of(["<1@c-1>"]) == {}


async def test_an_id_that_a_second_message_has_is_the_first_one_s(store: Store) -> None:
    """Ids of mails are their senders' to choose: who has seen one must not draw what answers it."""
    host = host_of(store)
    for conversation in ("c-2", "c-1", "c-3"):
        item = said(1, conversation)
        await host.put(item.model_copy(update={"message_id": "<seen@client>"}))
    found = await host.conversations_of(["<seen@client>"])
    assert found["<seen@client>"].external_id == "c-2"


async def test_a_note_about_somebody_is_read_as_any_other(store: Store) -> None:
    host = host_of(store)
    about = omnigate.Address("user:c-1")
    await host.put(notes={"a": omnigate.Note("1", about), "b": "1"})
    assert await host.notes() == {"a": "1", "b": "1"}
    with pytest.raises(ValueError, match="a note has a key"):
        await host.put(notes={"a": omnigate.Note("x" * 100_001, about)})


async def test_an_erased_contact_takes_the_notes_about_it_along(store: Store) -> None:
    """Of all channels, by whichever of its addresses; what is about others or nobody stays."""
    texts, mails = host_of(store), host_of(store, "mails")
    (recorded,) = await texts.put(said(1))
    await texts.put(said(1, "c-2"))
    anna, borya = omnigate.Address("user:c-1"), omnigate.Address("user:c-2")
    await texts.put(notes={"a": omnigate.Note("words", anna), "b": omnigate.Note("words", borya)})
    await texts.put(notes={"c": "words", "d": omnigate.Note("words", anna)})
    await texts.put(notes={"d": "about nobody now"})
    await mails.put(notes={"a": omnigate.Note("words", anna)})
    assert recorded.event_id is not None
    known = await store.read(find_conversation, "texts", "c-1")
    assert known is not None
    await Erasure(store, lambda digest: None).erase(known.contact_id)
    assert await texts.notes() == {"b": "words", "c": "words", "d": "about nobody now"}
    assert await mails.notes() == {}
    await texts.put(notes={"a": omnigate.Note("said later", anna)})
    assert "a" in await texts.notes(), "who writes again is somebody new"


async def test_an_erasure_that_forgets_the_notes_is_found_out(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Sabotage twin."""
    monkeypatch.setattr(erase, "forget_notes_about", lambda connection, addresses: None)
    with pytest.raises(AssertionError):
        await test_an_erased_contact_takes_the_notes_about_it_along(store)
