"""Polled updates: understood or kept in quarantine, with the cursor, in one transaction."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

import omnigate
from omnigate.flow.ephemeral import EphemeralRelay
from omnigate.flow.hosts import DaemonChannelHost
from omnigate.flow.inbox import Inbox
from omnigate.store.store import Store, open_store
from omnigate.store.threads import ChannelKey

pytestmark = pytest.mark.anyio


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    async with open_store(f"sqlite:///{tmp_path}/test.db") as opened:
        yield opened


@pytest.fixture
def host(store: Store) -> DaemonChannelHost:
    nobody: Any = None
    return DaemonChannelHost(
        ChannelKey("bot", "test"),
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


def parse(request: omnigate.Request) -> Sequence[omnigate.Inbound]:
    said = json.loads(request.body)
    if "poison" in said:
        raise {"bad": omnigate.BadPayload, "bug": KeyError, "stranger": omnigate.Unauthorized}[
            said["poison"]
        ]("x")
    if "nonsense" in said:
        return ["not an item"]  # type: ignore[list-item]
    return [
        omnigate.InboundMessage(
            external_id=str(said["id"]),
            conversation="c-1",
            occurred_at=datetime.now(UTC),
            sender=omnigate.Profile(address=omnigate.Address("test:anna")),
            text="hello",
        )
    ]


def update(**said: Any) -> bytes:
    return json.dumps(said).encode()


async def count(store: Store, table: str) -> int:
    query = text(f"SELECT count(*) FROM {table}")
    return await store.read(lambda connection: connection.scalar(query) or 0)


async def test_whatever_parse_raises_the_updates_behind_are_stored(
    store: Store, host: DaemonChannelHost
) -> None:
    poison = [update(poison=kind) for kind in ("bad", "bug", "stranger")] + [update(nonsense=1)]
    recorded = await host.put_updates(parse, [update(id=1), *poison, update(id=2)], cursor="7")
    assert [one.sequence for one in recorded] == [2, 3]
    assert await count(store, "quarantine") == 4
    assert await host.cursor() == "7"


async def test_the_same_poison_is_kept_once_and_the_same_update_stored_once(
    store: Store, host: DaemonChannelHost
) -> None:
    for _ in range(2):
        await host.put_updates(parse, [update(poison="bug"), update(id=1)])
    assert await count(store, "quarantine") == 1
    assert await count(store, "message") == 1


async def test_one_bad_update_does_not_hold_up_five_thousand(
    store: Store, host: DaemonChannelHost
) -> None:
    for start in range(0, 5000, 500):
        page = [update(id=number) for number in range(start, start + 500)]
        await host.put_updates(parse, [update(poison="bug"), *page], cursor=str(start + 500))
    assert await count(store, "message") == 5000
    assert await count(store, "quarantine") == 1
    assert await host.cursor() == "5000"


async def test_when_nothing_can_be_stored_neither_cursor_nor_quarantine_moves(
    store: Store, host: DaemonChannelHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*given: Any) -> None:
        raise omnigate.Overloaded("full", retry_after_seconds=1)

    monkeypatch.setattr(host._inbox, "admit", refuse)
    with pytest.raises(omnigate.Overloaded):
        await host.put_updates(parse, [update(poison="bug"), update(id=1)], cursor="7")
    assert await host.cursor() is None
    assert await count(store, "quarantine") == 0


async def test_requests_that_differ_in_their_query_alone_are_all_kept(
    store: Store, host: DaemonChannelHost
) -> None:
    """One text from two people: who wrote it stands in the address."""
    for number in ("1", "2", "2"):
        request = omnigate.Request(
            method="POST",
            path="/hook",
            query={"from": number},
            headers={},
            body=b'{"poison": "bad"}',
            received_at_seconds=0.0,
        )
        await host.put_updates(parse, [request])
    kept = await store.read(
        lambda connection: connection.execute(text("SELECT id FROM quarantine")).all()
    )
    assert len(kept) == 2
