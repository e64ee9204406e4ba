"""The egress guard lets nothing through to private networks, however the address is written."""

from __future__ import annotations

import socket
import ssl
import subprocess
from contextlib import suppress
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from aiohttp.abc import AbstractResolver, ResolveResult

from omnigate.flow import egress
from omnigate.flow.egress import AddressDenied, EgressGuard, ExchangeDenied, guarded_session
from omnigate.testing import loopback_receiver, serve_app

pytestmark = pytest.mark.anyio

LOOPBACK = ("127.0.0.0/8", "::1/128")


# Spellings that some parser or system takes for an address that is not public.
SPELLINGS = """
127.0.0.1 127.1 127.0.1 127.255.255.254 0 0.0.0.0 00.0.0.0 0x7f000001 0x7f.1 0x7f.0.0.1 0x7f.0x0.0x0.0x1
2130706433 017700000001 0177.0.0.1 0177.1 0177.0x0.1 127.0.0.1. localhost LOCALHOST localhost.
10.0.0.1 10.1 167772161 0xa000001 012.0.0.1 172.16.0.1 172.31.255.255 2886729729 192.168.0.1 192.168.1
3232235521 0xc0a80001 169.254.169.254 2852039166 0xa9fea9fe 0251.0376.0251.0376 100.64.0.1 100.127.255.255
192.0.0.1 192.0.2.1 192.88.99.1 198.18.0.1 198.19.255.255 198.51.100.1 203.0.113.1 224.0.0.1 239.255.255.255
240.0.0.1 255.255.255.255 [::] [::1] [0:0:0:0:0:0:0:1] [::ffff:127.0.0.1] [::ffff:7f00:1] [::ffff:10.0.0.1]
[::127.0.0.1] [::7f00:1] [::ffff:0:127.0.0.1] [64:ff9b::127.0.0.1] [64:ff9b::7f00:1] [64:ff9b:1::a00:1]
[2002:7f00:1::] [2002:a00:1::1] [2001::1] [2001:0:7f00:1::] [2001:2::1] [2001:10::1] [2001:20::1]
[2001:db8::1] [3fff::1] [5f00::1] [100::1] [fc00::1] [fd12:3456::1] [fe80::1] [febf::1] [fec0::1] [ff02::1]
""".split()  # noqa: SIM905  # a word each reads better


@pytest.mark.parametrize("spelling", SPELLINGS)
async def test_no_spelling_of_an_address_that_is_not_public_is_connected_to(spelling):
    """S1."""
    async with guarded_session() as session:
        with pytest.raises(aiohttp.ClientError) as caught:
            await session.get(f"https://{spelling}:9/")
    error = caught.value
    # Some spellings are no host for the client or the resolver either, which is as good.
    refused = isinstance(error, aiohttp.ClientConnectorError) and isinstance(
        error.os_error, PermissionError | socket.gaierror
    )
    assert refused or isinstance(error, aiohttp.InvalidURL)


def test_there_are_sixty_spellings_and_more():
    assert len(SPELLINGS) >= 60


@pytest.mark.parametrize(
    "address",
    [
        "1.1.1.1",
        "8.8.8.8",
        "172.32.0.1",
        "172.15.255.255",
        "100.128.0.1",
        "192.0.1.1",
        "11.0.0.0",
        "223.255.255.255",
        "2606:4700::1111",
        "2a00:1450:4001::1",
        "2001:200::1",
        "2003::1",
    ],
)
def test_public_addresses_pass_with_encryption_only(address):
    EgressGuard().judge(address, encrypted=True)
    with pytest.raises(AddressDenied, match="https://"):
        EgressGuard().judge(address, encrypted=False)


def test_an_allowed_network_passes_and_its_neighbour_does_not():
    guard = EgressGuard(["10.1.0.0/16", "fd00:1::/32"])
    guard.judge("10.1.2.3", encrypted=False)
    guard.judge("fd00:1::5", encrypted=False)
    for neighbour in ("10.2.0.1", "fd00:2::5", "::ffff:10.1.2.3"):
        with pytest.raises(AddressDenied, match="allow_private"):
            guard.judge(neighbour, encrypted=True)


def test_a_network_that_is_none_is_an_error():
    with pytest.raises(ValueError, match="10"):
        EgressGuard(["10.0.0.0/99"])


