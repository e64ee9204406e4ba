"""The generic HTTP channel: what an application may say, how it proves itself, what it gets."""

from __future__ import annotations

import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from io import BytesIO

import aiohttp
import pytest
from omnigate_http import Http
from pydantic import ValidationError
from standardwebhooks import Webhook as Judge

import omnigate
from omnigate.testing import FakeHost, LoopbackReceiver, MemoryStore, loopback_receiver, serve

pytestmark = pytest.mark.anyio

TOKEN = "a-token-of-the-application"
SECRET = omnigate.new_secret()
BEARER = {"authorization": f"Bearer {TOKEN}"}
MESSAGE = {
    "external_id": "m1",
    "conversation": "c1",
    "sender": {"address": "user:42", "display_name": "Анна"},
    "text": "Здравствуйте",
}


class App:
    """The application: posts to the channel over the loopback."""

    def __init__(self, host: FakeHost, address: str, session: aiohttp.ClientSession) -> None:
        self.host, self.address, self.session = host, address, session

    async def post(
        self, path: str, body: object, headers: dict[str, str] | None = None
    ) -> tuple[int, dict[str, object]]:
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        headers = BEARER if headers is None else headers
        async with self.session.post(
            self.address + path, data=BytesIO(content), headers=headers
        ) as answer:
            self.headers = answer.headers
            text = await answer.read()
            return answer.status, json.loads(text) if text else {}


@asynccontextmanager
async def running(store: MemoryStore | None = None, **config: object) -> AsyncIterator[App]:
    given = {"token": TOKEN, "secret": SECRET} | config
    async with (
        FakeHost("app", kind="http", store=store) as host,
        aiohttp.ClientSession() as session,
    ):
        channel = Http(Http.Config.model_validate(given), host)
        async with serve(channel, host) as address:
            yield App(host, address, session)


@pytest.fixture
async def app(anyio_backend):
    async with running() as app:
        yield app


async def test_a_message_is_stored_and_then_accepted(app):
    assert await app.post("/messages", MESSAGE) == (202, {"accepted": 1, "duplicates": 0})
    (item,) = app.host.store.items
    assert isinstance(item, omnigate.InboundMessage)
    assert (item.external_id, item.conversation, item.text) == ("m1", "c1", "Здравствуйте")
    assert item.sender.address == "user:42"
    assert abs(item.occurred_at.timestamp() - time.time()) < 5


async def test_everything_that_the_model_knows_may_be_said(app):
    message = MESSAGE | {
        "occurred_at": "2026-11-21T10:00:00+03:00",
        "attachments": [{"url": "https://app.example.org/1", "name": "a.png", "mime": "image/png"}],
        "reply_to": "m0",
        "context": {"page": "https://shop/", "custom": {"order": 17}},
        "extensions": {"anything": [1]},
    }
    assert (await app.post("/messages", message))[0] == 202
    (item,) = app.host.store.items
    assert omnigate.rfc3339(item.occurred_at) == "2026-11-21T07:00:00.000Z"
    assert item.attachments[0].url == "https://app.example.org/1"
    assert item.context.custom == {"order": 17}


async def test_what_is_no_plain_json_in_extensions_is_cleaned_or_refused(app):
    """S14."""
    body = json.dumps(
        MESSAGE | {"extensions": {"a": [float("nan")], "b": "x\0y", "c": 2**70}}
    ).encode()
    assert b"NaN" in body
    assert (await app.post("/messages", body))[0] == 202
    assert app.host.store.items[0].extensions == {"a": [None], "b": "xy", "c": 2**70}
    deep: object = 1
    for _ in range(65):
        deep = [deep]
    status, problem = await app.post("/messages", MESSAGE | {"extensions": {"a": deep}})
    assert (status, problem["errors"][0]["path"]) == (422, "extensions")


async def test_a_batch_keeps_its_order_and_tells_duplicates(app):
    batch = [MESSAGE | {"external_id": f"m{number % 3}"} for number in range(4)]
    assert await app.post("/messages", batch) == (202, {"accepted": 3, "duplicates": 1})
    assert [item.external_id for item in app.host.store.items] == ["m0", "m1", "m2"]


async def test_the_same_message_again_is_accepted_and_stored_once_even_after_a_restart(app):
    await app.post("/messages", MESSAGE)
    async with running(app.host.store) as restarted:
        again = await restarted.post("/messages", MESSAGE)
    assert again == (202, {"accepted": 0, "duplicates": 1})
    assert len(app.host.store.items) == 1


