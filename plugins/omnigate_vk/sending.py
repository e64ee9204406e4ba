"""What goes out: one part as one message, one change as one call."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

import omnigate
from omnigate_vk import refusals
from omnigate_vk.api import Api, ApiError
from omnigate_vk.event import Knowledge
from omnigate_vk.keyboards import checked, keyboard
from omnigate_vk.marks import random_id
from omnigate_vk.places import message_name, number_of, peer_of, reaction_of
from omnigate_vk.standing import Standing
from omnigate_vk.uploads import Uploads, address_of

_PASSED_ON: Final = frozenset(
    {
        *("keyboard", "template", "dont_parse_links", "disable_mentions", "intent"),
        *("subscribe_id", "sticker_id", "format_data", "attachment", "payload"),
    }
)
"""Arguments that a CRM may give under ``extensions.vk``."""


class Sender:
    """Sends for one community."""

    def __init__(
        self,
        api: Api,
        host: omnigate.ChannelHost,
        known: Knowledge,
        standing: Standing,
    ) -> None:
        self._api = api
        self._host = host
        self._known = known
        self._standing = standing
        self._uploads = Uploads(api, host)

    async def send(self, part: omnigate.OutboundPart) -> omnigate.Sent:
        """Send one part; the same part, sent again after a lost answer, is shown once."""
        peer_id = peer_of(part.conversation)
        try:
            arguments = await self._prepared(part, peer_id)
        except omnigate.NoAnswer as error:  # a file was on its way, the message was not
            raise omnigate.DestinationUnavailable(str(error)) from None
        except ApiError as error:
            raise await self._told(part, error) from None
        try:
            cmid = await self._said(peer_id, arguments)
        except ApiError as error:
            raise await self._told(part, error) from None
        self._known.sent.add(peer_id, cmid)
        self._standing.sends()
        return omnigate.Sent(external_id=message_name(peer_id, cmid))

    async def change(self, change: omnigate.OutboundChange) -> None:
        """Edit, delete or react; what is so already is a success."""
        peer_id = peer_of(change.conversation)
        try:
            await self._change(change, peer_id, number_of(change.external_id))
        except ApiError as error:
            raise await self._told(change, error) from None

    async def _prepared(self, part: omnigate.OutboundPart, peer_id: int) -> dict[str, Any]:
        """Return the arguments of a message, its files uploaded."""
        given = _passed_on(part.extensions)
        number = random_id(part.id)
        arguments: dict[str, Any] = {
            **given,
            "random_id": number,
            "message": part.text,
            "payload": self._known.marks.payload(part.id, given.get("payload")),
        }
        if part.reply_to is not None:
            arguments["forward"] = {
                "peer_id": peer_id,
                "conversation_message_ids": [number_of(part.reply_to)],
                "is_reply": 1,
            }
        if (shown := keyboard(part.buttons)) is not None:
            arguments.setdefault("keyboard", shown)
        if part.location is not None:
            arguments |= _located(part.location)
        files = [await self._uploads.bring(file, peer_id) for file in part.attachments]
        if files or given.get("attachment"):
            arguments["attachment"] = ",".join([*files, *_addresses(given.get("attachment"))])
        self._known.marks.remember(peer_id, number)
        return arguments

    async def _said(self, peer_id: int, arguments: Mapping[str, Any]) -> int:
        """Send a message and return its number. With ``peer_ids`` the answer tells one."""
        outcomes = await self._api.call("messages.send", peer_ids=peer_id, **arguments)
        outcome = outcomes[0] if isinstance(outcomes, list) and outcomes else None
        if not isinstance(outcome, dict):
            raise omnigate.NoAnswer("messages.send did not say what became of the message")
        if isinstance(error := outcome.get("error"), dict):
            code = error.get("code")
            raise ApiError(
                code if isinstance(code, int) and code > 0 else 1,
                str(error.get("description", ""))[:500],
            )
        cmid = outcome.get("conversation_message_id")
        if not isinstance(cmid, int):
            raise omnigate.NoAnswer("messages.send did not say the number of the message")
        return cmid

    async def _change(self, change: omnigate.OutboundChange, peer_id: int, cmid: int) -> None:
        if change.action == "delete":
            await self._api.call(
                "messages.delete", peer_id=peer_id, cmids=cmid, delete_for_all=True
            )
        elif change.action == "react" and change.emoji:
            reaction = reaction_of(change.emoji[0])
            await self._api.call(
                "messages.sendReaction", peer_id=peer_id, cmid=cmid, reaction_id=reaction
            )
        elif change.action == "react":
            await self._api.call("messages.deleteReaction", peer_id=peer_id, cmid=cmid)
        else:
            await self._edit(change, peer_id, cmid)

    async def _edit(self, change: omnigate.OutboundChange, peer_id: int, cmid: int) -> None:
        """Change a message; what an edit does not name is taken off, so what stays is named again."""
        there = await message_there(self._api, peer_id, cmid)
        files = ",".join(_attached(there)) if change.attachments else None
        await self._api.call(
            "messages.edit",
            peer_id=peer_id,
            cmid=cmid,
            message=change.text,
            attachment=files or None,
            keyboard=keyboard(change.buttons),
            payload=there.get("payload") or self._known.marks.payload(change.id),
            keep_forward_messages=True,
        )

    async def _told(
        self, item: omnigate.OutboundPart | omnigate.OutboundChange, error: ApiError
    ) -> omnigate.OmnigateError:
        """Return what a refusal means, and tell whom else it concerns."""
        if error.code in refusals.TROUBLE:
            self._standing.cannot_send(f"{error}; {refusals.TROUBLE[error.code]}")
        if refusals.is_gone(error):
            self._known.blocked.add(peer_of(item.conversation))
            await self._host.put(
                omnigate.ContactBlocked(
                    external_id=f"blocked:{item.id}:{item.attempt}",
                    conversation=item.conversation,
                    occurred_at=datetime.now(UTC),
                    sender=omnigate.Profile(address=item.address),
                    reason=refusals.GONE[error.code],
                )
            )
        return refusals.meaning(error)


async def message_there(api: Api, peer_id: int, cmid: int) -> dict[str, Any]:
    """Return a message as it is on the platform; empty when it is there no more."""
    found = await api.call(
        "messages.getByConversationMessageId", peer_id=peer_id, conversation_message_ids=cmid
    )
    items = found.get("items") if isinstance(found, dict) else None
    return items[0] if isinstance(items, list) and items and isinstance(items[0], dict) else {}


def _passed_on(extensions: Mapping[str, Any]) -> dict[str, Any]:
    given = extensions.get("vk")
    if not isinstance(given, dict):
        return {}
    if unknown := given.keys() - _PASSED_ON:
        raise omnigate.Refused(
            "bad_extension", f"extensions.vk has no {', '.join(sorted(unknown))}"
        )
    if "keyboard" in given:
        checked(given["keyboard"])
    return dict(given)


def _addresses(given: Any) -> list[str]:
    """Return what a CRM names of what is on the platform already: ``photo-1_2``, one or a list."""
    named = given if isinstance(given, list) else [given]
    return [str(one) for one in named if one]


def _located(point: omnigate.Location) -> dict[str, Any]:
    words = ", ".join(filter(None, (point.title, point.address)))
    return {"lat": point.latitude, "long": point.longitude, "message": words or None}


def _attached(message: Mapping[str, Any]) -> list[str]:
    """Return what messages call the files of a message."""
    found = []
    for attachment in message.get("attachments", ()):
        kind = attachment.get("type")
        body = attachment.get(kind)
        if isinstance(body, dict) and "owner_id" in body and "id" in body:
            found.append(address_of("doc" if kind == "audio_message" else kind, body))
    return found
