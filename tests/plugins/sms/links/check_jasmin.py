"""The link to Jasmin, with a real one. Run by ``make test-jasmin``: it needs much that nothing else does."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from typing import Any

import pytest
from omnigate_sms.link import Incoming, Report

import omnigate
from omnigate.testing import FakeHost
from tests.plugins.sms.jasmin import PASSWORD, USER, missing, running_jasmin
from tests.plugins.sms.kannel import Hook, running_hook, until
from tests.plugins.sms.smpp.links import ROOT, Exchange, Smsc

from .conftest import make, text

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.skipif(bool(missing()), reason=f"not run: {', '.join(missing())} not installed"),
    pytest.mark.skipif(
        shutil.which("node") is None or not (ROOT / "node_modules" / "smpp").is_dir(),
        reason="not run: node and the npm package smpp are not installed",
    ),
]
TOKEN = "a-token-for-jasmin"
LONG = "Съешь ещё этих мягких французских булок, да выпей чаю. " * 3


@pytest.fixture(scope="module")
def hook() -> Iterator[Hook]:
    with running_hook() as given:
        given.answer = b"ACK/Jasmin"
        yield given


@pytest.fixture(scope="module")
def smsc() -> Iterator[Smsc]:
    exchange = Exchange()
    try:
        made = exchange.smsc()
        until(lambda: made.all("listening"), "the SMSC")
        yield made
    finally:
        exchange.close()


@pytest.fixture(scope="module")
def jasmin(hook: Hook, smsc: Smsc, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    directory = tmp_path_factory.mktemp("jasmin")
    with running_jasmin(directory, smsc.port, f"{hook.url}?token={TOKEN}") as url:
        until(lambda: smsc.all("bind"), "Jasmin binds to the operator")
        yield url


@pytest.fixture
def link(host: FakeHost, jasmin: str, hook: Hook) -> Any:
    hook.calls.clear()
    return linked(host, jasmin, hook)


def linked(host: FakeHost, jasmin: str, hook: Hook, **more: Any) -> Any:
    given = {
        "url": jasmin,
        "username": USER,
        "password": PASSWORD,
        "callback_url": hook.url,
        "callback_token": TOKEN,
    }
    return make("jasmin", host, **{**given, **more})


@pytest.mark.parametrize("said", ["Hello @ [you]", "Привет 🙂", LONG], ids=["gsm", "ucs2", "long"])
async def test_a_text_arrives_and_what_became_of_it_is_told(link, smsc, hook, said):
    known = len(smsc.all("submit"))
    await smsc.set(plan=[{"receipts": ["DELIVRD"]}] * 3)
    sent = await link.send(text(said))
    reports: list[Report] = []

    def delivered() -> bool:
        reports[:] = [one for call in list(hook.calls) for one in link.parse(call)]
        return any(one.state == "delivered" for one in reports)

    until(delivered, f"the receipts; the hook has heard {hook.calls!r}")
    for call in hook.calls:
        link.authenticate(call)
    assert {one.external_id for one in reports} == {sent.external_id}
    assert {one.reference for one in reports} == {text().id}
    submits = smsc.all("submit")[known:]
    assert len(submits) == (3 if said == LONG else 1)
    assert {one["destination_addr"] for one in submits} == {text().to}


async def test_a_text_of_a_customer_comes_with_its_octets(link, smsc, hook):
    octets = "Где заказ? 🙂".encode("utf-16-be")
    smsc.tell(
        command="deliver_sm",
        parameters={
            "source_addr": "79161234567",
            "destination_addr": "1234",
            "data_coding": 8,
            "short_message": octets.hex(),
        },
        octets=["short_message"],
    )
    (call,) = hook.until(lambda call: b"origin-connector" in call.body)
    link.authenticate(call)
    (said,) = link.parse(call)
    assert isinstance(said, Incoming)
    assert (said.source, said.destination) == ("79161234567", "1234")
    assert (said.data, said.encoding) == (octets, "ucs2")
    assert link.reply(call).body == hook.answer


async def test_jasmin_tells_whether_it_lets_us_in(host, jasmin, hook):
    assert (await linked(host, jasmin, hook).check()).state in ("up", "degraded")
    stranger = linked(host, jasmin, hook, password="wrong")
    assert (await stranger.check()).state == "down"
    with pytest.raises(omnigate.CredentialsRejected):
        await stranger.send(text("hello"))


async def test_what_jasmin_does_not_take_is_refused(link, smsc):
    known = len(smsc.all("submit"))
    with pytest.raises(omnigate.Refused):
        await link.send(text("hello", to="not a number"))
    assert len(smsc.all("submit")) == known
