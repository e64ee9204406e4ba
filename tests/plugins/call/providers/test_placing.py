"""How a call is asked for at each provider, and what its answer means."""

from __future__ import annotations

import pytest

import omnigate
from tests.plugins.call.providers.lines import AGENT, CUSTOMER, KINDS, UNSIGNED, line
from tests.plugins.call.providers.platforms import rpc_error, twiml
from tests.plugins.strictprovider import answer

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize("kind", KINDS)
async def test_where_nobody_listens_nothing_was_placed(kind):
    async with line(kind, told={"url": "http://127.0.0.1:9"}) as at:
        with pytest.raises(omnigate.DestinationUnavailable):
            await at.dial()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("status", [429, 503])
async def test_a_provider_that_has_no_time_is_asked_later(kind, status):
    async with line(kind) as at:
        at.provider.script = answer(status, "", retry_after="7")
        with pytest.raises(omnigate.DestinationUnavailable) as caught:
            await at.dial()
        assert caught.value.retry_after_seconds == 7


WRONG = {
    "zadarma": {"secret": "other"},
    "novofon_old": {"secret": "other"},
    "mango": {"api_salt": "other"},
    "exolve": {"api_key": "other"},
    "novofon": {"access_token": "other"},
    "twilio": {"auth_token": "other"},
}


@pytest.mark.parametrize("kind", WRONG)
async def test_wrong_credentials_are_told_to_be_wrong(kind):
    async with line(kind, told=WRONG[kind]) as at:
        assert (await at.channel.check()).state == "down"
        with pytest.raises(omnigate.CredentialsRejected):
            await at.dial()


async def test_sipuni_has_but_one_word_for_all_that_is_wrong():
    async with line("sipuni", told={"secret": "other"}) as at:
        with pytest.raises(omnigate.Refused, match="hash"):
            await at.dial()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("networks", [[], ["127.0.0.0/8"]])
async def test_right_credentials_are_told_to_be_right_and_weak_proof_to_be_weak(kind, networks):
    async with line(kind, told={"callback_networks": networks}) as at:
        health = await at.channel.check()
        weak = kind in (*UNSIGNED, "zadarma", "novofon_old")
        assert health.state == ("degraded" if weak and not networks else "up")
        assert ("proven only" in health.message or "covers only" in health.message) == weak
        assert bool(health.remedy) == (weak and not networks)
        assert at.provider.placed == 0


@pytest.mark.parametrize(
    ("kind", "said", "error"),
    [
        (
            "zadarma",
            answer(200, {"status": "error", "message": "Wrong parameters"}),
            omnigate.Refused,
        ),
        ("mango", answer(200, {"result": 3300}), omnigate.Refused),
        ("mango", answer(200, {"result": "4001"}), omnigate.RetryLater),
        ("mango", answer(200, {"result": 5000}), omnigate.Uncertain),
        ("mango", answer(200, {"result": 777}), omnigate.Uncertain),
        ("sipuni", answer(200, {"success": False, "message": "no"}), omnigate.Refused),
        ("exolve", answer(400, {"error": {"code": 1, "message": "no"}}), omnigate.Refused),
        ("exolve", answer(200, {}), omnigate.Uncertain),
        ("novofon", lambda _: rpc_error(-32602, "employee_not_found"), omnigate.Refused),
        ("novofon", lambda _: rpc_error(-32029, "limit_exceeded"), omnigate.DestinationUnavailable),
        ("novofon", lambda _: rpc_error(-32603, "internal"), omnigate.Uncertain),
        ("twilio", answer(400, {"code": 21211, "message": "Invalid To"}), omnigate.Refused),
        (
            "twilio",
            answer(429, {"code": 20429, "message": "slow"}),
            omnigate.DestinationUnavailable,
        ),
        ("twilio", answer(500, {"code": 1, "message": "?"}), omnigate.Uncertain),
    ],
)
async def test_what_a_provider_answers_means_this(kind, said, error):
    async with line(kind) as at:
        at.provider.script = said
        with pytest.raises(error):
            await at.dial()


@pytest.mark.parametrize("kind", sorted(set(KINDS) - {"mango"}))
async def test_the_customer_is_rung_first_where_it_is_configured(kind):
    async with line(kind, order="customer_first") as at:
        await at.dial()
        (asked,) = at.provider.calls()
        match kind:
            case "zadarma" | "novofon_old":
                assert asked.query["predicted"] == "1"
            case "sipuni":
                assert asked.form["reverse"] == "1"
            case "exolve":
                assert asked.json["line_1"]["destinations"][0]["number"] == CUSTOMER[1:]
            case "novofon":
                assert asked.json["params"]["first_call"] == "contact"
            case "twilio":
                assert asked.form["To"] == CUSTOMER
                assert twiml(asked.form["Twiml"])["number"] == AGENT


async def test_mango_cannot_ring_the_customer_first_and_says_so():
    async with line("mango", order="customer_first") as at:
        with pytest.raises(omnigate.Refused, match="agent_first"):
            await at.dial()


async def test_twilio_is_told_how_long_phones_ring_and_people_talk():
    async with line("twilio", ring_seconds=17, max_call_seconds=600) as at:
        call_id = await at.dial()
        (asked,) = at.provider.calls()
        told = twiml(asked.form["Twiml"])
        assert (asked.form["Timeout"], told["timeout"], told["timeLimit"]) == ("17", "17", "600")
        assert call_id in told["statusCallback"]
        assert told["callerId"] == "+74951234567"


@pytest.mark.parametrize("kind", ["zadarma", "novofon_old", "sipuni"])
async def test_no_number_has_two_calls_where_they_could_not_be_told_apart(kind):
    async with line(kind) as at:
        await at.dial()
        with pytest.raises(omnigate.RetryLater, match="another call"):
            await at.dial()
        assert at.provider.placed == 1


async def test_novofon_rings_an_agent_without_an_id_by_the_number():
    async with line("novofon", agents={"night": AGENT}) as at:
        await at.dial()
        assert at.provider.calls()[0].json["method"] == "start.simple_call"
