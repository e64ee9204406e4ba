"""Signatures: published vectors, the vendor's own check, and what no log, error or quarantine may hold."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from urllib.parse import urlencode

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from omnigate_call.driver import Attempt
from omnigate_call.providers import mango as mango_module
from omnigate_call.providers import sipuni as sipuni_module
from omnigate_call.providers import twiliosigned
from omnigate_call.providers import zadarma as zadarma_module
from twilio.request_validator import RequestValidator  # type: ignore[import-untyped]  # it has no types

import omnigate
from tests.plugins.call.providers.lines import (
    CANARIES,
    FORM,
    KINDS,
    TOKEN,
    Call,
    Line,
    line,
    mango,
    story,
    twilio,
    twilio_proof,
    unsigned,
    zadarma,
)
from tests.plugins.call.providers.platforms import sha1_base64_of_hex
from tests.plugins.strictprovider import answer

pytestmark = pytest.mark.anyio

HOOK = "https://omnigate.test/channels/calls/hook"


def test_the_published_vector_of_twilio_comes_out():
    """Source: Twilio's client for Python 9.13, tests of request_validator (read 2026-11-22)."""
    parameters = {
        "CallSid": "CA1234567890ABCDE",
        "Caller": "+12349013030",
        "Digits": "1234",
        "From": "+12349013030",
        "To": "+18005551212",
    }
    url = "https://mycompany.com/myapp.php?foo=1&bar=2"
    made = twiliosigned.signature("12345", url, parameters.items())
    assert made == "0/KCTR6DLpKmkAf8muzZqo1nDgQ="


TEXTS = st.text(st.characters(codec="utf-8"), max_size=20)


@settings(deadline=None, max_examples=100)
@given(fields=st.dictionaries(TEXTS, TEXTS, max_size=5), query=TEXTS)
def test_the_vendors_own_check_agrees_with_ours(fields, query):
    url = f"{HOOK}?{urlencode({'try': query})}"
    made = twiliosigned.signature("tw-token-canary", url, fields.items())
    assert RequestValidator("tw-token-canary").validate(url, fields, made)


async def test_calls_that_the_vendors_own_client_signs_are_taken():
    async with line("twilio") as at:
        call_id = await at.dial()
        told = twilio(call_id, "agent", "ringing", From="+7 (495)", CallerName="Ёж & Ко")
        fields = {"CallSid": "CA1", "CallStatus": "ringing", "CallerName": "Ёж & Ко"}
        query = urlencode(told.query)
        proof = RequestValidator("tw-token-canary").compute_signature(f"{HOOK}?{query}", fields)
        headers = {**FORM, "x-twilio-signature": proof}
        signed = Call(query=told.query, headers=headers, body=urlencode(fields).encode())
        assert await at.tell(signed, told) == [200, 200]
        assert at.call(call_id).state == "agent_ringing"


async def test_an_address_of_another_call_is_not_signed():
    """The mark in the address is signed with the rest: one call cannot be told to be another."""
    async with line("twilio") as at:
        told = twilio(await at.dial(), "agent", "ringing")
        other = {**told.query, "try": "cal_" + "2" * 26 + ".1.a"}
        assert await at.tell(replace(told, query=other)) == [401]


async def test_two_tokens_hold_while_one_replaces_the_other():
    async with line(
        "twilio", told={"auth_token": "new", "old_auth_token": "tw-token-canary"}
    ) as at:
        fields = {"CallSid": "CA1", "CallStatus": "ringing"}
        query = {"try": "cal_" + "2" * 26 + ".1.a", "leg": "agent"}
        statuses = []
        for token in ("new", "tw-token-canary", "older"):
            proof = twilio_proof(f"{HOOK}?{urlencode(query)}", fields, token)
            call = Call(query=query, headers={**FORM, **proof}, body=urlencode(fields).encode())
            statuses += await at.tell(call)
        assert statuses == [200, 200, 401]


def test_the_signature_of_zadarma_is_base64_of_hexadecimal():
    """Source: zadarma.com/en/support/api, "Authorization" (read 2026-11-22); PHP's is hexadecimal."""
    query = "from=101&to=79161234567"
    signed = f"/v1/request/callback/{query}{hashlib.md5(query.encode()).hexdigest()}"
    made = zadarma_module.request_signature("secret", "/v1/request/callback/", query)
    assert made == sha1_base64_of_hex("secret", signed)
    assert len(made) == 56, "40 hexadecimal digits in base64"


def test_the_signature_of_mango_is_a_plain_digest():
    """Source: manual of the virtual PBX 1.9: the digest of key, JSON and salt, one after the other."""
    made = mango_module.signature("key", '{"a": "ё"}', "salt")
    assert made == hashlib.sha256('key{"a": "ё"}salt'.encode()).hexdigest()


def test_the_hash_of_sipuni_is_over_values_in_the_order_of_their_names():
    given = {"user": "1", "antiaon": "0", "phone": "7916", "sipnumber": "101", "reverse": "0"}
    made = sipuni_module.signature(given, "secret")
    assert made == hashlib.md5(b"0+7916+0+101+1+secret").hexdigest()


