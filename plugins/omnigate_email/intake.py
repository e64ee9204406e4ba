"""From a mail to what the host stores: read, understood, placed, its files saved, and put, all or nothing.

A mail is one of these:

    what came back of our own automatic mails     dropped
    a report or a bounce about a mail of ours     receipts of that message, and no message
    a copy of a mail that we have sent            dropped
    what our own people sent with other programs  an outbound message (`EchoMessage`)
    anything else                                 a customer's message, automatic or not
    what cannot be read                           quarantine; the operator can have it tried again
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime
from typing import Final

import omnigate
from omnigate_email import placing
from omnigate_email.acknowledging import Acknowledging
from omnigate_email.addresses import same
from omnigate_email.arriving import Arrival
from omnigate_email.config import EmailConfig
from omnigate_email.mail import Mail, Mailbox
from omnigate_email.meaning import loops, reports, threads
from omnigate_email.meaning.authentication import proof_of
from omnigate_email.meaning.automatic import why_automatic
from omnigate_email.meaning.handing import token_in
from omnigate_email.meaning.tokens import Tokens, recipients_of
from omnigate_email.placing import Place
from omnigate_email.saving import save
from omnigate_email.sending import NO_COPY
from omnigate_email.telling import Findings, echo_of, message_of

REPORTED: Final = "reported"
"""Stands for the conversation in receipts: a report names the mail and nothing else."""
COMPLAINED: Final = "the recipient reported the mail as spam"

Read = Callable[[bytes], Awaitable[Mail]]


class Intake:
    """Takes mails in for one channel."""

    def __init__(
        self,
        host: omnigate.ChannelHost,
        config: EmailConfig,
        tokens: Tokens,
        read: Read,
        acknowledging: Acknowledging,
        loop_mark: str,
    ) -> None:
        self._host = host
        self._config = config
        self._tokens = tokens
        self._read = read
        self._acknowledging = acknowledging
        self._loop_mark = loop_mark
        self._own = config.own_addresses()
        self._one_at_a_time = asyncio.Lock()

    async def take(self, arrival: Arrival, notes: omnigate.Notes | None = None) -> None:
        """Store a mail, and notes with it; durable on return. Raises `Overloaded` or `StoreError`.

        What cannot be read is stored in quarantine, which is as durable.
        """
        try:
            await self.understand(arrival, notes)
        except (omnigate.Overloaded, omnigate.StoreError):
            raise
        except omnigate.BadPayload as error:
            await self._set_aside(arrival, str(error), notes)
        except Exception as error:
            # A mistake of ours must not have a mail server try again for days, and bounce the mail then.
            self._host.log.error("a mail could not be taken in", exc_info=error)
            await self._set_aside(arrival, f"taking it in raised {type(error).__name__}", notes)

    async def take_brought(self, raw: bytes, recipients: Sequence[str], sender: str) -> None:
        """Store a mail that a mail server hands over, once for every conversation that it is sent to."""
        named: dict[str, list[str]] = {}
        for one in recipients:
            if (conversation := self._tokens.conversation_in([one])) is not None:
                named.setdefault(conversation, []).append(one)
        for some in list(named.values()) or [list(recipients)]:
            await self.take(Arrival.brought(raw, some, sender))

    async def understand(self, arrival: Arrival, notes: omnigate.Notes | None = None) -> None:
        """Store a mail as `take` does, but raise `BadPayload` for one that cannot be read."""
        mail = await self._read(arrival.raw)
        if loops.is_own(mail, self._loop_mark):
            self._host.log.info("an automatic mail of ours came back; it is dropped")
            await self._note(notes)
        elif (receipts := await self._receipts(mail, arrival)) is not None:
            if receipts or notes:  # a delay is nothing to keep
                await self._host.put(*receipts, notes=notes)
        elif await self._is_ours(mail, arrival):
            await self._take_own(mail, arrival, notes)
        else:
            await self._take_message(mail, arrival, notes)

    async def _set_aside(self, arrival: Arrival, reason: str, notes: omnigate.Notes | None) -> None:
        def refuse(request: omnigate.Request) -> Sequence[omnigate.Inbound]:
            raise omnigate.BadPayload(reason)

        await self._host.put_updates(refuse, [arrival.as_update()], notes=notes)

    async def _note(self, notes: omnigate.Notes | None) -> None:
        """Keep the notes that came with a mail of which nothing else is kept."""
        if notes:
            await self._host.put(notes=notes)

    # ---- what machines say ------------------------------------------------------------------------

    async def _receipts(self, mail: Mail, arrival: Arrival) -> Sequence[omnigate.Receipt] | None:
        """Return what a mail says of mails of ours; None when it says nothing of them, whoever says it."""
        is_about_ours = False
        receipts = []
        found = reports.outcomes(mail, envelope=arrival.recipients, envelope_sender=arrival.sender)
        for number, outcome in enumerate(found):
            message_id = await self._about(outcome)
            if message_id is None:
                continue
            is_about_ours = True
            if outcome.state is None:
                continue  # a delay: the next report decides
            if await self._is_of_a_copy(message_id, outcome.recipient):
                if outcome.state == "failed":
                    self._host.log.warning(NO_COPY, message_id=message_id, reason=outcome.error)
                continue
            if outcome.complaint:
                self._host.log.warning(COMPLAINED, message_id=message_id)
            receipts.append(
                omnigate.Receipt(
                    external_id=f"{arrival.external_id(None)}{number}",
                    conversation=REPORTED,
                    any_conversation=True,
                    occurred_at=arrival.arrived_at,
                    message_id=message_id,
                    state=outcome.state,
                    error=outcome.error,
                )
            )
        return receipts if is_about_ours else None

    async def _about(self, outcome: reports.Outcome) -> str | None:
        """Return the Message-ID of the mail of ours that an outcome is about.

        Only who has been sent a mail knows the token in its id, or the one its bounces go to.
        """
        said = outcome.message_id
        if said is not None and self._tokens.conversation_in_id(said) is not None:
            return said
        part_id = self._tokens.part(outcome.token) if outcome.token else None
        if part_id is None:
            return None
        message, _, index = part_id.rpartition(".")
        known = (await self._host.messages([message])).get(message)
        parts = known.parts if known is not None else []
        return next((one.external_id for one in parts if one.index == int(index)), None)

    async def _is_of_a_copy(self, message_id: str, recipient: str | None) -> bool:
        """Tell whether a report is of somebody who got a copy, and not of whom the mail was for."""
        message = message_id.strip("<>").partition(".")[0]
        known = (await self._host.messages([message])).get(message)
        if known is None or recipient is None:
            return False
        copied = known.extensions.get("mail", {}).get("cc", [])
        if not any(same(recipient, one) for one in copied):
            return False
        place = self._tokens.conversation_in_id(message_id)
        conversation = await self._host.conversation(place) if place is not None else None
        return conversation is None or not same(recipient, conversation.address.path)

    # ---- what our own people write ----------------------------------------------------------------

    async def _is_ours(self, mail: Mail, arrival: Arrival) -> bool:
        """Tell whether one of our own people, or this daemon, surely wrote it.

        The address alone proves nothing: anybody can write it.
        """
        if mail.author is None or mail.author.address not in self._own:
            return False
        if mail.message_id and self._tokens.conversation_in_id(mail.message_id) is not None:
            return True
        if arrival.folder is None or arrival.folder not in self._config.staff_folders:
            return self._proof(mail) is not None
        return True

    async def _take_own(self, mail: Mail, arrival: Arrival, notes: omnigate.Notes | None) -> None:
        customers = placing.customers_of(mail, self._own)
        sent_here = mail.message_id is not None and (
            self._tokens.conversation_in_id(mail.message_id) is not None
        )
        if sent_here or not customers:
            if sent_here:  # a copy: in the folder for sent mail, or to ourselves
                await self._note(notes)
                return
            await self._take_message(mail, arrival, notes)
            return
        place = await self._place(mail, customers[0], arrival)
        customer = next((one for one in customers if place.is_with(one.address)), None)
        if customer is None:  # it was not said to whom the thread is with, but forwarded
            customer = customers[0]
            place = await placing.begun_with(mail, customer, self._tokens, self._host)
        found = Findings(
            writer=customer,
            external_id=arrival.external_id(self._named(mail, arrival)),
            saved=await save(mail.files, self._host),
        )
        marker = self._config.answer_marker
        await self._host.put(
            echo_of(mail, arrival, place, found, customer, marker=marker), notes=notes
        )

    # ---- what customers write ---------------------------------------------------------------------

    async def _take_message(
        self, mail: Mail, arrival: Arrival, notes: omnigate.Notes | None
    ) -> None:
        writer = placing.writer_of(mail, self._own, arrival)
        place = await self._place(mail, writer, arrival)
        saved = await save(mail.files, self._host)
        automatic = why_automatic(mail, envelope_sender=arrival.sender)
        can_be_told = writer.address not in self._own and not placing.is_nobody(writer.address)
        external_id = arrival.external_id(self._named(mail, arrival))
        now, proof = datetime.now(UTC), self._proof(mail)
        answered, is_repeated = await self._relations(mail, place)
        # What vouches for a form vouches for nobody who has filled it in.
        is_author = mail.author is not None and mail.author.address == writer.address
        is_proven = (proof is not None and is_author) or self._has_our_mail(
            mail, place, writer, arrival
        )
        async with self._one_at_a_time:
            watched = await self._acknowledging.watch(
                writer.address,
                place.conversation,
                external_id,
                now=now,
                may_answer=place.known is None and automatic is None and can_be_told,
                is_proven=is_proven,
            )
            found = Findings(
                writer=writer,
                external_id=external_id,
                automatic=automatic,
                proof=proof,
                is_proven=is_proven,
                is_repeated=is_repeated,
                is_loop=watched.is_loop,
                handover=token_in(recipients_of(mail, arrival.recipients), self._config.delimiter),
                answered=answered,
                saved=saved,
            )
            item = message_of(mail, arrival, place, found, marker=self._config.answer_marker)
            await self._host.put(item, notes={**(notes or {}), **watched.notes})
        if watched.owed is not None:
            await self._settle(watched.owed, watched.debt)

    async def _settle(self, owed: str, debt: str) -> None:
        try:
            await self._acknowledging.settle(owed, debt)
        except (omnigate.Overloaded, omnigate.StoreError) as error:
            # The mail itself is stored; what is owed is noted and settled later.
            self._host.log.warning("an acknowledgement has to wait", reason=str(error))

    async def _place(self, mail: Mail, writer: Mailbox, arrival: Arrival) -> Place:
        return await placing.place_of(
            mail,
            writer,
            arrival.recipients,
            self._tokens,
            self._host,
            by_subject=self._config.subject_tags,
        )

    def _named(self, mail: Mail, arrival: Arrival) -> str | None:
        """Return the conversation that the addresses name: a mail to two of them is two messages."""
        return self._tokens.conversation_in(recipients_of(mail, arrival.recipients))

    async def _relations(self, mail: Mail, place: Place) -> tuple[str | None, bool]:
        """Return the message of the conversation that a mail answers, and whether its id was seen before."""
        own = placing.message_id_of(mail)
        ids = threads.ids_to_look_up(mail)
        known = await self._host.conversations_of([*ids, *([own] if own else [])])
        here = (one for one in ids if one in known)
        answered = next((one for one in here if known[one].external_id == place.conversation), None)
        return answered, own in known

    def _has_our_mail(self, mail: Mail, place: Place, writer: Mailbox, arrival: Arrival) -> bool:
        """Tell whether who writes has got a mail of ours: it answers one, by what nobody else can know."""
        if place.known is None or not place.is_with(writer.address):
            return False
        recipients = recipients_of(mail, arrival.recipients)
        return threads.conversation_by_headers(mail, self._tokens, recipients) == place.conversation

    def _proof(self, mail: Mail) -> str | None:
        name = self._config.authserv_id
        return proof_of(mail, name) if name is not None else None
