"""S41: who says to be somebody else is believed only by those whom the operator trusts, hop by hop."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.security.daemon import ORIGIN, SECTIONS, Crm, Daemon

FORGED = "203.0.113.77"
HEADERS: dict[str, dict[str, str]] = {
    "the usual": {"X-Forwarded-For": FORGED},
    "a chain": {"X-Forwarded-For": f"{FORGED}, 127.0.0.1"},
    "two headers": {"X-Forwarded-For": FORGED, "x-forwarded-for": FORGED},
    "the standard one": {"Forwarded": f"for={FORGED};proto=https"},
    "another": {"X-Real-IP": FORGED},
    "a proxy's": {"True-Client-IP": FORGED, "CF-Connecting-IP": FORGED, "X-Client-IP": FORGED},
    "a host": {"X-Forwarded-Host": "evil.example", "X-Forwarded-Port": "1"},
}
TRUSTING = 'trusted_proxies = ["127.0.0.1/32", "10.0.0.0/8"]'
NARROW = SECTIONS.replace("sessions_per_minute = 1000", "sessions_per_minute = 5")


def told(daemon: Daemon, until: Any, text: str, headers: dict[str, str]) -> str:
    """Write as a visitor of the site; return all that the CRM is told of that visitor."""
    opened = daemon.post("/channels/site/session", {}, **{"Origin": ORIGIN, **headers})
    assert opened.status == 200, opened.raw
    frame = {"t": "msg.send", "cid": "aaaaaaaa", "d": {"text": text}}
    answer = daemon.call(
        "POST",
        "/channels/site/commands",
        json.dumps({"frames": [frame]}).encode(),
        {"Origin": ORIGIN, **headers},
        token=opened.json()["connection_token"],
    )
    assert answer.json()["frames"][0]["t"] == "ack", answer.raw
    until(lambda: text in daemon.crm.texts, "the message has arrived")
    events = daemon.crm.events
    (said,) = [one for one in events if text in json.dumps(one)]
    conversation = said["conversation"]["id"]
    return json.dumps([one for one in events if one["conversation"]["id"] == conversation])


@pytest.mark.parametrize("name", HEADERS)
def test_strangers_are_known_by_the_address_they_come_from(
    daemon: Daemon, name: str, until: Any
) -> None:
    heard = told(daemon, until, f"with {name}", HEADERS[name])
    assert FORGED not in heard
    assert "evil.example" not in heard
    assert '"ip": "127.0.0.1"' in heard


def test_a_rotating_header_is_no_way_round_the_limits(new_daemon: Any) -> None:
    """Five sessions a minute for a network, whatever it says to be."""
    daemon = new_daemon(sections=NARROW)
    statuses = [
        daemon.post(
            "/channels/site/session", {}, Origin=ORIGIN, X_Forwarded_For=f"198.51.100.{number}"
        ).status
        for number in range(12)
    ]
    assert statuses[:5] == [200] * 5
    assert set(statuses[6:]) == {429}


@pytest.mark.parametrize(
    ("forwarded", "known_as"),
    [
        ("203.0.113.7", "203.0.113.7"),
        ("1.1.1.1, 203.0.113.7", "203.0.113.7"),
        ("1.1.1.1, 203.0.113.7, 10.1.2.3", "203.0.113.7"),
        ("203.0.113.7, evil, 10.1.2.3", "10.1.2.3"),
        ("evil", "127.0.0.1"),
        ("", "127.0.0.1"),
        ("203.0.113.7:1234", "127.0.0.1"),
        ("2001:db8::7", "2001:db8::7"),
        ("203.0.113.7\t", "203.0.113.7"),
        (", ".join(["1.1.1.1"] * 500), "1.1.1.1"),
        ("127.0.0.1, 127.0.0.1", "127.0.0.1"),
        ("' OR 1=1 --, 203.0.113.7", "203.0.113.7"),
        ("<script>", "127.0.0.1"),
    ],
)
def test_a_trusted_proxy_is_believed_for_the_last_hop_that_is_not_one(
    trusting: Daemon, until: Any, forwarded: str, known_as: str
) -> None:
    text = f"number {len(trusting.crm.texts)}"
    heard = told(trusting, until, text, {"X-Forwarded-For": forwarded})
    assert f'"ip": "{known_as}"' in heard


@pytest.fixture(scope="module")
def trusting(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A daemon behind a proxy on this machine."""
    crm = Crm()
    daemon = Daemon(tmp_path_factory.mktemp("proxied"), crm, server=TRUSTING)
    yield daemon
    daemon.end()
    crm.end()
    assert daemon.errors == []


def test_who_believes_everybody_is_found(new_daemon: Any) -> None:
    """Sabotage twin: the same rotation goes round the limit where everybody is trusted."""
    gullible = new_daemon(sections=NARROW, server='trusted_proxies = ["0.0.0.0/0", "::/0"]')
    statuses = [
        gullible.post(
            "/channels/site/session", {}, Origin=ORIGIN, X_Forwarded_For=f"198.51.100.{number}"
        ).status
        for number in range(12)
    ]
    assert statuses == [200] * 12
