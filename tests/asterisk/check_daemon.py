"""The whole daemon and a real Asterisk: a call from the request to the recording, over a kill."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from tests.asterisk.desks import is_idle
from tests.asterisk.switch import Asterisk
from tests.plugins.call.ari import LOGIN
from tests.plugins.call.desks import ANNA
from tests.ports import free_port

pytestmark = pytest.mark.anyio
SECONDS = 60.0
RINGS_MS = 15_000
ENDS = {"call.ended", "call.missed"}

CONFIG = """
[server]
listen = "127.0.0.1:{port}"
public_url = "http://127.0.0.1:{port}"
[store]
url = "sqlite:///{folder}/store.db"
[admin]
socket = "{folder}/admin.sock"
[backends.lines]
kind = "console"
[[routes]]
channels = ["*"]
backends = ["lines"]
[channels.phone]
kind = "call"
driver = "{driver}"
default_region = "RU"
agents = {{ sales = "PJSIP/agent" }}
caller_id = "+74951234567"
ring_seconds = 30
retry_after_seconds = []
record = {record}
consent = {{ "*" = "It is recorded." }}
allow_private = ["127.0.0.0/8"]
[channels.phone.{driver}]
{where}
username = "{login[0]}"
password = "{login[1]}"
customer_endpoint = "Local/{{digits}}@omnigate-out"
"""


class Daemon:
    """The daemon in a folder of its own."""

    def __init__(self, folder: Path, asterisk: Asterisk, driver: str) -> None:
        self.folder = folder
        self._socket = folder / "admin.sock"
        where = f'url = "{asterisk.url}"'
        if driver == "ami":
            where = f'host = "127.0.0.1"\nport = {asterisk.ports.manager}'
        text = CONFIG.format(
            port=free_port(),
            folder=folder,
            driver=driver,
            where=where,
            login=LOGIN,
            record="true" if driver == "ari" else "false",
        )
        (folder / "omnigate.toml").write_text(text)
        (folder / "omnigate.toml").chmod(0o600)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[asyncio.subprocess.Process]:
        program = str(Path(sys.executable).with_name("omnigate"))
        config = str(self.folder / "omnigate.toml")
        with (self.folder / "events").open("ab") as out, (self.folder / "log").open("ab") as log:
            process = await asyncio.create_subprocess_exec(
                program, "run", "--config", config, stdout=out, stderr=log
            )
        try:
            await self._until_answers()
            yield process
        finally:
            if process.returncode is None:
                process.terminate()
            await process.wait()

    async def _until_answers(self) -> None:
        async with asyncio.timeout(SECONDS):
            while True:
                try:
                    channels = await self.ask("GET", "/admin/channels")
                    assert [each["state"] for each in channels["items"]] == ["up"], channels
                except (aiohttp.ClientError, OSError, AssertionError):
                    await asyncio.sleep(0.05)
                else:
                    return

    async def ask(self, method: str, path: str, **more: Any) -> Any:
        """Make a request as the operator; return the JSON of a good answer."""
        connector = aiohttp.UnixConnector(str(self._socket))
        async with (
            aiohttp.ClientSession(connector=connector) as http,
            http.request(method, f"http://daemon{path}", **more) as answer,
        ):
            body = await answer.read()
            assert answer.status < 300, body
            is_json = answer.content_type == "application/json"
            return json.loads(body) if is_json else body

    async def until(self, call_id: str, *states: str) -> Any:
        """Wait until a call is in one of the states; return it."""
        shown = None
        try:
            async with asyncio.timeout(SECONDS):
                while True:
                    shown = await self.ask("GET", f"/v1/calls/{call_id}")
                    if shown["state"] in states:
                        return shown
                    await asyncio.sleep(0.05)
        except TimeoutError:
            raise AssertionError(f"{shown}\n{(self.folder / 'log').read_text()[-3000:]}") from None

    async def until_told(self, call_id: str) -> list[str]:
        """Wait until the backend was told of a call's end; return the types of its events in order."""
        try:
            async with asyncio.timeout(SECONDS):
                while not ENDS & {each["type"] for each in self.events(call_id)}:  # noqa: ASYNC110  # a file
                    await asyncio.sleep(0.05)
        except TimeoutError:
            raise AssertionError((self.folder / "log").read_text()[-3000:]) from None
        return [each["type"] for each in self.events(call_id)]

    def events(self, call_id: str) -> list[dict[str, Any]]:
        """Return what the backend was given about a call, each event once."""
        *lines, _ = (
            (self.folder / "events").read_text().split("\n")
        )  # what follows is not whole yet
        told = [json.loads(line) for line in lines if line.startswith("{")]
        about = [each for each in told if (each["data"].get("call") or {}).get("id") == call_id]
        return list({each["id"]: each for each in about}.values())


