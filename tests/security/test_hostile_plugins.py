"""S47: a plugin that does everything wrong costs its own section, whatever it does, and nobody else's."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.security.daemon import SECTIONS, Crm, Daemon

HOWS = ("raises", "exits", "cancels", "group", "nonsense", "huge", "none")
CHANNELS = [
    *((where, how) for where in ("init", "run", "recorded") for how in HOWS[:4]),
    *((where, how) for where in ("routes", "handler", "send", "conversation_of") for how in HOWS),
    *((where, how) for where in ("status", "put", "emit") for how in ("nonsense", "huge", "none")),
    *((where, "ends") for where in ("run", "send")),
    *((where, "raises") for where in ("leak", "paths", "twice", "methods", "header")),
]
HOOKS = [(where, how) for where in ("authenticate", "parse", "reply") for how in HOWS]
BACKENDS = [
    *(("init", how) for how in HOWS[:4]),
    *(("deliver", how) for how in (*HOWS, "ends") if how != "none"),
    *(("close", how) for how in HOWS[:4]),
    ("flood", "x"),
]


def named(prefix: str, where: str, how: str) -> str:
    return f"{prefix}-{where}-{how}".replace("_", "-").lower()


def section(table: str, kind: str, prefix: str, where: str, how: str) -> str:
    name = named(prefix, where, how)
    return f'[{table}.{name}]\nkind = "{kind}"\nwhere = "{where}"\nhow = "{how}"\n'


def all_sections(channels: Any = CHANNELS, hooks: Any = HOOKS, backends: Any = BACKENDS) -> str:
    made = [section("channels", "hostile", "ch", *one) for one in channels]
    made += [section("channels", "hook", "hook", *one) for one in hooks]
    made += [section("backends", "hostile", "be", *one) for one in backends]
    names = ['"crm"', *(f'"{named("be", *one)}"' for one in backends)]
    return SECTIONS.replace('backends = ["crm"]', f"backends = [{', '.join(names)}]") + "".join(
        made
    )


def install(folder: Path) -> dict[str, str]:
    """Install the plugin as pip would; return the environment that finds it."""
    shutil.copy(Path(__file__).parent / "hostile.py", folder / "omnigate_hostile.py")
    info = folder / "omnigate_hostile-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: omnigate-hostile\nVersion: 1.0\n")
    points = "[omnigate]\nhostile = omnigate_hostile\nhook = omnigate_hostile\n"
    (info / "entry_points.txt").write_text(points)
    path = os.pathsep.join(filter(None, (str(folder), os.environ.get("PYTHONPATH"))))
    return {"PYTHONPATH": path}


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Daemon]:
    """A daemon with one section for each misdeed, and two honest channels and a backend among them."""
    environment = install(tmp_path_factory.mktemp("plugin"))
    crm = Crm()
    folder = tmp_path_factory.mktemp("hostile")
    daemon = Daemon(folder, crm, sections=all_sections(), environment=environment)
    yield daemon
    daemon.end()
    crm.end()
    lines = daemon.log().splitlines()
    assert all(line.startswith("{") for line in lines), "a plugin forged a line of the log"
    assert not any('"level": "critical"' in line for line in lines)


def is_served(daemon: Daemon, what: str, until: Any) -> None:
    """Fail unless an honest customer's message arrives and is answered."""
    assert daemon.process.poll() is None, daemon.log()[-3000:]
    assert daemon.say(what, what, conversation=what).status == 202
    until(lambda: what in daemon.crm.texts, f"{what} has arrived")
    found = [one for one in daemon.get("/v1/messages?limit=200")["items"] if one["text"] == what]
    to = {"conversation": found[0]["conversation"]}
    answer = daemon.post("/v1/messages", {"to": to, "text": f"re {what}"}, token=daemon.token)
    assert answer.status == 202
    heard = daemon.crm.heard
    until(
        lambda: any(one.path == "/answers" and f"re {what}".encode() in one.body for one in heard),
        f"{what} is answered",
    )


def test_honest_channels_work_beside_hostile_ones(house: Daemon, until: Any) -> None:
    is_served(house, "beside", until)
    shown = house.operate("GET", "/admin/channels")[1]["items"]
    assert {one["name"] for one in shown} >= {named("ch", *one) for one in CHANNELS}


@pytest.mark.parametrize(("where", "how"), CHANNELS)
def test_what_a_channel_does_costs_only_itself(house: Daemon, where: str, how: str) -> None:
    name = named("ch", where, how)
    for method in ("GET", "POST"):
        answer = house.call(method, f"/channels/{name}/x")
        assert answer.status in (0, 200, 404, 405, 500, 503), answer.raw[:500]
        assert "\nx-evil" not in answer.head
        assert b"hostile" not in answer.body
    to = {"channel": name, "address": "hostile:x"}
    sent = house.post("/v1/messages", {"to": to, "text": "hello"}, token=house.token)
    assert sent.status in (202, 404, 422, 500, 503), sent.raw[:500]
    assert house.call("GET", "/healthz").status == 200


@pytest.mark.parametrize(("where", "how"), HOOKS)
def test_what_a_hook_does_costs_only_itself(house: Daemon, where: str, how: str) -> None:
    for method in ("GET", "POST"):
        answer = house.call(method, f"/channels/{named('hook', where, how)}/hook", b"{}")
        assert answer.status in (200, 500, 503), answer.raw[:500]
        assert b"hostile" not in answer.body
    assert house.call("GET", "/healthz").status == 200


def test_what_a_backend_does_costs_only_itself(house: Daemon, until: Any) -> None:
    is_served(house, "afterwards", until)
    failing = [named("be", "deliver", how) for how in HOWS if how != "none"]
    until(
        lambda: all(house.destination(name)["last_error"] for name in failing),
        "every hostile backend has failed",
    )
    is_served(house, "at the end", until)


IMPATIENT = """
from omnigate import process
from omnigate.flow import supervisor, tasks
supervisor.STOP_SECONDS = tasks.GRACE_SECONDS = process.LEFTOVER_SECONDS = 1.0
"""


def test_who_does_not_hear_that_it_is_cancelled_does_not_hold_up_the_stop(
    new_daemon: Any, tmp_path: Path, until: Any
) -> None:
    sections = all_sections([("deaf", "x")], [], [("deaf", "x")])
    daemon = new_daemon(
        sections=sections,
        server="shutdown_seconds = 1",
        environment=install(tmp_path),
        prelude=IMPATIENT,
        is_sabotaged=False,
    )
    to = {"channel": "ch-deaf-x", "address": "hostile:x"}
    assert daemon.post("/v1/messages", {"to": to, "text": "x"}, token=daemon.token).status == 202
    is_served(daemon, "beside the deaf", until)


UNGUARDED = """
from omnigate.flow import contained
contained._Containment.__exit__ = lambda *_: None
"""


def test_a_plugin_that_nobody_contains_takes_the_daemon_with_it(
    new_daemon: Any, tmp_path: Path, until: Any
) -> None:
    """Sabotage twin."""
    sections = all_sections([("handler", "exits")], [], [])
    daemon = new_daemon(sections=sections, environment=install(tmp_path), prelude=UNGUARDED)
    daemon.send(b"GET /channels/ch-handler-exits/x HTTP/1.1\r\nHost: x\r\n\r\n")

    def is_gone() -> bool:
        try:
            return bool(daemon.call("GET", "/healthz").status != 200)
        except OSError:
            return True

    until(is_gone, "nobody is served any more")
    daemon.process.kill()
