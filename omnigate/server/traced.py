"""How the way of a message is told: steps in the order of time, and what they were about."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel

StepKind = Literal[
    "received",
    "queued",
    "event",
    "owed",
    "attempt",
    "delivered",
    "dead",
    "cancelled",
    "dropped",
    "replayed",
    "receipt",
    "waiting",
]


class ExchangeShown(BaseModel):
    """What an attempt said over HTTP and was answered, secrets taken out."""

    at: str
    method: str
    url: str
    request_headers: dict[str, str]
    status: int | None
    """Null: there was no answer, see ``error``."""
    response_headers: dict[str, str] | None
    response_body: str | None
    """Its beginning, at most 2 KiB."""
    error: str | None
    duration_ms: int


class TraceStep(BaseModel):
    """One thing that happened, or that is still to come (``waiting``); what it has not is null."""

    at: str | None
    """When it happened; of what is to come, when it is tried next."""
    step: StepKind
    event: str | None = None
    type: str | None = None
    sequence: int | None = None
    delivery: int | None = None
    """The number under which something is owed to a destination: all its attempts bear it."""
    direction: str | None = None
    destination: str | None = None
    number: int | None = None
    """Which attempt it was, from 1; of an end, how many there were."""
    replay: bool | None = None
    """Sent again on the operator's request."""
    status: int | None = None
    duration_ms: int | None = None
    error: str | None = None
    reason: str | None = None
    """Why it is dead, or why it still waits."""
    by: str | None = None
    """Who cancelled, dropped or replayed it: ``operator``, the id of a token, or ``erasure``."""
    state: str | None = None
    external_id: str | None = None
    occurred_at: str | None = None
    """When it happened by the platform's clock."""
    exchanges: list[ExchangeShown] = []


class TracedPart(BaseModel):
    """One send that the message needs."""

    index: int
    state: str
    external_id: str | None
    doubts: int
    """How often it was begun without a result: it may have gone out."""
    error: str | None
    text: str | None
    buttons: int
    attachments: list[str]


class TracedFile(BaseModel):
    """A file of the message."""

    id: str
    kind: str
    name: str | None
    state: str
    size_bytes: int | None
    failures: int
    error: str | None
    retry_at: str | None


class Trace(BaseModel):
    """The way of a message, or of an event that is about none."""

    id: str
    message: str | None
    direction: str | None = None
    state: str | None = None
    channel: str | None = None
    conversation: str | None = None
    external_id: str | None = None
    known_as: str | None = None
    """The id by which a repetition of the platform's is recognised."""
    created_at: str | None = None
    expires_at: str | None = None
    token: str | None = None
    """Of the call that queued it, where that had an Idempotency-Key; ``reply``: a backend's answer."""
    idempotency_key: str | None = None
    client_ref: str | None = None
    degraded: list[str] = []
    error: str | None = None
    parts: list[TracedPart] = []
    files: list[TracedFile] = []
    steps: list[TraceStep]
    is_cut: bool
    """There is more than is shown."""
