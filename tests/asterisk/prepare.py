"""A Debian of its own with an Asterisk in it, made once by debootstrap and kept.

Source: debootstrap(8) 1.0.128, apt-get(8) 2.6 "indextargets" (read 2026-11-22).
"""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

SUITES = ("bullseye", "sid")
"""Asterisk 16 and 22: Debian 12 and 13 have none."""
FOLDER = Path(os.environ.get("ASTERISK_FOLDER", "/var/cache/omnigate-asterisk"))
READY = "omnigate-ready"
# Debian 11 is no longer signed anew, and a mirror may be behind: signatures count, their age does not.
APT = ("apt-get", "--quiet=2", "-o", "Acquire::Check-Valid-Until=false")
MINUTES = 20


class CannotPrepare(Exception):
    """There is no Asterisk to be had here; says what to do."""


def prepared(suite: str) -> Path:
    """Return the folder of a Debian that has an Asterisk; made on first use, which takes minutes."""
    if os.geteuid() != 0:
        raise CannotPrepare("An Asterisk is set up by debootstrap and chroot: run this as root.")
    for program in ("debootstrap", "sipp"):
        if shutil.which(program) is None:
            raise CannotPrepare(f"{program} was not found. Install debootstrap and sip-tester.")
    FOLDER.mkdir(parents=True, exist_ok=True)
    root = FOLDER / suite
    with _alone(FOLDER / f"{suite}.lock"):
        if not (root / READY).exists():
            _make(suite, root)
    return root


def _make(suite: str, root: Path) -> None:
    shutil.rmtree(root, ignore_errors=True)
    print(f"setting up Asterisk of Debian {suite} in {root}", file=sys.stderr, flush=True)
    _run("debootstrap", "--variant=minbase", suite, str(root), _mirror())
    policy = root / "usr/sbin/policy-rc.d"  # nothing is started by being installed
    policy.write_text("#!/bin/sh\nexit 101\n")
    policy.chmod(0o755)
    for name in ("resolv.conf", "hosts"):
        (root / "etc" / name).write_bytes(Path("/etc", name).read_bytes())
    inside = ("chroot", str(root), "env", "DEBIAN_FRONTEND=noninteractive")
    _run(*inside, *APT, "update")
    _run(*inside, *APT, "install", "--yes", "--no-install-recommends", "asterisk")
    _run(*inside, "apt-get", "clean")
    (root / "etc/resolv.conf").unlink()  # so that the Asterisk knows nobody whom to ask for names
    (root / READY).touch()


def _mirror() -> str:
    """Return where this machine's apt has Debian from."""
    form = "$(REPO_URI) $(LABEL) $(COMPONENT)"
    listed = subprocess.run(
        ["apt-get", "indextargets", "--format", form, "Created-By: Packages"],
        capture_output=True,
        text=True,
        check=False,
    )
    for line in listed.stdout.splitlines():
        uri, _, rest = line.partition(" ")
        if rest == "Debian main":
            return uri
    raise CannotPrepare("apt knows no Debian here. Run apt-get update, or do this on a Debian.")


def _run(*command: str) -> None:
    done = subprocess.run(
        command,
        env=os.environ | _proxy(),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=MINUTES * 60,
        check=False,
    )
    if done.returncode != 0:
        raise CannotPrepare(f"{' '.join(command)} failed:\n{done.stdout[-2000:]}")


def _proxy() -> dict[str, str]:
    """Return the proxy of this machine's apt, for programs that read it from the environment."""
    asked = ["apt-config", "shell", "PROXY", "Acquire::http::Proxy"]
    said = subprocess.run(asked, capture_output=True, text=True, check=False).stdout.strip()
    value = said.removeprefix("PROXY='").removesuffix("'")
    return {"http_proxy": value} if value else {}


@contextmanager
def _alone(path: Path) -> Iterator[None]:
    with path.open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        yield


if __name__ == "__main__":
    try:
        for suite in sys.argv[1:] or SUITES:
            print(prepared(suite))
    except CannotPrepare as error:
        sys.exit(str(error))
