"""The emulated switch refuses what Asterisk refuses, with its statuses, and takes nonsense calmly."""

from __future__ import annotations

import io
import wave
from collections.abc import AsyncIterator

import aiohttp
import pytest

from omnigate.emulators.asterisk import AsteriskEmulator, Phone

pytestmark = pytest.mark.anyio

ASK = "endpoint=PJSIP/100&app=shop&channelId=one"


@pytest.fixture
async def switch() -> AsyncIterator[AsteriskEmulator]:
    async with AsteriskEmulator() as switch:
        yield switch


@pytest.fixture(autouse=True)
def phone(switch: AsteriskEmulator) -> Phone:
    """A phone that every test can dial."""
    return switch.add_phone("PJSIP/100")


@pytest.fixture
async def http(switch: AsteriskEmulator) -> AsyncIterator[aiohttp.ClientSession]:
    login = aiohttp.encode_basic_auth(switch.user, switch.password)
    async with aiohttp.ClientSession(headers={"Authorization": login}) as http:
        yield http


async def test_nothing_is_told_without_the_login(switch: AsteriskEmulator) -> None:
    async with aiohttp.ClientSession() as http:
        for path in ("channels", "events?app=shop", "asterisk/info", "recordings/stored/a/file"):
            async with http.get(f"{switch.url}/ari/{path}") as answer:
                assert answer.status == 401


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "events", 400),
        ("POST", "channels", 400),
        ("POST", f"channels?{ASK}&timeout=soon", 400),
        ("POST", f"channels?{ASK}&originator=nobody", 400),
        ("POST", "channels?endpoint=PJSIP/200&app=shop&channelId=one", 500),
        ("POST", "channels?endpoint=PJSIP/100%26PJSIP/200&app=shop&channelId=one", 500),
        ("DELETE", "channels/none", 404),
        ("POST", "channels/none/ring", 404),
        ("POST", "bridges", 400),
        ("DELETE", "bridges/none", 404),
        ("POST", "bridges/none/addChannel?channel=one", 404),
        ("POST", "bridges/none/record?name=a&format=wav", 404),
        ("GET", "recordings/stored/none/file", 404),
        ("POST", "applications/nobody/subscription?eventSource=channel:one", 404),
    ],
)
async def test_what_is_not_there_is_refused(
    switch: AsteriskEmulator, http: aiohttp.ClientSession, method: str, path: str, status: int
) -> None:
    async with http.request(method, f"{switch.url}/ari/{path}") as answer:
        assert answer.status == status


async def test_what_is_there_is_refused_a_second_time(
    switch: AsteriskEmulator, http: aiohttp.ClientSession
) -> None:
    base = f"{switch.url}/ari"
    for path, more in ((f"channels?{ASK}", "PJSIP/100"), ("bridges?bridgeId=two", "two")):
        statuses = []
        for _ in range(2):
            async with http.post(f"{base}/{path}") as answer:
                statuses.append(answer.status)
                assert more in await answer.text() or answer.status == 409
        assert statuses == [200, 409]
    async with http.post(f"{base}/bridges/two/addChannel?channel=none") as answer:
        assert answer.status == 400
    # It rings, and is in no application yet.
    for path in ("bridges/two/addChannel?channel=one", "channels/one/ring"):
        async with http.post(f"{base}/{path}") as answer:
            assert answer.status == 409
    async with http.delete(f"{base}/channels/one?reason=boredom") as answer:
        assert answer.status == 400


async def test_an_application_hears_only_of_its_own_and_only_while_it_is_connected(
    switch: AsteriskEmulator, phone: Phone, http: aiohttp.ClientSession
) -> None:
    base = f"{switch.url}/ari"
    async with (
        http.ws_connect(f"{base}/events?app=other") as other,
        http.ws_connect(f"{base}/events?app=shop") as first,
    ):
        async with http.post(f"{base}/channels?{ASK}") as answer:
            assert answer.status == 200
        seen = [(await first.receive_json(timeout=10))["type"] for _ in range(3)]
        assert seen == ["Dial", "Dial", "ChannelStateChange"]
        async with http.ws_connect(f"{base}/events?app=shop") as second:
            assert (await first.receive_json(timeout=10))["type"] == "ApplicationReplaced"
            phone.answer()  # nobody hears it
            source = "eventSource=channel:one"
            async with http.post(f"{base}/applications/shop/subscription?{source}") as answer:
                assert answer.status == 200
            phone.hang_up()
            kinds = [(await second.receive_json(timeout=10))["type"] for _ in range(3)]
            assert kinds == ["ChannelHangupRequest", "StasisEnd", "ChannelDestroyed"]
        assert switch.switch.streams.keys() == {"other"} or "shop" in switch.switch.streams
        await other.close()


async def test_a_phone_that_nobody_answers_stops_ringing(
    switch: AsteriskEmulator, phone: Phone, http: aiohttp.ClientSession
) -> None:
    async with http.post(f"{switch.url}/ari/channels?{ASK}&timeout=1") as answer:
        assert answer.status == 200
    assert phone.state == "ringing"
    await switch.changes.wait_for(lambda: phone.state == "idle")
    assert phone.last_end is not None
    assert phone.last_end.number == 19


async def test_a_recording_is_a_wav_file_as_long_as_the_talk(switch: AsteriskEmulator) -> None:
    from omnigate.emulators.asterisk.sound import RATE, talk

    with wave.open(io.BytesIO(talk(2.0))) as read:
        assert read.getnframes() == 2 * RATE
        assert read.getframerate() == RATE
