"""Looking whether everything is as it should be: platforms, backends, disk, clock, versions."""

from __future__ import annotations

import asyncio
import platform
import sqlite3
from collections.abc import Iterator
from datetime import UTC, datetime
from importlib.metadata import version
from typing import Final
from urllib.parse import urlsplit

import aiohttp
import structlog
from pydantic import BaseModel

from omnigate.channel import Health
from omnigate.config import Config
from omnigate.errors import CredentialsRejected, OmnigateError, StoreError
from omnigate.flow.contained import contained
from omnigate.flow.filesystem import configuration_findings, store_findings
from omnigate.flow.member import Absentee, Member, called
from omnigate.flow.roster import Roster
from omnigate.flow.troubles import Finding, Severity, merged, owed_in_vain, troubles
from omnigate.store.backlog import Backlog, count_backlog
from omnigate.store.history import newest_event_at
from omnigate.store.store import Store

CHECK_SECONDS: Final = 15.0
"""How long one platform may take to answer."""
PUBLIC_URL: Final = "public_url"
CLOCK_MS: Final = 60_000
"""The clock may be so far behind what was stored last."""

_STATES: Final[dict[str, Severity]] = {
    "up": "good",
    "starting": "good",
    "degraded": "warning",
    "down": "bad",
    "stopped": "bad",
}

log = structlog.get_logger("doctor")


class Doctor:
    """Examines a daemon, or what a daemon would be made of."""

    def __init__(self, store: Store, roster: Roster) -> None:
        self._store = store
        self._roster = roster

    async def tell_what_is_owed_in_vain(self) -> list[Finding]:
        """Log and return what is owed to those who are not at work; nobody else would notice."""
        try:
            backlog = await self._store.read(count_backlog)
        except StoreError as error:
            log.warning("what is owed cannot be counted", error=str(error))
            return []
        found = owed_in_vain(self._roster.absent(backlog), backlog)
        for known in found:
            log.warning(known.message, remedy=known.remedy)
        return found

    async def examine(self, config: Config, subject: str | None = None) -> list[Finding]:
        """Return all findings, or those about one subject; nothing is changed anywhere."""
        asked = [
            self.examine_member(known)
            for key, known in self._roster.members.items()
            if known.failure is None and subject in (None, called(key))
        ]
        if subject in (None, PUBLIC_URL):
            asked.append(self._public_url(config.settings.public_url))
        findings = [
            *_versions(),
            *await configuration_findings(config),
            *store_findings(config.settings),
            await self._clock(),
            *merged(
                await asyncio.gather(*asked),
                self.troubles(await self._store.read(count_backlog)),
            ),
            *_recipients(config),
        ]
        return [known for known in findings if subject in (None, known.subject)]

    def troubles(self, backlog: Backlog) -> list[Finding]:
        """Return what is known to be wrong with channels and backends; asks nobody."""
        members, absent = self._roster.members.values(), self._roster.absent(backlog)
        everybody: list[Member | Absentee] = [*members, *absent]
        return troubles(everybody, backlog)

    async def examine_member(self, member: Member) -> Finding:
        """Ask a platform or a backend whether it would work with us."""
        subject = f"{member.direction} {member.name}"
        if not member.enabled:
            return Finding(subject, "warning", "is not enabled", "set enabled = true, or remove it")
        if member.outfit is None:
            return Finding(subject, "bad", "there is none", "see the log")
        try:
            async with asyncio.timeout(CHECK_SECONDS):
                with contained:
                    health: Health = await member.outfit.plugin.check()
            state, said = _STATES.get(health.state, "warning"), health.message or health.state
        except TimeoutError:
            return Finding(subject, "bad", f"no answer within {CHECK_SECONDS:g} s", "is it up?")
        except CredentialsRejected as error:
            return Finding(subject, "bad", str(error), "correct the credentials in its section")
        except OmnigateError as error:
            return Finding(subject, "bad", str(error))
        except Exception as error:
            log.exception("check failed", subject=subject)
            return Finding(subject, "bad", f"{type(error).__name__}: {error}", "see the log")
        return Finding(subject, state, said, health.remedy)

    async def _public_url(self, url: str) -> Finding:
        """Look whether the address that the world is told leads here."""
        subject = PUBLIC_URL
        try:
            async with (
                aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=CHECK_SECONDS)) as http,
                http.get(f"{url}/healthz", allow_redirects=False) as answer,
            ):
                if answer.status == 200:
                    return Finding(subject, "good", f"{url} leads here")
                what = f"{url}/healthz answers {answer.status}"
        except (aiohttp.ClientError, TimeoutError, ValueError) as error:
            cause = getattr(error, "os_error", None)
            reason = (cause and cause.strerror) or str(error) or type(error).__name__
            what = f"{url} is not reached from here: {reason}"
        remedy = "is the daemon running, and does the proxy pass all paths on to it?"
        return Finding(subject, "warning", what, remedy)

    async def _clock(self) -> Finding:
        newest = await self._store.read(newest_event_at)
        behind = (newest or 0) - self._store.now()
        if behind > CLOCK_MS:
            what = f"is {behind / 1000:.0f} s behind the newest event"
            return Finding(
                "clock", "bad", what, "set it, by NTP if you can: signatures depend on it"
            )
        return Finding("clock", "good", f"{datetime.now(UTC):%Y-%m-%d %H:%M:%S}Z")


def _versions() -> Iterator[Finding]:
    said = f"omnigate {version('omnigate')}, Python {platform.python_version()}"
    yield Finding("versions", "good", f"{said}, SQLite {sqlite3.sqlite_version}")


def _recipients(config: Config) -> Iterator[Finding]:
    """Name every host that data goes to."""
    hosts: dict[str, list[str]] = {}
    for direction, sections in (("channel", config.channels), ("backend", config.backends)):
        for section in sections.values():
            for host in _hosts(section.config):
                hosts.setdefault(host, []).append(f"{direction} {section.name}")
    for host, names in sorted(hosts.items()):
        yield Finding("data goes to", "good", f"{host} ({', '.join(names)})")


def _hosts(config: BaseModel) -> set[str]:
    """Return the hosts in a section: its keys are named ``host``, or ``url`` or end in it.

    Nothing is sent to a ``callback_url``: it is ours.
    """
    found: set[str] = set()
    for key, value in config:
        if isinstance(value, BaseModel):
            found |= _hosts(value)
        elif key == "host" and isinstance(value, str):
            found.add(value)
        elif key == "callback_url":
            continue
        elif key.endswith("url") and value is not None and (host := urlsplit(str(value)).hostname):
            found.add(host)
    return found
