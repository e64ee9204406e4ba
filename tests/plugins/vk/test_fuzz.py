"""Whatever an event says: items or `BadPayload`, and never more than one quarantine for it."""

from __future__ import annotations

import copy
import json
import random
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from omnigate_vk.afterwards import Afterwards
from omnigate_vk.api import Api
from omnigate_vk.event import Knowledge
from omnigate_vk.events import envelope_of, parse_event
from omnigate_vk.marks import Marks
from omnigate_vk.people import People
from omnigate_vk.sent import SentMessages
from pydantic import SecretStr

import omnigate
from omnigate.emulators.vk.generate import EVENTS, Generator
from omnigate.testing import FakeHost

SILENT = {"message_typing_state"}
"""Kinds that are forwarded and not stored."""


def knowledge(group_id: int = 1) -> Knowledge:
    return Knowledge(group_id, People(), Marks(b"secret"), SentMessages())


def parse(event: Any, known: Knowledge) -> list[omnigate.Inbound]:
    return list(parse_event(envelope_of(json.dumps(event).encode()), known, 1_760_000_000.0))


@pytest.mark.parametrize("seed", range(5))
def test_every_kind_of_event_is_understood_and_named_by_its_own_id(seed: int) -> None:
    print(f"seed {seed}")
    generator = Generator(seed, strange=0.2)
    known = knowledge(generator.group_id)
    for event in generator.updates(800):
        items = parse(event, known)
        assert items or event["type"] in SILENT
        names = [item.external_id for item in items]
        assert len(set(names)) == len(names)
        assert all(name.startswith(event["event_id"]) for name in names)


@pytest.mark.parametrize("kind", EVENTS)
def test_a_kind_of_event_never_raises_anything_else_with_parts_of_it_exchanged(kind: str) -> None:
    seed = random.randrange(10**6)
    print(f"seed {seed}")
    dice, generator = random.Random(seed), Generator(seed, strange=0.1)
    known = knowledge(generator.group_id)
    values: list[Any] = [None, True, -1, 0, 2**63, 10**30, 1.5, "", "x", "\ud83d", [], {}, [[]]]
    values += [{"type": "photo"}, [{"type": "photo", "photo": None}], "9" * 600, "5"]
    for _ in range(150):
        event = generator.update(kind)
        for _ in range(dice.randrange(1, 4)):
            place: Any = event
            while isinstance(place, (dict, list)) and place:
                key = dice.choice(list(place) if isinstance(place, dict) else range(len(place)))
                if isinstance(place[key], (dict, list)) and place[key] and dice.random() < 0.7:
                    place = place[key]
                    continue
                place[key] = copy.deepcopy(dice.choice(values))
                break
        with suppress(omnigate.BadPayload):
            items = parse(event, known)
            assert len({item.external_id for item in items}) == len(items)


def test_poison_is_refused_in_one_piece() -> None:
    generator = Generator(3)
    for _ in range(200):
        with suppress(omnigate.BadPayload):
            parse(generator.poison(), knowledge())


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3)
    ),
    max_leaves=8,
)


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=200) | JSON.map(lambda value: json.dumps(value).encode()))
def test_any_bytes_are_an_event_or_refused(body: bytes) -> None:
    with pytest.raises(omnigate.BadPayload):
        parse_event(envelope_of(body), knowledge(), 0.0)


@settings(max_examples=300, deadline=None)
@given(kind=st.sampled_from([*EVENTS, "hologram_new", ""]), value=JSON)
def test_an_event_with_any_object_is_understood_or_refused(kind: str, value: Any) -> None:
    event = {"type": kind, "event_id": "1", "group_id": 1, "object": value}
    with suppress(omnigate.BadPayload):
        parse(event, knowledge())


@pytest.mark.anyio
async def test_whatever_was_stored_is_heard_of_without_an_error() -> None:
    seed = random.randrange(10**6)
    print(f"seed {seed}")
    async with FakeHost() as host:
        generator = Generator(seed, strange=0.2)
        known = knowledge(generator.group_id)
        api = Api(lambda: host.http, "http://127.0.0.1:9", SecretStr("x" * 20), host.limiter(20))
        afterwards = Afterwards(api, host, known)
        for event in generator.updates(1000):
            afterwards.hear(event)
            afterwards.hear({**event, "object": list(event)})
            afterwards.hear({**event, "object": {"message": event, "user_id": "?"}})
        for _ in range(100):
            with suppress(omnigate.BadPayload):
                afterwards.hear(envelope_of(json.dumps(generator.poison()).encode()))
