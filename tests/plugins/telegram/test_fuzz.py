"""Whatever an update says: items or `BadPayload`, and never more than one quarantine for it."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from omnigate_telegram import Telegram
from omnigate_telegram.updates import parse_update, update_of

import omnigate
from omnigate.emulators.telegram.generate import Generator
from omnigate.emulators.telegram.rare import poison_updates, unknown_updates

BOT = 7_000_000_001


ASKED_FOR = frozenset(
    Telegram.Config.model_validate(
        {"token": f"{BOT}:{'x' * 35}", "channel_posts": True, "reactions": True}
    ).allowed_updates()
)
PERSON = {"id": 42, "is_bot": False, "first_name": "Анна"}
CHAT = {"id": 42, "type": "private", "first_name": "Анна"}


def parse(update: Any) -> list[omnigate.Inbound]:
    return list(parse_update(update_of(json.dumps(update).encode()), BOT))


@pytest.mark.parametrize("seed", range(5))
def test_every_kind_of_update_is_understood(seed: int) -> None:
    print(f"seed {seed}")
    for update in Generator(seed).updates(600, every_kind=True):
        kind = next(key for key in update if key != "update_id")
        try:
            items = parse(update)
        except omnigate.BadPayload:
            if kind in ASKED_FOR:
                raise
            continue  # of what nobody asks for, some is about no person and no chat
        assert items
        for item in items:
            assert item.external_id.startswith(str(update["update_id"]))


def test_kinds_of_tomorrow_are_kept_raw_behind_a_readable_word() -> None:
    for update in unknown_updates(PERSON, CHAT, 1_760_000_000).values():
        if not update:
            continue  # not even a kind: kept in quarantine
        for item in parse({"update_id": 1, **update}):
            if isinstance(item, omnigate.InboundMessage):
                assert item.text or item.attachments or item.location or item.shared_contact


def test_wrong_updates_are_refused_in_one_piece() -> None:
    for update in poison_updates(PERSON, CHAT, 1_760_000_000).values():
        with suppress(omnigate.BadPayload):
            parse({"update_id": 1, **update})


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3)
    ),
    max_leaves=8,
)


@settings(max_examples=400, deadline=None)
@given(seed=st.integers(0, 10_000), value=JSON, cut=st.booleans(), data=st.data())
def test_an_update_with_anything_changed_never_raises_anything_else(
    seed: int, value: Any, cut: bool, data: st.DataObject
) -> None:
    update = next(iter(Generator(seed, people=3).updates(1, every_kind=True)))
    place: Any = update
    while True:
        keys = list(place) if isinstance(place, dict) else list(range(len(place)))
        if not keys:
            break
        key = data.draw(st.sampled_from(keys))
        if isinstance(place[key], (dict, list)) and place[key] and data.draw(st.booleans()):
            place = place[key]
            continue
        if cut:
            del place[key]
        else:
            place[key] = value
        break
    try:
        items = parse(update)
    except omnigate.BadPayload:
        return
    assert len({item.external_id for item in items}) == len(items)


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=200) | JSON.map(lambda value: json.dumps(value).encode()))
def test_any_bytes_are_an_update_or_refused(body: bytes) -> None:
    with pytest.raises(omnigate.BadPayload):
        parse_update(update_of(body), BOT)
