"""Sections that commands write and take away: nothing that an operator wrote goes with them."""

from __future__ import annotations

import os
import tomllib
from pathlib import Path
from typing import Any

import pytest

import omnigate
from omnigate.config import dropin, loading
from omnigate.config.reading import Document

MAIN = 'include = ["omnigate.d/*.toml"]\n\n[backends.till]\nkind = "till"\n'
KEYS = {"kind": "shop", "token": "t" * 20}


class Operator:
    """Somebody with a configuration of a main file and drop-ins, and both commands."""

    def __init__(self, folder: Path, catalogue: Any) -> None:
        self.main = folder / "omnigate.toml"
        self.files = folder / "omnigate.d"
        self._catalogue = catalogue
        self.write(self.main, MAIN)

    def write(self, file: Path, text: str) -> Path:
        file.parent.mkdir(exist_ok=True)
        file.write_text(text)
        file.chmod(0o600)
        return file

    def add(self, name: str = "site", **keys: Any) -> Path:
        return self.write_section(name, **keys).file

    def write_section(self, name: str = "site", **keys: Any) -> dropin.Written:
        return dropin.write(
            self.main, "channel", name, {**KEYS, **keys}, lambda kinds: self._catalogue
        )

    def remove(self, name: str = "site") -> Path:
        return dropin.remove(self.main, "channel", name, lambda kinds: self._catalogue)

    def channels(self) -> list[str]:
        return list(loading.load(self.main, lambda kinds: self._catalogue).channels)


@pytest.fixture
def operator(tmp_path: Path, catalogue: Any) -> Operator:
    return Operator(tmp_path, catalogue)


def test_a_section_that_was_added_can_be_removed(operator):
    file = operator.add()
    assert operator.channels() == ["site"]
    assert file.stat().st_mode & 0o777 == 0o600
    assert operator.remove() == file
    assert operator.channels() == []
    assert list(operator.files.iterdir()) == []


@pytest.mark.parametrize("keys", [{}, {"tokn": "a mistake"}])
def test_a_file_whose_section_was_renamed_is_never_replaced(operator, keys):
    file = operator.add()
    renamed = file.read_text().replace("channels.site", "channels.shop")
    operator.write(file, renamed)
    with pytest.raises(omnigate.ConfigError, match="is there already"):
        operator.add(**keys)
    assert file.read_text() == renamed
    assert operator.channels() == ["shop"]


def test_a_section_with_a_mistake_leaves_no_file(operator):
    with pytest.raises(omnigate.ConfigError, match="tokn"):
        operator.add(tokn="a mistake")
    assert not operator.files.exists()


@pytest.mark.parametrize(
    ("more", "named"),
    [
        ('[channels.other]\nkind = "shop"\ntoken = "u"\n', "channels.other"),
        ('[[routes]]\nbackends = ["till"]\n', "routes"),
        ('[backends.second]\nkind = "till"\n', "backends"),
    ],
)
def test_a_file_with_more_in_it_is_not_removed_and_the_rest_is_named(operator, more, named):
    file = operator.add()
    text = operator.write(file, file.read_text() + more).read_text()
    with pytest.raises(omnigate.ConfigError, match=named):
        operator.remove()
    assert file.read_text() == text


@pytest.mark.parametrize("pattern", ["omnigate.d/*.toml", "omnigate.d/channel-site.toml"])
def test_a_section_that_is_named_elsewhere_stays_and_what_names_it_is_told(operator, pattern):
    file = operator.add()
    route = '\n[[routes]]\nchannels = ["site"]\nbackends = ["till"]\n'
    operator.write(operator.main, MAIN.replace("omnigate.d/*.toml", pattern) + route)
    before = tomllib.loads(file.read_text())
    with pytest.raises(omnigate.ConfigError, match="routes") as caught:
        operator.remove()
    first, *others = caught.value.problems
    assert (first.where, first.key) == (str(file), "channels.site")
    assert "routes[0].channels" in {problem.key for problem in others}
    assert tomllib.loads(file.read_text()) == before
    assert operator.channels() == ["site"]


def test_a_file_that_the_main_file_includes_by_name_stays(operator):
    """Without it the include line is a mistake, and the daemon would not start."""
    file = operator.add()
    operator.write(operator.main, MAIN.replace("*.toml", "channel-site.toml"))
    with pytest.raises(omnigate.ConfigError, match="include"):
        operator.remove()
    assert file.exists()


