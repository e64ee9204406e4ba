"""The web chat in the real daemon, as a process: durable, answered, resumed, sent off in order."""

from __future__ import annotations

import asyncio
import json
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from tests.ports import free_port

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(300)]

SECONDS = 60.0

CONFIG = """
[server]
listen = "127.0.0.1:{port}"
public_url = "http://127.0.0.1:{port}"
[store]
url = "sqlite:///{folder}/store.db"
[admin]
socket = "{folder}/admin.sock"
[channels.site]
kind = "webchat"
allowed_origins = ["http://127.0.0.1:{port}"]
[backends.lines]
kind = "console"
[[routes]]
channels = ["*"]
backends = ["lines"]
"""


class Daemon:
    """The daemon in a folder of its own; started and ended as an operator would."""

    def __init__(self, folder: Path) -> None:
        port = free_port()
        self.folder = folder
        self.address = f"http://127.0.0.1:{port}"
        self.base = f"{self.address}/channels/site"
        self.headers = {"Origin": self.address}
        (folder / "omnigate.toml").write_text(CONFIG.format(port=port, folder=folder))
        (folder / "omnigate.toml").chmod(0o600)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[asyncio.subprocess.Process]:
        with (self.folder / "events").open("ab") as out, (self.folder / "log").open("ab") as log:
            process = await asyncio.create_subprocess_exec(
                str(Path(sys.executable).with_name("omnigate")),
                "run",
                "--config",
                str(self.folder / "omnigate.toml"),
                stdout=out,
                stderr=log,
            )
        try:
            await self._wait_ready()
            yield process
        finally:
            if process.returncode is None:
                process.kill()
            await process.wait()

    async def _wait_ready(self) -> None:
        async with asyncio.timeout(SECONDS), aiohttp.ClientSession() as http:
            while True:
                try:
                    async with http.get(f"{self.address}/readyz") as answer:
                        if answer.status == 200:
                            return
                except aiohttp.ClientError:
                    pass
                await asyncio.sleep(0.05)

    def events(self) -> list[dict[str, Any]]:
        """Return what the backend was given."""
        lines = (self.folder / "events").read_text().splitlines()
        return [json.loads(line) for line in lines if line.startswith("{")]

    async def session(self, http: aiohttp.ClientSession, **body: Any) -> dict[str, Any]:
        async with http.post(f"{self.base}/session", json=body, headers=self.headers) as answer:
            assert answer.status == 200, await answer.text()
            return dict(await answer.json())

    @asynccontextmanager
    async def tab(
        self, http: aiohttp.ClientSession, session: dict[str, Any], after: int = 0
    ) -> AsyncIterator[aiohttp.ClientWebSocketResponse]:
        async with http.ws_connect(
            f"{self.base}/socket", protocols=("omni.v1",), headers=self.headers
        ) as tab:
            token = session["connection_token"]
            await tab.send_json({"t": "hello", "d": {"connection_token": token, "after": after}})
            assert (await tab.receive_json(timeout=SECONDS))["t"] == "welcome"
            yield tab

    async def answer(self, conversation: str, text: str) -> str:
        """Answer as a CRM does."""
        connector = aiohttp.UnixConnector(str(self.folder / "admin.sock"))
        async with aiohttp.ClientSession(connector=connector) as http:
            body = {"to": {"conversation": conversation}, "text": text}
            async with http.post("http://daemon/v1/messages", json=body) as answer:
                assert answer.status == 202, await answer.text()
                return str((await answer.json())["id"])


async def frame_of(tab: aiohttp.ClientWebSocketResponse, kind: str) -> dict[str, Any]:
    while True:
        frame = await tab.receive_json(timeout=SECONDS)
        if frame["t"] == kind:
            return dict(frame)


