"""What was said long ago loses its text; what is owed still, or was said of late, does not."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from omnigate.config.tables import Retention
from omnigate.errors import StoreError
from omnigate.flow import fading
from omnigate.flow.fading import fade_old
from omnigate.flow.housekeeping import Housekeeper
from omnigate.handovertoken import digest_of, new_handover_token
from omnigate.ids import handover_id
from omnigate.model.attachment import AttachmentRef
from omnigate.model.event import Envelope
from omnigate.model.facts import Message
from omnigate.model.inbound import InboundMessage, Profile
from omnigate.store import erase, fade
from omnigate.store.abandon import Abandonment, abandon
from omnigate.store.attachments import Fetched, settle_fetched
from omnigate.store.conversationreads import (
    find_conversation,
    list_conversations,
    read_conversation,
)
from omnigate.store.destinations import Name, register
from omnigate.store.handovers import NewHandover, make_handovers
from omnigate.store.history import read_log
from omnigate.store.ingest import Intake, ingest
from omnigate.store.messages import list_messages
from omnigate.store.outbound import Outgoing, PartContent, enqueue
from omnigate.store.schema import attachment, message_part, outbox
from omnigate.store.store import open_store
from omnigate.store.threads import ChannelKey
from omnigate.store.transaction import Target

pytestmark = pytest.mark.anyio

DAY = 24 * 3600.0
BEGIN = 1_800_000_000.0
CANARY = "cAnary7"
CHANNEL = ChannelKey("app", "http")


class Shop:
    """A store whose clock the test moves."""

    def __init__(self) -> None:
        self.now = BEGIN
        self.store: Any = None
        self.crm = self.app = 0
        self.discarded: list[str] = []
        self._number = 0

    async def say(self, text: str, *, verified: bool = False, **more: Any) -> None:
        self._number += 1
        said = InboundMessage(
            external_id=str(self._number),
            conversation="anna",
            occurred_at=datetime.fromtimestamp(self.now, UTC),
            sender=Profile(address="user:anna", display_name=f"Anna {CANARY}", verified=verified),
            text=text,
            **more,
        )
        await self.store.writer.do(ingest, Intake(CHANNEL, [said]))

    async def answer(self, text: str) -> None:
        ((conversation, _),) = await self.store.read(list_conversations)
        said = Message(
            id=f"msg_{int(self.now):026d}",
            direction="outbound",
            state="queued",
            created_at=datetime.fromtimestamp(self.now, UTC),
            text=text,
        )
        wanted = Outgoing(CHANNEL, self.app, said, [PartContent(text=text)], conversation.id)
        await self.store.writer.do(enqueue, wanted)

    async def fade(self, days: float = 90) -> int:
        before = int((self.now - days * DAY) * 1000)
        return await fade_old(self.store, before, self.discarded.append)

    async def log(self) -> list[Envelope]:
        rows = (await self.store.read(read_log, after=0, limit=10_000, max_bytes=1 << 30)).events
        return [Envelope.model_validate_json(row.body) for row in rows]

    async def deliver_all(self) -> None:
        """Take everything out of the queue, as if it had been delivered."""
        numbers = await self.store.read(
            lambda connection: list(connection.scalars(select(outbox.c.id)))
        )
        for start in range(0, len(numbers), 500):
            some = Abandonment(numbers[start : start + 500], "cancelled")
            await self.store.writer.do(abandon, some)


@pytest.fixture
async def shop(tmp_path: Path):
    shop = Shop()
    async with open_store(f"sqlite:///{tmp_path}/s.db", clock=lambda: shop.now) as store:
        shop.store = store
        shop.crm = (await store.writer.do(register, Name("backend", "crm"))).destination_id
        shop.app = (await store.writer.do(register, Name("channel", "app"))).destination_id
        yield shop


def texts(log: list[Envelope]) -> list[str | None]:
    return [one.data["message"]["text"] for one in log if one.type == "message.received"]


async def test_old_texts_go_and_new_ones_stay(shop, tmp_path):
    await shop.say(f"old {CANARY}")
    await shop.answer(f"old answer {CANARY}")
    await shop.deliver_all()
    shop.now += 60 * DAY
    await shop.say("of late")
    shop.now += 31 * DAY
    before = await shop.log()
    assert await shop.fade() == 3
    after = await shop.log()
    assert [(one.id, one.type, one.sequence) for one in after] == [
        (one.id, one.type, one.sequence) for one in before
    ]
    assert texts(after) == [None, "of late"]
    said = await shop.store.read(list_messages)
    assert {message.text for message, _ in said} == {None, "of late"}
    assert CANARY not in str(after[:3])
    parts = await shop.store.read(lambda connection: connection.execute(select(message_part)).all())
    assert CANARY not in str(parts)
    assert await shop.fade() == 0


async def test_more_than_a_page_goes_in_steps_and_nothing_twice(shop):
    for number in range(fade.PAGE + 30):
        await shop.say(f"{number}")
    shop.now += 91 * DAY
    assert await shop.fade() == fade.PAGE + 31
    assert set(texts(await shop.log())) == {None}
    await shop.say("of late")
    assert await shop.fade() == 0
    assert texts(await shop.log())[-1] == "of late"


async def test_what_is_still_owed_keeps_its_text(shop):
    await shop.say("before")
    shop.store.routing = lambda channel, event_type, owner: [Target(shop.crm, ordered=True)]
    await shop.say("owed")
    shop.now += 400 * DAY
    await shop.fade()
    assert texts(await shop.log()) == [None, "owed"]
    await shop.deliver_all()
    await shop.fade()
    assert texts(await shop.log()) == [None, None]


async def test_an_answer_that_was_not_sent_keeps_its_text(shop):
    await shop.say("hello")
    await shop.answer("not sent yet")
    shop.now += 400 * DAY
    await shop.fade()
    said = await shop.store.read(list_messages, direction="outbound")
    assert [message.text for message, _ in said] == ["not sent yet"]


async def test_files_go_with_the_messages_that_bore_them(shop):
    file = AttachmentRef(kind="file", mime="text/plain", ref={"id": "1"})
    await shop.say("with a file", attachments=[file])

    def files(connection: Any) -> list[Any]:
        return list(connection.execute(select(attachment)))

    (known,) = await shop.store.read(files)
    fetched = Fetched(known.id, sha256="ab" * 32, size_bytes=3, mime="text/plain")
    assert await shop.store.writer.do(settle_fetched, fetched)
    shop.now += 91 * DAY
    await shop.fade()
    assert await shop.store.read(files) == []
    assert shop.discarded == ["ab" * 32]


async def with_a_file(shop: Shop) -> str:
    """Have something said with a file; return its hash."""
    file = AttachmentRef(kind="file", mime="text/plain", ref={"id": "1"})
    await shop.say("with a file", attachments=[file])
    last = select(attachment.c.id).order_by(attachment.c.id.desc())
    known = str(await shop.store.read(lambda connection: connection.scalar(last)))
    sha256 = hashlib.sha256(known.encode()).hexdigest()
    fetched = Fetched(known, sha256=sha256, size_bytes=3, mime="text/plain")
    assert await shop.store.writer.do(settle_fetched, fetched)
    return sha256


async def test_files_of_what_is_still_owed_stay(shop):
    before = await with_a_file(shop)
    shop.store.routing = lambda channel, event_type, owner: [Target(shop.crm, ordered=True)]
    owed = await with_a_file(shop)
    shop.now += 400 * DAY
    await shop.fade()
    await shop.fade()
    assert shop.discarded == [before]
    await shop.deliver_all()
    await shop.fade()
    assert shop.discarded == [before, owed]


@pytest.mark.parametrize(("module", "name"), [(fading, "drop_files"), (fade, "fade_messages")])
async def test_a_round_cut_at_any_turn_is_finished_by_the_next(shop, monkeypatch, module, name):
    """What a turn did on disk stays, what it did in the store does not, as when power fails."""
    gone = await with_a_file(shop)
    step = getattr(module, name)
    shop.now += 91 * DAY

    def cut(transaction: Any, items: Any) -> Any:
        step(transaction, items)
        raise StoreError("the power is gone")

    with monkeypatch.context() as broken:
        broken.setattr(module, name, cut)
        with pytest.raises(StoreError):
            await shop.fade()
    assert gone in shop.discarded
    await shop.fade()
    left = await shop.store.read(lambda connection: connection.execute(select(attachment)).all())
    assert left == []
    ((message, _),) = await shop.store.read(list_messages)
    assert message.text is None


@pytest.mark.parametrize(("days", "left"), [(90, None), (0, "hello"), (365, "hello")])
async def test_a_round_of_the_house_keeps_what_the_configuration_says(shop, days, left):
    await shop.say("hello")
    shop.now += 91 * DAY
    keeper = Housekeeper(shop.store, lambda: Retention(bodies_days=days), tuple)
    await keeper.go_round(shrinks=False)
    assert keeper.last is not None
    assert keeper.last.error is None
    assert texts(await shop.log()) == [left]


async def test_texts_that_are_only_counted_are_found(shop, monkeypatch):
    """The sabotage twin: a round that replaces nothing does not pass the checks above."""
    await shop.say("hello")
    shop.now += 91 * DAY
    monkeypatch.setattr(erase.WRITE_BLANKED, "run", lambda connection, rows: len(rows))
    assert await shop.fade() == 2
    assert texts(await shop.log()) == ["hello"]


def test_dead_letters_are_never_kept_longer_than_what_they_say():
    with pytest.raises(ValueError, match="dead_days"):
        Retention(bodies_days=7)
    assert Retention(bodies_days=7, dead_days=7).bodies_days == 7
    assert Retention(bodies_days=0).bodies_days == 0


async def test_what_a_handover_has_told_goes_with_what_was_said(shop: Shop) -> None:
    await shop.say(f"old {CANARY}", verified=True)
    shop.now += 60 * DAY
    await shop.say("of late")
    ((site, _),) = await shop.store.read(list_conversations)
    token = new_handover_token()
    until = int((shop.now + DAY) * 1000)
    new = NewHandover(handover_id(), digest_of(token), site.id, ["bot"], until)
    await shop.store.writer.do(make_handovers, new)
    comer = InboundMessage(
        external_id="1",
        conversation="7",
        occurred_at=datetime.fromtimestamp(shop.now, UTC),
        sender=Profile(address="telegram:7", verified=True),
        handover=token,
    )
    await shop.store.writer.do(ingest, Intake(ChannelKey("bot", "telegram"), [comer]))

    async def told() -> list[str | None]:
        known = await shop.store.read(find_conversation, "bot", "7")
        found = await shop.store.read(read_conversation, known.id)
        return [message["text"] for message in found.context["handover"]["messages"]]

    assert await told() == [f"old {CANARY}", "of late"]
    shop.now += 31 * DAY
    await shop.fade()
    assert await told() == ["of late"]
    shop.now += 60 * DAY
    await shop.fade()
    assert await told() == []
