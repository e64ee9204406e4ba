"""What a hostile name server, receiver, address or environment can make the daemon do: nothing."""

from __future__ import annotations

import re
import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from types import SimpleNamespace
from typing import Any

import aiohttp
import pytest
from aiohttp.abc import AbstractResolver, ResolveResult
from omnigate_webhook import Webhook
from pydantic import TypeAdapter, ValidationError
from yarl import URL

import omnigate
from omnigate import receiver
from omnigate.flow import egress
from omnigate.flow.egress import EgressGuard, guarded_session
from omnigate.flow.hosts import DaemonBackendHost
from omnigate.model.samples import sample
from omnigate.receiver import ExtraHeaders, ReceiverUrl
from tests.security.daemon import SECRET, Crm, Heard, Said

pytestmark = pytest.mark.anyio

HERE = ["127.0.0.0/8"]


@pytest.fixture
def servers() -> Iterator[Callable[[], Crm]]:
    """Start servers that count who comes."""
    with ExitStack() as running:

        def start() -> Crm:
            server = Crm()
            running.callback(server.end)
            return server

        yield start


# ---- S2: a name server that changes its mind ------------------------------------------------------


class Rebinding(AbstractResolver):
    """Answers with something harmless when asked first, and with this machine ever after."""

    def __init__(self, *answers: tuple[str, ...]) -> None:
        self.answers = list(answers)

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        addresses = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        return [
            ResolveResult(
                hostname=host,
                host=address,
                port=port,
                family=socket.AF_INET6 if ":" in address else socket.AF_INET,
                proto=0,
                flags=socket.AI_NUMERICHOST,
            )
            for address in addresses
        ]

    async def close(self) -> None:
        """Nothing is held."""


class Naive(EgressGuard):
    """The guard that one writes first: it judges the name once, before the connection is made."""

    def open_socket(self, address: Any) -> socket.socket:
        return socket.socket(*address[:3])


async def rebound(server: Crm, *answers: tuple[str, ...]) -> int:
    """Ask twice for a name that moves inside; return how often that server was reached."""
    resolver = Rebinding(*answers)
    async with guarded_session(resolver=resolver) as session:
        for _ in range(3):
            try:
                # What a check before the connection would see.
                (first, *_) = await resolver.resolve("crm.example.org")
                EgressGuard().judge(first["host"], encrypted=True)
            except PermissionError:
                continue
            try:
                await session.get(f"http://crm.example.org:{server.port}/")
            except aiohttp.ClientError:
                continue
    return len(server.heard)


REBOUND: list[list[tuple[str, ...]]] = [
    [("8.8.8.8",), ("127.0.0.1",)],
    [("8.8.8.8", "127.0.0.1")],
    [("8.8.8.8",), ("127.0.0.1", "8.8.8.8")],
    [("8.8.8.8",), ("::ffff:127.0.0.1",)],
]


@pytest.mark.parametrize("answers", REBOUND)
async def test_a_name_that_moves_inside_after_it_was_checked_is_not_followed(
    servers: Any, answers: Any
) -> None:
    """S2."""
    assert await rebound(servers(), *answers) == 0


