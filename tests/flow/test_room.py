"""How much room there is, as the doctor says it."""

from __future__ import annotations

import shutil
from pathlib import Path
from types import SimpleNamespace

import pytest

from omnigate.config.settings import Settings
from omnigate.config.tables import Store
from omnigate.flow.filesystem import store_findings


@pytest.mark.parametrize(
    ("free", "said"), [(3 * 2**20, "3 MiB free"), (0, "0 MiB free"), (5 * 2**29, "2.5 GiB free")]
)
def test_little_room_is_not_rounded_to_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, free: int, said: str
) -> None:
    usage = SimpleNamespace(free=free, total=2**33)
    monkeypatch.setattr(shutil, "disk_usage", lambda directory: usage)
    settings = Settings(store=Store(url=f"sqlite:///{tmp_path}/store.db")).anchored(tmp_path)
    disk = next(known for known in store_findings(settings) if known.subject == "disk")
    assert disk.message.startswith(said)


@pytest.mark.parametrize(("total", "state"), [(2**40, "bad"), (2**35, "good")])
def test_the_doctor_knows_the_share_of_a_large_disk_that_stays_free(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, total: int, state: str
) -> None:
    usage = SimpleNamespace(free=10 * 2**30, total=total)
    monkeypatch.setattr(shutil, "disk_usage", lambda directory: usage)
    settings = Settings(store=Store(url=f"sqlite:///{tmp_path}/store.db")).anchored(tmp_path)
    disk = next(known for known in store_findings(settings) if known.subject == "disk")
    assert disk.state == state
    assert (state == "bad") == ("nothing is taken in below 20.5 GiB" in disk.message)
