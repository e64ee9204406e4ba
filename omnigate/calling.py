"""The contract of channels that call people, beside `omnigate.channel`.

The daemon keeps calls as it keeps messages: a wish is on disk before anybody is told of it, the intent to
dial is committed before `CallChannel.dial`, and what happens comes back as `CallUpdate` items through
`ChannelHost.put`. When a call is tried, tried again and given up is the channel's to say (`admit`, and
``retry_at``); that it happens then, once, is the daemon's.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from typing import ClassVar, Final, get_args

from omnigate.capabilities import Capabilities, Estimate
from omnigate.channel import Channel
from omnigate.errors import Refused, Uncertain
from omnigate.model.call import Call, CallState, CallUpdate, CallWanted, Leg
from omnigate.model.outbound import OutboundPart, Sent
from omnigate.model.wish import Admission, CallOffer

RING_SECONDS: Final = 600.0
"""After so long without news of a call its platform is asked, unless its channel says another time."""
TALK_SECONDS: Final = 4 * 3600.0
"""And after so long where the two may be talking."""
LONGEST_SECONDS: Final = RING_SECONDS + TALK_SECONDS
"""So long after it was begun a call that still goes on is ended, unless its channel says another time."""

_BEFORE_A_TALK: Final[frozenset[CallState]] = frozenset(
    {"dialling", "agent_ringing", "agent_answered", "customer_ringing"}
)


class CallChannel(Channel):
    """A channel that brings the company and a customer together by phone.

    It may be asked for several calls at once, never twice for the same attempt of the same call.
    """

    capabilities: ClassVar[Capabilities] = Capabilities(on_uncertain="hold")

    @abstractmethod
    async def admit(self, wanted: CallWanted) -> Admission:
        """Decide about a wish and count it; raise `Refused` where a rule is against it.

        Numbers, countries, limits, working hours. What was counted must survive a restart: see
        `ChannelHost.put` with ``notes``.
        """

    @abstractmethod
    async def dial(self, call: Call) -> Mapping[str, str]:
        """Have the platform begin this attempt; return what it calls it (``leg_a``, ``leg_b`` …).

        Returns as soon as the platform has taken it, not when anybody answers. Raise as from
        `Channel.send`: `Refused` ends the call, `RetryLater` and `DestinationUnavailable` put it off
        (surely not dialled), `Uncertain` holds it as ``unknown`` unless `follow_up` can tell.
        ``call.id`` and ``call.attempt`` are the same for the same attempt. Anything else that is raised,
        or no answer within `Capabilities.send_seconds`, leaves it in doubt: `follow_up` is asked.
        """

    @abstractmethod
    async def hang_up(self, call: Call) -> None:
        """End a call, whatever it is doing; what is over already is a success.

        What becomes of it is told by a `CallUpdate` with ``cancelled``. Called again, also after a
        restart, until the end of the call is told; of a customer who was erased meanwhile the call says
        nothing but what the platform calls it. Raise `Refused` (``not_supported``) where the platform
        ends no call that it has begun: then it is not asked again, and the call goes on. ``provider_ids``
        are empty where the answer to `dial` was lost; raise `Uncertain` if nothing can be done without.
        """

    async def follow_up(self, call: Call) -> CallUpdate | None:
        """Ask the platform what became of an attempt that may have been begun.

        Return what is known, or None when the platform surely never heard of it: it may be dialled
        again. Raise `Uncertain` when nobody can tell, `DestinationUnavailable` to be asked again, and
        `RetryLater` while a platform that knows nothing of it may only not know of it yet. An answer
        that is not the platform's own, such as a proxy's 404, says nothing: `DestinationUnavailable`.

        Asked for an attempt in doubt (`dial` did not say how it went, or a restart found it ``dialling``)
        and for one of which nothing was told for `quiet_seconds`. None about one that the platform has
        taken holds it as ``unknown``: what was known once can only have been forgotten.
        """
        raise Uncertain(f"{self.kind} cannot ask what became of a call")

    def capacity(self) -> int | None:
        """Return how many calls may be under way at once, None for any number; asked anew each time. No I/O.

        The host takes off those that are, by its own store: from the moment before `dial` until their end
        is told. One that is held as ``unknown`` counts until `quiet_seconds` after it was begun.
        """
        return 1

    def quiet_seconds(self, call: Call) -> float:
        """Return for how long the platform need tell nothing of a call that stands so; at least 1. No I/O.

        After that it is asked by `follow_up`; where it does not say that the call goes on, that is held
        as ``unknown`` for the operator. Of one held already: how long a call can last at most.
        Where the platform tells only with the end that a phone was answered, say so here: the two may be
        talking while it seems to ring.
        """
        answered = [leg for leg in call.legs if leg.answered_at is not None]
        may_talk = call.state not in _BEFORE_A_TALK or len(answered) == len(get_args(Leg))
        return TALK_SECONDS if may_talk else RING_SECONDS

    def longest_seconds(self, call: Call) -> float:
        """Return how long after it was begun an attempt is over at the latest; at least 1. No I/O.

        One that goes on longer costs money for nobody: the platform is asked a last time, then it is ended by
        `hang_up`, and held as ``unknown`` where it cannot be, or is not told to be over two minutes later.
        Say more than `quiet_seconds`, or what only was not told to be over is ended as if it went on.
        """
        return LONGEST_SECONDS

    @abstractmethod
    def offer(self) -> CallOffer:
        """Return what a customer can be told before asking for a call. No I/O."""

    def estimate(self, part: OutboundPart) -> Estimate | None:
        """Refuse what `send` would, so that the CRM is told at once."""
        if type(self).send is CallChannel.send:
            raise _no_text()
        return None

    async def send(self, part: OutboundPart) -> Sent:
        """Refuse: nobody reads text here."""
        raise _no_text()


def _no_text() -> Refused:
    return Refused(
        "not_supported", "this channel calls people; it sends no text: POST /v1/calls calls them"
    )
