"""``/v1/calls``: having customers called, and what became of it."""

from __future__ import annotations

from collections.abc import Sequence
from ipaddress import ip_address
from typing import Annotated, Final, Literal

from aiohttp import web
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    Field,
    StringConstraints,
    model_validator,
)
from sqlalchemy import Connection

from omnigate.calling import CallChannel
from omnigate.model.call import Call as PhoneCall
from omnigate.model.call import CallState, CallWanted
from omnigate.model.event import EventContact
from omnigate.model.text import Model, ShortText, Timestamp, clean_text
from omnigate.server.auth import OPERATOR, Caller
from omnigate.server.idempotency import IDEMPOTENCY_HEADER, idempotency_key
from omnigate.server.known import require_channels, require_living_conversation
from omnigate.server.operations import Call, Operation
from omnigate.server.pages import PageQuery, seal, unseal
from omnigate.server.problems import Denied
from omnigate.server.unknown import gone, missing, nobody, not_enabled
from omnigate.store.callends import Resolution
from omnigate.store.callreads import CallFound, list_calls, read_call
from omnigate.store.contacts import is_erased, read_contact
from omnigate.store.conversationreads import list_conversations, read_conversation

_ROUTE: Final = "POST /v1/calls"


def _network_address(text: str) -> str:
    """Return an IP address in its one spelling, as limits count it; raises ``ValueError``."""
    try:
        if "%" in text:  # an interface of the machine that says so means nothing here
            raise ValueError
        return str(ip_address(text.strip()))
    except ValueError:
        raise ValueError("write an IP address, for example 203.0.113.7") from None


Named = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=1, max_length=1000),
    BeforeValidator(clean_text),
]
"""Text that says something: leave the field out rather than empty."""
NetworkAddress = Annotated[ShortText, AfterValidator(_network_address)]


class CallAsked(Model):
    """Whom to call: a number, a contact, or whoever a conversation is with."""

    channel: Named | None = None
    """A channel that calls people; may be left out where there is one."""
    number: Named | None = None
    region: Annotated[str, StringConstraints(pattern=r"^[A-Z]{2}$")] | None = None
    """The country of a number that is written without one; the channel's own by default."""
    contact: Named | None = None
    """Called at its proven number, else at the one that is known."""
    conversation: Named | None = None
    """Where the customer asked for it: the call's conversation refers to it. Without a number or a contact
    the number that it is with is called, else its contact."""
    agent: ShortText | None = None
    """One of the channel's agents; the channel chooses by default."""
    callback_at: Timestamp | None = None
    """Not before this moment."""
    name: ShortText | None = None
    """The customer's."""
    note: ShortText | None = None
    """What the agent should know beforehand."""
    consent: bool = False
    """The customer has agreed to what the channel's consent text says."""
    ip: NetworkAddress | None = None
    """The network address of the customer who asked on a page of yours: there are limits for each."""
    site: ShortText | None = None
    """The site that page belongs to."""
    client_ref: Annotated[str, StringConstraints(max_length=100)] | None = None

    @model_validator(mode="after")
    def _names_somebody(self) -> CallAsked:
        if self.number is not None and self.contact is not None:
            raise ValueError("give a number or a contact, not both")
        if self.number is None and self.contact is None and self.conversation is None:
            raise ValueError("give a number, a contact or a conversation")
        return self


class CallQuery(PageQuery):
    """Which calls are meant."""

    state: CallState | None = Field(None, description="Only those in this state.")
    channel: str | None = Field(None, max_length=100, description="Only of this channel.")


class CallShown(PhoneCall):
    """A call, and where it belongs."""

    channel: str
    conversation: str
    """The conversation with the number."""
    cancel_asked: bool
    """It was taken back while it was under way, and is being ended."""


class CallPage(BaseModel):
    """Calls, the newest first."""

    items: list[CallShown]
    next: str | None


class CallResolving(Model):
    """What somebody found out about a call that was held as unknown."""

    state: Literal["completed", "failed", "again"]
    """``again``: nobody was called; try once more."""
    error: ShortText | None = None
    """Why it failed, as far as it is known."""


async def request(call: Call) -> web.StreamResponse:
    """Have somebody called; the answer comes once the wish is on disk."""
    asked: CallAsked = call.body
    key = idempotency_key(call, _ROUTE, asked)
    if asked.conversation is not None:
        await require_living_conversation(call, asked.conversation)
    name = _channel(call, asked.channel)
    wanted = CallWanted(
        number=asked.number or await _number(call, asked),
        from_conversation=asked.conversation,
        contact=asked.contact,
        source="operator" if call.caller is OPERATOR else "api",
        **asked.model_dump(
            include={
                "region",
                "agent",
                "callback_at",
                "name",
                "note",
                "consent",
                "ip",
                "site",
                "client_ref",
            }
        ),
    )
    made = await call.services.calls.request(name, wanted, key)
    found = await call.services.store.read(read_call, made.id)
    if found is None:
        raise missing("call", made.id)
    return call.answer(call_shown(found), 202)


async def show(call: Call) -> web.StreamResponse:
    """Answer with one call as it is now."""
    return call.answer(call_shown(await _found(call)))


async def cancel(call: Call) -> web.StreamResponse:
    """Take a call back: one that waits ends now, one under way is hung up; 409 where nobody can do that."""
    known = await _found(call)
    done = await call.services.calls.take_back(call.id)
    if done.outcome == "ended" and done.call is not None:
        raise Denied(409, f"The call has ended: it is {done.call.state}.", code="ended")
    if done.outcome == "asked":
        why = await call.services.calls.why_going_on(call.id, known.channel)
        if why is not None:
            raise Denied(
                409,
                f"The call goes on: {why.reason}. It is not tried again; what becomes of it is told.",
                code=why.code,
            )
    return call.answer(call_shown(await _found(call)))


