"""Files that no row names are swept after a day, and no file that a row names or is about to name."""

from __future__ import annotations

import asyncio
import hashlib
import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event

from omnigate import ids
from omnigate.config.tables import Retention
from omnigate.flow import sweeping
from omnigate.flow.housekeeping import Housekeeper
from omnigate.flow.shelf import Shelf
from omnigate.flow.sweeping import FEW, Sweeper
from omnigate.store import discarding
from omnigate.store.attachments import add_uploaded
from omnigate.store.discarding import ForgottenFiles, forget_files
from omnigate.store.store import Store, open_store

pytestmark = pytest.mark.anyio

NOW = 1_800_000_000.0
HOUR = 3600.0
DAY = 24 * HOUR


class House:
    """A store with its files, at a time of its own."""

    def __init__(self, store: Store, folder: Path) -> None:
        self.store = store
        self.shelf = Shelf(folder)
        self.sweeper = Sweeper(store, self.shelf)

    async def put(self, text: str, *, age: float = 2 * DAY) -> Path:
        """Put a file that nobody has claimed, as a kill would leave it."""
        shelved = await self.shelf.put(pieces(text), 1000)
        self.shelf.claimed(shelved.sha256)
        path = self.shelf.path(shelved.sha256)
        os.utime(path, (NOW - age, NOW - age))
        return path

    async def name(self, path: Path) -> None:
        """Write the row that names a file."""
        row = {"id": ids.attachment_id(), "kind": "file", "mime": "text/plain", "sha256": path.name}
        await self.store.writer.do(add_uploaded, row)

    async def kept(self, text: str = "kept") -> Path:
        path = await self.put(text)
        await self.name(path)
        return path

    async def sweep(self) -> int:
        return await self.sweeper.sweep(int(NOW * 1000), everywhere=True)


async def pieces(text: str) -> AsyncIterator[bytes]:
    yield text.encode()


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    async with open_store(f"sqlite:///{tmp_path}/s.db", clock=lambda: NOW) as store:
        yield House(store, tmp_path / "files")


async def test_what_no_row_names_goes_after_a_day_and_all_else_stays(house: House) -> None:
    kept = await house.kept()
    waste = await house.put("waste")
    young = await house.put("young", age=DAY - 60)
    beside = [waste.with_name(name) for name in (".incoming-x", "readme", f"{waste.name}.part")]
    for path in beside:
        path.write_text("somebody's")
        os.utime(path, (NOW - 2 * DAY,) * 2)
    assert await house.sweep() == 1
    assert not waste.exists()
    assert all(path.exists() for path in (kept, young, *beside))
    assert await house.sweep() == 0


async def test_a_file_that_somebody_has_put_again_and_not_claimed_yet_stays(house: House) -> None:
    """Its row may be in the very turn that comes next."""
    await house.kept()
    path = await house.put("waste")
    await house.shelf.put(pieces("waste"), 1000)
    os.utime(path, (NOW - 2 * DAY,) * 2)
    await house.sweep()
    assert path.exists()
    await house.name(path)
    house.shelf.claimed(path.name)
    assert await house.sweep() == 0
    assert path.exists()