# ---- checks of our address ---------------------------------------------------------------------------


async def test_zadarma_is_told_that_the_address_is_ours():
    async with line("zadarma") as at, at.host.http.get(f"{at.url}/hook?zd_echo=a1B2") as said:
        assert (said.status, await said.text()) == (200, "a1B2")
        assert said.content_type == "text/plain"


@pytest.mark.parametrize(
    "query", ["zd_echo=<script>", "zd_echo=", "zd_echo=a&event=NOTIFY_END", ""]
)
async def test_nothing_else_is_answered_without_a_signature(query):
    async with line("zadarma") as at, at.host.http.get(f"{at.url}/hook?{query}") as said:
        assert said.status == 401


async def test_sipuni_reads_that_its_event_was_taken():
    async with line("sipuni") as at:
        told = unsigned({"event": "1", "call_id": "1"})
        url = f"{at.url}/hook"
        async with at.host.http.post(url, params=dict(told.query), data=told.body) as said:
            assert json.loads(await said.read()) == {"success": True}


async def test_while_nothing_can_be_stored_nobody_is_told_that_it_was():
    async with line("sipuni") as at:
        call_id = await at.dial()
        told = story("sipuni", call_id, "talk")
        at.host.store.failure = omnigate.StoreError("disk full")
        assert not {200} & set(await at.tell(*told))
        at.host.store.failure = None
        assert set(await at.tell(*told)) == {200}
        assert at.call(call_id).state == "completed"


@pytest.mark.parametrize("token", ["brief", "with a space in the token", "юникод-юникод-юникод"])
async def test_a_token_that_cannot_stand_in_an_address_is_found_when_it_is_configured(token):
    with pytest.raises(ValueError, match="callback_token") as caught:
        async with line("sipuni", told={"callback_token": token}):
            pass
    assert token not in str(caught.value)


# ---- what is kept and said ---------------------------------------------------------------------------


BAD = {
    "zadarma": lambda call_id: zadarma("NOTIFY_OUT_END", pbx_call_id=""),
    "novofon_old": lambda call_id: zadarma("NOTIFY_OUT_END", pbx_call_id=""),
    "mango": lambda call_id: mango(
        "/hook/events/call", command_id=f"{call_id}.1.a", call_state="?", call_id="1"
    ),
    "sipuni": lambda call_id: unsigned({"event": "1"}, method="GET"),
    "exolve": lambda call_id: unsigned({"event": "1"}, as_json=True),
    "novofon": lambda call_id: unsigned({"event": "odd", "external_id": f"{call_id}.1.a"}),
    "twilio": lambda call_id: twilio(call_id, "agent", "odd"),
}


@pytest.mark.parametrize("kind", KINDS)
async def test_no_secret_and_no_signature_is_in_logs_errors_or_quarantine(kind):
    """Nor in what is kept of a call that is not understood, which can still be taken in again."""
    async with line(kind) as at:
        call_id = await at.dial()
        bad = BAD[kind](call_id)
        assert await at.tell(bad) == [200]
        ((body, reason),) = at.host.store.quarantine
        said = [body.decode(), reason]
        for script in (
            answer(500, "no"),
            answer(400, "no"),
            answer(403, "no"),
            lambda asked: "cut",
        ):
            at.provider.script = script
            try:
                await at.driver.dial(_attempt_of(at))
            except omnigate.OmnigateError as error:
                said.append(str(error))
        said += [str(await at.channel.check()), repr(at.driver.config), str(at.host.log_lines)]
        proofs = [value for name, value in bad.headers.items() if "signature" in name]
        proofs += [one[5:].decode() for one in bad.body.split(b"&") if one.startswith(b"sign=")]
        for secret in (*CANARIES, *proofs):
            assert secret not in "\n".join(said)


async def test_a_call_of_twilio_out_of_quarantine_still_says_whose_it_is(monkeypatch):
    """Our mark stands in the address, and quarantine keeps no values of a query."""
    async with line("twilio") as at:
        call_id = await at.dial()
        kept: list[omnigate.Request] = []

        async def put_updates(parse, updates):
            kept.extend(replace(one, query={}) for one in updates)

        with monkeypatch.context() as patch:
            patch.setattr(at.host, "put_updates", put_updates)
            patch.setattr(at.driver, "read", lambda request: 1 / 0)
            assert await at.tell(twilio(call_id, "agent", "ringing")) == [200]
        assert at.call(call_id).state == "dialling"
        await at.channel.take_again(kept[0])
        assert at.call(call_id).state == "agent_ringing"


def _attempt_of(at: Line) -> Attempt:
    (attempt,) = at.channel._under_way._attempts.values()
    return attempt


async def test_the_tokens_of_tests_are_really_used():
    """The check above looks for something: the token stands in the address that is handed over."""
    async with line("sipuni") as at:
        assert TOKEN in at.driver.callback()
