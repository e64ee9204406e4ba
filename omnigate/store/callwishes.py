"""What somebody said when asking for a call that is in another's conversation.

A call is in the conversation with the number, and that is whoever has the number: nobody has proven that it
is who asked. The wish is somebody else's then: of the conversation in which it was made, or of the contact
who was named as to be called. Theirs are the name, the note, the network address, the page and the
reference that were given; the number, and what became of the call, are of whom the number belongs to.

A name that was typed so may have become the name of whom the number belongs to. It goes with the wish,
unless they have ever written themselves, or another wish says it too.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import Any, Final, NamedTuple

from pydantic_core import from_json, to_json
from sqlalchemy import ColumnElement, Connection, bindparam, func, or_, select, update

from omnigate.model.event import EventType
from omnigate.model.facts import ContactChange
from omnigate.store.calls import Calls
from omnigate.store.emptying import forget_keys
from omnigate.store.ledger import Ledger
from omnigate.store.person import Person, read_person
from omnigate.store.prepared import Bulk
from omnigate.store.record import Draft, Recorder
from omnigate.store.schema import call, conversation, message
from omnigate.store.told import Unsaid
from omnigate.store.transaction import Transaction, chunks

REASON: Final = "erased"
_AT_ONCE: Final = 100
_THEIRS: Final = ("name", "note", "ip", "site", "client_ref")
"""What of a wish is whose it is."""
_SHOWN: Final = {"note": None, "client_ref": None}
"""What of that stands in the call as it is shown."""


class Wishes(NamedTuple):
    """Calls that a person asked for in the conversations of one other contact."""

    contact_id: str
    call_ids: Sequence[str]
    conversation_ids: Sequence[str]
    """Those of the other contact in which something of it may stand."""
    names: frozenset[str]
    """What the other contact may be called only because of these wishes."""


def calls_wished(connection: Connection, person: Person) -> list[Any]:
    """Return calls as they are stored that a person asked for, or was named for, and that are others'.

    Goes through all calls: there are not many, and few people are erased.
    """
    own = [row.id for row in person.conversations]
    found: dict[str, Any] = {}
    asked = _named(call.c.body, "from_conversation", own)
    meant = _named(call.c.wanted, "contact", person.contact_ids)
    for some in (*asked, *meant):
        found.update({row.id: row for row in connection.execute(select(call).where(some))})
    return [found[key] for key in sorted(found) if found[key].conversation_id not in own]


def wishes_of(connection: Connection, person: Person) -> list[Wishes]:
    """Return what a person asked for in the conversations of others, by whose those are."""
    by_contact: dict[str, list[Any]] = {}
    others: dict[str, Person] = {}
    for row in calls_wished(connection, person):
        whose = connection.scalar(_WHOSE, {"id": row.conversation_id})
        other = read_person(connection, whose) if whose is not None else None
        if other is not None:
            others[other.contact_id] = other
            by_contact.setdefault(other.contact_id, []).append(row)
    return [_wishes(connection, others[known], rows) for known, rows in by_contact.items()]


def hush_wishes(transaction: Transaction, items: Sequence[Wishes]) -> list[None]:
    """Have calls show nothing more of the wishes, and others not be called by the names in them."""
    ledger, recorder = Ledger(transaction), Recorder(transaction)
    calls = Calls(transaction, ledger, recorder)
    for item in items:
        for call_id in item.call_ids:
            calls.want(call_id)
    calls.load()
    for item in items:
        for call_id in item.call_ids:
            stored = calls.find(call_id)
            if stored is not None and (stored.call.note or stored.call.client_ref):
                silent = stored.call.model_copy(update=_SHOWN)
                calls.change(stored, silent, due_at=stored.due_at)
        _take_name(transaction, ledger, recorder, item)
    ledger.flush()
    recorder.flush()
    calls.flush()
    return [None] * len(items)


def unsay_wishes(rows: Iterable[Any], wishes: Wishes) -> list[Unsaid]:
    """Return those events that tell of the wishes without that."""
    found = []
    for row in rows:
        known = from_json(row.body)
        shown, contact = known["data"].get("call"), known["contact"]
        tells = shown is not None and shown["id"] in wishes.call_ids and _says(shown)
        if tells:
            shown.update(_SHOWN)
        is_named = contact is not None and contact.get("display_name") in wishes.names
        if is_named:
            contact["display_name"] = None
        if tells or is_named:
            found.append(Unsaid(row.position, to_json(known).decode()))
    return found


def forget_wishes(transaction: Transaction, items: Sequence[Sequence[str]]) -> list[int]:
    """Take out of calls how they were asked for, with the keys they were asked for under; return how many.

    To be done last: what is to be taken out of events is read here.
    """
    return [_forget(transaction, list(ids)) for ids in items]


def _named(column: ColumnElement[str], field: str, ids: Sequence[str]) -> list[ColumnElement[bool]]:
    """Return conditions for a field of stored JSON to be one of some ids."""
    return [
        or_(*(func.instr(column, f'"{field}":"{one}"') > 0 for one in some))
        for some in chunks(sorted(ids), _AT_ONCE)
    ]


def _wishes(connection: Connection, other: Person, rows: Sequence[Any]) -> Wishes:
    threads = [row.id for row in other.conversations]
    ids = [row.id for row in rows]
    names = _names(row.wanted for row in rows)
    if names and _has_written(connection, threads):
        names = set()
    if names:
        names -= _names(
            wanted
            for some in chunks(threads)
            for call_id, wanted in connection.execute(_WANTED, {"ids": some})
            if call_id not in ids
        )
    called = {row.conversation_id for row in rows}
    return Wishes(other.contact_id, ids, threads if names else sorted(called), frozenset(names))


def _names(wanted: Iterable[str]) -> set[str]:
    return {name for one in wanted if (name := from_json(one).get("name"))}


def _has_written(connection: Connection, threads: Collection[str]) -> bool:
    return any(
        connection.scalar(_WRITTEN, {"ids": some}) is not None for some in chunks(list(threads))
    )


def _says(shown: dict[str, Any]) -> bool:
    return any(shown.get(name) is not None for name in _SHOWN)


def _take_name(transaction: Transaction, ledger: Ledger, recorder: Recorder, item: Wishes) -> None:
    person = ledger.people([item.contact_id]).get(item.contact_id)
    if person is None or person.display_name not in item.names:
        return
    person.display_name = None
    person.touch()
    change = ContactChange(id=person.id, changed=["display_name"], reason=REASON)
    recorder.record(
        Draft(
            type=EventType.CONTACT_UPDATED,
            person=person,
            thread=None,
            channel=None,
            occurred_at=transaction.now,
            data=change.model_dump_json(),
        )
    )


def _forget(transaction: Transaction, ids: list[str]) -> int:
    rows: list[Any] = list(transaction.connection.execute(_ROWS, {"ids": ids}))
    forget_keys(transaction, {row.id: row.created_at for row in rows})
    return _WRITE.run(
        transaction.connection, [{"key": row.id, "wanted_now": _left(row.wanted)} for row in rows]
    )


def _left(wanted: str) -> str:
    said = from_json(wanted)
    return to_json({name: None if name in _THEIRS else said[name] for name in said}).decode()


_IDS: Final[Any] = bindparam("ids", expanding=True)
_WHOSE: Final = select(conversation.c.contact_id).where(conversation.c.id == bindparam("id"))
_WANTED: Final = select(call.c.id, call.c.wanted).where(call.c.conversation_id.in_(_IDS))
_WRITTEN: Final = (
    select(message.c.id)
    .where(message.c.conversation_id.in_(_IDS), message.c.direction == "inbound")
    .limit(1)
)
_ROWS: Final = select(call.c.id, call.c.wanted, call.c.created_at).where(call.c.id.in_(_IDS))
_WRITE: Final = Bulk(
    update(call).where(call.c.id == bindparam("key")).values(wanted=bindparam("wanted_now"))
)
