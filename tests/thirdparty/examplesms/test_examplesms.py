"""ExampleSMS keeps what every channel must keep, and understands the gateway."""

from urllib.parse import urlencode

from omnigate_examplesms import ExampleSms

from omnigate.testing import Sample, WebhookChannelConformance


class TestExampleSms(WebhookChannelConformance):
    channel_class = ExampleSms

    def config(self, platform_url: str) -> dict[str, str]:
        return {"token": "a-made-up-token", "url": platform_url}

    def authentic(self, path: str, body: bytes) -> dict[str, str]:
        headers = {"content-type": "application/x-www-form-urlencoded"}
        return {"x-token": "a-made-up-token", **headers}

    def samples(self) -> list[Sample]:
        form = {"id": "17", "from": "+79161234567", "text": "Привет"}
        form["sent_at"] = "2026-11-21T10:00:00Z"
        return [Sample(urlencode(form).encode())]
