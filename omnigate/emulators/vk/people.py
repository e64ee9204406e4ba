"""The customers' side: what people do on the platform, and what they see."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any, Final
from urllib.parse import parse_qsl, urlsplit

from omnigate.emulators.vk.community import Community
from omnigate.emulators.vk.conversation import ChatView
from omnigate.emulators.vk.files import Attachment
from omnigate.emulators.vk.ground import Ground
from omnigate.emulators.vk.message import Message

CLIENT: Final[Mapping[str, Any]] = {
    "button_actions": [
        "text",
        "vkpay",
        "open_app",
        "location",
        "open_link",
        "open_photo",
        "callback",
        "intent_subscribe",
        "intent_unsubscribe",
    ],
    "keyboard": True,
    "inline_keyboard": True,
    "carousel": True,
    "lang_id": 0,
}
"""What a recent client says that it can show."""


class Person:
    """Somebody with an account."""

    def __init__(
        self,
        ground: Ground,
        communities: Mapping[int, Community],
        user_id: int,
        first_name: str,
        last_name: str,
        *,
        screen_name: str | None = None,
        city: str | None = None,
        sex: int = 0,
        bdate: str | None = None,
        timezone: int | None = None,
        lang_id: int = 0,
    ) -> None:
        self._ground = ground
        self._communities = communities
        self.id = user_id
        self.first_name = first_name
        self.last_name = last_name
        self.screen_name = screen_name or f"id{user_id}"
        self.city = city
        self.sex = sex
        self.bdate = bdate
        self.timezone = timezone
        self.lang_id = lang_id
        """0 is Russian, 3 English."""
        self.account = "active"
        """Or ``deleted``, or ``banned``."""
        self.closed_to_communities = False
        """Privacy settings that let no community write: error 902."""
        self.photo = f"https://sun1.example.org/{user_id}.jpg"
        self.client = dict(CLIENT)
        """What the client in the person's hand can show; an old one can do less."""
        self._came_by: dict[int, tuple[str, str]] = {}

    def client_info(self) -> dict[str, Any]:
        """Return what the person's client can show."""
        return {**self.client, "lang_id": self.lang_id}

    def chat(self, community: Community) -> ChatView:
        """Return what this person sees of the conversation with a community."""
        return ChatView(community.conversation(self.id), self._ground)

    def opens(self, community: Community, ref: str, ref_source: str = "") -> None:
        """Come by a link ``vk.me/…?ref=…``: the next message carries where from.

        That only the first message carries it is unverified.
        """
        self._came_by[community.id] = (ref, ref_source)

    def follows(self, link: str) -> Community:
        """Open a link ``https://vk.me/…``; gives whose conversation it leads to.

        Raises:
            LookupError: it leads nowhere
        """
        parts = urlsplit(link)
        name = parts.path.strip("/")
        if parts.scheme != "https" or parts.hostname not in ("vk.me", "vk.ru", "vk.com"):
            raise LookupError(f"{link} does not lead to VK")
        for community in self._communities.values():
            if name in (community.screen_name, f"club{community.id}", f"public{community.id}"):
                query = dict(parse_qsl(parts.query))
                if "ref" in query:
                    self.opens(community, query["ref"], query.get("ref_source", ""))
                return community
        raise LookupError(f"there is no community {name!r}")

    async def writes(self, community: Community, text: str = "", **content: Any) -> Message:
        """Write a message; ``content`` are fields of `Message`, ``attachments`` first of all.

        Raises:
            PermissionError: the platform would not let it through
        """
        if self.account != "active":
            raise PermissionError(f"the account of {self.first_name} is {self.account}")
        if self.id in community.blacklist or not community.messages_enabled:
            raise PermissionError(f"{community.name} takes no messages from {self.first_name}")
        came_by = self._came_by.pop(community.id, None)
        if came_by is not None:
            content = {"ref": came_by[0], "ref_source": came_by[1] or None, **content}
        community.allowed.add(self.id)
        message = community.add(self.id, self.id, text=text, **content)
        community.tell(self, message)
        return message

    async def sends(
        self, community: Community, *attachments: Attachment | str, text: str = "", **content: Any
    ) -> Message:
        """Send attachments, each one made before or named by its kind."""
        made = [
            one if isinstance(one, Attachment) else self._ground.make.any(one, self.id)
            for one in attachments
        ]
        return await self.writes(community, text, attachments=made, **content)

    async def shares_location(
        self, community: Community, latitude: float, longitude: float, **content: Any
    ) -> Message:
        """Send where one is."""
        coordinates = {"latitude": latitude, "longitude": longitude}
        geo = {"type": "point", "coordinates": coordinates}
        return await self.writes(community, geo=geo, **content)

    async def starts(self, community: Community, ref: str = "", ref_source: str = "") -> Message:
        """Press the button "Start"."""
        if ref:
            self.opens(community, ref, ref_source)
        return await self.writes(community, "Начать", payload='{"command":"start"}')

    async def presses(self, community: Community, label: str) -> str | Message | None:
        """Press a button by its label; location buttons have none and are pressed as ``location``.

        Gives the message that it sends, the ``event_id`` of a callback button, or nothing for a
        button that only opens something.

        Raises:
            LookupError: no such button is to be seen
        """
        message, action = self._button(community, label)
        payload = action.get("payload")
        if action["type"] == "text":
            return await self.writes(community, action["label"], payload=payload)
        if action["type"] == "location":
            return await self.shares_location(community, 59.93, 30.33, payload=payload)
        if action["type"] == "callback":
            return self._call_back(community, message, payload)
        return None

    async def edits(self, community: Community, message: Message, text: str) -> None:
        """Change the text of an own message."""
        message.text, message.update_time = text, self._ground.now()
        community.say(message, "message_edit")

    async def allows(self, community: Community, key: str = "") -> None:
        """Allow messages, by a widget that was given ``key``."""
        community.allowed.add(self.id)
        community.journal.publish("message_allow", {"user_id": self.id, "key": key})

    async def denies(self, community: Community) -> None:
        """Forbid messages; the community gets error 901."""
        community.allowed.discard(self.id)
        community.journal.publish("message_deny", {"user_id": self.id})

    async def types(self, community: Community, state: str = "typing") -> None:
        """Be seen typing, or speaking; the word ``audiomessage`` for that is unverified."""
        body = {"state": state, "from_id": self.id, "to_id": -community.id}
        community.journal.publish("message_typing_state", body)

    async def reads(self, community: Community) -> None:
        """Read everything that there is."""
        conversation = community.conversation(self.id)
        last = conversation.messages[-1]
        conversation.read_by_customer = last.cmid
        body = {"from_id": self.id, "peer_id": self.id, "read_message_id": last.id}
        community.journal.publish("message_read", body | {"conversation_message_id": last.cmid})

    async def reacts(self, community: Community, message: Message, reaction: int | None) -> None:
        """Put a reaction on a message, or take it off with none."""
        body = {"reacted_id": self.id, "peer_id": message.peer_id, "cmid": message.cmid}
        if reaction is None:
            message.reactions.pop(self.id, None)
        else:
            message.reactions[self.id] = reaction
            body["reaction_id"] = reaction
        community.journal.publish("message_reaction_event", body)

    async def joins(self, community: Community) -> None:
        """Become a member."""
        community.members.add(self.id)
        community.journal.publish("group_join", {"user_id": self.id, "join_type": "join"})

    async def leaves(self, community: Community) -> None:
        """Be a member no more."""
        community.members.discard(self.id)
        community.journal.publish("group_leave", {"user_id": self.id, "self": 1})

    def to_json(self, fields: Iterable[str]) -> dict[str, Any]:
        """Return it as users.get does: the names, and of the fields those that are known."""
        body: dict[str, Any] = {
            "id": self.id,
            "first_name": self.first_name,
            "last_name": self.last_name,
        }
        if self.account != "active":
            gone = {"first_name": "DELETED", "last_name": ""} if self.account == "deleted" else {}
            return body | gone | {"deactivated": self.account}
        body |= {"can_access_closed": True, "is_closed": False}
        known = {
            "screen_name": self.screen_name,
            "domain": self.screen_name,
            "photo_50": self.photo,
            "photo_100": self.photo,
            "photo_200": self.photo,
            "sex": self.sex,
            "bdate": self.bdate,
            "timezone": self.timezone,
            "city": {"id": 2, "title": self.city} if self.city else None,
        }
        return body | {one: known[one] for one in fields if known.get(one) is not None}

    def _button(self, community: Community, label: str) -> tuple[Message, dict[str, Any]]:
        view = self.chat(community)
        shown = view.keyboard  # an ordinary keyboard that was replaced cannot be pressed any more
        for message in reversed(view.received):
            if (
                message.keyboard
                and not message.keyboard["inline"]
                and message.keyboard is not shown
            ):
                continue
            for action in _actions(message):
                if label in (action.get("label"), action["type"]):
                    return message, action
        raise LookupError(f"no button {label!r} is to be seen")

    def _call_back(self, community: Community, message: Message, payload: str | None) -> str:
        event_id = f"{self._ground.random.getrandbits(48):012x}"
        community.callback_events[event_id] = (self.id, self.id, self._ground.clock())
        body: dict[str, Any] = {"user_id": self.id, "peer_id": self.id, "event_id": event_id}
        if payload is not None:
            body["payload"] = json.loads(payload)
        if message.keyboard is not None and message.keyboard["inline"]:
            body["conversation_message_id"] = message.cmid
        community.journal.publish("message_event", body)
        return event_id


def _actions(message: Message) -> list[dict[str, Any]]:
    rows = (message.keyboard or {"buttons": []})["buttons"]
    elements = (message.template or {"elements": []})["elements"]
    columns = [element.get("buttons", []) for element in elements]
    return [button["action"] for row in [*rows, *columns] for button in row]
