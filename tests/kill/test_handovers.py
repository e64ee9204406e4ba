"""Crashes while a customer carries on elsewhere: the token is used with the message, or not at all."""

from __future__ import annotations

import asyncio
import json
import signal
from contextlib import closing
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from proofs.daemon import SECRET, TOKEN, Daemon
from proofs.verdict import connect
from tests.kill.scene import delivered, message, post, scene

SITE = f"""
[channels.site]
kind = "http"
token = "{TOKEN}"
secret = "{SECRET}"
"""

PROVEN = {"address": "user:42", "verified": True}


async def begin(daemon: Daemon) -> str:
    """Have a customer write on the site; returns a token to carry on in the app with."""
    await daemon.start()
    await daemon.ready()
    said = {**message(0), "sender": PROVEN}
    headers = {"Authorization": f"Bearer {TOKEN}"}
    async with aiohttp.ClientSession(headers=headers) as session:
        url = f"{daemon.address}/channels/site/messages"
        async with session.post(url, json=said) as answer:
            assert answer.status == 202, await answer.text()
    (conversation,) = json.loads(await daemon.omnigate("conversation", "list", "--json"))["items"]
    made = json.loads(
        await daemon.omnigate(
            "conversation", "handover", conversation["id"], "--channel", "app", "--json"
        )
    )
    assert await daemon.stop() == 0
    return str(made["token"])


def outcome(folder: Path) -> dict[str, Any]:
    """Return what the store has: contacts left, merges, uses of the token, conversations that know."""
    queries = {
        "contacts": "SELECT count(*) FROM contact WHERE merged_into IS NULL",
        "merges": "SELECT count(*) FROM merge",
        "used": "SELECT count(*) FROM handover WHERE used_in IS NOT NULL",
        "knowing": "SELECT count(*) FROM conversation WHERE context LIKE '%hnd_%'",
    }
    with closing(connect(folder)) as store:
        return {name: store.execute(query).fetchone()[0] for name, query in queries.items()}


@pytest.mark.timeout(120)
@pytest.mark.parametrize("place", ["insert", "answer"])
def test_a_message_that_is_delivered_again_after_a_crash_still_carries_on(
    tmp_path: Path, place: str
) -> None:
    async def play() -> None:
        async with scene(tmp_path, more=SITE) as (daemon, _):
            token = await begin(daemon)
            sender = {"address": "app:c-1", "verified": True}
            arriving = {**message(1), "sender": sender, "handover": token}
            await daemon.start(failpoint=f"{place}:1=kill")
            assert await daemon.ready()
            with pytest.raises(aiohttp.ClientError):
                await post(daemon, arriving)
            assert await daemon.died() == -signal.SIGKILL
            await daemon.start()
            await daemon.ready()
            await post(daemon, arriving)
            await post(daemon, {**arriving, "external_id": "x-2"})
            assert await delivered(daemon) == 3
            assert outcome(daemon.folder) == {
                "contacts": 1,
                "merges": 1,
                "used": 1,
                "knowing": 1,
            }
            assert await daemon.stop() == 0

    asyncio.run(play())
