"""A provider's server of access tokens: gives them out, and says of each whose it is while it is good.

It is asked by a `Dovecot` for every login: as Google's ``tokeninfo`` is, or by introspection.

Source: RFC 7662 section 2 (introspection), RFC 6749 section 5.1 (what a refresh gives), read 2026-11-22.
"""

from __future__ import annotations

import json
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Final
from urllib.parse import parse_qs, urlsplit

from tests.ports import free_port

_PROGRAM: Final = "import sys, urllib.request as r; print(r.urlopen(sys.argv[1]).read().decode())"
"""What an operator has in its place asks the provider for a token by a refresh token."""


class TokenServer:
    """The server, seen by a test; tokens are named for the user and counted: ``anna-1``, ``anna-2`` …"""

    def __init__(self, port: int) -> None:
        self.url = f"http://127.0.0.1:{port}"
        self.given: dict[str, list[str]] = {}
        """Tokens given to each user, oldest first."""
        self.judged: list[tuple[str, bool]] = []
        """Tokens that were asked about, each with whether it was good."""
        self.is_broken = False
        """Set it, and every question is answered with 500."""
        self._good: dict[str, str] = {}
        self._lock = threading.Lock()

    def grant(self, user: str) -> str:
        """Return a new token of a user."""
        with self._lock:
            given = self.given.setdefault(user, [])
            given.append(f"{user}-{len(given) + 1}")
            self._good[given[-1]] = user
            return given[-1]

    def end(self, token: str) -> None:
        """Have a token be good no more: its time is over."""
        with self._lock:
            del self._good[token]

    def judgements(self, user: str) -> list[tuple[str, bool]]:
        """Return what was asked about a user's tokens, in order."""
        return [one for one in list(self.judged) if one[0].startswith(f"{user}-")]

    def command(self, user: str) -> list[str]:
        """Return a ``token_command`` that brings another token each time it is run."""
        return [sys.executable, "-S", "-c", _PROGRAM, f"{self.url}/token?user={user}"]

    def file(self, folder: Path, user: str) -> Path:
        """Write a new token into a file, as whatever keeps it fresh does; return its path."""
        path, fresh = folder / f"{user}.token", folder / "fresh"
        fresh.write_text(self.grant(user))
        return fresh.replace(path)

    def answer(self, asked: str, fields: Mapping[str, list[str]]) -> tuple[int, dict[str, Any]]:
        """Return what is said to a question."""
        if self.is_broken:
            return 500, {"error": "server_error"}
        match asked:
            case "/token":
                (user,) = fields["user"]
                return 200, {"access_token": self.grant(user), "expires_in": 3600}
            case "/tokeninfo":
                whose = self._judge(fields["access_token"][0])
                return (200, {"email": whose}) if whose else (400, {"error": "invalid_token"})
            case "/introspect":
                whose = self._judge(fields["token"][0])
                return 200, {"active": True, "email": whose} if whose else {"active": False}
        return 404, {}

    def _judge(self, token: str) -> str | None:
        with self._lock:
            user = self._good.get(token)
            self.judged.append((token, user is not None))
            return user


@contextmanager
def token_server() -> Iterator[TokenServer]:
    """Serve on loopback while the block runs."""
    port = free_port()
    tokens = TokenServer(port)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._say(parse_qs(urlsplit(self.path).query))

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length", "0")))
            self._say(parse_qs(body.decode()))

        def _say(self, fields: Mapping[str, list[str]]) -> None:
            status, said = tokens.answer(urlsplit(self.path).path, fields)
            body = json.dumps(said).encode()
            self.send_response(status)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *said: object) -> None:
            """Be silent: what was asked is known from `TokenServer.judged`."""

    server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield tokens
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
