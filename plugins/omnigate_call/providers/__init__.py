"""Providers that place calls over HTTP."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from omnigate_call.providers.exolve import Exolve
from omnigate_call.providers.mango import Mango
from omnigate_call.providers.novofon import Novofon
from omnigate_call.providers.provider import HttpProvider
from omnigate_call.providers.sipuni import Sipuni
from omnigate_call.providers.twilio import Twilio
from omnigate_call.providers.zadarma import NovofonOld, Zadarma

PROVIDERS: Final[Mapping[str, type[HttpProvider]]] = {
    one.kind: one for one in (Zadarma, Mango, Sipuni, Exolve, Novofon, NovofonOld, Twilio)
}
"""By the name that ``driver`` in the configuration has; each has a table of its own there."""
