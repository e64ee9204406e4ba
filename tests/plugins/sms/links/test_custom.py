"""A provider that the configuration describes: what goes out, what comes back, and every mistake."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from typing import Any

import pytest
from aiohttp import web
from multidict import CIMultiDict
from omnigate_sms.link import Incoming, Report, Segment
from omnigate_sms.links.custom import MOST_ITEMS
from omnigate_sms.links.description import CustomConfig

import omnigate
from omnigate.testing import FakeHost
from tests.plugins.strictprovider import Asked, Wrong, answer

from .conftest import PART, PLAIN, make, text
from .providers import running, segments

pytestmark = pytest.mark.anyio

NOW = 1_795_345_000.0
NASTY = 'a&b="c"\r\nX: y\0{to}%00</to>'


def judge(asked: Asked) -> web.Response:
    """A provider that takes anything which bears the key."""
    if "custom-secret-key" not in " ".join([*asked.headers.values(), *asked.query.values()]):
        return web.json_response({"error": {"code": "E1", "text": "no key"}}, status=401)
    if asked.path != "/send" and not asked.path.startswith("/v1/"):
        raise Wrong(asked.path)
    return web.json_response({"ok": True, "messages": [{"id": 17}]})


def reaching(host: Any, provider: Any, **told: Any) -> Any:
    return make(
        "custom",
        host,
        **{"url": f"{provider.url}/send", "answer": {"id": "/messages/0/id"}, **told},
    )


async def test_a_form_goes_out_whole(host):
    async with running(judge) as provider:
        sent = await reaching(host, provider).send(text(NASTY, sender="Shop & Co"))
        assert sent.external_id == "17"
        (asked,) = provider.asked
        assert asked.form == {"to": "79161234567", "from": "Shop & Co", "text": NASTY}
        assert asked.headers["authorization"] == "Bearer custom-secret-key"


async def test_json_goes_out_whole(host):
    body = {
        "messages": [{"to": "{to:int}", "text": "{text}", "ref": "{own_id:int}"}],
        "options": {
            "from": "{from}",
            "flash": False,
            "callback": "{callback}",
            "ttl": "{valid_seconds}",
        },
    }
    async with running(judge) as provider:
        await reaching(host, provider, form=None, body=body).send(text(NASTY, valid_seconds=60))
        said = provider.asked[0].json
    assert said["messages"][0]["to"] == 79161234567
    assert said["messages"][0]["text"] == NASTY
    assert said["options"]["flash"] is False
    assert said["options"]["ttl"] == "60"
    assert f"part={PART}" in said["options"]["callback"]


async def test_a_query_goes_out_whole(host):
    query = {"phone": "{to}", "words": "{text}", "key": "{secret.key}"}
    async with running(judge) as provider:
        made = reaching(host, provider, method="GET", form=None, query=query, headers={}, plus=True)
        await made.send(text(NASTY))
        asked = provider.asked[0]
    assert asked.method == "GET"
    assert asked.query == {"phone": "+79161234567", "words": NASTY, "key": "custom-secret-key"}


@pytest.mark.parametrize("method", ["GET", "POST", "PUT"])
async def test_a_text_whose_answer_is_lost_is_sent_once_whatever_the_method(host, method):
    where = {"form": None, "query": {"to": "{to}", "text": "{text}"}}
    async with running(judge) as provider:
        provider.script = lambda asked: "cut"
        with pytest.raises(omnigate.Uncertain):
            await reaching(host, provider, method=method, **where).send(text())
        assert len(provider.asked) == 1


async def test_what_stands_in_the_path_stays_a_step_of_it(host):
    async with running(judge) as provider:
        url = f"{provider.url}/v1/{{from}}/send?x=1"
        await reaching(host, provider, url=url, query={"y": "2"}).send(text(sender="a/../b?c#d"))
        asked = provider.asked[0]
    assert asked.path == "/v1/a/../b?c#d/send"
    assert asked.query == {"x": "1", "y": "2"}


async def test_a_sender_that_would_end_a_header_is_refused_before_anything_is_sent(host):
    async with running(judge) as provider:
        made = reaching(host, provider, headers={"x-from": "{from}", "x-key": "{secret.key}"})
        with pytest.raises(omnigate.Refused, match="header"):
            await made.send(text(sender="a\r\nx-admin: 1"))
        assert provider.asked == []


async def test_a_password_goes_in_the_header_for_it(host):
    def basic(asked: Asked) -> web.Response:
        known = asked.basic() == "shop:custom-password"
        return web.json_response({"id": "1"}, status=200 if known else 401)

    async with running(basic) as provider:
        told = {
            "user": "shop",
            "password": "custom-password",
            "headers": {},
            "answer": {"id": "/id"},
        }
        assert (await reaching(host, provider, **told).send(text())).external_id == "1"


async def test_segments_are_named_each(host):
    async with running(lambda asked: segments([("0", "")] * 3)) as provider:
        made = reaching(host, provider, answer={"id": "/messages/*/message-id"})
        sent = await made.send(text())
        assert len(sent.segments) == 3
        assert sent.external_id == sent.segments[0]


@pytest.mark.parametrize(
    ("told", "said", "name"),
    [
        ({"id_pattern": 'Success "([^"]+)"'}, 'Success "uuid-1"', "uuid-1"),
        ({"id": "/id", "id_pattern": "id=([0-9]+)"}, "id=5 id=6", "5"),
        ({"named_by": "id"}, "OK", PART),
        ({"id": "/id", "taken": "/ok"}, {"ok": True, "id": "x"}, "x"),
        ({"id": "/id", "taken": "/status", "taken_values": ["0"]}, {"status": 0, "id": 5}, "5"),
    ],
)
async def test_the_name_is_found_where_the_description_says(host, told, said, name):
    async with running(judge) as provider:
        provider.script = answer(200, said)
        made = reaching(host, provider, answer=told, form={"t": "{to}{text}{id}"})
        assert (await made.send(text())).external_id == name


async def test_a_number_of_ours_may_be_the_name(host):
    async with running(judge) as provider:
        told = {"answer": {"named_by": "own_id"}, "form": {"t": "{to}{text}", "id": "{own_id}"}}
        sent = await reaching(host, provider, **told).send(text())
        assert sent.external_id == provider.asked[0].form["id"]


TOLD = {
    "id": "/id",
    "taken": "/ok",
    "error": "/error/code",
    "words": "/error/text",
    "errors": {
        "E1": "credentials",
        "E2": "bad_number",
        "E3": "no_money",
        "E4": "throttled",
        "5": "uncertain",
        "6": "opted_out",
    },
    "statuses": {"409": "blocked", "500": "unavailable"},
}


@pytest.mark.parametrize(
    ("status", "said", "error", "code"),
    [
        (400, {"error": {"code": "E1", "text": "key"}}, omnigate.CredentialsRejected, ""),
        (200, {"ok": False, "error": {"code": "E2"}}, omnigate.Refused, "bad_number"),
        (400, {"error": {"code": "E3"}}, omnigate.DestinationUnavailable, ""),
        (400, {"error": {"code": "E4"}}, omnigate.DestinationUnavailable, ""),
        (500, {"error": {"code": 5}}, omnigate.Uncertain, ""),
        (400, {"error": {"code": 6}}, omnigate.Refused, "recipient_opted_out"),
        (400, {"error": {"code": "E99"}}, omnigate.Refused, "refused_by_provider"),
        (200, {"ok": False}, omnigate.Refused, "refused_by_provider"),
        (409, "conflict", omnigate.Refused, "blocked_by_provider"),
        (500, "oops", omnigate.DestinationUnavailable, ""),
        (502, "oops", omnigate.Uncertain, ""),
        (200, "oops", omnigate.Uncertain, ""),
        (200, {"ok": True}, omnigate.Uncertain, ""),
        (200, {"ok": True, "id": {"x": 1}}, omnigate.Uncertain, ""),
        (200, {"ok": True, "id": "x" * 600}, omnigate.Uncertain, ""),
    ],
)
async def test_an_error_means_what_the_description_says(host, status, said, error, code):
    async with running(judge) as provider:
        provider.script = answer(status, said)
        with pytest.raises(error) as caught:
            await reaching(host, provider, answer=TOLD).send(text())
        assert getattr(caught.value, "code", "") == code


@pytest.mark.parametrize(("status", "state"), [(200, "up"), (401, "down"), (503, "degraded")])
async def test_its_health_is_asked_for_where_the_description_has_an_address(host, status, state):
    async with running(judge) as provider:
        provider.script = answer(status, "x")
        check = f"{provider.url}/balance/{{secret.key}}"
        made = reaching(host, provider, check_url=check, callback_networks=["192.0.2.0/24"])
        assert (await made.check()).state == state
        assert provider.asked[0].path == "/balance/custom-secret-key"
    unasked = make("custom", host, callback_networks=["192.0.2.0/24"])
    assert (await unasked.check()).state == "up"


# ---- calls ----------------------------------------------------------------------------------------

CALLS = {
    "receipt": {
        "id": "/id",
        "reference": "/ref",
        "state": "/state",
        "states": {"DELIVRD": "delivered", "REJECTD": "failed", "2": "sent"},
        "error": "/err",
        "at": "/at",
    },
    "incoming": {
        "id": "/id",
        "source": "/from",
        "destination": "/to",
        "text": "/text",
        "at": "/at",
        "reference": "/ref",
        "total": "/parts",
        "number": "/part_number",
    },
}


def call(
    body: Any = b"", query: dict[str, str] | None = None, headers: dict[str, str] | None = None
) -> omnigate.Request:
    return omnigate.Request(
        method="POST" if body else "GET",
        path="/hook",
        query=query or {},
        headers=CIMultiDict(headers or {}),
        body=body if isinstance(body, bytes) else json.dumps(body).encode(),
        received_at_seconds=NOW,
    )


def parsed(request: omnigate.Request, **told: Any) -> list[Any]:
    return list(make("custom", FakeHost("sms"), **{**CALLS, **told}).parse(request))


def test_a_receipt_says_what_stands_at_its_paths():
    (report,) = parsed(call({"id": 17, "state": "DELIVRD", "ref": PART, "at": "1795341601"}))
    assert isinstance(report, Report)
    assert (report.external_id, report.state, report.reference) == ("17", "delivered", PART)
    assert report.occurred_at.timestamp() == 1795341601
    (report,) = parsed(call(query={"id": "17", "state": "REJECTD", "err": "11"}))
    assert (report.state, report.error) == ("failed", "REJECTD 11")
    (report,) = parsed(call(b"id=17&state=2", headers={"content-type": "text/plain"}))
    assert report.state == "sent"


def test_a_text_says_what_stands_at_its_paths():
    (incoming,) = parsed(call({"id": "5", "from": "+79161234567", "to": "1234", "text": "Да"}))
    assert isinstance(incoming, Incoming)
    assert (incoming.source, incoming.destination, incoming.text) == ("79161234567", "1234", "Да")
    assert incoming.segment is None


def test_a_piece_says_where_it_belongs():
    piece = {"from": "7916", "text": "b", "ref": "x9", "parts": 3, "part_number": "2"}
    (incoming,) = parsed(call(piece))
    assert isinstance(incoming.segment, Segment)
    assert (incoming.segment.total, incoming.segment.number) == (3, 2)
    (again,) = parsed(call({**piece, "part_number": 3}))
    assert again.segment.reference == incoming.segment.reference
    (whole,) = parsed(call({**piece, "parts": 1, "part_number": 1}))
    assert whole.segment is None
    for wrong in ({"part_number": 4}, {"part_number": 0}, {"parts": 256}, {"parts": "three"}):
        with pytest.raises(omnigate.BadPayload):
            parsed(call({**piece, **wrong}))


def test_several_may_come_in_one_call():
    one, two = {"id": 1, "state": "2"}, {"from": "7916", "text": "Да"}
    assert len(parsed(call({"items": [one, two]}), items="/items")) == 2
    assert len(parsed(call([one, two]))) == 2
    with pytest.raises(omnigate.BadPayload, match="items"):
        parsed(call([one] * (MOST_ITEMS + 1)))


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"id": 1},
        {"id": 1, "state": "TELEPORTED"},
        {"state": "2"},
        {"text": "Да"},
        b"{",
        [1],
        "x",
    ],
)
def test_what_the_description_does_not_understand_is_said_to_be_so(body):
    with pytest.raises(omnigate.BadPayload):
        parsed(call(body))


def test_the_reply_is_what_the_provider_wants_to_read():
    made = make("custom", FakeHost("sms"), reply="<ok/>", reply_type="text/xml")
    assert made.reply(call()) == omnigate.Response(body=b"<ok/>", content_type="text/xml")


# ---- proofs ---------------------------------------------------------------------------------------


def proven(**told: Any) -> Any:
    proof = {"header": "X-Proof", "secret": "proof-secret", **told}
    return make("custom", FakeHost("sms"), **{**CALLS, "proof": proof, "callback_token": "t" * 20})


@pytest.mark.parametrize("encoding", ["hex", "base64"])
@pytest.mark.parametrize("digest", ["sha1", "sha256", "sha512"])
def test_the_hmac_of_the_body_proves_a_call_and_nothing_else_does(digest, encoding):
    made = proven(hmac=digest, encoding=encoding, prefix="v1=")
    body = b'{"id":1,"state":"2"}'
    raw = hmac.new(b"proof-secret", body, getattr(hashlib, digest)).digest()
    right = "v1=" + (raw.hex() if encoding == "hex" else base64.b64encode(raw).decode())
    made.authenticate(call(body, headers={"x-proof": right}))
    assert made.weakness() is None
    for changed, given in [
        (body + b" ", right),
        (body, right[3:]),
        (body, "v1="),
        (body, ""),
        (b"", right),
    ]:
        with pytest.raises(omnigate.Unauthorized):
            made.authenticate(call(changed, query={"token": "t" * 20}, headers={"x-proof": given}))


def test_of_a_signed_call_only_the_body_counts():
    """An address is not signed: whoever caught one signed body must not give it another meaning."""
    made = proven(hmac="sha256")
    (report,) = made.parse(call(b'{"id":1,"state":"2"}', query={"id": "99", "ref": PART}))
    assert (report.external_id, report.reference) == ("1", None)
    (report,) = made.parse(call(b"id=1&state=2", query={"id": "99", "err": "x"}))
    assert report.external_id == "1"


def test_an_empty_body_that_is_signed_proves_nothing():
    made = proven(hmac="sha256")
    empty = hmac.new(b"proof-secret", b"", hashlib.sha256).hexdigest()
    with pytest.raises(omnigate.Unauthorized, match="no body"):
        made.authenticate(call(b"", query={"id": "1", "state": "2"}, headers={"x-proof": empty}))


def test_a_header_of_its_own_proves_a_call_and_so_does_the_token():
    made = proven()
    made.authenticate(call(headers={"X-Proof": "proof-secret"}))
    made.authenticate(call(query={"token": "t" * 20}))
    with pytest.raises(omnigate.Unauthorized):
        made.authenticate(call(headers={"X-Proof": "other"}))
    weak = made.weakness()
    assert "only by a header, or by the token" in weak.words
    assert "custom.callback_networks" in weak.remedy


# ---- mistakes in the description -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("told", "words"),
    [
        ({"form": {"to": "{to}", "text": "{txt}"}}, "{txt} cannot stand here"),
        ({"form": {"to": "{to}"}}, "{text} stands nowhere"),
        ({"form": {"text": "{text}"}}, "{to} stands nowhere"),
        ({"form": {"to": "{to", "text": "{text}"}}, "written twice"),
        ({"form": {"to": "{to}", "text": "{text}", "key": "{secret.other}"}}, "secret.other"),
        ({"body": {"to": "{to}", "text": "{text}"}}, "not both"),
        ({"form": None, "body": {"to": "{to}", "{text}": "x"}}, "names cannot be filled in"),
        ({"method": "GET"}, "GET has no body"),
        ({"headers": {"x-text": "{text}"}}, "{text} cannot stand here"),
        ({"headers": {"Host": "x"}}, "not for you to set"),
        ({"headers": {"a b": "x"}}, "not for you to set"),
        ({"url": "https://{from}.example.com/send"}, "host"),
        ({"url": "https://example.com?x={from}"}, "host"),
        ({"url": "ftp://example.com/"}, "https"),
        ({"url": "https://example.com/{nobody}"}, "cannot stand here"),
        ({"check_url": "https://example.com/{to}"}, "cannot stand here"),
        ({"answer": {}}, "id or id_pattern"),
        ({"answer": {"id": "id"}}, "/name/0/name"),
        ({"answer": {"id_pattern": "no group"}}, "exactly one group"),
        ({"answer": {"id_pattern": "("}}, "not a regular expression"),
        ({"answer": {"named_by": "own_id"}}, "{own_id} stands nowhere"),
        ({"answer": {"id": "/id", "errors": {"1": "maybe"}}}, "refused"),
        ({"answer": {"id": "/id", "statuses": {"x": "refused"}}}, "numbers of HTTP"),
        ({"receipt": {"id": "/id", "state": "/s", "states": {"1": "arrived"}}}, "delivered"),
        ({"receipt": {"id": "/id", "state": "/s", "states": {}}}, "at least 1"),
        ({"incoming": {"source": "/a", "text": "/b", "total": "/c"}}, "belong together"),
        ({"proof": {"header": "x"}}, "header and secret"),
        ({"proof": {"header": "a:b", "secret": "12345678"}}, "no header name"),
        ({"user": "alone"}, "belong together"),
        ({"items": "items"}, "/name/0/name"),
        ({"nonsense": 1}, "nonsense"),
    ],
)
def test_a_mistake_is_found_when_the_configuration_is_read(told, words):
    with pytest.raises(ValueError) as caught:  # noqa: PT011 - pydantic's own
        CustomConfig.model_validate({**PLAIN["custom"], **told})
    assert words in str(caught.value)
    assert "custom-secret-key" not in str(caught.value)
