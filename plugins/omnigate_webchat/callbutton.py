"""The call button: what is offered, the visitor's one call, and how it goes.

    offer → request (age, limits, consent) → host.request_call → call_changed … → over

A visitor has one call at a time. What is shown is kept here, for every tab and every reload: the host
tells of each change once, and at a start what is still open.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

import omnigate
from omnigate_webchat import phone
from omnigate_webchat.answers import Frame, Refusal
from omnigate_webchat.callview import is_open, shown_state, view_of
from omnigate_webchat.config import CallButton
from omnigate_webchat.forms import FormRejected
from omnigate_webchat.frames import CallData
from omnigate_webchat.gate import Place
from omnigate_webchat.limits import Buckets
from omnigate_webchat.tokens import Pass

SHOWN_SECONDS: Final = 600.0
"""How long the end of a call is told to who comes back."""
_AGAIN_SECONDS: Final = 86_400.0
"""Within it, a second call has to be confirmed."""
_MOST_KEPT: Final = 20_000
_ATTEMPTS: Final = 10
_ATTEMPTS_OF_NETWORK: Final = 100
_ATTEMPT_SECONDS: Final = 600

_NOBODY_CALLS: Final = "no_channel"
"""The code where there is no channel to decide."""
_ABOUT_THE_NUMBER: Final = frozenset({"bad_number", "number_type", "own_number"})
"""Codes of refusals that another number would help; all others look alike to the visitor."""
_CODES: Final = {"number": "bad_number", "consent": "no_consent"}
"""What the calling channel calls a fault of a field."""


@dataclass(slots=True)
class _Known:
    """The latest call of a conversation."""

    call: omnigate.Call
    asked_at: float
    """Monotonic, as are the others."""
    begun_at: float | None = None
    """When it was first seen to be more than waiting."""
    ended_at: float | None = None


class Calls:
    """Everything that the widget of one channel does about calls."""

    def __init__(
        self,
        button: CallButton | None,
        host: omnigate.ChannelHost,
        push: Callable[[str, Frame], None],
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """``push`` hands a frame to the tabs of a conversation."""
        self._button = button
        self._host = host
        self._push = push
        self._now = now
        self._clock = clock
        self._known: OrderedDict[str, _Known] = OrderedDict()
        self._asking: set[str] = set()
        self._attempts = Buckets(_ATTEMPTS, per_seconds=_ATTEMPT_SECONDS, clock=clock)
        self._network_attempts = Buckets(
            _ATTEMPTS_OF_NETWORK, per_seconds=_ATTEMPT_SECONDS, clock=clock
        )
        limits = button or CallButton(channel="none")
        self._calls = Buckets(limits.per_hour, per_seconds=3600, clock=clock)
        self._network_calls = Buckets(limits.per_hour_per_network, per_seconds=3600, clock=clock)

    async def load(self) -> None:
        """Learn which calls are still open from before a restart."""
        if self._button is None:
            return
        for conversation, call in await self._host.calls_asked():
            if conversation not in self._known:
                self.changed(conversation, call)

    def is_offered(self) -> bool:
        """Tell whether visitors can ask for a call."""
        return self._offer() is not None

    def changed(self, conversation: str, call: omnigate.Call) -> None:
        """Take in how a call is now, and show it in every tab."""
        before = self._known.get(conversation)
        if (
            before is not None
            and before.call.id != call.id
            and call.requested_at < (before.call.requested_at)
        ):
            return  # late news of a call before the one that is shown
        self._remember(conversation, call)
        self._push(conversation, {"t": "call", "d": {"call": self.view(conversation)}})

    def view(self, conversation: str) -> Frame | None:
        """Return the call of a conversation as its visitor sees it; None without one, and long after."""
        known = self._known.get(conversation)
        if known is None or self._button is None:
            return None
        now = self._clock()
        if known.ended_at is not None and now - known.ended_at > SHOWN_SECONDS:
            return None
        since = known.begun_at
        left = None if since is None else max(0.0, self._button.within_seconds - (now - since))
        return view_of(known.call, left)

    def tag(self, conversation: str) -> str:
        """Return what changes whenever what is shown of a call does; empty without a call."""
        view = self.view(conversation)
        return "" if view is None else str(view["tag"])

    def offer(self) -> Frame:
        """Return what the visitor is to know before asking; raises `Refusal` where nobody calls."""
        offer = self._offer()
        if offer is None:
            raise Refusal("not_found", "nobody is called from here")
        opens_at = offer.opens_at
        return {
            "open": offer.is_open,
            "opens_at": None if opens_at is None else omnigate.rfc3339(opens_at),
            "region": offer.region,
            "regions": phone.dial_codes(offer.regions or None),
            "consent": dict(offer.consent),
        }

    def is_under_way(self, who: Pass) -> bool:
        """Tell whether the visitor has a call that is not over."""
        known = self._known.get(who.conversation)
        return known is not None and is_open(known.call)

    def check(self, who: Pass, wanted: CallData) -> None:
        """Count an attempt and raise what is against it: `Refusal`, `Overloaded`, `FormRejected`."""
        button, offer = self._button, self._offer()
        if offer is None or button is None:
            raise Refusal("not_found", "nobody is called from here")
        age_seconds = self._now().timestamp() - who.since
        if age_seconds < button.session_seconds:
            wait_seconds = button.session_seconds - age_seconds
            raise omnigate.Overloaded("this visit has only begun", wait_seconds)
        _spend((self._attempts, who.visitor), (self._network_attempts, who.network))
        if faults := _faults(wanted, offer):
            for field in faults:
                self._note(_CODES[field], who)
            raise FormRejected(faults)
        known = self._known.get(who.conversation)
        recent = known is not None and self._clock() - known.asked_at < _AGAIN_SECONDS
        if recent and not wanted.again:
            raise Refusal("confirm", "there was a call already: it has to be confirmed")
        try:
            _spend((self._calls, who.visitor), (self._network_calls, who.network))
        except Refusal:
            self._note("limit_reached", who)
            raise

    async def request(self, who: Pass, place: Place, cid: str, wanted: CallData) -> Frame | None:
        """Ask for a call that was checked; return how it is. Durable on return, once per ``cid``.

        While a visitor has a call, that one is returned. Raises as `check`, and what the host raises.
        The conversation is known to the host.
        """
        conversation = who.conversation
        if self.is_under_way(who):
            return self.view(conversation)
        if self._button is None or conversation in self._asking:
            raise omnigate.Overloaded("a call is being asked for", 1.0)
        self._asking.add(conversation)
        try:
            call = await self._host.request_call(
                self._button.channel,
                _wish(who, place, wanted),
                key=f"{who.visitor}:{cid}",
            )
        except omnigate.Refused as refused:
            raise self._plainly(refused) from None
        finally:
            self._asking.discard(conversation)
        known = self._known.get(conversation)
        # Its first steps may have been heard of before the answer came.
        if known is None or known.call.id != call.id:
            self.changed(conversation, call)
        return self.view(conversation)

    async def cancel(self, who: Pass, call_id: str) -> Frame | None:
        """Take the visitor's call back; return how it is then. Raises `Refusal` for any other."""
        call = await self._host.cancel_call(who.conversation, call_id)
        if call is None:
            raise Refusal("not_found", "there is no such call")
        known = self._known.get(who.conversation)
        if known is None or known.call.id == call.id:
            self.changed(who.conversation, call)
        return self.view(who.conversation)

    def _offer(self) -> omnigate.CallOffer | None:
        return None if self._button is None else self._host.call_offer(self._button.channel)

    def _note(self, code: str, who: Pass) -> None:
        """Log a refusal that the calling channel never hears of, in its words."""
        self._host.log.warning("a call is refused", code=code, source="widget", ip=who.network)

    def _plainly(self, refused: omnigate.Refused) -> Exception:
        """Return what the visitor hears of a refusal: nothing of the rule."""
        if refused.code == _NOBODY_CALLS:  # what a calling channel refuses it logs itself
            self._host.log.warning("a call is refused", code=refused.code, source="widget")
        if refused.code in _ABOUT_THE_NUMBER:
            return FormRejected({"number": "phone"})
        return Refusal("forbidden", "this call cannot be made")

    def _remember(self, conversation: str, call: omnigate.Call) -> None:
        now = self._clock()
        known = self._known.get(conversation)
        if known is None or known.call.id != call.id:
            known = self._known[conversation] = _Known(call, asked_at=now)
        known.call = call
        if shown_state(call) == "waiting":
            known.begun_at = None
        elif known.begun_at is None:
            known.begun_at = now
        known.ended_at = None if is_open(call) else known.ended_at or now
        self._known.move_to_end(conversation)
        self._forget()

    def _forget(self) -> None:
        """Drop the oldest that are over; what is open stays, the calling channel bounds it."""
        while len(self._known) > _MOST_KEPT:
            over = next((key for key, one in self._known.items() if one.ended_at is not None), None)
            if over is None:
                return
            del self._known[over]


def _spend(*limits: tuple[Buckets, str]) -> None:
    """Count against limits; raises `Refusal` where one is reached, without saying which."""
    for bucket, key in limits:
        if bucket.wait_seconds(key):
            raise Refusal("forbidden", "no more calls can be asked for just now")


def _faults(wanted: CallData, offer: omnigate.CallOffer) -> dict[str, str]:
    """Return what is wrong with a wish, field by field."""
    faults = {}
    region = wanted.region or offer.region
    if not phone.looks_like_number(wanted.number) or phone.e164(wanted.number, region) is None:
        faults["number"] = "phone"
    if offer.consent and not wanted.consent:
        faults["consent"] = "required"
    return faults


def _wish(who: Pass, place: Place, wanted: CallData) -> omnigate.CallWanted:
    """Return the wish in the model's terms; address and site are what the server knows."""
    return omnigate.CallWanted(
        number=wanted.number,
        region=wanted.region,
        name=who.name,
        consent=wanted.consent,
        source="widget",
        from_conversation=who.conversation,
        ip=place.ip,
        site=place.site,
    )
