"""The same request many times: after an answer that never arrived, and all at once."""

from __future__ import annotations

import asyncio
import json
import signal
import socket
import struct
from contextlib import closing
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from proofs.daemon import TOKEN, Daemon, wait_until
from proofs.verdict import connect
from tests.kill import sabotage
from tests.kill.scene import delivered, message, post, scene

COPIES = 50


async def killed_before_the_answer(daemon: Daemon) -> None:
    """Have the daemon store the message and die with the answer in its hand."""
    await daemon.start(failpoint="answer:1=kill")
    await daemon.ready()
    with pytest.raises(aiohttp.ClientError):
        await post(daemon, message(0))
    assert await daemon.died() == -signal.SIGKILL
    await daemon.start()
    await daemon.ready()


async def cut_before_the_answer(daemon: Daemon) -> None:
    """Have the daemon store the message, and lose the connection before it can answer."""
    await daemon.start(failpoint="answer:1=freeze")
    await daemon.ready()
    body = json.dumps(message(0))
    request = (
        "POST /channels/app/messages HTTP/1.1\r\nHost: localhost\r\n"
        f"Authorization: Bearer {TOKEN}\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(body)}\r\n\r\n{body}"
    )
    caller = socket.create_connection(("127.0.0.1", daemon.port))
    caller.sendall(request.encode())
    await wait_until(daemon.stands_still, "it stands still before the answer")
    # Without lingering, closing resets the connection.
    caller.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    caller.close()
    daemon.signal(signal.SIGCONT)


@pytest.mark.parametrize("lose", [killed_before_the_answer, cut_before_the_answer])
def test_an_answer_that_got_lost_and_five_redeliveries_make_one_message(
    tmp_path: Path, lose: Any
) -> None:
    async def play() -> None:
        async with scene(tmp_path) as (daemon, receiver):
            await lose(daemon)
            for _ in range(5):
                assert await post(daemon, message(0)) == [{"accepted": 0, "duplicates": 1}]
            assert await delivered(daemon) == 1
            assert receiver.crm.said == {"c-1": ["hello-0"]}
            assert receiver.crm.doubled == []
            assert await daemon.stop() == 0

    asyncio.run(play())


def test_fifty_copies_at_once_make_one_message(tmp_path: Path) -> None:
    async def play() -> None:
        async with scene(tmp_path) as (daemon, receiver):
            await daemon.start()
            await daemon.ready()
            answers = await post(daemon, message(0), COPIES)
            assert sum(answer["accepted"] for answer in answers) == 1
            assert sum(answer["duplicates"] for answer in answers) == COPIES - 1
            assert await delivered(daemon) == 1
            assert receiver.crm.said == {"c-1": ["hello-0"]}
            with closing(connect(daemon.folder)) as store:
                assert store.execute("SELECT count(*) FROM dedup").fetchone() == (1,)
            assert await daemon.stop() == 0

    asyncio.run(play())


def test_fifty_sends_with_one_key_at_once_make_one_answer(tmp_path: Path) -> None:
    async def play() -> None:
        async with scene(tmp_path) as (daemon, receiver):
            token = await daemon.new_token()
            headers = {"Authorization": f"Bearer {token}", "Idempotency-Key": "one"}
            await daemon.start()
            await daemon.ready()
            url = f"{daemon.address}/v1/messages"
            body = {"to": {"channel": "app", "address": "app:c-1"}, "text": "hello-0"}

            async def send(session: aiohttp.ClientSession) -> str:
                async with session.post(url, json=body, headers=headers) as answer:
                    assert answer.status == 202, await answer.text()
                    return str((await answer.json())["id"])

            connector = aiohttp.TCPConnector(limit=0)
            async with aiohttp.ClientSession(connector=connector) as session:
                given = await asyncio.gather(*(send(session) for _ in range(COPIES)))
            assert len(set(given)) == 1
            assert await delivered(daemon) == 1
            assert receiver.answers.said == {"c-1": ["hello-0"]}
            assert receiver.answers.attempts == 1
            assert await daemon.stop() == 0

    asyncio.run(play())


def test_a_daemon_that_forgets_what_it_has_is_found_out_by_copies(tmp_path: Path) -> None:
    async def play() -> None:
        async with scene(tmp_path) as (daemon, receiver):
            await daemon.start(prelude=sabotage.FORGETS_WHAT_IT_HAS)
            await daemon.ready()
            for _ in range(6):
                await post(daemon, message(0))
            assert await delivered(daemon) == 6
            assert len(receiver.crm.doubled) == 5

    asyncio.run(play())
