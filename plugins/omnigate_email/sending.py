"""What goes out: a part becomes a mail in its thread, and is handed to the submission server.

The mail's id is made of the part's, so every attempt sends the same one and receivers keep one copy; the
conversation's token stands in it, and by option in ``Reply-To``, so the answer finds its way back.
"""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from pydantic import Field, ValidationError

import omnigate
from omnigate_email.config import EmailConfig
from omnigate_email.config import Mailbox as Address
from omnigate_email.counting import SentMails
from omnigate_email.mail import Mailbox
from omnigate_email.meaning import threads
from omnigate_email.meaning.loops import Guard
from omnigate_email.meaning.tokens import Tokens, is_conversation
from omnigate_email.placing import is_nobody
from omnigate_email.smtp import fields
from omnigate_email.smtp.composing import Composed, Heading, Style, compose
from omnigate_email.smtp.submission import Submission
from omnigate_email.smtp.template import Template

SCHEME: Final = "mailto"
LARGEST_BYTES: Final = 35 * 1024 * 1024
"""Of all files of a mail together; servers that take more are few, and say so themselves below it."""
MOST_EVENTS: Final = 100
NO_COPY: Final = "a copy of a mail could not be delivered"
_SAID: Final = frozenset({omnigate.EventType.MESSAGE_RECEIVED, omnigate.EventType.MESSAGE_SENT})


class Extension(omnigate.Model):
    """What a CRM may add under ``extensions.mail``."""

    cc: list[Address] = Field([], max_length=20)
    """Who gets a copy and is seen to get it."""


@dataclass(frozen=True, slots=True)
class Thread:
    """What was said before in a conversation, as far as headers speak of it."""

    ids: Sequence[str] = ()
    """Oldest first."""
    last_received: str | None = None
    subject: str | None = None
    is_proven: bool = False
    """Whom it is with surely has written in it: see `omnigate_email.meaning.loops`."""


class Sender:
    """Sends for one channel."""

    def __init__(
        self,
        host: omnigate.ChannelHost,
        config: EmailConfig,
        tokens: Tokens,
        guard: Guard,
        loop_mark: str,
        copy: Callable[[bytes], None] | None,
    ) -> None:
        """Take who keeps copies, if anybody does; see `Copies`."""
        self._host = host
        self._config = config
        self._tokens = tokens
        self._guard = guard
        self._loop_mark = loop_mark
        self._copy = copy
        self._style: Style | None = None
        self._sent = SentMails(host, guard, most=config.loop_mails)

    async def send(self, part: omnigate.OutboundPart, submission: Submission) -> omnigate.Sent:
        """Send one part; its id is the mail's. Raises as `Channel.send` does."""
        require_sendable(part)
        thread = await self._thread(part.conversation)
        await self._keep_out_of_loops(part.address.path, thread)
        heading = await self._heading(part, thread)
        files = await self._files(part.attachments)
        style = self._looks()
        # Large files take a quarter of a second: not in the event loop.
        mail: Composed = await asyncio.to_thread(compose, part, files, heading, style)
        sender = self._envelope_sender(part)
        taken = await submission.send(mail, sender=sender, attempt=part.attempt)
        for why in taken.refused.values():
            self._host.log.warning(NO_COPY, message_id=heading.message_id, reason=str(why))
        await self._sent.add(part.address.path, datetime.now(UTC))
        if self._copy is not None:
            self._copy(mail.content)
        return omnigate.Sent(external_id=heading.message_id)

    async def _heading(self, part: omnigate.OutboundPart, thread: Thread) -> Heading:
        config, token = self._config, self._tokens.of(part.conversation)
        known = (await self._host.messages([part.message])).get(part.message)
        before = [one.external_id for one in known.parts] if known is not None else []
        earlier = [one for one in before[: part.index] if one]
        answered = part.reply_to or _last(earlier) or thread.last_received or _last(thread.ids)
        subject = part.subject or (known.subject if known is not None else None)
        if subject is None:
            subject = (
                threads.reply_subject(thread.subject) if thread.subject else config.default_subject
            )
        if config.subject_tags and threads.subject_token(subject) != part.conversation:
            subject = f"{subject} {threads.subject_tag(part.conversation)}"
        name = config.from_name or None
        reply_to = None
        if config.plus_addresses:
            plus = self._tokens.plus_address(config.address, token)
            reply_to = Mailbox(plus, name)
        return Heading(
            sender=Mailbox(config.address, name),
            to=[Mailbox(part.address.path)],
            cc=[Mailbox(one) for one in _extension(part.extensions).cc],
            subject=subject,
            message_id=threads.message_id_for(part.id, token, config.domain),
            sent_at=known.created_at if known is not None else _moment_of(part.message),
            reply_to=reply_to,
            in_reply_to=answered if answered and fields.is_message_id(answered) else None,
            references=threads.references_for([*thread.ids, *earlier, *_one(answered)]),
            token=token,
            installation=self._loop_mark,
        )

    async def _thread(self, conversation: str) -> Thread:
        """Return what the store has of a thread: its beginning, and the latest of it.

        Other participants, whom nobody has let in, say neither what is answered nor under which subject.
        """
        known = await self._host.conversation(conversation)
        if known is None:
            return Thread()
        end = known.last_sequence + 1
        events = list(await self._host.history(conversation, before=end, limit=MOST_EVENTS))
        if events and (events[0].sequence or 0) > 1:
            events = [*await self._host.history(conversation, limit=5), *events]
        ids: list[str] = []
        received = subject = None
        is_proven = False
        for event in events:
            if event.type not in _SAID:
                continue
            envelope = event.envelope
            said: dict[str, Any] = envelope.data.get("message") or {}
            own = [one for one in said.get("external_ids") or [] if fields.is_message_id(one)]
            ids += own
            if _is_of_another(said):
                continue
            if said.get("direction") == "inbound" and own:
                received = own[-1]
            is_proven = is_proven or _is_proven(said)
            subject = said.get("subject") or subject
            if subject is None and envelope.conversation is not None:
                subject = envelope.conversation.subject
        return Thread(ids, received, subject, is_proven)

    async def _files(
        self, attachments: Sequence[omnigate.Attachment]
    ) -> list[tuple[omnigate.Attachment, bytes]]:
        files, size = [], 0
        for attachment in attachments:
            content = bytearray()
            async for piece in self._host.open_file(attachment):
                content += piece
                if size + len(content) > LARGEST_BYTES:
                    raise omnigate.Refused(
                        "too_large",
                        f"the files of a mail have at most {LARGEST_BYTES} bytes together",
                    )
            size += len(content)
            files.append((attachment, bytes(content)))
        return files

    def _looks(self) -> Style:
        if self._style is None:
            path = self._config.template_file
            self._style = Style(
                template=Template.of_file(Path(path)) if path else Template.bundled(),
                marker=self._config.answer_marker,
                signature=self._config.signature,
            )
        return self._style

    def _envelope_sender(self, part: omnigate.OutboundPart) -> str | None:
        """Return where bounces go. Not to nobody, as RFC 3834 would like it for automatic mail: submission
        servers refuse mail without a sender, and what comes back is recognised."""
        if not self._config.bounce_tokens:
            return None
        return self._tokens.plus_address(self._config.address, self._tokens.of_part(part.id))

    async def _keep_out_of_loops(self, address: str, thread: Thread) -> None:
        """Raise `Refused` when two machines write to each other; see `omnigate_email.meaning.loops`."""
        now = datetime.now(UTC)
        count = await self._sent.count(address, now)
        if count < self._config.loop_mails:
            return
        notes: dict[str, str] = {}
        for name in self._guard.keys(address):
            notes.update(await self._host.notes(name))
        if self._guard.is_looping(address, now=now, notes=notes, in_proven=thread.is_proven):
            raise omnigate.Refused(
                "mail_loop",
                f"{count} mails went to this address within 10 minutes and as many came back: two machines "
                "answer each other. Mails are sent again when it has been quiet for an hour",
            )


