"""A customer at the site, and everybody who comes with tokens of a handover."""

from __future__ import annotations

import json
from typing import Any

from omnigate.handovertoken import digest_of, new_handover_token
from omnigate.ids import handover_id
from omnigate.model.inbound import Profile
from omnigate.store.handovers import NewHandover, make_handovers
from omnigate.store.ingest import Intake, ingest
from omnigate.store.threads import ChannelKey

DAY = 24 * 3600 * 1000
SITE = ChannelKey("site", "webchat")
BOT = ChannelKey("bot", "telegram")
SHOP = ChannelKey("shop", "vk")
MAIL = ChannelKey("mail", "email")
FORM = ChannelKey("form", "http")

VISITOR = Profile.model_validate({"address": "webchat:v1", "display_name": "Anna"})
ANNA = Profile.model_validate({"address": "telegram:7", "verified": True})
FORGED = Profile.model_validate({"address": "mailto:boss@example.org"})
"""A mail says so, and nobody vouches for it."""


class Counter:
    """A customer at the site, and everybody who comes with tokens."""

    def __init__(self, desk: Any, said: Any) -> None:
        self.desk = desk
        self._said = said
        self._count = 0

    def item(
        self, conversation: str, sender: Profile, token: str | None = None, **more: Any
    ) -> Any:
        self._count += 1
        return self._said(f"m{self._count}", conversation, sender=sender, handover=token, **more)

    def put(self, channel: ChannelKey, *items: Any) -> list[Any]:
        return list(self.desk.run(ingest, Intake(channel, items))[0])

    def write(
        self,
        channel: ChannelKey,
        sender: Profile,
        token: str | None = None,
        *,
        conversation: str = "c",
        **more: Any,
    ) -> Any:
        return self.put(channel, self.item(conversation, sender, token, **more))[0]

    def conversation(self, channel: ChannelKey, external_id: str = "c") -> Any:
        (row,) = self.desk.rows(
            "SELECT * FROM conversation WHERE channel = :channel AND external_id = :external_id",
            channel=channel.name,
            external_id=external_id,
        )
        return row

    def token(
        self,
        *channels: ChannelKey,
        of: ChannelKey = SITE,
        called: str = "c",
        lifetime: int = DAY,
        offered: bool = False,
    ) -> str:
        token = new_handover_token()
        names = [channel.name for channel in channels or (BOT, SHOP, MAIL)]
        new = NewHandover(
            handover_id(),
            digest_of(token),
            self.conversation(of, called).id,
            names,
            self.desk.now + lifetime,
            offered,
        )
        assert self.desk.run(make_handovers, new) == [True]
        return token

    def handover(self, channel: ChannelKey, external_id: str = "c") -> dict[str, Any] | None:
        """Return where a conversation knows itself to come from."""
        said: dict[str, Any] | None = json.loads(self.conversation(channel, external_id).context)[
            "handover"
        ]
        return said

    def events(self, *types: str) -> list[dict[str, Any]]:
        rows = self.desk.rows("SELECT body FROM event_body ORDER BY position")
        found = [json.loads(row.body) for row in rows]
        return [one for one in found if not types or one["type"] in types]

    def used(self) -> list[str | None]:
        return [row.used_in for row in self.desk.rows("SELECT used_in FROM handover ORDER BY id")]

    def is_one(self, *channels: ChannelKey) -> bool:
        return len({self.conversation(channel).contact_id for channel in channels}) == 1
