"""The operator's lists over the admin socket: pages, chunks, and what is asked for wrongly."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

import omnigate
from omnigate.store.destinations import Name, register
from omnigate.store.lanes import Claim, claim
from omnigate.store.quarantined import Puzzle, keep
from omnigate.store.settling import Settlement, settle
from omnigate.store.transaction import Target
from omnigate.testing import FakeHost

pytestmark = pytest.mark.anyio


async def owe(world: Any, count: int) -> int:
    """Have the CRM be owed so many events and more; returns its number."""
    crm = await world.store.writer.do(register, Name("backend", "crm"))
    world.store.routing = lambda *about: [Target(crm.destination_id, ordered=True)]
    for number in range(count):
        await world.receive(f"{number}", who=f"w-{number % 50}")
    return int(crm.destination_id)


async def bury(world: Any, destination: int) -> None:
    writer = world.store.writer
    while leases := (await writer.do(claim, Claim(destination, 99, 99, 99, 60_000))).leases:
        for lease in leases:
            for item in lease.items:
                last = item is lease.items[-1]
                await writer.do(
                    settle, Settlement(lease, item, "dead", last=last, reason="x", error="no")
                )


async def walk(world: Any, path: str, **query: str) -> list[dict[str, Any]]:
    """Return all pages of a list, read in small ones."""
    items: list[dict[str, Any]] = []
    cursor: str | None = None
    while True:
        more = {"cursor": cursor} if cursor else {}
        status, page = await world.operate("GET", path, params={"limit": "7", **query, **more})
        assert status == 200, page
        items += page["items"]
        cursor = page["next"]
        if cursor is None:
            return items


async def work(world: Any, path: str, **selection: Any) -> tuple[int, int]:
    """Work through a selection; returns how much was done, in how many calls."""
    count = calls = 0
    after: int | None = 0
    while after is not None:
        status, answer = await world.operate("POST", path, json={**selection, "after": after})
        assert status == 200, answer
        count, calls, after = count + answer["count"], calls + 1, answer["next"]
    return count, calls


async def test_lists_come_in_pages_without_a_hole_or_a_repetition(world: Any) -> None:
    crm = await owe(world, 60)
    lanes = await walk(world, "/admin/queue")
    assert len({lane["conversation"] for lane in lanes}) == len(lanes) == 50
    items = await walk(world, "/admin/queue/items", to="crm")
    numbers = [item["id"] for item in items]
    assert numbers == sorted(set(numbers))
    assert len(numbers) == sum(lane["pending"] for lane in lanes)
    await bury(world, crm)
    dead = await walk(world, "/admin/dead")
    assert {letter["id"] for letter in dead} == set(numbers)
    assert await walk(world, "/admin/queue") == []
    for number in range(20):
        await world.store.writer.do(keep, Puzzle("app", "junk", "{}", b"%d" % number))
    kept = [item["id"] for item in await walk(world, "/admin/quarantine")]
    assert kept == sorted(set(kept), reverse=True)
    assert len(kept) == 20


async def test_work_on_many_is_done_in_chunks_and_ends(world: Any) -> None:
    crm = await owe(world, 470)
    await bury(world, crm)
    total = (await world.operate("POST", "/admin/dead/drop", json={"all": True, "dry_run": True}))[
        1
    ]["count"]
    assert total > 500
    assert await work(world, "/admin/dead/replay", to="crm") == (total, 2)
    assert (await work(world, "/admin/queue/drop", all=True))[0] == total
    assert await walk(world, "/admin/queue") == []
    for number in range(20):
        await world.store.writer.do(keep, Puzzle("app", "junk", "{}", b"%d" % number))
    assert await work(world, "/admin/quarantine/drop", channel="app", limit=8) == (20, 3)


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("POST", "/admin/dead/drop", {}, 422),
        ("POST", "/admin/dead/drop", {"all": True, "to": "crm"}, 422),
        ("POST", "/admin/dead/drop", {"ids": list(range(501))}, 422),
        ("POST", "/admin/dead/drop", {"ids": [2**63]}, 422),
        ("POST", "/admin/dead/drop", {"ids": [-1]}, 422),
        ("POST", "/admin/dead/drop", {"all": True, "limit": 501}, 422),
        ("POST", "/admin/queue/drop", {}, 422),
        ("POST", "/admin/queue/drop", {"to": "nobody"}, 404),
        ("POST", "/admin/quarantine/retry", {"ids": [1], "channel": "app"}, 422),
        ("POST", "/admin/replays", {"to": "crm", "since": "soon"}, 422),
        ("POST", "/admin/replays", {"to": "crm", "since": "2026-01-01T00:00:00Z", "rate": 0}, 422),
        ("POST", "/admin/replays", {"to": "nobody", "since": "2026-01-01T00:00:00Z"}, 404),
        ("POST", "/admin/replays/9/cancel", None, 404),
        ("GET", "/admin/replays/x", None, 404),
        ("GET", "/admin/dead/%00", None, 404),
        ("GET", "/admin/dead/99999999999999999999", None, 404),
        ("GET", "/admin/dead/9223372036854775808", None, 404),
        ("GET", "/admin/dead/\N{SUPERSCRIPT TWO}", None, 404),
        ("GET", "/admin/queue/items/-1", None, 404),
        ("GET", "/admin/queue?limit=201", None, 400),
        ("GET", "/admin/dead?cursor=W10", None, 400),
        ("GET", "/admin/quarantine?cursor=WyJ4Il0", None, 400),
    ],
)
async def test_what_is_asked_for_wrongly_is_refused(
    world: Any, method: str, path: str, body: Any, status: int
) -> None:
    options = {} if body is None else {"json": body}
    answered, problem = await world.operate(method, path, **options)
    assert answered == status, problem
    assert problem["detail"]


class Hooked(omnigate.WebhookChannel):
    """A platform whose words this version understands."""

    kind = "hooked"
    capabilities = omnigate.Capabilities()

    def authenticate(self, request: omnigate.Request) -> None:
        raise omnigate.Unauthorized("it was proven when it came")

    def parse(self, request: omnigate.Request) -> list[omnigate.Inbound]:
        return [
            omnigate.InboundMessage(
                external_id=request.body.decode(),
                conversation="1",
                occurred_at=datetime.now(UTC),
                sender=omnigate.Profile(address=omnigate.Address("user:1")),
                text=f"{request.query.get('q')} {request.headers.get('X-Secret')}",
            )
        ]

    async def send(self, part: omnigate.OutboundPart) -> omnigate.Sent:
        raise omnigate.Refused("no", "never")


KEPT = """{"method": "POST", "path": "/hook", "query": {"q": "(redacted)"}, "remote": null,
 "headers": {"x-secret": "(redacted)"}}"""


async def test_a_request_leaves_the_quarantine_only_after_it_is_stored(
    world_with: Any, runner: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    hooked = runner("hooked", channel=Hooked(omnigate.ChannelConfig(), FakeHost()))
    async with world_with(channels=[hooked]) as world:
        await world.store.writer.do(keep, Puzzle("hooked", "junk", KEPT, b"x-1"))
        retry = ("POST", "/admin/quarantine/retry")
        with monkeypatch.context() as patch:
            patch.setattr(world.inbox, "disk_is_low", lambda: True)
            assert (await world.operate(*retry, json={"all": True}))[0] == 503
        assert len(await walk(world, "/admin/quarantine")) == 1, "it is still there"
        # As if the daemon had died between the storing and the forgetting.
        await world.store.writer.do(keep, Puzzle("hooked", "junk", KEPT, b"x-1"))
        status, answer = await world.operate(*retry, json={"all": True})
        assert (status, answer["count"]) == (200, 1)
        await world.store.writer.do(keep, Puzzle("hooked", "junk", KEPT, b"x-1"))
        assert (await world.operate(*retry, json={"channel": "hooked"}))[1]["count"] == 1
        assert await walk(world, "/admin/quarantine") == []
        headers = await world.token("messages:read")
        (said,) = (await world.call("GET", "/v1/messages", headers=headers))[1]["items"]
        assert said["text"] == "None None", "what was left out is not there, rather than wrong"


async def test_none_of_it_is_served_to_the_world(world: Any) -> None:
    headers = await world.token("admin")
    for path in ("dead", "queue", "quarantine", "replays"):
        assert (await world.call("GET", f"/admin/{path}", headers=headers))[0] == 404


async def test_a_reason_that_nothing_died_of_is_answered_with_those_that_there_are(
    world: Any,
) -> None:
    """To the last page: that the call before took the last one with a reason makes it no typo."""
    await bury(world, await owe(world, 20))
    status, refused = await world.operate("GET", "/admin/dead", params={"reason": "typo"})
    assert status == 404
    assert refused["detail"] == (
        "No dead letter has the reason 'typo'; reasons are: attempts, expired, held_too_long,"
        " unknown, x."
    )
    assert await walk(world, "/admin/dead", reason="expired") == []
    letters = len(await walk(world, "/admin/dead", reason="x"))
    assert (await world.operate("POST", "/admin/dead/drop", json={"reason": "y"}))[0] == 404
    count, calls = 0, 0
    more: dict[str, int] = {}
    while True:
        body = {"reason": "x", "limit": letters // 2, **more}
        status, done = await world.operate("POST", "/admin/dead/drop", json=body)
        assert status == 200, done
        count, calls = count + done["count"], calls + 1
        if done["next"] is None:
            break
        more = {"after": done["next"]}
    assert (count, calls) == (letters, 3)
    assert (await world.operate("GET", "/admin/dead", params={"reason": "x"}))[0] == 404
