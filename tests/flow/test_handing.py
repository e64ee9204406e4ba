"""Tokens are made for where channels have links, and plugins that misbehave keep nobody from it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import structlog
from sqlalchemy import text

import omnigate
from omnigate.flow import handing
from omnigate.flow.handing import LIFETIME_SECONDS, LONGEST_LINK, Handovers, is_link
from omnigate.flow.supervisor import ChannelRunner
from omnigate.store.destinations import Health
from omnigate.store.ingest import Intake, ingest
from omnigate.store.store import Store, open_store
from omnigate.store.threads import ChannelKey

pytestmark = pytest.mark.anyio

SITE = ChannelKey("site", "webchat")


class Linked(omnigate.Channel):
    """Has the link that it is told to have, or raises it."""

    kind = "linked"
    capabilities = omnigate.Capabilities()
    link: Any = "https://go.example/{}"

    def handover_link(self, token: str) -> Any:
        if isinstance(self.link, BaseException):
            raise self.link
        return self.link.format(token) if isinstance(self.link, str) else self.link

    async def send(self, part: omnigate.OutboundPart) -> omnigate.Sent:
        raise NotImplementedError


def runner_of(name: str, link: Any) -> ChannelRunner:
    channel = Linked(omnigate.ChannelConfig(), None)  # type: ignore[arg-type]  # needs no host
    channel.link = link
    config = omnigate.ChannelConfig()
    key = ChannelKey(name, "linked")
    return ChannelRunner(key, config, Health(0), lambda changed: None, channel, "up")


class Desk:
    """A store with one conversation at the site, and channels with links."""

    def __init__(self, store: Store, conversation: str) -> None:
        self.store = store
        self.conversation = conversation
        self.runners: dict[str, ChannelRunner] = {}
        self.handovers = Handovers(store, lambda: self.runners)

    def offer(self, **links: Any) -> None:
        self.runners = {name: runner_of(name, link) for name, link in links.items()}

    async def make(self, **options: Any) -> omnigate.Handover:
        made = await self.handovers.make(self.conversation, **options)
        assert made is not None
        return made

    async def rows(self) -> list[Any]:
        query = text("SELECT * FROM handover")
        return await self.store.read(lambda connection: list(connection.execute(query).all()))


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    async with open_store(f"sqlite:///{tmp_path}/test.db") as store:
        said = omnigate.InboundMessage(
            external_id="1",
            conversation="v1",
            occurred_at=datetime.now(UTC),
            sender=omnigate.Profile(address=omnigate.Address("webchat:v1")),
            text="Hello",
        )
        await store.writer.do(ingest, Intake(SITE, [said]))
        query = text("SELECT id FROM conversation")
        found = await store.read(lambda connection: connection.execute(query).scalar_one())
        yield Desk(store, str(found))


async def test_every_channel_with_a_link_is_a_way_in_the_order_of_the_configuration(
    desk: Desk,
) -> None:
    desk.offer(vk="https://vk.me/shop?ref={}", forms=None, bot="https://t.me/shop?start={}")
    made = await desk.make()
    assert [(way.channel, way.kind, way.url) for way in made.ways] == [
        ("vk", "linked", f"https://vk.me/shop?ref={made.token}"),
        ("bot", "linked", f"https://t.me/shop?start={made.token}"),
    ]
    (row,) = await desk.rows()
    assert (row.id, row.channels) == (made.id, '["vk","bot"]')
    assert made.token not in str(row)


async def test_it_is_good_for_a_day_or_as_long_as_is_wanted(desk: Desk) -> None:
    desk.offer(bot="https://t.me/{}")
    for seconds, options in ((LIFETIME_SECONDS, {}), (90.0, {"lifetime_seconds": 90.0})):
        made = await desk.make(**options)
        left = made.expires_at - datetime.now(UTC)
        assert timedelta(seconds=seconds - 30) < left <= timedelta(seconds=seconds)


async def test_it_leads_never_back_into_the_channel_it_comes_from(desk: Desk) -> None:
    desk.offer(site="https://shop.example/#{}", bot="https://t.me/{}")
    assert [way.channel for way in (await desk.make()).ways] == ["bot"]
    assert await desk.handovers.make(desk.conversation, channels=["site"]) is None


async def test_it_is_good_only_where_it_is_wanted(desk: Desk) -> None:
    desk.offer(vk="https://vk.me/{}", bot="https://t.me/{}", forms=None)
    made = await desk.make(channels=["forms", "bot", "gone", "bot"])
    assert [way.channel for way in made.ways] == ["bot"]
    assert (await desk.rows())[0].channels == '["forms","bot"]'


async def test_who_sees_some_channels_makes_ways_to_these(desk: Desk) -> None:
    desk.offer(vk="https://vk.me/{}", bot="https://t.me/{}")
    assert [way.channel for way in (await desk.make(seen={"vk", "site"})).ways] == ["vk"]
    assert await desk.handovers.make(desk.conversation, seen={"site"}) is None


async def test_where_nothing_leads_anywhere_there_is_no_token(desk: Desk) -> None:
    desk.offer(forms=None)
    assert await desk.handovers.make(desk.conversation) is None
    assert await desk.handovers.make(desk.conversation, channels=["gone"]) is None
    assert await desk.handovers.make("cnv_gone") is None
    assert await desk.rows() == []


@pytest.mark.parametrize(
    "link",
    [
        ValueError("no"),
        SystemExit(),
        7,
        "",
        "t.me/{}",
        "javascript:alert('{}')",
        "https://go.example/{} and more",
        "https://go.example/\n{}",
        "https://go.example/" + "x" * LONGEST_LINK,
    ],
    ids=repr,
)
async def test_a_plugin_that_misbehaves_is_left_out(desk: Desk, link: Any) -> None:
    desk.offer(broken=link, bot="https://t.me/{}")
    assert [way.channel for way in (await desk.make()).ways] == ["bot"]


async def test_what_is_logged_of_a_link_is_not_the_token(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    logged = structlog.testing.CapturingLogger()
    shown: list[Any] = [structlog.processors.format_exc_info, structlog.processors.JSONRenderer()]
    told = structlog.wrap_logger(logged, processors=shown)
    monkeypatch.setattr(handing, "log", told)
    desk.offer(broken="t.me/{}", bot="https://t.me/{}")
    made = await desk.make()
    (line,) = [str(call) for call in logged.calls]
    assert "handover_link returned" in line
    assert made.token not in line


async def test_a_channel_that_takes_nothing_in_is_no_way(desk: Desk) -> None:
    desk.offer(vk="https://vk.me/{}", bot="https://t.me/{}")
    desk.runners["vk"].health.intake_closed = True
    desk.runners["bot"].channel = None
    assert await desk.handovers.make(desk.conversation) is None


async def test_no_two_tokens_are_alike(desk: Desk) -> None:
    desk.offer(bot="https://t.me/{}")
    made = [await desk.make() for _ in range(10)]
    assert len({one.token for one in made}) == len({one.id for one in made}) == 10


async def test_a_token_is_open_until_it_or_another_one_that_was_shown_is_used(desk: Desk) -> None:
    desk.offer(bot="https://t.me/{}")
    first, second = [await desk.make(offered=True) for _ in range(2)]
    asked_for = await desk.make()

    async def are_open() -> list[bool]:
        return [await desk.handovers.is_open(one.id) for one in (first, second, asked_for)]

    assert await are_open() == [True, True, True], "a new one leaves those before as they are"
    said = omnigate.InboundMessage(
        external_id="2",
        conversation="c",
        occurred_at=datetime.now(UTC),
        sender=omnigate.Profile(address=omnigate.Address("telegram:7"), verified=True),
        handover=first.token,
    )
    await desk.store.writer.do(ingest, Intake(ChannelKey("bot", "linked"), [said]))
    assert await are_open() == [False, False, True]
    assert not await desk.handovers.is_open("hnd_gone")


@pytest.mark.parametrize(
    ("link", "is_one"),
    [
        ("mailto:help%2Bh0abc@shop.example", True),
        ("sms:+79161234567?&body=7k3m9", True),
        ("data:text/html,x", False),
        ("JAVASCRIPT:alert(1)", False),
        ("//t.me/x", False),
        ("https:", False),
    ],
)
def test_links_are_what_a_page_can_show(link: str, is_one: bool) -> None:
    assert is_link(link) is is_one
