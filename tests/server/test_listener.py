"""Listening: addresses, the operator's socket, TLS, and what strangers cannot hold open."""

from __future__ import annotations

import asyncio
import socket
import ssl
import stat
import subprocess
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientSession, UnixConnector, web

from omnigate.config.tables import Server
from omnigate.errors import ConfigError
from omnigate.server.listener import AddressTaken, listening, listening_unix

pytestmark = pytest.mark.anyio


def hello() -> web.Application:
    async def answer(request: web.Request) -> web.Response:
        return web.Response(body=b"hello")

    app = web.Application()
    app.router.add_get("/", answer)
    return app


def server(**more: Any) -> Server:
    return Server(listen="127.0.0.1:0", **more)


async def talk(port: int, data: bytes, seconds: float = 10) -> bytes:
    """Send bytes and return everything until we are hung up on."""
    async with asyncio.timeout(seconds):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(data)
        try:
            return await reader.read()
        except ConnectionResetError:
            return b""
        finally:
            writer.close()


class TestUnixSocket:
    """The operator's socket."""

    async def test_may_be_opened_by_its_user_only_and_is_gone_afterwards(self, tmp_path):
        path = tmp_path / "deep" / "admin.sock"
        async with listening_unix(hello(), path, server()):
            assert stat.S_IMODE(path.stat().st_mode) == 0o600
            async with (
                ClientSession(connector=UnixConnector(str(path))) as session,
                session.get("http://omnigate/") as answer,
            ):
                assert await answer.read() == b"hello"
        assert not path.exists()

    async def test_takes_the_place_of_one_that_nobody_answers_at(self, tmp_path):
        path = tmp_path / "admin.sock"
        with socket.socket(socket.AF_UNIX) as dead:
            dead.bind(str(path))
        async with listening_unix(hello(), path, server()):
            assert stat.S_IMODE(path.stat().st_mode) == 0o600

    async def test_leaves_a_living_one_alone(self, tmp_path):
        path = tmp_path / "admin.sock"
        async with listening_unix(hello(), path, server()):
            with pytest.raises(AddressTaken, match="another process answers"):
                async with listening_unix(hello(), path, server()):
                    pass
            assert path.exists()

    @pytest.mark.parametrize("kind", ["file", "link"])
    async def test_never_removes_what_is_no_socket(self, tmp_path, kind):
        path, other = tmp_path / "admin.sock", tmp_path / "other"
        other.write_text("precious")
        if kind == "file":
            path.write_text("precious")
        else:
            path.symlink_to(other)
        with pytest.raises(AddressTaken, match="no socket"):
            async with listening_unix(hello(), path, server()):
                pass
        assert path.read_text() == "precious"


class TestPublic:
    """The public address."""

    async def test_that_is_taken_is_named_with_what_to_do(self):
        async with listening(hello(), server()) as port:
            with pytest.raises(AddressTaken, match=r"cannot listen on .*; stop what listens"):
                async with listening(hello(), Server(listen=f"127.0.0.1:{port}")):
                    pass

    async def test_speaks_tls_with_the_operators_certificate(self, tmp_path):
        cert, key = certificate(tmp_path)
        async with listening(hello(), server(tls_cert=cert, tls_key=key)) as port:
            trust = ssl.create_default_context(cafile=str(cert))
            async with (
                ClientSession() as session,
                session.get(f"https://localhost:{port}/", ssl=trust) as answer,
            ):
                assert await answer.read() == b"hello"
            assert b"hello" not in await talk(port, b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")

    async def test_unusable_certificates_are_the_operators_to_mend(self, tmp_path):
        broken = tmp_path / "cert.pem"
        broken.write_text("junk")
        with pytest.raises(ConfigError, match="tls_cert"):
            async with listening(hello(), server(tls_cert=broken, tls_key=broken)):
                pass

    async def test_slow_headers_and_idle_connections_are_cut_off(self):
        async with listening(hello(), server(keepalive_timeout_seconds=0.2)) as port:
            assert await talk(port, b"GET / HTTP/1.1\r\nX-Slow: ") == b""
            assert await talk(port, b"") == b""
            assert b"hello" in await talk(port, b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")

    @pytest.mark.parametrize(
        "head",
        [
            b"GET /" + b"x" * 10_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n",
            b"GET / HTTP/1.1\r\nHost: x\r\nX-Big: " + b"x" * 10_000 + b"\r\n\r\n",
            b"GET / HTTP/1.1\r\nHost: x\r\n" + b"X-Many: 1\r\n" * 200 + b"\r\n",
            b"GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
            b"GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
            b"GET / HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n",
            b"GET / HTTP/1.1\r\nHost: x\r\nContent-Length: +1\r\n\r\n",
            b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: xchunked\r\n\r\n",
            b"GET / HTTP/1.1\r\nHost: x\r\nA : b\r\n\r\n",
            b"\x16\x03\x01 not http at all\r\n\r\n",
        ],
    )
    async def test_malformed_and_oversized_heads_are_400_and_hung_up_on(self, head):
        async with listening(hello(), server(keepalive_timeout_seconds=2)) as port:
            answer = await talk(port, head + b"GET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n")
            assert answer.startswith((b"HTTP/1.1 400", b"HTTP/1.0 400"))
            assert b"hello" not in answer
            assert b" 200 " not in answer

    async def test_connections_over_the_cap_are_turned_away_and_others_served(self):
        async with listening(hello(), server(max_connections=2)) as port:
            kept = [await asyncio.open_connection("127.0.0.1", port) for _ in range(2)]
            for reader, writer in kept:
                writer.write(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
                assert b"200" in await reader.readline()
            assert await talk(port, b"GET / HTTP/1.1\r\nHost: x\r\n\r\n") == b""
            kept[0][1].close()
            await kept[0][1].wait_closed()
            async with asyncio.timeout(5):
                request = b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
                while b"hello" not in await talk(port, request):
                    pass
            kept[1][1].close()


def certificate(directory: Path) -> tuple[Path, Path]:
    cert, key = directory / "cert.pem", directory / "key.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1",
         "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost",
         "-keyout", str(key), "-out", str(cert)],
        check=True, capture_output=True,
    )  # fmt: skip
    return cert, key
