"""The command line's side of the admin socket: plain HTTP over a Unix socket."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException, HTTPResponse
from pathlib import Path
from typing import IO, Any, Final
from urllib.parse import quote, urlencode

from omnigate.cli.failure import Failed
from omnigate.errors import Problem

TIMEOUT_SECONDS: Final = 60.0
_CHUNK_BYTES: Final = 64 * 1024
_LONGEST_PATH_BYTES: Final = 107
"""Source: unix(7), the size of ``sun_path`` less its final NUL."""

_UNAVAILABLE: Final = 503

Query = Mapping[str, str | int | None]


class Unreachable(Failed):
    """Nobody listens at the socket."""


@dataclass(frozen=True, slots=True)
class ServerEvent:
    """One server-sent event."""

    id: str | None
    data: str


class _Connection(HTTPConnection):
    def __init__(self, path: Path, timeout_seconds: float) -> None:
        super().__init__("omnigate", timeout=timeout_seconds)
        self._path = path
        self._socket: socket.socket | None = None

    def wait_for_ever(self) -> None:
        """From here on only the end of the connection ends a read."""
        if self._socket is not None:
            self._socket.settimeout(None)

    def connect(self) -> None:
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            connection.settimeout(self.timeout)
            connection.connect(str(self._path))
        except BaseException:
            connection.close()
            raise
        # http.client forgets its own when the answer ends with the connection.
        self.sock = self._socket = connection


class Client:
    """Calls the daemon behind one socket, a connection for each call.

    Every method raises `Unreachable` when nobody listens there, and `Failed` with what the daemon
    says when it refuses.
    """

    def __init__(self, path: Path, timeout_seconds: float = TIMEOUT_SECONDS) -> None:
        if len(str(path).encode()) > _LONGEST_PATH_BYTES:
            raise Failed(
                f"The path of the socket is too long for the system: {path}",
                "Set a shorter one: [admin] socket in the configuration.",
            )
        self.path = path
        self._timeout_seconds = timeout_seconds

    def reachable(self) -> bool:
        """Tell whether somebody listens; raises `Failed` when that cannot be found out."""
        connection = _Connection(self.path, self._timeout_seconds)
        try:
            connection.connect()
        except (FileNotFoundError, ConnectionRefusedError):
            return False
        except OSError as error:
            raise self._explain(error) from None
        finally:
            connection.close()
        return True

    def get(self, path: str, **query: str | int | None) -> Any:
        """Return the JSON answer to a GET; parameters that are None are left out."""
        return self.call("GET", path, query=query)

    def post(self, path: str, body: object = None, headers: Mapping[str, str] | None = None) -> Any:
        """Return the JSON answer to a POST."""
        return self.call("POST", path, body=body, headers=headers)

    def delete(self, path: str) -> Any:
        """Return the JSON answer to a DELETE."""
        return self.call("DELETE", path)

    def call(
        self,
        method: str,
        path: str,
        *,
        query: Query | None = None,
        body: object = None,
        headers: Mapping[str, str] | None = None,
    ) -> Any:
        """Return the JSON answer, None when it is empty."""
        connection = _Connection(self.path, self._timeout_seconds)
        try:
            response = self._send(connection, method, path, query, body, headers)
            content = response.read()
        except (OSError, HTTPException) as error:
            raise self._explain(error) from None
        finally:
            connection.close()
        return _answer(response, content)

    def stream(self, path: str, **query: str | int | None) -> Iterator[ServerEvent]:
        """Return server-sent events until the daemon ends the stream."""
        connection = _Connection(self.path, self._timeout_seconds)
        try:
            response = self._send(
                connection, "GET", path, query, None, {"Accept": "text/event-stream"}
            )
            if response.status != 200:
                _answer(response, response.read())
            connection.wait_for_ever()
            yield from _events(response)
        except (OSError, HTTPException) as error:
            raise self._explain(error) from None
        finally:
            connection.close()

    def lines(self, method: str, path: str, **query: str | int | None) -> Iterator[Any]:
        """Return the objects of an answer that has one on each line, as they come."""
        connection = _Connection(self.path, self._timeout_seconds)
        try:
            response = self._send(
                connection, method, path, query, None, {"Accept": "application/x-ndjson"}
            )
            if response.status != 200:
                _answer(response, response.read())
            connection.wait_for_ever()
            while line := response.readline():
                yield json.loads(line)
        except (OSError, HTTPException, ValueError) as error:
            raise self._explain(error) from None
        finally:
            connection.close()

    def download(self, path: str, target: IO[bytes], **query: str | int | None) -> None:
        """Write the bytes of an answer to a file."""
        connection = _Connection(self.path, self._timeout_seconds)
        try:
            response = self._send(connection, "GET", path, query, None, {"Accept": "*/*"})
            if response.status != 200:
                _answer(response, response.read())
            while chunk := response.read(_CHUNK_BYTES):
                target.write(chunk)
        except (OSError, HTTPException) as error:
            raise self._explain(error) from None
        finally:
            connection.close()

    def _send(
        self,
        connection: _Connection,
        method: str,
        path: str,
        query: Query | None,
        body: object,
        headers: Mapping[str, str] | None,
    ) -> HTTPResponse:
        given = {key: value for key, value in (query or {}).items() if value is not None}
        target = f"{path}?{urlencode(given)}" if given else path
        content = None if body is None else json.dumps(body).encode()
        sent = {"Accept": "application/json", **(headers or {})}
        if content is not None:
            sent["Content-Type"] = "application/json"
        connection.request(method, target, body=content, headers=sent)
        return connection.getresponse()

    def _explain(self, error: Exception) -> Failed:
        if isinstance(error, FileNotFoundError | ConnectionRefusedError):
            return Unreachable(f"Nobody answers at {self.path}.")
        if isinstance(error, PermissionError):
            return Failed(
                f"You may not open {self.path}.", "Run this as the user that runs the daemon."
            )
        if isinstance(error, TimeoutError):
            return Failed(
                f"The daemon did not answer within {self._timeout_seconds:g} s.",
                "See its log; try again.",
            )
        return Failed(
            f"The connection to the daemon broke: {str(error) or type(error).__name__}.",
            "See its log; is it stopping?",
        )


def segment(text: str) -> str:
    """Return a name or an identifier as one step of a path."""
    return quote(text, safe="")


def _answer(response: HTTPResponse, content: bytes) -> Any:
    try:
        answer = json.loads(content) if content else None
    except ValueError:
        answer = None
        if response.status < 400:
            raise Failed("The daemon's answer is not JSON.", "Is it of another version?") from None
    if response.status < 400:
        return answer
    raise _refusal(answer if isinstance(answer, dict) else {}, response.status)


def _refusal(problem: dict[str, Any], status: int) -> Failed:
    """Return what the daemon has against a call. Source: RFC 9457, and ``errors`` of our own."""
    what = str(problem.get("detail") or problem.get("title") or f"HTTP {status}")
    found = [item for item in problem.get("errors") or [] if isinstance(item, dict)]
    problems = [
        Problem(
            str(item.get("where") or ""),
            str(item.get("key", item.get("path")) or ""),
            str(item.get("message") or ""),
            str(item.get("hint") or ""),
            item["line"] if isinstance(item.get("line"), int) else None,
        )
        for item in found
    ]
    code = str(problem.get("code") or "")
    if any(item.where for item in problems):
        return Failed(what, code=code, problems=problems)
    if status == _UNAVAILABLE and not problems:
        return Failed(what, "See why: omnigate doctor, and the daemon's log.", code=code)
    details = [f"{item.key}: {item.message}" if item.key else item.message for item in problems]
    return Failed(
        "The daemon does not accept this:" if details else what,
        "\n".join(details),
        code=code,
        problems=problems,
    )


def _events(response: HTTPResponse) -> Iterator[ServerEvent]:
    """Parse the stream. Source: HTML Living Standard, section 9.2.6."""
    identifier: str | None = None
    data: list[str] = []
    while line := response.readline():
        name, _, value = line.decode().rstrip("\r\n").partition(":")
        value = value.removeprefix(" ")
        if not name and not value:
            if data:
                yield ServerEvent(identifier, "\n".join(data))
            data = []
        elif name == "data":
            data.append(value)
        elif name == "id":
            identifier = value
