"""Which daemon a command talks to: the running one, or the store itself when there is none."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import typer
from anyio.from_thread import start_blocking_portal

from omnigate import config, plugins
from omnigate.cli.client import Client, Unreachable
from omnigate.cli.failure import Failed, NotRunning
from omnigate.cli.terminal import clean, note
from omnigate.config import Config
from omnigate.errors import ConfigError


@contextmanager
def running(path: Path | None, *, noting: bool = True) -> Iterator[Client]:
    """Yield a client of the running daemon; raises `NotRunning` when there is none.

    Mistakes in the configuration do not hide a daemon that was started before them; they are noted,
    unless the command tells them itself (``noting``).
    """
    outline, client = _expected(path, noting=noting)
    try:
        yield client
    except Unreachable:
        raise NotRunning(client.path, outline.path if outline else config.find(path)) from None


@contextmanager
def store(path: Path | None, *, routes: bool = False, makes_one: bool = False) -> Iterator[Client]:
    """Yield a client of the running daemon, or of the store alone when there is none.

    Without a daemon the store is opened for this command only and answers in the same words; where there
    is no store, `Failed` is raised unless the command ``makes_one``. ``routes``: the command brings about
    events, which are owed to the backends of the whole configuration.
    """
    outline, client = _expected(path)
    if outline is None or client.reachable():
        yield client
        return
    if not makes_one:
        require_store(outline)
    note("The daemon is not running: using the store itself.")
    loaded = config.load(path, plugins.load) if routes else outline
    with _offline(loaded, makes_plugins=routes) as client:
        yield client


def _expected(path: Path | None, *, noting: bool = True) -> tuple[Config | None, Client]:
    """Return the outline and a client of where the daemon should be.

    With mistakes in the configuration there is no outline, but the daemon is there; raises `ConfigError`
    when it is not.
    """
    try:
        outline = config.outline(path)
    except ConfigError as error:
        socket = config.socket_of(path)
        client = None if socket is None else Client(socket)
        if client is None or not client.reachable():
            raise
        if noting:
            note(
                "The configuration has mistakes; this is the daemon that was started before them."
                " See: omnigate check"
            )
            first = error.problems[0]
            place = f"{first.where}: {first.key}" if first.key else first.where
            note(f"  {clean(place)}: {clean(first.message)}")
        return None, client
    return outline, Client(outline.settings.socket)


def require_store(outline: Config) -> None:
    """Raise `Failed` unless there is a store: one made by mistake would only hide where the right one is."""
    if not has_store(outline):
        option = f" --config {outline.path}"
        raise Failed(
            f"There is no store at {outline.settings.store.path}.",
            f"The daemon makes it at its first start: omnigate run{option}\n"
            f"To make it without a daemon: omnigate db migrate{option}\n"
            "If there should be one, look at [store] url.",
        )


def has_store(outline: Config) -> bool:
    """Tell whether there is a store; raises `Failed` when this user may not know."""
    store_path = outline.settings.store.path
    try:
        return store_path.exists()
    except OSError as error:
        raise Failed(
            f"{store_path} cannot be looked at: {(error.strerror or str(error)).lower()}.",
            "Run this as the user of the daemon, or as root.",
        ) from None


@contextmanager
def examined(path: Path | None) -> Iterator[Client]:
    """Yield a client of the running daemon, or of what it would be made of when there is none.

    The daemon is asked whatever is wrong with the configuration, or with secrets that only it has: to say
    so is its part. Without one, `ConfigError` is raised with every mistake.
    """
    try:
        _, client = _expected(path, noting=False)
        is_running = client.reachable()
    except ConfigError:
        is_running = False  # what follows finds the same mistakes, and all others
    if is_running:
        yield client
        return
    loaded = config.load(path, plugins.load)
    note("The daemon is not running: this is how it would start.")
    with _offline(loaded, makes_plugins=True) as client:
        yield client


@contextmanager
def _offline(loaded: Config, *, makes_plugins: bool) -> Iterator[Client]:
    # Opening the store brings in the database: only commands that need it pay for that.
    from omnigate import logs, offline  # noqa: PLC0415

    # What is logged on the way must not get into the answer.
    logs.configure("warning", "auto")
    ended: Failed | typer.Exit | typer.Abort | None = None
    with (
        start_blocking_portal() as portal,
        portal.wrap_async_context_manager(
            offline.offline(loaded, makes_plugins=makes_plugins)
        ) as socket,
    ):
        try:
            yield Client(socket)
        except (Failed, typer.Exit, typer.Abort) as early:
            # Only once the store is closed: its tasks would wrap whatever passes through them.
            ended = early
    if ended is not None:
        raise ended
