"""Random updates of every kind, valid ones, the same for the same seed.

They come from chats that go on: replies answer what was said, edits change it, presses are of
buttons that were sent. Nothing is served and nothing waits, so a benchmark can draw many thousands.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from random import Random
from typing import Any, Final

from omnigate.emulators.telegram import contents
from omnigate.emulators.telegram.contents import Body
from omnigate.emulators.telegram.delivery import (
    change,
    post,
    remove,
    tell_connection,
    tell_membership,
    tell_press,
    tell_reaction,
)
from omnigate.emulators.telegram.model import BusinessConnection, Chat, Message, Press, User
from omnigate.emulators.telegram.rare import OTHER_CONTENTS, RARE, poison_updates, unknown_updates
from omnigate.emulators.telegram.samples import SAMPLES
from omnigate.emulators.telegram.texts import format_text
from omnigate.emulators.telegram.updates import KINDS
from omnigate.emulators.telegram.world import World

_NOW: Final = 1_760_000_000.0
_WORDS: Final = (
    "Добрый",
    "день!",
    "hello",
    "заказ",
    "№4815",
    "👍",
    "👩‍👩‍👧",
    "🇷🇺",
    "שלום",
    "مرحبا",
    "e\u0301",
    "https://shop.example/item?id=7",
    "anna@shop.example",
    "/help",
    "@shop_bot",
    "#скидка",
    "+79001234567",
    "\n",
    "<b>не тег</b>",
    "a\u200bb",
    "𝄞",
)
_MARKS: Final = ("bold", "italic", "code", "spoiler", "underline", "strikethrough", "blockquote")
_USUAL: Final = ("message",) * 60 + ("edited_message", "callback_query", "message_reaction") * 4


def _constant(body: Body) -> Callable[[Generator], Body]:
    return lambda _: dict(body)


class Generator:
    """An endless conversation with one bot."""

    def __init__(self, seed: int = 0, *, people: int = 20) -> None:
        self.seed = seed
        self._random = Random(seed)
        self._time = _NOW
        self._world = World(self._random, lambda: self._time, local=False)
        self.bot = self._world.add_bot("shop_bot", "Shop", reads_groups=True)
        self.bot.updates.allowed = frozenset(KINDS)
        self._people = [self._user(number) for number in range(people)]
        self._private = [self._world.private_chat(self.bot, user) for user in self._people]
        self._groups = [self._group("group"), self._group("supergroup"), self._forum()]
        self._channel = self._group("channel")
        self._speaker = self._people[0]
        owner = self._world.add_user(first_name="Владелец")
        self._connection = BusinessConnection(
            self._world.secret(18), owner, self.bot, owner.id, self._world.now()
        )
        self._rich = {
            kind: contents.medium(kind, self._sample(kind)) for kind in SAMPLES if kind != "photo"
        }

    def updates(self, count: int, *, every_kind: bool = False) -> Iterator[dict[str, Any]]:
        """Give so many updates: mostly messages, or all kinds evenly."""
        for _ in range(count):
            yield self.update(self._random.choice(KINDS if every_kind else _USUAL))

    def update(self, kind: str = "message") -> dict[str, Any]:
        """Return one update of a kind."""
        self._time += self._random.random() * 5
        if kind in RARE:
            user, chat = self._someone().as_json(), self._random.choice(self._groups).as_json()
            payload = RARE[kind](self._random, user, chat, self._world.now())
            self.bot.updates.put(kind, payload, 0)
        else:
            self._makers[kind](self)
        return self._newest()

    def message(self, content: str) -> dict[str, Any]:
        """Return an update with a message that holds this: ``text``, ``photo``, ``venue``, …"""
        chat = self._random.choice(self._private)
        self._speaker = chat.person or self._someone()
        self._say(chat, self._contents[content](self), self._speaker)
        return self._newest()

    def _newest(self) -> dict[str, Any]:
        body = dict(self.bot.updates.past[-1].body)
        self.bot.updates.past.clear()
        self.bot.updates.clear()
        return body

    def poison(self) -> dict[str, dict[str, Any]]:
        """Return wrong updates by what is wrong with them, numbered."""
        user = self._people[0]
        return self._numbered(
            poison_updates(user.as_json(), self._private[0].as_json(), self._world.now())
        )

    def unknown(self) -> dict[str, dict[str, Any]]:
        """Return updates of a newer platform by what is new in them, numbered."""
        user = self._people[0]
        return self._numbered(
            unknown_updates(user.as_json(), self._private[0].as_json(), self._world.now())
        )

    def text(self, most_words: int = 30) -> str:
        """Return a text as people write, and as they do not."""
        return " ".join(self._random.choices(_WORDS, k=self._random.randint(1, most_words)))

    @property
    def content_names(self) -> list[str]:
        """What ``message`` can be asked for."""
        return list(self._contents)

    def _numbered(self, bodies: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
        start = self.bot.updates.next_id
        self.bot.updates.next_id += len(bodies)
        return {
            name: {"update_id": start + at, **copy.deepcopy(body)}
            for at, (name, body) in enumerate(bodies.items())
        }

    def _user(self, number: int) -> User:
        return self._world.add_user(
            first_name=self._random.choice(["Анна", "Ivan", "李", "👑 Queen", "O'Neil <b>"]),
            last_name=self._random.choice(["", "Петрова"]),
            username=self._random.choice(["", f"user_{number}"]),
            language_code=self._random.choice(["", "ru", "en", "pt-br"]),
        )

    def _someone(self) -> User:
        return self._random.choice(self._people)

    def _group(self, kind: Any) -> Chat:
        chat = self._world.add_group(kind, "Покупатели", "", is_forum=False)
        chat.members = {user.id: "member" for user in self._people}
        chat.members[self.bot.id] = "administrator"
        return chat

    def _forum(self) -> Chat:
        chat = self._group("supergroup")
        chat.is_forum = True
        chat.topics[1] = "Общее"
        return chat

    def _sample(self, kind: str) -> Any:
        sample = SAMPLES[kind]
        size = self._random.randint(100, 30_000_000)
        name, mime_type = sample.name, sample.mime_type
        return self._world.files.put(b"", name=name, mime_type=mime_type, size_bytes=size)

    def _chat(self) -> Chat:
        if self._random.random() < 0.7:
            return self._random.choice(self._private)
        return self._random.choice(self._groups)

    def _say(self, chat: Chat, body: Body, sender: User | None = None) -> Message:
        # Only the newest are kept, so that a benchmark of any length needs little memory.
        for old in list(chat.messages)[: max(len(chat.messages) - 20, 0)]:
            del chat.messages[old]
        sender = sender or chat.person or self._someone()
        reply_to = None
        if chat.messages and self._random.random() < 0.2:
            reply_to = self._random.choice(list(chat.messages.values()))
        thread_id = 1 if chat.is_forum and self._random.random() < 0.8 else None
        return post(self._world, chat, sender, body, reply_to=reply_to, thread_id=thread_id)

    def _content(self) -> Body:
        name = "text"
        if self._random.random() < 0.4:
            name = self._random.choice(list(self._contents))
        body = self._contents[name](self)
        if self._random.random() < 0.1:
            origin = {"type": "hidden_user", "sender_user_name": "Кто-то"}
            body = body | {"forward_origin": origin | {"date": self._world.now() - 99}}
        if ("photo" in body or "video" in body) and self._random.random() < 0.3:
            body = body | {"media_group_id": self._world.number()}
        return body

    def _text_body(self) -> Body:
        words = self.text()
        entities = []
        if self._random.random() < 0.3:
            first = len(words.split(" ")[0].encode("utf-16-le")) // 2
            entities = [{"type": self._random.choice(_MARKS), "offset": 0, "length": first}]
        return contents.text(format_text(words or "…", entities=entities)) or {"text": "…"}

    def _photo_body(self) -> Body:
        sides = self._random.choice([(1280, 960), (60, 60), (300, 2000)])
        body = contents.photo(self._world.files, self._sample("photo"), *sides)
        return self._captioned(body)

    def _captioned(self, body: Body) -> Body:
        if self._random.random() < 0.5:
            return contents.with_caption(body, format_text(self.text(8)))
        return body

    def _make_message(self) -> None:
        chat = self._chat()
        self._speaker = chat.person or self._someone()
        self._say(chat, self._content(), self._speaker)

    def _make_edit(self) -> None:
        message = self._say(self._chat(), self._text_body())
        change(self._world, message, self._text_body(), None)

    def _make_post(self) -> None:
        post(self._world, self._channel, None, self._content())

    def _make_edited_post(self) -> None:
        message = post(self._world, self._channel, None, self._text_body())
        change(self._world, message, self._text_body(), None)

    def _business_message(self) -> Message:
        user = self._someone()
        chat = self._world.business_chat(self._connection, user)
        return self._say(chat, self._content(), user)

    def _make_business_message(self) -> None:
        self._business_message()

    def _make_edited_business_message(self) -> None:
        change(self._world, self._business_message(), self._text_body(), None)

    def _make_deleted_business_messages(self) -> None:
        remove(self._world, self._business_message())

    def _make_connection(self) -> None:
        self._connection.is_enabled = self._random.random() < 0.5
        tell_connection(self._connection)

    def _make_press(self) -> None:
        chat = self._random.choice(self._private)
        keyboard = {"inline_keyboard": [[{"text": "Да", "callback_data": "q1:yes"}]]}
        message = post(self._world, chat, self.bot.user, {"text": "?"}, keyboard=keyboard)
        user = chat.person or self._someone()
        press = Press(self._world.number(), user, message, "q1:yes", self._time + 150)
        tell_press(self._world, self.bot, press, self._world.number())

    def _make_own_membership(self) -> None:
        chat = self._random.choice(self._private)
        user = chat.person or self._someone()
        before, after = self._random.choice([("member", "kicked"), ("kicked", "member")])
        tell_membership(self._world, chat, user, self.bot.user, before, after)  # type: ignore[arg-type]  # both are statuses

    def _make_membership(self) -> None:
        user = self._someone()
        chat = self._random.choice(self._groups)
        tell_membership(self._world, chat, user, user, "left", "member")

    def _make_reaction(self) -> None:
        chat = self._random.choice(self._private)
        user = chat.person or self._someone()
        message = post(self._world, chat, self.bot.user, {"text": "Спасибо"})
        tell_reaction(self._world, message, user, [], [{"type": "emoji", "emoji": "❤"}])

    _makers: Final[dict[str, Callable[[Generator], None]]] = {
        "message": _make_message,
        "edited_message": _make_edit,
        "channel_post": _make_post,
        "edited_channel_post": _make_edited_post,
        "business_message": _make_business_message,
        "edited_business_message": _make_edited_business_message,
        "deleted_business_messages": _make_deleted_business_messages,
        "business_connection": _make_connection,
        "callback_query": _make_press,
        "my_chat_member": _make_own_membership,
        "chat_member": _make_membership,
        "message_reaction": _make_reaction,
    }

    _contents: Final[dict[str, Callable[[Generator], Body]]] = {
        "text": _text_body,
        "photo": _photo_body,
        "document": lambda self: self._captioned(self._rich["document"]),
        "video": lambda self: self._captioned(self._rich["video"]),
        "animation": lambda self: self._captioned(self._rich["animation"]),
        "audio": lambda self: self._captioned(self._rich["audio"]),
        "voice": lambda self: self._captioned(self._rich["voice"]),
        "video_note": lambda self: self._rich["video_note"],
        "sticker": lambda self: self._rich["sticker"],
        "own contact": lambda self: contents.contact(
            "+79001112233", self._speaker.first_name, user_id=self._speaker.id
        ),
        "other contact": lambda self: contents.contact("+79003334455", "Борис", user_id=777),
        "location": lambda self: contents.location(55.75, 37.61, live_period=60),
        "venue": lambda self: contents.venue(55.75, 37.62, "ГУМ", "Красная площадь, 3"),
        "poll": lambda self: contents.poll("77", "Когда удобно?", ["утром", "вечером"]),
        "dice": lambda self: contents.dice("🎲", self._random.randint(1, 6)),
        **{name: _constant(body) for name, body in OTHER_CONTENTS.items()},
    }
