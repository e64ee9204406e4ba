"""The kit for plugin authors: hosts without a daemon, a loopback server and receiver, conformance suites,
and platforms that cannot be reached from here, emulated.

See docs/plugins.md. Needs pytest; its coroutines run under the pytest plugin of anyio.
"""

from omnigate.emulators.asterisk import AsteriskEmulator
from omnigate.emulators.telegram import TelegramEmulator
from omnigate.emulators.vk import VkEmulator
from omnigate.testing.backends import BackendConformance, HttpBackendConformance, sample_event
from omnigate.testing.calls import CallChannelConformance
from omnigate.testing.channels import (
    ChannelConformance,
    IntakeConformance,
    Sample,
    WebhookChannelConformance,
)
from omnigate.testing.hosts import FakeBackendHost, FakeHost
from omnigate.testing.memory import MemoryStore
from omnigate.testing.receiver import LoopbackReceiver, Received, loopback_receiver
from omnigate.testing.server import serve, serve_app

__all__ = [
    "AsteriskEmulator",
    "BackendConformance",
    "CallChannelConformance",
    "ChannelConformance",
    "FakeBackendHost",
    "FakeHost",
    "HttpBackendConformance",
    "IntakeConformance",
    "LoopbackReceiver",
    "MemoryStore",
    "Received",
    "Sample",
    "TelegramEmulator",
    "VkEmulator",
    "WebhookChannelConformance",
    "loopback_receiver",
    "sample_event",
    "serve",
    "serve_app",
]
