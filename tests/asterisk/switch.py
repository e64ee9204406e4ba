"""An Asterisk as a process, with a configuration, a spool and ports of its own, all on loopback."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from ipaddress import IPv4Address, IPv6Address, ip_address
from pathlib import Path
from uuid import uuid4

from tests.asterisk.configured import Ports, configuration
from tests.ports import free_port

SECONDS = 60.0


class Asterisk:
    """One switch. Its agent is ``PJSIP/agent``; customers are reached by the endpoint ``trunk``."""

    def __init__(self, root: Path) -> None:
        self.ports = Ports(*(free_port() for _ in Ports._fields))
        self.root = root
        self._inside = Path("/srv", f"omnigate-{uuid4().hex[:12]}")
        self.folder = root / self._inside.relative_to("/")
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """Where its REST interface is."""
        return f"http://127.0.0.1:{self.ports.http}"

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    @contextmanager
    def running(self) -> Iterator[Asterisk]:
        for name in ("etc", "log", "run", "spool", "db", "keys"):
            (self.folder / name).mkdir(parents=True)
        (self.folder / "spool/recording").mkdir()
        for name, text in configuration(self._inside, self.ports).items():
            (self.folder / "etc" / name).write_text(text)
        try:
            self.start()
            yield self
        finally:
            self.kill()
            shutil.rmtree(self.folder)

    def start(self) -> None:
        """Start it; on return it takes calls."""
        with (self.folder / "log/stdout").open("ab") as output:
            self._process = subprocess.Popen(
                [*self._asterisk(), "-f", "-q", "-g"],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                cwd="/",
                env={"PATH": os.environ["PATH"], "LANG": "C.UTF-8", "HOME": "/root"},
            )
        deadline = time.monotonic() + SECONDS
        while "System uptime" not in self.asked("core show uptime") or not self._is_ready():
            assert self._process.poll() is None, self.told()
            assert time.monotonic() < deadline, f"Asterisk does not start\n{self.told()}"
            time.sleep(0.1)

    def _is_ready(self) -> bool:
        modules = self.asked("module show like res_ari_channels.so")
        return "Running" in modules and "Endpoint:  agent" in self.asked("pjsip show endpoints")

    def kill(self) -> None:
        """End it at once, with all its calls and without a word to the phones."""
        if self._process is not None:
            self._process.send_signal(signal.SIGKILL)
            self._process.wait(SECONDS)
            self._process = None

    def restart(self) -> None:
        """Have it crash and come back."""
        self.kill()
        self.start()

    def sockets(self) -> list[tuple[str, IPv4Address | IPv6Address, int]]:
        """Return where it can be sent something: protocol, address and port of each socket."""
        listed = subprocess.run(
            ["ss", "--no-header", "--listening", "--numeric", "--processes", "--tcp", "--udp"],
            capture_output=True,
            text=True,
            check=True,
            timeout=SECONDS,
        ).stdout
        found = []
        for line in listed.splitlines():
            protocol, _, _, _, here, *_ = line.split()
            if f"pid={self.pid}," in line:
                address, _, port = here.rpartition(":")
                found.append((protocol, ip_address(address.strip("[]")), int(port)))
        return found

    def asked(self, command: str) -> str:
        """Return what its console answers."""
        line = [*self._asterisk(), "-r", "-x", command]
        return subprocess.run(
            line, capture_output=True, text=True, check=False, timeout=SECONDS
        ).stdout

    def told(self) -> str:
        """Return the end of its log."""
        logs = [self.folder / "log/messages", self.folder / "log/stdout"]
        return "\n".join(log.read_text("utf-8", "replace")[-4000:] for log in logs if log.exists())

    @property
    def version(self) -> str:
        """What it calls itself, without Debian's revision."""
        told = re.search(r"^Asterisk ([0-9.]+)", self.asked("core show version"), re.MULTILINE)
        assert told is not None, self.told()
        return told[1]

    def channels(self) -> list[str]:
        """Return the names of its channels."""
        lines = self.asked("core show channels concise").splitlines()
        return [line.partition("!")[0] for line in lines if "!" in line]

    def _asterisk(self) -> list[str]:
        return ["chroot", str(self.root), "asterisk", "-C", f"{self._inside}/etc/asterisk.conf"]