async def test_a_check_before_the_connection_would_be_too_early(
    servers: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Sabotage twin of S2."""
    monkeypatch.setattr(egress, "EgressGuard", Naive)
    assert await rebound(servers(), *REBOUND[0]) > 0


# ---- S3: redirects --------------------------------------------------------------------------------


def webhook(url: str, **more: Any) -> tuple[Webhook, DaemonBackendHost]:
    """Return the real backend with the real host."""
    host = DaemonBackendHost("crm")
    fields = {"url": url, "secret": SECRET, "allow_private": HERE, "timeout_seconds": 5, **more}
    return Webhook(Webhook.Config.model_validate(fields), host), host


def event() -> omnigate.Event:
    envelope = sample(omnigate.EventType.MESSAGE_RECEIVED)
    return omnigate.Event(
        id=envelope.id,
        type=envelope.type,
        body=envelope.model_dump_json().encode(),
        sequence=envelope.sequence,
    )


async def redirected(servers: Any, status: int, target: str) -> tuple[int, int, bool]:
    """Deliver to a receiver that points elsewhere.

    Returns how often it and the other place were asked, and whether the event counts as delivered.
    """
    crm, other = servers(), servers()
    here, there = f"http://127.0.0.1:{crm.port}/crm", f"http://127.0.0.1:{other.port}/x"
    where = target.format(here=here, there=there, port=other.port)
    crm.behave = lambda heard: Said(status, b"", {"Location": where})
    backend, host = webhook(here)
    try:
        await backend.deliver(event())
        delivered = True
    except omnigate.DestinationUnavailable:
        delivered = False
    finally:
        await host.close()
    return len(crm.heard), len(other.heard), delivered


TARGETS = [
    "{there}",
    "{here}",
    "//127.0.0.1:{port}/x",
    "http://0x7f.1:{port}/x",
    "http://169.254.169.254/latest/meta-data/",
    "file:///etc/passwd",
    "ftp://127.0.0.1:{port}/",
    "gopher://127.0.0.1:{port}/_x",
    "data:text/plain,x",
    "",
    "x" * 5000,
]


@pytest.mark.parametrize("status", [300, 301, 302, 303, 305, 307, 308])
async def test_where_a_receiver_points_to_nobody_goes(servers: Any, status: int) -> None:
    """S3: to another server, inside, to another scheme, in a circle."""
    for target in TARGETS:
        assert await redirected(servers, status, target) == (1, 0, False), target


async def test_who_follows_redirects_is_found(
    servers: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Sabotage twin of S3."""
    ask = aiohttp.ClientSession._request

    async def follow(session: Any, *args: Any, **options: Any) -> Any:
        return await ask(session, *args, **{**options, "allow_redirects": True})

    monkeypatch.setattr(aiohttp.ClientSession, "_request", follow)
    asked, elsewhere, _ = await redirected(servers, 307, "{there}")
    assert (asked, elsewhere) == (1, 1)


# ---- S4: odd schemes, user names, line breaks -----------------------------------------------------

ODD_URLS = [
    "file:///etc/passwd", "ftp://crm/", "gopher://crm/", "ws://crm/", "unix:///run/x", "//crm/", "crm",
    "data:,x", "javascript:alert(1)", "", "https://", "https:///x", "http:crm", "https:/crm",
    "https://user@crm/", "https://user:pw@crm/", "https://:pw@crm/", "https://a%40b@crm/",
    "https://crm\r\nX-Evil: 1/", "https://crm/\nX", "https://crm/ x", "https://crm/\x00", "https://crm/\x7f",
    "https://crm\\@evil/", "\\\\crm\\x", " https://crm/", "https://crm/\t", "https://crm:99999/",
    "https://crm:x/", "https://[::1/", "https://[x]/", "jar:https://crm!/", "view-source:https://crm/",
]  # fmt: skip
ODD_HEADERS = [
    {"X-A": "a\r\nX-Evil: 1"}, {"X-A": "a\nb"}, {"X-A": "a\rb"}, {"X-A": "a\x00"}, {"X-A": "a\x0b"},
    {"X-A": "é"}, {"X-A": "x" * 5000}, {"X-A\r\nX-Evil": "1"}, {"X A": "1"}, {"": "1"}, {"X-A:": "1"},
    {"Host": "evil"}, {"Content-Length": "0"}, {"transfer-encoding": "chunked"}, {"Connection": "close"},
    {"webhook-signature": "v1,x"}, {"omnigate-attempt": "9"}, {"Webhook-Id": "x"}, {"expect": "100"},
]  # fmt: skip


@pytest.mark.parametrize("url", ODD_URLS)
def test_an_odd_address_is_refused_before_anything_starts(url: str) -> None:
    """S4."""
    with pytest.raises(ValidationError):
        TypeAdapter(ReceiverUrl).validate_python(url)


@pytest.mark.parametrize("headers", ODD_HEADERS, ids=repr)
def test_a_header_that_is_two_or_ours_is_refused_before_anything_starts(headers: Any) -> None:
    """S4."""
    with pytest.raises(ValidationError):
        TypeAdapter(ExtraHeaders).validate_python(headers)


def test_an_honest_address_and_header_are_taken() -> None:
    """The proof that the two tests above do not refuse everything."""
    for url in ("https://crm.example.org/x?a=b#c", "http://10.0.0.1:8080", "https://[2606::1]/"):
        assert TypeAdapter(ReceiverUrl).validate_python(url) == url
    TypeAdapter(ExtraHeaders).validate_python(
        {"Authorization": "Bearer x", "X-Api-Key": "é".encode().hex()}
    )


def taken(kind: Any, odd: list[Any]) -> list[Any]:
    """Return those odd values of a configuration that are taken."""

    def is_taken(value: Any) -> bool:
        try:
            TypeAdapter(kind).validate_python(value)
        except ValidationError:
            return False
        return True

    return [value for value in odd if is_taken(value)]


def seen_as(**parts: Any) -> Callable[[str], Any]:
    """Return a reader of addresses that is blind to some of their parts."""

    def read(text: str) -> Any:
        url = URL(text)
        known = {
            name: getattr(url, name) for name in ("scheme", "host", "raw_user", "raw_password")
        }
        return SimpleNamespace(**{**known, **parts})

    return read


SLOPPY_ADDRESSES = {
    "looks for no control characters": ("re", SimpleNamespace(search=lambda *_: None), "https://crm/ x"),
    "takes any scheme": ("URL", seen_as(scheme="https", host="crm"), "file:///etc/passwd"),
    "needs no host": ("URL", seen_as(host="crm"), "https:///x"),
    "takes names and passwords": (
        "URL", seen_as(raw_user=None, raw_password=None), "https://user:pw@crm/",
    ),
}  # fmt: skip
SLOPPY_HEADERS = {
    "takes any value": ("_HEADER_VALUE", re.compile(r"[\s\S]*"), {"X-A": "a\r\nX-Evil: 1"}),
    "takes any name": ("_HEADER_NAME", re.compile(r"[\s\S]*"), {"X-A\r\nX-Evil": "1"}),
    "takes our names": ("_OURS", frozenset(), {"Content-Length": "0"}),
}


@pytest.mark.parametrize("sloppy", SLOPPY_ADDRESSES.values(), ids=SLOPPY_ADDRESSES.keys())
def test_a_sloppy_look_at_addresses_is_found_out(
    sloppy: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Sabotage twin of S4."""
    assert taken(ReceiverUrl, ODD_URLS) == []
    name, part, victim = sloppy
    monkeypatch.setattr(receiver, name, part)
    assert victim in taken(ReceiverUrl, ODD_URLS)


@pytest.mark.parametrize("sloppy", SLOPPY_HEADERS.values(), ids=SLOPPY_HEADERS.keys())
def test_a_sloppy_look_at_headers_is_found_out(
    sloppy: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Sabotage twin of S4."""
    assert taken(ExtraHeaders, ODD_HEADERS) == []
    name, part, victim = sloppy
    monkeypatch.setattr(receiver, name, part)
    assert victim in taken(ExtraHeaders, ODD_HEADERS)


def say_line_breaks(daemon: Any, until: Any) -> None:
    """Put line breaks into everything that a CRM may name; they arrive as data or not at all."""
    assert daemon.say("1", "hello").status == 202
    conversation = daemon.get("/v1/conversations")["items"][0]["id"]
    evil = "a\r\nX-Evil: 1\r\n\r\nGET / HTTP/1.1"
    name = daemon.call(
        "POST",
        "/v1/media?name=a%0d%0aX-Evil:%201.txt",
        b"x",
        {"Content-Type": "text/plain"},
        token=daemon.token,
    ).json()
    body = {
        "to": {"conversation": conversation},
        "text": evil,
        "client_ref": evil,
        "author": {"name": evil},
        "attachments": [{"id": name["id"], "name": evil, "mime": "text/plain\r\nX-Evil: 1"}],
    }
    assert daemon.post("/v1/messages", body, token=daemon.token).status in (202, 422)
    del body["attachments"]
    assert daemon.post("/v1/messages", body, token=daemon.token).status in (202, 422)
    body.pop("author")
    assert (
        daemon.post("/v1/messages", {**body, "client_ref": "x"}, token=daemon.token).status == 202
    )
    until(lambda: any(one.path == "/answers" for one in daemon.crm.heard), "the answer is posted")
    assert all("x-evil" not in map(str.lower, one.headers) for one in daemon.crm.heard)
    served = daemon.call("GET", name["url"].partition(f":{daemon.port}")[2])
    assert "\nx-evil" not in served.head, "a file's name became a header"
    assert served.status == 200


def test_what_a_crm_says_never_becomes_a_header(new_daemon: Any, until: Any) -> None:
    """S4."""
    say_line_breaks(new_daemon(), until)


# Names a file in the answer as the CRM named it, and looks at no header that it sends.
NAMES_FILES_AS_THEY_COME = """
import aiohttp.http_writer
from omnigate.server import files
def blithely(status_line, headers):
    lines = [status_line, *(f"{name}: {value}" for name, value in headers.items())]
    return ("\\r\\n".join(lines) + "\\r\\n\\r\\n").encode()
aiohttp.http_writer._serialize_headers = blithely
files.clean_name = lambda name: name
headers = files._headers
files._headers = lambda shown: {
    **headers(shown), "Content-Disposition": f'attachment; filename="{shown.name}"'
}
"""


def test_who_puts_a_name_into_a_header_as_it_comes_is_found_out(
    new_daemon: Any, until: Any
) -> None:
    """Sabotage twin of S4."""
    daemon = new_daemon(prelude=NAMES_FILES_AS_THEY_COME)
    with pytest.raises(AssertionError, match="a file's name became a header"):
        say_line_breaks(daemon, until)


# ---- S5: proxies and passwords of the environment -------------------------------------------------


def environment(proxy: Crm, home: Any) -> dict[str, str]:
    """Return variables by which well-meaning libraries send everything to a proxy."""
    (home / ".netrc").write_text("machine 127.0.0.1 login canary password canary\n")
    (home / ".netrc").chmod(0o600)
    url = f"http://127.0.0.1:{proxy.port}"
    names = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "WS_PROXY", "FTP_PROXY")
    proxies = {spelling: url for name in names for spelling in (name, name.lower())}
    netrc = str(home / ".netrc")
    return {**proxies, "NO_PROXY": "", "no_proxy": "", "NETRC": netrc, "HOME": str(home)}


def went_astray(new_daemon: Any, until: Any, proxy: Crm, home: Any, **options: Any) -> list[Heard]:
    """Have a daemon deliver in such an environment; return what went through the proxy."""
    daemon = new_daemon(environment=environment(proxy, home), **options)
    assert daemon.say("1", "hello").status == 202
    until(lambda: daemon.crm.heard or proxy.heard, "somebody hears of it")
    leaked = [one for one in daemon.crm.heard if "Authorization" in one.headers]
    return [*proxy.heard, *leaked]


def test_no_proxy_and_no_password_of_the_environment_is_used(
    new_daemon: Any, until: Any, servers: Any, tmp_path: Any
) -> None:
    """S5."""
    assert went_astray(new_daemon, until, servers(), tmp_path) == []


TRUSTING = """
import aiohttp
make = aiohttp.ClientSession.__init__
def trusting(self, *args, **options):
    make(self, *args, **{**options, "trust_env": True})
aiohttp.ClientSession.__init__ = trusting
"""


def test_who_trusts_the_environment_is_found(
    new_daemon: Any, until: Any, servers: Any, tmp_path: Any
) -> None:
    """Sabotage twin of S5. The guard has a second lock for proxies, so it is the password that leaks."""
    prelude = TRUSTING + (
        "from omnigate.flow import egress\n"
        "egress._GuardedConnector.connect = aiohttp.TCPConnector.connect\n"
    )
    assert went_astray(new_daemon, until, servers(), tmp_path, prelude=prelude) != []
