"""Holding calls of which nobody can tell what became of them, and telling the operator."""

from __future__ import annotations

import structlog

from omnigate.model.call import Call
from omnigate.store.callends import Held, hold_calls
from omnigate.store.store import Store

log = structlog.get_logger("calls")


async def hold_call(store: Store, name: str, held: Held) -> None:
    """Hold a call of a channel as unknown, at whatever stage it is; raises `StoreError`."""
    call = await store.writer.do(hold_calls, held)
    if call is not None:
        say_held(call, name, held.error)


def say_held(call: Call, name: str, why: str | None) -> None:
    """Tell the operator that a call is held, and what to do."""
    log.error(
        "nobody can tell what became of a call, so it is held",
        call=call.id,
        channel=name,
        error=why,
        remedy=f"find out, then: omnigate call resolve {call.id}",
    )
