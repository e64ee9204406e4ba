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
from omnigate.cli.terminal import note
from omnigate.config import Config


@contextmanager
def running(path: Path | None) -> Iterator[Client]:
    """Yield a client of the running daemon; raises `NotRunning` when there is none."""
    outline = config.outline(path)
    try:
        yield Client(outline.settings.socket)
    except Unreachable:
        raise NotRunning(outline.settings.socket, outline.path) from None


@contextmanager
def store(path: Path | None, *, routes: bool = False, makes_one: bool = False) -> Iterator[Client]:
    """Yield a client of the running daemon, or of the store alone when there is none.

    Without a daemon the store is opened for this command only and answers in the same words; where there
    is no store, `Failed` is raised unless the command ``makes_one``. ``routes``: the command brings about
    events, which are owed to the backends of the whole configuration.
    """
    outline = config.outline(path)
    client = Client(outline.settings.socket)
    if client.reachable():
        yield client
        return
    if not makes_one:
        require_store(outline)
    note("The daemon is not running: using the store itself.")
    loaded = config.load(path, plugins.load) if routes else outline
    with _offline(loaded, makes_plugins=routes) as client:
        yield client


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
def examined(loaded: Config) -> Iterator[Client]:
    """Yield a client of the running daemon, or of what it would be made of when there is none."""
    client = Client(loaded.settings.socket)
    if client.reachable():
        yield client
        return
    note("The daemon is not running: this is how it would start.")
    with _offline(loaded, makes_plugins=True) as client:
        yield client


@contextmanager
def _offline(loaded: Config, *, makes_plugins: bool) -> Iterator[Client]:
    # Opening the store brings in the database: only commands that need it pay for that.
    from omnigate import gateway, logs  # noqa: PLC0415

    # What is logged on the way must not get into the answer.
    logs.configure("warning", "auto")
    ended: Failed | typer.Exit | typer.Abort | None = None
    with (
        start_blocking_portal() as portal,
        portal.wrap_async_context_manager(
            gateway.offline(loaded, makes_plugins=makes_plugins)
        ) as socket,
    ):
        try:
            yield Client(socket)
        except (Failed, typer.Exit, typer.Abort) as early:
            # Only once the store is closed: its tasks would wrap whatever passes through them.
            ended = early
    if ended is not None:
        raise ended
