"""The console backend keeps what every backend must keep."""

from __future__ import annotations

from omnigate_console import Console

from omnigate.testing import BackendConformance


class TestConsole(BackendConformance):
    backend_class = Console

    def config(self, receiver_url):
        return {"format": "json"}
