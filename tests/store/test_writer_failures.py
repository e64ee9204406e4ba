"""The writer when something fails: nothing is acknowledged that is not on disk, and nothing else suffers."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.exc import OperationalError

from omnigate.errors import StoreError
from omnigate.store.destinations import Name, register
from omnigate.store.engine import open_writer
from omnigate.store.store import open_store
from omnigate.store.transaction import Transaction
from omnigate.store.turns import Committed

pytestmark = pytest.mark.anyio


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path}/store.db"


def fail_in_commit(transaction: Transaction, items: Sequence[Any]) -> list[None]:
    """Break a promise that SQLite looks at only when it commits."""
    transaction.connection.exec_driver_sql("PRAGMA defer_foreign_keys=ON")
    transaction.connection.exec_driver_sql(
        "INSERT INTO address (address, contact_id, created_at) VALUES ('app:1', 'nobody', 1)"
    )
    return [None] * len(items)


def stumble(transaction: Transaction, items: Sequence[Any]) -> list[None]:
    transaction.due.add(4711)
    raise ValueError("one item that nobody thought of")


def lose_the_disk(transaction: Transaction, items: Sequence[Any]) -> list[None]:
    failure = sqlite3.OperationalError("disk I/O error")
    failure.sqlite_errorcode = sqlite3.SQLITE_IOERR | 4 << 8  # SQLITE_IOERR_FSYNC
    raise OperationalError("COMMIT", None, failure)


def names_in(url: str) -> list[str]:
    engine = open_writer(Path(url.removeprefix("sqlite:///")))
    try:
        with engine.begin() as connection:
            return [
                row.name
                for row in connection.execute(text("SELECT name FROM destination ORDER BY id"))
            ]
    finally:
        engine.dispose()


@pytest.mark.parametrize("fails", [fail_in_commit, stumble])
async def test_what_fails_fails_alone_and_all_others_of_the_turn_are_committed(
    url: str, fails: Callable[..., Any]
) -> None:
    told: list[Committed] = []
    async with open_store(url) as store:
        store.writer.on_commit.append(told.append)
        do = store.writer.do
        answers: tuple[Any, ...] = await asyncio.gather(
            do(register, Name("backend", "before")),
            do(fails, None),
            do(register, Name("backend", "after")),
            return_exceptions=True,
        )
        assert [isinstance(answer, StoreError) for answer in answers] == [False, True, False]
        await do(register, Name("backend", "later"))
    assert names_in(url) == ["before", "after", "later"]
    assert all(4711 not in committed.due for committed in told), "it was rolled back"


async def test_after_the_disk_failed_nothing_is_acknowledged_and_the_store_is_over(
    url: str,
) -> None:
    answers: list[Any] = []

    async def work() -> None:
        async with open_store(url) as store:
            await store.writer.do(register, Name("backend", "before"))
            asked: list[asyncio.Future[Any]] = [
                store.writer.do_nowait(stumble, None),
                store.writer.do_nowait(lose_the_disk, None),
                store.writer.do_nowait(register, Name("backend", "after")),
            ]
            with suppress(asyncio.CancelledError):
                await asyncio.wait(asked)
            answers.extend(future.exception() for future in asked)
            with pytest.raises(StoreError):
                await store.writer.do(register, Name("backend", "even later"))

    with pytest.raises(BaseExceptionGroup) as ended:
        await work()
    assert ended.group_contains(StoreError, match="disk failed")
    assert [type(answer) for answer in answers] == [StoreError] * 3
    assert names_in(url) == ["before"]


async def test_a_store_whose_user_fails_can_be_opened_again_at_once(url: str) -> None:
    with pytest.raises(BaseExceptionGroup):
        async with open_store(url):
            raise ValueError("the user of the store")
    async with open_store(url) as store:
        await store.writer.do(register, Name("backend", "crm"))
    assert names_in(url) == ["crm"]
