"""Where tokens come from, how long they are kept, and that nothing of them is ever told."""

from __future__ import annotations

import asyncio
import os
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from omnigate_email.accounts import OAuthConfig
from omnigate_email.oauth import TokenSource, oauthbearer, xoauth2

import omnigate

pytestmark = pytest.mark.anyio


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


def printing(program: str, **given: Any) -> OAuthConfig:
    return OAuthConfig.model_validate({"token_command": [sys.executable, "-c", program], **given})


def counting(tmp_path: Path, said: str = "'token-%d' % count") -> str:
    """Return a program that prints another token each time."""
    return (
        f"file = open({str(tmp_path / 'calls')!r}, 'a+'); file.write('x'); file.seek(0); "
        f"count = len(file.read()); print({said})"
    )


async def test_a_printed_token_is_used_until_shortly_before_its_end(tmp_path: Path) -> None:
    clock = Clock()
    said = '\'{"access_token": "token-%d", "expires_in": 3600}\' % count'
    source = TokenSource(printing(counting(tmp_path, said)), clock)
    assert await source.token() == "token-1"
    clock.now += 3539
    assert await source.token() == "token-1"
    clock.now += 2
    assert await source.token() == "token-2"


async def test_a_token_that_does_not_say_when_it_ends_is_used_as_long_as_configured(
    tmp_path: Path,
) -> None:
    clock = Clock()
    source = TokenSource(printing(counting(tmp_path), lifetime_seconds=300), clock)
    assert await source.token() == "token-1"
    clock.now += 239
    assert await source.token() == "token-1"
    clock.now += 2
    assert await source.token() == "token-2"


async def test_a_refused_token_is_replaced_once_however_many_were_refused(tmp_path: Path) -> None:
    source = TokenSource(printing(counting(tmp_path)))
    assert await source.token() == "token-1"
    fresh = await asyncio.gather(*(source.token(refused="token-1") for _ in range(5)))
    assert fresh == ["token-2"] * 5
    assert await source.token(force=True) == "token-3"


async def test_a_file_is_read_every_time(tmp_path: Path) -> None:
    path = tmp_path / "token"
    source = TokenSource(OAuthConfig(token_file=str(path)))
    path.write_text("first.token\n")
    assert await source.token() == "first.token"
    path.write_text('{"access_token": "second.token", "expires_in": 3599, "scope": "mail"}')
    assert await source.token() == "second.token"


@pytest.mark.parametrize(
    ("program", "told"),
    [
        ("print('canary', end=''); raise SystemExit(3)", "ended with status 3"),
        ("pass", "no access token was given"),
        ("print('canary canary')", "no access token was given"),
        ('print(\'{"error": "canary"}\')', "has no access_token"),
        ("print('canary' * 20000)", "more than 65536 bytes"),
        ("import time; print('canary', flush=True); time.sleep(60)", "did not end within 0.5 s"),
    ],
)
async def test_a_program_that_gives_no_token_is_said_so(program: str, told: str) -> None:
    seconds = 0.5 if "sleep" in program else 20.0
    source = TokenSource(printing(program, command_seconds=seconds))
    with pytest.raises(omnigate.NotReady, match=told) as error:
        await source.token()
    assert "canary" not in str(error.value)


async def test_what_is_not_there_is_said_so(tmp_path: Path) -> None:
    with pytest.raises(omnigate.NotReady, match="cannot be read: No such file"):
        await TokenSource(OAuthConfig(token_file=str(tmp_path / "none"))).token()
    with pytest.raises(omnigate.NotReady, match="cannot be run"):
        await TokenSource(OAuthConfig(token_command=[str(tmp_path / "none")])).token()


async def test_whoever_is_cancelled_leaves_no_program_behind(tmp_path: Path) -> None:
    begun = tmp_path / "begun"
    program = f"import os, time; open({str(begun)!r}, 'w').write(str(os.getpid())); time.sleep(600)"
    task = asyncio.create_task(TokenSource(printing(program)).token())
    deadline = time.monotonic() + 20
    while not (begun.exists() and begun.read_text()):
        assert time.monotonic() < deadline, "the program has not begun"
        await asyncio.sleep(0.02)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    with pytest.raises(ProcessLookupError):
        os.kill(int(begun.read_text()), 0)


async def test_tokens_are_shown_as_the_mechanisms_want_it() -> None:
    assert xoauth2("a@b.test", "t") == b"user=a@b.test\x01auth=Bearer t\x01\x01"
    # The example of RFC 7628 section 4.1, without its own escaping of the user's name.
    assert oauthbearer(
        "user@example.com", "vF9dft4qmTc2Nvb3RlckBhbHRhdmlzdGEuY29tCg==", "server.example.com", 143
    ) == (
        b"n,a=user@example.com,\x01host=server.example.com\x01port=143\x01"
        b"auth=Bearer vF9dft4qmTc2Nvb3RlckBhbHRhdmlzdGEuY29tCg==\x01\x01"
    )
    assert oauthbearer("a=b,c", "t", "h", 1).startswith(b"n,a=a=3Db=2Cc,\x01")


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"token_file": "a", "token_command": ["b"]},
        {"token_command": [""]},
        {"token_file": "a", "secret": "b"},
    ],
)
async def test_tokens_come_from_one_place(given: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="OAuthConfig"):
        OAuthConfig.model_validate(given)