async def resolve(call: Call) -> web.StreamResponse:
    """Tell what became of a call that was held as unknown, or have it tried again."""
    known: CallResolving = call.body
    await _found(call)
    done = await call.services.calls.resolve(Resolution(call.id, known.state, known.error))
    if not done.is_done and done.call is not None:
        state = done.call.state
        raise Denied(409, f"The call is {state}: nothing about it is unknown.", code="not_unknown")
    return call.answer(call_shown(await _found(call)))


async def listing(call: Call) -> web.StreamResponse:
    """Answer with a page of calls."""
    query: CallQuery = call.query
    await require_channels(call, [query.channel])
    before = unseal(query.cursor, str)
    channels = call.caller.channels if query.channel is None else [query.channel]
    found = await call.services.store.read(
        list_calls,
        channels=channels,
        states=None if query.state is None else [query.state],
        before=before[0] if before else None,
        limit=query.limit,
    )
    items = [call_shown(known) for known in found]
    more = seal(items[-1].id) if len(items) == query.limit else None
    return call.answer(CallPage.model_construct(items=items, next=more))


def call_shown(found: CallFound) -> CallShown:
    """Return a stored call as the API shows it."""
    return CallShown.model_construct(
        **dict(found.call),
        channel=found.channel,
        conversation=found.conversation_id,
        cancel_asked=found.is_cancelled,
    )


async def _found(call: Call) -> CallFound:
    found = await call.services.store.read(read_call, call.id)
    if found is None or not call.caller.sees(found.channel):
        raise missing("call", call.id)
    return found


def _channel(call: Call, name: str | None) -> str:
    """Return the channel that is to call: the one that is named, or the only one there is."""
    calling = [
        known.name
        for known in call.services.channels().values()
        if isinstance(known.channel, CallChannel)
    ]
    there = sorted(known for known in calling if call.caller.sees(known))
    if name is not None:
        if name not in there:
            raise _does_not_call(call, name, there)
        return name
    if len(there) == 1:
        return there[0]
    if there:
        raise Denied(422, f"Say which channel is to call: {', '.join(there)}.", code="channel")
    if calling:
        raise Denied(403, "This token is not for any channel that calls people.", code="forbidden")
    raise Denied(
        422,
        "No channel calls people: add one of kind call; see omnigate channel add.",
        code="no_channel",
    )


def _does_not_call(call: Call, name: str, there: Sequence[str]) -> Denied:
    """Return why a channel that was named cannot call, and which can."""
    if not call.caller.sees(name):
        return nobody("channel", name, there)
    known = call.services.channels().get(name)
    if known is None:
        if name in call.services.configured():
            return not_enabled(name)
        return nobody("channel", name, there)
    if known.channel is None:
        detail = f"Channel {name!r} is not working: {known.message or 'see the log of the daemon'}."
        return Denied(503, detail, code="not_ready")
    ways = f"; {', '.join(there)} can" if there else ""
    return Denied(
        422,
        f"Channel {name!r} is of kind {known.kind} and cannot call{ways}.",
        code="not_supported",
    )


async def _number(call: Call, asked: CallAsked) -> str:
    person, spoken_on = await call.services.store.read(_person, asked, call.caller)
    if person is None:
        raise missing("contact", asked.contact or "")
    if spoken_on is not None:
        return spoken_on
    written = [known for known in person.addresses if known.address.scheme == "tel"]
    written.sort(key=lambda known: not known.verified)
    number = written[0].address.path if written else person.phone
    if number is None:
        raise Denied(
            422, f"The contact {person.id} has no phone number; give a number.", code="no_number"
        )
    return number


def _person(
    connection: Connection, asked: CallAsked, caller: Caller
) -> tuple[EventContact | None, str | None]:
    """Return who is to be called, as far as the caller may know, and the number that they are spoken to on.

    That is where the conversation is one with a number, as on the phone: they may have others.
    """
    if asked.contact is None:
        row = read_conversation(connection, asked.conversation or "")
        if row is None:
            return None, None
        scheme, _, path = row.address.partition(":")
        return read_contact(connection, row.contact_id), path if scheme == "tel" else None
    person = read_contact(connection, asked.contact)
    if person is not None and is_erased(connection, person.id):
        raise gone()
    if person is None or caller.channels is None:
        return person, None
    seen = list_conversations(connection, channels=caller.channels, contact_id=person.id, limit=1)
    return (person if seen else None), None


OPERATIONS: Final = (
    Operation(
        method="POST",
        path="/v1/calls",
        summary="Have a customer called: now, or when somebody is there",
        run=request,
        scope="calls",
        body=CallAsked,
        answers=CallShown,
        status=202,
        errors=(403, 404, 409, 410, 429),
        headers=(IDEMPOTENCY_HEADER,),
    ),
    Operation(
        method="GET",
        path="/v1/calls",
        summary="List calls, the newest first",
        run=listing,
        scope="calls",
        query=CallQuery,
        answers=CallPage,
        errors=(404,),
    ),
    Operation(
        method="GET",
        path="/v1/calls/{id}",
        summary="Show a call: its state, both phones, the recording",
        run=show,
        scope="calls",
        answers=CallShown,
        errors=(404,),
    ),
    Operation(
        method="DELETE",
        path="/v1/calls/{id}",
        summary="Take a call back, at whatever stage it is",
        run=cancel,
        scope="calls",
        answers=CallShown,
        errors=(404, 409),
    ),
    Operation(
        method="POST",
        path="/v1/calls/{id}/resolve",
        summary="Tell what became of a call that was held as unknown",
        run=resolve,
        scope="calls",
        body=CallResolving,
        answers=CallShown,
        errors=(404, 409),
    ),
)
