"""init, check, config, plugin: what a newcomer does before there is a daemon."""

import json
import tomllib
from pathlib import Path

import jsonschema_rs
import pytest

from omnigate.cli import daemon
from omnigate.cli.app import tree
from omnigate.signing import new_secret

CNV = "cnv_" + "0" * 26
FIVE_MISTAKES = """
[server]
publicurl = "https://chat.example.org"
[log]
level = "infos"
[channels.site]
kind = "webchta"
[backends.crm]
kind = "console"
ouput = "stdout"
[[routes]]
backends = ["crn"]
"""


def test_init_writes_a_file_that_check_finds_good(omnigate, directory):
    first = omnigate("init")
    assert first.code == 0
    assert "omnigate check" in first.out
    assert "omnigate run" in first.out
    assert (directory / "omnigate.toml").stat().st_mode & 0o777 == 0o600
    assert omnigate("check").code == 0
    assert "1 channel, 1 backend, 1 route" in omnigate("check").out


def test_init_overwrites_only_when_forced(omnigate, directory):
    (directory / "omnigate.toml").write_text("mine")
    refused = omnigate("init")
    assert refused.code == 1
    assert "--force" in refused.err
    assert (directory / "omnigate.toml").read_text() == "mine"
    assert omnigate("init", "--force").code == 0
    assert omnigate("check").code == 0


def test_init_names_the_file_in_its_next_steps(omnigate):
    assert "omnigate check --config other.toml" in omnigate("init", "other.toml").out
    assert omnigate("check", "--config", "other.toml").code == 0


def test_init_into_nowhere_says_so(omnigate):
    refused = omnigate("init", "no/such/directory/omnigate.toml")
    assert refused.code == 1
    assert "cannot be written" in refused.err


def test_what_init_comments_out_is_valid_when_taken_in(omnigate, directory):
    omnigate("init")
    path = directory / "omnigate.toml"
    lines = path.read_text().replace("# [backends.crm]", "[backends.crm]").splitlines()
    start = lines.index("[backends.crm]")
    for index in range(start, start + 5):
        lines[index] = lines[index].removeprefix("# ")
    path.write_text("\n".join(lines).replace('backends = ["console"]', 'backends = ["crm"]'))
    (directory / "crm.secret").write_text(new_secret() + "\n")
    checked = omnigate("check")
    assert checked.code == 0, checked.err


def test_five_mistakes_are_five_problems_with_key_and_suggestion(omnigate, directory):
    (directory / "omnigate.toml").write_text(FIVE_MISTAKES)
    checked = omnigate("check")
    assert checked.code == 2
    assert checked.out == ""
    assert checked.err.splitlines() == [
        "The configuration has 5 problems:",
        "  omnigate.toml",
        "    line 3: server.publicurl: unknown key",
        "      did you mean public_url?",
        "    line 5: log.level: expected 'debug', 'info', 'warning' or 'error', got 'infos'",
        "      did you mean info?",
        "    line 7: channels.site.kind: no plugin for the kind 'webchta' is installed",
        "      did you mean webchat?",
        "    line 10: backends.crm.ouput: unknown key",
        "      did you mean output?",
        "    line 12: routes[0].backends: no backend is called 'crn'",
        "      did you mean crm?",
    ]


