"""Backups beside a working daemon, and what is too old forgotten on demand."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import subprocess
import sys
import threading
import urllib.request
from pathlib import Path
from typing import Any
from urllib.error import URLError

import pytest

ROOT = Path(__file__).parents[2]


def cli(daemon: Any, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "omnigate", *arguments],
        cwd=daemon.folder,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def upload(daemon: Any, content: bytes) -> str:
    token = daemon.omnigate("token", "create", "files", "--scope", "media")
    request = urllib.request.Request(
        f"{daemon.address}/v1/media",
        data=content,
        headers={
            "Authorization": f"Bearer {token}",
            "Content-Type": "application/octet-stream",
        },
    )
    with urllib.request.urlopen(request, timeout=10) as answer:
        return str(json.load(answer)["id"])


def test_a_backup_taken_under_load_can_be_restored_and_has_all_that_was_acknowledged_before(
    new_daemon: Any, receiver: Any, until: Any, tmp_path: Path
) -> None:
    daemon = new_daemon()
    daemon.start()
    said: list[str] = []
    over = threading.Event()

    def talk() -> None:
        number = 0
        while not over.is_set():
            daemon.say(f"m-{number}", f"c-{number % 7}")
            said.append(f"m-{number}")
            number += 1

    thread = threading.Thread(target=talk)
    thread.start()
    try:
        until(lambda: len(said) > 50, "there is something to copy")
        before = list(said)
        done = daemon.omnigate("db", "backup", str(tmp_path / "copy"), "--json")
        after = list(said)
    finally:
        over.set()
        thread.join()
    answer = json.loads(done)
    copy = Path(answer["database"])
    assert copy == tmp_path / "copy" / "omnigate.db"
    assert copy.stat().st_mode & 0o077 == 0
    assert len(after) >= len(before)
    daemon.stop()

    restored = new_daemon()
    shutil.copyfile(copy, restored.folder / "store.db")
    receiver.crm.deliveries.clear()
    restored.start()
    listed = {
        row[0]
        for row in sqlite3.connect(f"file:{restored.folder}/store.db?mode=ro", uri=True).execute(
            "SELECT external_id FROM dedup"
        )
    }
    assert {f"x-{text}" for text in before} <= listed
    assert "The store is sound." in restored.omnigate("db", "check")
    assert restored.say(before[0], "c-0") == {"accepted": 0, "duplicates": 1}
    until(lambda: restored.status("crm")["pending"] == 0, "what the copy still owed is delivered")


def test_files_are_copied_once(daemon: Any, tmp_path: Path) -> None:
    upload(daemon, b"one file")
    copy = tmp_path / "copy"
    assert json.loads(daemon.omnigate("db", "backup", str(copy), "--json"))["files"] == 1
    upload(daemon, b"another file")
    assert "and 1 new file to" in daemon.omnigate("db", "backup", str(copy))
    contents = {path.read_bytes() for path in (copy / "files").rglob("*") if path.is_file()}
    assert contents == {b"one file", b"another file"}
    assert "new file" not in daemon.omnigate("db", "backup", str(copy), "--no-files")


def test_a_backup_works_without_a_daemon_and_says_what_stands_in_its_way(
    new_daemon: Any, tmp_path: Path
) -> None:
    daemon = new_daemon()
    nothing = cli(daemon, "db", "backup", str(tmp_path / "copy"))
    assert nothing.returncode == 1
    assert "There is no store" in nothing.stderr
    daemon.start()
    daemon.say("hello")
    daemon.stop()
    (tmp_path / "file").write_text("")
    assert "is a file" in cli(daemon, "db", "backup", str(tmp_path / "file")).stderr
    assert "the copy is sound" in daemon.omnigate("db", "backup", str(tmp_path / "copy"))
    store = daemon.folder / "store.db"
    content = bytearray(store.read_bytes())
    content[8192:] = b"\xaa" * (len(content) - 8192)
    store.write_bytes(content)
    damaged = cli(daemon, "db", "backup", str(tmp_path / "copy"))
    assert damaged.returncode == 1
    assert "Traceback" not in damaged.stderr
    kept = sqlite3.connect(f"file:{tmp_path}/copy/omnigate.db?mode=ro", uri=True)
    assert kept.execute("SELECT count(*) FROM event").fetchone() == (2,), "the old copy stands"


def test_a_backup_never_takes_the_place_of_a_store_that_is_at_work(
    daemon: Any, tmp_path: Path
) -> None:
    daemon.say("hello")
    for spelling in (".", str(daemon.folder), f"{daemon.folder}/../{daemon.folder.name}"):
        done = cli(daemon, "db", "backup", spelling)
        assert done.returncode == 2, done.stdout
        assert "where the store itself is" in done.stderr
    (tmp_path / "other").mkdir()
    for left in ("omnigate.db.lock", "omnigate.db-wal"):
        (tmp_path / "other" / left).touch()
        done = cli(daemon, "db", "backup", str(tmp_path / "other"))
        assert done.returncode == 1
        assert "no place for a copy" in done.stderr
        (tmp_path / "other" / left).unlink()
    daemon.say("still here")
    daemon.kill()
    daemon.start()
    assert "The store is sound." in daemon.omnigate("db", "check")


def test_prune_forgets_what_is_too_old_and_gives_room_back(new_daemon: Any, until: Any) -> None:
    daemon = new_daemon().start()
    daemon.say("of late, so that the clock is not in doubt")
    assert daemon.omnigate("db", "prune") == "Nothing was too old."
    daemon.stop()
    store = sqlite3.connect(daemon.folder / "store.db")
    store.executemany(
        "INSERT INTO attempt (id, outbox_id, destination_id, number, at, outcome, error)"
        " VALUES (?, 1, 1, 1, ?, 'retry', ?)",
        ((number, number, "x" * 1000) for number in range(1, 1300)),
    )
    store.commit()
    store.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    store.close()
    size = (daemon.folder / "store.db").stat().st_size
    daemon.start()
    daemon.omnigate("db", "prune")
    until(
        lambda: daemon.omnigate("db", "prune") == "Nothing was too old.", "all of it is forgotten"
    )
    daemon.stop()
    assert (daemon.folder / "store.db").stat().st_size < size - 1_000_000
    not_running = cli(daemon, "db", "prune")
    assert not_running.returncode == 1
    assert "The daemon is not running" in not_running.stderr


def test_a_file_that_a_kill_left_without_its_row_is_swept_after_a_day(
    new_daemon: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    daemon = new_daemon()
    with monkeypatch.context() as armed:
        armed.setenv("OMNIGATE_FAILPOINT", "shelved:2=kill")
        daemon.start()
    upload(daemon, b"kept")
    with pytest.raises((ConnectionError, URLError)):
        upload(daemon, b"left behind")
    daemon.process.wait(30)
    daemon.start()

    def files() -> set[bytes]:
        paths = (daemon.folder / "files").rglob("*")
        return {path.read_bytes() for path in paths if path.is_file()}

    assert daemon.omnigate("db", "prune") == "Nothing was too old."
    assert files() == {b"kept", b"left behind"}
    for path in (daemon.folder / "files").rglob("*"):
        os.utime(path, (0, 0))
    assert "files" in daemon.omnigate("db", "prune")
    assert files() == {b"kept"}


@pytest.mark.skipif(os.geteuid() != 0, reason="not run: only root gives files to the daemon's user")
def test_the_steps_of_the_guide_bring_a_store_back_to_the_user_of_the_daemon(
    new_daemon: Any, until: Any, tmp_path: Path
) -> None:
    daemon = new_daemon()
    state = daemon.folder / "state"
    path: Path = daemon.folder / "omnigate.toml"
    path.write_text(path.read_text().replace("sqlite:///store.db", "sqlite:///state/omnigate.db"))
    daemon.start()
    daemon.say("kept")
    upload(daemon, b"a file")
    daemon.omnigate("db", "backup", str(tmp_path / "copy"))
    daemon.stop()
    (state / "omnigate.db-wal").write_bytes(b"of another database")

    guide = (ROOT / "docs" / "operating.md").read_text()
    (block,) = [each for each in guide.split("```") if "/var/lib/omnigate.before" in each]
    steps = (
        block.replace("/var/lib/omnigate", str(state))
        .replace("/backup/omnigate", str(tmp_path / "copy"))
        .replace("-o omnigate -g omnigate", "-o 4711 -g 4711")
        .replace("omnigate:omnigate", "4711:4711")
    )
    for step in steps.strip().splitlines():
        if step == "systemctl start omnigate":
            daemon.start()
        elif step.startswith("omnigate "):
            daemon.omnigate(*step.split()[1:])
        elif not step.startswith("systemctl"):
            subprocess.run(step.split(), check=True)
    owners = {each.stat().st_uid for each in (state, *state.rglob("*"))}
    assert owners - {0} == {4711}
    assert {each.name for each in state.rglob("*") if each.stat().st_uid == 0} <= {"omnigate.sock"}
    assert daemon.say("kept") == {"accepted": 0, "duplicates": 1}
    assert (state.with_name("state.before") / "omnigate.db-wal").exists()
