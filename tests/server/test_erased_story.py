"""Erasing and telling what is known of a person beside messages: calls, links, what others know (S45)."""

from __future__ import annotations

import json
import secrets
from collections.abc import AsyncIterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import bindparam, select

import omnigate
from omnigate.store import callfade, callwishes, erase, handovers, told
from omnigate.store.callends import cancel_calls
from omnigate.store.contacts import Merge, merge
from omnigate.store.conversations import Transfer, transfer
from omnigate.store.dials import Claim, begin_dials
from omnigate.store.merging import ConflictRow, note_conflict
from omnigate.store.prune import Ages, prune
from omnigate.store.schema import handover
from omnigate.store.writer import Writer
from tests.server.test_people import Cut

pytestmark = pytest.mark.anyio

CANARY = "cAnary7Zanna"
STAYS = "stays-Borya"
DAY = 24 * 3600 * 1000
IN_FORTY_DAYS = Ages(*(0 for _ in Ages._fields))._replace(idempotency=-40 * DAY)
"""Forgets links as if so much time had gone by."""
NUMBER = "+79161234567"
ANOTHERS = "+79167654321"
"""A number that she typed, and that nobody has proven to be hers."""


class Phone(omnigate.CallChannel):
    """Admits everything; its desk does not run here, so nobody is rung. It has a recording."""

    kind = "call"

    def __init__(self) -> None:
        pass

    async def admit(self, wanted: omnigate.CallWanted) -> omnigate.Admission:
        until = datetime.now(UTC) + timedelta(hours=1)
        return omnigate.Admission(customer=omnigate.tel(wanted.number), expires_at=until)

    async def dial(self, call: omnigate.Call) -> Mapping[str, str]:
        return {}

    async def hang_up(self, call: omnigate.Call) -> None:
        return None

    def offer(self) -> omnigate.CallOffer:
        return omnigate.CallOffer(is_open=True, region="RU")

    async def fetch(self, attachment: omnigate.AttachmentRef) -> AsyncIterator[bytes]:
        yield f"{CANARY}'s voice".encode()


@pytest.fixture
async def world(world_with: Any, runner: Any) -> AsyncIterator[Any]:
    channels = [runner("app"), runner("other"), runner("phone", "call", channel=Phone())]
    async with world_with(channels=channels) as opened:
        yield opened


def found(directory: Path, *words: str) -> list[str]:
    """Return the files in which the person's name or number stands."""
    signs = [word.encode() for word in (words or (CANARY, NUMBER[1:]))]
    files = [path for path in sorted(directory.rglob("*")) if path.is_file()]
    return [path.name for path in files if any(sign in path.read_bytes() for sign in signs)]


async def contact_of(world: Any, address: str) -> str:
    status, page = await world.operate("GET", "/v1/contacts", params={"address": address})
    assert status == 200
    return str(page["items"][0]["id"])


async def ask(world: Any, method: str, path: str, body: Any, wanted: int) -> Any:
    status, answer = await world.operate(method, path, json=body)
    assert status == wanted, answer
    return answer


async def token(world: Any, who: str, *, channel: str) -> str:
    """Return what carries somebody from the app to another channel."""
    body = {"conversation": await world.conversation(who=who), "channels": [channel]}
    return str((await ask(world, "POST", "/v1/handovers", body, 201))["token"])


async def call(world: Any, number: str | None = NUMBER, **more: Any) -> str:
    body = {
        "number": number,
        "name": CANARY,
        "note": f"ask {CANARY} about the bike",
        "conversation": await world.conversation(who=CANARY),
        "client_ref": CANARY,
        "ip": "192.0.2.77",
        "site": f"https://{CANARY}.example",
        **more,
    }
    headers = {"Idempotency-Key": f"call-{body['name']}-{secrets.token_hex(4)}"}
    status, answer = await world.operate("POST", "/v1/calls", json=body, headers=headers)
    assert status == 202, answer
    return str(answer["id"])


