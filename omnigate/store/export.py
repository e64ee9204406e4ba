"""How an export shows what is kept of a person: rows as plain data, times as text."""

from __future__ import annotations

from typing import Any, Final

from pydantic_core import from_json

from omnigate.store.record import MEDIA_URL, time_text

_TIMES: Final = frozenset(
    {
        "created_at",
        "updated_at",
        "verified_at",
        "blocked_at",
        "erased_at",
        "expires_at",
        "waiting_since",
        "answered_at",
        "consent_at",
        "merged_at",
        "undone_at",
        "first_at",
        "last_at",
        "resolved_at",
        "used_at",
        "due_at",
        "cancel_asked_at",
        "ended_at",
        "overdue_at",
        "since",
    }
)
_LISTS: Final = ("addresses", "filled", "channels")
_HOSTS_OWN: Final = frozenset({"source", "failures", "retry_at", "sha256"})
"""Of a file: how the host gets at it, which says nothing of the person."""


def plain(row: Any) -> dict[str, Any]:
    """Return a row as plain data."""
    return {
        name: time_text(value) if name in _TIMES and value is not None else value
        for name, value in row._mapping.items()  # noqa: SLF001  # SQLAlchemy's public name for it
    }


def conversation_record(row: Any) -> dict[str, Any]:
    """Return a conversation."""
    known = plain(row)
    known["context"] = from_json(row.context)
    known["last_sequence"] = known.pop("next_sequence") - 1
    return known


def call_record(row: Any) -> dict[str, Any]:
    """Return a call as it is shown, with how it was asked for."""
    return {
        "conversation": row.conversation_id,
        "channel": row.channel,
        **from_json(row.body),
        "wanted": from_json(row.wanted),
    }


def wish_record(row: Any) -> dict[str, Any]:
    """Return how a call that is another's was asked for, and nothing of what became of it."""
    return {"call": row.id, "asked_at": time_text(row.created_at), **from_json(row.wanted)}


def listing_record(row: Any) -> dict[str, Any]:
    """Return a row with lists in it: a merge, a handover."""
    known = plain(row)
    lists: dict[str, Any] = {name: from_json(known[name]) for name in _LISTS if name in known}
    return {**known, **lists}


def file_record(row: Any) -> dict[str, Any]:
    """Return what is known of a file; its address is a placeholder for a signed one."""
    known = {name: value for name, value in plain(row).items() if name not in _HOSTS_OWN}
    return {**known, "url": MEDIA_URL + row.id}
