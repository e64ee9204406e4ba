"""What is found on a disk after the power came back, beside what had been acknowledged."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError

from omnigate.errors import StoreError
from omnigate.store.engine import open_writer
from omnigate.store.migrate import upgrade
from omnigate.store.soundness import find_problems
from proofs.power.recording import Acknowledged

STORE: Final = "data/store.db"
FILES: Final = "data/files"


@dataclass(slots=True)
class Verdict:
    """What became of everything."""

    lost: list[str] = field(default_factory=list)
    """What was acknowledged and is not there as it should be."""
    corrupt: list[str] = field(default_factory=list)
    """What is wrong with the store, whatever was acknowledged."""


def judge(disk: Path, acknowledged: Iterable[Acknowledged]) -> Verdict:
    """Open the store as the daemon does, and look for everything that must be there."""
    verdict = Verdict()
    engine = open_writer(disk / STORE)
    try:
        # The first connection recovers the log; the daemon's next step is to migrate.
        with engine.begin() as connection:
            upgrade(connection)
        with engine.connect() as connection:
            _look_for(connection, disk / FILES, acknowledged, verdict)
    except (DBAPIError, StoreError) as error:
        verdict.corrupt.append(f"the store cannot be opened: {error}")
        verdict.lost += (one.key for one in acknowledged)
    finally:
        engine.dispose()
    return verdict


def _look_for(
    connection: Connection, files: Path, acknowledged: Iterable[Acknowledged], verdict: Verdict
) -> None:
    checked = connection.exec_driver_sql("PRAGMA integrity_check").scalars()
    verdict.corrupt += (line for line in checked if line != "ok")
    verdict.corrupt += find_problems(connection)
    for question, complaint in _CONTRADICTIONS:
        verdict.corrupt += (f"{row[0]}: {complaint}" for row in connection.execute(question))
    kept = {
        "said": _counted(connection, _SAID),
        "sent": _counted(connection, _SENT),
        "uploaded": _files(connection, files, verdict),
    }
    verdict.lost += (one.key for one in acknowledged if kept[one.kind].get(one.key) != 1)


def _counted(connection: Connection, question: str) -> dict[str, int]:
    return {row[0]: row[1] for row in connection.execute(text(question))}


def _files(connection: Connection, files: Path, verdict: Verdict) -> dict[str, int]:
    """Return the files that are there byte for byte; a row without its bytes is a contradiction."""
    kept = {}
    for attachment_id, sha256 in connection.execute(text(_READY)):
        path = files / sha256[:2] / sha256
        if path.is_file() and hashlib.sha256(path.read_bytes()).hexdigest() == sha256:
            kept[attachment_id] = 1
        else:
            verdict.corrupt.append(f"{attachment_id}: its row says ready, its bytes are not there")
    return kept


_SAID: Final = """
SELECT dedup.external_id,
       count(*) * (SELECT count(*) FROM message
                   WHERE message.channel = dedup.channel
                     AND message.external_id = dedup.external_id)
  FROM dedup
  JOIN event ON event.position = dedup.position AND event.type = 'message.received'
  JOIN event_body ON event_body.position = event.position
 GROUP BY dedup.channel, dedup.external_id
"""
"""How often a message of a customer is there, with its event and what it said."""

_SENT: Final = """
SELECT message.id, count(*) FROM message
  JOIN idempotency ON idempotency.answer LIKE '%' || message.id || '%'
 WHERE message.direction = 'outbound'
   AND EXISTS (SELECT 1 FROM message_part WHERE message_id = message.id)
 GROUP BY message.id
"""
"""How often a send is there, with its parts and the answer that its key is owed."""

_READY: Final = "SELECT id, sha256 FROM attachment WHERE state = 'ready'"

_OWED_OR_DONE: Final = """
(SELECT count(*) FROM outbox WHERE {0}) + (SELECT count(*) FROM delivery_done WHERE {0})
+ (SELECT count(*) FROM dead WHERE {0}) = 1
"""

_CONTRADICTIONS: Final = (
    (
        text(
            "SELECT id FROM event WHERE type = 'message.received' AND NOT ("
            + _OWED_OR_DONE.format("position = event.position")
            + ")"
        ),
        "not exactly once owed to the CRM or settled",
    ),
    (
        text(
            "SELECT id FROM message WHERE direction = 'outbound' AND NOT ("
            + _OWED_OR_DONE.format("message_id = message.id")
            + ")"
        ),
        "not exactly once owed to the channel or settled",
    ),
    (
        text(
            "SELECT id FROM event WHERE NOT EXISTS"
            " (SELECT 1 FROM event_body WHERE position = event.position)"
        ),
        "an event without its body",
    ),
    (
        text(
            "SELECT conversation_id FROM event WHERE sequence IS NOT NULL GROUP BY conversation_id"
            " HAVING count(*) <> max(sequence) OR count(DISTINCT sequence) <> count(*)"
        ),
        "its events are not numbered 1, 2, 3 …",
    ),
    (
        text(
            "SELECT id FROM conversation WHERE next_sequence <> 1 + coalesce("
            "(SELECT max(sequence) FROM event WHERE conversation_id = conversation.id), 0)"
        ),
        "its next number is not the next number",
    ),
)