async def step(world: Any, call_id: str, state: str, **more: Any) -> None:
    item = omnigate.CallUpdate(
        external_id=f"{call_id}-{state}",
        conversation=NUMBER,
        occurred_at=datetime.now(UTC),
        call=call_id,
        attempt=1,
        state=state,
        **more,
    )
    await world.inbox.put(world.channels["phone"].key, [item])


async def dial(world: Any) -> None:
    await world.store.writer.do(begin_dials, Claim("phone", 10))


async def live(world: Any) -> str:
    """Have somebody write, be called and recorded, and have others be told of it; return the contact."""
    page = omnigate.Context(page=f"https://shop.example/{CANARY}", title=f"The {CANARY} bike")
    for number in range(3):
        await world.receive(
            str(number), who=CANARY, text=f"{CANARY} said {number} {'x' * 700}", context=page
        )
    # Somebody else has brought the link along, twice, and was then handed on from elsewhere.
    for number, who in enumerate((CANARY, CANARY, "carl")):
        await world.receive(f"c-{number}", who="carl", text="by myself")
        brought = await token(world, who, channel="other")
        await world.receive(
            f"b-{number}", who=STAYS, channel="other", text=f"{STAYS} {number}", handover=brought
        )
    await token(world, CANARY, channel="other")
    called = await call(world)
    await dial(world)
    recording = omnigate.AttachmentRef(kind="audio", mime="audio/wav", ref={"file": "1"})
    await step(world, called, "completed", cause_text=CANARY, recording=recording)
    await call(world)
    await call(world, ANOTHERS)
    anna, phoned = (
        await contact_of(world, f"user:{CANARY}"),
        await contact_of(world, f"tel:{NUMBER}"),
    )
    await world.store.writer.do(merge, Merge(anna, phoned, note=f"{CANARY} said so"))
    _, shown = await world.operate("GET", f"/v1/calls/{called}")
    await world.services.media.open(shown["recording"]["id"])
    await ask(
        world,
        "PUT",
        f"/v1/contacts/{anna}/consents",
        {"address": f"tel:{NUMBER}", "state": "granted", "source": f"{CANARY} on the phone"},
        200,
    )
    await world.store.writer.do(
        transfer, Transfer(await world.conversation(who=CANARY), "crm", CANARY)
    )
    other = await contact_of(world, f"user:{STAYS}")

    def contradict(transaction: Any, items: Any) -> list[Any]:
        row = ConflictRow(anna, other, f"tel:{NUMBER}", f"{CANARY} too", None)
        return [
            note_conflict(transaction.connection, row, ([anna], [other]), transaction.now)
            for _ in items
        ]

    await world.store.writer.do(contradict, None)
    return anna


async def test_nothing_of_a_story_is_left_and_all_of_everybody_elses(
    world: Any, tmp_path: Path
) -> None:
    anna = await live(world)
    assert len(found(tmp_path)) > 1
    status, answer = await world.operate("DELETE", f"/v1/contacts/{anna}")
    assert status == 200
    assert (answer["calls"], answer["files"]) == (2, 1)
    assert found(tmp_path) == []
    assert found(tmp_path, STAYS)
    assert await world.operate("GET", "/admin/store/check") == (200, {"ok": True, "problems": []})
    _, page = await world.operate("GET", "/v1/calls")
    assert {one["state"] for one in page["items"]} == {"completed", "cancelled"}


async def test_whom_others_came_from_stays_known_and_nothing_else(world: Any) -> None:
    anna = await live(world)
    told_of = await world.conversation(who=CANARY)
    await world.operate("DELETE", f"/v1/contacts/{anna}")
    _, events = await world.operate("GET", "/v1/events", params={"limit": "200"})
    theirs = [
        event["conversation"]["context"]["handover"]
        for event in events["items"]
        if event["type"] == "message.received" and event["data"]["message"]["handover"]
    ]
    assert [known["conversation"] == told_of for known in theirs] == [True, True, False]
    assert [known["page"] for known in theirs] == [None] * 3
    carl = await world.conversation(who="carl")
    assert theirs[2]["conversation"] == carl


