"""Addresses with letters beyond ASCII before the @: they go where they can, and fail with why where not."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

import pytest

import omnigate
from tests.plugins.email.desk import Desk, open_desk
from tests.plugins.email.postfix import Postfix
from tests.plugins.email.sink import Sink, sink
from tests.ports import free_port

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("reader")]


@asynccontextmanager
async def desk_behind(
    postfix: Postfix, port: int, *, utf8: bool = True
) -> AsyncIterator[tuple[Desk, Sink]]:
    """Give a channel whose mail goes by a Postfix and whose bounces come back, and a customer's server."""
    async with AsyncExitStack() as stack:
        customer = await stack.enter_async_context(sink(utf8=utf8))
        listens = free_port()
        desk = await stack.enter_async_context(
            open_desk(
                out=customer,
                address=f"support@lmtp-{listens}.test",
                lmtp={"listen": f"127.0.0.1:{listens}"},
                smtp={"host": "127.0.0.1", "port": port, "tls": "none"},
            )
        )
        yield desk, customer


async def send(desk: Desk, address: str) -> omnigate.Sent:
    """Write to somebody first."""
    conversation = desk.channel.conversation_of(omnigate.mailto(address))
    return await desk.channel.send(desk.part(conversation, address=omnigate.mailto(address)))


async def test_a_mail_goes_where_all_servers_on_its_way_take_such_addresses(
    postfix: Postfix,
) -> None:
    async with desk_behind(postfix, postfix.port) as (desk, customer):
        sent = await send(desk, f"анна@smtp-{customer.port}.test")
        (arrived,) = await customer.wait_for()
    assert arrived.rcpt_tos == [f"анна@smtp-{customer.port}.test"]
    assert "SMTPUTF8" in arrived.mail_options
    assert sent.external_id is not None
    assert sent.external_id.encode() in arrived.content


async def test_nothing_is_sent_where_our_own_server_takes_no_such_addresses(
    postfix: Postfix,
) -> None:
    async with desk_behind(postfix, postfix.ascii_port) as (desk, customer):
        with pytest.raises(omnigate.Refused, match="letters beyond ASCII before the @") as refused:
            await send(desk, f"анна@smtp-{customer.port}.test")
        assert refused.value.code == "address_not_supported"
        await send(desk, f"anna@smtp-{customer.port}.test")  # on the same connection
        await customer.wait_for()
        await postfix.wait_until_empty()
    assert [one.rcpt_tos for one in customer.arrived] == [[f"anna@smtp-{customer.port}.test"]]


async def test_where_the_customer_s_server_takes_none_the_bounce_says_so(postfix: Postfix) -> None:
    """Ours takes the mail, and reports in the form for such addresses (RFC 6533) that it went nowhere."""
    async with desk_behind(postfix, postfix.port, utf8=False) as (desk, customer):
        sent = await send(desk, f"анна@smtp-{customer.port}.test")
        receipt = await desk.until(lambda: desk.items and desk.items[-1], "the bounce comes back")
        assert customer.arrived == []
    assert isinstance(receipt, omnigate.Receipt)
    assert (receipt.message_id, receipt.state) == (sent.external_id, "failed")
    assert receipt.error is not None
    assert receipt.error.startswith("5.6.7")
