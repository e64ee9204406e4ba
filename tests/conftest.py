"""Rules for the whole suite: nothing leaves the machine, and with CI=true nothing is left out."""

from __future__ import annotations

import gc
import os
import shutil
import signal
import sys
from collections.abc import Generator
from ipaddress import ip_address
from typing import Any

import pytest

pytest_plugins = ["tests.browser"]

CHROMIUM = "/usr/bin/chromium"
NOT_RUN_IS_A_FAILURE = os.environ.get("CI", "").lower() == "true"


def pytest_configure() -> None:
    """Refuse connections to anything but this machine, and have the processes of tests start sooner."""
    sys.addaudithook(_refuse_strangers)
    # What a shell starts in the background does not hear Ctrl-C, nor does what that starts.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    # A daemon that has to compile itself takes a quarter longer to start, and hundreds are started.
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    """Run coroutines on the standard library's loop, where a test does not say another."""
    return "asyncio"


def pytest_collection_finish() -> None:
    """Leave what was collected out of every collection of garbage."""
    gc.collect()
    gc.freeze()


def _refuse_strangers(event: str, arguments: tuple[Any, ...]) -> None:
    if event == "socket.connect" and not _is_here(arguments[1]):
        raise PermissionError(f"a test reaches out to {arguments[1]}: only loopback is allowed")


def _is_here(address: Any) -> bool:
    if not isinstance(address, tuple):
        return True  # a Unix socket
    host = address[0]
    try:
        return ip_address(host.partition("%")[0]).is_loopback
    except ValueError:
        return host in ("", "localhost")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Leave out what needs a browser where there is none."""
    if shutil.which(CHROMIUM) is not None:
        return
    missing = pytest.mark.skip(reason=f"not run: {CHROMIUM} is not installed")
    for item in items:
        if "browser" in getattr(item, "fixturenames", ()):
            item.add_marker(missing)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Make what was not run a failure where everything has to run."""
    report = yield
    if NOT_RUN_IS_A_FAILURE and report.skipped and not hasattr(report, "wasxfail"):
        report.outcome = "failed"
        report.longrepr = f"with CI=true everything has to run: {report.longrepr}"
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report() -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    """Make a module that was not collected a failure where everything has to run."""
    report = yield
    if NOT_RUN_IS_A_FAILURE and report.skipped:
        report.outcome = "failed"
        report.longrepr = f"with CI=true everything has to run: {report.longrepr}"
    return report
