"""Platforms to talk to where no account is: strict, seeded, on loopback.

Each emulator is one asyncio service that refuses what its platform refuses, in the platform's own
words, and shows what the customer sees. They are for tests, benchmarks and the demo; the daemon
itself never imports them.
"""

from __future__ import annotations
