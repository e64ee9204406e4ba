"""``POST /v1/messages``: a message is queued, once however often it is asked for."""

from __future__ import annotations

import asyncio

import pytest

from tests.server.world import NOBODY, to

pytestmark = pytest.mark.anyio


class TestSending:
    async def test_queues_and_shows_the_message(self, world):
        await world.receive()
        auth = await world.token("messages:send", "messages:read")
        conversation = await world.conversation()
        status, queued = await world.call(
            "POST", "/v1/messages", headers=auth, json=to(conversation, client_ref="42")
        )
        assert status == 202
        assert queued["conversation"] == conversation
        assert queued["state"] == "queued"
        status, shown = await world.call("GET", f"/v1/messages/{queued['id']}", headers=auth)
        assert (status, shown["text"], shown["client_ref"]) == (200, "hi", "42")
        assert shown["conversation"] == conversation
        assert [part["state"] for part in shown["parts"]] == ["queued"]

    async def test_begins_a_conversation_with_an_address(self, world):
        auth = await world.token("messages:send")
        body = {"to": {"channel": "app", "address": "user:new"}, "text": "hi"}
        status, queued = await world.call("POST", "/v1/messages", headers=auth, json=body)
        assert status == 202
        assert await world.conversation(who="new") == queued["conversation"]


class TestKeys:
    async def test_the_same_key_and_body_send_once(self, world):
        await world.receive()
        auth = await world.token("messages:send") | {"Idempotency-Key": "order:1"}
        conversation = await world.conversation()
        first = await world.call("POST", "/v1/messages", headers=auth, json=to(conversation))
        reordered = dict(reversed(to(conversation).items()))
        again = await world.call("POST", "/v1/messages", headers=auth, json=reordered)
        assert first == again
        assert await world.stored("message") == 2

    async def test_parallel_copies_send_once(self, world):
        await world.receive()
        auth = await world.token("messages:send") | {"Idempotency-Key": "k"}
        body = to(await world.conversation())
        answers = await asyncio.gather(
            *(world.call("POST", "/v1/messages", headers=auth, json=body) for _ in range(10))
        )
        assert len({answer["id"] for _, answer in answers}) == 1
        assert await world.stored("message") == 2

    async def test_the_same_key_with_another_body_is_refused(self, world):
        await world.receive()
        auth = await world.token("messages:send") | {"Idempotency-Key": "k"}
        conversation = await world.conversation()
        await world.call("POST", "/v1/messages", headers=auth, json=to(conversation))
        status, problem = await world.call(
            "POST", "/v1/messages", headers=auth, json=to(conversation, text="other")
        )
        assert (status, problem["code"]) == (422, "idempotency_key_reused")

    async def test_keys_of_two_tokens_are_two_keys(self, world):
        await world.receive()
        body = to(await world.conversation())
        ids = set()
        for _ in range(2):
            auth = await world.token("messages:send") | {"Idempotency-Key": "k"}
            ids.add((await world.call("POST", "/v1/messages", headers=auth, json=body))[1]["id"])
        assert len(ids) == 2

    @pytest.mark.parametrize("key", ["", "a b", "ключ", "x" * 256, "a/b"])
    async def test_a_malformed_key_is_400(self, world, key):
        auth = await world.token("messages:send") | {"Idempotency-Key": key}
        body = to(f"cnv_{NOBODY}")
        assert (await world.call("POST", "/v1/messages", headers=auth, json=body))[0] == 400
