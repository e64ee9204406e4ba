"""The link of the SMS channel that speaks SMPP 3.4.

A text is sent a segment at a time, each after the answer to the one before it. What becomes of it:

* all were taken: `omnigate.Sent` with the ids of all;
* one got no answer: `omnigate.Uncertain`; it is never sent again by itself, and those after it are not sent.
  What an answer says that comes late is handed in as a report of that text, and so is a receipt that gives
  the number back that we gave the segment (``user_message_reference``), until the process ends;
* one was refused for good: `omnigate.Refused`, whatever was taken before: nobody can read a part of a text;
* one cannot be taken now: `omnigate.DestinationUnavailable` where there is no bind, else
  `omnigate.RetryLater`, for the SMSC works: too fast is over after the pause of the link and not by the
  host's schedule. The next attempt goes on at that segment with the same reference. After a restart it is a
  new text: phones drop what they never got whole.

What a customer waits for goes before all else that waits, for the rate and for a place in the window.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Iterable, Sequence
from functools import partial
from typing import Final

import omnigate
from omnigate_sms.link import Deliver, Link, Said, Text
from omnigate_sms.smpp import aside, message_ids, statuses, tlv
from omnigate_sms.smpp.bodies import Command, Taken
from omnigate_sms.smpp.config import SmppConfig
from omnigate_sms.smpp.late import Late
from omnigate_sms.smpp.line import Line
from omnigate_sms.smpp.pdu import Pdu
from omnigate_sms.smpp.pending import NoAnswer
from omnigate_sms.smpp.places import Places
from omnigate_sms.smpp.progress import Progress, Unfinished
from omnigate_sms.smpp.refusing import Later, too_fast, words_of
from omnigate_sms.smpp.repeats import Repeats
from omnigate_sms.smpp.session import NotSent, Session
from omnigate_sms.smpp.submitting import cut
from omnigate_sms.smpp.throttle import Throttle
from omnigate_sms.smpp.tlv import Tlv

BEGIN_SECONDS: Final = 20.0
"""No segment is begun later than this after `SmppLink.send` was called: the host gives it a minute."""
FIRST_BIND_SECONDS: Final = 5.0
"""How long the first text waits for the bind of a link that has just started."""
BURST_SECONDS: Final = 0.01
"""So much of the rate may leave at once, so that high rates do not hang on the clock's grain."""

_RETRY_SOON_SECONDS: Final = 1.0


