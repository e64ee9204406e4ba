"""Where the file is looked for, how drop-ins are merged, and what secrets are made of."""

from pathlib import Path

import pytest

from omnigate import config
from omnigate.config import reading
from omnigate.errors import ConfigError


def test_the_option_wins_over_the_environment_and_that_over_the_directory(tmp_path, monkeypatch):
    for name in ("omnigate.toml", "by-environment.toml", "by-option.toml"):
        (tmp_path / name).touch()
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv(reading.ENVIRONMENT, raising=False)
    assert config.find() == tmp_path / "omnigate.toml"
    monkeypatch.setenv(reading.ENVIRONMENT, "by-environment.toml")
    assert config.find() == tmp_path / "by-environment.toml"
    assert config.find(Path("by-option.toml")) == tmp_path / "by-option.toml"


@pytest.mark.parametrize("path", [Path("nowhere.toml"), Path()])
def test_a_file_named_but_not_there_is_said(tmp_path, monkeypatch, path):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigError, match="named by --config"):
        config.find(path)


def test_without_any_file_the_way_out_is_named(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv(reading.ENVIRONMENT, raising=False)
    monkeypatch.setattr(reading, "DEFAULT_PATHS", (Path("omnigate.toml"),))
    with pytest.raises(ConfigError, match="omnigate init"):
        config.find()


@pytest.mark.parametrize(
    ("content", "message"),
    [(b"[server", "is not TOML"), (b"\xff\xfe", "is not UTF-8"), (b"a = 1\na = 2", "is not TOML")],
)
def test_what_is_no_toml_is_one_problem(tmp_path, content, message):
    path = tmp_path / "omnigate.toml"
    path.write_bytes(content)
    with pytest.raises(ConfigError) as caught:
        reading.read(path)
    (problem,) = caught.value.problems
    assert problem.message.startswith(message)


MAIN = """
include = ["*.d.toml"]
[server]
listen = "127.0.0.1:8081"
[[routes]]
channels = ["first"]
backends = []
[channels.first]
kind = "shop"
token = "t"
"""


def test_drop_ins_add_sections_keys_and_routes(load, tmp_path):
    (tmp_path / "b.d.toml").write_text(
        "[channels.second]\nkind = 'shop'\ntoken = 't'\n[[routes]]\nbackends = []\n"
    )
    (tmp_path / "a.d.toml").write_text("[server]\npublic_url = 'https://chat.example.org/'\n")
    found = load(MAIN)
    assert found.settings.server.listen == "127.0.0.1:8081"
    assert found.settings.public_url == "https://chat.example.org"
    assert list(found.channels) == ["first", "second"]
    assert [route.channels for route in found.settings.routes] == [["first"], ["*"]]
    assert [path.name for path in found.files] == ["omnigate.toml", "a.d.toml", "b.d.toml"]


def test_a_mistake_in_a_drop_in_names_the_drop_in(mistakes, tmp_path):
    (tmp_path / "x.d.toml").write_text(
        "[channels.second]\nkind = 'shop'\ntoken = 't'\nmod = 'x'\n[[routes]]\nbackends = ['no']\n"
    )
    problems = mistakes(MAIN)
    assert [(Path(item.where).name, item.key) for item in problems] == [
        ("x.d.toml", "channels.second.mod"),
        ("x.d.toml", "routes[1].backends"),
    ]


@pytest.mark.parametrize(
    ("content", "key"),
    [
        ("[server]\nlisten = 'h:1'", "server.listen"),
        ("[channels.first]\nmode = 'x'", "channels.first"),
        ("include = ['more']", "include"),
        ("[broken", ""),
    ],
)
def test_what_two_files_set_is_a_mistake(mistakes, tmp_path, content, key):
    (tmp_path / "x.d.toml").write_text(content)
    (problem,) = mistakes(MAIN)
    assert (Path(problem.where).name, problem.key) == ("x.d.toml", key)


def test_an_included_file_that_is_missing_is_a_mistake(mistakes):
    (problem,) = mistakes('include = ["nowhere.toml"]')
    assert problem.key == "include[0]"


def test_paths_are_taken_from_the_directory_of_the_file(load, tmp_path):
    settings = load("[store]\nurl = 'sqlite:///data/o.db'").settings
    assert settings.store.path == tmp_path / "data" / "o.db"
    assert settings.files == tmp_path / "data" / "files"
    assert settings.socket == tmp_path / "data" / "omnigate.sock"
    settings = load("[store]\nurl = 'sqlite:////srv/o.db'\nfiles = 'f'").settings
    assert settings.store.path == Path("/srv/o.db")
    assert settings.files == tmp_path / "f"


def test_three_slashes_where_four_are_meant_are_a_warning(load):
    warnings = load("[store]\nurl = 'sqlite:///var/lib/omnigate/o.db'").warnings
    (warning,) = [item for item in warnings if item.key == "store.url"]
    assert "sqlite:////var/lib/omnigate/o.db" in warning.hint


def test_an_ipv6_address_is_listened_on_without_its_brackets(load):
    server = load("[server]\nlisten = '[::1]:8443'").settings.server
    assert (server.host, server.port) == ("::1", 8443)


COUNTER = "[channels.x]\nkind = 'shop'\n"


def test_secrets_come_from_the_environment_a_file_or_the_text(load, tmp_path, monkeypatch):
    monkeypatch.setenv("SHOP_TOKEN", "from-environment")
    (tmp_path / "secret").write_text("from-file\n")
    found = load(
        COUNTER
        + """
token = { env = "SHOP_TOKEN" }
older = [{ file = "secret" }, "plain"]
headers = { "x-key" = { file = "secret" } }
hours = { passphrase = { env = "SHOP_TOKEN" } }
"""
    )
    settings = found.channels["x"].config
    assert settings.token.get_secret_value() == "from-environment"
    assert [item.get_secret_value() for item in settings.older] == ["from-file", "plain"]
    assert settings.headers["x-key"].get_secret_value() == "from-file"
    assert settings.hours.passphrase.get_secret_value() == "from-environment"


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ('{ env = "NOT_SET_ANYWHERE" }', "the environment variable NOT_SET_ANYWHERE is not set"),
        ('{ file = "nowhere" }', "cannot be read"),
        ('{ file = "." }', "cannot be read"),
        ('{ file = "empty" }', "is empty"),
        ('{ env = "A", file = "b" }', "expected { env"),
        ("{ env = 1 }", "expected { env"),
    ],
)
def test_a_secret_that_is_not_there_is_exactly_one_problem(mistakes, tmp_path, source, message):
    (tmp_path / "empty").write_text("\n")
    (problem,) = mistakes(f"{COUNTER}token = {source}")
    assert problem.key == "channels.x.token"
    assert message in problem.message


def test_only_secrets_may_be_named(mistakes):
    (problem,) = mistakes(f"{COUNTER}token = 't'\nurl = {{ env = 'HOME' }}")
    assert problem.key == "channels.x.url"


@pytest.mark.parametrize(("mode", "warned"), [(0o644, True), (0o640, False), (0o600, False)])
def test_a_file_with_secrets_that_everybody_can_read_is_a_warning(load, tmp_path, mode, warned):
    drop_in = tmp_path / "x.d.toml"
    drop_in.write_text("[channels.second]\nkind = 'shop'\ntoken = 't'\n")
    drop_in.chmod(mode)
    readable = [Path(item.where).name for item in load(MAIN).warnings if "secrets" in item.message]
    assert readable == (["x.d.toml"] if warned else [])


def test_a_readable_file_that_only_names_its_secrets_is_fine(load, tmp_path, monkeypatch):
    monkeypatch.setenv("SHOP_TOKEN", "t")
    drop_in = tmp_path / "x.d.toml"
    drop_in.write_text("[channels.second]\nkind = 'shop'\ntoken = { env = 'SHOP_TOKEN' }\n")
    drop_in.chmod(0o644)
    assert not [item for item in load(MAIN).warnings if "secrets" in item.message]
