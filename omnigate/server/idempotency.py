"""The header by which a caller repeats a call without doing anything twice."""

from __future__ import annotations

import hashlib
import re
from typing import Final

from pydantic import BaseModel

from omnigate.server.operations import Call
from omnigate.server.problems import Denied
from omnigate.store.idempotency import IdempotencyKey

IDEMPOTENCY_HEADER: Final = (
    "Idempotency-Key",
    "Repeating a call with the same key and body within 48 hours does nothing twice.",
)
_KEY: Final = re.compile(r"[A-Za-z0-9_.:-]{1,255}")


def idempotency_key(call: Call, route: str, body: BaseModel | None) -> IdempotencyKey | None:
    """Return the key that a call came with, within its caller and route; raises 400 for a bad one."""
    given = call.request.headers.getall("Idempotency-Key", ())
    if not given:
        return None
    if len(given) != 1 or not _KEY.fullmatch(given[0]):
        raise Denied(
            400, "An Idempotency-Key has 1 to 255 characters of A-Z, a-z, 0-9, '_', '.', ':', '-'."
        )
    # Of what it says, not of how it is written: a retry may order its keys differently.
    said = b"" if body is None else body.model_dump_json(exclude_unset=True).encode()
    digest = hashlib.sha256(said).hexdigest()
    return IdempotencyKey(f"{call.caller.id} {route}", given[0], digest)
