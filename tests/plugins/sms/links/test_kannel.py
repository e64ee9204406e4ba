"""The link to Kannel, with a real one: bearerbox, smsbox and fakesmsc of Debian."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from omnigate_sms.link import Incoming, Report

import omnigate
from omnigate.testing import FakeHost
from tests.plugins.sms.kannel import (
    PASSWORD,
    USER,
    Hook,
    Kannel,
    missing,
    running_hook,
    running_kannel,
    until,
)

from .conftest import make, text

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.skipif(bool(missing()), reason=f"not run: {', '.join(missing())} not installed"),
]
TOKEN = "a-token-for-kannel"


@pytest.fixture(scope="module")
def hook() -> Iterator[Hook]:
    with running_hook() as given:
        yield given


@pytest.fixture(scope="module")
def kannel(hook: Hook, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kannel]:
    directory = tmp_path_factory.mktemp("kannel")
    with running_kannel(directory, f"{hook.url}?token={TOKEN}") as given:
        yield given


@pytest.fixture(autouse=True)
def _afresh(request: pytest.FixtureRequest, hook: Hook) -> None:
    """Begin with no calls and with phones that say nothing."""
    request.getfixturevalue("kannel").phones()
    hook.calls.clear()


def link(host: FakeHost, kannel: Kannel, hook: Hook, **told: Any) -> Any:
    given = {
        "url": kannel.url,
        "username": USER,
        "password": PASSWORD,
        "callback_url": hook.url,
        "callback_token": TOKEN,
    }
    return make("kannel", host, **{**given, **told})


async def test_a_text_arrives_and_its_receipts_name_the_part_in_any_order(host, kannel, hook):
    made = link(host, kannel, hook)
    sent = await made.send(text("Hello @ {you}"))
    assert sent.external_id == text().id
    assert until(kannel.arrived, "the text")[0].to == "79161234567"
    calls = hook.until(lambda call: "state" in call.query, 2)
    for call in calls:
        made.authenticate(call)
    reports = [report for call in calls for report in made.parse(call)]
    assert {report.state for report in reports} == {"sent", "delivered"}
    assert {(report.external_id, report.reference) for report in reports} == {
        (text().id, text().id)
    }


async def test_cyrillic_goes_as_ucs2(host, kannel, hook):
    await link(host, kannel, hook).send(text("Добрый день, ёж 🦔"))
    arrived = until(kannel.arrived, "the text")
    assert [one.text for one in arrived] == ["Добрый день, ёж 🦔"]


@pytest.mark.parametrize(
    ("words", "charset"), [("long " * 80, "ascii"), ("Длинный " * 30, "utf-16-be")]
)
async def test_a_long_text_goes_in_segments_that_say_all_of_it(host, kannel, hook, words, charset):
    await link(host, kannel, hook).send(text(words))
    total = until(lambda: kannel.arrived() and kannel.arrived()[0].header[4], "the first segment")
    until(lambda: len(kannel.arrived()) == total, "all segments")
    assert b"".join(one.data for one in kannel.arrived()).decode(charset) == words
    assert total > 1


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ("79160000002 1234 text Yes,+please", "Yes, please"),
        ("79160000002 1234 ucs2 %04%14%040%00!", "Да!"),
        ("79160000002 1234 ucs2 %D8%3E%DD%94", "🦔"),
    ],
)
async def test_what_a_customer_writes_comes_in(host, kannel, hook, said, words):
    made = link(host, kannel, hook)
    kannel.phones(said.replace("+", " "))
    call = hook.until(lambda call: call.method == "POST")[0]
    made.authenticate(call)
    (incoming,) = made.parse(call)
    assert isinstance(incoming, Incoming)
    assert (incoming.text, incoming.source, incoming.destination) == (words, "79160000002", "1234")
    assert incoming.external_id
    assert abs(incoming.occurred_at.timestamp() - call.received_at_seconds) < 60
    assert made.reply(call).body == b""


async def test_a_long_text_of_a_customer_comes_in_whole(host, kannel, hook):
    """Kannel puts the pieces together itself, whatever their order; fakesmsc has only binary ones."""
    made = link(host, kannel, hook)
    kannel.phones("79160000003 1234 udh %05%00%03%07%02%02 +of+two")
    kannel.phones("79160000003 1234 udh %05%00%03%07%02%01 piece+one")
    whole = hook.until(lambda call: b"of two" in call.body)[0]
    (incoming,) = made.parse(whole)
    assert (incoming.data, incoming.encoding) == (b"piece one of two", "binary")
    assert incoming.segment is None


async def test_a_wrong_password_is_told_apart(host, kannel, hook):
    made = link(host, kannel, hook, password="wrong")
    with pytest.raises(omnigate.CredentialsRejected, match="Authorization failed"):
        await made.send(text())
    assert (await made.check()).state == "down"
    assert kannel.arrived() == []


async def test_a_text_that_kannel_has_no_way_for_is_refused_and_the_channel_goes_on(
    host, kannel, hook
):
    made = link(host, kannel, hook)
    with pytest.raises(omnigate.Refused, match="Not routable") as caught:
        await made.send(text(to="9991234567", valid_seconds=600))
    assert caught.value.code == "not_routable"
    assert kannel.arrived() == []


async def test_checking_sends_nothing(host, kannel, hook):
    health = await link(host, kannel, hook).check()
    assert health.state == "degraded"
    assert "token" in health.message, "the operator is told that calls are not signed"
    assert kannel.arrived() == []


async def test_while_smsbox_is_down_nothing_is_sent_and_afterwards_it_is(host, kannel, hook):
    made = link(host, kannel, hook)
    kannel.stop("smsbox")
    try:
        with pytest.raises(omnigate.DestinationUnavailable, match="refused"):
            await made.send(text())
        assert (await made.check()).state == "down"
    finally:
        kannel.start_smsbox()
    await made.send(text("back again"))
    assert [one.text for one in until(kannel.arrived, "the text")] == ["back again"]


@pytest.mark.parametrize("what", ["text", "receipt"])
async def test_a_call_that_could_not_be_taken_comes_again(host, kannel, hook, what):
    """Its smsbox is told to try again; a repeated text has the same id."""
    hook.refuses = 1
    if what == "text":
        kannel.phones("79160000002 1234 text again")
        calls = hook.until(lambda call: call.method == "POST", 2)
        assert len({call.query["id"] for call in calls}) == 1
    else:
        await link(host, kannel, hook).send(text())
        hook.until(lambda call: "state" in call.query, 3)


async def test_while_bearerbox_is_down_nothing_is_said_to_be_sent(host, kannel, hook):
    """smsbox ends with it, or refuses: either way the text is kept here."""
    made = link(host, kannel, hook)
    kannel.stop("bearerbox")
    try:
        with pytest.raises((omnigate.DestinationUnavailable, omnigate.Uncertain)):
            await made.send(text("lost?"))
    finally:
        kannel.stop("smsbox")
        kannel.start_bearerbox()
        kannel.start_smsbox()
        kannel.phones()
    await made.send(text("after"))
    assert [one.text for one in until(kannel.arrived, "the text")] == ["after"]


async def test_without_the_operator_kannel_keeps_the_text(host, kannel, hook):
    made = link(host, kannel, hook)
    kannel.stop("fakesmsc")
    sent = await made.send(text("later"))
    assert sent.external_id == text().id
    kannel.phones()
    assert [one.text for one in until(kannel.arrived, "the text")] == ["later"]
    reports = hook.until(lambda call: call.query.get("state") == "1")
    assert isinstance(made.parse(reports[0])[0], Report)


async def test_a_call_without_the_token_is_turned_away(host, kannel, hook):
    made = link(host, kannel, hook, callback_token="another-token-than-that")
    kannel.phones("79160000002 1234 text hello")
    call = hook.until(lambda call: call.method == "POST")[0]
    with pytest.raises(omnigate.Unauthorized):
        made.authenticate(call)
