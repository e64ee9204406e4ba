"""The bot keeps what every channel must keep."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from omnigate_telegram import Telegram

from omnigate.testing import Sample, WebhookChannelConformance

TOKEN = "7000000001:canary-canary-canary-canary-canary1"
SECRET = "canary-secret-token"


def update(number: int, text: str) -> bytes:
    message = {
        "message_id": number,
        "date": 1_760_000_000,
        "from": {"id": 42, "is_bot": False, "first_name": "Анна"},
        "chat": {"id": 42, "type": "private", "first_name": "Анна"},
        "text": text,
    }
    return json.dumps({"update_id": number, "message": message}).encode()


class TestTelegram(WebhookChannelConformance):
    channel_class = Telegram

    def config(self, platform_url: str) -> Mapping[str, Any]:
        return {
            "token": TOKEN,
            "mode": "webhook",
            "secret_token": SECRET,
            "api_url": platform_url,
        }

    def authentic(self, path: str, body: bytes) -> Mapping[str, str]:
        return {"X-Telegram-Bot-Api-Secret-Token": SECRET}

    def samples(self) -> Sequence[Sample]:
        return [Sample(update(1, "Здравствуйте")), Sample(update(2, "/start w_4hJq0bR2nVtQ"))]
