"""What README and docs say is tried: commands, blocks of code, configurations, links, tables."""

from __future__ import annotations

import importlib.util
import json
import os
import re
import secrets
import shutil
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from standardwebhooks import Webhook

import omnigate
from omnigate.model.event import DATA, EPHEMERAL, EventType
from omnigate.model.samples import sample
from omnigate.signing import Signer, new_secret
from tests.ports import free_port

ROOT = Path(__file__).parents[1]
PAGES = {
    name: (ROOT / name).read_text(encoding="utf-8")
    for name in ("README.md", "docs/crm.md", "docs/operating.md")
}
BLOCK = re.compile(r"^( *)```(\w*)\n(.*?)^\1```$", re.DOTALL | re.MULTILINE)
FILE = re.compile(r"<!-- file: (\S+) -->\n```python\n(.*?)```", re.DOTALL)
SAMPLE_CONVERSATION = "cnv_06f9d0q7h2c5t9m1k4v8e3s6r0"
SECONDS = 30.0
APP_TOKEN = "an-application-token"

CONFIG = """
[server]
listen = "127.0.0.1:{port}"
[log]
format = "json"
[channels.app]
kind = "http"
token = {{ env = "APP_TOKEN" }}
[backends.crm]
kind = "webhook"
url = "http://127.0.0.1:{crm}/omnigate"
secret = {{ env = "OMNIGATE_WEBHOOK_SECRET" }}
allow_private = ["127.0.0.0/8"]
[[routes]]
backends = ["crm"]
"""


def blocks(page: str, language: str) -> list[str]:
    return [text for _, said, text in BLOCK.findall(PAGES[page]) if said == language]


def file_of(page: str, name: str) -> str:
    files: dict[str, str] = dict(FILE.findall(PAGES[page]))
    return files[name]


def wait_until(holds: Callable[[], Any], what: str) -> None:
    deadline = time.monotonic() + SECONDS
    while not holds():
        assert time.monotonic() < deadline, f"waited too long until {what}"
        time.sleep(0.05)


