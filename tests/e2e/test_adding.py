"""Channels and backends added and removed by command, and the doctor: with and without a daemon."""

from __future__ import annotations

import json
import os
import pty
import re
import subprocess
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.descriptors import is_readable
from tests.ports import free_port

COMMAND = (sys.executable, "-m", "omnigate")
ANOTHER_TOKEN = "another-token-long-enough"
SECRET = "whsec_" + "a2tr" * 8
AT_TERMINAL = (
    "import fcntl, os, sys, termios; os.setsid(); fcntl.ioctl(0, termios.TIOCSCTTY, 0);"
    " os.execv(sys.argv[1], sys.argv[1:])"
)
"""Makes its standard input the terminal of a session, so that Ctrl-C and /dev/tty are those of a person."""
LOCAL = ("allow_private=127.0.0.0/8",)
NOBODY = ("url=http://127.0.0.1:9/crm", f"secret={SECRET}", *LOCAL)
"""Of a receiver that is not there."""


def sets(keys: tuple[str, ...]) -> list[str]:
    return [word for key in keys for word in ("--set", key)]


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


class Person:
    """Somebody at a terminal who reads what is shown and answers it."""

    def __init__(self, folder: Path, *arguments: str) -> None:
        self._ours, theirs = pty.openpty()
        command = [sys.executable, "-c", AT_TERMINAL, *COMMAND, *arguments]
        self.process = subprocess.Popen(
            command, cwd=folder, stdin=theirs, stdout=theirs, stderr=theirs
        )
        os.close(theirs)
        self.shown = ""
        self._seen = 0

    def __enter__(self) -> Person:
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.wait(10)
        os.close(self._ours)

    def answers(self, what: str, answer: str) -> None:
        """Wait until something is shown that was not there before, then type an answer."""
        self.reads(what)
        os.write(self._ours, f"{answer}\n".encode())

    def reads(self, what: str) -> None:
        """Wait until something is shown that was not there before, wherever its lines are broken."""
        wanted = re.compile(re.escape(what).replace(r"\ ", r"\s+"))
        while (found := wanted.search(self.shown, self._seen)) is None:
            more = self._more()
            assert more, f"{what!r} never came:\n{self.shown}"
            self.shown += more
        self._seen = found.end()

    def ends(self) -> int:
        """Read to the end; return the exit code."""
        while more := self._more():
            self.shown += more
        return self.process.wait(30)

    def _more(self) -> str:
        if not is_readable(self._ours, 30):
            return ""
        try:
            return os.read(self._ours, 4096).decode()
        except OSError:
            return ""  # Linux says so when the other end is closed


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
        secret = daemon.folder / "omnigate.d" / "channel-shop.token"
        assert str(file) in done.stdout
        assert str(secret) in done.stdout
        assert f"{daemon.address}/channels/shop" in done.stdout
        assert "has taken it over" in done.stdout
        assert tomllib.loads(file.read_text()) == {
            "channels": {"shop": {"kind": "http", "token": {"file": "channel-shop.token"}}}
        }
        assert secret.read_text() == f"{ANOTHER_TOKEN}\n"
        for path in (file, secret):
            assert path.stat().st_mode & 0o777 == 0o600
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
        assert list(file.parent.iterdir()) == []
        assert daemon.request("POST", path, message, token=ANOTHER_TOKEN)[0] == 404

    def test_what_does_not_work_is_not_kept_where_nobody_can_be_asked(self, including: Any) -> None:
        daemon = including.start()
        done = cli(daemon, "backend", "add", "webhook", "--name", "second", *sets(NOBODY))
        assert done.returncode == 1
        assert "second is not added" in done.stderr
        assert done.stderr.count("connection refused") == 1
        assert "--keep" in done.stderr
        assert done.stderr.endswith("Nothing was written.\n")
        assert not (daemon.folder / "omnigate.d").exists()
        listed = json.loads(daemon.omnigate("backend", "list", "--json"))["items"]
        assert "second" not in {one["name"] for one in listed}

    def test_a_backend_that_does_not_work_is_kept_on_demand_and_named_with_what_to_do(
        self, including: Any
    ) -> None:
        daemon = including.start()
        named = ("backend", "add", "webhook", "--name", "second")
        done = cli(daemon, *named, *sets(NOBODY), "--keep")
        assert done.returncode == 1
        assert "connection refused" in done.stderr
        assert "does not work yet" in done.stderr
        assert "no route names it" in done.stderr
        listed = json.loads(daemon.omnigate("backend", "list", "--json"))["items"]
        assert "second" in {one["name"] for one in listed}

    def test_whoever_does_not_want_it_tested_is_not_told_whether_it_works(
        self, including: Any
    ) -> None:
        done = cli(including, "backend", "add", "webhook", *sets(NOBODY), "--no-test")
        assert done.returncode == 0, done.stderr
        assert "refused" not in done.stdout + done.stderr
        assert "next start" in done.stdout

    @pytest.mark.parametrize(
        ("arguments", "said"),
        [
            (("channel", "add", "webhook"), ["webhook is a kind of backend"]),
            (("channel", "add", "htp"), ["Did you mean http?"]),
            (("channel", "add", "http", "--set", "tokn=x"), ["Did you mean token?"]),
            (("channel", "add", "http", "--set", "token"), ["--set key=value"]),
            (("channel", "add", "http", "--set", "token=file:x"), ["there is no file"]),
            (("channel", "add", "http"), ["--set token=…", "secret or secrets in its place"]),
            (("channel", "add", "http", "--set", "token=short"), ["at least 16 characters"]),
            (("backend", "add", "webhook"), ["--set url=… --set secret=…"]),
            (
                ("backend", "add", "webhook", "--set", "url=nonsense", "--set", f"secret={SECRET}"),
                ["backends.webhook.url", "starts with https://"],
            ),
            (("channel", "add", "http", "--name", "No!"), ["channels.No!", "usable name"]),
        ],
    )
    def test_mistakes_are_named_and_nothing_is_written(
        self, including: Any, arguments: tuple[str, ...], said: list[str]
    ) -> None:
        done = cli(including, *arguments)
        assert done.returncode == 2, done.stdout + done.stderr
        for words in said:
            assert words in done.stderr
        assert done.stderr.endswith("Nothing was written.\n")
        assert not (including.folder / "omnigate.d").exists()

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


