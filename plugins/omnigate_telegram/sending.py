"""What goes out: one part as one call, one change as one call a message; and what errors mean."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final, TypeVar

from aiohttp import FormData
from pydantic_core import to_json

import omnigate
from omnigate_telegram.api import UPLOAD_SECONDS, Api, ApiError
from omnigate_telegram.files import add_file, album_kinds, is_no_photo, method_of
from omnigate_telegram.keyboards import keyboard, left_over
from omnigate_telegram.limits import Pace
from omnigate_telegram.places import Place, message_numbers

ResultT = TypeVar("ResultT")

_PASSED_ON: Final = frozenset(
    {
        *("parse_mode", "entities", "caption_entities", "link_preview_options", "reply_markup"),
        *("disable_notification", "protect_content", "message_effect_id", "has_spoiler"),
        *("show_caption_above_media", "allow_paid_broadcast"),
    }
)
"""Arguments that a CRM may give under ``extensions.telegram``."""
_GONE: Final = (
    "bot was blocked",
    "user is deactivated",
    "bot can't initiate conversation",
)
_ALREADY_SO: Final = ("message is not modified", "message to delete not found")


class Sender:
    """Sends for one bot."""

    def __init__(self, api: Api, host: omnigate.ChannelHost, pace: Pace) -> None:
        self._api = api
        self._host = host
        self._pace = pace

    async def send(self, part: omnigate.OutboundPart) -> omnigate.Sent:
        """Send one part; the id of an album is that of all its messages."""
        place = Place.of(part.conversation)
        await self._pace.keep(place)
        sent = await self._meant(part, place, lambda there: self._send(part, there))
        messages = sent if isinstance(sent, list) else [sent]
        numbers = ",".join(str(message["message_id"]) for message in messages)
        there = place._replace(chat=messages[0]["chat"]["id"])  # the group may have moved
        return omnigate.Sent(external_id=there.message(numbers))

    async def change(self, change: omnigate.OutboundChange) -> None:
        """Edit, delete or react; what is so already is a success."""
        place = Place.of(change.conversation)
        await self._pace.keep(place, is_message=False)
        await self._meant(change, place, lambda there: self._change(change, there))

    async def _send(self, part: omnigate.OutboundPart, place: Place) -> Any:
        arguments: dict[str, Any] = {**_passed_on(part.extensions), **place.arguments()}
        if part.reply_to is not None:
            arguments["reply_parameters"] = {
                "message_id": message_numbers(part.reply_to)[0],
                "allow_sending_without_reply": True,
            }
        markup = keyboard(part.buttons)
        if markup is not None:
            arguments.setdefault("reply_markup", markup)
        text = "\n".join(filter(None, (part.text, left_over(part.buttons)))) or None
        if part.location is not None:
            return await self._api.call(*_located(part.location, arguments))
        if len(part.attachments) > 1:
            return await self._send_album(part, text, arguments)
        if part.attachments:
            return await self._send_file(part.attachments[0], text, arguments)
        return await self._api.call("sendMessage", {**arguments, "text": text or ""})

    async def _send_file(
        self, file: omnigate.Attachment, text: str | None, arguments: dict[str, Any]
    ) -> Any:
        method, name = method_of(file, has_words=bool(text))
        if text:
            arguments["caption"] = text
        try:
            return await self._upload(method, arguments, {name: file})
        except ApiError as error:
            if name != "photo" or not is_no_photo(error):
                raise
        return await self._upload("sendDocument", arguments, {"document": file})

    async def _send_album(
        self, part: omnigate.OutboundPart, text: str | None, arguments: dict[str, Any]
    ) -> Any:
        arguments.pop("reply_markup", None)  # an album has none; the host puts buttons elsewhere
        files = {f"file{number}": file for number, file in enumerate(part.attachments)}
        kinds = album_kinds(part.attachments)
        try:
            media = _album(part.attachments, kinds, text)
            return await self._upload("sendMediaGroup", {**arguments, "media": media}, files)
        except ApiError as error:
            if "photo" not in kinds or not is_no_photo(error):
                raise
        media = _album(part.attachments, ["document"] * len(kinds), text)
        return await self._upload("sendMediaGroup", {**arguments, "media": media}, files)

    async def _upload(
        self, method: str, arguments: Mapping[str, Any], files: Mapping[str, omnigate.Attachment]
    ) -> Any:
        form = _form(arguments)
        for name, file in files.items():
            add_file(form, name, file, self._host)
        return await self._api.call(method, upload=form, seconds=UPLOAD_SECONDS)

    async def _change(self, change: omnigate.OutboundChange, place: Place) -> None:
        where = {
            key: value for key, value in place.arguments().items() if key != "message_thread_id"
        }
        numbers = message_numbers(change.external_id)
        if change.action == "delete" and place.business is not None:
            known = {"business_connection_id": place.business, "message_ids": numbers}
            await self._unless_so("deleteBusinessMessages", known)
            return
        if change.action == "delete":
            for number in numbers:
                await self._unless_so("deleteMessage", {**where, "message_id": number})
            return
        where["message_id"] = numbers[0]
        if change.action == "react":
            if place.business is not None:
                raise omnigate.Refused(
                    "not_supported", "bots cannot react in the chats of a business account"
                )
            reaction = [{"type": "emoji", "emoji": emoji} for emoji in change.emoji[:1]]
            await self._unless_so("setMessageReaction", {**where, "reaction": reaction})
            return
        markup = keyboard(change.buttons)
        if markup is not None:
            where["reply_markup"] = markup
        if change.attachments:
            await self._unless_so("editMessageCaption", {**where, "caption": change.text or ""})
        else:
            await self._unless_so("editMessageText", {**where, "text": change.text or ""})

    async def _unless_so(self, method: str, arguments: Mapping[str, Any]) -> None:
        try:
            await self._api.call(method, arguments)
        except ApiError as error:
            if not any(words in error.description for words in _ALREADY_SO):
                raise

    async def _meant(
        self,
        item: omnigate.OutboundPart | omnigate.OutboundChange,
        place: Place,
        call: Callable[[Place], Awaitable[ResultT]],
    ) -> ResultT:
        """Make a call and say what its failure means; a group that has moved is followed, once."""
        try:
            try:
                return await call(place)
            except ApiError as error:
                if error.migrate_to is None:
                    raise
                return await call(await self._follow(item, place, error.migrate_to))
        except ApiError as error:
            raise await self._told(item, place, error) from None

    async def _follow(
        self, item: omnigate.OutboundPart | omnigate.OutboundChange, place: Place, chat: int
    ) -> Place:
        moved = Place(chat)
        await self._host.put(
            omnigate.ConversationMoved(
                external_id=f"moved:{place.chat}:{chat}",
                conversation=Place(place.chat).conversation,
                occurred_at=datetime.now(UTC),
                to=moved.conversation,
            )
        )
        return moved

    async def _told(
        self,
        item: omnigate.OutboundPart | omnigate.OutboundChange,
        place: Place,
        error: ApiError,
    ) -> omnigate.OmnigateError:
        if error.code == 429:
            return self._pace.too_many(place, error.retry_after_seconds or 1.0)
        if error.code == 404 and "method" in error.description:  # a Bot API server of long ago
            return omnigate.Refused("not_supported", error.description)
        if error.code in (401, 404):
            return omnigate.CredentialsRejected(error.description or "unknown token")
        if error.code >= 500:
            return omnigate.DestinationUnavailable(str(error), status=error.code)
        if error.code == 403 and place.is_group:  # the bot is out; nobody in there has blocked it
            return omnigate.Refused("not_a_member", error.description)
        if error.code == 403 and any(words in error.description for words in _GONE):
            await self._host.put(
                omnigate.ContactBlocked(
                    external_id=f"blocked:{item.id}:{item.attempt}",
                    conversation=item.conversation,
                    occurred_at=datetime.now(UTC),
                    sender=omnigate.Profile(address=item.address),
                    reason=error.description,
                )
            )
            return omnigate.Refused("recipient_blocked", error.description)
        return omnigate.Refused("refused_by_platform", error.description)


def _passed_on(extensions: Mapping[str, Any]) -> dict[str, Any]:
    given = extensions.get("telegram")
    if not isinstance(given, dict):
        return {}
    if unknown := given.keys() - _PASSED_ON:
        raise omnigate.Refused(
            "bad_extension", f"extensions.telegram has no {', '.join(sorted(unknown))}"
        )
    return dict(given)


def _located(point: omnigate.Location, arguments: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    arguments = {**arguments, "latitude": point.latitude, "longitude": point.longitude}
    if point.title:
        return "sendVenue", {**arguments, "title": point.title, "address": point.address or ""}
    if point.accuracy_metres is not None:
        arguments["horizontal_accuracy"] = min(point.accuracy_metres, 1500)
    return "sendLocation", arguments


def _album(
    files: Sequence[omnigate.Attachment], kinds: Sequence[str], text: str | None
) -> list[dict[str, Any]]:
    """Return the items of an album; what is said with it stands under the first."""
    items = []
    for number, (file, kind) in enumerate(zip(files, kinds, strict=True)):
        item = {"type": kind, "media": f"attach://file{number}"}
        if caption := text if number == 0 else file.caption:
            item["caption"] = caption
        items.append(item)
    return items


def _form(arguments: Mapping[str, Any]) -> FormData:
    form = FormData(quote_fields=False)  # the platform takes percent signs for what they are
    for name, value in arguments.items():
        form.add_field(name, value if isinstance(value, str) else to_json(value).decode())
    return form
