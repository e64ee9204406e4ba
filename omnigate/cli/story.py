"""A customer's story as lines: what was said, called and done over all channels."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from omnigate.cli import terminal
from omnigate.cli.message import card_word

COLUMNS: Final = {"WHEN": "when", "CHANNEL": "channel", "WHAT": "what", "TEXT": "text"}
LONGEST_TEXT: Final = 300
"""Of a message, in characters: a story is skimmed."""

_IN: Final = "←"
_OUT: Final = "→"


def line(entry: Mapping[str, Any]) -> dict[str, Any]:
    """Return an entry of a timeline as a row of `COLUMNS`."""
    (data,) = entry["data"].values()
    told = _TOLD.get(entry["type"])
    return {
        "when": terminal.moment(entry["at"]),
        "channel": (entry["channel"] or {}).get("name"),
        "what": data["state"] if entry["type"] == "message" else _word(entry["type"]),
        "text": _cut(told(data)) if told is not None else "",
    }


def _word(kind: str) -> str:
    """Return what happened in a word: mostly what was done, as in ``conversation.closed``."""
    noun, _, verb = kind.partition(".")
    return noun if noun in ("reaction", "button") else (verb or noun)


def _cut(text: str) -> str:
    return text if len(text) <= LONGEST_TEXT else text[: LONGEST_TEXT - 1] + "…"


def _message(data: Mapping[str, Any]) -> str:
    is_ours = data["direction"] == "outbound"
    who = (data["author"] or {}).get("name") if is_ours else None
    said = [data["subject"], data["text"]]
    said += [f"[{file['name'] or file['kind']}]" for file in data["attachments"]]
    said += ["[location]"] if data["location"] else []
    said += [card_word(data["shared_contact"])] if data["shared_contact"] else []
    text = " ".join(part for part in said if part)
    error = f" ({data['error']})" if data["error"] else ""
    return f"{_OUT if is_ours else _IN} {f'{who}: ' if who else ''}{text}{error}"


def _call(data: Mapping[str, Any]) -> str:
    parts = [data["state"].replace("_", " ")]
    if data["talk_seconds"]:
        parts.append(f"talked {terminal.duration(data['talk_seconds'])}")
    elif data["callback_at"]:
        parts.append(f"at {terminal.moment(data['callback_at'])}")
    parts.append(f"by {data['agent']}" if data["agent"] else "")
    parts.append(data["error"] or "")
    return ", ".join(part for part in parts if part)


def _status(data: Mapping[str, Any]) -> str:
    return f"by {data['by']}" + _noted(data["note"])


def _transfer(data: Mapping[str, Any]) -> str:
    before = data["from_backend"]
    return f"{f'from {before} ' if before else ''}to {data['to_backend']}{_noted(data['note'])}"


def _rating(data: Mapping[str, Any]) -> str:
    return f"{_IN} {data['score']} of 5{_noted(data['comment'])}"


def _wait(data: Mapping[str, Any]) -> str:
    target = terminal.duration(data["target_seconds"])
    return f"nobody has answered within {target}, since {terminal.moment(data['since'])}"


def _reaction(data: Mapping[str, Any]) -> str:
    arrow = _OUT if data["by"] == "company" else _IN
    return f"{arrow} {' '.join(data['emoji']) or 'taken back'}"


def _button(data: Mapping[str, Any]) -> str:
    return f"{_IN} [{data['label'] or data['payload']}]"


def _contact(data: Mapping[str, Any]) -> str:
    parts = [", ".join(data["changed"])]
    parts.append(f"with {data['merged']}" if data["merged"] else "")
    parts.append(data["reason"] or "")
    return ": ".join(part for part in parts if part)


def _conflict(data: Mapping[str, Any]) -> str:
    return f"with {data['other']}: {data['reason']}"


def _noted(note: str | None) -> str:
    return f": {note}" if note else ""


_TOLD: Final[Mapping[str, Callable[[Mapping[str, Any]], str]]] = {
    "message": _message,
    "call": _call,
    "reaction.changed": _reaction,
    "button.pressed": _button,
    "conversation.started": _status,
    "conversation.closed": _status,
    "conversation.reopened": _status,
    "conversation.transferred": _transfer,
    "conversation.rated": _rating,
    "conversation.overdue": _wait,
    "contact.updated": _contact,
    "contact.merged": _contact,
    "contact.unmerged": _contact,
    "contact.blocked": _contact,
    "contact.unblocked": _contact,
    "contact.conflict": _conflict,
}
"""What of an entry is worth a line, by its type; a type that is not here is told by its word alone."""
