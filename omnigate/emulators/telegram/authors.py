"""What a person can send, and change of what was sent.

Source: fact sheet, section 3.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from omnigate.emulators.telegram import contents
from omnigate.emulators.telegram.contents import Body
from omnigate.emulators.telegram.delivery import change, post, remove
from omnigate.emulators.telegram.files import image_sides
from omnigate.emulators.telegram.groups import Group
from omnigate.emulators.telegram.model import Bot, BusinessConnection, Chat, Message, User
from omnigate.emulators.telegram.samples import SAMPLES
from omnigate.emulators.telegram.texts import format_text
from omnigate.emulators.telegram.view import Seen
from omnigate.emulators.telegram.world import World

Place = Bot | Group | BusinessConnection
Answerable = Message | Seen | None


class CannotDo(Exception):
    """No phone lets a person do this."""


class Author:
    """Somebody who writes."""

    def __init__(self, world: World, user: User) -> None:
        self.user = user
        self._world = world

    @property
    def id(self) -> int:
        """The number of the account."""
        return self.user.id

    async def writes(
        self,
        place: Place,
        words: str,
        *,
        entities: Sequence[dict[str, Any]] = (),
        reply_to: Answerable = None,
        quote: str = "",
        thread_id: int | None = None,
    ) -> Message:
        """Send a text; the platform marks commands and links in it itself."""
        formatted = format_text(words, entities=list(entities))
        if not formatted.text:
            raise CannotDo("an empty message")
        body = contents.text(formatted)
        if quote:
            body["quote"] = {"text": quote, "position": 0, "is_manual": True}
        return self._post(place, body, reply_to=reply_to, thread_id=thread_id)

    async def sends(
        self,
        place: Place,
        kind: str,
        content: bytes | None = None,
        *,
        caption: str = "",
        file_name: str = "",
        mime_type: str = "",
        size_bytes: int | None = None,
        reply_to: Answerable = None,
        **fields: Any,
    ) -> Message:
        """Send a medium: ``photo``, ``document``, ``video``, ``voice``, ``sticker``, …

        Without ``content`` it is a small sample. ``size_bytes`` lets it pass for a bigger file.
        """
        body = self.medium(
            kind,
            content,
            caption=caption,
            file_name=file_name,
            mime_type=mime_type,
            size_bytes=size_bytes,
            **fields,
        )
        return self._post(place, body, reply_to=reply_to)

    async def sends_album(self, place: Place, *items: Body) -> list[Message]:
        """Send several media as one album; make each with ``medium``."""
        group = self._world.number()
        return [self._post(place, item | {"media_group_id": group}) for item in items]

    def medium(
        self,
        kind: str,
        content: bytes | None = None,
        *,
        caption: str = "",
        file_name: str = "",
        mime_type: str = "",
        size_bytes: int | None = None,
        **fields: Any,
    ) -> Body:
        """Return a medium ready to be sent in an album."""
        sample = SAMPLES[kind]
        content = sample.content if content is None else content
        file = self._world.files.put(
            content,
            name=file_name or sample.name,
            mime_type=mime_type or sample.mime_type,
            size_bytes=size_bytes,
        )
        if kind == "photo":
            body = contents.photo(self._world.files, file, *(image_sides(content) or (1280, 960)))
        else:
            body = contents.medium(kind, file, **fields)
        return contents.with_caption(body, format_text(caption))

    async def shares_contact(
        self, place: Place, phone_number: str = "", first_name: str = "", **fields: Any
    ) -> Message:
        """Share one's own number, or somebody else's where one is given."""
        if phone_number:
            body = contents.contact(phone_number, first_name or "Борис", **fields)
        else:
            number = self.user.phone_number or f"+7900{self.user.id % 10_000_000:07d}"
            named = (self.user.first_name, self.user.last_name)
            body = contents.contact(number, *named, user_id=self.user.id)
        return self._post(place, body)

    async def shares_location(
        self, place: Place, latitude: float = 55.751244, longitude: float = 37.618423, **more: Any
    ) -> Message:
        """Share where one is."""
        return self._post(place, contents.location(latitude, longitude, **more))

    async def shares_venue(self, place: Place, title: str = "ГУМ") -> Message:
        """Share a place with a name."""
        body = contents.venue(55.754742, 37.621367, title, "Красная площадь, 3")
        return self._post(place, body)

    async def sends_poll(self, place: Place, question: str, options: Sequence[str]) -> Message:
        """Ask around."""
        return self._post(place, contents.poll(self._world.number(), question, list(options)))

    async def rolls_dice(self, place: Place, emoji: str = "🎲") -> Message:
        """Throw a die."""
        value = self._world.random.randint(1, contents.DICE[emoji])
        return self._post(place, contents.dice(emoji, value))

    async def forwards(self, place: Place, message: Answerable, *, hidden: bool = False) -> Message:
        """Send on what somebody wrote, by name or without."""
        source = raw_message(message)
        author = source.sender or self.user
        origin: Body = {"type": "user", "sender_user": author.as_json(), "date": source.date}
        if hidden:
            origin = {
                "type": "hidden_user",
                "sender_user_name": author.first_name,
                "date": source.date,
            }
        return self._post(place, source.body | {"forward_origin": origin})

    async def sends_raw(self, place: Place, body: Body) -> Message:
        """Send fields of a Message as they are: what the emulator has no word for."""
        return self._post(place, body)

    async def edits(self, message: Answerable, words: str) -> Message:
        """Change the text of one's own message, or the caption of a medium."""
        own = self._own(message)
        formatted = format_text(words)
        kind = contents.kind_of(own.body)
        fields = formatted.fields() if kind == "text" else {}
        if kind != "text":
            bare = {n: v for n, v in own.body.items() if n not in ("caption", "caption_entities")}
            fields = contents.with_caption(bare, formatted)
        change(self._world, own, fields, own.keyboard)
        return own

    async def deletes(self, message: Answerable) -> None:
        """Delete a message; ordinary bots do not hear of it."""
        remove(self._world, raw_message(message))

    def _open(self, place: Place) -> Chat:
        match place:
            case Bot():
                return self._world.private_chat(place, self.user)
            case BusinessConnection():
                return self._world.business_chat(place, self.user)
        return place.chat

    def _post(
        self,
        place: Place,
        body: Body,
        *,
        reply_to: Answerable = None,
        thread_id: int | None = None,
    ) -> Message:
        chat = self._open(place)
        if self.user.deactivated:
            raise CannotDo("the account is deleted")
        if chat.blocked:
            raise CannotDo("the bot is blocked: unblock it first")
        if isinstance(place, Group) and not chat.has(self.id):
            raise CannotDo("not in this group")
        if chat.type == "channel":
            raise CannotDo("only a channel itself posts there")
        if isinstance(place, Bot):
            chat.started = True
        replied = None if reply_to is None else raw_message(reply_to)
        return post(self._world, chat, self.user, body, reply_to=replied, thread_id=thread_id)

    def _own(self, message: Answerable) -> Message:
        own = raw_message(message)
        if own.sender is not self.user:
            raise CannotDo("somebody else wrote that")
        return own


def raw_message(message: Answerable) -> Message:
    """Return the message behind what is seen; raises ``CannotDo`` where there is none."""
    if message is None:
        raise CannotDo("there is no such message")
    return message.raw if isinstance(message, Seen) else message
