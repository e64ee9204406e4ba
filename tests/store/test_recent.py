"""What the writer remembers of conversations and contacts is what the store holds.

The same random history is written several times: by writers that remember, and by one that never does.
All stores must hold the same rows, whatever was merged, rolled back or changed behind the ledger's back.
"""

from __future__ import annotations

import asyncio
import itertools
import random
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, text
from structlog.testing import capture_logs

from omnigate import ids
from omnigate.model.inbound import ContactBlocked, ConversationClosed, Rating
from omnigate.store import store
from omnigate.store.contacts import Edit, Merge, edit, merge
from omnigate.store.conversations import StatusChange, Transfer, change_status, transfer
from omnigate.store.ingest import Intake, ingest
from omnigate.store.parting import Unmerge, unmerge
from omnigate.store.recent import LIMIT, Recent
from omnigate.store.store import Store, open_store
from omnigate.store.threads import ChannelKey
from omnigate.store.transaction import Transaction

pytestmark = pytest.mark.anyio

CHANNELS = (ChannelKey("app", "http"), ChannelKey("chat", "webchat", 50))
NEVER = -1
"""A limit that is always passed: nothing is ever remembered."""
TURNS = 50

Rows = dict[str, list[Any]]


def stumble(transaction: Transaction, items: Sequence[Intake]) -> list[None]:
    """Take in, and only then fail: what the ledger has changed is rolled back."""
    ingest(transaction, items)
    raise ValueError("one item that nobody thought of")


def fail_in_commit(transaction: Transaction, items: Sequence[Intake]) -> list[None]:
    """Take in, and break a promise that SQLite looks at only when it commits."""
    ingest(transaction, items)
    transaction.connection.exec_driver_sql("PRAGMA defer_foreign_keys=ON")
    transaction.connection.exec_driver_sql(
        "INSERT INTO message_part (message_id, number, channel, state, doubts, body)"
        " VALUES ('nobody', 0, 'app', 'queued', 0, '')"
    )
    return [None] * len(items)


def change_unseen(transaction: Transaction, items: Sequence[str]) -> list[None]:
    """Change rows without the ledger, as an erasure does."""
    for contact_id in items:
        for statement in (
            "UPDATE contact SET display_name = 'erased' WHERE id = :id",
            "UPDATE address SET username = 'erased' WHERE contact_id = :id",
            "UPDATE conversation SET subject = 'erased' WHERE contact_id = :id",
        ):
            transaction.connection.execute(text(statement), {"id": contact_id})
    return [None] * len(items)


class History:
    """A random history: what happens depends on the seed and on the store's own rows alone."""

    def __init__(self, subject: Store, said: Any, seed: int) -> None:
        self._store = subject
        self._said = said
        self._chance = random.Random(seed)
        self._numbers = itertools.count()

    async def play(self, turns: int) -> None:
        """Let several things happen in each turn; some of them fail."""
        for _ in range(turns):
            known = await self._store.read(read_ids)
            jobs = [self._job(*known) for _ in range(self._chance.randint(1, 4))]
            waiting = [self._store.writer.do_nowait(operation, item) for operation, item in jobs]
            await asyncio.gather(*waiting, return_exceptions=True)

    def _job(
        self, people: list[str], threads: list[str], merges: list[tuple[str, int]]
    ) -> tuple[Any, Any]:
        chance, roll = self._chance, self._chance.random()
        if roll < 0.62 or not people:
            return ingest, self._intake()
        if roll < 0.72:
            return chance.choice((stumble, fail_in_commit)), self._intake()
        if roll < 0.80:
            return edit, Edit(chance.choice(people), {"display_name": self._name()})
        if roll < 0.84:
            return merge, Merge(chance.choice(people), chance.choice(people), force=True)
        if roll < 0.87 and merges:
            loser, number = chance.choice(merges)
            return unmerge, Unmerge(loser, number, "operator")
        if roll < 0.90:
            return change_unseen, chance.choice(people)
        if roll < 0.95:
            return transfer, Transfer(chance.choice(threads), f"crm{chance.randint(1, 2)}")
        return change_status, StatusChange(chance.choice(threads), "closed", "api")

    def _intake(self) -> Intake:
        return Intake(
            self._chance.choice(CHANNELS), [self._item() for _ in range(self._chance.randint(1, 3))]
        )

    def _item(self) -> Any:
        chance, number = self._chance, next(self._numbers)
        conversation = f"c{chance.randint(1, 6)}"
        sender: dict[str, Any] = {"address": f"app:{conversation}"}
        if chance.random() < 0.3:
            sender["display_name"] = self._name()
        if chance.random() < 0.2:
            sender["also"] = [
                chance.choice(
                    (f"tel:+4912345{chance.randint(10, 14)}", f"user:{chance.randint(1, 3)}")
                )
            ]
            sender["verified"] = True
        roll = chance.random()
        if roll < 0.05:
            return self._said(f"m{number}", conversation, item=ConversationClosed)
        if roll < 0.10:
            return self._said(f"m{number}", conversation, item=ContactBlocked, sender=sender)
        if roll < 0.15:
            return self._said(f"m{number}", conversation, item=Rating, sender=sender, score=4)
        subject = f"about {number}" if chance.random() < 0.2 else None
        return self._said(f"m{number}", conversation, sender=sender, subject=subject)

    def _name(self) -> str:
        return f"Name {self._chance.randint(1, 9)}"


