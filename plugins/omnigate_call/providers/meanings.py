"""What a provider's refusal of a call means, beside what `omnigate.Meaning` has for every provider.

A call that may have been placed is never placed again by itself: an answer that does not say which it was
raises `omnigate.Uncertain`.
"""

from __future__ import annotations

from typing import Final

import omnigate

BAD_CALLER: Final = omnigate.Meaning(
    "refused", "bad_caller_id", "is the number that calls one of yours?"
)
NO_AGENT: Final = omnigate.Meaning(
    "refused", "no_agent", "does the provider know this agent's extension or number?"
)
LATER: Final = omnigate.Meaning("later", seconds=30.0)
NOT_ALLOWED: Final = omnigate.Meaning(
    "unavailable", advice="may this address use the interface?", seconds=300.0
)


def of_status(answer: omnigate.Answer) -> omnigate.OmnigateError:
    """Return what an answer means that says nothing in the provider's own words."""
    return answer.judge("the call was placed")
