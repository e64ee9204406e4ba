"""The webhook backend keeps what every backend must keep."""

from __future__ import annotations

from omnigate_webhook import Webhook

import omnigate
from omnigate.testing import HttpBackendConformance


class TestWebhook(HttpBackendConformance):
    backend_class = Webhook

    def config(self, receiver_url):
        return {
            "url": receiver_url,
            "secrets": [omnigate.new_secret(), omnigate.new_secret()],
            "headers": {"authorization": "Bearer canary-of-the-proxy"},
        }
