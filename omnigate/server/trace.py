"""``/admin/messages/{id}/trace``: every step of one message, in the order of time."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from typing import Any, Final

from aiohttp import web
from pydantic_core import from_json
from sqlalchemy import Connection

from omnigate import ids, logs
from omnigate.server.holding import Held, Holder, holder, next_try
from omnigate.server.operations import Call, Operation
from omnigate.server.problems import Denied
from omnigate.server.traced import ExchangeShown, StepKind, Trace, TracedFile, TracedPart, TraceStep
from omnigate.store.record import time_text
from omnigate.store.schema import LEASED
from omnigate.store.streams import is_replay
from omnigate.store.trace import Traced, trace_event, trace_message


async def show(call: Call) -> web.StreamResponse:
    """Answer with every step of a message, or of the message that an event is about."""
    traced = await call.services.store.read(_read, call.id)
    if traced is None:
        raise Denied(404, "There is no such message or event; identifiers are msg_… and evt_….")
    return call.answer(_shown(call.id, traced, await holder(call.services)))


def _read(connection: Connection, wanted: str) -> Traced | None:
    if ids.is_id(wanted, "evt"):
        return trace_event(connection, wanted)
    return trace_message(connection, wanted)


def _shown(wanted: str, traced: Traced, holds: Holder) -> Trace:
    steps = sorted(_steps(traced, holds), key=_place)
    row = traced.message
    if row is None:
        return Trace(
            id=wanted,
            message=None,
            channel=traced.events[0].channel,
            conversation=traced.conversation_id,
            steps=steps,
            is_cut=traced.is_cut,
        )
    content = from_json(row.content) if row.content else {}
    call = traced.idempotency
    return Trace(
        id=wanted,
        message=row.id,
        direction=row.direction,
        state=row.state,
        channel=row.channel,
        conversation=row.conversation_id,
        external_id=row.external_id,
        known_as=traced.duplicate_key.external_id if traced.duplicate_key else None,
        created_at=time_text(row.created_at),
        expires_at=_moment(row.expires_at),
        token=call.scope.partition(" ")[0] if call else None,
        idempotency_key=call.key if call else None,
        client_ref=content.get("client_ref"),
        degraded=content.get("degraded") or [],
        error=_clean(row.error),
        parts=[_part(part) for part in traced.parts],
        files=[_file(file) for file in traced.files],
        steps=steps,
        is_cut=traced.is_cut,
    )


def _place(step: TraceStep) -> tuple[bool, str, int]:
    """Return where a step stands: by time, what is still to come at the end."""
    return step.step == "waiting", step.at or "", _AT_ONE_TIME.index(step.step)


def _steps(traced: Traced, holds: Holder) -> Iterator[TraceStep]:
    row = traced.message
    if row is not None and row.direction == "outbound" and row.content is not None:
        yield TraceStep(at=time_text(row.created_at), step="queued")
    for one in traced.events:
        yield TraceStep(
            at=time_text(one.recorded_at),
            step="received" if one.type == "message.received" else "event",
            event=one.id,
            type=one.type,
            sequence=one.sequence,
            occurred_at=time_text(one.occurred_at),
        )
    for early in traced.early:
        yield TraceStep(
            at=time_text(early.recorded_at),
            step="receipt",
            state=early.state,
            external_id=early.external_id,
            occurred_at=time_text(early.occurred_at),
            error=_clean(early.error),
        )
    yield from _deliveries(traced, holds)


def _deliveries(traced: Traced, holds: Holder) -> Iterator[TraceStep]:
    said: dict[tuple[int, int], list[ExchangeShown]] = defaultdict(list)
    for row in traced.exchanges:
        said[row.outbox_id, row.number].append(_exchange(row))
    about: dict[int, dict[str, Any]] = {}
    for row in (*traced.owed, *traced.done, *traced.dead):
        about[row.outbox_id] = _about(traced, row)
        yield TraceStep(at=time_text(row.created_at), step="owed", **about[row.outbox_id])
    for row in traced.attempts:
        yield TraceStep(
            at=time_text(row.at),
            step="attempt",
            number=row.number,
            status=row.status,
            duration_ms=row.duration_ms,
            error=_clean(row.error),
            exchanges=said.pop((row.outbox_id, row.number), []),
            **about[row.outbox_id],
        )
    errors = {row.outbox_id: row.error for row in traced.attempts if row.outcome == "dead"}
    for row in traced.done:
        yield _end(row, said.pop((row.outbox_id, row.attempts), []), about[row.outbox_id])
        if row.died_at is not None:
            yield _death(row, errors.get(row.outbox_id), about[row.outbox_id])
    for row in traced.dead:
        yield _death(row, row.error, about[row.outbox_id])
    for row in traced.owed:
        owner = traced.owners.get(row.destination_id)
        held = holds(owner) if owner else None
        yield TraceStep(
            at=next_try(row.run_at, held),
            step="waiting",
            number=row.attempts,
            reason=_why(row, owner.name if owner else "", held),
            **about[row.outbox_id],
        )


def _end(row: Any, said: list[ExchangeShown], about: dict[str, Any]) -> TraceStep:
    """Return how something ended: delivered, cancelled, or what was done about its dead letter."""
    return TraceStep(
        at=time_text(row.finished_at),
        step=row.outcome,
        number=row.attempts,
        status=row.status,
        duration_ms=row.duration_ms,
        by=row.ended_by,
        exchanges=said,
        **about,
    )


def _death(row: Any, error: str | None, about: dict[str, Any]) -> TraceStep:
    return TraceStep(
        at=time_text(row.died_at),
        step="dead",
        number=row.attempts,
        reason=row.reason,
        error=_clean(error),
        **about,
    )


def _about(traced: Traced, row: Any) -> dict[str, Any]:
    owner = traced.owners.get(row.destination_id)
    event_id = next((one.id for one in traced.events if one.position == row.position), None)
    return {
        "delivery": row.outbox_id,
        "direction": owner.direction if owner else None,
        "destination": owner.name if owner else None,
        "event": event_id,
        "replay": _is_again(traced, row) or None,
    }


def _is_again(traced: Traced, row: Any) -> bool:
    """Tell whether something was sent again: of ends that are noted without it, by what had ended before."""
    was_asked_for = is_replay(row.stream) if hasattr(row, "stream") else row.replay
    return was_asked_for or any(
        before.outcome == "replayed"
        and before.outbox_id < row.outbox_id
        and (before.destination_id, before.position, before.message_id)
        == (row.destination_id, row.position, row.message_id)
        for before in traced.done
    )


def _why(row: Any, name: str, held: Held | None) -> str:
    """Return why an item has not gone out yet, in words for the operator."""
    if held is not None and held.until is None and held.why not in ("open", "not_running"):
        return f"{name} {_clean(held.says)}"
    if row.ahead:
        return f"{row.ahead} before it in its conversation"
    if row.lane_state == LEASED:
        return "it is being tried now"
    if held is not None and held.why != "not_running":
        return f"{name} {_clean(held.says)}"
    return "it is to be tried again" if row.retrying else "its turn comes"


def _exchange(row: Any) -> ExchangeShown:
    return ExchangeShown(
        at=time_text(row.at),
        method=row.method,
        url=row.url,
        request_headers=from_json(row.request_headers),
        status=row.status,
        response_headers=from_json(row.response_headers) if row.response_headers else None,
        response_body=row.response_body,
        error=row.error,
        duration_ms=row.duration_ms,
    )


def _part(row: Any) -> TracedPart:
    body = from_json(row.body)
    return TracedPart(
        index=row.number,
        state=row.state,
        external_id=row.external_id,
        doubts=row.doubts,
        error=_clean(row.error),
        text=body.get("text"),
        buttons=sum(len(line) for line in body.get("buttons") or []),
        attachments=[file["id"] for file in body.get("attachments") or []],
    )


def _file(row: Any) -> TracedFile:
    return TracedFile(
        id=row.id,
        kind=row.kind,
        name=row.name,
        state=row.state,
        size_bytes=row.size_bytes,
        failures=row.failures,
        error=_clean(row.error),
        retry_at=_moment(row.retry_at),
    )


def _clean(text: str | None) -> str | None:
    """Return what a plugin or a platform said, without what looks like a credential."""
    return None if text is None else logs.cleaned(text)


def _moment(milliseconds: int | None) -> str | None:
    return None if milliseconds is None else time_text(milliseconds)


_AT_ONE_TIME: Final[tuple[StepKind, ...]] = (
    "queued",
    "received",
    "event",
    "replayed",
    "owed",
    "attempt",
    "receipt",
    "delivered",
    "dead",
    "cancelled",
    "dropped",
    "waiting",
)
"""The order of steps that bear the same time."""

OPERATIONS: Final = (
    Operation(
        method="GET",
        path="/admin/messages/{id}/trace",
        summary="Show every step of a message, or of the message that an event is about",
        run=show,
        scope="admin",
        answers=Trace,
        errors=(404,),
    ),
)
