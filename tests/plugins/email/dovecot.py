"""A real Dovecot on loopback, out of a folder of its own: IMAP, IMAP over TLS, and LMTP.

Mails are numbered as they are delivered (sdbox; a Maildir is numbered by file name, when somebody looks).
Everybody has a mailbox: any user name with the password `PASSWORD`. With OAuth2, any user with a token of
`Dovecot.token`, or one of `tests.plugins.email.tokens` where that is asked. Works as root and as anybody
else. Its version on Debian 12 is 2.3.19.

Source: Dovecot 2.3 manual, "Settings", "Static Password Database", "OAuth2", read 2026-11-22.
"""

from __future__ import annotations

import base64
import grp
import hashlib
import hmac
import imaplib
import json
import os
import pwd
import shutil
import signal
import smtplib
import socket
import ssl
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import Final, Self

import pytest

from tests.ports import free_port

PASSWORD: Final = "correct-horse"
_KEY: Final = b"a key that only the tests and this server know"
_SECONDS: Final = 30.0

_CONFIG: Final = """
base_dir = {base}/run
state_dir = {base}/state
log_path = {base}/log
info_log_path = {base}/log
protocols = imap lmtp
listen = 127.0.0.1
default_internal_user = {user}
default_login_user = {user}
default_internal_group = {group}
first_valid_uid = 1
instance_name = omnigate-test-{imap}
ssl = yes
ssl_cert = <{base}/server.pem
ssl_key = <{base}/server.key
disable_plaintext_auth = no
auth_mechanisms = plain login xoauth2 oauthbearer
auth_failure_delay = 0
auth_username_format = %Ln
recipient_delimiter = +
lmtp_save_to_detail_mailbox = no
lda_mailbox_autocreate = yes
mail_location = sdbox:{base}/mail/%n
mail_uid = {mail_uid}
mail_gid = {mail_gid}
mail_max_userip_connections = 100
mailbox_idle_check_interval = 5 secs
imap_idle_notify_interval = 2 mins
passdb {{
  driver = oauth2
  mechanisms = xoauth2
  args = {base}/xoauth2.conf
}}
passdb {{
  driver = oauth2
  mechanisms = oauthbearer
  args = {base}/oauthbearer.conf
}}
passdb {{
  driver = static
  mechanisms = plain login
  args = password={password}
}}
userdb {{
  driver = static
  args = uid={mail_uid} gid={mail_gid} home={base}/mail/%n.home allow_all_users=yes
}}
service imap-login {{
  chroot =
  inet_listener imap {{
    port = {imap}
  }}
  inet_listener imaps {{
    port = {imaps}
    ssl = yes
  }}
}}
service lmtp {{
  inet_listener lmtp {{
    port = {lmtp}
  }}
}}
service auth {{
  inet_listener sasl {{
    port = {sasl}
  }}
}}
service anvil {{
  chroot =
  unix_listener anvil-auth-penalty {{
    mode = 0
  }}
}}
service stats {{
  chroot =
}}
protocol imap {{
  imap_logout_format = in=%i out=%o
}}
imap_capability = {capability}
protocol lmtp {{
  postmaster_address = postmaster@omnigate.test
}}
"""


