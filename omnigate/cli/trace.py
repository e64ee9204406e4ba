"""``omnigate message trace``: the way of one message, step by step."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any, Final

import typer

from omnigate import ids
from omnigate.cli import tables, terminal
from omnigate.cli.client import segment
from omnigate.cli.failure import WrongUsage
from omnigate.cli.options import AsJson, ConfigPath
from omnigate.cli.reach import store

_MOST_BODY_LINES: Final = 20


def trace(
    message: Annotated[
        str,
        typer.Argument(
            metavar="msg_…|evt_…", help="Identifier of a message, or of an event of it."
        ),
    ],
    config_path: ConfigPath = None,
    as_json: AsJson = False,
) -> None:
    """Show every step of one message, and what is still to come.

    What was said over HTTP is there for attempts that failed; [log] exchanges = "all" keeps the rest too.
    """
    if not (ids.is_id(message, "msg") or ids.is_id(message, "evt")):
        raise WrongUsage(
            f"{message} is no identifier of a message or an event.",
            "They begin with msg_ or evt_: see omnigate message list, omnigate events tail.",
        )
    with store(config_path) as client:
        answer = client.get(f"/admin/messages/{segment(message)}/trace")
    if as_json:
        terminal.say_json(answer)
        return
    terminal.say_fields(_heading(answer))
    terminal.say_title("Steps")
    for step in answer["steps"]:
        _say_step(step)
    if answer["is_cut"]:
        terminal.note("There is more than is shown.")
    _say_parts(answer)


def _heading(answer: dict[str, Any]) -> list[tuple[str, object]]:
    return [
        ("message", answer["message"]),
        ("direction", answer["direction"]),
        ("state", answer["state"]),
        ("channel", answer["channel"]),
        ("conversation", answer["conversation"]),
        ("external id", answer["external_id"]),
        ("known as", answer["known_as"]),
        ("created", terminal.moment(answer["created_at"])),
        ("expires", terminal.moment(answer["expires_at"])),
        ("sent by", answer["token"]),
        ("idempotency key", answer["idempotency_key"]),
        ("client ref", answer["client_ref"]),
        ("degraded", answer["degraded"]),
        ("error", answer["error"]),
    ]


def _say_parts(answer: dict[str, Any]) -> None:
    if answer["parts"]:
        terminal.say_title("Parts")
        columns = {
            "PART": "index",
            "STATE": "state",
            "EXTERNAL ID": "external_id",
            "TEXT": "text",
            "FILES": "attachments",
            "BUTTONS": "buttons",
            "ERROR": "error",
        }
        tables.say_table(columns, answer["parts"], "")
    if answer["files"]:
        terminal.say_title("Files")
        columns = {"ID": "id", "KIND": "kind", "NAME": "name", "STATE": "state", "ERROR": "error"}
        tables.say_table(columns, answer["files"], "")


def _say_step(step: dict[str, Any]) -> None:
    """Print a step as a line, and beneath it what was said over HTTP."""
    when = f"{terminal.moment(step['at']):<20}  {step['step']:<9}  "
    terminal.say(f"{when}{terminal.clean(_sentence(step))}".rstrip(), hang=len(when))
    for exchange in step["exchanges"]:
        for line in _exchange(exchange):
            terminal.put(f"    {line}")


def _sentence(step: dict[str, Any]) -> str:
    """Return what happened in a step, in words."""
    where = f"{step['direction']} {step['destination']}"
    what = f"#{step['delivery']} to {where}"
    if step["replay"]:
        what += ", replayed"
    match step["step"]:
        case "received" | "event":
            return _event(step)
        case "queued":
            return "by a call of the API, or a backend's answer"
        case "owed":
            return f"{what}: {step['event'] or 'the message'}"
        case "attempt":
            return f"{what}, attempt {step['number']}{_outcome(step)}"
        case "delivered":
            return f"{what}, attempt {step['number']}{_outcome(step)}"
        case "dead":
            why = f"{step['error']} ({step['reason']})" if step["error"] else step["reason"]
            return f"{what}{_tried(step)}: {why}"
        case "cancelled":
            return f"{what}{_tried(step)}{_by(step)}"
        case "dropped" | "replayed":
            return f"{what}{_by(step)}"
        case "receipt":
            return f"{step['state']} for {step['external_id']}, which no part bears yet"
        case "waiting":
            return f"{what}{_tried(step)}: {step['reason']}"
    return what


def _tried(step: dict[str, Any]) -> str:
    return f" after {terminal.amount(step['number'], 'attempt')}" if step["number"] else ""


def _by(step: dict[str, Any]) -> str:
    """Return who put an end to something."""
    match step["by"]:
        case None:
            return ""
        case "operator":
            return ", by the operator"
        case "erasure":
            return ", since the person was erased"
    return f", by a call of the API with the token {step['by']}"


def _event(step: dict[str, Any]) -> str:
    words = [step["type"], step["event"]]
    if step["sequence"] is not None:
        words.append(f"sequence {step['sequence']}")
    if step["occurred_at"] != step["at"]:
        words.append(f"(platform's clock: {terminal.moment(step['occurred_at'])})")
    return " ".join(words)


def _outcome(step: dict[str, Any]) -> str:
    parts = []
    if step["status"] is not None:
        parts.append(str(step["status"]))
    if step["duration_ms"] is not None:
        parts.append(f"in {step['duration_ms']} ms")
    outcome = f": {' '.join(parts)}" if parts else ""
    return f"{outcome}: {step['error']}" if step["error"] else outcome


def _exchange(said: dict[str, Any]) -> Iterator[str]:
    yield terminal.clean(f"{said['method']} {said['url']}")
    yield from _headers(">", said["request_headers"])
    if said["status"] is not None:
        yield f"< {said['status']} in {said['duration_ms']} ms"
        yield from _headers("<", said["response_headers"] or {})
    if said["error"]:
        yield terminal.clean(f"! {said['error']} (after {said['duration_ms']} ms)")
    body = (said["response_body"] or "").splitlines()
    for line in body[:_MOST_BODY_LINES]:
        yield f"| {terminal.clean(line)}"
    if len(body) > _MOST_BODY_LINES:
        more = terminal.amount(len(body) - _MOST_BODY_LINES, "more line")
        yield f"| … {more}: see --json"


def _headers(sign: str, headers: dict[str, str]) -> Iterator[str]:
    return (terminal.clean(f"{sign} {name}: {value}") for name, value in headers.items())
