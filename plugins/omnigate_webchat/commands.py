"""What a client may do, one command at a time; the same for sockets and polls.

    parse (frames) → rate → check → host.put → acknowledge

An acknowledgement goes out only for what is on disk. A command with a client id may be repeated: the
answer is the same. Everything is done as the visitor of the pass, in the conversation of the pass;
no command can name another.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Final

import omnigate
from omnigate_webchat import frames
from omnigate_webchat.answers import Frame, Refusal, ack, error
from omnigate_webchat.callbutton import Calls
from omnigate_webchat.config import WebchatConfig
from omnigate_webchat.events import message_key
from omnigate_webchat.forms import FormRejected, read_form
from omnigate_webchat.frames import Command
from omnigate_webchat.gate import Place
from omnigate_webchat.handovers import Handovers
from omnigate_webchat.limits import Buckets
from omnigate_webchat.peek import masked
from omnigate_webchat.receipts import Receipts
from omnigate_webchat.tokens import Pass, Seal, UploadClaims
from omnigate_webchat.visitor import Visits

_FREE_OF_RATE: Final = (
    frames.Ping,
    frames.Close,
    frames.Invite,
    frames.ShowTyping,
    frames.ShowPage,
    frames.MarkRead,
    frames.MarkDelivered,
)


class Commands:
    """Carries out the commands of all connections of a channel."""

    def __init__(
        self,
        config: WebchatConfig,
        host: omnigate.ChannelHost,
        visits: Visits,
        tickets: Seal[UploadClaims],
        calls: Calls,
        handovers: Handovers,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._config = config
        self._host = host
        self._visits = visits
        self._tickets = tickets
        self._calls = calls
        self._handovers = handovers
        self._now = now
        limits = config.limits
        self._rate = Buckets(limits.messages_per_10_seconds, per_seconds=10)
        self._network_rate = Buckets(limits.messages_per_10_seconds_per_network, per_seconds=10)
        self._signs = Buckets(10, per_seconds=5)
        self._receipts = Receipts(host, now)

    async def carry_out(self, who: Pass, command: Command, place: Place) -> Frame | None:
        """Do what the command says and return the answer, if it has one.

        A fault of the client is an answer too, never an exception.
        """
        cid = command.cid
        if not isinstance(command, _FREE_OF_RATE):
            wait_seconds = self._rate.wait_seconds(who.visitor)
            wait_seconds = wait_seconds or self._network_rate.wait_seconds(who.network)
            if wait_seconds:
                return _slow_down(cid, wait_seconds)
        try:
            outcome = await self._dispatch(who, command, place)
        except Refusal as refusal:
            return error(refusal.code, str(refusal), cid=cid)
        except FormRejected as rejected:
            text = "the form is not accepted: " + str(rejected)
            return error("invalid_form", text, cid=cid, fields=rejected.fields)
        except omnigate.Overloaded as overload:
            seconds = overload.retry_after_seconds
            return error("busy", "too busy just now", cid=cid, retry_after_seconds=seconds)
        except omnigate.StoreError:
            text = "nothing can be stored just now"
            return error("busy", text, cid=cid, retry_after_seconds=5)
        if isinstance(command, frames.Ping):
            return {"t": "pong", "d": {}}
        if cid is None:
            return None
        if isinstance(outcome, omnigate.Recorded):
            return ack(cid, outcome.sequence, outcome.message_id)
        return ack(cid, None, None, outcome)

    async def _dispatch(
        self, who: Pass, command: Command, place: Place
    ) -> omnigate.Recorded | Frame | None:
        match command:
            case frames.SendMessage():
                return await self._say(who, command.cid, command.d)
            case frames.SubmitForm():
                return await self._submit(who, command.cid, command.d)
            case frames.Rate():
                return await self._rate_conversation(who, command.cid, command.d)
            case frames.UpdateContext():
                return await self._learn(who, command.cid, command.d.context.facts())
            case frames.ShareLocation():
                return await self._locate(who, command.cid, command.d)
            case frames.MarkRead():
                await self._receipts.mark(who, "read", command.d.ids)
            case frames.MarkDelivered():
                await self._receipts.mark(who, "delivered", command.d.ids)
            case frames.ShowTyping():
                self._show_typing(who, command.d.draft)
            case frames.ShowPage():
                self._show_page(who, command.d)
            case frames.Invite():
                self._count_invitation(who, command.d)
            case frames.Close():
                return await self._close(who, command.cid)
            case frames.AskForLinks():
                return {"handover": await self._links(who, command.d)}
            case frames.AskForOffer():
                return {"offer": self._calls.offer()}
            case frames.AskForCall():
                return {"call": await self._ask_for_call(who, place, command)}
            case frames.CancelCall():
                return {"call": await self._calls.cancel(who, command.d.id)}
            case frames.Ping():
                pass
        return None

    async def _say(self, who: Pass, cid: str, said: frames.MessageData) -> omnigate.Recorded:
        text = (said.text or "").strip("\0 \t\r\n")
        if not text and not said.attachments and said.button is None:
            raise Refusal("bad_frame", "a message needs text, attachments or a button")
        longest = self._config.limits.text_characters
        if len(text) > longest or len(text.encode()) > frames.MAX_TEXT_BYTES:
            raise Refusal("too_long", f"a message has at most {longest} characters")
        message = omnigate.InboundMessage(
            external_id=message_key(who.visitor, cid),
            conversation=who.conversation,
            occurred_at=self._now(),
            sender=who.profile(),
            text=text or None,
            attachments=[self._attachment(who, ticket) for ticket in said.attachments],
            button=said.button,
        )
        return await self._put_with_news(who, message)

    async def _close(self, who: Pass, cid: str | None) -> omnigate.Recorded:
        closed = omnigate.ConversationClosed(
            external_id=f"close:{who.visitor}:{cid or uuid.uuid4().hex}",
            conversation=who.conversation,
            occurred_at=self._now(),
        )
        return (await self._host.put(closed))[0]

    def _attachment(self, who: Pass, ticket: str) -> omnigate.AttachmentRef:
        """Return the file of a ticket; only tickets of this conversation count."""
        claims = self._tickets.open(ticket)
        if claims is None or claims.conversation != who.conversation:
            raise Refusal("not_found", "an attachment is not known: upload the file again")
        return omnigate.AttachmentRef.model_validate(
            claims.model_dump(include={"id", "kind", "mime", "size_bytes", "name"})
        )

    async def _submit(self, who: Pass, cid: str, data: frames.FormData) -> omnigate.Recorded:
        form = self._config.prechat if data.form == "prechat" else self._config.offline
        if form is None or not form.enabled:
            raise Refusal("not_found", f"there is no {data.form} form here")
        filled = read_form(
            form, data.fields, consent=data.consent, default_region=self._config.default_region
        )
        if filled.custom:
            self._visits.learn(who.visitor, omnigate.Context(custom=dict(filled.custom)))
        sender = filled.sender(who.profile())
        if filled.text is None:
            return await self._put_with_news(
                who,
                omnigate.ContactUpdated(
                    external_id=f"form:{who.visitor}:{cid}",
                    conversation=who.conversation,
                    occurred_at=self._now(),
                    sender=sender,
                ),
            )
        return await self._put_with_news(
            who,
            omnigate.InboundMessage(
                external_id=message_key(who.visitor, cid),
                conversation=who.conversation,
                occurred_at=self._now(),
                sender=sender,
                text=filled.text,
                extensions={"form": data.form},
            ),
        )

    async def _rate_conversation(
        self, who: Pass, cid: str, rating: frames.RatingData
    ) -> omnigate.Recorded:
        if await self._host.conversation(who.conversation) is None:
            raise Refusal("not_found", "there is no conversation to judge yet")
        item = omnigate.Rating(
            external_id=f"rating:{who.visitor}:{cid}",
            conversation=who.conversation,
            occurred_at=self._now(),
            sender=who.profile(),
            score=rating.score,
            comment=rating.comment or None,
        )
        return (await self._host.put(item))[0]

    async def _locate(
        self, who: Pass, cid: str | None, place: frames.LocationData
    ) -> omnigate.Recorded | None:
        if not self._config.location:
            raise Refusal("forbidden", "locations are not asked for here")
        location = omnigate.Location(**place.model_dump())
        return await self._learn(who, cid, omnigate.Context(location=location))

    async def _learn(
        self, who: Pass, cid: str | None, facts: omnigate.Context
    ) -> omnigate.Recorded | None:
        """Add facts to the visit, and to the conversation if there is one already."""
        self._visits.learn(who.visitor, facts)
        if await self._host.conversation(who.conversation) is None:
            return None
        update = omnigate.ContactUpdated(
            external_id=f"context:{who.visitor}:{cid or uuid.uuid4()}",
            conversation=who.conversation,
            occurred_at=self._now(),
            sender=who.profile(),
        )
        return await self._put_with_news(who, update)

    async def _put_with_news(
        self, who: Pass, item: omnigate.InboundMessage | omnigate.ContactUpdated
    ) -> omnigate.Recorded:
        """Store the item, with the visit's context when the store has not got it yet."""
        news = self._visits.take_news(who.visitor)
        if news is not None:
            item = item.model_copy(update={"context": news})
        try:
            return (await self._host.put(item))[0]
        except omnigate.OmnigateError:
            if news is not None:
                self._visits.give_back(who.visitor)
            raise

    async def _links(self, who: Pass, wanted: frames.LinksData) -> Frame:
        self._handovers.check(who, renew=wanted.renew)
        await self._begin(who)
        return await self._handovers.links(who, renew=wanted.renew)

    async def _ask_for_call(
        self, who: Pass, place: Place, command: frames.AskForCall
    ) -> Frame | None:
        if self._calls.is_under_way(who):
            return self._calls.view(who.conversation)
        self._calls.check(who, command.d)
        await self._begin(who)
        return await self._calls.request(who, place, command.cid, command.d)

    async def _begin(self, who: Pass) -> None:
        """Begin the visitor's conversation, if there is none: a call or a link has to come from one."""
        if await self._host.conversation(who.conversation) is not None:
            return
        await self._put_with_news(
            who,
            omnigate.ContactUpdated(
                external_id=f"begin:{who.visitor}:{uuid.uuid4()}",
                conversation=who.conversation,
                occurred_at=self._now(),
                sender=who.profile(),
            ),
        )

    def _show_typing(self, who: Pass, draft: str | None) -> None:
        if self._signs.wait_seconds(who.visitor):
            return
        shown = masked(draft) if draft and self._config.peek else None
        self._host.emit(omnigate.Typing(conversation=who.conversation, draft=shown))

    def _show_page(self, who: Pass, page: frames.PageData) -> None:
        link = page.link()
        if link is None or self._signs.wait_seconds(who.visitor):
            return
        self._visits.learn(who.visitor, omnigate.Context(page=link, title=page.title))
        self._host.emit(
            omnigate.PageView(conversation=who.conversation, url=link, title=page.title)
        )

    def _count_invitation(self, who: Pass, invite: frames.InviteData) -> None:
        """Remember which invitation a conversation came of; the backend sees it with the message."""
        if invite.rule not in {rule.name for rule in self._config.proactive}:
            raise Refusal("not_found", "there is no such invitation")
        self._host.log.debug("invitation", rule=invite.rule, action=invite.action)
        if invite.action == "accepted":
            self._visits.learn(who.visitor, omnigate.Context(custom={"invitation": invite.rule}))


def _slow_down(cid: str | None, wait_seconds: float) -> Frame:
    return error("rate", "too many messages at once", cid=cid, retry_after_seconds=wait_seconds)
