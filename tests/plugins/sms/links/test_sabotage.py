"""The promises of the links, kept and broken: each check goes red where what it guards is broken."""

from __future__ import annotations

import hashlib
import hmac
from base64 import b64encode
from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import urlencode

import pytest
from omnigate_sms.links import custom, twilio
from omnigate_sms.links.template import fill
from omnigate_sms.links.twilio import signature

import omnigate
from omnigate import atmostonce, unanswered
from omnigate.testing import FakeHost
from tests.plugins.strictprovider import answer

from .conftest import make, text
from .providers import JUDGES, running

pytestmark = pytest.mark.anyio

HOOK = "https://sms.example.com/channels/sms/hook"
Check = Callable[[FakeHost], Awaitable[None]]


async def lost_answers_are_uncertain(host: FakeHost) -> None:
    """A text whose answer is lost is neither sent again nor given up by itself."""
    async with running(JUDGES["twilio"]) as at:
        at.script = lambda asked: "cut"
        try:
            await make("twilio", host, url=at.url).send(text())
        except omnigate.Uncertain:
            assert len(at.asked) == 1
            return
        except omnigate.OmnigateError as error:
            raise AssertionError("it counts as not sent") from error
    raise AssertionError("it counts as sent")


async def a_gateway_in_trouble_leaves_it_open(host: FakeHost) -> None:
    """A 502 does not tell on which side of the proxy the text was lost."""
    async with running(JUDGES["exolve"]) as at:
        at.script = answer(502, "Bad Gateway")
        try:
            await make("exolve", host, url=at.url).send(text())
        except omnigate.Uncertain:
            return
        except omnigate.DestinationUnavailable as error:
            raise AssertionError("it would be sent again") from error
    raise AssertionError("it counts as sent")


async def redirects_are_not_followed(host: FakeHost) -> None:
    """Neither the text nor the credentials go where an answer says."""
    async with running(JUDGES["exolve"]) as thief, running(JUDGES["exolve"]) as at:
        at.script = answer(307, "", location=f"{thief.url}/messaging/v1/SendSMS")
        with pytest.raises(omnigate.OmnigateError):
            await make("exolve", host, url=at.url).send(text())
        assert thief.asked == []


async def values_stay_in_their_step_of_an_address(host: FakeHost) -> None:
    """A sender cannot choose another path."""
    async with running(lambda asked: answer(200, {"id": 1})(asked)) as at:  # type: ignore[arg-type,return-value]
        url = f"{at.url}/v1/{{from}}/send"
        await make("custom", host, url=url).send(text(sender="x/../admin?y=1"))
        assert at.asked[0].path == "/v1/x/../admin?y=1/send"
        assert at.asked[0].query == {}


async def the_query_is_part_of_what_is_signed(host: FakeHost) -> None:
    """Another part must not be named in a call that was signed for one."""
    said = [("MessageSid", "SM1"), ("MessageStatus", "delivered")]
    request = omnigate.Request(
        method="POST",
        path="/hook",
        query={"part": "msg_00000000000000000000000001.0"},
        headers={"x-twilio-signature": signature("twilio-token", HOOK, said)},
        body=urlencode(said).encode(),
    )
    with pytest.raises(omnigate.Unauthorized):
        make("twilio", host, callback_url=HOOK).authenticate(request)


async def only_the_body_of_a_signed_call_counts(host: FakeHost) -> None:
    """What stands in the address of a signed call was not signed."""
    body = b"id=1&state=ok"
    proof = {"header": "x-proof", "secret": "proof-secret", "hmac": "sha256", "encoding": "base64"}
    made = make("custom", host, proof=proof, receipt=_RECEIPT)
    signed = b64encode(hmac.new(b"proof-secret", body, hashlib.sha256).digest()).decode()
    request = omnigate.Request(
        method="POST",
        path="/hook",
        query={"err": "forged"},
        headers={"x-proof": signed},
        body=body,
    )
    made.authenticate(request)
    (report,) = made.parse(request)
    assert getattr(report, "error", None) != "ok forged"


_RECEIPT = {"id": "/id", "state": "/state", "states": {"ok": "failed"}, "error": "/err"}
CHECKS: dict[Check, Callable[[pytest.MonkeyPatch], None]] = {}


def breaks(check: Check) -> Callable[[Callable[[pytest.MonkeyPatch], None]], None]:
    """Say what is broken for a check to go red."""

    def note(sabotage: Callable[[pytest.MonkeyPatch], None]) -> None:
        CHECKS[check] = sabotage

    return note


@breaks(lost_answers_are_uncertain)
def _hopeful(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(unanswered, "surely_not_sent", lambda error: True)


@breaks(a_gateway_in_trouble_leaves_it_open)
def _eager(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(atmostonce, "_NOT_TAKEN", frozenset({429, 502, 503}))


@breaks(redirects_are_not_followed)
def _obedient(patch: pytest.MonkeyPatch) -> None:
    whole = omnigate.ask_once

    async def follow(session: Any, method: str, url: str, **options: Any) -> omnigate.Answer:
        said = await whole(session, method, url, **options)
        if said.status != 307:
            return said
        async with session.request(method, url, json={}, allow_redirects=False) as again:
            elsewhere = again.headers["location"]
        return await whole(session, method, elsewhere, **options)

    patch.setattr(atmostonce, "ask_once", follow)


@breaks(values_stay_in_their_step_of_an_address)
def _plain(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(custom, "fill_url", fill)


@breaks(the_query_is_part_of_what_is_signed)
def _deaf(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(twilio, "_spellings", lambda base, query: [base])


@breaks(only_the_body_of_a_signed_call_counts)
def _gullible(patch: pytest.MonkeyPatch) -> None:
    whole = omnigate.Request.fields
    patch.setattr(omnigate.Request, "fields", lambda self: {**self.query, **whole(self)})


ALL = [pytest.param(check, id=check.__name__) for check in CHECKS]


@pytest.mark.parametrize("check", ALL)
async def test_the_promise_is_kept(host, check):
    await check(host)


@pytest.mark.parametrize("check", ALL)
async def test_the_check_goes_red_where_it_is_broken(host, check, monkeypatch):
    CHECKS[check](monkeypatch)
    with pytest.raises((AssertionError, pytest.fail.Exception)):
        await check(host)
