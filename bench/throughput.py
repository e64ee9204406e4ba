"""Throughput, end to end: stored, delivered and settled messages per second, beside the floor.

usage: python bench/throughput.py [--messages N] [--rounds N] [--pending N] [--floor FILE]

Each round runs the floor program (the least any durable webhook gateway must do on this stack, if its
file is given and there) and Omnigate, with the same load generator and the same receiver. The figures
are medians over the rounds; the last line is the ratio of the two. Before it stand the acknowledgement's
percentiles at half of the rate, the memory that a backlog takes, and how fast that backlog goes out.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import signal
import socket
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import NamedTuple

HERE = Path(__file__).parent
CONNECTIONS = 64
CONVERSATIONS = 2000
PATH = "/channels/app/messages"
TOKEN = "benchmark-token-0123456789"
DEADLINE_SECONDS = 300.0


def main() -> None:
    """Run the rounds and print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--messages", type=int, default=20_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--pending", type=int, default=100_000, help="the backlog; 0 for none")
    parser.add_argument("--floor", type=Path, default=None)
    options = parser.parse_args()
    print(f"all of them run by the same Python and on the same event loop: {event_loop()}")
    floors: list[Round] = []
    rounds: list[Round] = []
    for number in range(1, options.rounds + 1):
        if options.floor is not None and options.floor.exists():
            floors.append(round_of(run_floor(options.floor), "/", "floor", options.messages))
            print(f"round {number}: floor    {floors[-1]}", flush=True)
        rounds.append(round_of(run_omnigate(), PATH, "omnigate", options.messages))
        print(f"round {number}: omnigate {rounds[-1]}", flush=True)
    middle = median(rounds)
    print(f"omnigate, stored, delivered and settled: {middle}")
    at_half_rate(middle.rate / 2)
    if options.pending:
        after_outage(options.pending, middle.rate)
    if not floors:
        print("the floor program was not given: no ratio")
        return
    floor = median(floors)
    print(f"floor: {floor}")
    print(f"ratio of cpu per message {floor.cpu_seconds / middle.cpu_seconds:.3f}")
    print(f"ratio {middle.rate / floor.rate:.3f}")


def event_loop() -> str:
    """Return what the floor, the daemon, the load and the receiver run on: each takes it if it is there."""
    try:
        return f"uvloop {version('uvloop')}"
    except PackageNotFoundError:
        return "asyncio"


class Round(NamedTuple):
    """How one round went."""

    rate: float
    """Messages per second, from the first request until the last one is settled."""
    cpu_seconds: float
    """Of the gateway's process, user and system, per message."""

    def __str__(self) -> str:
        return f"{self.rate:8.0f} messages/s, cpu per message {self.cpu_seconds * 1e6:.0f} µs"


def median(rounds: Sequence[Round]) -> Round:
    """Return the median of each figure."""
    return Round(*(statistics.median(figures) for figures in zip(*rounds, strict=True)))


def round_of(program: Iterator[Running], path: str, shape: str, count: int) -> Round:
    """Load a gateway once, as fast as it answers."""
    with running(program) as subject:
        started, spent = time.perf_counter(), subject.cpu_seconds()
        answer = load(subject.port, path, shape, count, 0)
        if answer["refused"]:
            sys.exit(f"{answer['refused']:.0f} messages were refused")
        wait_until(lambda: subject.delivered() >= count)
        seconds = time.perf_counter() - started
        wait_until(lambda: subject.owed() == 0)
        return Round(count / seconds, (subject.cpu_seconds() - spent) / count)


def at_half_rate(rate: float) -> None:
    """Print acknowledgement times at half of the highest rate, and the memory it took."""
    with running(run_omnigate()) as subject:
        answer = load(subject.port, PATH, "omnigate", int(rate * 8), rate)
        print(
            f"acknowledgement at {rate:.0f} messages/s: p50 {answer['p50_ms']:.1f} ms, "
            f"p99 {answer['p99_ms']:.1f} ms"
        )
        print(f"resident memory: {subject.memory_mib():.0f} MiB at most")


def after_outage(count: int, live_rate: float) -> None:
    """Print the memory with a backlog, and how fast it goes out once the receiver is back."""
    with running(run_omnigate(receiver=False)) as subject:
        answer = load(subject.port, PATH, "omnigate", count, 0)
        if answer["refused"] or subject.owed() < count:
            sys.exit("not everything was taken in while the receiver was down")
        print(f"resident memory with {count} pending: {subject.memory_mib('VmRSS'):.0f} MiB")
        with subject.receiver():
            subject.prove_backend()
            wait_until(lambda: subject.delivered() > 0)
            started, before = time.perf_counter(), subject.delivered()
            wait_until(lambda: subject.delivered() >= count)
            rate = (count - before) / (time.perf_counter() - started)
            wait_until(lambda: subject.owed() == 0)
        print(
            f"the backlog goes out at {rate:.0f} messages/s, {rate / live_rate:.2f} of the live rate"
        )
        print(f"resident memory, outage and recovery: {subject.memory_mib():.0f} MiB at most")


