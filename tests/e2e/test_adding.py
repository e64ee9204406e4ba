"""Channels and backends added and removed by command, and the doctor: with and without a daemon."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

COMMAND = (sys.executable, "-m", "omnigate")
ANOTHER_TOKEN = "another-token-long-enough"
SECRET = "whsec_" + "a2tr" * 8


def cli(daemon: Any, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*COMMAND, *arguments],
        cwd=daemon.folder,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.fixture
def including(new_daemon: Callable[..., Any]) -> Any:
    """A daemon, not running yet, whose configuration takes drop-ins in."""
    daemon = new_daemon()
    path: Path = daemon.folder / "omnigate.toml"
    path.write_text('include = ["omnigate.d/*.toml"]\n' + path.read_text())
    return daemon


class TestAdding:
    def test_a_channel_is_taken_over_by_the_running_daemon_and_let_go_again(
        self, including: Any, receiver: Any, until: Any
    ) -> None:
        daemon = including.start()
        done = cli(
            daemon, "channel", "add", "http", "--name", "shop", "--set", f"token={ANOTHER_TOKEN}"
        )
        assert done.returncode == 0, done.stderr
        file = daemon.folder / "omnigate.d" / "channel-shop.toml"
        assert str(file) in done.stdout
        assert "has taken it over" in done.stdout
        assert file.stat().st_mode & 0o777 == 0o600, "it holds a secret"
        assert tomllib.loads(file.read_text()) == {
            "channels": {"shop": {"kind": "http", "token": ANOTHER_TOKEN}}
        }
        message = {
            "external_id": "1",
            "conversation": "c",
            "sender": {"address": "app:c"},
            "text": "to the shop",
        }
        path = "/channels/shop/messages"
        assert daemon.request("POST", path, message, token=ANOTHER_TOKEN)[0] == 202
        until(lambda: receiver.crm.texts() == ["to the shop"], "it works like any other")
        again = cli(
            daemon, "channel", "add", "http", "--name", "shop", "--set", "token=1234567890123456"
        )
        assert again.returncode == 2
        assert "is there already" in again.stderr
        assert cli(daemon, "channel", "remove", "shop").returncode == 0
        assert not file.exists()
        assert daemon.request("POST", path, message, token=ANOTHER_TOKEN)[0] == 404

    def test_a_backend_that_does_not_work_is_named_with_what_to_do(self, including: Any) -> None:
        daemon = including.start()
        keys = ("url=http://127.0.0.1:9/crm", f"secret={SECRET}", "allow_private=127.0.0.0/8")
        sets = [word for key in keys for word in ("--set", key)]
        done = cli(daemon, "backend", "add", "webhook", "--name", "second", *sets)
        assert done.returncode == 1
        assert "connection refused" in done.stdout
        assert "no route names it" in done.stderr
        assert "omnigate reload" in done.stderr
        listed = json.loads(daemon.omnigate("backend", "list", "--json"))["items"]
        assert "second" in {one["name"] for one in listed}

    @pytest.mark.parametrize(
        ("arguments", "said"),
        [
            (("channel", "add", "webhook"), "webhook is a kind of backend"),
            (("channel", "add", "htp"), "Did you mean http?"),
            (("channel", "add", "http", "--set", "tokn=x"), "Did you mean token?"),
            (("channel", "add", "http", "--set", "token"), "--set key=value"),
            (("channel", "add", "http"), "give token or secret"),
            (("backend", "add", "webhook"), "--set url="),
            (
                ("channel", "add", "http", "--name", "No!", "--set", "token=1234567890123456"),
                "name",
            ),
        ],
    )
    def test_mistakes_are_named_and_nothing_is_written(
        self, including: Any, arguments: tuple[str, ...], said: str
    ) -> None:
        done = cli(including, *arguments)
        assert done.returncode == 2, done.stdout + done.stderr
        assert said in done.stderr
        assert list(including.folder.glob("omnigate.d/*")) == []

    def test_without_an_include_line_the_operator_is_told_which_to_add(self, daemon: Any) -> None:
        done = cli(daemon, "channel", "add", "http", "--set", f"token={ANOTHER_TOKEN}")
        assert done.returncode == 2
        assert 'include = ["omnigate.d/*.toml"]' in done.stderr

    def test_what_is_written_can_be_read_by_the_group_that_reads_the_operators_own_file(
        self, including: Any
    ) -> None:
        (including.folder / "omnigate.toml").chmod(0o640)
        cli(including, "channel", "add", "http", "--name", "s", "--set", f"token={ANOTHER_TOKEN}")
        file = including.folder / "omnigate.d" / "channel-s.toml"
        assert file.stat().st_mode & 0o777 == 0o640
        assert file.parent.stat().st_mode & 0o777 == 0o750
        assert file.stat().st_gid == (including.folder / "omnigate.toml").stat().st_gid

    def test_a_section_of_the_operators_own_file_is_not_touched(self, including: Any) -> None:
        before = (including.folder / "omnigate.toml").read_text()
        done = cli(including, "channel", "remove", "app")
        assert done.returncode == 2
        assert "was not written by a command" in done.stderr
        assert (including.folder / "omnigate.toml").read_text() == before
        assert cli(including, "channel", "remove", "nobody").returncode == 2

    def test_a_person_is_asked_for_what_is_missing_and_secrets_are_not_shown(
        self, including: Any
    ) -> None:
        ours, theirs = pty.openpty()
        process = subprocess.Popen(
            [*COMMAND, "backend", "add", "webhook", "--name", "asked", "--set", f"secret={SECRET}"],
            cwd=including.folder,
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
        )
        os.close(theirs)
        shown = b""
        while b"url:" not in shown:
            shown += os.read(ours, 1024)
        os.write(ours, b"https://crm.example.org/hook\n")
        assert process.wait(30) == 0
        os.close(ours)
        written = tomllib.loads(
            (including.folder / "omnigate.d" / "backend-asked.toml").read_text()
        )
        assert written["backends"]["asked"]["url"] == "https://crm.example.org/hook"


class TestDoctor:
    def test_before_the_first_start_it_says_what_will_not_work(
        self, including: Any, receiver: Any
    ) -> None:
        done = cli(including, "doctor")
        assert done.returncode == 0, done.stderr
        assert "The daemon is not running" in done.stderr
        assert not (including.folder / "store.db").exists(), "who only looks leaves nothing behind"
        (line,) = [line for line in done.stdout.splitlines() if "backend crm" in line][:1]
        assert line.startswith("ok ")
        assert line.endswith(f"{receiver.url} answers")
        receiver.down()
        done = cli(including, "doctor", "--json")
        assert done.returncode == 1
        answer = json.loads(done.stdout)
        bad = [known["subject"] for known in answer["findings"] if known["state"] == "bad"]
        assert sorted(bad) == ["backend crm", "channel app"]

    def test_a_running_daemon_examines_itself(self, daemon: Any) -> None:
        daemon.omnigate("channel", "pause", "site")
        answer = json.loads(daemon.omnigate("doctor", "--json"))
        found = {known["subject"]: known for known in answer["findings"]}
        assert answer["ok"] is True
        assert found["public_url"]["state"] == "good"
        assert found["channel site"]["state"] == "warning"
        assert found["channel site"]["remedy"] == "omnigate channel resume site"
        assert found["data goes to"]["message"].startswith("127.0.0.1")
        assert {"versions", "disk", "store", "clock"} <= found.keys()
