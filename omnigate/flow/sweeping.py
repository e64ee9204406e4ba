"""Files that no row names are swept: a daemon killed between a file's bytes and its row leaves one.

Who uploads says ``claimed`` once the row is written; until then, and for a day, nobody sweeps the file.
Whether a row names it is asked once more within the turn that removes it, when no row can come up.

One round looks at a share of the directories, another one each hour, all of them within a day.

A store whose files are mostly strangers to it is not swept: it is more likely to be the wrong store, or an
old copy, than the files are to be waste.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

import structlog

from omnigate.flow.shelf import Shelf
from omnigate.store.discarding import ForgottenFiles, forget_files, names_any, unnamed
from omnigate.store.store import Store

AGE_MS: Final = 24 * 3_600_000
"""How old a file must be."""
LOOKED_AT: Final = 500
"""How many files one reading turn asks about."""
REMOVED: Final = 20
"""How many files one writing turn removes."""
MOST: Final = 10_000
"""How many files one round removes."""
FEW: Final = 10
"""So many are waste even if they are most of what a round looked at."""

_HOUR_MS: Final = 3_600_000
_DIRECTORIES: Final = 256

log = structlog.get_logger("housekeeping")


class Sweeper:
    """Removes files that no row names."""

    def __init__(self, store: Store, shelf: Shelf) -> None:
        self._store = store
        self._shelf = shelf

    async def sweep(self, now: int, *, everywhere: bool = False) -> int:
        """Look at the directories whose hour it is, or at all; return how many files were removed.

        ``now`` is in milliseconds since 1970. Raises `StoreError`.
        """
        looked_at, waste = 0, []
        for prefix in _all() if everywhere else _of_hour(now):
            old = await asyncio.to_thread(self._shelf.old_files, prefix, (now - AGE_MS) / 1000)
            looked_at += len(old)
            for some in _portions(old, LOOKED_AT):
                waste += await self._store.read(unnamed, some)
            if len(waste) >= MOST:
                break
        if await self._is_strange(len(waste), looked_at):
            log.warning(
                "files that the store does not know are left alone: is it the right store for them?",
                files=str(self._shelf.directory),
                unknown=len(waste),
                looked_at=looked_at,
            )
            return 0
        for some in _portions(waste[:MOST], REMOVED):
            await self._store.writer.do(forget_files, ForgottenFiles(some, self._shelf.discard))
        if waste:
            log.info("files swept that nothing named", count=min(len(waste), MOST))
        return min(len(waste), MOST)

    async def _is_strange(self, waste: int, looked_at: int) -> bool:
        """Tell whether these can hardly be leftovers of this store."""
        if waste == 0:
            return False
        return (waste > FEW and waste * 2 > looked_at) or not await self._store.read(names_any)


def _all() -> Iterator[str]:
    return (f"{number:02x}" for number in range(_DIRECTORIES))


def _of_hour(now: int) -> Iterable[str]:
    """Return the share of an hour of the day: every directory has its turn within 24 hours."""
    hour = now // _HOUR_MS % 24
    return (name for number, name in enumerate(_all()) if number % 24 == hour)


def _portions(names: Sequence[str], size: int) -> Iterator[list[str]]:
    return (list(names[start : start + size]) for start in range(0, len(names), size))
