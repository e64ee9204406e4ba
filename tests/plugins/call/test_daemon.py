"""Calls by the real daemon, as a process: over a crash, and over a restart of the switch."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.plugins.call.ari import LOGIN, ScriptedAri
from tests.plugins.call.desks import ANNA, TRUNK
from tests.ports import free_port

pytestmark = pytest.mark.anyio

SECONDS = 30.0
OMNIGATE = str(Path(sys.executable).with_name("omnigate"))
CONFIG = """
[server]
listen = "127.0.0.1:{port}"
[store]
url = "sqlite:///{folder}/store.db"
[admin]
socket = "{folder}/admin.sock"
[channels.calls]
kind = "call"
driver = "ari"
default_region = "RU"
agents = {{ sales = "PJSIP/100" }}
retry_after_seconds = []
allow_private = ["127.0.0.0/8"]
[channels.calls.ari]
url = "{switch}"
username = "{login[0]}"
password = "{login[1]}"
customer_endpoint = "PJSIP/{{number}}@trunk"
[backends.lines]
kind = "console"
[[routes]]
backends = ["lines"]
"""


class Daemon:
    """The daemon in a folder of its own, and the command line beside it."""

    def __init__(self, folder: Path, switch: ScriptedAri) -> None:
        self._file = folder / "omnigate.toml"
        self._file.write_text(
            CONFIG.format(port=free_port(), folder=folder, switch=switch.url, login=LOGIN)
        )
        self._file.chmod(0o600)
        self._log = folder / "log"

    @asynccontextmanager
    async def running(self) -> AsyncIterator[asyncio.subprocess.Process]:
        """Run it until it is killed."""
        with self._log.open("ab") as log:
            process = await asyncio.create_subprocess_exec(
                OMNIGATE, "run", "--config", str(self._file), stdout=log, stderr=log
            )
        try:
            yield process
        finally:
            if process.returncode is None:
                process.kill()
            await process.wait()

    async def ask(self, *words: str) -> Any:
        """Give a command until it succeeds; return what it prints."""
        async with asyncio.timeout(SECONDS):
            while True:
                process = await asyncio.create_subprocess_exec(
                    OMNIGATE,
                    *words,
                    "--json",
                    "--config",
                    str(self._file),
                    stdout=asyncio.subprocess.PIPE,
                    stderr=asyncio.subprocess.PIPE,
                )
                try:
                    out, said = await process.communicate()
                finally:
                    if process.returncode is None:
                        process.kill()
                        await process.communicate()
                if process.returncode == 0:
                    return json.loads(out)
                assert b"no channel" not in said, said
                await asyncio.sleep(0.1)

    async def until(self, call_id: str, *states: str) -> Any:
        """Wait until a call is in one of the states."""
        async with asyncio.timeout(SECONDS):
            while True:
                call = await self.ask("call", "show", call_id)
                if call["state"] in states:
                    return call


async def test_a_call_outlives_a_crash_and_ends_with_the_switch(tmp_path, switch):
    daemon = Daemon(tmp_path, switch)
    key = ("--idempotency-key", "once")
    async with daemon.running():
        asked = await daemon.ask("call", "request", "8 916 123-45-67", *key)
        await daemon.until(asked["id"], "bridged")
    async with daemon.running():  # it was killed
        again = await daemon.ask("call", "request", "8 916 123-45-67", *key)
        assert again["id"] == asked["id"]
        await daemon.until(asked["id"], "bridged")
        assert [leg.endpoint for leg in switch.dialled] == ["PJSIP/100", TRUNK]
        await switch.hang_up(f"omnigate_calls-{asked['id']}-1-customer")
        call = await daemon.until(asked["id"], "completed")
        assert (call["customer"], call["cause"]) == (ANNA, 16)
        assert call["talk_seconds"] > 0
        second = await daemon.ask("call", "request", ANNA)
        await daemon.until(second["id"], "bridged")
        await switch.restart()
        call = await daemon.until(second["id"], "failed")
        assert call["error"] == "the switch was restarted"