def read_ids(connection: Connection) -> tuple[list[str], list[str], list[tuple[str, int]]]:
    people = connection.execute(text("SELECT id FROM contact ORDER BY id")).scalars().all()
    threads = connection.execute(text("SELECT id FROM conversation ORDER BY id")).scalars().all()
    merges = connection.execute(text("SELECT loser, id FROM merge WHERE undone_at IS NULL"))
    return list(people), list(threads), [(row.loser, row.id) for row in merges]


def read_all(connection: Connection) -> Rows:
    tables = (
        *("contact", "address", "conversation", "merge", "conflict"),
        *("event", "event_body", "message", "dedup"),
    )
    return {
        table: sorted(map(tuple, connection.execute(text(f"SELECT * FROM {table}"))), key=repr)
        for table in tables
    }


async def written(
    directory: Path, said: Any, seed: int, memory: Recent, patch: pytest.MonkeyPatch
) -> Rows:
    """Return all rows after a history, written by a writer with the given memory."""
    path = tempfile.mkdtemp(dir=directory)
    numbers = itertools.count()
    patch.setattr(ids, "new", lambda prefix: f"{prefix}_{next(numbers):026d}")
    patch.setattr(store, "Recent", lambda: memory)
    url = f"sqlite:///{path}/store.db"
    with capture_logs():  # what fails is said, at length
        async with open_store(url, clock=lambda: 1_800_000_000.0) as subject:
            await History(subject, said, seed).play(TURNS)
            return await subject.read(read_all)


@pytest.mark.parametrize("run", range(3))
async def test_a_writer_that_remembers_writes_what_one_writes_that_reads_everything(
    run: int, tmp_path: Path, said: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    seed = random.randrange(10**9)
    print(f"seed {seed}")
    expected = await written(tmp_path, said, seed, Recent(NEVER), monkeypatch)
    assert len(expected["message"]) > TURNS // 2
    assert expected["merge"]
    for limit in (LIMIT, 3):
        rows = await written(tmp_path, said, seed, Recent(limit), monkeypatch)
        assert rows == expected, (seed, limit)


class TrustsARollback(Recent):
    """Broken on purpose: does not ask whether the turn before was committed."""

    def begin(self) -> None:
        self.keep()
        super().begin()


class Blind(Recent):
    """Broken on purpose: does not see what is changed behind the ledger's back."""

    def watch(self, engine: Any) -> None:
        pass


@pytest.mark.parametrize("broken", [TrustsARollback, Blind])
async def test_the_comparison_finds_a_memory_that_is_wrong(
    broken: type[Recent], tmp_path: Path, said: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    for seed in range(5):
        expected = await written(tmp_path, said, seed, Recent(NEVER), monkeypatch)
        if await written(tmp_path, said, seed, broken(), monkeypatch) != expected:
            return
    pytest.fail("a wrong memory went unnoticed")


async def test_a_conversation_that_goes_on_is_not_read_again(tmp_path: Path, said: Any) -> None:
    seen: list[str] = []

    def listen(transaction: Transaction, items: Sequence[None]) -> Sequence[None]:
        driver: Any = transaction.connection.connection.driver_connection
        driver.set_trace_callback(seen.append)
        return items

    async with open_store(f"sqlite:///{tmp_path}/store.db") as subject:
        await subject.writer.do(listen, None)
        await subject.writer.do(ingest, Intake(CHANNELS[0], [said("1")]))
        assert [line for line in seen if "FROM conversation" in line]
        seen.clear()
        await subject.writer.do(ingest, Intake(CHANNELS[0], [said("2")]))
    assert [line for line in seen if line.startswith("UPDATE conversation")]
    assert not [line for line in seen if "FROM conversation" in line or "FROM contact" in line]
