"""Mailboxes that are entered by access tokens: a Dovecot asks the provider about each of them."""

from __future__ import annotations

import itertools
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from omnigate_email.imap.mailbox import Mailbox
from omnigate_email.imap.pauses import Threads
from omnigate_email.imap.session import Session

import omnigate
from omnigate.testing import FakeHost, MemoryStore
from tests.plugins.email.dovecot import Dovecot
from tests.plugins.email.imap.conftest import Reading
from tests.plugins.email.imap.servers import Wire
from tests.plugins.email.tokens import TokenServer, token_server

pytestmark = pytest.mark.anyio
_users = itertools.count(1)


@pytest.fixture(scope="module")
def tokens() -> Iterator[TokenServer]:
    with token_server() as server:
        yield server


@pytest.fixture(scope="module")
def server(tokens: TokenServer) -> Iterator[Dovecot]:
    with Dovecot(tokens_url=tokens.url) as one:
        yield one


@pytest.fixture
def box(server: Dovecot) -> Reading:
    """Give the mailbox of a user nobody had before."""
    return Reading(server, f"holder{next(_users)}", MemoryStore())


@pytest.fixture
async def wire(box: Reading) -> AsyncIterator[Wire]:
    async with Wire(box.server.imap_port) as one:
        yield one


async def break_off(box: Reading, wire: Wire, number: int, text: str) -> None:
    """Have a mail come with the news of which the connection ends, and be read on the next one."""
    wire.cut_after_bytes = 0
    box.write(text)
    await box.until(lambda: wire.connections > number, "it connects again")


@pytest.mark.parametrize("mechanism", ["xoauth2", "oauthbearer"])
async def test_a_token_that_ends_meanwhile_is_replaced_by_the_command(
    box: Reading, tokens: TokenServer, wire: Wire, mechanism: str
) -> None:
    oauth = {"mechanism": mechanism, "token_command": tokens.command(box.user)}
    async with box.reading(port=wire.port, oauth=oauth):
        await box.up()
        box.write("one")
        await box.has("one")
        (first,) = tokens.given[box.user]
        tokens.end(first)
        await break_off(box, wire, 1, "two")
        await box.has("one", "two")
    second = f"{box.user}-2"
    assert tokens.given[box.user] == [first, second]
    assert tokens.judgements(box.user) == [(first, True), (first, False), (second, True)]
    assert len(box.taken) == 2


async def test_a_token_that_ends_meanwhile_is_read_anew_from_its_file(
    box: Reading, tokens: TokenServer, wire: Wire, tmp_path: Path
) -> None:
    oauth = {"token_file": str(tokens.file(tmp_path, box.user))}
    async with box.reading(port=wire.port, oauth=oauth):
        await box.up()
        box.write("one")
        await box.has("one")
        (first,) = tokens.given[box.user]
        tokens.end(first)
        await break_off(box, wire, 1, "two")
        await box.until(lambda: wire.connections > 3, "it connects again, and again")
        assert box.state.startswith("down")
        assert "is what renews it at work?" in box.state
        assert first not in box.state
        # Late, but not too late.
        tokens.file(tmp_path, box.user)
        await box.has("one", "two")
    assert tokens.judgements(box.user) == [(first, True), (first, False), (f"{box.user}-2", True)]
    assert len(box.taken) == 2


async def test_a_token_that_is_shown_again_although_it_was_refused_is_found(
    box: Reading,
    tokens: TokenServer,
    wire: Wire,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The sabotage twin: whoever forgets what was refused tries it on each connection."""

    async def shows(self: Mailbox, session: Session, token: str, threads: Threads) -> None:
        await threads.call(session.log_in, token)

    monkeypatch.setattr(Mailbox, "_show", shows)
    with pytest.raises(AssertionError):
        await test_a_token_that_ends_meanwhile_is_read_anew_from_its_file(
            box, tokens, wire, tmp_path
        )
    assert tokens.judgements(box.user).count((f"{box.user}-1", False)) > 1


@pytest.mark.parametrize("mechanism", ["xoauth2", "oauthbearer"])
async def test_a_token_that_nobody_has_given_is_refused_and_not_told(
    box: Reading, tokens: TokenServer, mechanism: str
) -> None:
    token = f"{box.user}-made-up"
    oauth = {"mechanism": mechanism, "token_command": [sys.executable, "-c", f"print({token!r})"]}
    async with box.reading(oauth=oauth) as task:
        await box.until(task.done, "the token is refused")
        error = task.exception()
    assert isinstance(error, omnigate.CredentialsRejected)
    assert f"refuses the access token of {box.user}" in str(error)
    assert "Give consent anew, then reload" in str(error)
    assert "made-up" not in str(error)
    assert tokens.judgements(box.user) == [(token, False)]


async def test_a_token_of_somebody_else_is_refused(
    box: Reading, tokens: TokenServer, tmp_path: Path
) -> None:
    oauth = {"mechanism": "oauthbearer", "token_file": str(tokens.file(tmp_path, "somebody"))}
    health = await Mailbox(box.config(oauth=oauth), FakeHost()).check()
    assert health.state == "down"
    assert f"refuses the access token of {box.user}" in health.message


async def test_while_the_provider_cannot_tell_it_is_tried_again(
    box: Reading, tokens: TokenServer, tmp_path: Path
) -> None:
    """What a server cannot look up is no refusal: the mailbox is read on once it can."""
    oauth = {"mechanism": "oauthbearer", "token_file": str(tokens.file(tmp_path, box.user))}
    box.write("waits")
    tokens.is_broken = True
    try:
        async with box.reading(oauth=oauth, since="all"):
            await box.until(lambda: box.state.startswith("down"), "the trouble is told")
            assert "refuses" not in box.state
            tokens.is_broken = False
            await box.has("waits")
    finally:
        tokens.is_broken = False
