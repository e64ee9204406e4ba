"""S37: secrets that sing. One is put wherever a secret can be, everything is done that can be done, and
then they are looked for in all that the daemon writes, keeps, answers and prints."""

from __future__ import annotations

import base64
import json
import ssl
import subprocess
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from omnigate.server.app import ADMIN
from tests.security.daemon import ORIGIN, Crm, Daemon, Said, wait_until

TOKEN = "canary-bearer-of-the-application-0001"
OLD_TOKEN = "canary-bearer-of-yesterday-0002"
SECRET = "whsec_" + base64.b64encode(b"canary-signing-secret-0003-32bytes!").decode()
OLD_SECRET = "whsec_" + base64.b64encode(b"canary-signing-secret-0004-32bytes!").decode()
HEADER = "canary-header-value-0005"
IN_PATH = "canary-in-path-0006"
IN_QUERY = "canary-in-query-0007"
IDENTITY = "canary-identity-secret-0008-0123456789abcdef"
IN_FILE = "canary-in-file-address-0009"
WRONG = "canary-of-a-stranger-0010"
FIXED = {
    "token": TOKEN,
    "old token": OLD_TOKEN,
    "signing secret": SECRET,
    "signing key": "canary-signing-secret",
    "signing key as written": SECRET.removeprefix("whsec_")[:24],
    "header": HEADER,
    "path of an address": IN_PATH,
    "query of an address": IN_QUERY,
    "identity secret": IDENTITY,
    "what a stranger presents": WRONG,
}
KEPT_BY_NEED = {"address of a file": IN_FILE}
"""In the store, since the file must be fetched; nowhere else."""
TEXT = "what a customer says: my card is 0011"
LOGGED_NEVER = {"a customer's words": TEXT}

ADDRESS = "http://127.0.0.1:{crm}/{path}" + f"/{IN_PATH}?key={IN_QUERY}"
SECTIONS = "".join(
    f"""
[backends.{name}]
kind = "webhook"
url = "{ADDRESS.replace("{path}", name) if "{url}" in url else url}"
secrets = ["{SECRET}", "{OLD_SECRET}"]
headers = {{{{ Authorization = "Bearer {HEADER}", X-Api-Key = "{HEADER}" }}}}
allow_private = ["127.0.0.0/8"]
timeout_seconds = 1
"""
    for name, url in {
        "crm": "{url}",
        "refusing": "{url}",
        "failing": "{url}",
        "moved": "{url}",
        "slow": "{url}",
        "strange": "{url}",
        "closed": f"http://127.0.0.1:1/{IN_PATH}?key={IN_QUERY}",
        "unknown": f"https://nobody.invalid/{IN_PATH}?key={IN_QUERY}",
        "untrusted": f"https://127.0.0.1:TLS-PORT/{IN_PATH}?key={IN_QUERY}",
        "forbidden": f"https://10.0.0.1/{IN_PATH}?key={IN_QUERY}",
    }.items()
)
SECTIONS += f"""
[channels.app]
kind = "http"
token = "{TOKEN}"
old_token = "{OLD_TOKEN}"
secret = "{SECRET}"
url = "{ADDRESS.replace("{path}", "answers")}"
headers = {{{{ X-Api-Key = "{HEADER}" }}}}
allow_private = ["127.0.0.0/8"]
timeout_seconds = 1
[channels.site]
kind = "webchat"
allowed_origins = ["{ORIGIN}"]
identity_secret = "{IDENTITY}"
[[routes]]
backends = ["crm", "refusing", "failing", "moved", "slow"]
"""
SECTIONS = SECTIONS.replace(
    '"slow"]', '"slow", "strange", "closed", "unknown", "untrusted", "forbidden"]'
)


def behave(heard: Any) -> Said:
    """Be ten receivers, most of them broken."""
    name = heard.path.split("/")[1].split("?")[0]
    echo = json.dumps(dict(heard.headers)).encode() + heard.body
    match name:
        case "refusing":
            return Said(401, echo, {"WWW-Authenticate": "Bearer"})
        case "failing":
            return Said(500, echo)
        case "moved":
            return Said(302, echo, {"Location": f"http://127.0.0.1:1/{IN_PATH}?key={IN_QUERY}"})
        case "strange":
            return Said(200, b'{"messages": [{"text": "' + HEADER.encode() + b'", "x": 1}]}')
        case "slow":
            time.sleep(1.3)
        case "answers":
            return Said(422, echo)
    return Said()


