"""What attempts say over HTTP is kept without secrets, cut, and only as far as it is wanted."""

from __future__ import annotations

import base64
import json
import time

import pytest
from pydantic import SecretStr
from yarl import URL

import omnigate
from omnigate import transcript
from omnigate.exchange import Receiver
from omnigate.flow.egress import guarded_session
from omnigate.signing import Signer, new_secret
from omnigate.testing import loopback_receiver
from omnigate.transcript import (
    EXCERPT_BYTES,
    MOST_EXCHANGES,
    REDACTED,
    Transcript,
    excerpt,
    exchange_of,
    secrets_of,
    shown_url,
    transcribed,
)

pytestmark = pytest.mark.anyio

CANARY = "cAnary7Z"
BEARER = f"{CANARY}/bearer+token9=="
CUSTOM = f"{CANARY}-custom-header"
STEP = f"{CANARY}step"
QUERY = f"{CANARY} query&value"
COOKIE = f"{CANARY}cookie"
BASIC = base64.b64encode(f"user:{CANARY}".encode()).decode()
LOOPBACK = ["127.0.0.0/8"]


@pytest.fixture
async def session(anyio_backend):
    async with guarded_session(allow_private=LOOPBACK) as session:
        yield session


@pytest.fixture
async def there(anyio_backend):
    async with loopback_receiver() as there:
        yield there


def secret_url(there) -> str:
    return str(URL(there.url) / "hooks" / STEP % {"key": QUERY})


def receiver(url: str, timeout_seconds: float = 2.0) -> Receiver:
    headers = {"Authorization": SecretStr(f"Bearer {BEARER}"), "X-Tenant": SecretStr(CUSTOM)}
    return Receiver(url, Signer([new_secret()]), headers=headers, timeout_seconds=timeout_seconds)


def everything(kept: Transcript) -> str:
    return json.dumps([exchange.as_row() for exchange in kept.exchanges], ensure_ascii=False)


def echo(request_headers, url: str) -> bytes:
    """Repeat all that was sent, in the spellings that frameworks use."""
    said = dict(request_headers)
    return "\n".join(
        (
            f"Cannot POST {URL(url).raw_path_qs}",
            f"Cannot POST {URL(url).path_qs}",
            json.dumps(said),
            json.dumps(said).replace("/", "\\/"),
            *(f"{name}: {value}" for name, value in said.items()),
            f"token {BEARER} is not known",
        )
    ).encode()


async def post(session, there, status: int, *, keeps_all: bool = False, **answer) -> Transcript:
    there.answer(status, **answer)
    with transcribed(keeps_all=keeps_all) as kept:
        try:
            await receiver(secret_url(there)).post(session, "evt_1", b"{}")
        except omnigate.OmnigateError:
            assert status >= 300
    return kept


@pytest.mark.parametrize("own_urls_only", [True, False])
async def test_of_a_success_only_the_status_is_kept(there, own_urls_only):
    async with guarded_session(allow_private=LOOPBACK, own_urls_only=own_urls_only) as session:
        kept = await post(session, there, 202, body=b"thanks")
    assert (kept.status, kept.exchanges) == (202, [])


@pytest.mark.parametrize("own_urls_only", [True, False])
async def test_of_a_failure_everything_is_kept_once(there, own_urls_only):
    async with guarded_session(allow_private=LOOPBACK, own_urls_only=own_urls_only) as session:
        kept = await post(
            session, there, 503, body=b"come back later", headers={"Retry-After": "7"}
        )
    assert kept.status == 503
    (exchange,) = kept.exchanges
    assert exchange.method == "POST"
    assert exchange.url == f"{there.url}/hooks/…"
    assert exchange.status == 503
    assert exchange.response_body == "come back later"
    assert exchange.response_headers is not None
    assert exchange.response_headers["retry-after"] == "7"
    assert exchange.request_headers["webhook-id"] == "evt_1"
    assert exchange.request_headers["authorization"] == REDACTED
    assert exchange.error is None


