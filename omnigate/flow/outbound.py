"""The way out: what a CRM wants sent, rendered for its channel and queued; sent by the dispatcher."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Mapping
from datetime import UTC, datetime
from typing import Any, Final

import structlog
from pydantic_core import to_json

from omnigate import ids
from omnigate.errors import Refused
from omnigate.flow.inbox import Inbox
from omnigate.flow.preview import Preview, outbound_parts, preview
from omnigate.flow.recipients import Outlet, Recipient, Recipients, notices_of
from omnigate.flow.render import render
from omnigate.model.attachment import Attachment, AttachmentKind
from omnigate.model.facts import Message
from omnigate.model.outbound import (
    Content,
    OutboundMessage,
    Reply,
    ToConversation,
)
from omnigate.store.attachments import BY_CRM, read_attachments
from omnigate.store.blank import ERASED_SCHEME
from omnigate.store.history import conversation_of_event, external_id_of
from omnigate.store.idempotency import IdempotencyKey, read_answer
from omnigate.store.outbound import Accepted, Outgoing, enqueue, look_ahead
from omnigate.store.record import MEDIA_URL, milliseconds_of
from omnigate.store.store import Store

LINK_SECONDS: Final = 30 * 24 * 3600
"""How long a link that a customer gets in place of a file works."""
REPLY_SCOPE: Final = "reply"
CHANNEL_SCOPE: Final = "channel:"

log = structlog.get_logger("outbound")

_KINDS: Final[Mapping[str, AttachmentKind]] = {"image": "image", "video": "video", "audio": "audio"}


class Outbound:
    """Queues outbound messages."""

    def __init__(
        self,
        store: Store,
        inbox: Inbox,
        outlets: Callable[[], Mapping[str, Outlet]],
        sign: Callable[[str, int], str],
    ) -> None:
        self._store = store
        self._inbox = inbox
        self._recipients = Recipients(store, outlets)
        self._sign = sign

    async def submit(
        self,
        message: OutboundMessage,
        *,
        key: IdempotencyKey | None = None,
        channels: Collection[str] | None = None,
        owner: str | None = None,
    ) -> Accepted:
        """Queue a message; durable on return.

        ``channels`` limits what the caller may write to, ``owner`` names whose uploads it may attach.
        Raises `Refused` with the code ``not_found``, ``no_channel``, ``no_attachment``,
        ``reply_elsewhere``, ``expired``, ``no_address``, with one of those by which
        `omnigate.store.outbound` refuses blocked and unwilling customers, or of the channel's own, for
        what it would refuse; `KeyReused`; `Overloaded`; `StoreError`.
        """
        if key is not None:
            answer = await self._store.read(read_answer, key, Accepted)
            if answer is not None:
                return answer
        self._inbox.admit()
        recipient = await self._recipients.find(message, channels)
        outgoing = await self._prepare(message, recipient, owner)
        _require_sendable(outgoing, recipient)
        outgoing.key = key
        return await self._store.writer.do(enqueue, outgoing)

    async def preview(
        self,
        message: OutboundMessage,
        *,
        channels: Collection[str] | None = None,
        owner: str | None = None,
    ) -> Preview:
        """Return what a message would become; nothing is stored. Raises `Refused` as `submit` does."""
        recipient = await self._recipients.find(message, channels)
        outgoing = await self._prepare(message, recipient, owner)
        await self._store.read(look_ahead, outgoing)
        return preview(
            outgoing.said,
            outgoing.parts,
            recipient.outlet,
            recipient.external_id,
            recipient.address,
        )

    async def reply(self, event_id: str, reply: Reply) -> None:
        """Queue a backend's answer to an event, once however often the event is delivered.

        A message that cannot be sent (a file that is not there, a moment in the past) is left out and
        logged: the event itself did arrive.
        """
        conversation_id = await self._store.read(conversation_of_event, event_id)
        if conversation_id is None:
            return
        for number, content in enumerate(reply.messages):
            fields = content.model_dump(exclude_unset=True)
            to = ToConversation(conversation=conversation_id)
            message = OutboundMessage.model_validate({**fields, "to": to})
            # Of the event alone: a bot that words its answer anew on a retry has answered already.
            key = IdempotencyKey(REPLY_SCOPE, f"{event_id}:{number}", "")
            try:
                await self.submit(message, key=key)
            except Refused as error:
                log.error(
                    "a reply cannot be sent", answered=event_id, number=number, error=str(error)
                )

    async def answer(
        self,
        channel: str,
        conversation_id: str,
        content: Content,
        key: str,
        *,
        force: bool = False,
    ) -> str | None:
        """Queue what a channel itself has to say, once per key; None when it cannot be sent."""
        fields = content.model_dump(exclude_unset=True)
        to = ToConversation(conversation=conversation_id)
        message = OutboundMessage.model_validate({**fields, "to": to, "force": force})
        try:
            accepted = await self.submit(
                message, key=IdempotencyKey(f"{CHANNEL_SCOPE}{channel}", key, "")
            )
        except Refused as error:
            log.info("a channel's own answer is not sent", channel=channel, error=str(error))
            return None
        return accepted.id

    async def _prepare(
        self, content: OutboundMessage, recipient: Recipient, owner: str | None
    ) -> Outgoing:
        outlet, message_id = recipient.outlet, ids.message_id()
        now = self._store.now()
        expires_at = _milliseconds(content.expires_at)
        if expires_at is not None and expires_at <= now:
            raise Refused("expired", "expires_at is in the past")
        files, rows = await self._files(content, outlet, message_id, owner)
        parts, degraded = render(
            content,
            files,
            outlet.capabilities,
            lambda file: self._sign(file.id, LINK_SECONDS),
            await self._reply_to(content, recipient),
        )
        said = Message(
            id=message_id,
            direction="outbound",
            state="queued",
            created_at=datetime.fromtimestamp(now / 1000, UTC),
            text=content.text,
            subject=content.subject,
            attachments=files,
            location=content.location,
            buttons=content.buttons,
            author=content.author,
            reply_to=content.reply_to,
            client_ref=content.client_ref,
            degraded=degraded,
            automatic=content.automatic,
            extensions=content.extensions,
        )
        return Outgoing(
            channel=outlet.key,
            destination_id=outlet.destination_id,
            said=said,
            parts=parts,
            conversation_id=recipient.conversation_id,
            force=content.force,
            address=recipient.address,
            external_id=recipient.external_id,
            contact_id=recipient.contact_id,
            notices=notices_of(content, outlet),
            expires_at=expires_at,
            new_attachments=rows,
        )

    async def _reply_to(self, content: Content, recipient: Recipient) -> str | None:
        """Return the platform's id of the message that is answered."""
        if content.reply_to is None:
            return None
        found = await self._store.read(external_id_of, content.reply_to)
        if found is None or found[0] != recipient.conversation_id:
            raise Refused("reply_elsewhere", "reply_to names no message of this conversation")
        return found[1]

    async def _files(
        self, content: Content, outlet: Outlet, message_id: str, owner: str | None
    ) -> tuple[list[Attachment], list[dict[str, Any]]]:
        """Return the attachments of a message, and rows for those that are still to be fetched."""
        wanted = [file.id for file in content.attachments if file.id is not None]
        uploaded = await self._store.read(read_attachments, wanted) if wanted else {}
        files: list[Attachment] = []
        rows: list[dict[str, Any]] = []
        for file in content.attachments:
            if file.id is not None:
                known = uploaded.get(file.id)
                if known is None or (owner is not None and known.owner not in (owner, None)):
                    raise Refused("no_attachment", f"there is no uploaded file {file.id}")
                shown = {"name": file.name, "kind": file.kind, "caption": file.caption}
                changes = {name: value for name, value in shown.items() if value is not None}
                files.append(known.attachment.model_copy(update=changes))
            else:
                row = self._row(file.model_dump(), outlet, message_id)
                rows.append(row)
                shown_fields = {name: row[name] for name in Attachment.model_fields if name in row}
                files.append(Attachment(url=MEDIA_URL + row["id"], **shown_fields))
        return files, rows

    def _row(self, file: dict[str, Any], outlet: Outlet, message_id: str) -> dict[str, Any]:
        mime = file["mime"] or "application/octet-stream"
        return {
            "id": ids.attachment_id(),
            "message_id": message_id,
            "channel": outlet.key.name,
            "kind": file["kind"] or _KINDS.get(mime.partition("/")[0], "file"),
            "mime": mime,
            "name": file["name"],
            "caption": file["caption"],
            "inline": False,
            "state": "pending",
            "source": to_json({"url": file["url"], "named_by": BY_CRM}).decode(),
            "failures": 0,
            "retry_at": self._store.now(),
            "created_at": self._store.now(),
        }


def _require_sendable(outgoing: Outgoing, recipient: Recipient) -> None:
    """Raise `Refused` for what the channel can say at once that it would refuse."""
    if recipient.address.scheme == ERASED_SCHEME:
        return  # of the store: whom it was with is gone
    parts = outbound_parts(outgoing.said, outgoing.parts, recipient.external_id, recipient.address)
    try:
        for part in parts:
            recipient.outlet.estimate(part)
    except Refused:
        raise
    except Exception as error:
        # It may be able to send what it cannot estimate.
        log.error("a channel cannot estimate", channel=outgoing.channel.name, exc_info=error)


def fingerprint(body: bytes) -> str:
    """Return what tells whether two requests with one idempotency key are the same."""
    return hashlib.sha256(body).hexdigest()


def _milliseconds(moment: datetime | None) -> int | None:
    return None if moment is None else milliseconds_of(moment)