def test_secrets_stand_in_files_of_their_own_and_go_with_the_section(operator):
    written = operator.write_section(hours={"opens": 9, "passphrase": "sesame"}, older=["o" * 20])
    said = tomllib.loads(written.file.read_text())["channels"]["site"]
    assert said == {
        "kind": "shop",
        "token": {"file": "channel-site.token"},
        "hours": {"opens": 9, "passphrase": {"file": "channel-site.hours.passphrase"}},
        "older": ["o" * 20],
    }
    assert set(written.secrets) == {"token", "hours.passphrase"}
    for file in written.secrets.values():
        assert file.stat().st_mode & 0o777 == 0o600
    loaded = loading.load(operator.main, lambda kinds: operator._catalogue)
    found: Any = loaded.channels["site"].config
    assert found.token.get_secret_value() == "t" * 20
    assert found.hours.passphrase.get_secret_value() == "sesame"
    assert found.older[0].get_secret_value() == "o" * 20
    operator.remove()
    assert list(operator.files.iterdir()) == []


def test_a_secret_that_is_named_is_left_where_it_is(operator, monkeypatch):
    monkeypatch.setenv("SHOP", "e" * 20)
    elsewhere = operator.write(operator.main.parent / "shop.token", "f" * 20)
    operator.add(token={"env": "SHOP"}, hours={"passphrase": {"file": str(elsewhere)}})
    assert [file.name for file in operator.files.iterdir()] == ["channel-site.toml"]
    operator.remove()
    assert elsewhere.exists(), "whoever made it may need it elsewhere"


def test_a_secret_file_that_is_there_is_not_written_over(operator):
    before = operator.write(operator.files / "channel-site.token", "somebody's")
    with pytest.raises(omnigate.ConfigError, match="is there already"):
        operator.add()
    assert before.read_text() == "somebody's"
    assert [file.name for file in operator.files.iterdir()] == ["channel-site.token"]


@pytest.mark.parametrize("name", ["No!", "../../etc/x", "", "a" * 64])
def test_a_name_that_is_none_leads_to_no_file(operator, name):
    with pytest.raises(omnigate.ConfigError, match="is not a usable name"):
        operator.add(name)
    assert [file.name for file in operator.main.parent.iterdir()] == ["omnigate.toml"]


def test_a_section_that_a_route_waits_for_can_be_added(operator):
    route = '\n[[routes]]\nchannels = ["site"]\nbackends = ["till"]\n'
    operator.write(operator.main, MAIN + route)
    operator.add()
    assert operator.channels() == ["site"]


def test_nothing_is_added_to_a_configuration_that_has_other_mistakes(operator):
    operator.write(operator.main, MAIN + "[log]\nlevel = 'loud'\n")
    with pytest.raises(omnigate.ConfigError, match=r"log\.level"):
        operator.add()
    assert not operator.files.exists()


@pytest.mark.skipif(os.geteuid() != 0, reason="not run: only root writes files for others")
@pytest.mark.parametrize(("mode", "expected"), [(0o600, 0o600), (0o640, 0o640), (0o644, 0o640)])
def test_what_root_adds_is_for_the_user_and_the_group_of_the_operators_own_file(
    operator, mode, expected
):
    os.chown(operator.main, 4711, 4712)
    operator.main.chmod(mode)
    written = operator.write_section()
    for path in (written.file, written.secrets["token"], operator.files):
        found = path.stat()
        assert (found.st_uid, found.st_gid) == (4711, 4712), path
    assert written.file.stat().st_mode & 0o777 == expected
    assert written.secrets["token"].stat().st_mode & 0o777 == expected


def test_a_removal_that_nothing_checks_is_found(operator, monkeypatch):
    """The sabotage twin: a check that sees no mistakes lets the file go, and the next start fails."""
    file = operator.add()
    route = '\n[[routes]]\nchannels = ["site"]\nbackends = ["till"]\n'
    operator.write(operator.main, MAIN + route)
    with monkeypatch.context() as broken:
        broken.setattr(loading, "load", lambda *given, **more: Document(operator.main))
        operator.remove()
    assert not file.exists()
    with pytest.raises(omnigate.ConfigError):
        operator.channels()
