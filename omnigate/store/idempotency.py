"""Idempotency keys: what was answered to a request is stored with what the request did.

The same key and body get the same answer, another body is refused.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, Generic, NamedTuple, TypeVar

from pydantic_core import from_json, to_json
from sqlalchemy import Connection, bindparam, select

from omnigate.errors import Refused
from omnigate.store.prepared import bulk_insert
from omnigate.store.schema import idempotency
from omnigate.store.transaction import Transaction, chunks

AnswerT = TypeVar("AnswerT", bound=tuple[Any, ...])


class IdempotencyKey(NamedTuple):
    """A caller's promise that two requests are the same one."""

    scope: str
    key: str
    fingerprint: str
    """Of the body: the same key with another body is a mistake."""


class KeyReused(Refused):
    """The idempotency key was used before, for another body."""

    def __init__(self) -> None:
        super().__init__(
            "idempotency_key_reused",
            "this Idempotency-Key was used for another body; take a new one",
        )


class Answers(Generic[AnswerT]):
    """The answers to the keys of one batch: given before, or in the batch itself."""

    def __init__(
        self,
        transaction: Transaction,
        shape: type[AnswerT],
        keys: Sequence[IdempotencyKey | None],
    ) -> None:
        """Load what was answered to the keys; ``shape`` is the named tuple that answers are."""
        self._transaction = transaction
        self._rows: list[dict[str, Any]] = []
        self._known: dict[tuple[str, str], tuple[str, AnswerT]] = {}
        by_scope: dict[str, list[str]] = {}
        for key in keys:
            if key is not None:
                by_scope.setdefault(key.scope, []).append(key.key)
        for scope, names in by_scope.items():
            for some in chunks(names):
                for row in transaction.connection.execute(_ANSWERS, {"scope": scope, "keys": some}):
                    answer = shape(*from_json(row.answer))
                    self._known[scope, row.key] = (row.fingerprint, answer)

    def given(self, key: IdempotencyKey | None) -> AnswerT | None:
        """Return the answer given for a key before, or None; raises `KeyReused` for another body."""
        known = None if key is None else self._known.get((key.scope, key.key))
        if key is None or known is None:
            return None
        fingerprint, answer = known
        if fingerprint != key.fingerprint:
            raise KeyReused
        return answer

    def remember(self, key: IdempotencyKey | None, answer: AnswerT) -> None:
        """Note the answer to a key; nothing to note without one."""
        if key is None:
            return
        self._known[key.scope, key.key] = (key.fingerprint, answer)
        self._rows.append(
            {
                "scope": key.scope,
                "key": key.key,
                "fingerprint": key.fingerprint,
                "answer": to_json(list(answer)).decode(),
                "created_at": self._transaction.now,
            }
        )

    def flush(self) -> None:
        """Write down what was noted."""
        _INSERT.run(self._transaction.connection, self._rows)
        self._rows = []


def read_answer(
    connection: Connection, key: IdempotencyKey, shape: type[AnswerT]
) -> AnswerT | None:
    """Return the answer given for an idempotency key; raises `KeyReused` for another body."""
    row = connection.execute(_ANSWERS, {"scope": key.scope, "keys": [key.key]}).first()
    if row is None:
        return None
    if row.fingerprint != key.fingerprint:
        raise KeyReused
    return shape(*from_json(row.answer))


_INSERT: Final = bulk_insert(idempotency)
_ANSWERS: Final = select(idempotency).where(
    idempotency.c.scope == bindparam("scope"),
    idempotency.c.key.in_(bindparam("keys", expanding=True)),
)