async def request(daemon: Daemon) -> str:
    return str(
        (await daemon.ask("POST", "/v1/calls", json={"number": ANNA, "consent": True}))["id"]
    )


async def test_a_call_is_told_to_the_end_and_its_recording_is_kept(asterisk, phone, tmp_path):
    phone("agent", "answers")
    phone("customer", "hangs_up", talk_ms=2_500)
    daemon = Daemon(tmp_path, asterisk, "ari")
    async with daemon.running():
        call_id = await request(daemon)
        await daemon.until(call_id, "completed")
        async with asyncio.timeout(SECONDS):
            while True:
                recording = (await daemon.ask("GET", f"/v1/calls/{call_id}"))["recording"]
                if recording is not None and recording["state"] == "ready":
                    break
                await asyncio.sleep(0.05)
        async with aiohttp.ClientSession() as http, http.get(recording["url"]) as answer:
            sound = await answer.read()
        assert sound.startswith(b"RIFF")
        assert len(sound) > 8_000
        await is_idle(asterisk)
        kinds = await daemon.until_told(call_id)
    assert kinds[0] == "call.requested"
    assert "call.answered" in kinds
    assert kinds.count("call.ended") == 1
    assert "call.missed" not in kinds


@pytest.mark.parametrize("driver", ["ari", "ami"])
@pytest.mark.parametrize("stage", ["dialling", "agent_ringing", "customer_ringing", "bridged"])
async def test_a_daemon_that_is_killed_picks_the_call_up(asterisk, phone, tmp_path, driver, stage):
    """Whenever it dies, each phone is rung once at most, and nothing is left on the switch.

    A phone that is taken while no daemon is there cannot be brought together with another: it rings longer
    than a daemon takes to come back on a busy machine.
    """
    agent = phone("agent", "answers", ring_ms=RINGS_MS if stage == "agent_ringing" else 0)
    customer = phone(
        "customer",
        "hangs_up",
        ring_ms=RINGS_MS if stage == "customer_ringing" else 0,
        talk_ms=10_000 if stage == "bridged" else 2_000,
    )
    daemon = Daemon(tmp_path, asterisk, driver)
    async with daemon.running() as process:
        call_id = await request(daemon)
        if stage == "dialling":
            await daemon.until(call_id, "dialling", "agent_ringing", "agent_answered", "bridged")
        else:
            await daemon.until(call_id, stage)
        process.kill()
        await process.wait()
    async with daemon.running():
        ends = ["completed", "failed", "cancelled"]
        if stage == "dialling":
            ends.append("unknown")  # it died as it asked the switch: nobody can tell, so it is held
        call = await daemon.until(call_id, *ends)
        await is_idle(asterisk)
        assert agent.rung <= 1
        assert customer.rung <= 1
        if stage != "dialling":
            assert call["state"] == "completed", call
            assert (agent.rung, customer.rung) == (1, 1)
        if call["state"] != "unknown":
            await daemon.until_told(call_id)
    told = [each["type"] for each in daemon.events(call_id) if each["type"] in ENDS]
    assert len(told) == (call["state"] != "unknown")


async def test_a_call_is_taken_back_through_the_daemon(asterisk, phone, tmp_path):
    phone("agent", "rings")
    customer = phone("customer", "answers")
    daemon = Daemon(tmp_path, asterisk, "ari")
    async with daemon.running():
        call_id = await request(daemon)
        await daemon.until(call_id, "agent_ringing")
        await daemon.ask("DELETE", f"/v1/calls/{call_id}")
        await daemon.until(call_id, "cancelled")
        await is_idle(asterisk)
        assert customer.rung == 0
