"""The webhook backend: what a CRM receives, and what may come back in its answer."""

from __future__ import annotations

import json

import pytest
from omnigate_webhook import Webhook
from pydantic import ValidationError
from standardwebhooks import Webhook as Judge

import omnigate
from omnigate.testing import FakeBackendHost, LoopbackReceiver, loopback_receiver

pytestmark = pytest.mark.anyio

SECRET = omnigate.new_secret()
BODY = '{"id":"evt_1","type":"message.received","data":{"message":{"text":"Привет"}}}'.encode()


@pytest.fixture
async def there(anyio_backend):
    async with loopback_receiver() as there:
        yield there


@pytest.fixture
async def host(anyio_backend):
    async with FakeBackendHost() as host:
        yield host


def backend(there: LoopbackReceiver, host: FakeBackendHost, **config: object) -> Webhook:
    given = {"url": there.url, "secret": SECRET, "allow_private": ["127.0.0.0/8"]} | config
    return Webhook(Webhook.Config.model_validate(given), host)


def event(*, attempt: int = 1, replay: bool = False) -> omnigate.Event:
    kind = omnigate.EventType.MESSAGE_RECEIVED
    return omnigate.Event(id="evt_1", type=kind, body=BODY, attempt=attempt, replay=replay)


async def test_an_event_arrives_as_it_is_and_verifies(there, host):
    assert await backend(there, host).deliver(event()) is None
    request = there.requests[0]
    assert request.method == "POST"
    assert request.body == BODY
    assert Judge(SECRET).verify(request.body, dict(request.headers))["id"] == "evt_1"
    assert request.headers["webhook-id"] == "evt_1"
    assert request.headers["omnigate-attempt"] == "1"
    assert "omnigate-replay" not in request.headers


async def test_a_repetition_has_the_same_id_and_body_and_says_which_attempt_it_is(there, host):
    webhook = backend(there, host)
    await webhook.deliver(event())
    await webhook.deliver(event(attempt=4, replay=True))
    first, second = there.requests
    assert (first.headers["webhook-id"], first.body) == (second.headers["webhook-id"], second.body)
    assert second.headers["omnigate-attempt"] == "4"
    assert second.headers["omnigate-replay"] == "1"


async def test_while_a_secret_is_rotated_both_verify(there, host):
    new = omnigate.new_secret()
    await backend(there, host, secret=None, secrets=[new, SECRET]).deliver(event())
    request = there.requests[0]
    for secret in (new, SECRET):
        Judge(secret).verify(request.body, dict(request.headers))


async def test_extra_headers_are_sent(there, host):
    await backend(there, host, headers={"Authorization": "Bearer abc"}).deliver(event())
    assert there.requests[0].headers["authorization"] == "Bearer abc"


async def test_the_answer_may_carry_messages_for_the_customer(there, host):
    there.answer(200, json.dumps({"ok": True, "messages": [{"text": "Hello"}]}).encode())
    reply = await backend(there, host).deliver(event())
    assert reply == omnigate.Reply(messages=[omnigate.Content(text="Hello")])
    assert host.log_lines == []


@pytest.mark.parametrize(
    "answer",
    [b"ok", b"{}", b"[]", b"null", b'{"messages":[]}', b"<html>messages</html>", b'{"id":7}', b" "],
)
async def test_any_other_answer_is_simply_success(there, host, answer):
    there.answer(200, answer)
    assert await backend(there, host).deliver(event()) is None
    assert host.log_lines == []


@pytest.mark.parametrize(
    "answer",
    [
        b'{"messages":[{"text":1}]}',
        b'{"messages":[{"text":"a","txet":"b"}]}',
        b'{"messages":[{}]}',
        b'{"messages":"hello"}',
        b'{"messages":{"text":"a"}}',
        b'{"messages":[{"text":"\\ud800"}]}',
        b'{"messages":[{"text":"a","buttons":[[{"label":"x","kind":"url","value":"javascript:1"}]]}]}',
        b'{"messages":[' + b'{"text":"a"},' * 10 + b'{"text":"a"}]}',
        b'{"messages":' + b"[" * 60_000,
        b'{"messages":[{"text":"' + b"a" * 65_536 + b'"}]}',
        b'{"messages":[{"text":"\xff\xfe"}]}',
        b'{"messages":[{"text":"a"}]} and more',
    ],
    ids=range(12),
)
async def test_a_hostile_answer_is_ignored_with_a_warning_and_the_event_is_delivered(
    there, host, answer
):
    """S39."""
    there.answer(200, answer)
    assert await backend(there, host).deliver(event()) is None
    (line,) = host.log_lines
    assert line["level"] == "warning"
    assert line["event_id"] == "evt_1"
    assert "aaaa" not in str(line)


@pytest.mark.parametrize(
    ("status", "state"), [(204, "up"), (404, "up"), (405, "up"), (500, "degraded")]
)
async def test_check_asks_without_changing_anything(there, host, status, state):
    there.answer(status)
    assert (await backend(there, host).check()).state == state
    assert [request.method for request in there.requests] == ["OPTIONS"]
    assert there.requests[0].body == b""


async def test_check_says_why_a_receiver_cannot_be_reached(there, host):
    health = await backend(there, host, url="http://127.0.0.1:9/").check()
    assert health.state == "down"
    assert "127.0.0.1:9" in health.message


async def test_without_allow_private_a_receiver_on_loopback_is_not_reached(there, host):
    with pytest.raises(omnigate.DestinationUnavailable, match="allow_private"):
        await backend(there, host, allow_private=[]).deliver(event())
    assert there.requests == []


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"secret": None}, "secret is missing"),
        ({"secret": "canary-canary"}, "whsec_"),
        ({"url": "ftp://crm/"}, "https://"),
        ({"url": "https://user:canary@crm/"}, "use a header"),
        ({"url": "https://crm/\r\nx"}, "control characters"),
        ({"url": "https://crm:99999/"}, "ort"),
        ({"allow_private": ["10.0.0.1/8"]}, "not a network"),
        ({"headers": {"Webhook-Id": "x"}}, "set by Omnigate"),
        ({"headers": {"Omnigate-Attempt": "x"}}, "set by Omnigate"),
        ({"headers": {"Content-Length": "x"}}, "set by Omnigate"),
        ({"headers": {"a b": "x"}}, "no header name"),
        ({"headers": {"x": "canary\r\nevil: 1"}}, "on one line"),
        ({"ca_file": "/no/such/file.pem"}, "/no/such/file.pem cannot be used"),
        ({"ca_file": __file__}, "certificate authorities"),
        ({"timeout_seconds": 0}, "greater than 0"),
        ({"tiemout_seconds": 1}, "not permitted"),
    ],
    ids=str,
)
def test_a_mistake_in_the_configuration_is_explained_without_secrets(change, complaint):
    given = {"url": "https://crm.example.org/hook", "secret": SECRET} | change
    with pytest.raises(ValidationError, match=complaint) as caught:
        Webhook.Config.model_validate(given)
    assert "canary" not in str(caught.value)
    assert SECRET not in str(caught.value)


def test_secrets_do_not_show_in_the_configuration():
    """S37."""
    config = Webhook.Config.model_validate(
        {"url": "https://crm/", "secrets": [SECRET], "headers": {"authorization": "canary"}}
    )
    assert SECRET not in repr(config)
    assert "canary" not in repr(config)
