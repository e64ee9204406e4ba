"""Mails handed over by access token: a Postfix asks a Dovecot, which asks the provider about each token."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from omnigate_email.accounts import SmtpConfig
from omnigate_email.mail import Mailbox
from omnigate_email.smtp.submission import Submission

import omnigate
from omnigate.testing import FakeHost
from tests.plugins.email.dovecot import Dovecot
from tests.plugins.email.postfix import Postfix
from tests.plugins.email.sending.letters import composed
from tests.plugins.email.sink import Sink, sink
from tests.plugins.email.tokens import TokenServer, token_server

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.parametrize("mechanism", ["xoauth2", "oauthbearer"]),
    pytest.mark.usefixtures("server"),
]
USER = "support"


@pytest.fixture(scope="module")
def tokens() -> Iterator[TokenServer]:
    with token_server() as server:
        yield server


@pytest.fixture(scope="module")
def server(tokens: TokenServer, postfix: Postfix) -> Iterator[Dovecot]:
    """Give who judges logins for the Postfix."""
    with Dovecot(tokens_url=tokens.url, sasl_port=postfix.sasl_port) as one:
        yield one


@asynccontextmanager
async def submission(postfix: Postfix, mechanism: str, **oauth: Any) -> AsyncIterator[Submission]:
    """Give a way out that keeps no connection: each mail is a login."""
    given = {"host": "127.0.0.1", "port": postfix.submission_port, "tls": "none", "username": USER}
    given |= {"idle_seconds": 0, "oauth": {"mechanism": mechanism, **oauth}}
    async with FakeHost() as host:
        one = Submission(SmtpConfig.model_validate(given), host)
        try:
            yield one
        finally:
            await one.close()


async def send(one: Submission, customer: Sink, number: int) -> None:
    """Send a mail, and see it arrive as the one of that number."""
    mail = composed(
        to=[Mailbox(f"anna@smtp-{customer.port}.test")], message_id=f"<{number}@x.test>"
    )
    await one.send(mail)
    arrived = await customer.wait_for(number)
    assert f"Message-ID: <{number}@x.test>".encode() in arrived[-1].content


async def test_a_token_that_has_ended_is_replaced_by_the_command(
    postfix: Postfix, tokens: TokenServer, mechanism: str
) -> None:
    begun, given = len(tokens.judged), len(tokens.given.get(USER, []))
    command = tokens.command(USER)
    async with sink() as customer, submission(postfix, mechanism, token_command=command) as one:
        await send(one, customer, 1)
        first = tokens.given[USER][-1]
        tokens.end(first)
        await send(one, customer, 2)
    second = tokens.given[USER][-1]
    assert len(tokens.given[USER]) == given + 2
    assert tokens.judged[begun:] == [(first, True), (first, False), (second, True)]


async def test_a_token_that_has_ended_is_read_anew_from_its_file(
    postfix: Postfix, tokens: TokenServer, tmp_path: Path, mechanism: str
) -> None:
    path = tokens.file(tmp_path, USER)
    async with sink() as customer, submission(postfix, mechanism, token_file=str(path)) as one:
        await send(one, customer, 1)
        tokens.end(tokens.given[USER][-1])
        with pytest.raises(omnigate.CredentialsRejected, match="535") as refused:
            await one.send(composed())
        assert tokens.given[USER][-1] not in str(refused.value)
        tokens.file(tmp_path, USER)
        await send(one, customer, 2)


async def test_a_token_of_somebody_else_is_refused(
    postfix: Postfix, tokens: TokenServer, tmp_path: Path, mechanism: str
) -> None:
    path = tokens.file(tmp_path, "somebody")
    async with submission(postfix, mechanism, token_file=str(path)) as one:
        health = await one.check()
    assert health.state == "down"
    assert "127.0.0.1 refuses the login" in health.message