class SmppLink(Link):
    """See the module."""

    def __init__(self, config: SmppConfig, host: omnigate.ChannelHost, deliver: Deliver) -> None:
        super().__init__(host, deliver)
        self._config = config
        commands = (
            [Command.BIND_TRANSCEIVER]
            if config.bind == "transceiver"
            else [Command.BIND_TRANSMITTER, Command.BIND_RECEIVER]
        )
        self._late = Late(deliver, host.log)
        self._repeats = Repeats(host)
        self._lines = [
            Line(command, config, self._late.deliver, self._repeats, host, self._tell)
            for command in commands
        ]
        self._sender = self._lines[0]
        self._told: tuple[str, str] | None = None
        burst = max(1, round(config.rate_per_second * BURST_SECONDS))
        self._limiter = host.limiter(config.rate_per_second, burst=burst)
        self._turns = Places(1)
        """Whose turn it is to wait for the rate."""
        self._throttle = Throttle()
        self._unfinished = Unfinished()
        self._reference = random.randrange(0x10000)
        self._number = random.randrange(0x10000)
        """Of the latest segment, so that receipts can give it back."""
        self._running = False

    def secrets(self) -> Iterable[str]:
        """Return the password."""
        return [self._config.password.get_secret_value()]

    async def run(self) -> None:
        """Keep the binds up until cancelled; unbinds then, within 9 seconds.

        Raises:
            omnigate.CredentialsRejected: the SMSC does not let us in and never will.
        """
        rejected: list[omnigate.CredentialsRejected] = []
        self._running = True
        self._told = None  # who starts us anew wants to hear how it is
        for line in self._lines:
            line.forget()
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._repeats.run(), name="smpp repeats")
                for line in self._lines:
                    tasks.create_task(line.run(), name=f"smpp {line.name}")
        except* omnigate.CredentialsRejected as group:
            rejected += [one for one in group.exceptions if not isinstance(one, ExceptionGroup)]
        finally:
            self._running = False
            await self._late.settled()
            await self._repeats.leave()
            for line in self._lines:
                # Texts may come before we are started anew; what was refused stays so until then.
                if line.state != "refused":
                    line.forget()
        if rejected:
            raise rejected[0]

    async def send(self, text: Text) -> omnigate.Sent:
        """Send a text, or what is left of it; see the module for what is raised when."""
        begun_at = asyncio.get_running_loop().time()
        progress = self._unfinished.resume(text) or self._begin(text)
        while not progress.complete:
            try:
                await self._advance(progress, begun_at + BEGIN_SECONDS)
            except Later as later:
                if not progress.ids:
                    raise later.error from None
                self._unfinished.keep(progress)
                raise later.half_sent(progress) from None
        # One is named as a segment too: a name that serves again is then the latest text's, which it is
        # not where it names the text itself.
        return omnigate.Sent(external_id=progress.ids[0], segments=progress.ids)

    def parse(self, request: omnigate.Request) -> Sequence[Said]:
        """Return what a PDU out of quarantine says: nobody calls this link. Raises `omnigate.BadPayload`."""
        said = aside.taken_out(request, self._config.default_alphabet)
        return [self._late.named(one) for one in said]

    def talks_to(self) -> str:
        """Return the SMSC's host and port."""
        return f"{self._config.host}:{self._config.port}"

    async def check(self) -> omnigate.Health:
        """Tell how the binds are; without any, bind as a transmitter and leave at once."""
        if self._running:
            return self._health()
        probe = Line(Command.BIND_TRANSMITTER, self._config, self.deliver, self._repeats, self.host)
        try:
            reason = await probe.once(stay=False)
        except omnigate.CredentialsRejected as error:
            return omnigate.Health("down", str(error))
        return (
            omnigate.Health("up", "bound")
            if reason == "unbound"
            else omnigate.Health("down", reason)
        )

    def _begin(self, text: Text) -> Progress:
        self._reference = (self._reference + 1) % 0x10000
        return Progress(text, cut(text, self._config, self._reference))

    async def _advance(self, progress: Progress, latest_at: float) -> None:
        """Send the next segment; raises `Later` when it surely was not taken but may be."""
        loop = asyncio.get_running_loop()
        session = await self._turn(progress, latest_at)
        body, parameters = progress.submits[len(progress.ids)]
        number = self._numbered()
        if number is not None:
            self._late.numbered(number, progress.text.to)
            told = Tlv(tlv.USER_MESSAGE_REFERENCE, number.to_bytes(2, "big"))
            parameters = (*parameters, told)
        sent_at = loop.time()
        try:
            answer = await session.request(
                Command.SUBMIT_SM,
                body,
                parameters,
                begin_within_seconds=max(latest_at - sent_at, 0),
                urgent=progress.text.is_awaited,
                late=partial(self._heard_late, progress),
            )
        except NotSent as error:
            raise Later(omnigate.DestinationUnavailable(f"not sent: {error}")) from None
        except NoAnswer as error:
            if number is not None and len(progress.ids) + 1 == len(progress.submits):
                self._late.doubted(progress.text, progress.ids, number)
            raise omnigate.Uncertain(f"{progress} got no answer: {error}") from None
        self._judge(progress, answer, sent_at, session)

    def _numbered(self) -> int | None:
        """Return the number of one more segment; None where the SMSC is told none."""
        told = self._config.user_message_reference
        if told == "off" or (told == "auto" and not self._sender.takes_parameters):
            return None
        self._number = (self._number + 1) % 0x10000
        return self._number

    async def _turn(self, progress: Progress, latest_at: float) -> Session:
        """Return the session once it is the turn of one more segment, in pause and rate.

        A pause is only waited for where a part of the text is already away.
        """
        half_sent = bool(progress.ids)
        loop = asyncio.get_running_loop()
        await self._sender.wait_told(FIRST_BIND_SECONDS)
        self._bound()
        while (left := self._throttle.left_seconds()) > 0:
            if not half_sent or loop.time() + left > latest_at:
                raise Later(too_fast("the operator finds us too fast", left))
            await asyncio.sleep(left)
        try:
            async with asyncio.timeout_at(latest_at):
                await self._turns.acquire(urgent=progress.text.is_awaited)
                try:
                    await self._limiter.acquire()
                finally:
                    self._turns.release()
        except TimeoutError:
            raise Later(
                omnigate.RetryLater(
                    "more is to be sent than rate_per_second allows",
                    after_seconds=_RETRY_SOON_SECONDS,
                )
            ) from None
        if (left := self._throttle.left_seconds()) > 0 and not half_sent:
            raise Later(too_fast("the operator finds us too fast", left))
        return self._bound()

    def _bound(self) -> Session:
        line = self._sender
        if line.state == "refused":
            raise omnigate.CredentialsRejected(line.reason)
        if line.session is None:
            raise Later(omnigate.DestinationUnavailable(f"not bound: {line.reason}"))
        return line.session

    def _judge(self, progress: Progress, answer: Pdu, sent_at: float, session: Session) -> None:
        """Take note of what the SMSC says to a segment, or raise what follows.

        Too fast in the midst of a text: the same segment's turn comes again after the pause.
        """
        status, words = answer.status, words_of(answer)
        match statuses.kind(status):
            case "ok":
                self._throttle.taken(sent_at)
                progress.ids.append(self._named(progress, answer))
            case "throttled":
                self._throttle.refused(sent_at)
                if not progress.ids:
                    raise Later(too_fast(words, self._throttle.left_seconds(), status))
            case "transient":
                raise Later(omnigate.RetryLater(f"{progress}: {words}", status=status))
            case "configuration":
                # It has forgotten that we are bound: a new session will tell.
                session.end(f"the SMSC answers {words}")
                raise Later(omnigate.DestinationUnavailable(words, status=status))
            case _:
                raise omnigate.Refused(
                    statuses.code(status), f"the operator refuses {progress}: {words}"
                )

    def _named(self, progress: Progress, answer: Pdu) -> str:
        """Return the operator's id of the segment just taken; ours where it gives none."""
        told = answer.body.message_id if isinstance(answer.body, Taken) else ""
        named = message_ids.of_answer(told, self._config.dlr_id)
        return named or f"{progress.text.id}.{len(progress.ids) + 1}"

    def _heard_late(self, progress: Progress, answer: Pdu) -> None:
        """Take note of an answer to a segment that was given up."""
        if answer.status != statuses.OK:
            self._late.refused(progress.text.id, f"{progress}: {words_of(answer)}")
            return
        progress.ids.append(self._named(progress, answer))
        if progress.complete:
            self._late.taken(progress.text.id, progress.ids)

    def _tell(self) -> None:
        """Tell the operator how the link is, if that is news."""
        if any(line.state == "starting" for line in self._lines):
            return
        health = self._health()
        if (health.state, health.message) != self._told:
            self._told = (health.state, health.message)
            self.host.status(health.state, health.message)

    def _health(self) -> omnigate.Health:
        down = [line for line in self._lines if line.state != "up"]
        if all(line.state == "starting" for line in self._lines):
            return omnigate.Health("starting", "binding")
        if not down:
            return omnigate.Health("up", "bound")
        told = "; ".join(f"{line.name}: {line.reason}" for line in down)
        return omnigate.Health("down" if len(down) == len(self._lines) else "degraded", told)
