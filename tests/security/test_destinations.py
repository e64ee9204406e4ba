"""Addresses that lead inside: named by the operator, by a customer, by a CRM, none is connected to.

The daemon is real; what it must not reach are servers on loopback that count who comes.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from omnigate.receiver import check_url
from tests.security.daemon import SECRET, TOKEN, Crm, Said

# What some parser, resolver or system takes for this machine ({} is replaced by nothing).
LOOPBACK = """
127.0.0.1 127.1 127.0.1 0 0.0.0.0 00.0.0.0 0x7f000001 0x7f.1 0x7f.0.0.1 0x7f.0x0.0x0.0x1 0X7F000001
2130706433 017700000001 0177.0.0.1 0177.1 0177.0x0.1 127.0.0.1. localhost LOCALHOST localhost. 0x0 00
0000000000000000177.0.0.1 127.0x0.00.1 127.000.000.001 localhost.localdomain ip6-localhost
[::1] [::] [0:0:0:0:0:0:0:1] [0000:0000:0000:0000:0000:0000:0000:0001] [::0001] [::ffff:127.0.0.1]
[::ffff:7f00:1] [::ffff:0:127.0.0.1] [::127.0.0.1] [::7f00:1] [64:ff9b::127.0.0.1] [64:ff9b::7f00:1]
[64:ff9b:1::7f00:1] [2002:7f00:1::] [2002:7f00:1::1] [2001:0:7f00:1::] [::1%25lo] [::1%lo] [fe80::1%25lo]
[fe80::1] [::FFFF:127.0.0.1] 127.0.0.1%2f%40crm.example.org 127%2e0%2e0%2e1 %31%32%37.0.0.1 1%32%37.1
１２７.０.０.１ ①②⑦.⓪.⓪.① 127。0。0。1 127．0．0．1 ⓛⓞⓒⓐⓛⓗⓞⓢⓣ ١٢٧.٠.٠.١ ｌocalhost 127.0.0.1%00 [v1.127.0.0.1]
""".split()  # noqa: SIM905  # a word each reads better
INSIDE = """
10.0.0.1 172.16.0.1 192.168.0.1 169.254.169.254 0xa9fea9fe [fd00::1] [fec0::1] [ff02::1] 100.64.0.1
224.0.0.1 255.255.255.255 [2001:db8::1] 192.0.2.1 198.18.0.1 metadata.google.internal
""".split()  # noqa: SIM905
SPELLINGS = LOOPBACK + INSIDE
NO_GUARD = """
from omnigate.flow import egress
egress.EgressGuard.judge = lambda *_, **__: None
"""


def destinations(port: int, spellings: list[str]) -> str:
    """Return a configuration with a backend and a channel for each spelling that it takes at all."""
    sections, backends = "", []
    for number, spelling in enumerate(spellings):
        url = f"http://{spelling}:{port}/{number}"
        try:
            check_url(url)
        except ValueError:
            continue
        keys = f'secret = "{SECRET}"\ntimeout_seconds = 5\nurl = "{url}'
        sections += f'[backends.b{number}]\nkind = "webhook"\n{keys}/events"\n'
        sections += f'[channels.c{number}]\nkind = "http"\ntoken = "{TOKEN}"\n{keys}/answers"\n'
        backends.append(f"b{number}")
    sections += (
        f'[channels.app]\nkind = "http"\ntoken = "{TOKEN}"\n[[routes]]\nbackends = {backends}\n'
    )
    return sections.replace("{", "{{").replace("}", "}}")


@pytest.fixture
def inside() -> Iterator[Crm]:
    """A server of the operator's own network."""
    server = Crm()
    server.behave = lambda heard: Said(200, b"inside", {"Content-Type": "text/plain"})
    yield server
    server.end()


def reach_from_configuration(daemon: Any, until: Any, inside: Crm) -> int:
    """Make the daemon try every configured address; return how many of them were reached."""
    assert daemon.say("1", "hello").status == 202
    listed = daemon.operate("GET", "/admin/status")[1]["destinations"]
    for one in listed:
        if one["direction"] == "channel" and one["name"] != "app":
            to = {"channel": one["name"], "address": "app:x"}
            answer = daemon.post("/v1/messages", {"to": to, "text": "x"}, token=daemon.token)
            assert answer.status == 202, answer.raw

    def are_tried() -> bool:
        found = daemon.operate("GET", "/admin/status")[1]["destinations"]
        return all(
            one["last_error"] or one["last_success_at"] or one["name"] == "app" for one in found
        )

    until(are_tried, "every destination has been tried", seconds=90)
    return len({heard.path for heard in inside.heard})


