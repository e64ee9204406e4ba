"""What conversations of others tell of a person: where a handover, or a wish to be called, came from.

Whoever carries on elsewhere brings along which page they looked at and what was said (`HandedOver`). That
stands in the context of the conversation that begins so, and in each of its events. Mostly that is the same
person's; where it is not proven, or was parted since, it is in somebody else's.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any, Final, NamedTuple

from pydantic_core import from_json, to_json
from sqlalchemy import Connection, bindparam, func, or_, select, update

from omnigate.model.context import Context
from omnigate.store.erase import forget_answers_about
from omnigate.store.ledger import Ledger
from omnigate.store.prepared import Bulk
from omnigate.store.schema import call, conversation, event_body, handover
from omnigate.store.transaction import Transaction, chunks

PAGE: Final = 200
_SAYS_NOTHING: Final[dict[str, Any]] = {"page": None, "title": None, "messages": []}


class Hushed(NamedTuple):
    """Conversations that are to tell nothing of some others."""

    tellers: Sequence[str]
    sources: frozenset[str]
    """Those that nothing is to be told of."""


class Unsaid(NamedTuple):
    """An event's text that tells no more where its conversation came from."""

    position: int
    body: str


def tellers_by_record(connection: Connection, sources: Collection[str]) -> set[str]:
    """Return conversations that tokens, or wishes to be called, have led to from the sources."""
    found: set[str] = set()
    for some in chunks(sorted(sources), 100):
        found.update(connection.scalars(_USED_IN, {"ids": some}))
        # No index: there are not many calls, and few people are erased.
        named = or_(*(func.instr(call.c.body, f'"from_conversation":"{one}"') > 0 for one in some))
        found.update(connection.scalars(select(call.c.conversation_id).where(named)))
    return found - set(sources)


def tellers_by_context(
    connection: Connection, sources: frozenset[str], after: str
) -> tuple[set[str], str | None]:
    """Return conversations that say to come from the sources, and where to look on; None: the end.

    Goes through the conversations that come from anywhere, a page at a time.
    """
    rows = connection.execute(_WITH_HANDOVER, {"after": after}).all()
    found = {row.id for row in rows if _came_from(from_json(row.context)) in sources}
    return found - sources, rows[-1].id if len(rows) == PAGE else None


def standing(
    connection: Connection, conversation_id: str, sources: frozenset[str]
) -> list[dict[str, Any]]:
    """Return what a conversation's context tells of the sources now: one thing, or none."""
    known = connection.scalar(_CONTEXT, {"id": conversation_id})
    context = from_json(known) if known is not None else {}
    return [context["handover"]] if _came_from(context) in sources else []


def telling(rows: Sequence[Any], sources: frozenset[str]) -> list[dict[str, Any]]:
    """Return what events tell of the sources, one thing for each that does."""
    threads = [from_json(row.body)["conversation"] for row in rows if '"handover":{' in row.body]
    contexts = [thread["context"] for thread in threads if thread is not None]
    return [context["handover"] for context in contexts if _came_from(context) in sources]


def hush(transaction: Transaction, items: Sequence[Hushed]) -> list[int]:
    """Take what is told of the sources out of the contexts of conversations; return of how many."""
    return [_hush(transaction, item) for item in items]


def unsay(rows: Sequence[Any], sources: frozenset[str]) -> list[Unsaid]:
    """Return those events that tell of the sources without that."""
    found = []
    for row in rows:
        if '"handover":{' not in row.body:
            continue
        known = from_json(row.body)
        thread = known["conversation"]
        if thread is not None and _came_from(thread["context"]) in sources:
            thread["context"]["handover"].update(_SAYS_NOTHING)
            found.append(Unsaid(row.position, to_json(known).decode()))
    return found


def write_unsaid(transaction: Transaction, items: Sequence[Sequence[Unsaid]]) -> list[int]:
    """Replace the texts of events, and what their deliveries were answered; return how many."""
    return [_write(transaction, rows) for rows in items]


def _write(transaction: Transaction, rows: Sequence[Unsaid]) -> int:
    bodies = [{"key": row.position, "body_now": row.body} for row in rows]
    count = _WRITE.run(transaction.connection, bodies)
    forget_answers_about(transaction, [row.position for row in rows])
    return count


def _hush(transaction: Transaction, item: Hushed) -> int:
    ledger, count = Ledger(transaction), 0
    ledger.load_ids(item.tellers)
    for thread in ledger.by_id.values():
        told = Context.model_validate_json(thread.context).handover
        if told is not None and told.conversation in item.sources:
            silent = Context(handover=told.model_copy(update=_SAYS_NOTHING))
            count += thread.merge_context(silent, by_us=True)
    ledger.flush()
    return count


def _came_from(context: dict[str, Any]) -> str | None:
    told = context.get("handover")
    return told["conversation"] if told else None


_CONTEXT: Final = select(conversation.c.context).where(conversation.c.id == bindparam("id"))
_USED_IN: Final = select(handover.c.used_in).where(
    handover.c.conversation_id.in_(bindparam("ids", expanding=True)),
    handover.c.used_in.is_not(None),
)
_WITH_HANDOVER: Final = (
    select(conversation.c.id, conversation.c.context)
    .where(
        conversation.c.id > bindparam("after"),
        func.instr(conversation.c.context, '"handover":{') > 0,
    )
    .order_by(conversation.c.id)
    .limit(PAGE)
)
_WRITE: Final = Bulk(
    update(event_body)
    .where(event_body.c.position == bindparam("key"))
    .values(body=bindparam("body_now"))
)
