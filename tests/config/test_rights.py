"""Who else may read what is secret, or write what the daemon obeys, is said with the command that ends it."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from omnigate import config
from omnigate.config import advice

COUNTER = "[channels.x]\nkind = 'shop'\n"
LITERAL = f"{COUNTER}token = 't'\n"
NAMED = f"{COUNTER}token = {{ file = 'token' }}\n"
FOREIGN = 4712

as_root = pytest.mark.skipif(
    os.geteuid() != 0, reason="not run: only root gives files to other groups"
)


class Operator:
    """Somebody with a main file, a drop-in and a file with a secret, closed to all others."""

    def __init__(self, folder: Path, catalogue: Any) -> None:
        self.folder = folder
        self._catalogue = catalogue
        self.write("omnigate.toml", 'include = ["*.d.toml"]\n')
        self.write("token", "t")

    def write(self, name: str, text: str, mode: int = 0o600) -> Path:
        path = self.folder / name
        path.write_text(text)
        path.chmod(mode)
        return path

    def told(self) -> list[tuple[str, str]]:
        """Return what is warned of rights: the file and the command."""
        warnings = config.load(self.folder / "omnigate.toml", lambda _: self._catalogue).warnings
        return [(Path(item.where).name, item.hint) for item in warnings if "chmod" in item.hint]


@pytest.fixture
def operator(tmp_path: Path, catalogue: Any) -> Operator:
    return Operator(tmp_path, catalogue)


MODES = [(0o600, None), (0o640, None), (0o644, "o-r"), (0o666, "o-rw"), (0o602, "o-rw")]


@pytest.mark.parametrize(("mode", "change"), MODES)
@pytest.mark.parametrize("name", ["token", "x.d.toml"])
def test_a_secret_that_every_user_may_open_and_the_command_helps(
    operator: Operator, name: str, mode: int, change: str | None
) -> None:
    operator.write("x.d.toml", NAMED if name == "token" else LITERAL)
    path = operator.folder / name
    path.chmod(mode)
    told = operator.told()
    assert told == ([(name, f"chmod {change} {path}")] if change else [])
    for _, command in told:
        subprocess.run(command, shell=True, check=True)
    assert operator.told() == []


@as_root
@pytest.mark.parametrize(("mode", "change"), [(0o640, "g-r"), (0o660, "g-rw"), (0o644, "go-r")])
def test_a_secret_that_the_group_of_somebody_else_may_open(
    operator: Operator, mode: int, change: str
) -> None:
    operator.write("x.d.toml", NAMED)
    token = operator.write("token", "t", mode)
    os.chown(token, 0, FOREIGN)
    assert operator.told() == [("token", f"chmod {change} {token}")]


@as_root
def test_the_group_of_the_main_file_or_of_the_store_is_the_daemons(operator: Operator) -> None:
    operator.write("x.d.toml", NAMED)
    token = operator.write("token", "t", 0o640)
    os.chown(token, 0, FOREIGN)
    main = operator.write("omnigate.toml", "include = ['*.d.toml']\n", 0o640)
    os.chown(main, 0, FOREIGN)
    assert operator.told() == []
    os.chown(main, 0, 0)
    store = operator.folder / "store"
    store.mkdir(mode=0o750)
    os.chown(store, FOREIGN, FOREIGN)
    operator.write(
        "omnigate.toml", "include = ['*.d.toml']\n[store]\nurl = 'sqlite:///store/o.db'\n", 0o640
    )
    assert operator.told() == []


def test_a_file_without_secrets_may_be_read_and_not_written_by_others(operator: Operator) -> None:
    operator.write("x.d.toml", NAMED, 0o644)
    assert operator.told() == []
    path = operator.write("x.d.toml", NAMED, 0o646)
    assert operator.told() == [("x.d.toml", f"chmod o-w {path}")]


def test_the_key_of_the_listener_is_a_secret(
    operator: Operator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(advice, "unusable", lambda document, settings: ())
    operator.write("cert.pem", "c", 0o644)
    key = operator.write("key.pem", "k", 0o644)
    operator.write("omnigate.toml", "[server]\ntls_cert = 'cert.pem'\ntls_key = 'key.pem'\n")
    assert operator.told() == [("key.pem", f"chmod o-r {key}")]


def test_rights_that_nobody_looks_at_are_found(
    operator: Operator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The sabotage twin: without the look a secret that all may read goes unnoticed."""
    operator.write("x.d.toml", NAMED)
    (operator.folder / "token").chmod(0o644)
    assert operator.told()
    monkeypatch.setattr(advice, "too_open", lambda document, settings: ())
    assert operator.told() == []
