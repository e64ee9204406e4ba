"""OAuth2 access tokens of a mailbox, and how they are shown to SMTP and IMAP servers.

Getting consent and refreshing is the work of a program of the operator's own; here its tokens are read,
kept until they end and asked for anew when a server refuses one.

Source: RFC 6749 section 5.1 (answer of a token endpoint), RFC 7628 (OAUTHBEARER), "XOAUTH2 Mechanism" of
Google's IMAP documentation (all read 2026-11-22).
"""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Final

from pydantic import ValidationError

import omnigate
from omnigate_email.accounts import OAuthConfig

OUTPUT_LIMIT_BYTES: Final = 64 * 1024
MARGIN_SECONDS: Final = 60.0
"""So long before its end a token is replaced: a login and the clocks' difference take time."""

XOAUTH2_GOES_ON: Final = b""
OAUTHBEARER_GOES_ON: Final = b"\x01"
"""What ends the exchange after the server has explained its refusal (RFC 7628 section 3.2.3)."""

_TOKEN: Final = re.compile(r"[A-Za-z0-9\-._~+/]+=*")  # RFC 6750 section 2.1


class _Granted(omnigate.Payload):
    access_token: str
    expires_in: float | None = None


class TokenSource:
    """The tokens of one account; any number may ask for one at a time."""

    def __init__(self, config: OAuthConfig, clock: Callable[[], float] = time.monotonic) -> None:
        self._config = config
        self._clock = clock
        self._kept: str | None = None
        self._until = 0.0
        self._asking = asyncio.Lock()

    @property
    def file(self) -> str | None:
        """The file that something else keeps fresh; None where a program gives tokens."""
        return self._config.token_file

    async def token(self, force: bool = False, *, refused: str | None = None) -> str:
        """Return a token that is good for now.

        ``refused`` is a token that a server would not take: another one is fetched unless there is one
        already; ``force`` fetches one in any case. Raises `NotReady` when none can be had, saying what to
        do; no token and nothing that the program printed is ever told.
        """
        async with self._asking:
            spoilt = force or (refused is not None and refused == self._kept)
            if self._kept is None or spoilt or self._clock() >= self._until:
                self._kept, seconds = _understood(await self._fetched())
                lasting = self._config.lifetime_seconds if seconds is None else seconds
                # What something else keeps fresh is looked at every time.
                kept_seconds = 0.0 if self._config.token_file else lasting - MARGIN_SECONDS
                self._until = self._clock() + kept_seconds
            return self._kept

    async def _fetched(self) -> bytes:
        if self._config.token_file is not None:
            return await asyncio.to_thread(_read, Path(self._config.token_file))
        return await self._printed()

    async def _printed(self) -> bytes:
        program = self._config.token_command[0]
        try:
            process = await asyncio.create_subprocess_exec(
                *self._config.token_command,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.DEVNULL,
            )
        except (OSError, ValueError) as error:
            raise omnigate.NotReady(f"token_command {program} cannot be run: {error}") from None
        try:
            async with asyncio.timeout(self._config.command_seconds):
                printed = await _all(process.stdout)
                status = await process.wait()
        except TimeoutError:
            raise omnigate.NotReady(
                f"token_command {program} did not end within {self._config.command_seconds:g} s; does it "
                "wait for somebody to log in?"
            ) from None
        finally:
            await _ended(process)
        if status != 0:
            raise omnigate.NotReady(
                f"token_command {program} ended with status {status}; run it by hand as the daemon's user"
            )
        return printed


def xoauth2(username: str, token: str) -> bytes:
    """Return what is said for XOAUTH2, before base64. A refusal is ended with `XOAUTH2_GOES_ON`."""
    return f"user={username}\x01auth=Bearer {token}\x01\x01".encode()


def oauthbearer(username: str, token: str, host: str, port: int) -> bytes:
    """Return what is said for OAUTHBEARER, before base64. A refusal is ended with `OAUTHBEARER_GOES_ON`."""
    name = username.replace("=", "=3D").replace(",", "=2C")  # RFC 5801 section 4
    return f"n,a={name},\x01host={host}\x01port={port}\x01auth=Bearer {token}\x01\x01".encode()


def _read(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(OUTPUT_LIMIT_BYTES)
    except OSError as error:
        raise omnigate.NotReady(
            f"token_file {path} cannot be read: {error.strerror or error}"
        ) from None


def _understood(given: bytes) -> tuple[str, float | None]:
    """Return a token and for how many seconds it is good, if that is told."""
    seconds = None
    text = given.strip()
    if text.startswith(b"{"):
        try:
            granted = _Granted.model_validate_json(text)
        except ValidationError:
            raise omnigate.NotReady("the JSON of the token has no access_token") from None
        token, seconds = granted.access_token, granted.expires_in
    else:
        token = text.decode("ascii", "replace")
    if not _TOKEN.fullmatch(token):
        raise omnigate.NotReady(
            "no access token was given: expected the token alone, or JSON with access_token"
        )
    return token, seconds


async def _all(printed: asyncio.StreamReader | None) -> bytes:
    """Return what a program prints until it has no more to say, within bounds."""
    found = b""
    while printed is not None and (chunk := await printed.read(OUTPUT_LIMIT_BYTES)):
        found += chunk
        if len(found) > OUTPUT_LIMIT_BYTES:
            raise omnigate.NotReady(
                f"token_command prints more than {OUTPUT_LIMIT_BYTES} bytes; it is to print a token and "
                "nothing else"
            )
    return found


async def _ended(process: asyncio.subprocess.Process) -> None:
    """Make sure that the program is gone, also when we are cancelled."""
    if process.returncode is None:
        with suppress(ProcessLookupError):
            process.kill()
        await process.wait()
