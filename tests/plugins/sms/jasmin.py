"""A real Jasmin on loopback, with the RabbitMQ and the Redis that it needs.

It lives in a virtual environment of its own, for it asks for old versions of much: ``make test-jasmin``
makes that. Everything it starts listens on loopback, on ports of its own, and is gone at the end.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

from tests.plugins.sms.kannel import until
from tests.ports import free_port

ROOT = Path(__file__).parents[3]
VENV = ROOT / ".venv" / "jasmin"
RABBITMQ = "/usr/lib/rabbitmq/bin/rabbitmq-server"
"""Not the one of /usr/sbin: that changes over to a user of the system."""
PROGRAMS = ("epmd", "redis-server", RABBITMQ, str(VENV / "bin" / "jasmind.py"))
USER, PASSWORD = "shop", "jasmins1"
SECONDS = 90.0
"""RabbitMQ takes its time to start."""

CONFIGURATION = """
[jcli]
bind = 127.0.0.1
port = {jcli}
authentication = False
[http-api]
bind = 127.0.0.1
port = {http}
[router]
bind = 127.0.0.1
port = {router}
[client-management]
bind = 127.0.0.1
port = {clients}
[smpp-server]
bind = 127.0.0.1
port = {server}
[smpp-server-pb]
bind = 127.0.0.1
port = {pb}
[amqp-broker]
host = 127.0.0.1
port = {amqp}
spec = {spec}
[redis-client]
host = 127.0.0.1
port = {redis}
"""
FLAGS = ("--enable-dlr-thrower", "--enable-dlr-lookup")
ORDERS = """
group -a
gid shops
ok
user -a
username {user}
password {password}
gid shops
uid {user}
ok
httpccm -a
cid hook
url {hook}
method POST
ok
smppccm -a
cid operator
host 127.0.0.1
port {smsc}
username shop
password secret
submit_throughput 100
con_fail_delay 1
ok
smppccm -1 operator
mtrouter -a
type defaultroute
connector smppc(operator)
rate 0.0
ok
morouter -a
type defaultroute
connector http(hook)
ok
"""


def missing() -> list[str]:
    """Return which programs are not installed."""
    return [program for program in PROGRAMS if shutil.which(program) is None]


@contextmanager
def running_jasmin(directory: Path, smsc_port: int, hook: str) -> Iterator[str]:
    """Run Jasmin between an SMSC and a hook, and give the address of its HTTP API."""
    names = ("jcli", "http", "router", "clients", "server", "pb", "amqp", "redis", "epmd", "dist")
    ports = {name: free_port() for name in names}
    with ExitStack() as stack:
        _brokers(stack, directory, ports)
        (spec,) = VENV.glob("lib/*/site-packages/txamqp/specs/standard/amqp0-9-1.stripped.xml")
        written = directory / "jasmin.cfg"
        written.write_text(CONFIGURATION.format(**ports, spec=spec))
        for name in ("logs", "store"):
            (directory / name).mkdir()
        environment = {
            **os.environ,
            "LOG_PATH": str(directory / "logs"),
            "STORE_PATH": str(directory / "store"),
        }
        python, program = VENV / "bin" / "python", VENV / "bin" / "jasmind.py"
        command = [str(python), str(program), "--config", str(written), *FLAGS]
        stack.enter_context(_process(command, directory / "jasmind.log", environment))
        until(lambda: _listens(ports["jcli"]) and _listens(ports["http"]), "Jasmin", SECONDS)
        orders = ORDERS.format(user=USER, password=PASSWORD, hook=hook, smsc=smsc_port)
        _order(ports["jcli"], orders.strip().splitlines())
        yield f"http://127.0.0.1:{ports['http']}"


def _brokers(stack: ExitStack, directory: Path, ports: Mapping[str, int]) -> None:
    """Start what Jasmin needs."""
    redis = ["redis-server", "--bind", "127.0.0.1", "--port", str(ports["redis"]), "--save", ""]
    stack.enter_context(
        _process([*redis, "--dir", str(directory)], directory / "redis.log", os.environ)
    )
    epmd = {**os.environ, "ERL_EPMD_ADDRESS": "127.0.0.1", "ERL_EPMD_PORT": str(ports["epmd"])}
    stack.enter_context(_process(["epmd"], directory / "epmd.log", epmd))
    until(lambda: _listens(ports["epmd"]), "epmd", SECONDS)
    rabbitmq = {
        **epmd,
        "HOME": str(directory),
        "RABBITMQ_NODENAME": "omnigate@localhost",
        "RABBITMQ_NODE_IP_ADDRESS": "127.0.0.1",
        "RABBITMQ_NODE_PORT": str(ports["amqp"]),
        "RABBITMQ_DIST_PORT": str(ports["dist"]),
        "RABBITMQ_MNESIA_BASE": str(directory / "mnesia"),
        "RABBITMQ_LOG_BASE": str(directory / "rabbitmq"),
        "RABBITMQ_PID_FILE": str(directory / "rabbitmq.pid"),
        "RABBITMQ_ENABLED_PLUGINS_FILE": str(directory / "plugins"),
        "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "-kernel inet_dist_use_interface {127,0,0,1}",
    }
    stack.enter_context(_process([RABBITMQ], directory / "rabbitmq.log", rabbitmq))
    until(lambda: _listens(ports["amqp"]), "RabbitMQ", SECONDS)


@contextmanager
def _process(command: Sequence[str], log: Path, environment: Mapping[str, str]) -> Iterator[None]:
    with log.open("wb") as file:
        running = subprocess.Popen(command, stdout=file, stderr=file, env=dict(environment))
    try:
        yield
    finally:
        running.terminate()
        try:
            running.wait(SECONDS)
        except subprocess.TimeoutExpired:
            running.kill()
            running.wait()


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def _order(port: int, lines: Sequence[str]) -> None:
    """Type lines into Jasmin's console, each once it has answered the one before."""
    with socket.create_connection(("127.0.0.1", port), SECONDS) as console:
        _until_said(console, b"\n")  # its greeting asks nothing
        for line in [*lines, "persist"]:
            console.sendall(f"{line}\r\n".encode())
            said = _until_said(console, b"jcli : ", b"> ")
            if any(word in said for word in ("Unknown", "Error", "rror:", "Failed", "Incorrect")):
                raise AssertionError(f"Jasmin says to {line!r}: {said}")


def _until_said(console: socket.socket, *ends: bytes) -> str:
    """Return what the console says until it ends so."""
    said = b""
    while not said.endswith(ends):
        octets = console.recv(4096)
        if not octets:
            raise AssertionError(f"Jasmin's console has closed after: {said!r}")
        said += octets
    return said.decode("latin-1")
