"""Conversations and contacts of late, in memory as the last COMMIT left them.

Theory of operation. All changes are made by one writer, so what it wrote last it need not read again:
nine of ten messages come in conversations that were active a moment ago. `omnigate.store.ledger` asks
here before it asks the store. Four rules keep this memory and the store alike:

* What a turn leaves is trusted only after `keep`, which the writer calls when the COMMIT has returned.
  A turn that ends in any other way lets the next `begin` forget everything.
* Rows of these tables that anybody but the ledger changes are seen at the connection itself (`watch`):
  everything is forgotten, and nothing is remembered for the rest of that turn.
* An object that two ledgers loaded apart from each other is not remembered: everything is forgotten.
* Whatever is remembered hangs together, a conversation with its contact and that one's addresses. So
  when it has become too much, all of it goes, never a part.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import lru_cache
from typing import Any, Final

from sqlalchemy import Engine, event

from omnigate.store.schema import address, contact, conversation
from omnigate.store.threads import Person, Thread

LIMIT: Final = 4096
"""Conversations, and contacts, that are remembered at most: about ten megabytes."""

_CHANGE: Final = re.compile(
    r"\b(?:INTO|UPDATE(?:\s+OR\s+\w+)?|FROM)\s+\W?(?:"
    + "|".join(table.name for table in (address, contact, conversation))
    + r")\b",
    re.IGNORECASE,
)


class Recent:
    """What the writer remembers. Empty at first; never needed, since all of it is in the store."""

    def __init__(self, limit: int = LIMIT) -> None:
        self._limit = limit
        self._threads: dict[tuple[str, str], Thread] = {}
        self._by_id: dict[str, Thread] = {}
        self._people: dict[str, Person] = {}
        self._owners: dict[str, Person] = {}
        self._kept = True
        self._open = True
        """Whether anything may be remembered in this turn."""
        self._ledger_writes = False

    def watch(self, engine: Engine) -> None:
        """See everything that is changed over the writer's connection."""
        event.listen(engine, "before_cursor_execute", self._see)

    # The turn

    def begin(self) -> None:
        """Start a turn: forget all, unless the turn before was kept."""
        if not self._kept:
            self.forget()
        self._kept = False
        self._open = True

    def keep(self) -> None:
        """Trust what the turn has left; call when its COMMIT has returned."""
        self._kept = True

    def forget(self) -> None:
        """Remember nothing, for the rest of this turn neither."""
        self._open = False
        for known in (self._threads, self._by_id, self._people, self._owners):
            known.clear()

    # The ledger

    def thread(self, channel: str, external_id: str) -> Thread | None:
        """Return a conversation by channel and the platform's id, if it is remembered."""
        return self._threads.get((channel, external_id))

    def thread_with_id(self, conversation_id: str) -> Thread | None:
        """Return a conversation by our own id, if it is remembered."""
        return self._by_id.get(conversation_id)

    def person(self, contact_id: str) -> Person | None:
        """Return a contact with all addresses, if it is remembered."""
        return self._people.get(contact_id)

    def owner(self, owned_address: str) -> Person | None:
        """Return the contact that owns an address, if it is remembered; None proves nothing."""
        return self._owners.get(owned_address)

    @contextmanager
    def written_by_ledger(self) -> Iterator[None]:
        """Mark the changes that are made within the block as those that `remember` will bring."""
        self._ledger_writes = True
        try:
            yield
        finally:
            self._ledger_writes = False

    def remember(self, threads: Iterable[Thread], people: Iterable[Person]) -> None:
        """Take over what is in the store now in just this form."""
        if not self._open:
            return
        if max(len(self._by_id), len(self._people)) > self._limit:
            self.forget()
            return
        for person in people:
            if self._people.setdefault(person.id, person) is not person:
                self.forget()
                return
            for identity in person.identities:
                self._owners[identity.address] = person
        for thread in threads:
            if self._by_id.setdefault(thread.id, thread) is not thread:
                self.forget()
                return
            self._threads[thread.channel.name, thread.external_id] = thread

    def _see(
        self,
        connection: Any,
        cursor: Any,
        statement: str,
        parameters: Any,
        context: Any,
        executemany: bool,
    ) -> None:
        if not self._ledger_writes and changes_what_is_remembered(statement):
            self.forget()


@lru_cache(maxsize=256)
def changes_what_is_remembered(statement: str) -> bool:
    """Tell whether a statement may change rows that are remembered; yes when in doubt."""
    return not statement.startswith("SELECT") and _CHANGE.search(statement) is not None