async def test_all_is_kept_where_that_is_wanted(session, there):
    kept = await post(session, there, 200, keeps_all=True, body=b"thanks")
    assert [exchange.response_body for exchange in kept.exchanges] == ["thanks"]


async def test_outside_of_attempts_nothing_is_kept(session, there):
    there.answer(500)
    with pytest.raises(omnigate.DestinationUnavailable):
        await receiver(there.url).post(session, "evt_1", b"{}")
    assert transcript.current() is None


async def test_no_answer_is_kept_with_the_reason(session):
    with transcribed(keeps_all=False) as kept, pytest.raises(omnigate.DestinationUnavailable):
        await receiver(f"http://127.0.0.1:9/{STEP}?key={CANARY}").post(session, "evt_1", b"{}")
    (exchange,) = kept.exchanges
    assert exchange.status is None
    assert exchange.error == "connection refused; is anything running there?"
    assert CANARY not in everything(kept)


@pytest.mark.parametrize("status", [302, 400, 401, 404, 500])
async def test_no_secret_gets_in_even_if_the_receiver_repeats_them_all(session, there, status):
    url = secret_url(there)
    sent = {
        "authorization": f"Bearer {BEARER}",
        "x-tenant": CUSTOM,
        "webhook-signature": "v1,not-the-one",
    }
    kept = await post(
        session,
        there,
        status,
        body=echo(sent, url),
        headers={
            "Location": url,
            "Set-Cookie": f"sid={COOKIE}",
            "X-Request-Id": f"{CUSTOM} again",
            "Server": f"echo {BEARER}",
            f"x-{STEP}".lower(): "1",
        },
    )
    assert CANARY not in everything(kept)
    assert CANARY.lower() + "step" not in everything(kept)
    assert kept.exchanges[0].url.endswith("/hooks/…")
    if status >= 400:
        assert REDACTED in (kept.exchanges[0].response_body or "")


async def test_the_signature_of_the_attempt_is_taken_out_of_the_answer(session, there):
    there.answer(500)
    with transcribed(keeps_all=True) as first, pytest.raises(omnigate.DestinationUnavailable):
        await receiver(there.url).post(session, "evt_1", b"{}")
    signature = there.requests[0].headers["webhook-signature"]
    assert signature.removeprefix("v1,") not in everything(first)
    repeated = exchange_of(
        "POST",
        URL(there.url),
        {"webhook-signature": signature},
        seconds=0,
        status=401,
        answer_headers={},
        answer_body=f"{signature} and {signature.removeprefix('v1,')}".encode(),
    )
    assert signature.removeprefix("v1,") not in str(repeated.response_body)


async def test_without_taking_secrets_out_the_canary_is_found(session, there, monkeypatch):
    """The sabotage twin: the check above sees what it must see."""
    monkeypatch.setattr(transcript, "without", lambda text, secrets: text)
    kept = await post(session, there, 500, body=f"what is {CUSTOM}?".encode())
    assert CANARY in everything(kept)


async def test_half_a_secret_at_the_cut_is_none(session, there):
    for shift in range(len(CUSTOM) + 1):
        body = b"x" * (EXCERPT_BYTES - shift) + CUSTOM.encode() + b" the end"
        kept = excerpt(body, [CUSTOM])
        assert len(kept.encode()) <= EXCERPT_BYTES
        assert CUSTOM[:4] not in kept
    many = (CUSTOM * 200).encode()
    assert "cAn" not in excerpt(many, [CUSTOM])


