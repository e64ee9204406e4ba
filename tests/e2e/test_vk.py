"""Customers of a VK community and a CRM, with a daemon between them: talk, files, kills, secrets."""

from __future__ import annotations

import asyncio
import json
import urllib.request
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TypeVar

import pytest

from omnigate.emulators.vk import Community, VkEmulator
from tests.e2e.apart import Apart
from tests.e2e.bots import LOOPBACK, rows

T = TypeVar("T")
MODES = ("poll", "callback")
BURSTS = {"poll": 10_000, "callback": 1000}
PEOPLE = 20


class Platform(Apart):
    """The emulated platform in a thread of its own."""

    def __init__(self, **options: Any) -> None:
        super().__init__()
        self.vk = VkEmulator(**options)
        self.do(self.vk.__aenter__())

    def end(self) -> None:
        self.do(self.vk.__aexit__(None, None, None))
        self.close()


@pytest.fixture
def platform() -> Iterator[Platform]:
    made = Platform(speed=20.0)
    yield made
    made.end()


def give(daemon: Any, platform: Platform, community: Community, mode: str) -> None:
    """Write a community into the configuration."""
    path: Path = daemon.folder / "omnigate.toml"
    path.write_text(
        f'{path.read_text()}\n[channels.shop]\nkind = "vk"\ntoken = "{community.token}"\n'
        f'group_id = {community.id}\nmode = "{mode}"\napi_url = "{platform.vk.url}"\n{LOOPBACK}\n'
        "poll_seconds = 2\n"
    )


def receives(community: Community, mode: str) -> bool:
    """Tell whether events reach the daemon."""
    if mode == "poll":
        return community.long_poll.waiting > 0
    return any(server.status == "ok" for server in community.callback.servers.values())


def hides(daemon: Any, *secrets: str) -> None:
    """Check that nothing that the daemon wrote has a secret."""
    for path in daemon.folder.rglob("*"):
        if path.is_file() and path.name != "omnigate.toml":
            content = path.read_bytes()
            assert not any(secret.encode() in content for secret in secrets), path.name


@pytest.mark.parametrize("mode", MODES)
def test_a_customer_and_a_crm_talk_and_neither_sees_a_secret(
    mode: str, receiver: Any, new_daemon: Any, platform: Platform, until: Any
) -> None:
    community = platform.vk.add_community("Shop", "shop")
    anna = platform.vk.person("Анна", "Петрова", screen_name="anna")
    olga = platform.vk.person("Ольга", "Админ")
    daemon = new_daemon()
    give(daemon, platform, community, mode)
    daemon.start()
    until(lambda: receives(community, mode), "events come")
    platform.do(anna.starts(community, "w_4hJq0bR2nVtQ"))
    asked = platform.do(anna.writes(community, "Есть велосипед?"))
    until(lambda: len(receiver.crm.of("message.received")) == 2, "the CRM hears of both")
    started, question = receiver.crm.of("message.received")
    assert started.json["conversation"]["context"]["custom"]["ref"] == "w_4hJq0bR2nVtQ"
    assert question.text == "Есть велосипед?"
    assert question.json["contact"]["addresses"][0]["address"] == f"vk:{anna.id}"
    until(lambda: receiver.crm.of("contact.updated"), "the name follows")
    assert receiver.crm.of("contact.updated")[-1].json["contact"]["display_name"] == "Анна Петрова"

    to = {"conversation": question.json["conversation"]["id"]}
    chat = anna.chat(community)
    sent = daemon.send(to, "Есть, сто рублей", reply_to=question.json["data"]["message"]["id"])
    platform.do(chat.wait_for(lambda view: "Есть, сто рублей" in view.texts))
    assert chat.last.reply_to is asked
    until(lambda: receiver.crm.of("message.sent"), "the CRM hears that it is sent")
    platform.do(anna.reads(community))
    until(lambda: receiver.crm.of("message.read"), "the CRM hears that it is read")
    path = f"/v1/messages/{sent['id']}"
    assert daemon.request("PATCH", path, {"text": "двести"}, token=daemon.token)[0] == 202
    platform.do(chat.wait_for(lambda view: "двести" in view.texts))
    inbound = f"/v1/messages/{question.json['data']['message']['id']}/reaction"
    assert daemon.request("PUT", inbound, {"emoji": ["👍"]}, token=daemon.token)[0] == 202
    platform.do(chat.wait_for(lambda view: any(one.reactions for one in view.messages)))
    assert daemon.request("DELETE", path, token=daemon.token)[0] == 202
    platform.do(chat.wait_for(lambda view: "двести" not in view.texts))

    platform.call(lambda: community.answer_as(olga, anna, "Я тоже тут"))
    until(lambda: "Я тоже тут" in receiver.crm.texts("message.sent"), "the echo comes")
    content = bytes(range(256)) * 4000
    made = platform.call(lambda: platform.vk.world.make.doc(anna.id, content, "план.pdf"))
    platform.do(anna.sends(community, made, text="вот"))
    until(lambda: "вот" in receiver.crm.texts(), "the file's message comes")
    (file,) = receiver.crm.of("message.received")[-1].json["data"]["message"]["attachments"]
    assert (file["name"], file["kind"]) == ("план.pdf", "file")
    with urllib.request.urlopen(file["url"], timeout=20) as answer:
        assert answer.read() == content
    platform.do(anna.edits(community, asked, "Есть самокат?"))
    until(lambda: "Есть самокат?" in receiver.crm.texts("message.edited"), "the edit comes")
    ours = [one for one in receiver.crm.texts("message.sent") if one != "Я тоже тут"]
    assert ours == ["Есть, сто рублей"], "what we sent came back as an echo"
    for text in ("раз", "два"):
        daemon.send(to, text)
    platform.do(chat.wait_for(lambda view: "два" in view.texts))
    until(lambda: "два" in receiver.crm.texts("message.sent"), "the CRM hears that it is sent")
    daemon.kill()
    daemon.start()
    platform.do(anna.reads(community))
    until(lambda: "раз" in receiver.crm.texts("message.read"), "what was sent before is read too")
    servers = community.callback.servers.values()
    hides(daemon, community.token, *(server.secret_key for server in servers))