class Dovecot:
    """One server; a context manager that starts and ends it."""

    def __init__(self, *, capability: str = "", tokens_url: str = "", sasl_port: int = 0) -> None:
        """Offer no more than a ``capability``, if it is given, such as ``IMAP4rev1 UIDPLUS``.

        With ``tokens_url`` a server there is asked about access tokens: for XOAUTH2 as Google's tokeninfo
        is, for OAUTHBEARER by introspection (RFC 7662). At ``sasl_port`` it judges logins to other servers.
        """
        self.capability = capability
        self._tokens_url, self._sasl_port = tokens_url, sasl_port
        # Its sockets lie below, and the path of a socket has at most 107 characters.
        self.base = Path(tempfile.mkdtemp(prefix="dovecot."))
        self.imap_port, self.imaps_port, self.lmtp_port = free_port(), free_port(), free_port()
        self.ca_file = str(self.base / "ca.pem")
        self._process: subprocess.Popen[bytes] | None = None
        self._arrange()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        tb: TracebackType | None,
    ) -> None:
        self.stop()
        shutil.rmtree(self.base, ignore_errors=True)

    def start(self) -> None:
        """Start and return once every port answers."""
        self._process = subprocess.Popen(
            ["/usr/sbin/dovecot", "-F", "-c", str(self.base / "dovecot.conf")],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        for port in (self.imap_port, self.imaps_port, self.lmtp_port):
            self._wait_for(port)

    def stop(self) -> None:
        """End the server and all its connections."""
        if self._process is not None:
            self._process.send_signal(signal.SIGTERM)
            self._process.wait(_SECONDS)
            with suppress(
                ProcessLookupError
            ):  # those that serve a connection outlive it for a while
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process = None

    def restart(self) -> None:
        """Start anew, on the same ports, with the same mailboxes."""
        self.stop()
        self.start()

    def deliver(self, recipient: str, mail: bytes, *, sender: str = "anna@example.test") -> None:
        """Hand a mail over by LMTP; it is in the mailbox on return."""
        with smtplib.LMTP("127.0.0.1", self.lmtp_port) as lmtp:
            lmtp.sendmail(sender, [recipient], mail)

    @contextmanager
    def client(self, user: str) -> Iterator[imaplib.IMAP4]:
        """Give a plain IMAP client that is logged in: somebody else at the mailbox."""
        with imaplib.IMAP4("127.0.0.1", self.imap_port, timeout=_SECONDS) as client:
            client.login(user, PASSWORD)
            yield client

    def create_folder(self, user: str, folder: str) -> None:
        """Create a folder; its name is ASCII without quotes."""
        self._manage(user, "create", folder)

    def delete_folder(self, user: str, folder: str) -> None:
        """Delete a folder and all in it."""
        self._manage(user, "delete", folder)

    def recreate_folder(self, user: str, folder: str) -> None:
        """Delete a folder and create it anew: its UIDVALIDITY is another then."""
        with self.client(user) as client:
            before = _uidvalidity(client, folder)
        self.delete_folder(user, folder)
        deadline = time.monotonic() + _SECONDS
        while True:  # it is made of the time in seconds
            self.create_folder(user, folder)
            with self.client(user) as client:
                if _uidvalidity(client, folder) != before:
                    return
            assert time.monotonic() < deadline, "UIDVALIDITY stays the same"
            self.delete_folder(user, folder)

    def token(self, user: str, *, valid_seconds: float = 3600.0) -> str:
        """Return an OAuth2 access token that is good for a user: a JWT with HS256 (RFC 7519)."""
        now = int(time.time())
        claims = {"email": user, "sub": user, "iat": now, "exp": int(now + valid_seconds)}
        head = _segment({"alg": "HS256", "typ": "JWT"})
        signed = f"{head}.{_segment(claims)}"
        signature = hmac.digest(_KEY, signed.encode(), hashlib.sha256)
        return f"{signed}.{base64.urlsafe_b64encode(signature).rstrip(b'=').decode()}"

    def log(self) -> str:
        """Return what it logged, for whoever looks into a failure."""
        return (self.base / "log").read_text(errors="replace")

    def logins(self, user: str) -> int:
        """Return how many connections tried to log in as a user, well or not."""
        return sum(
            f"user=<{user}>" in line for line in self.log().splitlines() if "-login: " in line
        )

    def _manage(self, user: str, command: str, folder: str) -> None:
        with self.client(user) as client:
            status, told = getattr(client, command)(f'"{folder}"')
            assert status == "OK", told

    def _wait_for(self, port: int) -> None:
        deadline = time.monotonic() + _SECONDS
        while time.monotonic() < deadline:
            assert self._process is not None
            assert self._process.poll() is None, f"Dovecot does not start: {self.log()}"
            try:
                with socket.create_connection(("127.0.0.1", port), timeout=_SECONDS) as one:
                    if port == self.imaps_port or one.recv(1):
                        return
            except OSError:
                time.sleep(0.05)  # it opens its ports when it has read its configuration
        raise AssertionError(f"Dovecot does not answer on {port}: {self.log()}")

    def _arrange(self) -> None:
        root = os.geteuid() == 0
        owner = pwd.getpwnam("mail") if root else pwd.getpwuid(os.geteuid())
        user = "dovecot" if root else owner.pw_name
        for name in ("run", "state", "mail", "keys/default/HS256"):
            (self.base / name).mkdir(parents=True)
        certificate(self.base)
        key = base64.b64encode(_KEY).decode()
        (self.base / "keys/default/HS256/default").write_text(key)
        asked = {"xoauth2": f"tokeninfo_url = {self._tokens_url}/tokeninfo?access_token=\n"}
        asked["oauthbearer"] = (
            f"introspection_url = {self._tokens_url}/introspect\nintrospection_mode = post\n"
            "active_attribute = active\nactive_value = true\n"
        )
        itself = (
            "introspection_mode = local\n"
            f"local_validation_key_dict = fs:posix:prefix={self.base}/keys/\n"
        )
        for mechanism, questions in asked.items():
            (self.base / f"{mechanism}.conf").write_text(
                f"{questions if self._tokens_url else itself}"
                "username_attribute = email\nusername_format = %Ln\n"
            )
        (self.base / "dovecot.conf").write_text(
            _CONFIG.format(
                base=self.base,
                user=user,
                group=_group_of(user),
                mail_uid=owner.pw_uid,
                mail_gid=owner.pw_gid,
                password=PASSWORD,
                imap=self.imap_port,
                imaps=self.imaps_port,
                lmtp=self.lmtp_port,
                sasl=self._sasl_port,
                capability=self.capability,
            )
        )
        if root:
            self.base.chmod(0o755)
            os.chown(self.base / "mail", owner.pw_uid, owner.pw_gid)


def certificate(folder: Path) -> None:
    """Make ``ca.pem``, and ``server.pem`` with ``server.key`` for localhost and 127.0.0.1."""
    ca = ["-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "7"]
    _openssl(folder, "req", *ca, "-subj", "/CN=test CA", "-keyout", "ca.key", "-out", "ca.pem")
    new = [
        "-newkey",
        "ec",
        "-pkeyopt",
        "ec_paramgen_curve:P-256",
        "-nodes",
        "-subj",
        "/CN=localhost",
    ]
    _openssl(folder, "req", *new, "-keyout", "server.key", "-out", "server.csr")
    (folder / "names").write_text("subjectAltName=DNS:localhost,IP:127.0.0.1\n")
    signed = ["-req", "-in", "server.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial"]
    more = ["-days", "7", "-extfile", "names", "-out", "server.pem"]
    _openssl(folder, "x509", *signed, *more)
    ssl.create_default_context(cafile=str(folder / "ca.pem"))


def _openssl(folder: Path, *arguments: str) -> None:
    done = subprocess.run(["openssl", *arguments], cwd=folder, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode()


def _segment(claims: dict[str, object]) -> str:
    packed = json.dumps(claims, separators=(",", ":")).encode()
    return base64.urlsafe_b64encode(packed).rstrip(b"=").decode()


def _group_of(user: str) -> str:

    return grp.getgrgid(pwd.getpwnam(user).pw_gid).gr_name


def _uidvalidity(client: imaplib.IMAP4, folder: str) -> int:
    status, told = client.status(f'"{folder}"', "(UIDVALIDITY)")
    assert status == "OK", told
    line = told[0]
    assert isinstance(line, bytes)
    return int(line.rsplit(b" ", 1)[1].rstrip(b")"))


@pytest.fixture(scope="session")
def dovecot() -> Iterator[Dovecot]:
    """Give the one server of the session; each test takes a user name of its own."""
    with Dovecot() as server:
        yield server