async def test_a_long_answer_is_cut_and_an_endless_one_not_kept(session, there):
    kept = await post(session, there, 500, body="я".encode() * 4000)
    body = kept.exchanges[0].response_body
    assert body == "я" * (EXCERPT_BYTES // 2)
    kept = await post(session, there, 500, body=b"x" * 70_000)
    assert kept.exchanges[0].response_body is None


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://user:pw@x.example/", "https://x.example/"),
        ("https://x.example/v1/messages.send?access_token=s", "https://x.example/v1/messages.send"),
        (
            "https://api.telegram.org/bot123:AAF-x/sendMediaGroup",
            "https://api.telegram.org/…/sendMediaGroup",
        ),
        (
            "https://x.example/services/T00/B00/XyzAbcQweRtyUioPasDfgHjk",
            "https://x.example/services/…/…/…",
        ),
        ("https://x.example/hooks/zKqWvBnMpLxRtYsD", "https://x.example/hooks/…"),
        ("https://x.example/%D1%82/it", "https://x.example/…/it"),
        ("https://x.example:8443/omnigate#part", "https://x.example:8443/omnigate"),
    ],
)
def test_an_address_is_shown_without_what_may_be_secret(url, shown):
    assert shown_url(URL(url)) == shown


def test_words_that_everybody_uses_are_no_secrets():
    found = secrets_of(
        URL("https://x.example/hooks/in?a=1"), {"Content-Type": "application/json", "X": "abc"}
    )
    assert "application/json" not in found
    assert "hooks" not in found
    assert "abc" not in found


async def test_a_channels_own_session_notes_what_it_says(session, there):
    there.answer(400, body=f'{{"error":"no chat for {BEARER}"}}'.encode())
    headers = {"Authorization": f"Bearer {BEARER}", "Cookie": COOKIE}
    url = URL(there.url).origin() / f"bot1:{STEP}" / "sendMessage" % {"token": QUERY}
    with transcribed(keeps_all=False) as kept:
        async with session.post(url, json={"text": "hello"}, headers=headers) as answer:
            assert "no chat" in await answer.text()
    (exchange,) = kept.exchanges
    assert (exchange.method, exchange.status, kept.status) == ("POST", 400, 400)
    assert exchange.url == f"{URL(there.url).origin()}/…/sendMessage"
    assert exchange.response_body == f'{{"error":"no chat for {REDACTED}"}}'
    assert CANARY not in everything(kept)


async def test_a_channels_own_session_keeps_the_status_of_a_success(session, there):
    there.answer(200, body=b"{}")
    with transcribed(keeps_all=False) as kept:
        async with session.get(there.url) as answer:
            await answer.read()
    assert (kept.status, kept.exchanges) == (200, [])


async def test_a_channels_own_session_notes_that_nobody_answered(session):
    with transcribed(keeps_all=False) as kept:
        with pytest.raises(OSError, match="127"):
            await session.get(f"http://127.0.0.1:9/{STEP}?key={CANARY}")
        with pytest.raises(Exception, match="user name"):
            await session.get(f"http://{CANARY}:{COOKIE}@127.0.0.1:9/")
    assert [exchange.status for exchange in kept.exchanges][:1] == [None]
    assert CANARY not in everything(kept)


async def test_who_asks_over_and_over_does_not_fill_the_memory(session, there):
    there.answer(500)
    with transcribed(keeps_all=True) as kept:
        for _ in range(MOST_EXCHANGES + 5):
            async with session.get(there.url):
                pass
    assert len(kept.exchanges) == MOST_EXCHANGES


async def test_what_a_task_says_after_its_attempt_is_no_part_of_it(session, there):
    there.answer(500)
    with transcribed(keeps_all=True) as kept:
        left_behind = transcript.current()
    assert left_behind is kept
    assert not kept.wants(500)
    kept.note(exchange_of("GET", URL(there.url), {}, seconds=0, status=500))
    assert (kept.status, kept.exchanges) == (None, [])


def test_a_success_costs_no_more_than_a_few_looks():
    """Nothing is put together when it went well: a thousand successes in far less than 0.1 s."""
    with transcribed(keeps_all=False):
        began = time.thread_time()  # whatever else the machine does meanwhile
        for _ in range(1000):
            found = transcript.current()
            assert found is not None
            assert not found.wants(204)
        assert time.thread_time() - began < 0.1
