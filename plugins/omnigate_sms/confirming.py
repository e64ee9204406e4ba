"""The text that tells somebody that their wish was heard: to get no more texts, or some again.

Whether a wish has changed anything only the store knows, once it is there: who says stop twice is told
once. So what may be owed is noted in the transaction that stores the wish, and the note goes when the text is
queued, or when nothing has changed. After a restart in between the store is asked again, by the same item:
what it has already it does not take twice, and says of it what it said then.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Final

import omnigate

OWED: Final = "confirm/"
"""Notes of texts that may be owed are called so, and by the wish."""
AGAIN_SECONDS: Final = 5.0
"""What cannot be settled now is tried again after this."""

Wish = omnigate.ContactBlocked | omnigate.ContactUnblocked
_KINDS: Final[Mapping[str, type[Wish]]] = {
    "stop": omnigate.ContactBlocked,
    "start": omnigate.ContactUnblocked,
}


class Confirming:
    """Confirms the wishes of one channel's customers; a wish without a text is not confirmed."""

    def __init__(self, host: omnigate.ChannelHost, stop: str | None, start: str | None) -> None:
        self._host = host
        self._texts = {"stop": stop, "start": start}
        self._left = asyncio.Event()
        self._left.set()  # from before a restart

    def owed(self, items: Sequence[omnigate.Inbound]) -> omnigate.Notes:
        """Return the notes to be stored together with items."""
        notes = {}
        for item in items:
            kind = self._kind(item)
            if kind is not None and isinstance(item, Wish):
                debt = json.dumps({"kind": kind, "item": item.model_dump(mode="json")})
                notes[_note(item)] = omnigate.Note(debt, about=item.sender.address)
        return notes

    async def settle(
        self, items: Sequence[omnigate.Inbound], recorded: Sequence[omnigate.Recorded]
    ) -> None:
        """Confirm those of the items just stored that changed something; what cannot be done now is later."""
        try:
            for item, became in zip(items, recorded, strict=True):
                if isinstance(item, Wish) and (kind := self._kind(item)) is not None:
                    await self._settle(kind, item, became)
        except (omnigate.Overloaded, omnigate.StoreError) as error:
            # The wish itself is stored, and what is owed is noted.
            self._host.log.warning("a confirmation has to wait", reason=str(error))
            self._left.set()

    async def run(self) -> None:
        """Settle what was left, until cancelled."""
        while True:
            await self._left.wait()
            self._left.clear()
            try:
                await self._settle_all()
            except (omnigate.Overloaded, omnigate.StoreError) as error:
                self._host.log.warning("confirmations have to wait", reason=str(error))
                self._left.set()
                await asyncio.sleep(AGAIN_SECONDS)

    async def _settle_all(self) -> None:
        for debt in (await self._host.notes(OWED)).values():
            owed = json.loads(debt)
            item = _KINDS[owed["kind"]].model_validate(owed["item"])
            (became,) = await self._host.put(item)
            await self._settle(owed["kind"], item, became)

    async def _settle(self, kind: str, item: Wish, became: omnigate.Recorded) -> None:
        text = self._texts[kind]
        if text is not None and became.event_id is not None:
            content = omnigate.Content(text=text, automatic=True)
            # Forced: it is the one text that somebody still gets who wants none.
            await self._host.answer(item.conversation, content, key=_key(item), force=True)
        await self._host.put(notes={_note(item): None})

    def _kind(self, item: omnigate.Inbound) -> str | None:
        """Return what is to be confirmed; None for what is no wish, or has no text."""
        found = next((kind for kind, type_ in _KINDS.items() if isinstance(item, type_)), None)
        return found if found is not None and self._texts[found] is not None else None


def _note(item: Wish) -> str:
    return OWED + _key(item)


def _key(item: Wish) -> str:
    return hashlib.sha256(item.external_id.encode()).hexdigest()
