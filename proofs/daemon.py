"""One real daemon in a folder of its own, started and ended by a proof."""

from __future__ import annotations

import asyncio
import base64
import os
import signal
import socket
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Final

from omnigate.failpoints import VARIABLE

SECRET: Final = "whsec_" + base64.b64encode(b"a secret of thirty-two characters").decode()
TOKEN: Final = "the-token-of-the-application"
SECONDS: Final = 60.0
"""How long anything may take that ends well; generous, since the machine may be busy."""
ATTEMPT_SECONDS: Final = 1.0
"""How long the daemon waits for a receiver's answer."""

_CLI: Final = "from omnigate.cli import main; main()"
_CONFIG: Final = """
[server]
listen = "127.0.0.1:{port}"
{server}
[store]
url = "sqlite:///store.db"
min_free_bytes = 1048576
[retention]
bodies_days = 0
[retry]
schedule_seconds = [0.05, 0.1, 0.3, 1]
jitter = 0.2
[log]
level = "{level}"
format = "json"
[channels.app]
kind = "http"
token = "{token}"
secret = "{secret}"
url = "{receiver}/answers"
allow_private = ["127.0.0.0/8"]
timeout_seconds = {seconds}
[backends.crm]
kind = "webhook"
url = "{receiver}/crm"
secret = "{secret}"
allow_private = ["127.0.0.0/8"]
timeout_seconds = {seconds}
concurrency = 16
{crm}
[backends.books]
kind = "webhook"
url = "{receiver}/books"
secret = "{secret}"
allow_private = ["127.0.0.0/8"]
events = ["message.*"]
concurrency = 8
{more}
[[routes]]
backends = ["crm", "books"]
"""


class Daemon:
    """A daemon: the channel ``app``, the backends ``crm`` and ``books``, all towards one receiver."""

    def __init__(
        self,
        folder: Path,
        receiver: str,
        *,
        server: str = "",
        crm: str = "",
        more: str = "",
        level: str = "warning",
        attempt_seconds: float = ATTEMPT_SECONDS,
    ) -> None:
        self.folder = folder
        self.port = free_port()
        self.address = f"http://127.0.0.1:{self.port}"
        self.up = asyncio.Event()
        """Set while the daemon serves, as far as the proof knows."""
        self.process: asyncio.subprocess.Process | None = None
        self.path = folder / "omnigate.toml"
        self.path.write_text(
            _CONFIG.format(
                port=self.port,
                receiver=receiver,
                secret=SECRET,
                token=TOKEN,
                server=server,
                crm=crm,
                more=more,
                level=level,
                seconds=attempt_seconds,
            )
        )
        self.path.chmod(0o600)

    async def start(self, *, failpoint: str = "", prelude: str = "") -> None:
        """Begin to run; ``prelude`` is Python that breaks the daemon on purpose."""
        command = ["-c", f"{prelude}\n{_CLI}"] if prelude else ["-m", "omnigate"]
        with (self.folder / "log").open("ab") as log:
            self.process = await asyncio.create_subprocess_exec(
                sys.executable,
                *command,
                "run",
                "--config",
                str(self.path),
                stdout=log,
                stderr=log,
                env={**os.environ, VARIABLE: failpoint, "PYTHONDEVMODE": ""},
            )

    async def ready(self) -> bool:
        """Wait until it serves; False when it died before."""
        await wait_until(lambda: not self.alive or self.listens(), "the daemon listens", self.log)
        if self.alive:
            self.up.set()
        return self.alive

    @property
    def alive(self) -> bool:
        """Whether the process runs."""
        return self.process is not None and self.process.returncode is None

    @property
    def pid(self) -> int:
        """The number of the running process."""
        if self.process is None:
            raise RuntimeError("the daemon was not started")
        return self.process.pid

    def listens(self) -> bool:
        """Tell whether somebody listens at its address."""
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0

    def stands_still(self) -> bool:
        """Tell whether the process was stopped by a signal and may go on."""
        status = Path(f"/proc/{self.pid}/stat").read_text()
        return status.rpartition(")")[2].split()[0] == "T"

    async def kill(self) -> None:
        """End it as the loss of power would, but for the disk's own cache."""
        self.up.clear()
        if self.process is not None:
            if self.process.returncode is None:
                self.process.kill()
            await self.process.wait()

    async def died(self) -> int:
        """Wait for its end; return the exit code, negative for a signal."""
        if self.process is None:
            raise RuntimeError("the daemon was not started")
        async with asyncio.timeout(SECONDS):
            code = await self.process.wait()
        self.up.clear()
        return code

    async def stop(self) -> int:
        """End it in order; return the exit code."""
        self.signal(signal.SIGTERM)
        return await self.died()

    def signal(self, number: int) -> None:
        """Send a signal."""
        if self.process is not None and self.process.returncode is None:
            self.process.send_signal(number)

    async def omnigate(self, *arguments: str) -> str:
        """Run the command line; return what it printed. Raises ``RuntimeError`` when it fails."""
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "omnigate",
            *arguments,
            "--config",
            str(self.path),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env={**os.environ, VARIABLE: ""},
        )
        said, complained = await process.communicate()
        if process.returncode != 0:
            raise RuntimeError(f"omnigate {' '.join(arguments)}: {(complained or said).decode()}")
        return said.decode().strip()

    async def new_token(self) -> str:
        """Return a token of the CRM's, made as an operator makes one, before the first start too."""
        if not (self.folder / "store.db").exists():
            await self.omnigate("db", "migrate")
        scopes = ("messages:send", "messages:read", "events:read", "media")
        asked = [word for scope in scopes for word in ("--scope", scope)]
        return await self.omnigate("token", "create", "crm", *asked)

    def log(self) -> str:
        """Return the end of what the daemon said."""
        path = self.folder / "log"
        return path.read_text()[-4000:] if path.exists() else ""


def free_port() -> int:
    """Return a port that nobody listens on just now."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


async def wait_until(
    condition: Callable[[], object],
    what: str,
    why: Callable[[], str] = lambda: "",
    seconds: float = SECONDS,
) -> None:
    """Wait for a condition; raises ``TimeoutError`` with what the daemon said."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + seconds
    while not condition():
        if loop.time() > deadline:
            raise TimeoutError(f"waited too long until {what}\n{why()}")
        await asyncio.sleep(0.01)
