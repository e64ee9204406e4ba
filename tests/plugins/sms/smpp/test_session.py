"""Binds: made, refused, lost, made again and given up, against an SMSC of another make."""

from __future__ import annotations

import asyncio
import subprocess
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
from omnigate_sms.smpp import SmppLink, late, line, session
from omnigate_sms.smpp.bodies import RESPONSE, Command
from omnigate_sms.smpp.pdu import Pdu, decode, encode

import omnigate
from omnigate.flow.supervisor import STOP_SECONDS
from omnigate.testing import FakeHost
from tests.plugins.sms.smpp.links import Bind, Exchange, Smsc, config, running, text, until

pytestmark = pytest.mark.anyio


async def nobody(said: Any, notes: Any = None) -> None:
    raise AssertionError(f"nothing was to be brought: {said}")


async def test_a_bind_says_who_we_are(bind: Bind, smsc: Smsc) -> None:
    link = await bind(system_type="chat")
    told = await smsc.until("bind")
    assert (told["mode"], told["system_id"], told["system_type"], told["version"]) == (
        "transceiver",
        "shop",
        "chat",
        0x34,
    )
    assert link.host.states == [("up", "bound")]
    assert (await link.link.check()).state == "up"


@pytest.mark.parametrize("status", [0x0D, 0x0E, 0x0F, 0x04])
async def test_a_bind_refused_for_good_is_not_tried_again(smsc: Smsc, status: int) -> None:
    await smsc.set(bindStatus=status)
    async with running(smsc) as link:
        await asyncio.wait({link.running}, timeout=20)
        with pytest.raises(omnigate.CredentialsRejected, match=f"0x{status:02X}"):
            link.running.result()
        with pytest.raises(omnigate.CredentialsRejected):
            await link.link.send(text())
        assert [state for state, _ in link.host.states] == ["down"]
    assert len(await smsc.so_far("bind")) == 1


async def test_a_wrong_password_is_told_without_showing_it(smsc: Smsc) -> None:
    async with running(smsc, password="wr0ng-pw") as link:
        await asyncio.wait({link.running}, timeout=20)
        with pytest.raises(omnigate.CredentialsRejected, match="ESME_RINVPASWD") as caught:
            link.running.result()
        told = f"{caught.value} {link.host.states} {link.host.log_lines}"
        assert "wr0ng-pw" not in told
        assert "wr0ng-pw" in link.link.secrets()


async def test_already_bound_is_tried_again_for_a_while_and_then_given_up(smsc: Smsc) -> None:
    await smsc.set(bindStatus=0x05)
    async with running(smsc, already_bound_seconds=0) as link:
        await asyncio.wait({link.running}, timeout=20)
        with pytest.raises(omnigate.CredentialsRejected, match="ESME_RALYBND"):
            link.running.result()
    known = len(await smsc.so_far("bind"))
    async with running(smsc) as link:
        await smsc.until("bind", known + 1)
        await until(lambda: link.host.states)
        await smsc.set(bindStatus=None)
        await link.up()


async def test_an_smsc_that_is_busy_is_tried_again(smsc: Smsc) -> None:
    await smsc.set(bindStatus=0x08)
    async with running(smsc) as link:
        await until(lambda: link.host.states)
        ((state, words),) = link.host.states
        assert state == "down"
        assert words.startswith("transceiver: the SMSC refuses our bind: ESME_RSYSERR (0x08); ")
        assert words.endswith("tried again")
        with pytest.raises(omnigate.DestinationUnavailable, match="RSYSERR"):
            await link.link.send(text())
        await smsc.set(bindStatus=None)
        await link.up()


async def test_an_smsc_that_does_not_answer_the_bind_is_tried_again(smsc: Smsc) -> None:
    await smsc.set(bindSilent=True)
    async with running(smsc, bind_timeout_seconds=0.3) as link:
        await until(lambda: link.host.states)
        assert "did not answer our bind" in link.host.states[0][1]
        await smsc.set(bindSilent=False)
        await link.up()


async def test_the_link_comes_back_when_the_smsc_does_and_says_so_once(
    bind: Bind, smsc: Smsc
) -> None:
    link = await bind()
    smsc.tell(close=True)
    await smsc.until("stopped")
    await until(lambda: len(link.host.states) > 1)
    smsc.tell(listen=True)
    await link.up(2)
    states = [state for state, _ in link.host.states]
    assert states[0] == states[-1] == "up"
    assert len(set(link.host.states)) == len(link.host.states) - 1
    assert (await link.link.send(text())).external_id == "1000"


