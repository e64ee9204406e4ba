"""One store, two histories: what a batch does, beside what its items do one at a time.

Both begin with the same contents and are rolled back after they were looked at, so that thousands of
batches can be tried on one file. What may differ is renamed before the two are compared: identifiers that
were made meanwhile by the order in which events name them, numbers of the outbox by their place in a lane.
A batch has one time, so what follows from several in one second may differ: the order of addresses that
became known one after another.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from operator import attrgetter, itemgetter
from typing import Any, Final, NamedTuple

from sqlalchemy import Connection, select

from omnigate.errors import Refused
from omnigate.model.event import EventContact, EventType
from omnigate.store.recent import Recent
from omnigate.store.schema import event, event_body, metadata
from omnigate.store.transaction import RowNumbers, Target, Transaction

Operation = Callable[..., Sequence[Any]]

_ID: Final = re.compile(r"(?:evt|msg|cnv|ctc|att|cal|hnd)_[0-9a-v]{26}")
_MOMENT: Final = re.compile(
    r"(?<=\b18\d{8})\d{3}\b|(?<=:\d\d\.)\d{3}(?=Z)|\b[1-9]\d{0,2}000(?=, tzinfo)"
)
"""The milliseconds of a time: each transaction has a later one, and all times beside are whole seconds."""
_APART: Final = re.compile(r"#(\d+)$")
_WITHOUT_MEANING: Final = frozenset({("wait", "id")})
"""Columns that nothing refers to, and nobody is shown."""
_OWED: Final = ("outbox", "dead", "delivery_done", "attempt", "exchange")


class History(NamedTuple):
    """What a history has come to."""

    tables: dict[str, list[str]]
    results: list[str]
    due: set[int]
    refused: list[Any]
    """Batches of which one item was refused: they have done nothing."""


@dataclass
class Twins:
    """A store with something in it, on which two histories are tried."""

    desk: Any
    routing: Callable[[str | None, EventType, str | None], Sequence[Target]]
    _recent: Recent = field(default_factory=Recent)

    def __post_init__(self) -> None:
        self._recent.watch(self.desk.engine)
        with self._undone() as connection:
            rows = _rows(connection)
        self._known = frozenset(_ID.findall(repr(rows)))
        self._last_owed = max((row["id"] for row in rows["outbox"]), default=0)

    def differences(
        self,
        operation: Operation,
        items: Sequence[Any],
        *,
        before: int = 0,
        remembers: bool = True,
        broken: Operation | None = None,
    ) -> list[str]:
        """Return what differs when all items but the first ``before`` come in one batch.

        With ``remembers`` each transaction knows what those before have left, as in a daemon that runs.
        ``broken`` stands in the operation's place in the batch.
        """
        first, rest = [[item] for item in items[:before]], items[before:]
        alone = self._history(operation, [*first, *([item] for item in rest)], remembers)
        last = broken or operation
        if refused := [item for item in rest if any(item is one for one in alone.refused)]:
            if not self._history(operation, [*first, rest], remembers, last).refused:
                return [f"refused only alone: {item!r}" for item in refused]
            # The writer then tries them one by one; the others are to be as they are without these.
            rest = [item for item in rest if not any(item is one for one in refused)]
        at_once = self._history(operation, [*first, rest], remembers, last)
        return _differences(alone, at_once)

    def _history(
        self,
        operation: Operation,
        batches: Sequence[Sequence[Any]],
        remembers: bool,
        last: Operation | None = None,
    ) -> History:
        results: list[Any] = []
        due: set[int] = set()
        refused: list[Any] = []
        with self._undone() as connection:
            self._recent.keep()
            self._recent.forget()
            numbers = RowNumbers(connection)
            for number, batch in enumerate(batches, start=1):
                if not remembers:
                    self._recent.forget()
                transaction = self._begin(connection, numbers, self.desk.now + number)
                run = last if last is not None and number == len(batches) else operation
                work = connection.begin_nested()
                try:
                    results += run(transaction, batch)
                except Refused:
                    work.rollback()
                    refused += batch
                    numbers = RowNumbers(connection)
                    continue
                work.commit()
                self._recent.keep()
                due |= transaction.due
            return self._told(connection, results, due, refused)

    def _begin(self, connection: Connection, numbers: RowNumbers, now: int) -> Transaction:
        self._recent.begin()
        return Transaction(
            connection,
            now,
            numbers,
            self.routing,
            432_000_000,
            recent=self._recent,
            trust=self.desk.trust,
        )

    def _told(
        self, connection: Connection, results: list[Any], due: set[int], refused: list[Any]
    ) -> History:
        rows = _rows(connection)
        names = self._names(connection, rows)
        owed = self._places(rows)

        def renamed(it: Any) -> str:
            text = _ID.sub(lambda found: names.get(found[0], found[0]), repr(it))
            return _MOMENT.sub("000", text)

        tables = {
            table: sorted(renamed(_placed(table, row, owed)) for row in found)
            for table, found in rows.items()
        }
        return History(tables, [renamed(_shown(it)) for it in results], due, refused)

    def _names(
        self, connection: Connection, rows: dict[str, list[dict[str, Any]]]
    ) -> dict[str, str]:
        """Return names for identifiers that are new, by the order in which they appear."""
        query = select(event, event_body.c.body).join(
            event_body, event_body.c.position == event.c.position
        )
        told = connection.execute(query.order_by(event.c.position)).all()
        names: dict[str, str] = {}
        for text in (repr(told), repr(rows)):
            for known in _ID.findall(text):
                if known not in self._known:
                    names.setdefault(known, f"{known[:3]}-{len(names)}")
        return names

    def _places(self, rows: dict[str, list[dict[str, Any]]]) -> dict[int, str]:
        """Return where in its lane stands what came to be owed."""
        places: dict[int, str] = {}
        lengths: dict[tuple[int, str], int] = {}
        for row in sorted(rows["outbox"], key=lambda row: row["id"]):
            if row["id"] > self._last_owed:
                lane = (row["destination_id"], _APART.sub("#", row["stream"]))
                lengths[lane] = lengths.get(lane, 0) + 1
                places[row["id"]] = f"{lengths[lane]} of {lane}"
        return places

    @contextmanager
    def _undone(self) -> Iterator[Connection]:
        with self.desk.engine.connect() as connection:
            work = connection.begin()
            try:
                yield connection
            finally:
                work.rollback()


def _rows(connection: Connection) -> dict[str, list[dict[str, Any]]]:
    return {
        table.name: [
            dict(row)
            for row in connection.execute(select(table).order_by(*table.primary_key)).mappings()
        ]
        for table in metadata.sorted_tables
    }


def _placed(table: str, row: dict[str, Any], owed: dict[int, str]) -> dict[str, Any]:
    """Return a row without what has no meaning, and with places for numbers of the outbox."""
    row = {name: it for name, it in row.items() if (table, name) not in _WITHOUT_MEANING}
    if table == "merge":
        row["addresses"] = sorted(json.loads(row["addresses"]))
    if table == "event_body":
        row["body"] = json.loads(row["body"])
        if row["body"]["contact"] is not None:
            row["body"]["contact"]["addresses"].sort(key=itemgetter("address"))
    number = "id" if table == "outbox" else "outbox_id"
    if table in _OWED:
        row[number] = owed.get(row[number], row[number])
    if apart := _APART.search(row.get("stream", "")):
        row["stream"] = f"{row['stream'][: apart.start()]}#{owed.get(int(apart[1]), apart[1])}"
    return row


def _shown(result: Any) -> Any:
    """Return an answer with the addresses of a contact in their order."""
    if isinstance(result, EventContact):
        ordered = sorted(result.addresses, key=attrgetter("address"))
        return result.model_copy(update={"addresses": ordered})
    return result


def _differences(alone: History, at_once: History) -> list[str]:
    found: list[str] = []
    for table, rows in alone.tables.items():
        found += (
            f"{table}, one at a time: {row}" for row in rows if row not in at_once.tables[table]
        )
        found += (f"{table}, at once: {row}" for row in at_once.tables[table] if row not in rows)
        if len(rows) != len(at_once.tables[table]):
            found.append(f"{table}: {len(rows)} rows, at once {len(at_once.tables[table])}")
    for one, other in zip(alone.results, at_once.results, strict=True):
        if one != other:
            found += [f"answer, one at a time: {one}", f"answer, at once: {other}"]
    if alone.due != at_once.due:
        found.append(f"due: {alone.due}, at once {at_once.due}")
    return found