@pytest.mark.parametrize(
    ("body", "path"),
    [
        (MESSAGE | {"sender": {"address": "nonsense"}}, "sender.address"),
        (MESSAGE | {"sender": {"address": "tel:8916"}}, "sender.address"),
        (MESSAGE | {"sender": {"address": "mailto:nix"}}, "sender.address"),
        (MESSAGE | {"sender": {"address": "user:42", "also": ["tel:123"]}}, "sender.also.0"),
        (MESSAGE | {"external_id": ""}, "external_id"),
        (MESSAGE | {"txet": "x"}, "txet"),
        (MESSAGE | {"attachments": [{"url": "file:///etc/passwd"}]}, "attachments.0.url"),
        (MESSAGE | {"attachments": [{"id": "att_1", "url": "https://x"}]}, "attachments.0.id"),
        (MESSAGE | {"attachments": [{"ref": {"a": 1}, "url": "https://x"}]}, "attachments.0.ref"),
        (MESSAGE | {"occurred_at": "2026-11-21T10:00:00"}, "occurred_at"),
        ([MESSAGE, MESSAGE | {"conversation": None}], "1.conversation"),
        ([], ""),
        ([MESSAGE] * 1001, ""),
        (b"null", ""),
    ],
    ids=range(14),
)
async def test_a_body_with_a_mistake_is_refused_as_a_whole_with_its_place(app, body, path):
    status, problem = await app.post("/messages", body)
    assert status == 422
    assert app.headers["content-type"].startswith("application/problem+json")
    assert path in [error["path"] for error in problem["errors"]]
    assert app.host.store.items == []


@pytest.mark.parametrize(
    "body",
    [b"", b"nonsense", b"[" * 100_000, b'{"text":"\\ud800"}', b"\xff\xfe"],
    ids=["nothing", "a word", "nested", "half a character", "no text"],
)
@pytest.mark.parametrize("path", ["/messages", "/receipts", "/typing"])
async def test_a_body_that_is_no_json_is_malformed(app, path, body):
    status, problem = await app.post(path, body)
    assert status == 400
    assert "is not JSON: " in problem["detail"]
    assert app.host.store.items == []


@pytest.mark.parametrize("path", ["/messages", "/receipts", "/typing"])
@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"authorization": ""},
        {"authorization": "Bearer"},
        {"authorization": "Bearer "},
        {"authorization": f"Bearer {TOKEN}x"},
        {"authorization": "Bearer ключ"},
        {"authorization": f"Basic {TOKEN}"},
        {"webhook-id": "1", "webhook-timestamp": "1", "webhook-signature": "v1,x"},
        {
            "webhook-id": "1",
            "webhook-timestamp": str(int(time.time())),
            "webhook-signature": "v1,ё",
        },
    ],
    ids=range(9),
)
async def test_who_proves_nothing_gets_401_and_nothing_is_stored(app, path, headers):
    """S7, S35. The answer says nothing to the stranger."""
    assert await app.post(path, MESSAGE, headers) == (401, {})
    assert (app.host.store.items, app.host.emitted) == ([], [])


async def test_a_signature_proves_as_well_as_the_token(app):
    body = json.dumps(MESSAGE).encode()
    headers = omnigate.Signer([SECRET]).headers("req_1", int(time.time()), body)
    assert (await app.post("/messages", body, headers))[0] == 202


async def test_a_signature_is_of_this_body_and_of_now(app):
    """S8, S13."""
    body = json.dumps(MESSAGE).encode()
    signer = omnigate.Signer([SECRET])
    stale = signer.headers("req_1", int(time.time()) - 301, body)
    other = signer.headers("req_1", int(time.time()), b"{}")
    assert (await app.post("/messages", body, stale))[0] == 401
    assert (await app.post("/messages", body, other))[0] == 401
    assert app.host.store.items == []


async def test_a_wrong_token_is_not_saved_by_a_good_signature(app):
    body = json.dumps(MESSAGE).encode()
    headers = omnigate.Signer([SECRET]).headers("req_1", int(time.time()), body)
    assert (await app.post("/messages", body, headers | {"authorization": "Bearer x"}))[0] == 401


async def test_while_a_token_is_replaced_both_are_accepted():
    async with running(old_token="the-token-of-yesterday") as app:
        for token in (TOKEN, "the-token-of-yesterday"):
            headers = {"authorization": f"bearer {token}"}
            assert (await app.post("/messages", MESSAGE, headers))[0] == 202


async def test_a_channel_without_secret_accepts_no_signature():
    async with running(secret=None) as app:
        assert (await app.post("/messages", MESSAGE, {}))[0] == 401
        assert (await app.post("/messages", MESSAGE))[0] == 202


@pytest.mark.parametrize("failure", [omnigate.StoreError("disk"), omnigate.Overloaded("busy")])
async def test_what_cannot_be_stored_is_not_accepted(app, failure):
    app.host.store.failure = failure
    status, _ = await app.post("/messages", MESSAGE)
    assert status == 503
    assert app.headers["retry-after"] == "1"
    app.host.store.failure = None
    assert await app.post("/messages", MESSAGE) == (202, {"accepted": 1, "duplicates": 0})


async def test_a_body_over_the_limit_is_refused(app):
    status, _ = await app.post("/typing", b'{"conversation":"' + b"x" * (1 << 20) + b'"}')
    assert status == 413


