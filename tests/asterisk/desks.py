"""A channel over the Asterisk under test, through the tap, and what it is asked and seen to do."""

from __future__ import annotations

import asyncio
import json
import os
import re
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import omnigate
from omnigate.testing import MemoryStore
from tests.asterisk.managertap import ManagerTap
from tests.asterisk.switch import Asterisk
from tests.asterisk.tap import Note, Tap
from tests.plugins.call.ari import LOGIN
from tests.plugins.call.desks import Desk, desk, until

AGENT = "PJSIP/agent"
TRUNK = "PJSIP/{number}@trunk"
THROUGH_DIAL_PLAN = "Local/{digits}@omnigate-out"
RING_SECONDS = 6
NOISE = frozenset({"ChannelVarset", "ChannelConnectedLine", "ChannelDialplan", "ChannelCallerId"})
MANAGER_NOISE = re.compile(
    r"VarSet|New(exten|ConnectedLine|Callerid)|Bridge(Create|Destroy)|DeviceStateChange|RTCP.*"
)
UNREAD = re.compile(
    r"Privilege|(Dest|Local(One|Two)|Source)?(CallerID|ConnectedLine|Language|AccountCode|Context|Exten"
    r"|Priority|ChannelStateDesc).*|Bridge(Type|Technology|Creator|Name|NumChannels|VideoSourceMode)"
)
"""Fields of each channel in each event that nobody reads."""
RECORDINGS = Path(__file__).parents[1] / "payloads" / "call"


def ari(url: str, endpoint: str = TRUNK) -> dict[str, Any]:
    """Return the table ``ari``."""
    return {
        "url": url,
        "username": LOGIN[0],
        "password": LOGIN[1],
        "customer_endpoint": endpoint,
    }


def ami(port: int, endpoint: str = TRUNK) -> dict[str, Any]:
    """Return the table ``ami``."""
    return {
        "host": "127.0.0.1",
        "port": port,
        "username": LOGIN[0],
        "password": LOGIN[1],
        "customer_endpoint": endpoint,
    }


@asynccontextmanager
async def ari_desk(
    tap: Tap, store: MemoryStore | None = None, *, endpoint: str = TRUNK, **more: Any
) -> AsyncIterator[Desk]:
    """Run a channel by ARI; leaving is the end of the daemon."""
    given = {"ring_seconds": RING_SECONDS, "retry_after_seconds": []} | more
    async with desk(tap, store, agents={"sales": AGENT}, ari=ari(tap.url, endpoint), **given) as at:
        yield at


@asynccontextmanager
async def ami_desk(
    asterisk: Asterisk,
    store: MemoryStore | None = None,
    *,
    tap: ManagerTap | None = None,
    endpoint: str = TRUNK,
    **more: Any,
) -> AsyncIterator[Desk]:
    """Run a channel by AMI, through the tap if there is one; leaving is the end of the daemon."""
    port = asterisk.ports.manager if tap is None else tap.port
    given: dict[str, Any] = {"ring_seconds": RING_SECONDS, "retry_after_seconds": []} | more
    async with desk(
        asterisk,
        store,
        driver="ami",
        agents={"sales": AGENT},
        ami=ami(port, endpoint),
        ari=None,
        **given,
    ) as at:
        yield at


async def is_idle(asterisk: Asterisk) -> None:
    """Wait until the switch has no channel any more."""
    await until(lambda: not asterisk.channels(), lambda: str(asterisk.channels()))


async def until_settled(at: Desk, call_id: str) -> None:
    """Wait until nothing is told of a call for a while: details of its other leg come late."""
    seen, since = at.call(call_id), asyncio.get_running_loop().time()
    while asyncio.get_running_loop().time() < since + 0.5:
        await asyncio.sleep(0.05)
        if at.call(call_id) != seen:
            seen, since = at.call(call_id), asyncio.get_running_loop().time()


async def ended(at: Desk, asterisk: Asterisk, call_id: str) -> omnigate.Call:
    """Wait until a call is over and nothing of it is left."""
    await at.is_over(call_id)
    await is_idle(asterisk)
    await until_settled(at, call_id)
    return at.call(call_id)


def named(case: str, endpoint: str) -> str:
    """Return what a case is called where the customer is called by an endpoint."""
    return case if endpoint == TRUNK else f"{case}_by_dial_plan"


def keep(case: str, asterisk: Asterisk, tap: Tap, call: Any) -> None:
    """Write down what went by, where the ordinary tests read it; only with ``RECORD`` set."""
    _keep(f"ari_{case}", asterisk, [note for note in tap.notes if not _is_noise(note)], call)


def keep_manager(case: str, asterisk: Asterisk, tap: ManagerTap, call: Any) -> None:
    """Write down what went by of what the driver reads, as `keep` does."""
    notes = [
        {what: {key: value for key, value in fields.items() if not UNREAD.fullmatch(key)}}
        for note in tap.notes
        for what, fields in note.items()
        if not MANAGER_NOISE.fullmatch(fields.get("Event", ""))
    ]
    _keep(f"ami_{case}", asterisk, notes, call)


def _keep(name: str, asterisk: Asterisk, notes: Sequence[Any], call: Any) -> None:
    if not os.environ.get("RECORD"):
        return
    release = asterisk.version.partition(".")[0]
    head = {
        "source": f"Asterisk {asterisk.version}, recorded {datetime.now(UTC):%Y-%m-%d} by make test-asterisk",
        "call": call.id,
        "ends": call.state,
    }
    lines = ",\n".join(json.dumps(note, ensure_ascii=False) for note in notes)
    text = f'{json.dumps(head)[:-1]}, "notes": [\n{lines}\n]}}\n'
    (RECORDINGS / f"{name}_{release}.json").write_text(text)


def _is_noise(note: Note) -> bool:
    """Tell whether an event is one of those that every channel has by the dozen and nobody reads."""
    return note.get("event", {}).get("type") in NOISE
