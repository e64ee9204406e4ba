"""Random events that the platform could send, from a seed: for fuzzing and for measuring.

No server is needed: people write, press and leave in a world of their own whose clock runs as the
dice say, and what their community would be told is given out.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Iterator
from random import Random
from typing import Any, Final

from omnigate.emulators.vk.attachments import KINDS
from omnigate.emulators.vk.journal import POISON, Event
from omnigate.emulators.vk.message import Message
from omnigate.emulators.vk.multichat import MultiChat
from omnigate.emulators.vk.people import Person
from omnigate.emulators.vk.world import World

EVENTS: Final = (
    "message_new",
    "message_reply",
    "message_edit",
    "message_allow",
    "message_deny",
    "message_event",
    "message_typing_state",
    "message_read",
    "message_reaction_event",
    "group_join",
    "group_leave",
    "user_block",
    "user_unblock",
    "lead_forms_new",
    "market_order_new",
)
_WORDS: Final = (
    "Здравствуйте",
    "заказ",
    "№ 1042",
    "hello",
    "👩‍👩‍👧‍👦",
    "e\u0301",
    "\u202eabc",
    "<b>",
    "&amp;",
    "[id1|Павел]",
    "line\nbreak",
    "\x00",
    "𝕏",
    "",
    "عربى",
)
_PAYLOADS: Final = ("{}", '{"command":"start"}', '{"a":[1,null,"я"]}', '"text"', "[]", "7")


class Generator:
    """An endless source of events of one community.

    ``strange`` is the share of events that have something which no schema knows yet: a field, a kind
    of attachment, a type. They are sound otherwise and have to be kept.
    """

    def __init__(self, seed: int, secret: str = "", strange: float = 0.0) -> None:
        self._random = Random(seed)
        self._now = 1_760_000_000.0
        self._world = World(seed, self._clock, 1.0)
        self._world.shelf.url = "https://sun9.example.org"
        self._community = self._world.add_community()
        self._community.messages_enabled = True
        self._secret = secret
        self._strange = strange
        self._people = [
            self._world.add_person(f"Name {number}", "Family", lang_id=self._random.choice((0, 3)))
            for number in range(20)
        ]
        self._chats = [
            self._world.add_chat(self._community, person, "Chat", self._people)
            for person in self._people[:2]
        ]
        self._kinds: dict[str, Callable[[Person], Any]] = {
            "message_new": self._write,
            "message_reply": self._reply,
            "message_edit": self._edit,
            "message_allow": lambda one: one.allows(self._community, self._words()),
            "message_deny": lambda one: one.denies(self._community),
            "message_event": self._press,
            "message_typing_state": self._type,
            "message_read": self._read,
            "message_reaction_event": self._react,
            "group_join": lambda one: one.joins(self._community),
            "group_leave": lambda one: one.leaves(self._community),
            "user_block": self._block,
            "user_unblock": lambda one: self._community.unblock(one),
            "lead_forms_new": self._lead,
            "market_order_new": self._order,
        }

    @property
    def group_id(self) -> int:
        """Return the community that everything is about."""
        return self._community.id

    def update(self, kind: str | None = None) -> dict[str, Any]:
        """Return one event with its envelope, of the kind that is wanted or of any."""
        event = self.event(kind)
        envelope: dict[str, Any] = event.envelope("5.199", self._secret)
        if self._random.random() < self._strange:
            self._estrange(envelope)
        return envelope

    def _estrange(self, envelope: dict[str, Any]) -> None:
        message = envelope["object"].get("message")
        dice = self._random.random()
        if message is not None and dice < 0.4:
            message["attachments"].append(
                {"type": "hologram", "hologram": {"id": 1, "depth": [2.5]}}
            )
        elif dice < 0.6:
            envelope["type"] = "hologram_new"
        elif dice < 0.8:
            envelope["hologram"] = {"id": 1}
        else:
            (message or envelope["object"])["hologram"] = None

    def updates(self, count: int) -> Iterator[dict[str, Any]]:
        """Yield events; six in ten are new messages."""
        for _ in range(count):
            yield self.update("message_new" if self._random.random() < 0.6 else None)

    def poison(self) -> Any:
        """Return something that nobody can read."""
        return self._community.journal.poison(self._random.choice(POISON)).envelope("5.199")

    def event(self, kind: str | None = None) -> Event:
        """Let something happen and return the event of it.

        Raises:
            KeyError: there is no such kind
        """
        self._now += self._random.expovariate(1 / 30)
        happen = self._kinds[kind or self._random.choice(EVENTS)]
        events = self._community.journal.events
        events.clear()
        outcome = happen(self._random.choice(self._people))
        if isinstance(outcome, Awaitable):
            _finish(outcome)
        self._forget()
        return events[-1]

    def _clock(self) -> float:
        return self._now

    def _forget(self) -> None:
        """Keep the world small however many events are made."""
        self._community.blacklist.clear()
        for conversation in self._community.conversations.values():
            del conversation.messages[:-10]
        if len(self._world.shelf.stored) > 1000:
            self._world.shelf.stored.clear()
            self._world.shelf.attachments.clear()

    def _words(self) -> str:
        return " ".join(self._random.choices(_WORDS, k=self._random.randrange(8)))

    def _content(self, person: Person) -> dict[str, Any]:
        """Return what a message has, without its text: mostly nothing, sometimes all of it."""
        dice = self._random
        content: dict[str, Any] = {}
        if dice.random() < 0.4:
            kinds = dice.choices(KINDS, k=dice.randrange(1, 4))
            content["attachments"] = [self._world.make.any(kind, person.id) for kind in kinds]
        if dice.random() < 0.1:
            latitude, longitude = dice.uniform(-90, 90), dice.uniform(-180, 180)
            place = {"title": "Place", "city": "Москва"}
            coordinates = {"latitude": latitude, "longitude": longitude}
            content["geo"] = {"type": "point", "coordinates": coordinates, "place": place}
        if dice.random() < 0.15:
            content["payload"] = dice.choice(_PAYLOADS)
        if dice.random() < 0.1:
            content |= {"ref": f"w_{dice.getrandbits(60):x}", "ref_source": "site"}
        if earlier := self._community.conversation(person.id).messages[:]:
            if dice.random() < 0.2:
                content["reply_to"] = dice.choice(earlier)
            if dice.random() < 0.1:
                content["forwarded"] = dice.sample(earlier, k=min(2, len(earlier)))
        content["is_cropped"] = dice.random() < 0.03
        return content

    def _write(self, person: Person) -> Any:
        if self._random.random() < 0.15:
            return self._chat_happens(self._random.choice(self._chats), person)
        return person.writes(self._community, self._words(), **self._content(person))

    def _chat_happens(self, chat: MultiChat, person: Person) -> Any:
        if self._random.random() < 0.3:
            return chat.rename(self._words())
        return chat.write(person, self._words(), **self._content(person))

    def _reply(self, person: Person) -> Message:
        admin = self._random.choice(self._people)
        return self._community.answer_as(admin, person, self._words(), **self._content(person))

    def _some(self, person: Person) -> Message:
        messages = self._community.conversation(person.id).messages
        if not messages:
            _finish(person.writes(self._community, self._words()))
        return self._random.choice(messages)

    def _edit(self, person: Person) -> Any:
        return person.edits(self._community, self._some(person), self._words())

    def _press(self, person: Person) -> Any:
        payload = self._random.choice(('{"a":1}', '{"id":"я"}', "{}"))
        action = {"type": "callback", "label": "Press", "payload": payload}
        inline = self._random.random() < 0.8
        keyboard = {"inline": inline, "one_time": False, "buttons": [[{"action": action}]]}
        self._community.add(person.id, -self.group_id, out=True, text="?", keyboard=keyboard)
        return person.presses(self._community, "Press")

    def _type(self, person: Person) -> Any:
        return person.types(self._community, self._random.choice(("typing", "audiomessage")))

    def _read(self, person: Person) -> Any:
        self._some(person)
        return person.reads(self._community)

    def _react(self, person: Person) -> Any:
        reaction = self._random.choice((None, 1, 5, 16))
        return person.reacts(self._community, self._some(person), reaction)

    def _block(self, person: Person) -> None:
        self._community.block(person, self._random.choice(self._people), self._words())

    def _lead(self, person: Person) -> None:
        answer = {"key": "name", "question": "Имя", "answer": self._words()}
        body: dict[str, Any] = {
            "lead_id": 1,
            "group_id": self.group_id,
            "user_id": person.id,
            "form_id": 2,
        }
        body |= {"form_name": "Form", "answers": [answer]}
        self._community.journal.publish("lead_forms_new", body)

    def _order(self, person: Person) -> None:
        price = {
            "amount": "100",
            "text": "1 ₽",
            "currency": {"id": 643, "name": "RUB", "title": "₽"},
        }
        body: dict[str, Any] = {
            "id": 1,
            "group_id": self.group_id,
            "user_id": person.id,
            "date": int(self._now),
        }
        body |= {"status": 0, "items_count": 1, "total_price": price, "comment": self._words()}
        self._community.journal.publish("market_order_new", body)


def _finish(outcome: Any) -> None:
    """Run a coroutine that waits for nothing."""
    try:
        outcome.send(None)
    except StopIteration:
        return
    raise RuntimeError("a customer's doing waited for something")


def as_lines(updates: Iterator[dict[str, Any]]) -> Iterator[bytes]:
    """Yield updates as the bodies that a receiver gets."""
    for update in updates:
        yield json.dumps(update).encode()