async def test_nobody_at_the_address_is_told_as_such(exchange: Exchange, smsc: Smsc) -> None:
    smsc.tell(close=True)
    await smsc.until("stopped")
    async with running(smsc) as link:
        await until(lambda: link.host.states)
        assert link.host.states[0][0] == "down"
        assert "cannot be reached" in link.host.states[0][1]
        with pytest.raises(omnigate.DestinationUnavailable, match="cannot be reached"):
            await link.link.send(text())


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"host": "localhost"}, "it refuses connections; check host and port"),
        ({"host": "smsc.invalid"}, "; check host"),
    ],
    ids=["port", "host"],
)
async def test_what_is_configured_wrong_is_said_in_words_of_ours(
    exchange: Exchange, smsc: Smsc, wrong: dict[str, Any], words: str
) -> None:
    if wrong.get("host") == "localhost":  # more than one address, as most names have
        smsc.tell(close=True)
        await smsc.until("stopped")
    async with FakeHost("sms") as host:
        health = await SmppLink(config(smsc, **wrong), host, nobody).check()
    assert health.state == "down"
    assert f"{wrong.get('host', '127.0.0.1')}:{smsc.port} cannot be reached: " in health.message
    assert words in health.message
    assert not any(one in health.message for one in ("Errno", "_ssl", "Connect call"))


async def test_a_link_that_is_started_anew_says_anew_how_it_is(smsc: Smsc) -> None:
    smsc.tell(close=True)
    await smsc.until("stopped")
    async with running(smsc) as link:
        await until(lambda: link.host.states)
        await link.stop()
        again = asyncio.create_task(link.link.run())
        await until(lambda: len(link.host.states) > 1)
        again.cancel()
        with suppress(asyncio.CancelledError):
            await again
    assert link.host.states[0] == link.host.states[1]
    assert link.host.states[0][0] == "down"


async def test_after_a_pause_the_first_text_waits_for_the_bind(smsc: Smsc) -> None:
    async with running(smsc) as bound:
        await bound.up()
        await bound.stop()
        sending = asyncio.create_task(bound.link.send(text()))
        await asyncio.sleep(0)  # it has been begun before the link is
        bound.running = asyncio.create_task(bound.link.run())
        sent = await sending
    assert sent.external_id == "1000"


async def test_an_enquiry_is_answered(bind: Bind, smsc: Smsc) -> None:
    await bind()
    smsc.tell(command="enquire_link", parameters={})
    assert (await smsc.until("enquire_link_resp"))["status"] == 0


async def test_a_silent_smsc_is_asked_whether_it_is_there(bind: Bind, smsc: Smsc) -> None:
    link = await bind(enquire_link_seconds=0.1)
    await smsc.until("enquire", 3)
    assert link.host.states == [("up", "bound")]


async def test_an_smsc_that_does_not_say_it_is_there_is_left(bind: Bind, smsc: Smsc) -> None:
    await smsc.set(enquire=False, hold=True)
    link = await bind(enquire_link_seconds=0.1, enquire_timeout_seconds=0.3)
    sending = asyncio.create_task(link.link.send(text()))
    await until(lambda: len(link.host.states) > 1)
    assert "enquire_link: no answer within 0.3 s" in link.host.states[1][1]
    with pytest.raises(omnigate.Uncertain, match="enquire_link"):
        await sending
    await smsc.set(enquire=True)
    await link.up(2)


async def test_an_smsc_that_unbinds_us_is_answered_and_bound_to_again(
    bind: Bind, smsc: Smsc
) -> None:
    link = await bind()
    smsc.tell(command="unbind", parameters={})
    assert (await smsc.until("unbind_resp"))["status"] == 0
    await link.up(2)
    assert any("unbound us" in reason for _, reason in link.host.states)


async def test_a_stop_waits_for_answers_unbinds_and_leaves(bind: Bind, smsc: Smsc) -> None:
    link = await bind()
    await smsc.set(hold=True)
    sending = asyncio.create_task(link.link.send(text()))
    await smsc.until("submit")
    link.running.cancel()
    await until(lambda: link.link._sender.session is None)
    with pytest.raises(omnigate.DestinationUnavailable):
        await link.link.send(text("too late", id="prt_2"))
    assert await smsc.so_far("unbind") == []
    smsc.tell(release=True)
    assert (await sending).external_id == "1000"
    await asyncio.wait({link.running}, timeout=20)
    assert link.running.cancelled()
    assert (await smsc.until("unbind"))["unanswered"] == 0
    await smsc.until("closed")