MESSAGE = {
    "external_id": "1",
    "conversation": "c-1",
    "sender": {"address": "app:c-1"},
    "text": TEXT,
}


class Secrets:
    """Everything that must not be found, and where."""

    def __init__(self, daemon: Daemon) -> None:
        self.daemon = daemon
        self.known = dict(FIXED)
        self.shown: list[str] = []
        """Bodies of answers and all that was printed."""
        self.printed: dict[str, str] = {}
        """By command."""

    def found(self) -> list[str]:
        """Look everywhere; name what was found where."""
        folder = self.daemon.folder
        kept = b"".join(
            path.read_bytes()
            for path in sorted(folder.rglob("*"))
            if path.is_file() and path.name != "log" and path.suffix != ".toml"
        ).decode("utf-8", "replace")
        places = {
            "the log": self.daemon.log(),
            "the store": kept,
            "what is shown": "\n".join(self.shown),
        }
        songs = []
        for place, text in places.items():
            wanted = dict(self.known)
            if place != "the store":
                wanted |= KEPT_BY_NEED
            if place == "the log":
                wanted |= LOGGED_NEVER
            songs += [f"{what} in {place}" for what, secret in wanted.items() if secret in text]
        return songs


def sing(daemon: Daemon) -> Secrets:
    """Do everything that has to do with secrets, and whatever can go wrong with them."""
    secrets = Secrets(daemon)
    secrets.known["API token"] = daemon.token
    customers(secrets)
    strangers(secrets)
    operators(secrets)
    wait_until(lambda: len(daemon.crm.heard) > 15, "all have been tried")
    listed = daemon.operate("GET", "/admin/status")[1]["destinations"]
    secrets.shown.append(json.dumps(listed))
    return secrets


def customers(secrets: Secrets) -> None:
    """Be honest customers, and a CRM that reads everything."""
    daemon = secrets.daemon
    broken = [
        f"http://127.0.0.1:1/{IN_FILE}?sig={IN_FILE}",
        f"https://nobody.invalid/x?sig={IN_FILE}",
    ]
    files = [{"url": url} for url in broken]
    message = {**MESSAGE, "attachments": files}
    for token in (TOKEN, OLD_TOKEN):
        assert daemon.post("/channels/app/messages", message, token=token).status == 202
    visit = daemon.post("/channels/site/session", {}, Origin=ORIGIN).json()
    secrets.known |= {name: visit[name] for name in ("connection_token", "visitor_token")}
    say = {"frames": [{"t": "msg.send", "cid": "aaaaaaaa", "d": {"text": TEXT}}]}
    daemon.post("/channels/site/commands", say, token=visit["connection_token"], Origin=ORIGIN)
    conversation = daemon.get("/v1/conversations")["items"][0]["id"]
    for number in range(2):
        body = {"to": {"conversation": conversation}, "text": TEXT, "attachments": files[number:]}
        answer = daemon.post("/v1/messages", body, token=daemon.token, Idempotency_Key=f"k{number}")
        secrets.shown.append(answer.raw.decode())
    for path in (
        "/v1/messages",
        "/v1/conversations",
        "/v1/contacts",
        "/v1/events",
        "/v1/openapi.json",
    ):
        secrets.shown.append(daemon.call("GET", path, token=daemon.token).raw.decode())
    for message in daemon.get("/v1/messages")["items"]:
        for file in message["attachments"]:
            path = file["url"].partition(f":{daemon.port}")[2]
            secrets.shown.append(daemon.call("GET", path).raw.decode("latin1"))
            secrets.shown.append(
                daemon.call("GET", f"/v1/media/{file['id']}", token=daemon.token).raw.decode()
            )


def strangers(secrets: Secrets) -> None:
    """Present wrong secrets everywhere, and the right ones where they are no use."""
    daemon = secrets.daemon
    for wrong in (WRONG, TOKEN + "x", daemon.token + "x", daemon.token[:-1]):
        for path in (
            "/channels/app/messages",
            "/v1/messages",
            "/channels/site/commands",
            f"/x/{wrong}",
        ):
            for where in (
                {"Authorization": f"Bearer {wrong}"},
                {"Cookie": wrong},
                {"X-Key": wrong},
            ):
                answer = daemon.call(
                    "POST", f"{path}?token={wrong}", b"{}", {**where, "Origin": ORIGIN}
                )
                secrets.shown.append(answer.raw.decode("latin1"))
    for body in (f'{{"text": "{WRONG}"', f'{{"external_id": "{WRONG}", "token": "{WRONG}"}}'):
        for token, path in ((TOKEN, "/channels/app/messages"), (daemon.token, "/v1/messages")):
            secrets.shown.append(daemon.post(path, body.encode(), token=token).raw.decode())
    signed = {
        "webhook-id": WRONG,
        "webhook-timestamp": "1700000000",
        "webhook-signature": f"v1,{WRONG}",
    }
    secrets.shown.append(daemon.call("POST", "/channels/app/messages", b"{}", signed).raw.decode())


