"""The community keeps what every channel must keep; the proof stands in the body, not in a header."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from omnigate_vk import Vk

from omnigate.testing import Sample, WebhookChannelConformance

TOKEN = "vk1.a.canary-canary-canary-canary-canary"
SECRET = "canarysecretkey"
GROUP = 4242


def event(name: str, text: str, **more: Any) -> bytes:
    message = {
        "date": 1_760_000_000,
        "from_id": 777,
        "id": 15,
        "out": 0,
        "peer_id": 777,
        "conversation_message_id": 9,
        "random_id": 0,
        "text": text,
        "attachments": [],
        "fwd_messages": [],
        **more,
    }
    envelope = {"type": "message_new", "event_id": name, "v": "5.199", "group_id": GROUP}
    return json.dumps({**envelope, "secret": SECRET, "object": {"message": message}}).encode()


class TestVk(WebhookChannelConformance):
    channel_class = Vk
    junk_statuses = frozenset({401})
    """What has no secret in it proves nothing."""

    def config(self, platform_url: str) -> Mapping[str, Any]:
        return {
            "token": TOKEN,
            "group_id": GROUP,
            "secret": SECRET,
            "api_url": platform_url,
        }

    def authentic(self, path: str, body: bytes) -> Mapping[str, str]:
        return {}

    def samples(self) -> Sequence[Sample]:
        return [
            Sample(event("a1", "Здравствуйте")),
            Sample(event("a2", "Начать", ref="w_4hJq0bR2nVtQ", ref_source="site")),
        ]

    async def test_who_proves_nothing_stores_nothing(self) -> None:
        """401 with an empty body; also with the secret of another, or of another community."""
        async with self._served() as (host, post):
            for sample in self.samples():
                sound = json.loads(sample.body)
                for wrong in (
                    {**sound, "secret": "x"},
                    {**sound, "secret": "ключ"},
                    {**sound, "secret": ""},
                    {**sound, "secret": None},
                    {**sound, "secret": {"x": SECRET}},
                    {**sound, "group_id": GROUP + 1},
                    {**sound, "group_id": str(GROUP)},
                    {key: value for key, value in sound.items() if key != "secret"},
                    {key: value for key, value in sound.items() if key != "group_id"},
                ):
                    assert await post(Sample(json.dumps(wrong).encode())) == (401, b"")
            assert host.store.items == []
            assert host.emitted == []

    async def test_authentic_nonsense_is_settled_and_nothing_is_stored(self) -> None:
        """``ok``, or it would come again and again."""
        envelope = {"event_id": "x", "group_id": GROUP, "secret": SECRET}
        async with self._served() as (host, post):
            objects: list[Any] = [
                None,
                [],
                7,
                "text",
                {},
                {"message": None},
                {"message": {"id": 1}},
            ]
            for junk in objects:
                for kind in ("message_new", "message_event", "message_read", "nobody_knows"):
                    body = json.dumps({**envelope, "type": kind, "object": junk}).encode()
                    assert await post(Sample(body, 0)) == (200, b"ok")
            assert host.store.items == []
            assert (await post(self.samples()[0])) == (200, b"ok")
            assert len(host.store.items) == 1
