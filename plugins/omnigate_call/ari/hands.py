"""What is asked of the switch for one attempt: phones rung, brought together, recorded and hung up."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Mapping
from typing import Final

import omnigate
from omnigate_call.ari.rest import CONFLICT, FAILED, NOT_FOUND, Denied, Rest
from omnigate_call.dialstring import filled
from omnigate_call.driver import Attempt
from omnigate_call.names import Names
from omnigate_call.phone import Phone

RING_GRACE_SECONDS: Final = 3.0
"""The switch gives up ringing by itself; so long after that we do."""
RECORDING_FORMAT: Final = "wav"

_HUNG_UP: Final = "normal"


class Hands:
    """Asks the switch. Whatever is so already is a success; all else raises as `Rest.ask`."""

    def __init__(self, attempt: Attempt, names: Names, rest: Rest, customer_endpoint: str) -> None:
        self._attempt = attempt
        self._names = names
        self._rest = rest
        self._customer_endpoint = customer_endpoint
        self.whole = names.whole(attempt.call_id, attempt.number)
        """The name of the attempt's bridge and recording."""

    def endpoint(self, phone: Phone) -> str:
        """Return what is dialled for a phone."""
        if phone.leg == "customer":
            return filled(self._customer_endpoint, self._attempt.customer)
        return self._attempt.agent.endpoint or ""

    async def ring(self, phone: Phone, *, originator: Phone | None = None) -> None:
        """Have a phone rung; its name is ours before the switch hears of it."""
        attempt = self._attempt
        whose = attempt.customer if phone.leg == "agent" else attempt.caller_id
        query = {
            "endpoint": self.endpoint(phone),
            "app": self._names.app,
            "appArgs": f"{attempt.call_id},{attempt.number},{phone.leg}",
            "timeout": str(round(attempt.ring_seconds)),
            "channelId": phone.name,
        }
        if whose is not None:
            query["callerId"] = whose
        if originator is not None:
            query["originator"] = originator.name
        # The switch itself ends what a daemon that died has left.
        longest = round(2 * (attempt.ring_seconds + RING_GRACE_SECONDS) + attempt.max_seconds)
        body = {"variables": {"TIMEOUT(absolute)": str(longest)}}
        phone.asked_at = _now()
        await self._once(self._rest.ask("POST", "channels", query=query, body=body))
        phone.has_shown(_now())

    async def make_bridge(self) -> None:
        """Make the bridge of the attempt."""
        query = {"type": "mixing", "bridgeId": self.whole, "name": self.whole}
        await self._once(self._rest.ask("POST", "bridges", query=query))

    async def let_hear_ringing(self, phone: Phone, *, begins: bool) -> None:
        """Let one who has answered hear that the other phone rings; what does not come about is no harm."""
        method = "POST" if begins else "DELETE"
        try:
            await self._rest.ask(method, "channels", phone.name, "ring")
        except FAILED:
            return

    async def join(self, *phones: Phone) -> None:
        """Put phones into the bridge. One that is being hung up cannot be: its end is about to be told."""
        both = ",".join(phone.name for phone in phones)
        await self._rest.ask("POST", "bridges", self.whole, "addChannel", query={"channel": both})

    async def record(self) -> None:
        """Have what is said in the bridge recorded."""
        query = {
            "name": self.whole,
            "format": RECORDING_FORMAT,
            "maxDurationSeconds": str(round(self._attempt.max_seconds)),
            "ifExists": "fail",
            "terminateOn": "none",
        }
        await self._once(self._rest.ask("POST", "bridges", self.whole, "record", query=query))

    async def has_recording(self) -> bool:
        """Tell whether the switch has stored a recording of the attempt."""
        try:
            await self._rest.ask("GET", "recordings", "stored", self.whole)
        except Denied as error:
            if error.status != NOT_FOUND:
                raise
            return False
        return True

    async def hang_up(self, phone: Phone) -> bool:
        """Have a phone hung up; return False where the switch has none of this name."""
        phone.cut_at = _now()
        return await self._deleted("channels", phone.name, query={"reason": _HUNG_UP})

    async def drop_bridge(self) -> None:
        """Remove the bridge of the attempt."""
        await self._deleted("bridges", self.whole)

    async def _deleted(self, *path: str, query: Mapping[str, str] | None = None) -> bool:
        try:
            await self._rest.ask("DELETE", *path, query=query)
        except Denied as error:
            if error.status != NOT_FOUND:
                raise
            return False
        return True

    async def _once(self, asking: Awaitable[object]) -> None:
        """Have something made whose name is ours: one of this name is it."""
        try:
            await asking
        except Denied as error:
            if error.status != CONFLICT:
                raise


def not_rung(leg: omnigate.Leg, endpoint: str, error: Denied) -> str:
    """Return why a phone could not even be rung; a customer's is not named in logs."""
    which = f"the agent's phone {endpoint}" if leg == "agent" else "the customer's phone"
    advice = "is it registered?" if leg == "agent" else "does customer_endpoint name a trunk?"
    return f"{which} cannot be rung: {error}; {advice}"


def _now() -> float:
    return asyncio.get_running_loop().time()
