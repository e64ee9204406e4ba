"""The hook that providers call: who proves nothing is turned away, and nothing is stored."""

from __future__ import annotations

import pytest

from omnigate.testing import FakeHost
from tests.plugins.call.providers.lines import KINDS, forged, line, story, unproven, zadarma

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("trick", ["forged", "unproven"])
async def test_a_call_that_is_not_proven_is_turned_away_and_nothing_is_stored(kind, trick):
    async with line(kind) as at:
        call_id = await at.dial()
        before = at.call(call_id)
        spoil = forged if trick == "forged" else unproven
        assert set(await at.tell(*map(spoil, story(kind, call_id, "talk")))) == {401}
        assert at.call(call_id) == before
        assert at.host.store.quarantine == []


async def test_sabotage_a_hook_that_looks_at_no_proof_would_be_found():
    """The check above goes red for a driver that lets everybody in."""
    async with line("twilio") as at:
        at.driver._prove = lambda request: None  # type: ignore[method-assign]  # the sabotage
        call_id = await at.dial()
        assert set(await at.tell(*map(forged, story("twilio", call_id, "talk")))) == {200}
        assert at.call(call_id).state == "completed"


CHANGED = {"mango": (b"%22", b"%27"), "twilio": (b"CallStatus=", b"CallStatus=x")}


@pytest.mark.parametrize("kind", CHANGED)
async def test_a_body_that_was_changed_after_it_was_signed_is_turned_away(kind):
    async with line(kind) as at:
        call_id = await at.dial()
        told = story(kind, call_id, "talk")
        changed = [
            type(one)(
                one.path, one.query, one.headers, one.body.replace(*CHANGED[kind]), one.method
            )
            for one in told
        ]
        assert set(await at.tell(*changed)) == {401}


@pytest.mark.parametrize("event", ["NOTIFY_OUT_START", "NOTIFY_RECORD", "NOTIFY_ANSWER"])
async def test_what_a_notice_of_zadarma_is_signed_over_cannot_be_changed(event):
    async with line("zadarma") as at:
        await at.dial()
        signed = zadarma(event, call_id_with_rec="1.1")
        changed = type(signed)(
            headers=signed.headers,
            body=signed.body.replace(b"79161234567", b"79161234568").replace(b"=1.1", b"=1.2"),
        )
        assert await at.tell(signed, changed) == [200, 401]


@pytest.mark.parametrize("kind", KINDS)
async def test_calls_from_outside_the_named_networks_are_turned_away(kind):
    async with line(kind, told={"callback_networks": ["10.0.0.0/8"]}) as at:
        call_id = await at.dial()
        assert set(await at.tell(*story(kind, call_id, "talk"))) == {401}


def test_a_host_of_tests_is_the_real_one():
    assert FakeHost("calls").public_url("hook") == "https://omnigate.test/channels/calls/hook"
