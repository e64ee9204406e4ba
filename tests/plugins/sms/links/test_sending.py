"""What goes out over each link and what its answers mean, against strict providers on loopback."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from omnigate_sms.links import LINKS
from omnigate_sms.links.smscru import own_id

import omnigate
from tests.plugins.strictprovider import Provider, answer
from tests.ports import free_port

from .conftest import PART, make, text
from .providers import JUDGES, running, segments

pytestmark = pytest.mark.anyio

KINDS = sorted(JUDGES)
CYRILLIC = "Добрый день, ёж 🦔"
SENT_AS = {
    "jasmin": "07033084-5cfd-4812-90a4-e4d24ffb6e3d",
    "twilio": "SM" + "0" * 31 + "1",
    "vonage": "0A00000000000000",
    "smscru": f"79161234567-{own_id(PART)}",
    "smsaero": "12345",
    "exolve": "437482364823648",
}
WRONG = {
    "jasmin": {"password": "wrong"},
    "twilio": {"auth_token": "wrong"},
    "vonage": {"api_secret": "wrong"},
    "smscru": {"password": "wrong"},
    "smsaero": {"api_key": "wrong"},
    "exolve": {"api_key": "wrong"},
}


def reaching(kind: str, host: Any, provider: Provider, **told: Any) -> Any:
    url = provider.url + ("/v2" if kind == "smsaero" else "")
    return make(kind, host, **{"url": url, **told})


def words_sent(kind: str, provider: Provider) -> str:
    asked = provider.asked[-1]
    given = asked.json or asked.form
    if kind == "jasmin" and "hex-content" in given:
        return bytes.fromhex(given["hex-content"]).decode("utf-16-be")
    name = {"jasmin": "content", "twilio": "Body", "smscru": "mes"}.get(kind, "text")
    return str(given[name])


@pytest.mark.parametrize("words", ["Hello @ {you} €", CYRILLIC, "a&b=c\r\n%00 <\"'>"])
@pytest.mark.parametrize("kind", KINDS)
async def test_a_text_is_taken_and_named(host, kind, words):
    async with running(JUDGES[kind]) as provider:
        made = reaching(kind, host, provider)
        sender = "79990000000" if kind == "exolve" else "1234"
        sent = await made.send(text(words, sender=sender, valid_seconds=3600))
        assert sent.external_id == SENT_AS[kind]
        assert words_sent(kind, provider) == words
        assert len(provider.asked) == 1


@pytest.mark.parametrize("kind", KINDS)
async def test_the_address_for_receipts_goes_along_where_there_is_a_field_for_it(host, kind):
    async with running(JUDGES[kind]) as provider:
        await reaching(kind, host, provider).send(text())
        given = provider.asked[0].json or provider.asked[0].form
    names = {
        "jasmin": "dlr-url",
        "twilio": "StatusCallback",
        "vonage": "callback",
        "smsaero": "callbackUrl",
    }
    if kind in names:
        assert given[names[kind]].startswith("https://omnigate.test/channels/sms/hook")
    if kind in ("jasmin", "twilio", "smsaero"):
        assert f"part={PART}" in given[names[kind]]


@pytest.mark.parametrize("kind", KINDS)
async def test_wrong_credentials_stop_the_channel_and_show_in_its_health(host, kind):
    async with running(JUDGES[kind]) as provider:
        made = reaching(kind, host, provider, **WRONG[kind])
        with pytest.raises(omnigate.CredentialsRejected):
            await made.send(text())
        health = await made.check()
        assert health.state == "down"
        assert "wrong" not in health.message


@pytest.mark.parametrize("kind", KINDS)
async def test_good_credentials_show_in_its_health_and_nothing_is_sent(host, kind):
    async with running(JUDGES[kind]) as provider:
        health = await reaching(kind, host, provider).check()
        is_signed = kind == "twilio"
        assert health.state == ("up" if is_signed else "degraded"), "weak, until it says from where"
        assert not any("end" in asked.path.lower() for asked in provider.asked)
        assert ("weak: " in health.message and "not signed" in health.message) != is_signed
        assert (f"{kind}.callback_networks" in health.remedy) != is_signed


@pytest.mark.parametrize("kind", sorted(set(KINDS) - {"twilio"}))
async def test_where_calls_come_from_said_there_is_nothing_more_to_do(host, kind):
    async with running(JUDGES[kind]) as provider:
        made = reaching(kind, host, provider, callback_networks=["192.0.2.0/24"])
        health = await made.check()
        assert (health.state, health.remedy) == ("up", "")
        assert "by where they come from" in health.message


@pytest.mark.parametrize(
    ("status", "said"), [(503, "busy"), (200, "[]"), (200, "<html>"), (500, {"x": 1})]
)
@pytest.mark.parametrize("kind", KINDS)
async def test_a_provider_in_trouble_shows_in_its_health(host, kind, status, said):
    async with running(JUDGES[kind]) as provider:
        provider.script = answer(status, said)
        health = await reaching(kind, host, provider).check()
    assert health.state == "degraded"
    assert "is url right?" in health.message


async def test_a_suspended_account_shows_in_its_health(host):
    async with running(JUDGES["twilio"]) as provider:
        provider.script = answer(200, {"status": "suspended"})
        health = await reaching("twilio", host, provider).check()
    assert health == omnigate.Health("down", "the account is suspended")


async def test_smscru_may_be_asked_with_a_key(host):
    async with running(JUDGES["smscru"]) as provider:
        made = reaching("smscru", host, provider, login=None, password=None, api_key="smsc-api-key")
        assert (await made.send(text())).external_id == SENT_AS["smscru"]
        assert provider.asked[0].form["apikey"] == "smsc-api-key"
        assert "psw" not in provider.asked[0].form


@pytest.mark.parametrize("kind", sorted(LINKS))
async def test_where_nobody_listens_nothing_was_sent(host, kind):
    url = f"http://127.0.0.1:{free_port()}/send"
    made = make(kind, host, url=url)
    with pytest.raises(omnigate.DestinationUnavailable, match="refused"):
        await made.send(text())
    if kind != "custom":
        assert (await made.check()).state == "down"


@pytest.mark.parametrize("kind", sorted(LINKS))
async def test_private_networks_are_only_reached_where_they_are_allowed(host, kind):
    made = make(kind, host, url="https://10.0.0.1/send")
    with pytest.raises(omnigate.DestinationUnavailable, match="allow_private"):
        await made.send(text())


@pytest.mark.parametrize("how", ["cut", "silence"])
@pytest.mark.parametrize("kind", KINDS)
async def test_a_lost_answer_is_uncertain_and_nothing_is_asked_twice(host, kind, how):
    async with running(JUDGES[kind]) as provider:
        provider.script = lambda asked: how
        made = reaching(kind, host, provider, timeout_seconds=0.3)
        with pytest.raises(omnigate.Uncertain):
            await made.send(text())
        assert len(provider.asked) == 1


async def test_a_connection_is_not_used_again(host):
    """One that the provider closes while it is idle would leave open whether it took the text."""
    async with running(JUDGES["twilio"]) as provider:
        made = reaching("twilio", host, provider)
        for _ in range(3):
            await made.send(text())
        assert {asked.headers["connection"].lower() for asked in provider.asked} == {"close"}


@pytest.mark.parametrize(
    ("status", "headers", "error"),
    [
        (500, {}, omnigate.Uncertain),
        (502, {}, omnigate.Uncertain),
        (504, {}, omnigate.Uncertain),
        (200, {}, omnigate.Uncertain),
        (503, {}, omnigate.DestinationUnavailable),
        (429, {"retry_after": "7"}, omnigate.DestinationUnavailable),
        (302, {"location": "http://127.0.0.1:9/"}, omnigate.DestinationUnavailable),
        (404, {}, omnigate.DestinationUnavailable),
        (401, {}, omnigate.CredentialsRejected),
        (403, {}, omnigate.DestinationUnavailable),
        (422, {}, omnigate.Refused),
    ],
)
@pytest.mark.parametrize("kind", KINDS)
async def test_an_answer_that_is_not_the_providers_own_means_what_its_status_says(
    host, kind, status, headers, error
):
    async with running(JUDGES[kind]) as provider:
        provider.script = answer(status, "<html>a proxy\r\nspeaks</html>", **headers)
        with pytest.raises(error) as caught:
            await reaching(kind, host, provider).send(text())
        if status == 429:
            assert caught.value.retry_after_seconds == 7
        assert len(provider.asked) == 1


@pytest.mark.parametrize("kind", KINDS)
async def test_an_endless_answer_is_cut_and_uncertain(host, kind):
    async with running(JUDGES[kind]) as provider:
        provider.script = answer(200, "x" * 1_000_000)
        with pytest.raises(omnigate.Uncertain, match="too long"):
            await reaching(kind, host, provider).send(text())


@pytest.mark.parametrize("said", ["", "[]", "null", '"x"', "{}", '{"messages":[]}', "[" * 100_000])
@pytest.mark.parametrize("kind", KINDS)
async def test_a_success_without_a_name_is_uncertain(host, kind, said):
    async with running(JUDGES[kind]) as provider:
        provider.script = answer(200, said)
        with pytest.raises(omnigate.Uncertain):
            await reaching(kind, host, provider).send(text())


def refusals() -> Iterator[Any]:
    unavailable, refused = omnigate.DestinationUnavailable, omnigate.Refused
    for status, words, error, code in [
        (412, 'Error "No route found"', unavailable, ""),
        (412, 'Error "Failover route has no bound connectors"', unavailable, ""),
        (403, 'Error "Authorization failed for username [shop] (No dlr)"', refused, "not_allowed"),
        (403, 'Error "Cannot charge submit_sm, check RouterPB log file"', unavailable, ""),
        (403, 'Error "User throughput exceeded"', unavailable, ""),
        (500, 'Error "Cannot send submit_sm, check SMPPClientManagerPB"', unavailable, ""),
        (500, 'Error "Unknown error: x"', omnigate.Uncertain, ""),
        (400, 'Error "Mandatory argument [to] is not found."', refused, "bad_request"),
    ]:
        yield pytest.param("jasmin", answer(status, words), error, code, id=f"jasmin {words}")
    for status, code_, error, code in [
        (400, 21211, refused, "bad_number"),
        (400, 21408, refused, "region_not_allowed"),
        (400, 21610, refused, "recipient_opted_out"),
        (400, 21614, refused, "bad_number"),
        (400, 99999, refused, "refused_by_provider"),
        (429, 20429, unavailable, ""),
        (403, 99999, refused, "refused_by_provider"),
        (503, 99999, unavailable, ""),
        (500, 20500, omnigate.Uncertain, ""),
    ]:
        body = {"code": code_, "message": "No", "status": status}
        yield pytest.param("twilio", answer(status, body), error, code, id=f"twilio {code_}")
    failed = {"sid": "SM1", "status": "failed", "error_code": 30006, "error_message": "Landline"}
    yield pytest.param("twilio", answer(201, failed), refused, "bad_number", id="twilio failed")
    for number, error, code in [
        ("1", unavailable, ""),
        ("5", omnigate.Uncertain, ""),
        ("6", refused, "bad_number"),
        ("7", refused, "blocked_by_provider"),
        ("9", unavailable, ""),
        ("15", refused, "bad_sender"),
        ("99", refused, "refused_by_provider"),
    ]:
        script = lambda asked, number=number: segments([(number, "No")])  # noqa: E731
        yield pytest.param("vonage", script, error, code, id=f"vonage {number}")
    half = lambda asked: segments([("0", ""), ("1", "Throttled")])  # noqa: E731
    yield pytest.param("vonage", half, refused, "partly_sent", id="vonage half")
    for code_, error, code in [
        (1, refused, "bad_request"),
        (3, unavailable, ""),
        (4, unavailable, ""),
        (6, refused, "blocked_by_provider"),
        (7, refused, "bad_number"),
        (8, refused, "unreachable"),
        (9, unavailable, ""),
        (77, refused, "refused_by_provider"),
    ]:
        body = {"error": "no", "error_code": code_, "id": 1}
        yield pytest.param("smscru", answer(200, body), error, code, id=f"smscru {code_}")
    for status, said, error, code in [
        (200, {"success": False, "message": "Not enough money"}, unavailable, ""),
        (402, {"success": False, "message": "x"}, unavailable, ""),
        (200, {"result": "no credits"}, unavailable, ""),
        (200, {"result": "reject", "reason": "spam"}, refused, "refused_by_provider"),
        (
            400,
            {"success": False, "data": {"number": ["bad"]}, "message": "Validation error."},
            refused,
            "bad_number",
        ),
        (200, {"success": True, "data": {}}, omnigate.Uncertain, ""),
        (400, {"success": True, "data": {}}, omnigate.Uncertain, ""),
    ]:
        yield pytest.param("smsaero", answer(status, said), error, code, id=f"smsaero {said}")
    body = {"error": {"code": 3, "message": "bad destination"}}
    yield pytest.param("exolve", answer(400, body), refused, "refused_by_provider", id="exolve")


@pytest.mark.parametrize(("kind", "script", "error", "code"), list(refusals()))
async def test_a_refusal_means_what_the_table_has(host, kind, script, error, code):
    async with running(JUDGES[kind]) as provider:
        provider.script = script
        with pytest.raises(error) as caught:
            await reaching(kind, host, provider).send(text())
        assert getattr(caught.value, "code", "") == code
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("status", "words", "error"),
    [
        (202, "3: Queued for later delivery", None),
        (202, "Tried to change validity, denied.", omnigate.Refused),
        (400, "DLR-URL field misformed, rejected", omnigate.Refused),
        (403, "Number(s) has/have been denied by white- and/or black-lists.", omnigate.Refused),
        (503, "Temporal failure, try again later.", omnigate.DestinationUnavailable),
        (500, "Communication failure with bearerbox", omnigate.Uncertain),
    ],
)
async def test_kannels_words_mean_what_they_say(host, status, words, error):
    """Its words are those in smsbox 1.4.5; those that a real one can be brought to say it says itself."""
    async with running(JUDGES["jasmin"]) as provider:
        provider.script = answer(status, words)
        made = make(
            "kannel", host, url=provider.url, smsc="FAKE", callback_networks=["192.0.2.0/24"]
        )
        if error is None:
            assert (await made.send(text(valid_seconds=600))).external_id == PART
            sent = provider.asked[0].headers
            assert (sent["x-kannel-smsc"], sent["x-kannel-validity"]) == ("FAKE", "10")
            return
        with pytest.raises(error):
            await made.send(text())
        state = {400: "up", 403: "down"}.get(status, "degraded")
        assert (await made.check()).state == state


async def test_vonage_names_every_segment_of_a_long_text(host):
    async with running(JUDGES["vonage"]) as provider:
        sent = await reaching("vonage", host, provider).send(text("Длинный " * 30))
        assert len(sent.segments) == 4
        assert sent.segments[0] == sent.external_id
        assert provider.asked[0].form["client-ref"] == f"{PART}/4"


async def test_vonage_brings_the_part_back_only_where_one_receipt_tells_of_all_of_it(host):
    async with running(JUDGES["vonage"]) as provider:
        made = reaching("vonage", host, provider)
        await made.send(text("Hello"))
        await made.send(text("Длинный " * 30))
        references = [asked.form["client-ref"] for asked in provider.asked]
    calls = [
        omnigate.Request(
            method="GET",
            path="/hook",
            query={"messageId": "0A", "status": "delivered", "client-ref": reference},
            headers={},
            body=b"",
        )
        for reference in references
    ]
    assert [made.parse(call)[0].reference for call in calls] == [PART, None]


@pytest.mark.parametrize("kind", ["kannel", "exolve", "custom"])
async def test_a_secret_with_a_line_break_is_told_of_and_not_shown(host, kind):
    told: dict[str, Any] = {
        "kannel": {"password": "line\nbreak"},
        "exolve": {"api_key": "line\nbreak"},
        "custom": {"secrets": {"key": "line\nbreak"}},
    }
    async with running(JUDGES["exolve"]) as provider:
        made = make(kind, host, url=provider.url, **told[kind])
        with pytest.raises((omnigate.DestinationUnavailable, omnigate.Refused)) as caught:
            await made.send(text())
        assert "break" not in str(caught.value).replace("line breaks", "")
        assert provider.asked == []


async def test_kannel_is_not_given_a_sender_that_no_header_can_hold(host):
    with pytest.raises(omnigate.Refused, match="ASCII"):
        await make("kannel", host).send(text(sender="Shop\nX-Kannel-To: 7900"))


async def test_twilio_may_be_asked_with_a_key_and_may_choose_the_sender(host):
    async with running(JUDGES["twilio"]) as provider:
        made = reaching(
            "twilio",
            host,
            provider,
            api_key_sid="SK" + "1" * 32,
            api_key_secret="key-secret",
            messaging_service_sid="MG" + "2" * 32,
        )
        await made.send(text(valid_seconds=1_000_000))
        assert provider.asked[0].form["ValidityPeriod"] == "36000"


@pytest.mark.parametrize(
    ("sender", "written"), [("15005550006", "+15005550006"), ("12345", "12345"), ("Shop", "Shop")]
)
async def test_twilio_gets_numbers_with_their_plus_and_codes_and_names_without(
    host, sender, written
):
    async with running(JUDGES["twilio"]) as provider:
        await reaching("twilio", host, provider).send(text(sender=sender))
        assert provider.asked[0].form["From"] == written


async def test_sms_aero_can_be_told_to_pretend(host):
    async with running(JUDGES["smsaero"]) as provider:
        await reaching("smsaero", host, provider, test=True).send(text())
        assert provider.asked[0].path == "/v2/sms/testsend"


# ---- what became of a text ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("said", "outcome"),
    [
        ({"status": 0}, "sent"),
        ({"status": -1}, "sent"),
        ({"status": "1"}, "sent"),
        ({"status": -3}, None),
        ({"error": "not found", "error_code": 3}, None),
        ({"status": 20}, omnigate.Refused),
        ({"error": "busy", "error_code": 9}, omnigate.DestinationUnavailable),
        ({"error": "who?", "error_code": 2}, omnigate.DestinationUnavailable),
        ({}, omnigate.DestinationUnavailable),
    ],
)
async def test_smscru_tells_what_became_of_a_text_by_our_own_id(host, said, outcome):
    async with running(JUDGES["smscru"]) as provider:
        provider.script = answer(200, said)
        made = reaching("smscru", host, provider)
        if isinstance(outcome, type):
            with pytest.raises(outcome):
                await made.lookup(text())
            return
        found = await made.lookup(text())
        assert (found and found.external_id) == (SENT_AS["smscru"] if outcome else None)
        assert provider.asked[0].form["id"] == str(own_id(PART))
        assert provider.asked[0].form["phone"] == "79161234567"


async def test_a_lookup_without_an_answer_may_be_tried_again(host):
    async with running(JUDGES["smscru"]) as provider:
        provider.script = lambda asked: "cut"
        with pytest.raises(omnigate.DestinationUnavailable):
            await reaching("smscru", host, provider).lookup(text())


@pytest.mark.parametrize("kind", sorted(LINKS.keys() - {"smscru"}))
async def test_who_cannot_be_asked_says_so(host, kind):
    assert LINKS[kind].on_uncertain == "hold"
    with pytest.raises(omnigate.Uncertain):
        await make(kind, host).lookup(text())


def test_our_own_id_is_the_same_for_a_part_and_fits_what_smscru_takes():
    found = {own_id(f"msg_{number:026}.{number % 3}") for number in range(2000)}
    assert len(found) == 2000
    assert all(1 <= one <= 2147483647 for one in found)
    assert own_id(PART) == own_id(PART)


# ---- what is never shown --------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
async def test_no_error_and_no_line_of_the_log_shows_a_secret(host, kind):
    async with running(JUDGES[kind]) as provider:
        made = reaching(kind, host, provider, timeout_seconds=0.3)
        secrets = [*made.secrets(), *WRONG[kind], "password", "-token", "-secret", "-key"]
        values = [
            value.get_secret_value()
            for value in made.config.__dict__.values()
            if hasattr(value, "get_secret_value")
        ]
        assert values
        shown = [repr(made.config), str(await made.check())]
        for script in (answer(500, "x"), answer(400, "x"), lambda asked: "silence"):
            provider.script = script
            with pytest.raises(omnigate.OmnigateError) as caught:
                await made.send(text())
            shown.append(str(caught.value))
        assert secrets
        for value in [*values, *made.secrets()]:
            assert value not in " ".join([*shown, repr(host.log_lines)])


@pytest.mark.parametrize("kind", sorted(LINKS))
def test_every_field_is_described_and_what_is_unverified_is_said_in_sentences(kind):
    link = LINKS[kind]
    for name, described in link.Config.model_fields.items():
        assert described.description, name
        assert described.description.endswith((".", "say.")), name
    assert all(sentence.endswith(".") and len(sentence) > 20 for sentence in link.unverified)
    with pytest.raises(ValueError):  # noqa: PT011 - pydantic's own
        link.Config.model_validate({"nonsense": 1})