def reach_from_messages(daemon: Any, inside: Crm, spellings: list[str]) -> int:
    """Have a customer and a CRM name every address; return how many of them were reached."""
    port = inside.port
    urls = [f"http://{spelling}:{port}/named/{n}" for n, spelling in enumerate(spellings)]
    for number, url in enumerate(urls):
        daemon.say(f"f{number}", "see", attachments=[{"url": url}])
    conversation = daemon.get("/v1/conversations")["items"][0]["id"]
    for number in range(0, len(urls), 10):
        files = [{"url": url.replace("/named/", "/sent/")} for url in urls[number : number + 10]]
        body = {"to": {"conversation": conversation}, "text": "see", "attachments": files}
        assert daemon.post("/v1/messages", body, token=daemon.token).status == 202
    listed = daemon.get("/v1/messages?limit=200")
    assert listed["next"] is None
    for message in listed["items"]:
        for file in message["attachments"]:
            # Whoever asks has it fetched at once, if it was not tried before.
            answer = daemon.call("GET", file["url"].partition(f":{daemon.port}")[2])
            assert answer.status in (200, 410, 503), answer.raw
    return len({heard.path for heard in inside.heard})


def test_there_are_sixty_spellings_and_more() -> None:
    assert len(set(SPELLINGS)) >= 60


def test_no_configured_address_leads_inside(new_daemon: Any, until: Any, inside: Crm) -> None:
    """S1."""
    sections = destinations(inside.port, SPELLINGS)
    daemon = new_daemon(sections=sections)
    assert reach_from_configuration(daemon, until, inside) == 0


def test_no_address_in_a_message_leads_inside(new_daemon: Any, inside: Crm) -> None:
    """S1."""
    sections = f'[channels.app]\nkind = "http"\ntoken = "{TOKEN}"\n'
    daemon = new_daemon(sections=sections)
    assert reach_from_messages(daemon, inside, SPELLINGS) == 0


def test_without_the_guard_they_do(new_daemon: Any, until: Any, inside: Crm) -> None:
    """Sabotage twin."""
    some = ["127.0.0.1", "0x7f.1", "2130706433", "localhost", "0", "[::ffff:127.0.0.1]"]
    sections = destinations(inside.port, some)
    daemon = new_daemon(sections=sections, prelude=NO_GUARD)
    assert reach_from_configuration(daemon, until, inside) >= 8
    inside.heard.clear()
    # On a busy machine a fetch may not be over when somebody asks for the file.
    assert reach_from_messages(daemon, inside, some) >= 8
    assert {heard.path.split("/")[1] for heard in inside.heard} >= {"named", "sent"}


NETWORKS = f"""
[channels.app]
kind = "http"
token = "{TOKEN}"
secret = "{SECRET}"
url = "http://127.0.0.1:1/"
allow_private = ["127.0.0.0/8"]
"""


def fetched(daemon: Any, inside: Crm) -> list[str]:
    """Have a customer and a CRM each name a file inside; return whose files were fetched."""
    address = f"http://127.0.0.1:{inside.port}"
    daemon.say("1", "see", attachments=[{"url": f"{address}/customer"}])
    conversation = daemon.get("/v1/conversations")["items"][0]["id"]
    body = {"to": {"conversation": conversation}, "attachments": [{"url": f"{address}/crm"}]}
    assert daemon.post("/v1/messages", body, token=daemon.token).status == 202
    for message in daemon.get("/v1/messages")["items"]:
        daemon.call("GET", message["attachments"][0]["url"].partition(f":{daemon.port}")[2])
    return sorted({heard.path for heard in inside.heard})


def test_what_a_channel_may_reach_its_crm_may_not(new_daemon: Any, inside: Crm) -> None:
    """S1: the networks of a channel's configuration are for what its application names."""
    assert fetched(new_daemon(sections=NETWORKS), inside) == ["/customer"]


def test_a_crm_reaches_the_networks_that_are_named_for_it(new_daemon: Any, inside: Crm) -> None:
    sections = NETWORKS.replace("allow_private", "# ").replace('url = "http:', 'url = "https:')
    media = '[media]\nallow_private = ["127.0.0.1/32"]\n'
    assert fetched(new_daemon(sections=media + sections), inside) == ["/crm"]
