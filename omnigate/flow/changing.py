"""Changing what was said already: edits, deletions and the company's reactions, queued for the channel."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Final

from pydantic_core import to_jsonable_python

from omnigate.errors import Refused
from omnigate.flow.inbox import Inbox
from omnigate.flow.outbound import LINK_SECONDS
from omnigate.flow.recipients import Outlet
from omnigate.flow.render import render
from omnigate.model.outbound import ChangeAction, Content, Edit
from omnigate.store.changes import (
    Changeable,
    ChangeAccepted,
    ChangeContent,
    Changing,
    enqueue_changes,
    read_changeable,
)
from omnigate.store.idempotency import IdempotencyKey, read_answer
from omnigate.store.outbound import PartContent
from omnigate.store.store import Store

_THERE: Final = frozenset({"sent", "delivered", "read", "edited"})
"""States of messages that the platform has; ``edited`` is one that was changed on the platform itself."""
_VERBS: Final[Mapping[ChangeAction, str]] = {
    "edit": "edit messages",
    "delete": "delete messages",
    "react": "react to messages",
}


class Changes:
    """Queues changes to messages."""

    def __init__(
        self,
        store: Store,
        inbox: Inbox,
        outlets: Callable[[], Mapping[str, Outlet]],
        sign: Callable[[str, int], str],
    ) -> None:
        self._store = store
        self._inbox = inbox
        self._outlets = outlets
        self._sign = sign

    async def edit(
        self,
        message_id: str,
        edit: Edit,
        *,
        key: IdempotencyKey | None = None,
        channels: Collection[str] | None = None,
    ) -> ChangeAccepted:
        """Queue another text and other buttons for a message that was sent; its files stay.

        Raises `Refused` with the code ``not_found``, ``no_channel``, ``not_supported``, ``not_sent``,
        ``gone`` or ``does_not_fit``; `KeyReused`; `Overloaded`; `StoreError`. `delete` and `react` likewise.
        """

        def steps(found: Changeable, outlet: Outlet) -> list[ChangeContent]:
            return self._edited(_sent(found), outlet, edit)

        return await self._submit("edit", message_id, steps, key, channels)

    async def delete(
        self,
        message_id: str,
        *,
        key: IdempotencyKey | None = None,
        channels: Collection[str] | None = None,
    ) -> ChangeAccepted:
        """Queue that a message that was sent is taken back."""

        def steps(found: Changeable, outlet: Outlet) -> list[ChangeContent]:
            made = [ChangeContent(place) for place in _places(_sent(found))]
            made[-1].becomes = {"state": "deleted", "text": None, "attachments": [], "buttons": []}
            return made

        return await self._submit("delete", message_id, steps, key, channels)

    async def react(
        self,
        message_id: str,
        emoji: Sequence[str],
        *,
        key: IdempotencyKey | None = None,
        channels: Collection[str] | None = None,
    ) -> ChangeAccepted:
        """Queue the company's reactions to a message, instead of those of before."""

        def steps(found: Changeable, outlet: Outlet) -> list[ChangeContent]:
            if found.said.state == "deleted":
                raise Refused("not_sent", "the message was deleted")
            return [ChangeContent(_places(found)[0], emoji=list(emoji))]

        return await self._submit("react", message_id, steps, key, channels)

    async def _submit(
        self,
        action: ChangeAction,
        message_id: str,
        steps: Callable[[Changeable, Outlet], list[ChangeContent]],
        key: IdempotencyKey | None,
        channels: Collection[str] | None,
    ) -> ChangeAccepted:
        if key is not None:
            answer = await self._store.read(read_answer, key, ChangeAccepted)
            if answer is not None:
                return answer
        self._inbox.admit()
        found = await self._store.read(read_changeable, message_id)
        if found is None or (channels is not None and found.channel not in channels):
            raise Refused("not_found", "there is no such message")
        outlet = self._outlets().get(found.channel)
        if outlet is None:
            raise Refused(
                "no_channel", f"there is no channel {found.channel!r} in the configuration"
            )
        if action not in outlet.capabilities.changes:
            raise Refused("not_supported", f"{outlet.key.kind} cannot {_VERBS[action]}")
        wanted = Changing(
            message_id=message_id,
            conversation_id=found.conversation_id,
            channel=outlet.key,
            destination_id=outlet.destination_id,
            action=action,
            steps=steps(found, outlet),
            key=key,
        )
        return await self._store.writer.do(enqueue_changes, wanted)

    def _edited(self, found: Changeable, outlet: Outlet, edit: Edit) -> list[ChangeContent]:
        said = found.said
        if found.is_faded:
            raise Refused("gone", "the message is so old that what it said is not kept any more")
        if not (edit.text and edit.text.strip()) and not said.attachments:
            raise Refused("does_not_fit", "a message needs text or attachments; delete it instead")
        content = Content.model_construct(
            text=edit.text,
            location=said.location,
            subject=said.subject,
            buttons=edit.buttons,
            author=said.author,
            extensions=said.extensions,
        )
        parts, _ = render(
            content,
            said.attachments,
            outlet.capabilities,
            lambda file: self._sign(file.id, LINK_SECONDS),
        )
        places = _places(found)
        if len(parts) != len(places):
            raise Refused(
                "does_not_fit",
                f"the message was sent in {_parts(len(places))}; what it is to say now needs"
                f" {_parts(len(parts))}",
            )
        if parts[-1].location is not None and edit.buttons != said.buttons:
            raise Refused(
                "does_not_fit", "buttons under a point on the map stay; delete the message instead"
            )
        # A point on the map stays as it is: there is nothing to edit about it.
        steps = [
            _step(place, part)
            for place, part in zip(places, parts, strict=True)
            if part.location is None
        ]
        steps[-1].becomes = {"text": edit.text, "buttons": to_jsonable_python(edit.buttons)}
        return steps


def _sent(found: Changeable) -> Changeable:
    if found.said.direction != "outbound":
        raise Refused("not_sent", "the message came from the customer")
    if found.said.state not in _THERE:
        raise Refused(
            "not_sent", f"the message is {found.said.state}; only what was sent can be changed"
        )
    return found


def _places(found: Changeable) -> list[str]:
    """Return what the platform calls the parts of the message."""
    places = found.sent_as or ([found.external_id] if found.external_id else [])
    named = [place for place in places if place is not None]
    if not named or len(named) < len(places):
        raise Refused("not_sent", "the platform has not said what it calls the message")
    return named


def _step(place: str, part: PartContent) -> ChangeContent:
    return ChangeContent(place, text=part.text, attachments=part.attachments, buttons=part.buttons)


def _parts(count: int) -> str:
    return "one part" if count == 1 else f"{count} parts"
