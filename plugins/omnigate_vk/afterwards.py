"""What is done once an event is stored: presses answered, whole messages fetched, people asked for.

Nothing of it is kept over a restart: a press is worth nothing later, somebody nameless is asked for with
the next message, and a message that stays cut says so in its ``extensions``.
"""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

from pydantic import ValidationError
from pydantic_core import from_json

import omnigate
from omnigate_vk.api import FAILED, Api
from omnigate_vk.event import Knowledge
from omnigate_vk.messages import whole
from omnigate_vk.model import Press, Raw, Read, Said, TypingState, Who
from omnigate_vk.people import FIELDS, PER_CALL
from omnigate_vk.places import message_name, number_of
from omnigate_vk.sending import message_there

_PRESSES: Final = 1000
_CROPPED: Final = 10_000
_STRANGERS: Final = 50_000
_TOGETHER: Final = 100
_READS: Final = 10_000
_EARLIER: Final = 100
_GATHER_SECONDS: Final = 0.2
_PAUSES_SECONDS: Final = (1.0, 5.0, 30.0, 300.0)


class Afterwards:
    """Work that waits for `run`."""

    def __init__(self, api: Api, host: omnigate.ChannelHost, known: Knowledge) -> None:
        self._api = api
        self._host = host
        self._known = known
        self._presses: asyncio.Queue[Press] = asyncio.Queue(_PRESSES)
        self._cropped: asyncio.Queue[tuple[str, int, int]] = asyncio.Queue(_CROPPED)
        self._reads: asyncio.Queue[tuple[str, Read]] = asyncio.Queue(_READS)
        self._looked_up: set[int] = set()
        self._strangers: OrderedDict[int, bool] = OrderedDict()
        self._has_strangers = asyncio.Event()

    # ---- heard of -----------------------------------------------------------------------------------

    def hear(self, envelope: Raw) -> None:
        """Take note of what an event asks for; never blocks, never raises."""
        given, kind = envelope.get("object"), envelope.get("type")
        if not isinstance(given, dict) or envelope.get("group_id") != self._known.group_id:
            return
        try:
            if kind == "message_new" and isinstance(given.get("message"), dict):
                self._hear_message(given["message"], str(envelope.get("event_id")))
            elif kind == "message_edit":
                self._hear_cropped(Said.model_validate(given), str(envelope.get("event_id")))
            elif kind in ("message_deny", "user_block"):
                self._known.blocked.add(Who.model_validate(given).user_id)
            elif kind == "message_event":
                self._hear_press(Press.model_validate(given))
            elif kind == "message_typing_state":
                state = TypingState.model_validate(given)
                if state.from_id > 0:
                    self._host.emit(omnigate.Typing(conversation=str(state.from_id)))
            elif kind == "message_read":
                self._hear_read(Read.model_validate(given), str(envelope.get("event_id")))
        except (ValidationError, ValueError):
            return  # it is in quarantine

    def _hear_message(self, message: Raw, name: str) -> None:
        said = Said.model_validate(message)
        self._hear_cropped(said, name)
        news = said.from_id in self._known.blocked or self._known.people.unknown([said.from_id])
        if news and said.from_id > 0 and len(self._strangers) < _STRANGERS:
            is_alone = said.peer_id == said.from_id
            self._strangers[said.from_id] = self._strangers.get(said.from_id, False) or is_alone
            self._has_strangers.set()

    def _hear_cropped(self, said: Said, name: str) -> None:
        if said.is_cropped and not self._cropped.full():
            self._cropped.put_nowait((name, said.peer_id, said.cmid))

    def _hear_read(self, read: Read, name: str) -> None:
        """Forget what was read; what was sent before a restart is looked up, once a conversation."""
        self._known.sent.read(read.peer_id, read.conversation_message_id)
        if read.peer_id in self._looked_up or self._reads.full():
            return
        if len(self._looked_up) >= _STRANGERS:
            self._looked_up.clear()
        self._looked_up.add(read.peer_id)
        self._reads.put_nowait((name, read))

    def _hear_press(self, press: Press) -> None:
        if not self._presses.full():
            self._presses.put_nowait(press)

    # ---- done ---------------------------------------------------------------------------------------

    async def work(self) -> None:
        """Do what is waiting, until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._answer_presses())
            tasks.create_task(self._complete_messages())
            tasks.create_task(self._meet_strangers())
            tasks.create_task(self._tell_of_earlier())

    async def _answer_presses(self) -> None:
        while True:
            press = await self._presses.get()
            try:
                await self._api.call(
                    "messages.sendMessageEventAnswer",
                    event_id=press.event_id,
                    user_id=press.user_id,
                    peer_id=press.peer_id,
                )
            except FAILED as error:
                self._host.log.info("a pressed button was not answered", error=str(error))

    async def _complete_messages(self) -> None:
        while True:
            name, peer_id, cmid = await self._cropped.get()
            if message := await self._ask_for(peer_id, cmid):
                try:
                    edited = whole(message, f"{name}:whole")
                except (ValidationError, ValueError) as error:
                    self._host.log.warning("a message stays cut", error=type(error).__name__)
                    continue
                await self._put(edited)

    async def _ask_for(self, peer_id: int, cmid: int) -> Raw:
        for pause_seconds in _PAUSES_SECONDS:
            try:
                return await message_there(self._api, peer_id, cmid)
            except FAILED as error:
                self._host.log.info("a cut message was not fetched", error=str(error))
                await asyncio.sleep(pause_seconds)
        return {}

    async def _tell_of_earlier(self) -> None:
        """Tell that what was sent before a restart is read too."""
        while True:
            name, read = await self._reads.get()
            try:
                numbers = await self._sent_before(read)
            except omnigate.OmnigateError as error:
                self._host.log.info("what was read was not looked up", error=str(error))
                continue
            receipts = [
                omnigate.Receipt(
                    external_id=f"{name}:{number}",
                    conversation=str(read.peer_id),
                    occurred_at=datetime.now(UTC),
                    message_id=message_name(read.peer_id, number),
                    state="read",
                )
                for number in numbers
            ]
            if receipts:
                await self._put(*receipts)

    async def _sent_before(self, read: Read) -> list[int]:
        """Return the numbers of our latest messages before the one that was read."""
        info = await self._host.conversation(str(read.peer_id))
        if info is None:
            return []
        events = await self._host.history(
            str(read.peer_id), before=info.last_sequence + 1, limit=_EARLIER
        )
        numbers = {number_of(one) for event in events for one in _sent_with(event)}
        return sorted(one for one in numbers if one < read.conversation_message_id)

    async def _meet_strangers(self) -> None:
        """Ask who people are, many at once, and tell of everybody who is not as we knew them."""
        failures = 0
        while True:
            await self._has_strangers.wait()
            await asyncio.sleep(_GATHER_SECONDS)
            some = dict(list(self._strangers.items())[:PER_CALL])
            try:
                ids = ",".join(map(str, some))
                found = await self._api.call("users.get", user_ids=ids, fields=FIELDS)
            except FAILED as error:
                self._host.log.info("people were not asked for", error=str(error))
                await asyncio.sleep(_PAUSES_SECONDS[min(failures, len(_PAUSES_SECONDS) - 1)])
                failures += 1
                continue
            failures = 0
            for one in some:
                del self._strangers[one]
            if not self._strangers:
                self._has_strangers.clear()
            await self._introduce(found if isinstance(found, list) else [], some)

    async def _introduce(self, found: list[Any], alone: Mapping[int, bool]) -> None:
        """Tell of people; of those in chats of several people the next message does."""
        items: list[omnigate.Inbound] = []
        for one in found:
            if not isinstance(one, dict) or not isinstance(user_id := one.get("id"), int):
                continue
            is_news = self._known.people.learn(user_id, one)
            if alone.get(user_id) and (is_news or user_id in self._known.blocked):
                items += self._news_of(user_id)
            self._known.blocked.discard(user_id)
        for start in range(0, len(items), _TOGETHER):
            await self._put(*items[start : start + _TOGETHER])

    def _news_of(self, user_id: int) -> Sequence[omnigate.Inbound]:
        """Return who somebody is, and that they may be written to, for they have written."""
        now, tick = datetime.now(UTC), time.time_ns()
        profile = self._known.people.profile(user_id)
        return [
            omnigate.ContactUnblocked(
                external_id=f"writes:{user_id}:{tick}",
                conversation=str(user_id),
                occurred_at=now,
                sender=profile,
            ),
            omnigate.ContactUpdated(
                external_id=f"profile:{user_id}:{tick}",
                conversation=str(user_id),
                occurred_at=now,
                sender=profile,
            ),
        ]

    async def _put(self, *items: omnigate.Inbound) -> None:
        while True:
            try:
                await self._host.put(*items)
            except (omnigate.Overloaded, omnigate.StoreError) as error:
                await asyncio.sleep(getattr(error, "retry_after_seconds", 1.0))
            else:
                return


def _sent_with(event: omnigate.Event) -> Sequence[str]:
    """Return the names of the messages that an event tells the sending of."""
    if event.type is not omnigate.EventType.MESSAGE_SENT:
        return ()
    message = from_json(event.body)["data"]["message"]
    return [str(one) for one in message["external_ids"]]