class TestAsking:
    """What happens at a terminal."""

    def test_a_person_is_asked_and_corrected_and_secrets_are_not_shown(
        self, including: Any, receiver: Any
    ) -> None:
        with Person(
            including.folder, "backend", "add", "webhook", "--name", "asked", *sets(LOCAL)
        ) as person:
            person.reads("Where events are POSTed to.")
            person.answers("\nurl: ", "nonsense")
            person.reads("That will not do: a receiver's address starts with https://")
            person.answers("\nurl: ", f"{receiver.url}/asked")
            person.answers("\nsecret: ", "too-short")
            person.reads("That will not do: a signing secret is written whsec_")
            person.answers("\nsecret: ", SECRET)
            person.reads("Good: ")
            assert person.ends() == 0, person.shown
        assert SECRET not in person.shown
        assert "too-short" not in person.shown
        folder = including.folder / "omnigate.d"
        written = tomllib.loads((folder / "backend-asked.toml").read_text())["backends"]["asked"]
        assert written["url"] == f"{receiver.url}/asked"
        assert written["secret"] == {"file": "backend-asked.secret"}
        assert (folder / "backend-asked.secret").read_text() == f"{SECRET}\n"

    def test_an_empty_answer_makes_a_new_secret_and_says_where_it_is(self, including: Any) -> None:
        with Person(including.folder, "channel", "add", "http", "--name", "shop") as person:
            person.reads("Enter: a new one is made")
            person.answers("\ntoken: ", "")
            person.reads("Where answers are POSTed to")
            person.answers("\nurl: ", "")
            person.reads("A new token is in")
            assert person.ends() == 0, person.shown
        token = (including.folder / "omnigate.d" / "channel-shop.token").read_text().strip()
        assert len(token) > 30
        assert token not in person.shown

    @pytest.mark.parametrize("answer", ["g", "\x03"])
    def test_what_does_not_work_is_not_kept_against_ones_will(
        self, including: Any, answer: str
    ) -> None:
        with Person(including.folder, "backend", "add", "webhook", *sets(NOBODY)) as person:
            person.reads("It does not work: ")
            person.answers("[C/k/g]: ", answer)
            assert person.ends() == 1
        assert "Nothing was written." in person.shown
        assert "Traceback" not in person.shown
        assert not (including.folder / "omnigate.d").exists()

    def test_what_does_not_work_is_kept_on_demand(self, including: Any) -> None:
        with Person(including.folder, "backend", "add", "webhook", *sets(NOBODY)) as person:
            person.answers("[C/k/g]: ", "what?")
            person.reads("Answer c, k or g.")
            assert not (including.folder / "omnigate.d").exists(), "nobody else finds it meanwhile"
            person.answers("[C/k/g]: ", "k")
            assert person.ends() == 1
        assert "does not work yet" in person.shown
        assert (including.folder / "omnigate.d" / "backend-webhook.toml").exists()

    def test_answers_that_do_not_work_are_asked_for_again_and_enter_keeps_them(
        self, including: Any, receiver: Any
    ) -> None:
        with Person(including.folder, "backend", "add", "webhook", *sets(NOBODY)) as person:
            person.reads("It does not work: ")
            person.answers("[C/k/g]: ", "")
            person.reads("Enter: http://127.0.0.1:9/crm")
            person.answers("\nurl: ", "nonsense")
            person.reads("That will not do: a receiver's address starts with https://")
            person.answers("\nurl: ", f"{receiver.url}/again")
            person.reads("Enter: as it is")
            person.answers("\nsecret: ", "")
            person.reads("Enter: 127.0.0.0/8")
            person.answers("\nallow_private: ", "")
            person.reads("Good: ")
            assert person.ends() == 0, person.shown
        assert SECRET not in person.shown
        folder = including.folder / "omnigate.d"
        written = tomllib.loads((folder / "backend-webhook.toml").read_text())["backends"][
            "webhook"
        ]
        assert written["url"] == f"{receiver.url}/again"
        assert written["allow_private"] == ["127.0.0.0/8"]
        assert (folder / "backend-webhook.secret").read_text() == f"{SECRET}\n"

    def test_ports_and_encryption_are_asked_for_once_a_server_does_not_answer(
        self, including: Any
    ) -> None:
        keys = ("address=a@example.com", "from_name=A", "imap.host=127.0.0.1", "plus_addresses=no")
        login = ("imap.username=a", "imap.password=former-password", "imap.tls=none")
        dead = f"imap.port={free_port()}"
        door = free_port()
        with Person(
            including.folder, "channel", "add", "email", *sets((*keys, *login, dead))
        ) as person:
            person.answers("\nsmtp.host: ", "127.0.0.1")
            person.answers("\nsmtp.username: ", "")
            person.reads("It does not work: IMAP: ")
            person.answers("[C/k/g]: ", "c")
            for key in ("address", "from_name", "imap.host"):
                person.answers(f"\n{key}: ", "")
            person.answers("\nimap.port: ", str(door))
            for key in ("imap.tls", "imap.ca_file", "imap.username", "imap.password"):
                person.answers(f"\n{key}: ", "")
            person.answers("\nimap.folders: ", "INBOX,Sent")
            person.answers("\nsmtp.host: ", "")
            person.answers("\nsmtp.port: ", str(free_port()))
            person.answers("\nsmtp.tls: ", "none")
            for key in ("smtp.ca_file", "smtp.username", "plus_addresses"):
                person.answers(f"\n{key}: ", "")
            person.reads(f"127.0.0.1:{door}")
            person.answers("[C/k/g]: ", "k")
            assert person.ends() == 1, person.shown
        assert "former-password" not in person.shown
        assert f"It talks to 127.0.0.1:{door}" in person.shown
        assert "Its address" not in person.shown
        folder = including.folder / "omnigate.d"
        written = tomllib.loads((folder / "channel-email.toml").read_text())["channels"]["email"]
        assert written["imap"]["port"] == door
        assert written["imap"]["folders"] == ["INBOX", "Sent"]
        assert written["smtp"]["tls"] == "none"
        assert (folder / "channel-email.imap.password").read_text() == "former-password\n"

    def test_leaving_in_the_middle_leaves_nothing(self, including: Any) -> None:
        with Person(including.folder, "channel", "add", "http") as person:
            person.answers("\ntoken: ", "\x03")
            assert person.ends() == 1
        assert "Nothing was written." in person.shown
        assert not (including.folder / "omnigate.d").exists()


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