async def test_a_stop_ends_though_the_smsc_answers_nothing(
    bind: Bind, smsc: Smsc, monkeypatch: pytest.MonkeyPatch
) -> None:
    limits = (
        line.SETTLE_SECONDS + line.DRAIN_SECONDS,
        session.UNBIND_SECONDS + session.FLUSH_SECONDS,
        late.SETTLE_SECONDS,
    )
    assert sum(limits) < STOP_SECONDS - 1
    monkeypatch.setattr(line, "DRAIN_SECONDS", 0.3)
    monkeypatch.setattr(session, "UNBIND_SECONDS", 0.3)
    link = await bind()
    await smsc.set(hold=True, unbind=False)
    sending = asyncio.create_task(link.link.send(text()))
    await smsc.until("submit")
    await link.stop()
    with pytest.raises(omnigate.Uncertain):
        await sending


async def test_what_is_being_stored_is_answered_before_a_stop(bind: Bind, smsc: Smsc) -> None:
    link = await bind()
    begun, gate = asyncio.Event(), asyncio.Event()

    async def slow(said: Any, notes: Any = None) -> None:
        begun.set()
        await gate.wait()

    link.deliver = slow  # type: ignore[method-assign]
    smsc.tell(command="deliver_sm", parameters={"source_addr": "7", "short_message": "x"})
    await begun.wait()
    link.running.cancel()
    smsc.tell(command="deliver_sm", parameters={"source_addr": "7", "short_message": "y"})
    assert (await smsc.until("deliver_sm_resp"))["status"] == 0x64, "kept by the SMSC"
    gate.set()
    assert (await smsc.until("deliver_sm_resp", 2))["status"] == 0
    await smsc.until("unbind")


async def test_separate_binds_send_by_one_and_receive_by_the_other(bind: Bind, smsc: Smsc) -> None:
    link = await bind(bind="separate")
    await smsc.until("bind", 2)
    assert {one["mode"] for one in await smsc.so_far("bind")} == {"transmitter", "receiver"}
    await link.link.send(text())
    smsc.tell(command="deliver_sm", parameters={"source_addr": "7", "short_message": "hi"})
    await link.incoming()
    smsc.tell(command="unbind", parameters={})
    await until(lambda: "degraded" in [state for state, _ in link.host.states][1:])
    assert "receiver: the SMSC unbound us" in link.host.states[-1][1]
    await link.link.send(text())
    await link.up(2)
    await link.stop()
    await smsc.until("unbind", 2)
    assert {one["mode"] for one in await smsc.so_far("unbind")} == {"transmitter", "receiver"}


async def test_a_link_at_rest_is_checked_by_a_bind_of_its_own(smsc: Smsc) -> None:
    async with FakeHost("sms") as host:
        good = SmppLink(config(smsc), host, nobody)
        assert await good.check() == omnigate.Health("up", "bound")
        await smsc.until("unbind")
        bad = SmppLink(config(smsc, password="wrong"), host, nobody)
        health = await bad.check()
        assert (health.state, "RINVPASWD" in health.message) == ("down", True)
        smsc.tell(close=True)
        await smsc.until("stopped")
        assert (await good.check()).state == "down"
        assert host.states == []


def test_back_off_doubles_up_to_a_minute_and_is_never_quite_the_same() -> None:
    assert [line.pause_seconds(failures, 0) for failures in range(9)] == [
        *(1, 2, 4, 8, 16, 32, 60),
        *(60, 60),
    ]
    assert line.pause_seconds(10**9, 1) == 75


@asynccontextmanager
async def odd_smsc(
    behave: Callable[[asyncio.StreamReader, asyncio.StreamWriter], Coroutine[Any, Any, None]],
) -> AsyncIterator[Smsc]:
    """Serve connections in ways that no SMSC of a library would."""
    over = asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError):
            await behave(reader, writer)
        await over.wait()
        writer.transport.abort()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield Smsc(Exchange.__new__(Exchange), "odd", server.sockets[0].getsockname()[1], [])
    finally:
        over.set()
        server.close()
        await server.wait_closed()


async def test_an_address_where_nobody_speaks_tls_is_told_as_such() -> None:
    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)

    async with (
        odd_smsc(silent) as smsc,
        running(smsc, tls=True, bind_timeout_seconds=0.3) as link,
    ):
        await until(lambda: link.host.states)
        assert "it does not answer; check host, port and tls" in link.host.states[0][1]


