"""Reading the configuration again while the daemon runs: what changed is exchanged, the rest goes on."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Final

import structlog

from omnigate import config as configuration
from omnigate import logs, plugins, systemd
from omnigate.config import Config, Settings
from omnigate.config.tables import Retry
from omnigate.errors import ConfigError, OmnigateError, Refused
from omnigate.flow.dispatcher import Dispatcher
from omnigate.flow.doctor import Doctor
from omnigate.flow.member import called
from omnigate.flow.retry import RetryPolicy
from omnigate.flow.roster import Roster
from omnigate.process import Signals
from omnigate.store.store import Store
from omnigate.store.transaction import Trust

AT_START_ONLY: Final = ("server", "admin", "store", "media")
"""Tables that are built into what runs; a change of them waits for the next start."""
_NOT_TABLES: Final = ("include", "channels", "backends")

log = structlog.get_logger("gateway")


@dataclass(frozen=True, slots=True)
class Reloaded:
    """What reading the configuration again came down to; members as ``channel site``."""

    added: list[str] = field(default_factory=list)
    replaced: list[str] = field(default_factory=list)
    removed: list[str] = field(default_factory=list)
    kept: list[str] = field(default_factory=list)
    tables: list[str] = field(default_factory=list)
    """Other tables that changed and hold from now on, such as ``routes``."""
    restart_needed: list[str] = field(default_factory=list)
    """Tables whose changes hold only after a restart."""
    warnings: list[str] = field(default_factory=list)


class Reloader:
    """Holds the configuration as it is, and has the daemon take over another one."""

    def __init__(
        self,
        config: Config,
        store: Store,
        roster: Roster,
        dispatcher: Dispatcher,
        doctor: Doctor,
    ) -> None:
        self.config = config
        self._store = store
        self._roster = roster
        self._dispatcher = dispatcher
        self._doctor = doctor
        self._is_reading = False

    async def reload(self) -> Reloaded:
        """Read the configuration again and take over what can change while the daemon runs.

        Raises `ConfigError`, and then nothing has changed; `Refused` while another reload is under way.
        """
        if self._is_reading:
            raise Refused("busy", "the configuration is being read again already")
        self._is_reading = True
        try:
            systemd.notify_reloading()
            wanted = await asyncio.to_thread(configuration.load, self.config.path, plugins.load)
            waits = changed_at_start_only(self.config.settings, wanted.settings)
            tables = changed_at_once(self.config.settings, wanted.settings)
            config = merged(self.config, wanted)
            changes = await self._roster.change(config)
            if config.settings.log != self.config.settings.log:
                logs.configure(config.settings.log.level, config.settings.log.format)
            self.config = config
            self.configure()
        finally:
            self._is_reading = False
            systemd.notify("READY=1")
        in_vain = await self._doctor.tell_what_is_owed_in_vain()
        done = Reloaded(
            added=changes.added,
            replaced=changes.replaced,
            removed=changes.removed,
            kept=changes.kept,
            tables=tables,
            restart_needed=waits,
            warnings=[
                *(str(warning) for warning in wanted.warnings),
                *self._not_made(),
                *(f"{found.message}: {found.remedy}" for found in in_vain),
            ],
        )
        log.info(
            "configuration read again",
            added=done.added,
            replaced=done.replaced,
            removed=done.removed,
            kept=len(done.kept),
            tables=done.tables,
        )
        if waits:
            log.warning("some changes hold only after a restart", tables=waits)
        return done

    async def obey(self, signals: Signals) -> None:
        """Read the configuration again whenever a signal asks for it; until cancelled."""
        while True:
            await signals.reload.wait()
            signals.reload.clear()
            try:
                await self.reload()
            except ConfigError as error:
                for mistake in error.problems:
                    log.error("mistake in the configuration", **asdict(mistake))
                log.error("the configuration stays as it was", mistakes=len(error.problems))
            except OmnigateError as error:
                log.error("the configuration stays as it was", error=str(error))

    def configure(self) -> None:
        """Hand the parts what of the settings they can take over while they work."""
        settings = self.config.settings
        self._store.expiry_ms = int(settings.retry.expiry_seconds * 1000)
        self._store.trust = Trust(
            frozenset(settings.identity.merge_on), settings.identity.call_proof_seconds
        )
        self._dispatcher.configure(
            retry_policy(settings.retry), keeps_all_exchanges=settings.log.exchanges == "all"
        )

    def _not_made(self) -> list[str]:
        """Return who is in the configuration and cannot work."""
        return [
            f"{called(key)} does not work: {member.failure}"
            for key, member in self._roster.members.items()
            if member.failure is not None
        ]


def retry_policy(retry: Retry) -> RetryPolicy:
    """Return how often and when deliveries are tried again, as it is configured."""
    return RetryPolicy(tuple(retry.schedule_seconds), retry.jitter)


def changed_at_start_only(before: Settings, after: Settings) -> list[str]:
    """Return the tables that changed and cannot be taken over by a running daemon."""
    return [name for name in AT_START_ONLY if getattr(before, name) != getattr(after, name)]


def changed_at_once(before: Settings, after: Settings) -> list[str]:
    """Return the tables that changed and are taken over, but for channels and backends themselves."""
    return [
        name
        for name in Settings.model_fields
        if name not in _NOT_TABLES and name not in AT_START_ONLY
        if getattr(before, name) != getattr(after, name)
    ]


def merged(running: Config, wanted: Config) -> Config:
    """Return the wanted configuration with what only a start can change left as it is."""
    keep: Sequence[str] = AT_START_ONLY
    settings = wanted.settings.model_copy(
        update={name: getattr(running.settings, name) for name in keep}
    )
    return Config(
        path=wanted.path,
        settings=settings,
        channels=wanted.channels,
        backends=wanted.backends,
        broken=wanted.broken,
        warnings=wanted.warnings,
        files=wanted.files,
        channel_names=wanted.channel_names,
    )