async def test_a_receipt_is_stored_once_for_each_state(app):
    delivered = {"external_id": "77", "state": "delivered"}
    read = {"external_id": "77", "state": "read", "conversation": "c1"}
    assert await app.post("/receipts", [delivered, read]) == (202, {"accepted": 2, "duplicates": 0})
    assert await app.post("/receipts", read) == (202, {"accepted": 0, "duplicates": 1})
    first, second = app.host.store.items
    assert isinstance(first, omnigate.Receipt)
    assert (first.message_id, first.state) == ("77", "delivered")
    assert (first.any_conversation, second.any_conversation) == (True, False)
    assert (second.message_id, second.state, second.conversation) == ("77", "read", "c1")


async def test_a_receipt_with_an_unknown_state_is_refused(app):
    assert (await app.post("/receipts", {"external_id": "77", "state": "lost"}))[0] == 422


async def test_typing_is_forwarded_and_not_stored(app):
    assert await app.post("/typing", {"conversation": "c1", "draft": "Здр"}) == (204, {})
    assert app.host.emitted == [omnigate.Typing(conversation="c1", draft="Здр")]
    assert app.host.store.items == []


# ---- answers -----------------------------------------------------------------------------------


def part(**more: object) -> omnigate.OutboundPart:
    given = {
        "id": "msg_1.0",
        "message": "msg_1",
        "index": 0,
        "parts": 2,
        "conversation": "c1",
        "address": "user:42",
        "text": "Добрый день",
        "buttons": [[{"label": "Да"}]],
    }
    return omnigate.OutboundPart.model_validate(given | more)


@pytest.fixture
async def there(anyio_backend):
    async with loopback_receiver() as there:
        yield there


@asynccontextmanager
async def sender(there: LoopbackReceiver, **config: object) -> AsyncIterator[Http]:
    given = {"token": TOKEN, "secret": SECRET, "url": there.url} | config
    async with FakeHost("app", kind="http") as host:
        yield Http(Http.Config.model_validate(given), host)


async def test_an_answer_is_posted_signed_and_named_by_the_application(there):
    there.answer(200, b'{"external_id":"77","more":1}')
    async with sender(there) as channel:
        assert await channel.send(part()) == omnigate.Sent(external_id="77")
    request = there.requests[0]
    said = Judge(SECRET).verify(request.body, dict(request.headers))
    assert {
        key: said[key] for key in ("id", "part", "parts", "conversation", "address", "text")
    } == {
        "id": "msg_1.0",
        "part": 1,
        "parts": 2,
        "conversation": "c1",
        "address": "user:42",
        "text": "Добрый день",
    }
    assert said["buttons"][0][0]["label"] == "Да"
    assert (said["attachments"], said["reply_to"]) == ([], None)


@pytest.mark.parametrize(
    "body", [b"", b"ok", b"{}", b'{"external_id":""}', b"[]", b'{"external_id":7}']
)
async def test_an_application_that_names_nothing_knows_the_part_by_our_id(there, body):
    there.answer(200, body)
    async with sender(there) as channel:
        assert await channel.send(part()) == omnigate.Sent(external_id="msg_1.0")


async def test_every_attempt_has_the_same_id(there):
    async with sender(there) as channel:
        await channel.send(part())
        await channel.send(part(attempt=2))
    first, second = there.requests
    assert first.headers["webhook-id"] == second.headers["webhook-id"]
    assert first.body == second.body
    assert (first.headers["omnigate-attempt"], second.headers["omnigate-attempt"]) == ("1", "2")


async def test_failures_are_told_apart(there):
    async with sender(there) as channel:
        there.answer(503, headers={"retry-after": "9"})
        with pytest.raises(omnigate.DestinationUnavailable) as caught:
            await channel.send(part())
        assert caught.value.retry_after_seconds == 9
        there.answer(422)
        with pytest.raises(omnigate.RetryLater):
            await channel.send(part())


async def test_a_channel_without_url_refuses_to_send():
    async with FakeHost() as host:
        channel = Http(Http.Config.model_validate({"token": TOKEN}), host)
        with pytest.raises(omnigate.Refused, match="no_receiver"):
            await channel.send(part())
        assert (await channel.check()).state == "up"


async def test_check_asks_without_changing_anything(there):
    async with sender(there) as channel:
        assert (await channel.check()).state == "up"
        there.answer(502)
        assert (await channel.check()).state == "degraded"
    async with sender(there, url="http://127.0.0.1:9/") as channel:
        assert (await channel.check()).state == "down"
    assert {request.method for request in there.requests} == {"OPTIONS"}


@pytest.mark.parametrize(
    ("config", "complaint"),
    [
        ({}, "give token or secret"),
        ({"token": "canary"}, "at least 16"),
        ({"token": TOKEN, "url": "https://app/"}, "secret is missing"),
        ({"token": TOKEN, "url": "app/", "secret": SECRET}, "https://"),
    ],
    ids=["nothing", "short", "unsigned", "relative"],
)
def test_a_mistake_in_the_configuration_is_explained_without_secrets(config, complaint):
    with pytest.raises(ValidationError, match=complaint) as caught:
        Http.Config.model_validate(config)
    assert not any(secret in str(caught.value) for secret in ("canary", TOKEN, SECRET))