async def test_the_main_job_over_a_kill_and_a_stop(tmp_path: Path, new_cid: Any) -> None:
    daemon = Daemon(tmp_path)
    cid = new_cid()
    said = {"t": "msg.send", "cid": cid, "d": {"text": "Здравствуйте"}}
    async with aiohttp.ClientSession() as http:
        async with daemon.running() as process:
            session = await daemon.session(http, context={"custom": {"plan": "pro"}})
            async with daemon.tab(http, session) as tab:
                await tab.send_json(said)
                first = await frame_of(tab, "ack")
                process.kill()
                await process.wait()
        async with daemon.running() as process:
            async with daemon.tab(http, session) as tab:
                new = await frame_of(tab, "msg.new")
                assert (new["d"]["id"], new["d"]["cid"]) == (first["d"]["id"], cid)
                await tab.send_json(said)
                assert await frame_of(tab, "ack") == first
            again = await daemon.session(http, visitor_token=session["visitor_token"])
            conversation = again["conversation"]["id"]
            message_id = await daemon.answer(conversation, "Чем помочь?")
            async with daemon.tab(http, session, after=new["seq"]) as tab:
                answer = await frame_of(tab, "msg.new")
                assert (answer["d"]["id"], answer["d"]["text"]) == (message_id, "Чем помочь?")
                await tab.send_json({"t": "read", "d": {"ids": [message_id]}})
                assert (await frame_of(tab, "receipt"))["d"] == {"id": message_id, "state": "read"}
                process.send_signal(signal.SIGTERM)
                while not (message := await tab.receive(timeout=SECONDS)).type.name.startswith(
                    "CLOS"
                ):
                    pass
                assert message.data == 1012
            assert await asyncio.wait_for(process.wait(), SECONDS) == 0
    received = [event for event in daemon.events() if event["type"] == "message.received"]
    assert {event["data"]["message"]["id"] for event in received} == {first["d"]["id"]}
    assert received[0]["conversation"]["context"]["custom"] == {"plan": "pro"}


CALLING = """
[channels.site.call]
channel = "phone"
session_seconds = 0
[channels.phone]
kind = "call"
driver = "ari"
default_region = "RU"
agents = {{ sales = "PJSIP/100" }}
allow_private = ["127.0.0.0/8"]
hours = {{ time_zone = "UTC", days = {{ {day} = ["12:00-12:30"] }} }}
consent = {{ "*" = "I agree" }}
[channels.phone.ari]
url = "http://127.0.0.1:{nobody}"
username = "omnigate"
password = "secret"
customer_endpoint = "PJSIP/{{number}}@trunk"
[channels.texts]
kind = "sms"
link = "kannel"
sender = "+79160000000"
default_region = "RU"
allow_private = ["127.0.0.0/8"]
[channels.texts.kannel]
url = "http://127.0.0.1:{nobody}/cgi-bin/sendsms"
username = "shop"
password = "secret"
callback_url = "{address}/channels/texts/hook"
callback_token = "a-token-of-sixteen-or-more"
"""


async def asked(tab: aiohttp.ClientWebSocketResponse, t: str, d: Any, cid: str) -> dict[str, Any]:
    await tab.send_json({"t": t, "cid": cid, "d": d})
    while True:
        frame = await tab.receive_json(timeout=SECONDS)
        if frame.get("cid") == cid:
            assert frame["t"] == "ack", frame
            return dict(frame["d"])


async def test_a_call_and_a_link_over_a_kill(tmp_path: Path, new_cid: Any) -> None:
    """Nobody is there until the day after tomorrow: the call waits, and nobody has to be reachable."""
    daemon = Daemon(tmp_path)
    path = tmp_path / "omnigate.toml"
    day = f"{datetime.now(UTC) + timedelta(days=2):%a}".lower()
    more = CALLING.format(day=day, nobody=free_port(), address=daemon.address)
    path.write_text(path.read_text() + more)
    async with aiohttp.ClientSession() as http:
        async with daemon.running() as process:
            session = await daemon.session(http)
            assert (session["config"]["call"], session["config"]["continue"]) == (True, True)
            async with daemon.tab(http, session) as tab:
                offer = (await asked(tab, "call.offer", {}, new_cid()))["offer"]
                assert (offer["open"], offer["consent"]) == (False, {"*": "I agree"})
                links = (await asked(tab, "handover", {}, new_cid()))["handover"]
                [way] = links["ways"]
                assert (way["channel"], way["url"][:17]) == ("texts", "sms:+79160000000?")
                wanted = {"number": "8 916 123-45-67", "consent": True}
                call = (await asked(tab, "call.request", wanted, new_cid()))["call"]
                assert (call["state"], call["number"]) == ("waiting", "+79161234567")
                assert call["callback_at"] == offer["opens_at"]
                process.kill()
                await process.wait()
        async with (
            daemon.running(),
            daemon.tab(http, session) as tab,
            daemon.tab(http, session) as other,
        ):
            again = (await asked(tab, "call.request", wanted, new_cid()))["call"]
            assert again["id"] == call["id"], "one call at a time, over restarts too"
            over = (await asked(tab, "call.cancel", {"id": call["id"]}, new_cid()))["call"]
            assert over["state"] == "cancelled"
            assert (await frame_of(other, "call"))["d"]["call"]["state"] == "cancelled"
    [request] = [event for event in daemon.events() if event["type"] == "call.requested"]
    assert request["data"]["call"]["source"] == "widget"