async def test_a_private_receiver_hears_from_us_only_when_it_is_allowed():
    """Sabotage twin: the same request passes as soon as the guard lets the network through."""
    async with loopback_receiver() as receiver:
        async with guarded_session() as session:
            with pytest.raises(aiohttp.ClientConnectorError, match="not a public address"):
                await session.post(receiver.url)
        assert receiver.requests == []
        async with guarded_session(allow_private=LOOPBACK) as session:
            await session.post(receiver.url)
        assert len(receiver.requests) == 1


class Rebinding(AbstractResolver):
    """A name server of an attacker: whatever is asked for is on loopback."""

    def __init__(self, *addresses: str) -> None:
        self.addresses = addresses

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        return [
            ResolveResult(
                hostname=host,
                host=address,
                port=port,
                family=socket.AF_INET6 if ":" in address else socket.AF_INET,
                proto=0,
                flags=socket.AI_NUMERICHOST,
            )
            for address in self.addresses
        ]

    async def close(self) -> None:
        """Nothing is held."""


@pytest.mark.parametrize("addresses", [["127.0.0.1"], ["127.0.0.1", "::1"], ["169.254.169.254"]])
async def test_a_name_that_resolves_to_a_private_address_is_refused(addresses):
    """S2."""
    async with (
        loopback_receiver() as receiver,
        guarded_session(resolver=Rebinding(*addresses)) as session,
    ):
        port = receiver.url.split(":")[2].split("/")[0]
        for scheme in ("http", "https"):
            with pytest.raises(aiohttp.ClientConnectorError) as caught:
                await session.get(f"{scheme}://crm.example.org:{port}/")
            assert isinstance(caught.value.os_error, PermissionError)
            assert "not a public address" in str(caught.value)
        assert receiver.requests == []


async def test_a_public_address_is_not_spoken_to_without_encryption():
    """Also when an encrypted exchange was tried before in the same task."""
    names = Rebinding("127.0.0.1")
    async with guarded_session(resolver=names) as session:
        with pytest.raises(aiohttp.ClientConnectorError):
            await session.get("https://first.example.org/")
        names.addresses = ("8.8.8.8",)
        with pytest.raises(aiohttp.ClientConnectorError, match="without encryption; use https"):
            await session.get("http://second.example.org/")


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_redirects_are_not_followed(status):
    """S3."""
    async with (
        loopback_receiver() as receiver,
        guarded_session(allow_private=LOOPBACK) as session,
    ):
        receiver.answer(status, headers={"location": "/elsewhere"})
        with pytest.raises(ExchangeDenied, match="redirects"):
            await session.get(receiver.url)
        async with session.get(receiver.url, allow_redirects=False) as answer:
            assert answer.status == status
        assert [request.path for request in receiver.requests] == ["/hook", "/hook"]


@pytest.mark.parametrize(
    "url",
    [
        "file:///etc/passwd",
        "ftp://127.0.0.1/",
        "gopher://127.0.0.1/",
        "ws://127.0.0.1/",
        "tcp://1.1.1.1/",
        "unix:///run/x",
        "//127.0.0.1/",
        "127.0.0.1",
        "data:,x",
        "javascript:1",
        "",
        "https://",
        "http:///x",
        "https://crm:443:443/",
        "https://crm:99999/",
        "https://[::1/",
        "https://crm\r\nhost: x/",
    ],
)
async def test_odd_addresses_are_refused(url):
    """S4."""
    async with guarded_session(allow_private=LOOPBACK) as session:
        with pytest.raises((aiohttp.ClientError, ValueError)):
            await session.get(url)


async def reached(*prefixes: str) -> list[str]:
    """Ask for an address with each of these in the place of ``http://``; return what got through."""
    through = []
    async with (
        loopback_receiver() as receiver,
        guarded_session(allow_private=LOOPBACK) as session,
    ):
        for prefix in prefixes:
            with suppress(aiohttp.ClientError, ValueError):
                await session.get(receiver.url.replace("http://", prefix))
            if receiver.requests:
                through.append(prefix)
                receiver.requests.clear()
    return through


