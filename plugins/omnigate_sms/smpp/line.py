"""One bind, kept up: connect, bind, serve, and again with back-off when it is over.

States: ``starting`` → ``up`` ⇄ ``down``; ``refused`` is the end, until the configuration changes.
"""

from __future__ import annotations

import asyncio
import errno
import os
import random
import socket
import ssl
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Final, Literal

import omnigate
from omnigate_sms.link import Deliver
from omnigate_sms.smpp import statuses, tlv
from omnigate_sms.smpp.bodies import VERSION, Bind, Command
from omnigate_sms.smpp.config import SmppConfig
from omnigate_sms.smpp.intake import Intake
from omnigate_sms.smpp.pending import NoAnswer
from omnigate_sms.smpp.repeats import Repeats
from omnigate_sms.smpp.session import NotSent, Session

if TYPE_CHECKING:
    from omnigate_sms.smpp.pdu import Pdu

State = Literal["starting", "up", "down", "refused"]

FIRST_PAUSE_SECONDS: Final = 1.0
LONGEST_PAUSE_SECONDS: Final = 60.0
JITTER: Final = 0.25
_DOUBLINGS: Final = 16
_NOT_BOUND_YET: Final = "not bound yet"
STEADY_SECONDS: Final = 30.0
"""A bind that lasted so long was good: after it the back-off begins anew."""
SETTLE_SECONDS: Final = 2.0
"""How long it may take to store what was brought, at a stop."""
DRAIN_SECONDS: Final = 3.0
"""How long answers that are due are waited for then."""

OF_ANOTHER_NAME: Final = frozenset({62, 64})
"""What OpenSSL says of a certificate that is good, but not of the host or the address that was wanted.

Source: X509_verify_cert_error_string, OpenSSL 3.0, read 2026-11-22."""


