"""Calls through a provider's HTTP interface: the real daemon, the provider on loopback, and the CRM."""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

import pytest

from tests.e2e.apart import Apart
from tests.plugins.call.providers.lines import CANARIES, CUSTOMER, Call, section, story
from tests.plugins.call.providers.platforms import JUDGES, running

HOOK = "https://omnigate.test/channels/calls/hook"
ANOTHER = "+79261112233"
# Says of a call in doubt that the provider surely never heard of it.
FORGETS = """
from omnigate_call.providers.zadarma import Zadarma
async def look_up(self, attempt):
    return None
Zadarma._look_up = look_up
"""


class Exchange(Apart):
    """A provider in a thread of its own, and a daemon that calls through it."""

    def __init__(self, daemon: Any, kind: str) -> None:
        super().__init__()
        self.daemon, self.kind = daemon, kind
        self._running = running(JUDGES[kind])
        self.provider = self.do(self._running.__aenter__())
        told = {"callback_url": HOOK}
        path: Path = daemon.folder / "omnigate.toml"
        of_it = _toml("channels.calls", section(kind, self.provider.url, told))
        path.write_text(path.read_text() + of_it.replace("\n", '\nkind = "call"\n', 1))
        daemon.start()
        self.token = daemon.omnigate("token", "create", "caller", "--scope", "calls")

    def ask(self, number: str = CUSTOMER) -> str:
        """Be a CRM that asks for a call, under a key of its own for each number; return its id."""
        body, headers = {"number": number}, {"Idempotency-Key": number[1:]}
        status, call = self.daemon.request(
            "POST", "/v1/calls", body, token=self.token, headers=headers
        )
        assert status == 202, call
        return str(call["id"])

    def shown(self, call_id: str) -> dict[str, Any]:
        status, call = self.daemon.request("GET", f"/v1/calls/{call_id}", token=self.token)
        assert status == 200, call
        return dict(call)

    def placed(self, number: str) -> int:
        """Return how often the provider was asked to call somebody."""
        return sum(number[1:] in str((one.query, one.pairs)) for one in self.provider.calls())

    def tell(self, *calls: Call) -> None:
        """Have the provider call the daemon's hook, as through the proxy before it."""
        for one in calls:
            query = f"?{urlencode(one.query)}" if one.query else ""
            where = f"{self.daemon.address}/channels/calls{one.path}{query}"
            asked = urllib.request.Request(
                where, one.body, headers=dict(one.headers), method=one.method
            )
            with urllib.request.urlopen(asked, timeout=10) as answer:
                assert answer.status == 200

    def end(self) -> None:
        self.do(self._running.__aexit__(None, None, None))
        self.close()


def _toml(name: str, table: dict[str, Any]) -> str:
    plain = {key: value for key, value in table.items() if not isinstance(value, dict)}
    lines = [f"[{name}]", *(f"{key} = {json.dumps(value)}" for key, value in plain.items()), ""]
    tables = [
        _toml(f"{name}.{key}", value) for key, value in table.items() if isinstance(value, dict)
    ]
    return "\n".join(lines) + "".join(tables)


@pytest.fixture
def new_exchange(new_daemon: Callable[..., Any]) -> Iterator[Callable[[str], Exchange]]:
    """Make providers, each with a daemon that runs."""
    made: list[Exchange] = []

    def make(kind: str) -> Exchange:
        made.append(Exchange(new_daemon(), kind))
        return made[-1]

    yield make
    for exchange in made:
        exchange.end()


def test_the_crm_asks_for_a_call_and_hears_how_it_ended(new_exchange, receiver, until):
    """The provider is asked once, calls back signed, and the CRM has the call with its talk."""
    exchange = new_exchange("twilio")
    call_id = exchange.ask()
    assert exchange.ask() == call_id
    until(lambda: exchange.shown(call_id)["state"] != "queued", "it is dialled")
    until(exchange.provider.calls, "the provider is asked")
    told = story("twilio", call_id, "talk")
    (asked,) = exchange.provider.calls()
    where = urlsplit(asked.form["StatusCallback"])
    assert where._replace(query="").geturl() == HOOK
    assert dict(parse_qsl(where.query)) == told[0].query, "it is called back where it was told to"
    exchange.tell(*told, *told)
    (ended,) = until(lambda: receiver.crm.of("call.ended"), "the CRM hears of the end")
    call = ended.json["data"]["call"]
    assert (call["id"], call["customer"], call["talk_seconds"]) == (call_id, CUSTOMER, 42)
    assert exchange.placed(CUSTOMER) == 1
    assert not [canary for canary in CANARIES if canary in exchange.daemon.log()]


def dies_before_the_answer(exchange: Exchange, until: Any, number: str, prelude: str = "") -> str:
    """Kill the daemon between request and answer; return the call once it stands again and goes on."""
    exchange.provider.script = lambda asked: "silence" if exchange.placed(number) == 1 else None
    call_id = exchange.ask(number)
    until(lambda: exchange.placed(number) == 1, "the provider is asked")
    exchange.daemon.kill()
    exchange.daemon.start(prelude)
    assert exchange.ask(number) == call_id
    until(
        lambda: exchange.shown(call_id)["state"] == "unknown" or exchange.placed(number) > 1,
        "it is known that nobody knows",
    )
    other = number[:-1] + "0"
    exchange.ask(other)
    until(lambda: exchange.placed(other) == 1, "calls go on")
    return call_id


@pytest.mark.timeout(300)
def test_a_call_whose_answer_was_lost_with_the_daemon_is_held_and_never_placed_again(
    new_exchange, receiver, until
):
    """By a GET, which the HTTP client would repeat by itself; what the provider tells settles it.

    The check goes red where the provider is taken to know nothing of what it was asked for.
    """
    exchange = new_exchange("zadarma")
    call_id = dies_before_the_answer(exchange, until, CUSTOMER)
    assert (exchange.shown(call_id)["state"], exchange.placed(CUSTOMER)) == ("unknown", 1)
    exchange.tell(*story("zadarma", call_id, "talk"))
    until(lambda: receiver.crm.of("call.ended"), "the CRM hears of the end")
    assert exchange.shown(call_id)["state"] == "completed"
    assert exchange.placed(CUSTOMER) == 1
    dies_before_the_answer(exchange, until, ANOTHER, FORGETS)
    assert exchange.placed(ANOTHER) == 2
