"""Commands beside or before the daemon: none makes a store by the way, none closes a file to the daemon."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

from omnigate.cli import reach
from omnigate.config import reading

DAEMON = 4711
"""A user, and a group, that this machine has no name for."""
IDENTIFIER = "0" * 26

as_root = pytest.mark.skipif(
    os.geteuid() != 0, reason="not run: only root gives files to other users"
)


@pytest.fixture(autouse=True)
def directory(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Stand in an empty directory that every user may enter."""
    with TemporaryDirectory(prefix="omnigate-") as name:
        path = Path(name)
        path.chmod(0o755)
        monkeypatch.chdir(path)
        monkeypatch.delenv(reading.ENVIRONMENT, raising=False)
        yield path


@contextmanager
def acting_as(user: int) -> Iterator[None]:
    """Do what follows with the rights of another user."""
    groups = os.getgroups()
    os.setgroups([])
    os.setresgid(user, user, 0)
    os.setresuid(user, user, 0)
    try:
        yield
    finally:
        os.setresuid(0, 0, 0)
        os.setresgid(0, 0, 0)
        os.setgroups(groups)


def made_in(directory: Path) -> set[str]:
    return {path.name for path in directory.iterdir()} - {"omnigate.toml"}


@pytest.mark.parametrize(
    "arguments",
    [
        ("token", "create", "crm", "--scope", "media"),
        ("token", "list"),
        ("token", "revoke", "0" * 12),
        ("dead", "list"),
        ("dead", "drop", "1", "--yes"),
        ("queue", "list"),
        ("quarantine", "list"),
        ("message", "list"),
        ("message", "show", f"msg_{IDENTIFIER}"),
        ("message", "cancel", f"msg_{IDENTIFIER}"),
        ("message", "trace", f"msg_{IDENTIFIER}"),
        ("conversation", "list"),
        ("contact", "show", f"ctc_{IDENTIFIER}"),
        ("contact", "export", f"ctc_{IDENTIFIER}"),
        ("contact", "erase", f"ctc_{IDENTIFIER}", "--yes"),
        ("events", "tail", "--no-follow"),
        ("events", "show", f"evt_{IDENTIFIER}"),
        ("events", "replays"),
        ("db", "check"),
        ("db", "backup", "copy"),
        ("db", "prune"),
    ],
    ids=" ".join,
)
def test_without_a_store_a_command_says_so_and_makes_none(
    omnigate: Callable[..., Any], directory: Path, arguments: tuple[str, ...]
) -> None:
    omnigate("init")
    result = omnigate(*arguments)
    assert result.code == 1, result.err
    if arguments != ("db", "prune"):  # which only asks the daemon
        assert f"There is no store at {directory / 'omnigate.db'}" in result.err
        assert "omnigate run" in result.err
    assert made_in(directory) == set()