def require_sendable(part: omnigate.OutboundPart) -> None:
    """Raise `Refused` for what can be seen to be no mail of ours; no I/O."""
    if part.address.scheme != SCHEME or not is_conversation(part.conversation):
        raise omnigate.Refused("bad_address", f"write mailto:name@domain, not {part.address}")
    if is_nobody(part.address.path):
        raise omnigate.Refused("no_address", "the mail does not tell whom to answer")
    for address in (part.address.path, *_extension(part.extensions).cc):
        fields.wire_address(address)
    fields.text("Subject", part.subject or "")


def conversation_of(address: omnigate.Address, config: EmailConfig, tokens: Tokens) -> str:
    """Return the conversation that writing to an address first begins; raises `Refused`."""
    if address.scheme != SCHEME:
        raise omnigate.Refused("bad_address", f"write mailto:name@domain, not {address}")
    fields.wire_address(address.path)
    if address.path in config.own_addresses():
        raise omnigate.Refused("own_address", f"this channel's own address is {address.path}")
    return threads.first_conversation_id(address.path, tokens)


def _is_of_another(said: Mapping[str, Any]) -> bool:
    """Tell whether a message as events have it is of somebody else than the conversation is with."""
    mail = (said.get("extensions") or {}).get("mail")
    return isinstance(mail, dict) and "participant" in mail


def _is_proven(said: Mapping[str, Any]) -> bool:
    mail = (said.get("extensions") or {}).get("mail")
    return said.get("direction") == "inbound" and isinstance(mail, dict) and "proven" in mail


def _extension(extensions: dict[str, Any]) -> Extension:
    try:
        return Extension.model_validate(extensions.get("mail", {}))
    except ValidationError as error:
        raise omnigate.Refused(
            "bad_extension", f"extensions.mail: {omnigate.describe(error)}"
        ) from None


def _moment_of(message_id: str) -> datetime:
    """Return when a message was queued, which its id tells: a UUID of version 7 in base32hex.

    Source: RFC 9562 section 5.7.
    """
    try:
        number = base64.b32hexdecode(message_id.removeprefix("msg_").upper() + "======")
    except ValueError:
        return datetime.now(UTC)
    return datetime.fromtimestamp(int.from_bytes(number[:6], "big") / 1000, UTC)


def _last(ids: Sequence[str]) -> str | None:
    return ids[-1] if ids else None


def _one(text: str | None) -> Sequence[str]:
    return (text,) if text else ()
