"""The visitor's city from a MaxMind-format file, made here byte by byte."""

from __future__ import annotations

import ipaddress
from pathlib import Path
from typing import Any

import pytest

import omnigate

pytestmark = pytest.mark.anyio


def encoded(value: object) -> bytes:
    """Return a value in the data section's encoding. Source: MaxMind DB File Format 2.0."""
    match value:
        case str():
            raw = value.encode()
            return bytes([(2 << 5) | len(raw)]) + raw
        case float():
            import struct

            return bytes([(3 << 5) | 8]) + struct.pack(">d", value)
        case int():
            raw = value.to_bytes(4, "big")
            return bytes([(6 << 5) | 4]) + raw
        case dict():
            body = b"".join(encoded(key) + encoded(item) for key, item in value.items())
            return bytes([(7 << 5) | len(value)]) + body
        case list():
            return bytes([len(value), 11 - 7]) + b"".join(map(encoded, value))
    raise TypeError(value)


def city_file(network: str, record: dict[str, object]) -> bytes:
    """Return a database that knows one IPv4 network."""
    parsed = ipaddress.ip_network(network)
    bits = f"{int(parsed.network_address):032b}"[: parsed.prefixlen]
    count = len(bits)
    nodes = b""
    for index, bit in enumerate(bits):
        follow = index + 1 if index + 1 < count else count + 16
        pair = (follow, count) if bit == "0" else (count, follow)
        nodes += b"".join(number.to_bytes(3, "big") for number in pair)
    metadata = {
        "node_count": count,
        "record_size": 24,
        "ip_version": 4,
        "database_type": "Test-City",
        "binary_format_major_version": 2,
        "binary_format_minor_version": 0,
        "build_epoch": 1,
        "description": {"en": "Test"},
        "languages": ["en"],
    }
    return nodes + b"\0" * 16 + encoded(record) + b"\xab\xcd\xefMaxMind.com" + encoded(metadata)


RECORD: dict[str, object] = {
    "country": {"iso_code": "RU"},
    "subdivisions": [{"names": {"en": "Moscow Oblast"}}],
    "city": {"names": {"en": "Moscow", "ru": "Москва"}},
    "location": {"latitude": 55.7522, "longitude": 37.6156},
}


async def place(chat: Any, new_cid: Any) -> Any:
    async with chat.tab(await chat.session()) as tab:
        await tab.send("msg.send", {"text": "hello"}, new_cid())
        await tab.wait_for("ack")
    return chat.items(omnigate.InboundMessage)[-1].context.geo


async def test_the_city_is_coarse(open_chat, new_cid, tmp_path: Path):
    file = tmp_path / "city.mmdb"
    file.write_bytes(city_file("127.0.0.0/8", RECORD))
    chat = await open_chat(geo_file=str(file))
    assert (await chat.channel.check()).state == "up"
    assert await place(chat, new_cid) == omnigate.Geo(
        country="RU", region="Moscow Oblast", city="Moscow", latitude=55.8, longitude=37.6
    )


@pytest.mark.parametrize(
    "record", [{"city": "odd"}, {"city": {"names": [1]}, "subdivisions": [5], "location": []}]
)
async def test_an_odd_record_is_no_place(open_chat, new_cid, tmp_path: Path, record):
    file = tmp_path / "city.mmdb"
    file.write_bytes(city_file("127.0.0.0/8", record))
    assert await place(await open_chat(geo_file=str(file)), new_cid) is None


async def test_an_unknown_address_is_no_place(open_chat, new_cid, tmp_path: Path):
    file = tmp_path / "city.mmdb"
    file.write_bytes(city_file("10.0.0.0/8", RECORD))
    assert await place(await open_chat(geo_file=str(file)), new_cid) is None


async def test_a_file_that_cannot_be_read_is_said_once_and_costs_no_session(
    open_chat, new_cid, tmp_path: Path
):
    file = tmp_path / "city.mmdb"
    chat = await open_chat(geo_file=str(file))
    assert (await chat.channel.check()).state == "degraded"
    file.write_bytes(b"junk")
    assert await place(chat, new_cid) is None
    assert await place(chat, new_cid) is None
    warnings = [line for line in chat.host.log_lines if line["level"] == "warning"]
    assert len(warnings) == 1
    assert "geo_file" in warnings[0]["event"]
