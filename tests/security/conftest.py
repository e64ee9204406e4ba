"""A real daemon for strangers to attack, and daemons that were broken on purpose to be found out."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.security.daemon import SECRET, Crm, Daemon, wait_until


@pytest.fixture(scope="module")
def daemon(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Daemon]:
    """One daemon for all attacks of a module; at the end it has nothing to complain of, and no secrets."""
    crm = Crm()
    daemon = Daemon(tmp_path_factory.mktemp("daemon"), crm)
    yield daemon
    daemon.end()
    crm.end()
    assert daemon.errors == []
    for canary in ("canary", SECRET, daemon.token):
        assert canary not in daemon.log()


@pytest.fixture
def new_daemon(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., Daemon]]:
    """Start daemons with other settings, or with a prelude that breaks them; all are ended."""
    made: list[Daemon] = []

    def start(**options: Any) -> Daemon:
        made.append(Daemon(tmp_path_factory.mktemp("other"), Crm(), **options))
        return made[-1]

    yield start
    for daemon in made:
        daemon.end()
        daemon.crm.end()
        assert daemon.is_sabotaged or daemon.errors == []


@pytest.fixture
def until() -> Callable[..., Any]:
    """Wait for a condition."""
    return wait_until
