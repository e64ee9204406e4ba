"""A real Postfix on loopback, of its own configuration: it relays, it delivers by LMTP, it bounces.

    domain              what becomes of mail to it
    shop.test           its own: every address is taken and nobody has a mailbox, so all bounces
    smtp-15001.test     goes by SMTP to port 15001 on loopback, likewise for every port of `free_port`
    lmtp-15001.test     goes by LMTP to port 15001; subdomains too

Postfix starts as root and gives that up by itself: without root (and without sudo) nothing can be run.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import smtplib
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from tempfile import mkdtemp

import pytest

from tests.ports import BLOCKS, EACH, FIRST, free_port

PROGRAM = "/usr/sbin/postfix"
OWN_DOMAIN = "shop.test"
START_SECONDS = 60.0

MAIN = """\
compatibility_level = 3.6
queue_directory = {home}/queue
data_directory = {home}/data
command_directory = /usr/sbin
daemon_directory = /usr/lib/postfix/sbin
mail_owner = postfix
setgid_group = postdrop
maillog_file = {home}/log/mail.log
maillog_file_prefixes = {home}/log
myhostname = mx.{domain}
mydomain = {domain}
myorigin = {domain}
mydestination =
virtual_mailbox_domains = {domain}
virtual_mailbox_base = {home}/mailboxes
virtual_mailbox_maps = texthash:{home}/etc/mailboxes
smtpd_reject_unlisted_recipient = no
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
mynetworks = 127.0.0.0/8
smtp_dns_support_level = disabled
lmtp_dns_support_level = disabled
smtp_host_lookup = native
lmtp_host_lookup = native
default_transport = error:no way out of the test
transport_maps = texthash:{home}/etc/transport
local_recipient_maps =
alias_maps =
alias_database =
recipient_delimiter = +
message_size_limit = 40000000
mailbox_size_limit = 0
smtpd_tls_security_level = none
smtp_tls_security_level = none
smtpd_relay_restrictions = permit_mynetworks, reject
queue_run_delay = 1s
minimal_backoff_time = 1s
maximal_backoff_time = 2s
"""

MASTER = """\
127.0.0.1:{port} inet n - n - - smtpd
127.0.0.1:{ascii} inet n - n - - smtpd -o smtputf8_enable=no
127.0.0.1:{submission} inet n - n - - smtpd -o smtpd_sasl_auth_enable=yes -o smtpd_sasl_type=dovecot
  -o smtpd_sasl_path=inet:127.0.0.1:{sasl} -o smtpd_relay_restrictions=permit_sasl_authenticated,reject
