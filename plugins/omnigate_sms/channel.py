"""Texts: what customers write to our number, what we answer, and what became of it.

The link knows how texts are carried; here is what a text is to Omnigate. Long ones are made whole before
anybody hears of them, and what a text costs is counted before it goes out.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Final
from urllib.parse import quote

import omnigate
from omnigate_sms import incoming, numbers, segments
from omnigate_sms.config import CODE, SmsConfig
from omnigate_sms.confirming import Confirming
from omnigate_sms.gathering import Gathering
from omnigate_sms.hook import Hook
from omnigate_sms.limits import Allowance
from omnigate_sms.link import Incoming, Link, Said, Text
from omnigate_sms.linking import make_link
from omnigate_sms.stopwords import Words
from omnigate_sms.waiting import Waiting

OPTED_OUT: Final = "recipient_opted_out"
"""The code by which links tell that the provider has the customer on its list of those who said stop."""
OPTED_OUT_CHARACTERS: Final = 500
"""Of the provider's words about it."""

_NOT_SENT: Final = (
    omnigate.Refused,
    omnigate.RetryLater,
    omnigate.DestinationUnavailable,
    omnigate.CredentialsRejected,
    omnigate.NotReady,
)


class Sms(omnigate.Channel):
    """One number or name that texts come from and go to."""

    kind = "sms"
    summary = "Texts (SMS), by SMPP, Kannel, Jasmin or a provider's HTTP interface."
    capabilities = omnigate.Capabilities(
        text_limit=6, measure=lambda text: segments.measure(text).segments, on_uncertain="hold"
    )

    class Config(SmsConfig):
        """Who carries the texts, from whom, to whom, and how many."""

    config: Config

    def __init__(self, config: Config, host: omnigate.ChannelHost) -> None:
        super().__init__(config, host)
        omnigate.require_phonenumbers("sms")
        self._link = self._make_link()
        self._hook = Hook(self._link, self._deliver)
        self._writable = numbers.Writable(config)
        self._allowance = Allowance(config.limits, host)
        self._waiting = Waiting()
        reading = incoming.Reading(
            config.default_region,
            Words(config.stop_words, config.start_words),
            are_verified=config.verified_senders,
        )
        wait = timedelta(seconds=config.incomplete_after_seconds)
        self._confirming = Confirming(host, config.stop_reply, config.start_reply)
        self._gathering = Gathering(host, config.link, wait, reading, self._confirming)
        self.capabilities = replace(  # type: ignore[misc]  # told by the configuration, read of the instance
            type(self).capabilities,
            text_limit=config.max_segments,
            measure=lambda text: self._measured(text).segments,
            on_uncertain=self._link.on_uncertain,
        )

    def _make_link(self) -> Link:
        return make_link(self.config, self.host, self._deliver)

    async def run(self) -> None:
        """Hold the link's session, hand on long texts whose time is up, and confirm wishes."""
        await self._allowance.recall()
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._gathering.run())
            tasks.create_task(self._confirming.run())
            tasks.create_task(self._link.run())

    # ---- from customers and operators -------------------------------------------------------------

    def routes(self) -> Iterable[omnigate.Route]:
        """Serve what providers call, by POST and by GET; nothing where nobody calls us."""
        return self._hook.served()

    async def take_again(self, request: omnigate.Request) -> None:
        """Take in what was put in quarantine; see `omnigate.Channel.take_again`."""
        await self._hook.take_again(request)

    async def _deliver(self, said: Sequence[Said], notes: omnigate.Notes | None = None) -> None:
        """Keep what came in; see `omnigate_sms.link.Deliver`."""
        texts: list[Incoming] = []
        receipts: list[omnigate.Inbound] = []
        for each in said:
            if isinstance(each, Incoming):
                texts.append(each)
                self._waiting.wrote(
                    numbers.address_of(each.source, self.config.default_region).path
                )
            elif (receipt := incoming.receipt(each)) is not None:
                receipts.append(receipt)
        if receipts:
            await self.host.put(*receipts)
        if texts:
            await self._gathering.take(texts, notes)

    # ---- to customers -----------------------------------------------------------------------------

    async def send(self, part: omnigate.OutboundPart) -> omnigate.Sent:
        """Send one text; see `omnigate.Channel.send`. What it costs is counted before."""
        text, counted = self._text(part)
        await self._allowance.take(f"+{text.to}", counted.segments)
        try:
            return await self._link.send(text)
        except _NOT_SENT as error:
            self._allowance.give_back(f"+{text.to}", counted.segments)
            if isinstance(error, omnigate.Refused) and error.code == OPTED_OUT:
                await self._note_opted_out(part, error.reason)
            raise

    async def _note_opted_out(self, part: omnigate.OutboundPart, reason: str) -> None:
        """Have it known that a customer wants no texts: they said so to the provider, not to us."""
        try:
            await self.host.put(
                omnigate.ContactBlocked(
                    external_id=f"opted-out:{part.id}",
                    conversation=part.conversation,
                    occurred_at=datetime.now(UTC),
                    sender=omnigate.Profile(address=part.address),
                    reason=reason[:OPTED_OUT_CHARACTERS],
                )
            )
        except (omnigate.Overloaded, omnigate.StoreError) as trouble:
            # The next text is refused by the provider again, and noted then.
            self.host.log.warning("not noted that a contact opted out", reason=str(trouble))

    async def lookup(self, part: omnigate.OutboundPart) -> omnigate.Sent | None:
        """Ask the provider what became of a text; see `omnigate.Channel.lookup`."""
        return await self._link.lookup(self._text(part)[0])

    def estimate(self, part: omnigate.OutboundPart) -> omnigate.Estimate:
        """Return what a text would come to; raises `omnigate.Refused` for what would not be sent."""
        text, counted = self._text(part)
        self._allowance.require(f"+{text.to}", counted.segments)
        price = self.config.price_per_segment
        return omnigate.Estimate(
            segments=counted.segments,
            encoding=counted.encoding,
            length=counted.length,
            room=counted.room,
            cost=price * counted.segments if price is not None else None,
            currency=self.config.currency,
        )

    def conversation_of(self, address: omnigate.Address) -> str:
        """Return the number as conversations are called by it; raises `omnigate.Refused`."""
        return self._writable.number(address)

    def handover_link(self, token: str) -> str | None:
        """Return a link that writes a text to our number with the token in it; None to a mere name.

        Source: RFC 5724; iOS and Android both read the body behind ``?&``.
        """
        number = numbers.number_of_ours(self.config.sender, self.config.default_region)
        if number is None:
            return None
        text = self.config.handover_text.replace(CODE, token)
        return f"sms:{number}?&body={quote(text, safe='')}"

    def _text(self, part: omnigate.OutboundPart) -> tuple[Text, segments.Measure]:
        """Return a part as a text, and its length; raises `omnigate.Refused`."""
        number = self._writable.number(part.address)
        if not part.text or not part.text.strip():
            raise omnigate.Refused("empty", "a text message needs text")
        counted = self._measured(part.text)
        if counted.segments > self.config.max_segments:
            raise omnigate.Refused(
                "too_long",
                f"the text needs {counted.segments} segments and max_segments allows "
                f"{self.config.max_segments}",
            )
        text = Text(
            id=part.id,
            to=number.removeprefix("+"),
            sender=self.config.sender_id,
            text=part.text,
            valid_seconds=self.config.validity_seconds,
            attempt=part.attempt,
            is_awaited=part.reply_to is not None or self._waiting.waits(number),
            extensions=part.extensions,
        )
        return text, counted

    def _measured(self, text: str) -> segments.Measure:
        return segments.measure(
            text, width_bits=self.config.width_bits, only_ucs2=self.config.only_ucs2(text)
        )

    # ---- for the operator -------------------------------------------------------------------------

    def talks_to(self) -> str | None:
        """Return what the link connects to; None where the provider calls us."""
        return self._link.talks_to()

    async def setup(self) -> Sequence[str]:
        """Tell what is to be entered at the provider, the token in its address included; changes nothing."""
        return self._link.to_enter()

    async def check(self) -> omnigate.Health:
        """Ask the provider whether our credentials are good; no side effects."""
        try:
            return await self._link.check()
        except omnigate.CredentialsRejected:
            raise
        except omnigate.OmnigateError as error:
            return omnigate.Health("down", str(error))