class Line:
    """See the module. ``changed`` is called after each change of `state`."""

    def __init__(
        self,
        command: Command,
        config: SmppConfig,
        deliver: Deliver,
        repeats: Repeats,
        host: omnigate.ChannelHost,
        changed: Callable[[], None] = lambda: None,
    ) -> None:
        self.state: State = "starting"
        self.reason = _NOT_BOUND_YET
        """Why it is not up."""
        self._command = command
        self._config = config
        self._deliver = deliver
        self._repeats = repeats
        self._host = host
        self._log = host.log
        self._changed = changed
        self._session: Session | None = None
        self._told = asyncio.Event()
        self._bound_at = 0.0
        self._refused_since: float | None = None
        self.takes_parameters = False
        """The SMSC says that it knows optional parameters: it is of version 3.4 or later (section 3.4)."""

    @property
    def name(self) -> str:
        """What kind of bind it is."""
        return self._command.name.removeprefix("BIND_").lower()

    @property
    def session(self) -> Session | None:
        """The session that is bound now, if one is."""
        session = self._session
        return session if session is not None and session.ended is None else None

    def forget(self) -> None:
        """Be as at first: how it was before a pause says nothing about how it will be."""
        self.state, self.reason = "starting", _NOT_BOUND_YET
        self._told.clear()

    async def wait_told(self, seconds: float) -> None:
        """Wait until the first attempt to bind has come to something, but not longer than so."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._told.wait()

    async def run(self) -> None:
        """Keep the bind up until cancelled, and unbind then.

        Raises:
            omnigate.CredentialsRejected: the SMSC does not let us in and never will.
        """
        failures = 0
        loop = asyncio.get_running_loop()
        while True:
            reason = await self.once()
            if self.state == "up" and loop.time() - self._bound_at > STEADY_SECONDS:
                failures = 0
            self._become("down", reason)
            await asyncio.sleep(pause_seconds(failures, random.random()))
            failures += 1

    async def once(self, *, stay: bool = True) -> str:
        """Connect, bind and serve once; return why it is over. Raises as `run`.

        Without ``stay`` unbind at once: to see whether we would be let in.
        """
        try:
            async with asyncio.timeout(self._config.bind_timeout_seconds):
                reader, writer = await asyncio.open_connection(
                    self._config.host, self._config.port, ssl=self._config.tls_context()
                )
        except (OSError, UnicodeError) as error:  # the latter: no name of a host
            return f"the SMSC at {self._config.host}:{self._config.port} cannot be reached: {_why(error)}"
        session = Session(
            reader,
            writer,
            self._config,
            lambda pdu: intake.take(pdu, session.answer),
            self._log,
        )
        visit = self._repeats.begin(lambda: session.proven)
        alphabet = self._config.default_alphabet
        intake = Intake(self._deliver, alphabet, self._repeats, visit, self._host)
        tasks = [
            asyncio.create_task(session.run(), name="smpp session"),
            asyncio.create_task(intake.run(), name="smpp intake"),
        ]
        try:
            await self._bind(session)
            try:
                if stay:
                    self._repeats.bound()
                    self._become("up", "", session)
                    await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            finally:
                self._session = None
                await _part(session, intake)
            return session.ended or ""
        except (NotSent, NoAnswer) as error:
            return f"the SMSC did not answer our bind: {error}"
        except _NotLetIn as error:
            return str(error)
        finally:
            session.end("the bind came to nothing")
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks)
            visit.end()
            self._look_at(tasks)
            await session.closed()

    def _look_at(self, ended: Sequence[asyncio.Task[None]]) -> None:
        """Tell of a task that ended otherwise than it should have."""
        for task in ended:
            if not task.cancelled() and (error := task.exception()) is not None:
                self._log.error("a session failed", task=task.get_name(), exc_info=error)

    async def _bind(self, session: Session) -> None:
        body = Bind(
            system_id=self._config.system_id,
            password=self._config.password.get_secret_value(),
            system_type=self._config.system_type,
            address_range=self._config.address_range,
        )
        answer = await session.bind(self._command, body)
        if answer.status == statuses.OK:
            self._refused_since = None
            version = tlv.number(answer.parameters, tlv.SC_INTERFACE_VERSION) or 0
            self.takes_parameters = version >= VERSION
            return
        words = (
            f"the SMSC refuses our bind: {statuses.words(answer.status)}; "
            f"{statuses.advice(answer.status)}"
        )
        if self._is_final(answer):
            self._become("refused", words)
            raise omnigate.CredentialsRejected(words)
        raise _NotLetIn(words)

    def _is_final(self, answer: Pdu) -> bool:
        if answer.status != statuses.ALREADY_BOUND:
            self._refused_since = None
            return statuses.kind(answer.status) == "configuration"
        now = asyncio.get_running_loop().time()
        self._refused_since = self._refused_since or now
        return now - self._refused_since >= self._config.already_bound_seconds

    def _become(self, state: State, reason: str, session: Session | None = None) -> None:
        if state == "up":
            self._bound_at = asyncio.get_running_loop().time()
        self._session = session
        self.state, self.reason = state, reason
        self._told.set()
        self._changed()


def _why(error: OSError | UnicodeError) -> str:
    """Return why there is no connection, and what to look at."""
    if isinstance(error, TimeoutError):
        return "it does not answer; check host, port and tls, and whether it lets us in from here"
    # Of a name with several addresses asyncio tells the errors in one, as words only.
    if isinstance(error, ConnectionRefusedError) or f"[Errno {errno.ECONNREFUSED}]" in str(error):
        return "it refuses connections; check host and port"
    if isinstance(error, ssl.SSLCertVerificationError):
        advice = "check host" if error.verify_code in OF_ANOTHER_NAME else "see ca_file"
        return f"its certificate cannot be trusted: {error.verify_message.rstrip('.')}; {advice}"
    if isinstance(error, ssl.SSLError):
        return "it does not speak TLS as expected; check port and tls"
    if isinstance(error, socket.gaierror):
        return f"{error.strerror}; check host"
    if isinstance(error, UnicodeError):
        return "that is no name of a host; check host"
    return os.strerror(error.errno) if error.errno else str(error)


def pause_seconds(failures: int, chance: float) -> float:
    """Return how long to wait before the next attempt, after so many before the last; chance is 0 to 1."""
    doubled = FIRST_PAUSE_SECONDS * (1 << min(failures, _DOUBLINGS))
    return min(doubled, LONGEST_PAUSE_SECONDS) * (1 + JITTER * chance)


async def _part(session: Session, intake: Intake) -> None:
    """Leave a session that still is one, once what was taken in is answered."""
    if session.ended is not None:
        return
    session.take_no_more()
    with suppress(TimeoutError):
        async with asyncio.timeout(SETTLE_SECONDS):
            await intake.settled()
    await session.leave(DRAIN_SECONDS)


class _NotLetIn(Exception):
    """The SMSC refuses the bind for now."""
