"""What mails are sent to."""

from __future__ import annotations

import base64
import json
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.plugins.email.dovecot import dovecot
from tests.plugins.email.postfix import postfix

__all__ = ["dovecot", "postfix"]

ROOT = Path(__file__).parents[4]


class Servers:
    """Submission servers of the library smtp-server, each with another idea of TLS and logins."""

    def __init__(self, process: subprocess.Popen[str], ca_file: str) -> None:
        self._process = process
        self.ca_file = ca_file
        self._ports = self._told()

    def port(self, kind: str) -> int:
        return int(self._ports[kind])

    def taken(self) -> dict[str, Any]:
        """Return the mail that one of them took next."""
        mail = self._told()
        return mail | {"content": base64.b64decode(mail["content"])}

    def _told(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        assert line, "the servers ended"
        told: dict[str, Any] = json.loads(line)
        return told


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, str]:
    """A certificate for this machine that only its own file vouches for, and its key."""
    folder = tmp_path_factory.mktemp("tls")
    certificate, key = str(folder / "server.pem"), str(folder / "server.key")
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"]
    command += [
        "-nodes",
        "-days",
        "2",
        "-subj",
        "/CN=localhost",
        "-keyout",
        key,
        "-out",
        certificate,
    ]
    command += ["-addext", "subjectAltName=DNS:localhost"]
    subprocess.run(command, capture_output=True, check=True)
    return certificate, key


@pytest.fixture(scope="session")
def servers(certificate: tuple[str, str]) -> Iterator[Servers]:
    """The servers, for the whole session."""
    if shutil.which("node") is None or not (ROOT / "node_modules/smtp-server").is_dir():
        pytest.skip("not run: node or its package smtp-server is missing; make test installs it")
    process = subprocess.Popen(
        ["node", str(Path(__file__).with_name("servers.cjs")), *certificate],
        env={"PATH": "/usr/bin:/bin:/usr/local/bin", "NODE_PATH": str(ROOT / "node_modules")},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    with process:
        yield Servers(process, certificate[0])
        assert process.stdin is not None
        process.stdin.close()
        process.wait(30)