async def test_a_row_that_comes_between_the_look_and_the_turn_keeps_its_file(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    await house.kept()
    path = await house.put("named late")
    await sweep_with_late_row(house, path, monkeypatch)
    assert path.exists()


async def sweep_with_late_row(house: House, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Sweep, and write a row when the sweep has looked already."""
    do = house.store.writer.do

    async def name_first(operation: Any, item: Any, **more: Any) -> Any:
        if isinstance(item, ForgottenFiles):
            with monkeypatch.context() as undone:
                undone.setattr(house.store.writer, "do", do)
                await house.name(path)
        return await do(operation, item, **more)

    monkeypatch.setattr(house.store.writer, "do", name_first)
    await house.sweep()


async def test_a_turn_that_does_not_look_again_is_found(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A sabotage twin: the bytes of the late row would be gone."""
    await house.kept()
    path = await house.put("named late")
    monkeypatch.setattr(discarding, "unnamed", lambda connection, hashes: list(hashes))
    await sweep_with_late_row(house, path, monkeypatch)
    assert not path.exists()


async def test_a_discard_that_does_not_ask_who_is_about_to_claim_is_found(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A sabotage twin: the bytes would be gone before their row is written."""
    await house.kept()
    path = await house.put("waste")
    await house.shelf.put(pieces("waste"), 1000)
    os.utime(path, (NOW - 2 * DAY,) * 2)
    monkeypatch.setattr(house.shelf, "_unclaimed", {})
    await house.sweep()
    assert not path.exists()


async def test_a_store_that_knows_none_of_the_files_sweeps_nothing(house: House) -> None:
    """It was set up beside the files of another, or put back without its rows."""
    strangers = [await house.put(f"stranger {number}") for number in range(3)]
    assert await house.sweep() == 0
    assert all(path.exists() for path in strangers)


@pytest.mark.parametrize(("strangers", "swept"), [(FEW, FEW), (FEW + 1, 0)])
async def test_a_store_that_does_not_know_most_of_many_files_sweeps_nothing(
    house: House, strangers: int, swept: int
) -> None:
    await house.kept()
    for number in range(strangers):
        await house.put(f"stranger {number}")
    assert await house.sweep() == swept


async def test_within_a_day_every_directory_has_its_turn_and_an_hour_is_a_small_share(
    house: House,
) -> None:
    names = [list(sweeping._of_hour(int((NOW + hour * HOUR) * 1000))) for hour in range(24)]
    assert sorted(name for some in names for name in some) == list(sweeping._all())
    assert max(len(some) for some in names) == 11


async def test_many_files_are_looked_at_in_turns_and_found_by_an_index(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sweeping, "LOOKED_AT", 2)
    monkeypatch.setattr(sweeping, "REMOVED", 1)
    monkeypatch.setattr(sweeping, "_all", lambda: ["ab"])
    folder = house.shelf.directory / "ab"
    house.shelf.make()
    folder.mkdir()
    paths = [folder / f"ab{hashlib.sha256(bytes([n])).hexdigest()[2:]}" for n in range(12)]
    for path in paths:
        path.write_bytes(b"x")
        os.utime(path, (NOW - 2 * DAY,) * 2)
    for path in paths[:7]:
        await house.name(path)
    asked: list[str] = []
    event.listen(
        house.store._readers,
        "before_cursor_execute",
        lambda conn, cursor, statement, *rest: asked.append(statement),
    )
    assert await house.sweep() == 5
    assert [path.exists() for path in paths] == [True] * 7 + [False] * 5
    assert len([statement for statement in asked if "IN (" in statement]) == 6
    plan = await house.store.read(
        lambda connection: connection.exec_driver_sql(
            "EXPLAIN QUERY PLAN SELECT sha256 FROM attachment WHERE sha256 IN ('a', 'b')"
        ).all()
    )
    assert "ix_attachment_sha256" in str(plan)


async def test_the_round_of_the_house_sweeps_and_says_how_many(house: House) -> None:
    await house.kept()
    waste = await house.put("waste")
    keeper = Housekeeper(house.store, Retention, tuple, sweeper=house.sweeper)
    await keeper.go_round(shrinks=True)
    assert keeper.last is not None
    assert keeper.last.error is None
    assert keeper.last.removed["files"] == 1
    assert not waste.exists()


async def test_a_clock_in_doubt_sweeps_nothing(house: House) -> None:
    await house.kept()
    waste = await house.put("waste")
    until = int(NOW * 1000) + 1
    keeper = Housekeeper(
        house.store, Retention, tuple, doubted_until=lambda: until, sweeper=house.sweeper
    )
    await keeper.go_round(shrinks=True)
    assert waste.exists()


async def test_uploads_go_on_while_the_house_is_swept(house: House) -> None:
    """Every file that was named is there at the end, whatever came between."""
    await house.kept()
    over = asyncio.Event()

    async def keep_sweeping() -> None:
        while not over.is_set():
            await house.sweep()

    sweeping_on = asyncio.create_task(keep_sweeping())
    named: list[Path] = []
    for number in range(60):
        shelved = await house.shelf.put(pieces(f"upload {number % 7}"), 1000)
        path = house.shelf.path(shelved.sha256)
        os.utime(path, (NOW - 2 * DAY,) * 2)
        await asyncio.sleep(0)
        await house.name(path)
        house.shelf.claimed(shelved.sha256)
        named.append(path)
    over.set()
    await sweeping_on
    assert all(path.exists() for path in named)


async def test_forgetting_counts_only_what_no_row_names(house: House) -> None:
    kept, waste = await house.kept(), await house.put("waste")
    forgotten = ForgottenFiles([kept.name, waste.name], house.shelf.discard)
    assert await house.store.writer.do(forget_files, forgotten) == 1
