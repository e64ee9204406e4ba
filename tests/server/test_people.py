"""Erasing and telling what is known of a person, and what a careless erasure would leave (S45)."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import bindparam, func, select

import omnigate
from omnigate.flow.erasure import Erasure
from omnigate.flow.shelf import Shelf
from omnigate.model.attachment import AttachmentRef
from omnigate.store import discarding, emptying, engine, erase, person, unqueue
from omnigate.store.contacts import Merge, merge
from omnigate.store.lanes import Claim, claim
from omnigate.store.quarantined import Puzzle, keep
from omnigate.store.schema import attachment, contact, delivery_done, event, lane, message, outbox
from omnigate.store.settling import Settlement, settle
from omnigate.store.transaction import Target
from omnigate.store.writer import Writer

pytestmark = pytest.mark.anyio

CANARY = "cAnary7Zanna"
STAYS = "stays-Borya"


def found(directory: Path, canary: str = CANARY) -> list[str]:
    """Return the files below a directory that a text stands in: database, its log, attachments."""
    files = [path for path in sorted(directory.rglob("*")) if path.is_file()]
    return [path.name for path in files if canary.encode() in path.read_bytes()]


async def write(world: Any, number: int, who: str = CANARY, **more: Any) -> Any:
    return await world.receive(
        f"{number}-{who[:2]}", who=who, text=f"{who} said {number} {'x' * 700}", **more
    )


async def backend(world: Any) -> int:
    """Have every event be owed to the backend, which nobody works on."""
    crm = world.services.destinations()[0].health.destination_id
    world.store.routing = lambda channel, event_type, owner: [Target(crm, ordered=True)]
    return int(crm)


async def contact_of(world: Any, who: str = CANARY) -> str:
    status, page = await world.operate("GET", "/v1/contacts", params={"address": f"user:{who}"})
    assert status == 200
    return str(page["items"][0]["id"])


async def send(world: Any, text: str, who: str = CANARY, **more: Any) -> str:
    to = {"conversation": await world.conversation(who=who)}
    status, answer = await world.operate(
        "POST", "/v1/messages", json={"to": to, "text": text, **more}
    )
    assert status == 202, answer
    return str(answer["id"])


async def upload(world: Any, text: str) -> str:
    status, answer = await world.operate(
        "POST", "/v1/media", params={"name": f"{text[:20]}.txt"}, data=text.encode() * 20
    )
    assert status == 201
    return str(answer["id"])


async def live(world: Any) -> str:
    """Have two people write and be answered; return the contact of the one to be erased."""
    await backend(world)
    for number in range(20):
        await write(world, number)
        await write(world, number, STAYS)
    await send(world, f"for {CANARY}", attachments=[{"id": await upload(world, f"{CANARY} file")}])
    await send(world, "for somebody", STAYS)
    return await contact_of(world)


async def erased(world: Any, who: str) -> dict[str, Any]:
    status, answer = await world.operate("DELETE", f"/v1/contacts/{who}")
    assert status == 200, answer
    return dict(answer)


async def test_nothing_is_left_of_who_was_erased_and_all_of_everybody_else(world, tmp_path):
    who = await live(world)
    assert len(found(tmp_path)) > 1
    answer = await erased(world, who)
    assert answer["contact"] == who
    assert (answer["messages"], answer["files"]) == (21, 1)
    assert found(tmp_path) == []
    assert found(tmp_path, STAYS)
    sound = await world.operate("GET", "/admin/store/check")
    assert sound == (200, {"ok": True, "problems": []})


def careless_events(monkeypatch):
    monkeypatch.setattr(
        person, "blanked", lambda rows: [erase.Blanked(row.position, row.body) for row in rows]
    )


def careless_files(monkeypatch):
    monkeypatch.setattr(Shelf, "discard", lambda self, sha256: None)


def careless_log(monkeypatch):
    async def truncate_log(self):
        return True

    monkeypatch.setattr(Writer, "truncate_log", truncate_log)


def careless_messages(monkeypatch):
    monkeypatch.setattr(emptying, "blank_message", lambda content: content)


def careless_profile(monkeypatch):
    query = select(contact.c.id).where(contact.c.id.in_(erase._IDS), bindparam("now") < 0)
    monkeypatch.setattr(erase, "_FORGET_PROFILE", query)


@pytest.mark.parametrize(
    "defect", [careless_events, careless_files, careless_log, careless_messages, careless_profile]
)
async def test_what_a_careless_erasure_leaves_is_found(world, tmp_path, monkeypatch, defect):
    """The sabotage twins: the search of the test above sees what each of them leaves."""
    who = await live(world)
    defect(monkeypatch)
    await erased(world, who)
    assert found(tmp_path) != []


async def test_deleted_text_that_is_not_overwritten_is_found(world_with, tmp_path, monkeypatch):
    """The sabotage twin of ``secure_delete``."""
    pragmas = (*engine._WRITER_PRAGMAS, "PRAGMA secure_delete=OFF")
    monkeypatch.setattr(engine, "_WRITER_PRAGMAS", pragmas)
    async with world_with() as world:
        who = await live(world)
        await erased(world, who)
        assert found(tmp_path) != []


async def test_contacts_that_were_merged_are_erased_together(world, tmp_path):
    who = await live(world)
    await write(world, 50, f"{CANARY}-too")
    other = await contact_of(world, f"{CANARY}-too")
    await world.store.writer.do(merge, Merge(who, other))
    assert (await erased(world, other))["contact"] == who
    assert found(tmp_path) == []


async def test_what_quarantine_keeps_of_a_person_goes_too(world, tmp_path):
    who = await live(world)
    await world.store.writer.do(keep, Puzzle("app", "odd", "{}", f'{{"from":"{CANARY}"}}'.encode()))
    await world.store.writer.do(keep, Puzzle("app", "odd", "{}", STAYS.encode()))
    assert (await erased(world, who))["quarantined"] == 1
    assert found(tmp_path) == []
    assert await world.stored("quarantine") == 1


async def test_what_quarantine_keeps_of_a_number_goes_however_it_is_written(world):
    """Over SMPP a number comes without its plus, in a form in percent-encoding."""
    await write(world, 1, "+79161234567")
    who = await contact_of(world, "+79161234567")
    for body in (b"\0\1\x0179161234567\0\1", b"from=%2B79161234567", b'{"to":"+79161234567"}'):
        await world.store.writer.do(keep, Puzzle("app", "odd", "{}", body))
    await world.store.writer.do(keep, Puzzle("app", "odd", "{}", b"from=79169999999"))
    assert (await erased(world, who))["quarantined"] == 3
    assert await world.stored("quarantine") == 1


async def test_a_file_that_others_got_too_stays(world, tmp_path):
    who = await live(world)
    await write(world, 50, STAYS)
    brochure = await upload(world, "a brochure")
    again = await upload(world, f"the same bytes as {CANARY}'s")
    await send(world, "see", attachments=[{"id": brochure}])
    await send(world, "see", STAYS, attachments=[{"id": brochure}])
    await send(world, "see", attachments=[{"id": again}])
    twin = await upload(world, f"the same bytes as {CANARY}'s")
    await erased(world, who)
    for kept in (brochure, twin):
        status, shown = await world.operate("GET", f"/v1/media/{kept}")
        assert (status, shown["state"]) == (200, "ready")
        assert world.services.media._shelf.path(shown["sha256"]).is_file()
    assert (await world.operate("GET", f"/v1/media/{again}"))[0] == 404


async def test_an_attempt_under_way_cannot_bring_anything_back(world, tmp_path):
    who = await live(world)
    crm = await backend(world)
    wanted = Claim(crm, lanes=10, retrying=10, depth=8, lease_ms=60_000)
    claimed = await world.store.writer.do(claim, wanted)
    theirs = [lease for lease in claimed.leases if CANARY in lease.items[0].body]
    assert theirs
    await erased(world, who)
    held = [
        await world.store.writer.do(
            settle, Settlement(lease, lease.items[0], "retry", last=True, error=CANARY)
        )
        for lease in theirs
    ]
    assert held == [False] * len(theirs)
    assert found(tmp_path) == []
    assert await _count(world, select(func.sum(lane.c.pending))) == await world.stored("outbox")
    left = select(func.count()).select_from(
        outbox.join(event, event.c.position == outbox.c.position)
    )
    assert await _count(world, left.where(event.c.type == "contact.erased")) == 1
    done = select(func.count()).where(delivery_done.c.outcome == "cancelled")
    assert await _count(world, done) == 22


async def test_messages_that_were_not_sent_have_failed(world):
    who = await live(world)
    await erased(world, who)
    states = select(func.count()).where(message.c.direction == "outbound")
    assert await _count(world, states.where(message.c.state == "queued")) == 1
    assert await _count(world, states.where(message.c.state == "failed")) == 1


async def test_whoever_writes_while_being_erased_is_somebody_new(world, tmp_path):
    """Messages come in between all steps; what was said before is gone, what is said then is not."""
    who = await live(world)
    stop = asyncio.Event()

    async def write_on() -> int:
        number = 1000
        while not stop.is_set():
            await write(world, number)
            number += 1
        return number

    writing = asyncio.create_task(write_on())
    await erased(world, who)
    stop.set()
    await writing
    now = await contact_of(world)
    assert now != who
    status, page = await world.operate("GET", f"/v1/contacts/{who}/timeline")
    assert status == 410
    for conversation in await _conversations(world, who):
        status, page = await world.operate("GET", f"/v1/conversations/{conversation}/messages")
        assert status == 200
        assert CANARY not in json.dumps(page)


async def test_an_erasure_that_was_cut_short_is_finished_by_the_next(world, tmp_path, monkeypatch):
    who = await live(world)
    with monkeypatch.context() as broken:

        async def fail(self, known, done, tell):
            raise omnigate.StoreError("the disk is full")

        broken.setattr(Erasure, "_blank", fail)
        status, _ = await world.operate("DELETE", f"/v1/contacts/{who}")
        assert status == 503
    assert found(tmp_path) != []
    await erased(world, who)
    assert found(tmp_path) == []
    assert await _count(world, select(func.count()).where(event.c.type == "contact.erased")) == 1


async def with_a_picture(world: Any) -> str:
    """Have a person live, and send a file that was fetched since."""

    class Quick(omnigate.Channel):
        async def send(self, part):
            raise NotImplementedError

        async def fetch(self, attachment):
            yield f"{CANARY}'s picture".encode()

    who = await live(world)
    picture = AttachmentRef(kind="file", mime="text/plain", ref={"file": "1"})
    await write(world, 21, attachments=[picture])
    world.channels["app"].channel = Quick.__new__(Quick)
    waiting = select(attachment.c.id).where(attachment.c.state == "pending")
    await world.services.media.open(
        await world.store.read(lambda connection: connection.scalar(waiting))
    )
    return who


class Cut:
    """Cuts an erasure short at the n-th turn of one sort: before its COMMIT, or right after it."""

    def __init__(self, step: Any, number: int, *, committed: bool) -> None:
        self.is_done = False
        self._step, self._left, self._committed = step, number, committed
        self._do = Writer.do

    async def do(self, writer: Writer, work: Any, item: Any, **more: Any) -> Any:
        self._left -= work is self._step
        if self.is_done or self._left:
            return await self._do(writer, work, item, **more)
        self.is_done = True
        result = await self._do(writer, work if self._committed else self._undone, item, **more)
        raise omnigate.StoreError(f"the power is gone; {result} was committed")

    def _undone(self, transaction: Any, items: Any) -> Any:
        self._step(transaction, items)
        raise omnigate.StoreError("the power is gone")


STEPS = [
    (erase.remove_person, 1),
    (unqueue.empty_lanes, 1),
    (discarding.drop_files, 1),
    (discarding.drop_files, 2),
    (emptying.empty_messages, 1),
    (erase.write_blanked, 1),
    (erase.end_erasure, 1),
]


@pytest.mark.parametrize("committed", [False, True])
@pytest.mark.parametrize(("step", "number"), STEPS)
async def test_an_erasure_cut_at_any_turn_leaves_nothing_when_asked_for_again(
    world, tmp_path, monkeypatch, step, number, committed
):
    """What a turn did on disk stays, what it did in the store does not, as when power fails."""
    who = await with_a_picture(world)
    cut = Cut(step, number, committed=committed)
    with monkeypatch.context() as broken:
        broken.setattr(Writer, "do", lambda writer, *given, **more: cut.do(writer, *given, **more))
        status, _ = await world.operate("DELETE", f"/v1/contacts/{who}")
    assert cut.is_done
    assert status == 503
    status, _ = await world.operate("DELETE", f"/v1/contacts/{who}")
    assert status == (410 if committed and step is erase.end_erasure else 200)
    if status == 200:
        assert found(tmp_path) == []
    assert [path.name for path in (tmp_path / "files").rglob("*") if path.is_file()] == []
    assert (await world.operate("GET", "/admin/store/check"))[1]["ok"]


async def test_bytes_that_are_left_for_a_later_turn_are_found(world, tmp_path, monkeypatch):
    """The sabotage twin: rows first, bytes later, and the power fails in between."""
    who = await with_a_picture(world)
    with monkeypatch.context() as broken:
        broken.setattr(Shelf, "discard", lambda self, sha256: None)
        cut = Cut(emptying.empty_messages, 1, committed=False)
        broken.setattr(Writer, "do", lambda writer, *given, **more: cut.do(writer, *given, **more))
        assert (await world.operate("DELETE", f"/v1/contacts/{who}"))[0] == 503
    await erased(world, who)
    assert len(found(tmp_path)) == 2


async def test_who_is_erased_twice_at_once_is_told_of_once(world):
    who = await live(world)
    both = await asyncio.gather(*(world.operate("DELETE", f"/v1/contacts/{who}") for _ in range(2)))
    assert {status for status, _ in both} <= {200, 410}
    assert await _count(world, select(func.count()).where(event.c.type == "contact.erased")) == 1


async def test_a_file_that_comes_after_its_message_was_erased_is_not_kept(world, tmp_path):
    """Fetching takes its time; meanwhile the message is gone."""
    arrived, go_on = asyncio.Event(), asyncio.Event()

    class Slow(omnigate.Channel):
        async def send(self, part):
            raise NotImplementedError

        async def fetch(self, attachment):
            yield CANARY.encode()
            arrived.set()
            await go_on.wait()
            yield b" the rest"

    await backend(world)
    file = AttachmentRef(kind="file", mime="text/plain", ref={"file": "1"})
    await write(world, 1, attachments=[file])
    world.channels["app"].channel = Slow.__new__(Slow)
    who = await contact_of(world)
    fetching = asyncio.create_task(world.operate("GET", await _address(world)))
    await asyncio.wait_for(arrived.wait(), 10)
    await erased(world, who)
    go_on.set()
    assert (await fetching)[0] == 404
    assert found(tmp_path) == []


async def test_a_token_for_some_channels_erases_nobody_known_elsewhere(world):
    await backend(world)
    await write(world, 1)
    await write(world, 2, channel="other")
    who = await contact_of(world)
    narrow = await world.token("contacts:write", channels=["app"])
    status, problem = await world.call("DELETE", f"/v1/contacts/{who}", headers=narrow)
    assert (status, problem["status"]) == (403, 403)
    blind = await world.token("contacts:write", channels=["elsewhere"])
    assert (await world.call("DELETE", f"/v1/contacts/{who}", headers=blind))[0] == 404
    reader = await world.token("messages:read")
    assert (await world.call("DELETE", f"/v1/contacts/{who}", headers=reader))[0] == 403
    wide = await world.token("contacts:write")
    assert (await world.call("DELETE", f"/v1/contacts/{who}", headers=wide))[0] == 200
    assert (await world.call("DELETE", f"/v1/contacts/{who}", headers=wide))[0] == 410


async def test_an_erased_conversation_takes_no_answers(world):
    who = await live(world)
    conversation = await world.conversation(who=CANARY)
    await erased(world, who)
    status, problem = await world.operate(
        "POST", "/v1/messages", json={"to": {"conversation": conversation}, "text": "hello?"}
    )
    assert (status, problem["code"]) == (410, "gone")


async def test_nobody_gets_into_an_erased_conversation_by_naming_it(world):
    """Its id is no secret; what the platform's id was replaced by is."""
    who = await live(world)
    conversation = await world.conversation(who=CANARY)
    await erased(world, who)
    for name in (conversation, f"erased:{conversation}"):
        await write(world, 99, f"{name}-stranger", conversation=name)
        status, shown = await world.operate(
            "GET", f"/v1/conversations/{await world.conversation(who=name)}"
        )
        assert status == 200
        assert shown["id"] != conversation
        assert shown["contact"]["id"] != who


async def test_what_is_remembered_of_an_erased_person_is_forgotten_too(world):
    """The writer's memory of conversations must not bring a name back into an envelope."""
    who = await live(world)
    await erased(world, who)
    await world.receive("after", who=CANARY, text="again")

    def people(connection: Any) -> list[Any]:
        return list(connection.execute(select(contact).where(contact.c.id == who)))

    (row,) = await world.store.read(people)
    assert (row.display_name, row.email, row.phone) == (None, None, None)


async def _count(world: Any, query: Any) -> int:
    return int(await world.store.read(lambda connection: connection.scalar(query) or 0))


async def _conversations(world: Any, who: str) -> list[str]:
    found = await world.store.read(person.read_person, who)
    return [row.id for row in found.conversations]


async def _address(world: Any) -> str:
    """Return path and query of the signed address of the only file."""
    status, page = await world.operate("GET", "/v1/messages")
    assert status == 200
    url = str(page["items"][0]["attachments"][0]["url"])
    return "/media/" + url.partition("/media/")[2]