async def test_an_smsc_that_asks_without_end_and_reads_nothing_is_left(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    enquiry = encode(Pdu(command=Command.ENQUIRE_LINK, sequence=1))

    async def greedy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        length = await reader.readexactly(4)
        bind = decode(length + await reader.readexactly(int.from_bytes(length, "big") - 4))
        writer.write(encode(Pdu(command=bind.command | RESPONSE, sequence=bind.sequence)))
        reader._transport.pause_reading()  # type: ignore[attr-defined]  # what it asks for it does not read
        while not writer.is_closing():
            writer.write(enquiry * 4096)
            await writer.drain()

    held: list[int] = []
    answer = session.Session.answer

    def noted(self: session.Session, *given: Any) -> None:
        answer(self, *given)
        held.append(self._writer.transport.get_write_buffer_size())

    monkeypatch.setattr(session.Session, "answer", noted)
    options = {"enquire_link_seconds": 0.2, "enquire_timeout_seconds": 0.3}
    async with odd_smsc(greedy) as smsc, running(smsc, **options) as link:
        await until(lambda: any("enquire_link" in reason for _, reason in link.host.states))
    assert max(held) < 2 * session.READ_BYTES, "what is not read is not piled up"


async def test_a_mistake_of_ours_costs_the_session_and_is_told(
    bind: Bind, smsc: Smsc, monkeypatch: pytest.MonkeyPatch
) -> None:
    link = await bind()
    take = session.Session._take

    def broken(self: session.Session, frame: bytes) -> None:
        monkeypatch.setattr(session.Session, "_take", take)
        raise RuntimeError("a mistake of ours")

    monkeypatch.setattr(session.Session, "_take", broken)
    smsc.tell(command="enquire_link", parameters={})
    await smsc.until("bind", 2)
    await link.up(2)
    assert any(line["level"] == "error" for line in link.host.log_lines)


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """A certificate for 127.0.0.1 that vouches for itself."""
    folder: Path = tmp_path_factory.mktemp("tls")
    key, cert = str(folder / "key.pem"), str(folder / "cert.pem")
    subprocess.run(
        f"openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout {key} -out {cert}"
        " -days 2 -subj /CN=smsc -addext subjectAltName=IP:127.0.0.1".split(),
        check=True,
        capture_output=True,
    )
    return {"key": key, "cert": cert}


@pytest.mark.parametrize("bind", ["transceiver", "separate"])
async def test_texts_and_receipts_go_both_ways_by_tls(
    exchange: Exchange, authority: dict[str, str], bind: str
) -> None:
    smsc = exchange.smsc(tls=authority)
    await smsc.until("listening")
    async with running(smsc, tls=True, ca_file=authority["cert"], bind=bind) as link:
        await link.up()
        assert (await link.link.send(text())).external_id == "1000"
        smsc.tell(command="deliver_sm", parameters={"source_addr": "7", "short_message": "hi"})
        assert (await link.incoming()).data == b"hi"
        smsc.tell(receipt={"id": 1000, "stat": "DELIVRD"})
        assert (await link.report()).state == "delivered"
        await link.stop()
        assert await smsc.so_far("unbind")


async def test_a_certificate_that_nobody_vouches_for_is_not_trusted(
    exchange: Exchange, authority: dict[str, str]
) -> None:
    smsc = exchange.smsc(tls=authority)
    await smsc.until("listening")
    async with running(smsc, tls=True) as link:
        await until(lambda: link.host.states)
        assert "cannot be reached" in link.host.states[0][1]
        assert "certificate cannot be trusted" in link.host.states[0][1]
        assert "see ca_file" in link.host.states[0][1]
        with pytest.raises(omnigate.DestinationUnavailable):
            await link.link.send(text())
    assert await smsc.so_far("bind") == []


async def test_a_certificate_of_another_name_is_not_trusted(
    exchange: Exchange, authority: dict[str, str]
) -> None:
    smsc = exchange.smsc(tls=authority)
    await smsc.until("listening")
    async with running(smsc, tls=True, ca_file=authority["cert"], host="localhost") as link:
        await until(lambda: link.host.states)
        assert "certificate cannot be trusted" in link.host.states[0][1]
        assert "localhost" in link.host.states[0][1]
        assert link.host.states[0][1].endswith("check host")
    assert await smsc.so_far("bind") == []