USERINFO = [f"http://{name}@" for name in ("user", "user:password", ":password", "crm%20")]
SCHEMES = ["ws://", "wss://", "ftp://", "gopher://", "unix://", "tcp://", "file://", "//", ""]


async def test_user_names_and_passwords_in_addresses_are_refused():
    """S4."""
    async with guarded_session(allow_private=LOOPBACK) as session:
        for userinfo in USERINFO:
            with pytest.raises(ExchangeDenied, match="user name"):
                await session.get(f"{userinfo}127.0.0.1:1/")
    assert await reached(*USERINFO) == []


async def test_no_other_scheme_reaches_a_server():
    """S4."""
    assert await reached("http://", *SCHEMES) == ["http://"]


async def test_a_session_that_does_not_look_at_addresses_is_found_out(monkeypatch):
    """Sabotage twin of S4."""

    async def look_away(*_: Any) -> None:
        return

    monkeypatch.setattr(egress, "_refuse_userinfo", look_away)
    assert await reached(*USERINFO) == USERINFO


async def test_a_session_for_every_scheme_is_found_out(monkeypatch):
    """Sabotage twin of S4."""
    every = frozenset({"http", "https", "ws", "ftp", "gopher"})
    monkeypatch.setattr(egress._GuardedConnector, "allowed_protocol_schema_set", every)
    assert set(await reached(*SCHEMES)) == {"ws://", "ftp://", "gopher://"}


async def test_line_breaks_cannot_get_into_a_header():
    """S4."""
    async with (
        loopback_receiver() as receiver,
        guarded_session(allow_private=LOOPBACK) as session,
    ):
        with pytest.raises(ValueError, match="header"):
            await session.get(receiver.url, headers={"x": "a\r\nevil: 1"})
        async with session.get(receiver.url + "?a=\r\nevil:1"):
            assert "evil" not in receiver.requests[0].headers


async def test_proxy_variables_of_the_environment_are_ignored(monkeypatch):
    """S5."""
    async with loopback_receiver() as receiver, loopback_receiver() as proxy:
        for name in ("http_proxy", "HTTP_PROXY", "https_proxy", "all_proxy", "ALL_PROXY"):
            monkeypatch.setenv(name, proxy.url)
        async with guarded_session(allow_private=LOOPBACK) as session:
            await session.get(receiver.url)
            with pytest.raises(ExchangeDenied, match="proxy"):
                await session.get(receiver.url, proxy=proxy.url)
        assert (len(receiver.requests), len(proxy.requests)) == (1, 0)


async def test_cookies_are_not_kept():
    async with (
        loopback_receiver() as receiver,
        guarded_session(allow_private=["127.0.0.0/8"]) as session,
    ):
        receiver.answer(headers={"set-cookie": "a=b"})
        for _ in range(2):
            await session.get(receiver.url)
        assert all("cookie" not in request.headers for request in receiver.requests)


async def test_a_connection_serves_many_requests():
    ports = set()

    async def handle(request: web.Request) -> web.Response:
        assert request.transport is not None
        ports.add(request.transport.get_extra_info("peername")[1])
        return web.Response()

    app = web.Application()
    app.router.add_get("/", handle)
    async with serve_app(app) as address, guarded_session(allow_private=LOOPBACK) as session:
        for _ in range(5):
            async with session.get(address) as answer:
                await answer.read()
    assert len(ports) == 1


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tls")
    command = (
        "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 1 -subj /CN=crm"
    )
    command += " -addext subjectAltName=IP:127.0.0.1 -keyout key.pem -out cert.pem"
    subprocess.run(command.split(), cwd=folder, check=True, capture_output=True)
    return folder


async def test_certificates_are_verified_against_the_given_authority(certificate):
    """S48."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate / "cert.pem", certificate / "key.pem")
    runner = web.AppRunner(web.Application())
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=context).start()
        url = f"https://127.0.0.1:{runner.addresses[0][1]}/"
        async with guarded_session(allow_private=LOOPBACK) as session:
            with pytest.raises(aiohttp.ClientConnectorCertificateError):
                await session.get(url)
        authority = str(certificate / "cert.pem")
        async with (
            guarded_session(allow_private=LOOPBACK, ca_file=authority) as session,
            session.get(url) as answer,
        ):
            assert answer.status == 404
    finally:
        await runner.cleanup()