async def test_what_is_told_of_an_erased_call_later_names_nobody(
    world: Any, tmp_path: Path
) -> None:
    await world.receive("1", who=CANARY, text="call me")
    called = await call(world)
    await dial(world)
    for who in (f"user:{CANARY}", f"tel:{NUMBER}"):
        status, _ = await world.operate("DELETE", f"/v1/contacts/{await contact_of(world, who)}")
        assert status == 200
    recording = omnigate.AttachmentRef(kind="audio", mime="audio/wav", ref={"file": "1"})
    await step(world, called, "completed", talk_seconds=60.0, recording=recording)
    _, shown = await world.operate("GET", f"/v1/calls/{called}")
    assert (shown["state"], shown["customer"], shown["recording"]) == ("completed", "", None)
    assert found(tmp_path) == []


async def test_an_erased_call_that_was_to_be_tried_again_is_not(world: Any) -> None:
    await world.receive("1", who=CANARY, text="call me")
    called = await call(world)
    await dial(world)
    await world.operate("DELETE", f"/v1/contacts/{await contact_of(world, f'tel:{NUMBER}')}")
    again = datetime.now(UTC) + timedelta(minutes=1)
    await step(world, called, "customer_busy", retry_at=again)
    _, shown = await world.operate("GET", f"/v1/calls/{called}")
    assert shown["state"] == "cancelled"


async def test_what_was_told_elsewhere_goes_also_long_after_the_link_was_used(
    world: Any, tmp_path: Path
) -> None:
    """When the other conversation says by now that it comes from a third one."""
    anna = await live(world)
    await world.store.writer.do(prune, IN_FORTY_DAYS)
    await world.operate("DELETE", f"/v1/contacts/{anna}")
    assert found(tmp_path) == []