@dataclass
class Place:
    """A directory in which commands run as a reader would run them."""

    directory: Path
    environment: dict[str, str]
    port: int
    conversation: str = SAMPLE_CONVERSATION

    def shell(self, script: str) -> subprocess.CompletedProcess[str]:
        """Run a block in which addresses and ids of the examples are those of this place."""
        script = script.replace("https://chat.example.org", f"http://127.0.0.1:{self.port}")
        script = script.replace(SAMPLE_CONVERSATION, self.conversation)
        script = re.sub(r"\bcurl ", "curl --silent --show-error --fail-with-body ", script)
        return subprocess.run(
            ["bash", "-euo", "pipefail", "-c", script],
            cwd=self.directory,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    def read(self, name: str) -> str:
        return (self.directory / name).read_text(encoding="utf-8")


def place_in(directory: Path) -> Place:
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    known = {
        **os.environ,
        "PATH": path,
        "APP_TOKEN": APP_TOKEN,
        "CRM_SECRET": new_secret(),
        "OMNIGATE_WEBHOOK_SECRET": new_secret(),
    }
    known.pop("OMNIGATE_CONFIG", None)
    return Place(directory, known, free_port())


@pytest.fixture
def place(tmp_path_factory: pytest.TempPathFactory) -> Place:
    return place_in(tmp_path_factory.mktemp("r"))


@pytest.fixture(scope="module")
def street(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """The README's receiver, the daemon that calls it, and one customer who wrote."""
    made = place_in(tmp_path_factory.mktemp("s"))
    crm = free_port()
    code = file_of("README.md", "receiver.py")
    assert "9000" in code
    (made.directory / "receiver.py").write_text(code.replace("9000", str(crm)))
    (made.directory / "omnigate.toml").write_text(CONFIG.format(port=made.port, crm=crm))
    commands = {"receiver": [sys.executable, "receiver.py"], "daemon": ["omnigate", "run"]}
    started = []
    for name, command in commands.items():
        with (made.directory / f"{name}.log").open("wb") as log:
            program = shutil.which(command[0], path=made.environment["PATH"]) or command[0]
            started.append(
                subprocess.Popen(
                    [program, *command[1:]],
                    cwd=made.directory,
                    env=made.environment,
                    stdout=log,
                    stderr=log,
                )
            )
    try:
        wait_until(lambda: '"ready"' in made.read("daemon.log"), "the daemon is ready")
        (say,) = [block for block in blocks("README.md", "sh") if "/channels/app/" in block]
        said = made.shell(say)
        assert json.loads(said.stdout) == {"accepted": 1, "duplicates": 0}, said.stderr
        wait_until(lambda: "cnv_" in made.read("receiver.log"), "the receiver has the event")
        found = re.search(r"cnv_\w+", made.read("receiver.log"))
        assert found is not None
        made.conversation = found[0]
        token = made.shell(
            "omnigate token create t --scope messages:send --scope messages:read --scope events:read"
        )
        made.environment["OMNIGATE_TOKEN"] = token.stdout.strip()
        yield made
    finally:
        for process in started:
            process.send_signal(signal.SIGTERM)
        for process in started:
            process.wait(SECONDS)
    assert "Traceback" not in made.read("daemon.log")


def test_nothing_that_could_be_tried_is_left_out():
    known = {"sh", "toml", "python", "html", "json", "http", "ini", "nginx", "yaml", ""}
    for page, text in PAGES.items():
        assert {said for _, said, _ in BLOCK.findall(text)} <= known, page
        assert text.count("```") == 2 * len(BLOCK.findall(text)), page
        assert len(re.findall("```python", text)) == len(FILE.findall(text)), page
    assert set(dict(FILE.findall(PAGES["README.md"]))) == {"receiver.py", "omnigate_pager.py"}


def test_the_two_commands_are_there():
    for target in ("demo", "test", "check", "bench"):
        done = subprocess.run(
            ["make", "--dry-run", target], cwd=ROOT, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr


def test_the_first_steps_work_as_they_are_told(place):
    (block,) = [block for block in blocks("README.md", "sh") if "omnigate init" in block]
    steps = [line.split("#")[0].strip() for line in block.splitlines()]
    assert steps[-1] == "omnigate run"  # that it runs is shown by every other test here
    done = place.shell("\n".join(steps[:-1]))
    assert done.returncode == 0, done.stderr
    assert "Next:" in done.stdout


@pytest.mark.parametrize("page", ["README.md", "docs/operating.md"])
def test_configurations_are_good(place, page):
    shown = blocks(page, "toml")
    whole = next(text for text in shown if "[[routes]]" in text)
    for name in ("OPS_SECRET", "BOT_SECRET"):
        place.environment[name] = new_secret()
    for text in shown:
        # What is no whole configuration is to be added to one.
        added = "" if text is whole else text
        (place.directory / "added.toml").write_text(added)
        # What is added has routes of its own in place of the first.
        kept = whole[: whole.index("[[routes]]")] if "[[routes]]" in added else whole
        main = 'include = ["added.toml"]\n' + kept.replace(
            "/var/lib/omnigate", str(place.directory)
        )
        main = main.replace("/run/omnigate", str(place.directory))
        (place.directory / "omnigate.toml").write_text(main)
        (place.directory / "omnigate.toml").chmod(0o600)
        for name in ("app.secret", "crm.secret"):
            (place.directory / name).write_text(new_secret())
            (place.directory / name).chmod(0o600)
        done = place.shell("omnigate check")
        assert done.returncode == 0, done.stderr
        assert " is good:" in done.stdout, done.stderr


@pytest.mark.parametrize(
    "block",
    [
        pytest.param(block, id=f"{page}-{number}")
        for page in PAGES
        for number, block in enumerate(blocks(page, "sh"))
        if not block.startswith("make")
        and "omnigate init" not in block
        and "body.json" not in block
    ],
)
def test_commands_work_as_they_are_shown(street, block):
    if "$OMNIGATE_TOKEN" in block:
        assert street.environment["OMNIGATE_TOKEN"].startswith("og_")
    done = street.shell(block.replace("events tail", "events tail --no-follow"))
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    assert done.stdout


def test_the_receiver_gets_the_message_and_its_answer_reaches_the_conversation(street):
    assert "Is the city bike in stock?" in street.read("receiver.log")

    def answered() -> bool:
        listed = street.shell(f"omnigate message list --conversation {street.conversation} --json")
        items = json.loads(listed.stdout)["items"]
        return any(item["text"] == "Thank you, we are on it." for item in items)

    wait_until(answered, "the answer is in the conversation")


def test_the_receiver_refuses_what_is_not_signed(street):
    port = re.search(r"127\.0\.0\.1:(\d+)/omnigate", street.read("omnigate.toml"))
    assert port is not None
    body = sample(EventType.MESSAGE_RECEIVED).model_dump_json().encode()
    headers = Signer([new_secret()]).headers("evt_1", int(time.time()), body)
    request = urllib.request.Request(
        f"http://127.0.0.1:{port[1]}/omnigate", data=body, headers=headers
    )
    with pytest.raises(urllib.error.HTTPError, match="401") as refused:
        urllib.request.urlopen(request, timeout=10)
    refused.value.close()


def shown_request() -> tuple[dict[str, str], bytes, str]:
    (block,) = blocks("docs/crm.md", "http")
    head, body = block.rstrip("\n").split("\n\n")
    headers = dict(line.split(": ", 1) for line in head.splitlines()[1:])
    secret = re.search(r"whsec_[A-Za-z0-9+/=]+", PAGES["docs/crm.md"])
    assert secret is not None
    return headers, body.encode(), secret[0]


def test_the_shown_request_is_the_sample_and_really_signed():
    headers, body, secret = shown_request()
    assert body.decode() == sample(EventType.MESSAGE_RECEIVED).model_dump_json()
    webhook_id, sent_at = headers["webhook-id"], int(headers["webhook-timestamp"])
    assert webhook_id == json.loads(body)["id"]
    assert Signer([secret]).verify(headers, body, sent_at) == webhook_id
    judge = Webhook(secret)
    moment = datetime.fromtimestamp(sent_at, tz=UTC)
    assert judge.sign(webhook_id, moment, body.decode()) == headers["webhook-signature"]
    with pytest.raises(omnigate.Unauthorized):
        Signer([secret]).verify(headers, body.replace(b"bike", b"boat"), sent_at)


def test_the_shown_answer_in_a_response_is_understood():
    (answer, *_) = blocks("docs/crm.md", "json")
    reply = omnigate.Reply.model_validate_json(answer)
    assert [content.text for content in reply.messages] == ["Thank you, we are on it."]


def test_the_command_line_agrees_with_the_shown_request(place):
    _, body, _ = shown_request()
    (place.directory / "body.json").write_bytes(body)
    (block,) = [block for block in blocks("docs/crm.md", "sh") if "body.json" in block]
    del place.environment["OMNIGATE_WEBHOOK_SECRET"]
    done = place.shell(block)
    assert done.stdout == "The signature is good.\n", done.stderr
    (place.directory / "body.json").write_bytes(body + b" ")
    assert place.shell(block).returncode == 1


def test_the_table_of_events_is_that_of_the_models():
    rows = re.findall(
        r"^\| `([a-z._]+)` \| `(\w+)` \| (.+) \|$", PAGES["docs/crm.md"], re.MULTILINE
    )
    assert [(name, noun) for name, noun, _ in rows] == [
        (str(kind), DATA[kind][0]) for kind in EventType
    ]
    fleeting = {name for name, _, meaning in rows if meaning.startswith("fleeting: ")}
    assert fleeting == {str(kind) for kind in EPHEMERAL}


def test_the_shown_channel_works(tmp_path):
    path = tmp_path / "omnigate_pager.py"
    path.write_text(file_of("README.md", "omnigate_pager.py"))
    spec = importlib.util.spec_from_file_location("omnigate_pager", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    (channel,) = module.omnigate_channels()
    token = secrets.token_hex(8)
    pager = channel(channel.Config(token=token), None)

    def request(given: str) -> omnigate.Request:
        body = b"id=1&number=%2B79161234567&text=Hello"
        return omnigate.Request(
            method="POST", path="/hook", query={}, headers={"X-Token": given}, body=body
        )

    pager.authenticate(request(token))
    with pytest.raises(omnigate.Unauthorized):
        pager.authenticate(request("wrong"))
    (message,) = pager.parse(request(token))
    assert (message.text, message.sender.address) == ("Hello", "tel:+79161234567")


def test_links_lead_somewhere():
    for page, text in PAGES.items():
        for target in re.findall(r"\]\((?!https?://)([^)]+)\)", text):
            file, _, anchor = target.partition("#")
            path = (ROOT / page).parent / file if file else ROOT / page
            assert path.exists(), f"{page}: {target}"
            if anchor:
                headings = re.findall(r"^#+ (.+)$", path.read_text(encoding="utf-8"), re.MULTILINE)
                assert anchor in {heading.lower().replace(" ", "-") for heading in headings}
    for picture in ("demo.png", "demo-phones.png"):
        assert (ROOT / "docs" / picture).stat().st_size < 300 * 1024
