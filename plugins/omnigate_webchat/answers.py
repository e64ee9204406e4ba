"""Frames of ``omni.v1`` that answer a client's commands."""

from __future__ import annotations

from typing import Any, Literal

Frame = dict[str, Any]
"""A frame on its way to the client."""

ErrorCode = Literal[
    "bad_frame",
    "too_long",
    "rate",
    "token_expired",
    "forbidden",
    "busy",
    "not_found",
    "invalid_form",
    "confirm",
]


def ack(cid: str | None, seq: int | None, message: str | None, told: Frame | None = None) -> Frame:
    """Return the answer to a command that is on disk, with what else the command asked for."""
    return {"t": "ack", "cid": cid, "d": {"seq": seq, "id": message, **(told or {})}}


def error(
    code: ErrorCode,
    message: str,
    *,
    cid: str | None = None,
    retry_after_seconds: float | None = None,
    fields: dict[str, str] | None = None,
) -> Frame:
    """Return an error frame; ``fields`` says what is wrong with each field of a form."""
    data: Frame = {"code": code, "message": message}
    if retry_after_seconds is not None:
        data["retry_after_seconds"] = round(retry_after_seconds, 3)
    if fields is not None:
        data["fields"] = fields
    return {"t": "error", "d": data} if cid is None else {"t": "error", "cid": cid, "d": data}


class Refusal(Exception):
    """A command is refused; ``code`` and text go to the client."""

    def __init__(self, code: ErrorCode, message: str) -> None:
        super().__init__(message)
        self.code = code
