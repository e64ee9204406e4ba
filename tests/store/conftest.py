"""A real store without its event loop: operations one after another, by a clock that tests move."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Row, text

from omnigate.model.context import Context
from omnigate.model.event import EventType
from omnigate.store.destinations import Name, register
from omnigate.store.engine import open_writer
from omnigate.store.ingest import Intake, ingest
from omnigate.store.migrate import upgrade
from omnigate.store.soundness import find_problems
from omnigate.store.threads import ChannelKey
from omnigate.store.transaction import TRUST, RowNumbers, Target, Transaction
from tests.store.counter import SITE, VISITOR, Counter
from tests.store.people import People

BEGIN = 1_800_000_000_000
CHANNEL = ChannelKey("app", "http", 50)


class Desk:
    """An open store file: every `run` is one committed transaction."""

    def __init__(self, path: Path) -> None:
        self.engine = open_writer(path)
        self.now = BEGIN
        self.trust = TRUST
        self.targets: list[Target] = []
        self.due: set[int] = set()
        self.failing = False
        with self.engine.begin() as connection:
            upgrade(connection)
            self._numbers = RowNumbers(connection)

    def close(self) -> None:
        self.engine.dispose()

    def run(self, operation: Callable[..., Sequence[Any]], *items: Any) -> list[Any]:
        """Run an operation over a batch and commit."""
        with self.engine.begin() as connection:
            transaction = Transaction(
                connection, self.now, self._numbers, self._route, 432_000_000, trust=self.trust
            )
            results = operation(transaction, list(items))
            self.due = transaction.due
            return list(results)

    def put(self, *items: Any) -> list[Any]:
        """Hand items in as the channel does; returns what became of them."""
        return list(self.run(ingest, Intake(CHANNEL, items))[0])

    def add_backend(self, name: str, *, ordered: bool = True) -> int:
        """Route all events to one more backend; returns its number."""
        (health,) = self.run(register, Name("backend", name))
        self.targets.append(Target(health.destination_id, ordered))
        return int(health.destination_id)

    def rows(self, query: str, **values: Any) -> Sequence[Row[Any]]:
        with self.engine.begin() as connection:
            return connection.execute(text(query), values).all()

    def problems(self) -> list[str]:
        """Return what the operator's check finds."""
        with self.engine.begin() as connection:
            return find_problems(connection)

    def _route(
        self, channel: str | None, event_type: EventType, owner: str | None
    ) -> Sequence[Target]:
        return self.targets


def at(milliseconds: int) -> datetime:
    return datetime.fromtimestamp(milliseconds / 1000, UTC)


@pytest.fixture(scope="session")
def migrated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file with the newest schema and nothing in it."""
    path = tmp_path_factory.mktemp("store") / "empty.db"
    Desk(path).close()
    return path


@pytest.fixture(scope="module")
def new_desk(
    migrated: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Callable[[], Desk]]:
    """Open as many empty stores as the tests of a module want."""
    opened: list[Desk] = []

    def make() -> Desk:
        path = tmp_path_factory.mktemp("desk") / "store.db"
        shutil.copy(migrated, path)
        opened.append(Desk(path))
        return opened[-1]

    yield make
    for desk in opened:
        desk.close()


@pytest.fixture
def desk(new_desk: Callable[[], Desk]) -> Iterator[Desk]:
    """One empty store."""
    desk = new_desk()
    yield desk
    assert desk.problems() == []


@pytest.fixture(scope="session")
def said() -> Callable[..., Any]:
    """Make what a customer says; see `items`."""
    from omnigate.model.inbound import InboundMessage, Profile

    def say(
        external_id: str,
        conversation: str = "c-1",
        *,
        item: type[Any] = InboundMessage,
        **more: Any,
    ) -> Any:
        fields: dict[str, Any] = {}
        if "sender" in item.model_fields:
            fields["sender"] = Profile.model_validate({"address": f"app:{conversation}"})
        if item is InboundMessage:
            fields["text"] = external_id
        return item(
            external_id=external_id,
            conversation=conversation,
            occurred_at=at(BEGIN),
            **{**fields, **more},
        )

    return say


@pytest.fixture
def counter(desk: Any, said: Any) -> Counter:
    """Anna has asked something on a page of the site."""
    counter = Counter(desk, said)
    page = Context(page="https://shop.example/bikes", title="Bikes", ip="192.0.2.1")
    counter.write(SITE, VISITOR, text="Is it in stock?", context=page)
    return counter


@pytest.fixture
def people(desk: Any, said: Any) -> People:
    """Customers of an empty store."""
    return People(desk, said)
