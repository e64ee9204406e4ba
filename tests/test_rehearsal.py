"""What a reload would refuse a rehearsal refuses too, in the same words, and the other way round."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from omnigate import config, plugins, rehearsal
from omnigate.errors import ConfigError
from omnigate.flow.outfit import Outfitter
from omnigate.gateway import Gateway
from omnigate.store.store import open_store

pytestmark = pytest.mark.anyio

PLUGIN = """
import omnigate

{on_import}

class Odd(omnigate.Channel):
    kind = "{kind}"
    capabilities = omnigate.Capabilities()

    def __init__(self, config, host):
        super().__init__(config, host)
        {on_making}

    async def send(self, part):
        raise NotImplementedError

    async def check(self):
        {on_check}

@omnigate.hookimpl
def omnigate_channels():
    return [Odd]
"""
MAIN = '[store]\nurl = "sqlite:///s.db"\n[channels.works]\nkind = "sound"\n'


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Install a distribution with one plugin."""
    folder = tmp_path / "plugins"
    folder.mkdir()
    monkeypatch.syspath_prepend(str(folder))
    monkeypatch.setattr(
        sys, "modules", dict(sys.modules)
    )  # what one case imports is not the next's

    def install_plugin(
        kind: str, *, on_import: str = "", on_making: str = "pass", on_check: str = "raise OSError"
    ) -> None:
        info = folder / f"rehearsed_{kind}-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Name: rehearsed-{kind}\nVersion: 1.0\n")
        (info / "entry_points.txt").write_text(f"[omnigate]\n{kind} = rehearsed_{kind}\n")
        source = PLUGIN.format(
            kind=kind, on_import=on_import, on_making=on_making, on_check=on_check
        )
        (folder / f"rehearsed_{kind}.py").write_text(source)

    install_plugin("sound")
    return install_plugin


@pytest.fixture
async def gateway(tmp_path: Path, install: Any) -> AsyncIterator[Gateway]:
    """A daemon's parts at work with one channel."""
    (tmp_path / "omnigate.toml").write_text(MAIN)
    loaded = config.load(tmp_path / "omnigate.toml", plugins.load)
    async with open_store(f"sqlite:///{tmp_path}/s.db") as store:
        gateway = Gateway(loaded, store, lambda: None)
        await gateway.start()
        yield gateway
        await gateway.roster.close()


async def refusals(gateway: Gateway, more: str) -> tuple[list[str], list[str]]:
    """Return why a reload of a changed configuration is refused, and why its rehearsal is."""
    path = gateway.reloader.config.path
    path.write_text(MAIN + more)
    said: list[list[str]] = []
    for trial in (gateway.reloader.reload, lambda: rehearsed(path)):
        try:
            await trial()
            said.append([])
        except ConfigError as error:
            said.append([str(problem) for problem in error.problems])
    return said[0], said[1]


async def rehearsed(path: Path) -> None:
    await rehearsal.rehearse(config.load(path, plugins.load))


def names(directory: Path) -> set[str]:
    return {path.name for path in directory.iterdir()}


ODD = '[channels.odd]\nkind = "{}"\n'


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ("colour = 1\n", "channels.works.colour: unknown key"),
        ("[[routes]]\nbackends = ['nobody']\n", "no backend is called 'nobody'"),
        (ODD.format("refusing"), "channel odd cannot be made: no licence"),
        (ODD.format("worn"), "channel odd has a broken plugin: ValueError: no library"),
    ],
)
async def test_both_refuse_the_same_and_who_works_goes_on(
    gateway: Gateway, install: Any, more: str, said: str
) -> None:
    install("refusing", on_making="raise ValueError('no licence')")
    install("worn", on_import="raise ValueError('no library')")
    working = gateway.roster.members["channel", "works"]
    of_reload, of_rehearsal = await refusals(gateway, more)
    assert of_reload == of_rehearsal
    assert said in of_reload[0]
    assert gateway.roster.members["channel", "works"] is working
    assert working.outfit is not None


async def test_all_that_cannot_be_made_are_named_at_once(gateway: Gateway, install: Any) -> None:
    install("refusing", on_making="raise ValueError('no licence')")
    more = "".join(f'[channels.odd-{number}]\nkind = "refusing"\n' for number in range(3))
    of_reload, of_rehearsal = await refusals(gateway, more)
    assert len(of_reload) == 3
    assert of_reload == of_rehearsal


async def test_both_take_what_is_good(gateway: Gateway, install: Any) -> None:
    install("good")
    more = '[channels.odd]\nkind = "good"\n[channels.off]\nkind = "good"\nenabled = false\n'
    assert await refusals(gateway, more) == ([], [])
    assert ("channel", "odd") in gateway.roster.members


async def test_a_rehearsal_leaves_nothing_behind(
    tmp_path: Path, install: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(scratch))
    (tmp_path / "omnigate.toml").write_text(MAIN)
    await rehearsed(tmp_path / "omnigate.toml")
    assert names(tmp_path) == {"omnigate.toml", "plugins", "scratch"}
    assert names(scratch) == set()


async def test_a_rehearsal_that_makes_nobody_is_found(
    gateway: Gateway, install: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The sabotage twin: it would let through what the reload refuses."""
    install("refusing", on_making="raise ValueError('no licence')")
    of_reload, _ = await refusals(gateway, '[channels.odd]\nkind = "refusing"\n')
    monkeypatch.setattr(Outfitter, "channel", lambda self, section, runner: None)
    await rehearsed(gateway.reloader.config.path)
    assert of_reload


@pytest.mark.parametrize(
    ("on_check", "state", "said"),
    [
        ("return omnigate.Health('up', 'as @shop')", "good", "as @shop"),
        ("return omnigate.Health('degraded', 'slow')", "warning", "slow"),
        ("raise omnigate.CredentialsRejected('the token is wrong')", "bad", "the token is wrong"),
        ("raise omnigate.DestinationUnavailable('no answer')", "bad", "no answer"),
        ("raise OSError('what now')", "bad", "OSError: what now"),
    ],
)
async def test_one_section_is_examined_by_itself(
    tmp_path: Path, install: Any, on_check: str, state: str, said: str
) -> None:
    install("asked", on_check=on_check)
    (tmp_path / "omnigate.toml").write_text(MAIN + ODD.format("asked"))
    loaded = config.load(tmp_path / "omnigate.toml", plugins.load)
    finding = await rehearsal.examine(loaded, "channel", "odd")
    assert (finding.state, finding.message) == (state, said)
