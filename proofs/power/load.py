"""Customers, a CRM's sends and uploads, over kept connections; and the CRM that all is delivered to.

Every answer is noted with the connection it came on: by its number on that connection it is found
again in the trace of the daemon's system calls.
"""

from __future__ import annotations

import hashlib
import http.client
import json
import random
import threading
from collections import defaultdict
from contextlib import suppress
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final, Literal

Kind = Literal["said", "sent", "uploaded"]

TOKEN: Final = "the-token-of-the-application"
SECRET: Final = "whsec_cG93ZXIgbG9zcyBwcm9vZiwgbm90aGluZyBzZWNyZXQ="
CONVERSATIONS: Final = 3
"""Per connection."""


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer as the client saw it."""

    status: int
    kind: Kind
    key: str
    """What was acknowledged: the app's id of a message, or our id of a send or a file."""


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing: the daemon is killed in the middle of requests."""


class Crm:
    """Takes whatever is delivered, serves the files that messages name."""

    def __init__(self) -> None:
        self.delivered = 0
        self.gate = threading.Event()
        """While it is not set, deliveries wait for their answer."""
        self.gate.set()
        crm = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def do_POST(self) -> None:
                self.rfile.read(int(self.headers["content-length"]))
                crm.gate.wait()
                crm.delivered += 1
                self._answer(b"{}", "application/json")

            def do_GET(self) -> None:
                self._answer(content_of(self.path), "application/octet-stream")

            def _answer(self, body: bytes, mime: str) -> None:
                self.send_response(200)
                self.send_header("content-type", mime)
                self.send_header("content-length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *args: Any) -> None:
                pass

        self._server = _Server(("127.0.0.1", 0), Handler)
        self.address = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,))
        self._thread.start()

    def close(self) -> None:
        """Stop serving."""
        self.gate.set()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


def content_of(path: str) -> bytes:
    """Return the bytes of the file that is served at a path: different for each, up to 64 KiB."""
    digest = hashlib.sha256(path.encode()).digest()
    return digest * (1 + int.from_bytes(digest[:2], "big") // 32)


class Load:
    """Many connections that each ask for one thing after the other until told to stop."""

    def __init__(
        self, port: int, crm: Crm, api_token: str, seed: int, *, connections: int, life: int
    ) -> None:
        self.answers: dict[int, list[Answer]] = defaultdict(list)
        """Per port of a connection's near end, in their order."""
        self.acknowledged = 0
        self._port, self._crm, self._api_token = port, crm, api_token
        self._ended = threading.Event()
        self._threads = [
            threading.Thread(target=self._ask, args=(life * 100 + n, random.Random(f"{seed} {n}")))
            for n in range(connections)
        ]
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Ask nothing more; return when all answers that were under way are noted."""
        self._ended.set()
        for thread in self._threads:
            thread.join()

    def _ask(self, who: int, chance: random.Random) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=30)
        with suppress(OSError, http.client.HTTPException):  # the daemon is gone
            connection.connect()
            port = connection.sock.getsockname()[1]
            number = 0
            while not self._ended.is_set():
                number += 1
                answer = self._one(connection, who, number, chance)
                self.answers[port].append(answer)
                self.acknowledged += answer.status < 300
        connection.close()

    def _one(
        self, connection: http.client.HTTPConnection, who: int, number: int, chance: random.Random
    ) -> Answer:
        dice, conversation = chance.random(), f"c-{who}-{number % CONVERSATIONS}"
        if dice < 0.08 and number > CONVERSATIONS:
            body = {"to": {"channel": "app", "address": f"app:{conversation}"}, "text": "Hello"}
            more = {"Idempotency-Key": f"key-{who}-{number}"}
            status, said = self._call(connection, "/v1/messages", json.dumps(body).encode(), more)
            return Answer(status, "sent", str(said.get("id")))
        if dice < 0.14:
            status, said = self._call(connection, "/v1/media", content_of(f"/{who}/{number}"))
            return Answer(status, "uploaded", str(said.get("id")))
        # Now and then the same message comes again.
        number = number - 1 if 0.14 <= dice < 0.18 and number > 1 else number
        message: dict[str, Any] = {
            "external_id": f"x{who:04}n{number:06}",
            "conversation": conversation,
            "sender": {"address": f"app:{conversation}"},
            "text": "Hello, is the bicycle still in stock? " * chance.randrange(1, 40),
        }
        if dice > 0.9:
            url = f"{self._crm.address}/files/{who}/{number}"
            message["attachments"] = [{"kind": "file", "url": url}]
        content = json.dumps(message).encode()
        status, _ = self._call(connection, "/channels/app/messages", content)
        return Answer(status, "said", str(message["external_id"]))

    def _call(
        self,
        connection: http.client.HTTPConnection,
        path: str,
        body: bytes,
        more: dict[str, str] | None = None,
    ) -> tuple[int, dict[str, Any]]:
        token = self._api_token if path.startswith("/v1/") else TOKEN
        mime = "application/octet-stream" if path == "/v1/media" else "application/json"
        headers = {"authorization": f"Bearer {token}", "content-type": mime, **(more or {})}
        connection.request("POST", path, body, headers)
        answer = connection.getresponse()
        content = answer.read()
        if answer.will_close:
            raise http.client.HTTPException("the daemon closes the connection")
        return answer.status, json.loads(content)