def operators(secrets: Secrets) -> None:
    """Use every verb that shows something."""
    daemon = secrets.daemon
    for operation in ADMIN:
        if (
            operation.method == "GET"
            and "{" not in operation.path
            and "token" not in operation.path
        ):
            try:
                secrets.shown.append(json.dumps(daemon.operate("GET", operation.path)[1]))
            except ValueError:
                continue  # not JSON: metrics, a backup
    wait_until(lambda: daemon.destination("failing")["last_error"], "a delivery has failed")
    message = daemon.get("/v1/messages")["items"][0]["id"]
    commands = (
        "check", "status", "channel show app", "backend show failing", "backend test failing",
        "backend test untrusted", "backend test moved", "backend test closed", "backend test forbidden",
        "config show", "token list", "doctor", f"message trace {message}", "dead list", "reload",
        "channel log app", "backend log failing", f"message show {message} --json",
    )  # fmt: skip
    with ThreadPoolExecutor(3) as running:
        printed = running.map(lambda command: daemon.omnigate(*command.split()), commands)
        secrets.printed = dict(zip(commands, printed, strict=True))
    # The operator's own view of the configuration shows where an address leads, but not its query.
    printed_config = secrets.printed.pop("config show")
    assert IN_PATH in printed_config
    secrets.shown += [*secrets.printed.values(), printed_config.replace(IN_PATH, "")]


@pytest.fixture(scope="module")
def tls(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """A receiver with a certificate that nobody vouches for; gives its port."""
    folder = tmp_path_factory.mktemp("tls")
    command = (
        "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 1 -subj /CN=crm"
    )
    command += " -keyout key.pem -out cert.pem"
    subprocess.run(command.split(), cwd=folder, check=True, capture_output=True)
    server = Crm()
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(folder / "cert.pem", folder / "key.pem")
    server.server.socket = context.wrap_socket(server.server.socket, server_side=True)
    yield server.port
    server.end()


def start(folder: Path, tls: int, **options: Any) -> Daemon:
    crm = Crm()
    crm.behave = behave
    sections = SECTIONS.replace("TLS-PORT", str(tls))
    return Daemon(folder, crm, sections=sections, level="debug", **options)


@pytest.fixture(scope="module")
def sung(tmp_path_factory: pytest.TempPathFactory, tls: int) -> Secrets:
    """All that came of doing everything once."""
    daemon = start(tmp_path_factory.mktemp("canaries"), tls)
    try:
        secrets = sing(daemon)
    finally:
        daemon.end()
        daemon.crm.end()
    return secrets


def test_no_secret_is_found_anywhere(sung: Secrets) -> None:
    assert len(sung.daemon.log().splitlines()) > 20
    assert sung.found() == []


def test_the_search_finds_what_is_there(sung: Secrets, monkeypatch: pytest.MonkeyPatch) -> None:
    """The proof that the search looks where things are: what may be there is found."""
    there = {"words": TEXT, "the address of a file": IN_FILE, "a name": "failing"}
    monkeypatch.setattr(sung, "known", there)
    songs = sung.found()
    assert {"words in the store", "the address of a file in the store"} <= set(songs)
    assert {"a name in the log", "a name in what is shown"} <= set(songs)


LEAKY = """
from omnigate import exchange
exchange.Receiver.origin = property(lambda self: str(self._url))
"""


def test_an_address_in_an_error_is_found(tmp_path: Path, tls: int) -> None:
    """Sabotage twin: errors that name the whole address of a receiver."""
    daemon = start(tmp_path, tls, prelude=LEAKY)
    secrets = Secrets(daemon)
    try:
        assert daemon.post("/channels/app/messages", MESSAGE, token=TOKEN).status == 202
        wait_until(lambda: daemon.destination("closed")["last_error"], "a delivery has failed")
        secrets.shown.append(daemon.omnigate("backend", "test", "closed"))
    finally:
        daemon.end()
        daemon.crm.end()
    songs = secrets.found()
    assert "path of an address in the log" in songs
    assert "path of an address in what is shown" in songs
