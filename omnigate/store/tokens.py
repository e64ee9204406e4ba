"""API tokens: ``og_<id>_<secret>``. Only the id and a SHA-256 of the whole are stored."""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
from collections.abc import Sequence
from typing import Any, Final, Literal, NamedTuple, get_args

from sqlalchemy import Connection, insert, select, update

from omnigate.store.schema import token
from omnigate.store.transaction import Transaction

Scope = Literal[
    "messages:send",
    "messages:read",
    "contacts:write",
    "calls",
    "events:read",
    "media",
    "admin",
]
SCOPES: Final[tuple[str, ...]] = get_args(Scope)


class NewToken(NamedTuple):
    """A token to make."""

    name: str
    scopes: Sequence[str]
    channels: Sequence[str] | None = None
    """Names of the channels it may see; None: all."""
    expires_at: int | None = None


class Grant(NamedTuple):
    """What a token may do."""

    id: str
    name: str
    scopes: frozenset[str]
    channels: frozenset[str] | None
    created_at: int
    expires_at: int | None
    last_used_at: int | None
    revoked_at: int | None


def create(transaction: Transaction, items: Sequence[NewToken]) -> list[tuple[str, Grant]]:
    """Make tokens; the clear text is returned once and stored nowhere."""
    made = []
    for item in items:
        token_id = secrets.token_hex(6)
        clear = f"og_{token_id}_{base64.urlsafe_b64encode(secrets.token_bytes(32)).decode().rstrip('=')}"
        transaction.connection.execute(
            insert(token).values(
                id=token_id,
                name=item.name,
                sha256=_digest(clear),
                scopes=" ".join(item.scopes),
                channels=None if item.channels is None else " ".join(item.channels),
                created_at=transaction.now,
                expires_at=item.expires_at,
            )
        )
        row = transaction.connection.execute(select(token).where(token.c.id == token_id)).one()
        made.append((clear, _grant(row)))
    return made


def revoke(transaction: Transaction, items: Sequence[str]) -> list[bool]:
    """Revoke tokens by id; False where there is none in force."""
    return [
        transaction.connection.execute(
            update(token)
            .where(token.c.id == token_id, token.c.revoked_at.is_(None))
            .values(revoked_at=transaction.now)
        ).rowcount
        == 1
        for token_id in items
    ]


def note_used(transaction: Transaction, items: Sequence[str]) -> list[None]:
    """Note that tokens are in use."""
    transaction.connection.execute(
        update(token).where(token.c.id.in_(set(items))).values(last_used_at=transaction.now)
    )
    return [None] * len(items)


def find(connection: Connection, clear: str, now: int) -> Grant | None:
    """Return what a token grants; None when it is unknown, wrong, expired or revoked."""
    kind, _, rest = clear.partition("_")
    token_id = rest.partition("_")[0]
    if kind != "og" or not token_id.isascii():
        return None
    row = connection.execute(select(token).where(token.c.id == token_id)).first()
    digest = _digest(clear)
    if not hmac.compare_digest(digest, row.sha256 if row else digest[::-1]) or row is None:
        return None
    if row.revoked_at is not None or (row.expires_at is not None and row.expires_at <= now):
        return None
    return _grant(row)


def list_tokens(connection: Connection) -> list[Grant]:
    """Return all tokens, the newest first."""
    rows = connection.execute(select(token).order_by(token.c.created_at.desc(), token.c.id))
    return [_grant(row) for row in rows]


def _digest(clear: str) -> str:
    return hashlib.sha256(clear.encode("utf-8", "surrogatepass")).hexdigest()


def _grant(row: Any) -> Grant:
    return Grant(
        row.id,
        row.name,
        frozenset(row.scopes.split()),
        None if row.channels is None else frozenset(row.channels.split()),
        row.created_at,
        row.expires_at,
        row.last_used_at,
        row.revoked_at,
    )