def test_a_command_that_does_not_ask_for_the_store_makes_one_and_is_found(
    omnigate: Callable[..., Any], directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The sabotage twin."""
    omnigate("init")
    monkeypatch.setattr(reach, "require_store", lambda outline: None)
    assert omnigate("token", "list").code == 0
    assert "omnigate.db" in made_in(directory)


def test_migrate_makes_a_store_for_those_who_prepare_a_machine(
    omnigate: Callable[..., Any], directory: Path
) -> None:
    omnigate("init")
    assert f"Made {directory / 'omnigate.db'}" in omnigate("db", "migrate").out
    assert "is up to date" in omnigate("db", "migrate").out
    assert omnigate("token", "create", "crm", "--scope", "media").code == 0
    assert (directory / "omnigate.db").stat().st_mode & 0o777 == 0o600


@pytest.fixture
def state(omnigate: Callable[..., Any], directory: Path) -> Path:
    """The directory of a daemon with a user of its own; its configuration is root's."""
    omnigate("init")
    state = directory / "state"
    state.mkdir(mode=0o750)
    os.chown(state, DAEMON, DAEMON)
    path = directory / "omnigate.toml"
    path.write_text(
        path.read_text().replace("sqlite:///omnigate.db", f"sqlite:///{state}/omnigate.db")
    )
    return state


def owned(directory: Path) -> dict[str, tuple[int, int]]:
    return {path.name: (path.stat().st_uid, path.stat().st_gid) for path in directory.rglob("*")}


@as_root
def test_what_root_makes_for_the_daemon_is_the_daemons(
    omnigate: Callable[..., Any], state: Path
) -> None:
    assert omnigate("db", "migrate").code == 0
    assert omnigate("token", "create", "crm", "--scope", "media").code == 0
    assert owned(state).keys() >= {"omnigate.db", "omnigate.db.lock"}
    assert set(owned(state).values()) == {(DAEMON, DAEMON)}
    (state / "omnigate.db.lock").unlink()
    assert omnigate("doctor").code == 0
    assert set(owned(state).values()) == {(DAEMON, DAEMON)}


@as_root
def test_a_store_in_a_directory_of_root_keeps_its_owner(
    omnigate: Callable[..., Any], state: Path
) -> None:
    omnigate("db", "migrate")
    os.chown(state, 0, DAEMON)
    (state / "omnigate.db.lock").unlink()
    omnigate("db", "check")
    assert owned(state)["omnigate.db.lock"] == (DAEMON, DAEMON)


@as_root
def test_what_stays_roots_is_found(
    omnigate: Callable[..., Any], state: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The sabotage twin: without handing over, the daemon could not open what root has made."""
    monkeypatch.setattr(os, "chown", lambda *given: None)
    omnigate("db", "migrate")
    assert set(owned(state).values()) == {(0, 0)}


@as_root
def test_a_backup_belongs_to_whose_directory_it_is_in(
    omnigate: Callable[..., Any], state: Path, directory: Path
) -> None:
    omnigate("db", "migrate")
    shelf = state / "files" / "ab"
    shelf.mkdir(parents=True)
    (shelf / ("ab" * 32)).write_bytes(b"a file")
    target = directory / "backups"
    target.mkdir()
    os.chown(target, DAEMON, DAEMON)
    assert omnigate("db", "backup", str(target / "today")).code == 0
    assert owned(target).keys() == {"today", "omnigate.db", "files", "ab", "ab" * 32}
    assert set(owned(target).values()) == {(DAEMON, DAEMON)}


@as_root
def test_a_copy_that_root_has_put_back_is_refused_with_whose_it_is_and_doctor_names_it(
    omnigate: Callable[..., Any], state: Path
) -> None:
    omnigate("db", "migrate")
    os.chown(state / "omnigate.db", 0, 0)
    (state / "files").mkdir()
    os.chown(state.parent / "omnigate.toml", DAEMON, DAEMON)
    with acting_as(DAEMON):
        refused = omnigate("run")
    assert refused.code == 1
    assert "it belongs to root" in refused.err
    os.chown(state / "omnigate.db", DAEMON, DAEMON)
    found = omnigate("doctor")
    assert found.code == 1
    assert f"chown -R {DAEMON}: {state / 'files'}" in found.err


@as_root
@pytest.mark.parametrize(
    ("mode", "expected"), [(0o750, (0, DAEMON, 0o640)), (0o755, (0, 0, 0o600))]
)
def test_a_first_configuration_can_be_read_by_the_group_that_alone_may_enter_its_directory(
    omnigate: Callable[..., Any], directory: Path, mode: int, expected: tuple[int, int, int]
) -> None:
    etc = directory / "etc"
    etc.mkdir()
    etc.chmod(mode)
    os.chown(etc, 0, DAEMON if mode == 0o750 else 0)
    omnigate("init", str(etc))
    made = (etc / "omnigate.toml").stat()
    assert (made.st_uid, made.st_gid, made.st_mode & 0o777) == expected


@as_root
@pytest.mark.parametrize(
    ("closed", "said"),
    [
        ("etc", "etc/omnigate.toml\n    cannot be read: permission denied"),
        ("etc/omnigate.toml", "etc/omnigate.toml\n    cannot be read: permission denied"),
        ("etc/omnigate.d", "omnigate.d cannot be listed"),
        ("state", "omnigate.db cannot be looked at: permission denied"),
    ],
)
def test_who_may_not_look_is_told_so_in_words(
    omnigate: Callable[..., Any], state: Path, closed: str, said: str
) -> None:
    directory = state.parent
    (directory / "etc" / "omnigate.d").mkdir(parents=True)
    (directory / "omnigate.toml").rename(directory / "etc" / "omnigate.toml")
    for path in (directory, directory / "etc", directory / "etc" / "omnigate.d"):
        path.chmod(0o755)
    (directory / "etc" / "omnigate.toml").chmod(0o644)
    state.chmod(0o755)
    omnigate("db", "migrate", "-c", "etc/omnigate.toml")
    (directory / closed).chmod(0o600 if closed.endswith(".toml") else 0o700)
    with acting_as(DAEMON + 1):
        result = omnigate("db", "backup", "x", "--config", "etc/omnigate.toml")
        others = [
            omnigate(*each, "-c", "etc/omnigate.toml") for each in (("token", "list"), ("status",))
        ]
    assert said in result.err
    for refused in (result, *others):
        assert refused.code in (1, 2)
        assert "Traceback" not in refused.err