async def test_a_store_that_forgets_which_links_were_used_leaves_what_they_told(
    world: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The sabotage twin of the test above."""
    used_too = select(handover.c.id).where(
        handover.c.expires_at < bindparam("before"), bindparam("most") > 0
    )
    monkeypatch.setattr(handovers, "_EXPIRED", used_too)
    anna = await live(world)
    await world.store.writer.do(prune, IN_FORTY_DAYS)
    await world.operate("DELETE", f"/v1/contacts/{anna}")
    assert found(tmp_path) != []


async def test_a_call_that_somebody_erased_has_asked_for_stays_whose_number_it_is(
    world: Any, tmp_path: Path
) -> None:
    await world.receive("1", who=CANARY, text="call me")
    called = await call(world, ANOTHERS)
    await dial(world)
    await step(world, called, "customer_no_answer", cause_text=STAYS)
    theirs = {"name": STAYS, "note": f"{STAYS} asked too", "client_ref": STAYS, "site": None}
    await call(world, ANOTHERS, conversation=None, ip="192.0.2.1", **theirs)
    waiting = await call(world, ANOTHERS)
    phoned = await contact_of(world, f"tel:{ANOTHERS}")
    await world.operate("DELETE", f"/v1/contacts/{await contact_of(world, f'user:{CANARY}')}")
    assert found(tmp_path, CANARY, "192.0.2.77") == []
    _, shown = await world.operate("GET", f"/v1/calls/{called}")
    assert (shown["customer"], shown["cause_text"], shown["note"]) == (ANOTHERS, STAYS, None)
    _, gone = await world.operate("GET", f"/v1/calls/{waiting}")
    assert gone["state"] == "cancelled"
    _, contact = await world.operate("GET", f"/v1/contacts/{phoned}")
    assert (contact["display_name"], contact["phone"]) == (None, ANOTHERS)
    _, page = await world.operate("GET", "/v1/calls", params={"state": "requested"})
    assert [known["note"] for known in page["items"]] == [f"{STAYS} asked too"]


async def test_a_call_for_which_somebody_erased_was_named_is_found_without_a_conversation(
    world: Any, tmp_path: Path
) -> None:
    """The number stands in the profile only: it is nobody's address, so the call is with whoever has it."""
    await world.receive("1", who=CANARY, text="call me")
    anna = await contact_of(world, f"user:{CANARY}")
    await ask(world, "PATCH", f"/v1/contacts/{anna}", {"phone": ANOTHERS}, 200)
    await call(world, None, contact=anna, conversation=None)
    assert await contact_of(world, f"tel:{ANOTHERS}") != anna
    await world.operate("DELETE", f"/v1/contacts/{anna}")
    assert found(tmp_path, CANARY, "192.0.2.77") == []


@pytest.mark.parametrize("by", ["writing", "another"])
async def test_a_name_that_is_anothers_own_stays_theirs(
    world: Any, tmp_path: Path, by: str
) -> None:
    """She typed what they are called by their own word, or by somebody else's."""
    await world.receive("1", who=CANARY, text="call me")
    if by == "another":
        theirs = {"name": STAYS, "note": STAYS, "client_ref": STAYS, "site": None}
        await call(world, ANOTHERS, conversation=None, **theirs)
    await call(world, ANOTHERS, name=STAYS)
    phoned = await contact_of(world, f"tel:{ANOTHERS}")
    if by == "writing":
        await world.receive("2", who=STAYS, text="that is me")
        other = await contact_of(world, f"user:{STAYS}")
        await world.store.writer.do(merge, Merge(phoned, other))
    await world.operate("DELETE", f"/v1/contacts/{await contact_of(world, f'user:{CANARY}')}")
    _, contact = await world.operate("GET", f"/v1/contacts/{phoned}")
    assert contact["display_name"] == STAYS
    assert found(tmp_path, CANARY) == []


@pytest.mark.parametrize("winner", [CANARY, STAYS])
async def test_what_others_events_said_while_they_were_one_contact_goes_too(
    world: Any, tmp_path: Path, winner: str
) -> None:
    """Somebody took them for one, and parted them: each event of that time names the one that was left."""
    people = {}
    for number, who in enumerate((CANARY, STAYS)):
        await world.receive(str(number), who=who)
        people[who] = await contact_of(world, f"user:{who}")
    anna, other = people.values()
    await ask(world, "PATCH", f"/v1/contacts/{anna}", {"phone": NUMBER}, 200)
    first, second = (anna, other) if winner == CANARY else (other, anna)
    wish = {"contact": second, "note": f"{CANARY} said so"}
    await ask(world, "POST", f"/v1/contacts/{first}/merge", wish, 200)
    await world.receive("together", who=STAYS, text="I am another")
    _, page = await world.operate("GET", f"/v1/contacts/{first}/merges")
    wish = {"merge": page["items"][0]["merge"], "note": f"not {CANARY}"}
    await ask(world, "POST", f"/v1/contacts/{first}/unmerge", wish, 200)
    await world.receive("apart", who=STAYS, text="as I said")
    assert (await world.operate("DELETE", f"/v1/contacts/{anna}"))[0] == 200
    assert found(tmp_path) == []
    _, page = await world.operate("GET", "/v1/events", params={"types": "message.received"})
    theirs = [event for event in page["items"] if event["contact"]["id"] == other]
    texts = ["hello", "as I said"] if winner == CANARY else ["hello", "I am another", "as I said"]
    assert [event["data"]["message"]["text"] for event in theirs] == texts
    for event in theirs:
        assert event["contact"]["display_name"] == STAYS
        assert [known["address"] for known in event["contact"]["addresses"]] == [f"user:{STAYS}"]
    said = [event["data"]["message"]["text"] for event in page["items"]]
    assert said == [None, "hello", "I am another", "as I said"]


async def test_a_link_of_somebody_erased_leads_nowhere(world: Any) -> None:
    await world.receive("1", who=CANARY)
    brought = await token(world, CANARY, channel="other")
    await world.operate("DELETE", f"/v1/contacts/{await contact_of(world, f'user:{CANARY}')}")
    await world.receive("2", who=STAYS, channel="other", handover=brought)
    _, shown = await world.operate(
        "GET", f"/v1/conversations/{await world.conversation('other', STAYS)}"
    )
    assert shown["context"]["handover"] is None


STEPS = [
    cancel_calls,
    callfade.empty_calls,
    callwishes.hush_wishes,
    callwishes.forget_wishes,
    told.hush,
    told.write_unsaid,
    erase.end_erasure,
]


@pytest.mark.parametrize("committed", [False, True])
@pytest.mark.parametrize("step", STEPS)
async def test_an_erasure_cut_at_any_turn_leaves_nothing_when_asked_for_again(
    world: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: Any, committed: bool
) -> None:
    anna = await live(world)
    cut = Cut(step, 1, committed=committed)
    with monkeypatch.context() as broken:
        broken.setattr(Writer, "do", lambda writer, *given, **more: cut.do(writer, *given, **more))
        assert (await world.operate("DELETE", f"/v1/contacts/{anna}"))[0] == 503
    assert cut.is_done
    status, _ = await world.operate("DELETE", f"/v1/contacts/{anna}")
    assert status == (410 if committed and step is erase.end_erasure else 200)
    if status == 200:
        assert found(tmp_path) == []


def careless_calls(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(callfade, "blank_call", lambda call: call)


def careless_contexts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(told, "_SAYS_NOTHING", {})


def careless_records(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(told, "tellers_by_record", lambda connection, sources: set())


def careless_merges(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(erase, "forget_merges", lambda connection, contact_ids: None)


def careless_wishes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(callwishes, "calls_wished", lambda connection, person: [])


@pytest.mark.parametrize(
    "defect",
    [careless_calls, careless_contexts, careless_records, careless_merges, careless_wishes],
)
async def test_what_a_careless_erasure_leaves_of_a_story_is_found(
    world: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, defect: Any
) -> None:
    """The sabotage twins: the search of the test above sees what each of them leaves."""
    anna = await live(world)
    defect(monkeypatch)
    await world.operate("DELETE", f"/v1/contacts/{anna}")
    assert found(tmp_path) != []


async def test_an_export_tells_all_of_a_story(world: Any) -> None:
    anna = await live(world)
    async with world.admin.get(f"/admin/contacts/{anna}/export") as answer:
        lines = [json.loads(line) async for line in answer.content]
    sections: dict[str, list[Any]] = {}
    for line in lines:
        sections.setdefault(line["section"], []).append(line["item"])
    assert [known["state"] for known in sections["calls"]] == ["completed", "requested"]
    assert [known["wanted"]["name"] for known in sections["calls"]] == [CANARY, CANARY]
    assert [known["channels"] for known in sections["handovers"]] == [["other"]] * 3
    assert not any("token_sha256" in known for known in sections["handovers"])
    assert sections["waits"][0]["since"].startswith("20")
    (merged,) = sections["merges"]
    assert merged["addresses"] == [f"tel:{NUMBER}"]
    assert [known["address"] for known in sections["conflicts"]] == [f"tel:{NUMBER}"]
    granted = [known for known in sections["addresses"] if known["consent"]]
    assert [known["consent_source"] for known in granted] == [f"{CANARY} on the phone"]
    assert granted[0]["consent_at"].endswith("Z")
    assert [known["kind"] for known in sections["files"]] == ["audio"]
    assert [(known["number"], known["name"]) for known in sections["wishes"]] == [
        (ANOTHERS, CANARY)
    ]
    own = {known["id"] for known in sections["conversations"]}
    assert {known["conversation"] in own for known in sections["told"]} == {True}
    assert {known["told_in"] for known in sections["told"]}.isdisjoint(own)
    assert {known["page"] for known in sections["told"]} == {f"https://shop.example/{CANARY}"}