async def burst(platform: Platform, community: Community, count: int) -> list[str]:
    """Have many people write so much in turns, poison in the middle; return what they wrote."""
    people = [platform.vk.person(f"P{number}") for number in range(PEOPLE)]
    written = []
    for number in range(count):
        if number == count // 2:
            community.journal.poison("nested")
        written.append(f"{people[number % PEOPLE].id} {number}")
        await people[number % PEOPLE].writes(community, written[-1])
        if number % 100 == 0:
            await asyncio.sleep(0)
    return written


@pytest.mark.parametrize("mode", MODES)
def test_kills_in_a_burst_with_poison_in_it_lose_and_double_nothing(
    mode: str,
    new_daemon: Any,
    platform: Platform,
    until: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # How many failures in a row VK bears is not known; here it is patient.
    monkeypatch.setattr("omnigate.emulators.vk.callback.FAILURES_IN_A_ROW", 10**9)
    community = platform.vk.add_community()
    daemon = new_daemon()
    give(daemon, platform, community, mode)
    daemon.start()
    daemon.omnigate("backend", "pause", "crm")
    until(lambda: receives(community, mode), "events come")
    size = BURSTS[mode]
    written = platform.do(burst(platform, community, size))

    def count() -> int:
        return int(rows(daemon, "SELECT count(*) FROM message")[0][0])

    for least in (size // 5, size // 2):
        until(lambda: count() >= least, "enough is stored", 60)  # noqa: B023  # used at once
        daemon.kill()
        assert count() < size, "it was not in the middle"
        daemon.start()
    until(lambda: count() >= size, "all is stored", 60)
    query = (
        "SELECT body FROM event JOIN event_body USING (position) "
        "WHERE type = 'message.received' ORDER BY position"
    )
    stored = [json.loads(body)["data"]["message"]["text"] for (body,) in rows(daemon, query)]
    assert sorted(stored) == sorted(written)
    if mode == "callback":
        return  # what is repeated comes later than what came after it; and the poison proves nothing
    chats: dict[str, list[int]] = defaultdict(list)
    for text in stored:
        chats[text.split()[0]].append(int(text.split()[1]))
    assert all(numbers == sorted(numbers) for numbers in chats.values())
    ((reason,),) = rows(daemon, "SELECT reason FROM quarantine")
    assert reason.startswith("message_new: ")
