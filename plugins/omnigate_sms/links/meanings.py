"""What a provider's refusal of a text means, beside what `omnigate.Meaning` has for every provider.

A text that may have been taken is never sent again by itself: an answer that does not say which it was
raises `omnigate.Uncertain`.
"""

from __future__ import annotations

from typing import Final

import omnigate

BAD_SENDER: Final = omnigate.Meaning(
    "refused", "bad_sender", "is the sender registered with the provider?"
)
OPTED_OUT: Final = omnigate.Meaning("refused", "recipient_opted_out")
THROTTLED: Final = omnigate.Meaning("unavailable", seconds=1.0)


def of_status(answer: omnigate.Answer) -> omnigate.OmnigateError:
    """Return what an answer means that says nothing in the provider's own words."""
    return answer.judge("the text was taken")