pickup unix n - n 60 1 pickup
cleanup unix n - n - 0 cleanup
qmgr unix n - n 1 1 qmgr
tlsmgr unix - - n 1000? 1 tlsmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
verify unix - - n - 1 verify
flush unix n - n 1000? 0 flush
proxymap unix - - n - - proxymap
proxywrite unix - - n - 1 proxymap
smtp unix - - n - - smtp
relay unix - - n - - smtp
showq unix n - n - - showq
error unix - - n - - error
retry unix - - n - - error
discard unix - - n - - discard
local unix - n n - - local
virtual unix - n n - - virtual
lmtp unix - - n - - lmtp
anvil unix - - n - 1 anvil
scache unix - - n - 1 scache
postlog unix-dgram n - n - 1 postlogd
"""


class Postfix:
    """A Postfix that runs; ``port`` takes mail on loopback, without login or TLS.

    ``ascii_port`` takes it too and offers no SMTPUTF8. ``submission_port`` takes it after a login, and asks
    about that what listens on ``sasl_port``: a `Dovecot` that a test starts there.
    """

    domain = OWN_DOMAIN

    def __init__(self, home: Path, as_root: Sequence[str]) -> None:
        self._home = home
        self._as_root = as_root
        self.port, self.ascii_port = free_port(), free_port()
        self.submission_port, self.sasl_port = free_port(), free_port()

    def start(self) -> None:
        """Start and wait until it takes mail."""
        for name in ("etc", "log"):
            (self._home / name).mkdir()
        given = {
            "home": self._home,
            "domain": self.domain,
            "port": self.port,
            "ascii": self.ascii_port,
            "submission": self.submission_port,
            "sasl": self.sasl_port,
        }
        (self._home / "etc/main.cf").write_text(MAIN.format(**given))
        (self._home / "etc/master.cf").write_text(MASTER.format(**given))
        (self._home / "etc/transport").write_text(ways_out())
        (self._home / "etc/mailboxes").write_text("")
        self._run("chown", "-R", "root:root", str(self._home / "etc"))
        self._run("install", "-d", "-m", "755", "-o", "root", str(self._home / "queue"))
        self._run("install", "-d", "-m", "700", "-o", "postfix", str(self._home / "data"))
        self._postfix("start")
        wait_until(self._greets, "Postfix takes mail", explain=self.log)

    def log(self) -> str:
        """Return what it has logged."""
        with suppress(OSError):
            return (self._home / "log/mail.log").read_text("utf-8", "replace")
        return "no log"

    def queued(self) -> int:
        """Return how many mails wait in its queues."""
        found = self._run("postqueue", "-c", str(self._home / "etc"), "-j")
        return len(found.splitlines())

    async def wait_until_empty(self) -> None:
        """Return once everything it took is delivered, bounced or dropped."""
        await asyncio.to_thread(
            wait_until, lambda: self.queued() == 0, "the queue is empty", explain=self.log
        )

    def _postfix(self, command: str) -> None:
        self._run(PROGRAM, "-c", str(self._home / "etc"), command)

    def _run(self, *command: str) -> str:
        done = subprocess.run(
            [*self._as_root, *command],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=START_SECONDS,
            check=False,
        )
        assert done.returncode == 0, f"{command}: {done.stdout}{done.stderr}{self.log()[-2000:]}"
        return done.stdout

    def _greets(self) -> bool:
        try:
            with smtplib.SMTP("127.0.0.1", self.port, timeout=5):
                return True
        except OSError:
            return False


def ways_out() -> str:
    """Return where mail goes, for all ports: a table that changed would have to be read again."""
    return "".join(
        f"{dot}{protocol}-{port}.test {protocol}:[127.0.0.1]:{port}\n"
        for port in range(FIRST, FIRST + EACH * BLOCKS)
        for protocol in ("smtp", "lmtp")
        for dot in ("", ".")
    )


def wait_until(
    holds: Callable[[], object],
    what: str,
    *,
    seconds: float = START_SECONDS,
    explain: Callable[[], str] = str,
) -> None:
    """Wait for a condition; fails with what was waited for."""
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, (
            f"{what}: not within {seconds:.0f} s\n{explain()[-3000:]}"
        )
        time.sleep(0.05)


@pytest.fixture(scope="session")
def postfix() -> Iterator[Postfix]:
    """A Postfix for the whole session."""
    if shutil.which(PROGRAM) is None:
        pytest.skip("not run: postfix is not installed; make system installs it")
    as_root = [] if os.geteuid() == 0 else ["sudo", "-n"]
    if as_root and subprocess.run([*as_root, "true"], capture_output=True, check=False).returncode:
        pytest.skip("not run: Postfix starts as root only")
    # Not below pytest's own directory: that is closed to the users whom Postfix works as.
    home = Path(mkdtemp(prefix="omnigate-postfix-"))
    home.chmod(0o755)
    server = Postfix(home, as_root)
    try:
        server.start()
        yield server
    finally:
        subprocess.run(
            [*as_root, PROGRAM, "-c", str(home / "etc"), "stop"], capture_output=True, check=False
        )
        subprocess.run([*as_root, "rm", "-rf", str(home)], check=True)
