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
    }
)
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


def file_record(row: Any) -> dict[str, Any]:
    """Return what is known of a file; its address is a placeholder for a signed one."""
    known = {name: value for name, value in plain(row).items() if name not in _HOSTS_OWN}
    return {**known, "url": MEDIA_URL + row.id}
