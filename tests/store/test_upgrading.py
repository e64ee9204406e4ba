"""A store of an older version, with rows in it, becomes one of this version and loses none."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from alembic import command
from sqlalchemy import Connection, Engine, inspect, text

from omnigate import ids
from omnigate.model.address import Address
from omnigate.model.facts import Message
from omnigate.store.destinations import Name, register
from omnigate.store.engine import open_writer
from omnigate.store.lanes import Claim, claim
from omnigate.store.migrate import _config, upgrade
from omnigate.store.outbound import Outgoing, PartContent, enqueue
from omnigate.store.requeue import DeadReplay, replay_dead
from omnigate.store.schema import metadata
from omnigate.store.settling import Settlement, settle
from omnigate.store.soundness import find_problems
from omnigate.store.threads import ChannelKey
from omnigate.store.urgency import UNASKED

OLD = "0002"


def shape(connection: Connection) -> dict[str, Any]:
    """Return the columns and indexes of all tables that are there."""
    seen = inspect(connection)
    return {
        table: (
            {column["name"]: (str(column["type"]), column["nullable"]) for column in columns},
            {(index["name"], tuple(index["column_names"])) for index in seen.get_indexes(table)},
        )
        for table in metadata.tables
        if seen.has_table(table) and (columns := seen.get_columns(table))
    }


def rows(connection: Connection, table: str, names: list[str]) -> list[tuple[Any, ...]]:
    chosen = ", ".join(f'"{name}"' for name in names)
    return [tuple(row) for row in connection.execute(text(f'SELECT {chosen} FROM "{table}"'))]


@pytest.fixture
def filled(desk: Any, said: Any) -> tuple[Any, int, int]:
    """A store in which something was said, answered, delivered, given up, and is owed still."""
    crm = desk.add_backend("crm")
    (app,) = desk.run(register, Name("channel", "app"))
    desk.put(*(said(str(number), f"c-{number % 3}") for number in range(12)))
    for _ in range(2):
        answer = Message(
            id=ids.message_id(),
            direction="outbound",
            state="queued",
            created_at=datetime.now(UTC),
            text="two parts",
        )
        parts = [PartContent(text="two"), PartContent(text="parts")]
        place: dict[str, Any] = {"address": Address("app:c-1"), "external_id": "c-1"}
        desk.run(
            enqueue,
            Outgoing(ChannelKey("app", "http", 50), app.destination_id, answer, parts, **place),
        )
    (claimed,) = desk.run(claim, Claim(crm, 2, 2, 1, 60_000))
    outcomes: list[Any] = ["delivered", "dead"]
    for lease, outcome in zip(claimed.leases, outcomes, strict=True):
        item = lease.items[0]
        desk.run(settle, Settlement(lease, item, outcome, last=True, reason="refused", error="x"))
    return desk, crm, app.destination_id


@pytest.fixture
def old(filled: Any, tmp_path: Path) -> Iterator[Engine]:
    """The same in a file of the older version: all that it has a place for."""
    desk, *_ = filled
    engine = open_writer(tmp_path / "old.db")
    with engine.begin() as connection:
        config = _config()
        config.attributes["connection"] = connection
        command.upgrade(config, OLD)
        with desk.engine.begin() as source:
            for table in metadata.sorted_tables:
                if not inspect(connection).has_table(table.name):
                    continue  # of a later version
                there = [column["name"] for column in inspect(connection).get_columns(table.name)]
                found = rows(source, table.name, there)
                connection.execute(text(f'DELETE FROM "{table.name}"'))
                values = ", ".join(f":{name}" for name in there)
                insert = text(f'INSERT INTO "{table.name}" VALUES ({values})')
                for row in found:
                    connection.execute(insert, dict(zip(there, row, strict=True)))
    yield engine
    engine.dispose()


def test_nothing_is_lost_and_all_is_as_if_it_were_new(filled: Any, old: Engine) -> None:
    desk, *_ = filled
    with old.begin() as connection:
        columns = {table: list(known[0]) for table, known in shape(connection).items()}
        before = {table: rows(connection, table, names) for table, names in columns.items()}
        upgrade(connection)
    with old.begin() as connection, desk.engine.begin() as fresh:
        after = {table: rows(connection, table, names) for table, names in columns.items()}
        assert after == before
        assert sum(map(len, after.values())) > 50
        assert shape(connection) == shape(fresh)
        assert find_problems(connection) == []


def test_what_channels_are_owed_is_no_less_urgent_than_what_is_written_now(
    filled: Any, old: Engine
) -> None:
    _, crm, app = filled
    priorities = "SELECT DISTINCT destination_id, priority FROM lane ORDER BY destination_id"
    with old.begin() as connection:
        connection.execute(text("UPDATE lane SET priority = 50"))
        upgrade(connection)
    with old.begin() as connection:
        found = connection.execute(text(priorities)).all()
    assert [tuple(row) for row in found] == [(crm, 50), (app, UNASKED)]


def test_what_was_owed_goes_out_and_what_died_can_be_offered_again(
    filled: Any, old: Engine
) -> None:
    desk, crm, app = filled
    with old.begin() as connection:
        upgrade(connection)
    before, desk.engine = desk.engine, old
    try:
        (answer,) = desk.run(
            replay_dead,
            DeadReplay([row.outbox_id for row in desk.rows("SELECT * FROM dead")], {crm}),
        )
        assert len(answer.done) == 1
        (claimed,) = desk.run(claim, Claim(app, 9, 9, 1, 60_000))
        assert [lease.items[0].job.part.text for lease in claimed.leases] == ["two"]
    finally:
        desk.engine = before


def test_a_migration_that_is_left_out_is_found_out(filled: Any, old: Engine) -> None:
    """Sabotage twin."""
    desk, *_ = filled
    with old.begin() as connection:
        config = _config()
        config.attributes["connection"] = connection
        command.upgrade(config, "head-1")
    with old.begin() as connection, desk.engine.begin() as fresh:
        assert shape(connection) != shape(fresh)