def install_refusing(directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Install a plugin whose channels cannot be made, and name one in the configuration."""
    plugins = directory / "plugins"
    (plugins / "refusing-1.0.dist-info").mkdir(parents=True)
    (plugins / "refusing-1.0.dist-info" / "METADATA").write_text("Name: refusing\nVersion: 1.0\n")
    (plugins / "refusing-1.0.dist-info" / "entry_points.txt").write_text(
        "[omnigate]\nrefusing = refusing_channel\n"
    )
    (plugins / "refusing_channel.py").write_text(REFUSING)
    monkeypatch.syspath_prepend(str(plugins))
    with (directory / "omnigate.toml").open("a") as file:
        file.write('[channels.odd]\nkind = "refusing"\n')


REFUSING = """
import omnigate

class Refusing(omnigate.Channel):
    kind = "refusing"
    capabilities = omnigate.Capabilities()

    def __init__(self, config, host):
        raise ValueError("no licence")

    async def send(self, part):
        raise NotImplementedError

@omnigate.hookimpl
def omnigate_channels():
    return [Refusing]
"""


def test_check_finds_what_only_a_reload_would_and_says_it_without_a_traceback(
    omnigate, directory, monkeypatch
):
    omnigate("init")
    install_refusing(directory, monkeypatch)
    checked = omnigate("check")
    assert checked.code == 2
    assert "channel odd cannot be made: no licence" in checked.err
    assert "Traceback" not in checked.err
    assert {path.name for path in directory.iterdir()} == {"omnigate.toml", "plugins"}


def test_who_cannot_be_made_is_told_beside_mistakes_of_others(omnigate, directory, monkeypatch):
    omnigate("init")
    install_refusing(directory, monkeypatch)
    with (directory / "omnigate.toml").open("a") as file:
        file.write('[channels.even]\nkind = "refusing"\ncolour = 1\n')
    checked = omnigate("check")
    assert checked.code == 2
    assert "The configuration has 2 problems:" in checked.err
    assert "channels.even.colour: unknown key" in checked.err
    assert "channel odd cannot be made: no licence" in checked.err
    assert "channel even" not in checked.err


def test_a_check_that_rehearses_nothing_is_found(omnigate, directory, monkeypatch):
    """The sabotage twin."""
    omnigate("init")
    install_refusing(directory, monkeypatch)
    monkeypatch.setattr(daemon, "refusals", lambda loaded: ())
    assert omnigate("check").code == 0


@pytest.mark.parametrize(
    ("settings", "key", "said"),
    [
        ('[admin]\nsocket = "' + "s" * 120 + '"', "admin.socket", "longer than 107 bytes"),
        (
            '[server]\ntls_cert = "omnigate.toml"\ntls_key = "omnigate.toml"',
            "server.tls_cert",
            "cannot be used",
        ),
        ('[server]\ntls_cert = "no.pem"\ntls_key = "no.pem"', "server.tls_cert", "is not a file"),
    ],
)
def test_check_finds_what_only_a_start_would(omnigate, directory, settings, key, said):
    (directory / "omnigate.toml").write_text(settings)
    checked = omnigate("check")
    assert checked.code == 2
    assert f"{key}: " in checked.err
    assert said in checked.err


def test_check_names_the_command_that_closes_what_others_may_read(omnigate, directory):
    omnigate("init")
    path = directory / "omnigate.toml"
    path.write_text(path.read_text() + '[channels.app]\nkind = "http"\ntoken = { file = "t" }\n')
    (directory / "t").write_text("0123456789abcdef")
    (directory / "t").chmod(0o644)
    for command in ("check", "doctor"):
        said = omnigate(command)
        assert said.code == 0, said.err
        assert f"chmod o-r {directory / 't'}" in said.err
    (directory / "t").chmod(0o600)
    assert "chmod" not in omnigate("check").err


def test_run_with_mistakes_starts_nothing_and_names_them_all(omnigate, directory):
    (directory / "omnigate.toml").write_text(FIVE_MISTAKES)
    run = omnigate("run")
    assert run.code == 2
    assert run.err.startswith("The configuration has 5 problems:")
    assert [path.name for path in directory.iterdir()] == ["omnigate.toml"]


def test_without_a_configuration_the_way_out_is_named(omnigate):
    checked = omnigate("check")
    assert checked.code == 2
    assert "omnigate init" in checked.err


def test_warnings_go_beside_the_answer(omnigate, directory):
    omnigate("init")
    path = directory / "omnigate.toml"
    path.write_text(path.read_text() + "[[routes]]\nbackends = []\n")
    checked = omnigate("check")
    assert checked.code == 0
    assert "leads to no backend" in checked.err
    assert [item["key"] for item in json.loads(omnigate("check", "--json").out)["warnings"]] == [
        "routes[1]",
        "routes[1]",
    ]


def test_show_masks_secrets_and_fills_in_defaults(omnigate, directory):
    omnigate("init")
    path = directory / "omnigate.toml"
    canary = "canary-0123456789"
    text = path.read_text().replace(
        "allowed_origins", f'identity_secret = "{canary}"\nallowed_origins'
    )
    path.write_text(text)
    shown = omnigate("config", "show")
    assert canary not in shown.out + shown.err
    table = tomllib.loads(shown.out)
    assert table["channels"]["site"]["identity_secret"] == "**********"
    assert table["retry"]["schedule_seconds"][0] == 5
    assert json.loads(omnigate("config", "show", "--json").out) == table


def test_the_example_fits_the_schema(omnigate):
    document = json.loads(omnigate("config", "schema").out)
    table = tomllib.loads(omnigate("config", "example").out)
    jsonschema_rs.validator_for(document).validate(table)


def test_plugins_are_listed_and_described(omnigate):
    listed = json.loads(omnigate("plugin", "list", "--json").out)["items"]
    assert {"console", "webhook"} <= {item["kind"] for item in listed}
    for item in listed:
        described = omnigate("plugin", "describe", item["kind"])
        assert described.code == 0, described.err
        assert "enabled = true" in described.out
        assert json.loads(omnigate("plugin", "describe", item["kind"], "--json").out)


def test_a_kind_that_nobody_provides_gets_a_suggestion(omnigate):
    described = omnigate("plugin", "describe", "webhok")
    assert described.code == 1
    assert "Did you mean webhook?" in described.err


@pytest.mark.parametrize(
    "arguments",
    [("--no-such-option",), ("nonsense",), ("token", "create"), ("message", "send", "x")],
)
def test_wrong_usage_is_exit_code_2_without_a_traceback(omnigate, arguments):
    result = omnigate(*arguments)
    assert result.code == 2
    assert "Traceback" not in result.err


@pytest.mark.parametrize(
    ("arguments", "hint"),
    [
        ("channel add email mail", "To name it: omnigate channel add email --name mail"),
        ("backend add webhook crm", "To name it: omnigate backend add webhook --name crm"),
        ("channel add email --name a b", None),
        ("channel add email two words", None),
        ("channel pause app now", None),
    ],
)
def test_who_puts_a_name_where_an_option_belongs_is_told_which(omnigate, arguments, hint):
    result = omnigate(*arguments.split())
    assert result.code == 2
    assert "has no use for: " in result.err
    assert (hint in result.err) if hint else ("--name" not in result.err)


def test_the_version_is_printed(omnigate):
    assert omnigate("--version").out.startswith("omnigate 0.")


@pytest.mark.parametrize(
    "arguments",
    [
        ("status",),
        ("stop",),
        ("channel", "show", "site"),
        ("backend", "test", "console"),
        ("message", "send", "hello", "--conversation", CNV),
        ("events", "tail"),
        ("conversation", "close", CNV),
    ],
)
def test_a_command_that_needs_the_daemon_says_how_to_start_it(omnigate, directory, arguments):
    omnigate("init")
    result = omnigate(*arguments)
    assert result.code == 1
    lines = result.err.splitlines()
    assert lines[0].startswith("The daemon is not running (no answer at ")
    assert lines[1].strip() == f"Start it: omnigate run --config {directory / 'omnigate.toml'}"


def test_channels_and_backends_are_listed_without_the_daemon(omnigate):
    omnigate("init")
    channels = omnigate("channel", "list")
    assert channels.out.splitlines()[1].split() == ["site", "webchat", "stopped"]
    backends = json.loads(omnigate("backend", "list", "--json").out)
    assert [item["name"] for item in backends["items"]] == ["console"]


def test_every_command_has_help(omnigate):
    root = tree()
    for name, command in vars(root)["commands"].items():
        assert command.help, name
        for verb, inner in getattr(command, "commands", {}).items():
            assert inner.help, f"{name} {verb}"
            for parameter in inner.params:
                assert getattr(parameter, "help", None), f"{name} {verb} {parameter.name}"
