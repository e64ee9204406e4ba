"""The generic HTTP channel keeps what every channel must keep."""

from __future__ import annotations

import json
import time

from omnigate_http import Http

import omnigate
from omnigate.testing import IntakeConformance, Sample

TOKEN = "canary-token-of-the-application"
SECRET = omnigate.new_secret()


def message(external_id: str) -> dict[str, object]:
    return {
        "external_id": external_id,
        "conversation": "c1",
        "sender": {"address": "user:1"},
        "text": "Здравствуйте",
    }


class _Http(IntakeConformance):
    channel_class = Http

    def config(self, platform_url):
        return {"token": TOKEN, "secret": SECRET, "url": platform_url}

    def samples(self):
        receipt = {"external_id": "77", "state": "read"}
        return [
            Sample(json.dumps(message("m1")).encode(), 1, "/messages"),
            Sample(json.dumps([message("m2"), message("m3")]).encode(), 2, "/messages"),
            Sample(json.dumps(receipt).encode(), 1, "/receipts"),
        ]


class TestByToken(_Http):
    def authentic(self, path, body):
        return {"authorization": f"Bearer {TOKEN}"}


class TestBySignature(_Http):
    def authentic(self, path, body):
        return omnigate.Signer([SECRET]).headers("req_1", int(time.time()), body)
