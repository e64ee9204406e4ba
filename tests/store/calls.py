"""What happens to a call, as the store is told it: asked for, begun, heard of, answered."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

from omnigate.model.address import Address
from omnigate.model.call import Call, CallUpdate, CallWanted
from omnigate.store.callreads import read_call
from omnigate.store.callrequests import Asked, request_calls
from omnigate.store.dials import Claim, begin_dials
from omnigate.store.idempotency import IdempotencyKey
from omnigate.store.ingest import Intake, ingest
from omnigate.store.threads import ChannelKey
from tests.store.conftest import BEGIN, at

PHONE = ChannelKey("phone", "call", 10)
NUMBER = "+79161234567"
HOUR = 3_600_000


def asked(number: str = NUMBER, *, key: str | None = None, body: str = "x", **more: Any) -> Asked:
    """Return a wish for a call that expires after an hour."""
    wanted = CallWanted(number=number, **more)
    return Asked(
        PHONE,
        wanted,
        Address(f"tel:{number}"),
        expires_at=at(BEGIN + HOUR),
        callback_at=wanted.callback_at,
        key=IdempotencyKey("crm", key, body) if key else None,
    )


def request(desk: Any, **more: Any) -> Call:
    """Be somebody who wants a customer called; see `asked`."""
    call: Call = desk.run(request_calls, asked(**more))[0]
    return call


def dial(desk: Any, limit: int = 1) -> list[Call]:
    """Begin what is due, so many calls at most."""
    begun: list[Call] = desk.run(begin_dials, Claim("phone", limit))[0]
    return begun


def tell(desk: Any, call: Call, name: str, state: Any = None, **more: Any) -> Any:
    """Be the platform that says a step of a call, so many seconds after it was dialled."""
    seconds = more.pop("seconds", 0)
    update = CallUpdate(
        external_id=name,
        conversation=NUMBER,
        occurred_at=at(BEGIN) + timedelta(seconds=seconds),
        call=call.id,
        attempt=more.pop("attempt", call.attempt),
        state=state,
        **more,
    )
    (results,) = desk.run(ingest, Intake(PHONE, [update]))
    return results[0]


def now(desk: Any, call: Call) -> Call:
    """Return a call as it is now."""
    with desk.engine.begin() as connection:
        found = read_call(connection, call.id)
    assert found is not None
    return found.call


def events(desk: Any, prefix: str = "call.") -> list[tuple[str, str | None]]:
    """Return what was told of calls, in order: the type of each event, and of which leg it is."""
    rows = desk.rows("SELECT body FROM event_body ORDER BY position")
    envelopes = [json.loads(row.body) for row in rows]
    return [
        (known["type"], known["data"].get("call", {}).get("leg"))
        for known in envelopes
        if known["type"].startswith(prefix)
    ]


def types(desk: Any, prefix: str = "call.") -> list[str]:
    """Return the types of what was told, in order."""
    return [name for name, _ in events(desk, prefix)]


def answered(desk: Any, call: Call, talk_seconds: float = 60.0) -> None:
    """Tell all steps of a call that both answered."""
    tell(desk, call, "1", "agent_ringing", seconds=1)
    tell(desk, call, "2", "agent_answered", seconds=3)
    tell(desk, call, "3", "customer_ringing", seconds=4)
    tell(desk, call, "4", "customer_answered", seconds=9)
    tell(desk, call, "5", "bridged", seconds=10)
    tell(desk, call, "6", "completed", seconds=10 + talk_seconds, leg="customer", cause=16)