class Running:
    """A gateway under load, with its receiver."""

    def __init__(self, process: subprocess.Popen[bytes], port: int, sink: int, store: Path) -> None:
        self.port = port
        self._process = process
        self._sink = sink
        self._store = store

    def delivered(self) -> int:
        """Return how many webhooks came to the receiver."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self._sink}/", timeout=10) as answer:
            return int(answer.read())

    def owed(self) -> int:
        """Return how many deliveries are not settled yet."""
        table = "outbox" if "omnigate" in self._store.name else "delivery where state<>2"
        with sqlite3.connect(f"file:{self._store}?mode=ro", uri=True) as database:
            count: int = database.execute(f"select count(*) from {table}").fetchone()[0]
        return count

    def cpu_seconds(self) -> float:
        """Return the processor time that the process has taken so far, user and system."""
        # proc(5): the name in parentheses may hold blanks, utime and stime are the 14th and 15th.
        fields = Path(f"/proc/{self._process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def memory_mib(self, figure: str = "VmHWM") -> float:
        """Return the highest resident memory so far, or with ``VmRSS`` that of now."""
        status = Path(f"/proc/{self._process.pid}/status").read_text()
        line = next(line for line in status.splitlines() if line.startswith(figure))
        return int(line.split()[1]) / 1024

    @contextmanager
    def receiver(self) -> Iterator[None]:
        """Run the receiver, which was down."""
        with ExitStack() as stack:
            spawn(stack, [str(HERE / "sink.py"), str(self._sink)])
            wait_until(lambda: answers(self._sink))
            yield

    def prove_backend(self) -> None:
        """Have the daemon see now that the receiver is back, instead of at its next probe."""
        config = self._store.with_name("omnigate.toml")
        command = [
            sys.executable,
            "-m",
            "omnigate",
            "backend",
            "test",
            "crm",
            "--config",
            str(config),
        ]
        subprocess.run(command, check=True, capture_output=True, timeout=DEADLINE_SECONDS)


@contextmanager
def running(program: Iterator[Running]) -> Iterator[Running]:
    """Start a gateway and its receiver; stop both at the end."""
    yield next(program)
    program.close()  # type: ignore[attr-defined]  # a generator


def run_floor(file: Path) -> Iterator[Running]:
    """Run the floor program."""
    with ExitStack() as stack:
        directory, sink, port = prepare(stack)
        store = directory / "floor.db"
        arguments = [str(file), str(port), f"http://127.0.0.1:{sink}/", str(store)]
        process = spawn(stack, arguments)
        wait_until(lambda: answers(port))
        yield Running(process, port, sink, store)


def run_omnigate(*, receiver: bool = True) -> Iterator[Running]:
    """Run the daemon with the generic HTTP channel and one webhook backend."""
    with ExitStack() as stack:
        directory, sink, port = prepare(stack, receiver=receiver)
        config = directory / "omnigate.toml"
        config.write_text(
            f"""
[server]
listen = "127.0.0.1:{port}"
[log]
level = "warning"
[store]
url = "sqlite:///omnigate.db"
[channels.app]
kind = "http"
token = "{TOKEN}"
[backends.crm]
kind = "webhook"
url = "http://127.0.0.1:{sink}/"
secret = "whsec_{"a2tr" * 8}"
allow_private = ["127.0.0.0/8"]
events = ["message.*"]
concurrency = {CONNECTIONS}
[[routes]]
backends = ["crm"]
"""
        )
        config.chmod(0o600)
        process = spawn(stack, ["-m", "omnigate", "run", "--config", str(config)])
        wait_until(lambda: answers(port))
        yield Running(process, port, sink, directory / "omnigate.db")


def prepare(stack: ExitStack, *, receiver: bool = True) -> tuple[Path, int, int]:
    """Return a scratch directory, the port of the receiver, and a free port."""
    directory = Path(tempfile.mkdtemp(prefix="omnigate-bench-"))
    stack.callback(shutil.rmtree, directory, ignore_errors=True)
    sink = free_port()
    if receiver:
        spawn(stack, [str(HERE / "sink.py"), str(sink)])
        wait_until(lambda: answers(sink))
    return directory, sink, free_port()


def spawn(stack: ExitStack, arguments: list[str]) -> subprocess.Popen[bytes]:
    """Start a Python process that ends with the stack."""
    process = subprocess.Popen(
        [sys.executable, *arguments], env={**os.environ, "PYTHONUNBUFFERED": "1"}
    )
    stack.callback(end, process)
    return process


def end(process: subprocess.Popen[bytes]) -> None:
    """Stop a process, kindly first."""
    process.send_signal(signal.SIGTERM)
    try:
        process.wait(timeout=30)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def load(port: int, path: str, shape: str, count: int, rate: float) -> dict[str, float]:
    """Run the load generator to its end."""
    arguments = [f"127.0.0.1:{port}", path, TOKEN, shape, count, CONNECTIONS, CONVERSATIONS, rate]
    command = [sys.executable, str(HERE / "load.py"), *map(str, arguments)]
    done = subprocess.run(command, check=True, capture_output=True, timeout=DEADLINE_SECONDS)
    answer: dict[str, float] = json.loads(done.stdout)
    return answer


def free_port() -> int:
    """Return a port that nobody listens on just now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def answers(port: int) -> bool:
    """Tell whether somebody listens on a port."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def wait_until(condition: Callable[[], bool]) -> None:
    """Wait for a condition, at most until the deadline."""
    deadline = time.monotonic() + DEADLINE_SECONDS
    while not condition():
        if time.monotonic() > deadline:
            sys.exit("gave up waiting")
        time.sleep(0.01)


if __name__ == "__main__":
    main()
