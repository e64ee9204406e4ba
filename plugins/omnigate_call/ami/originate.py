"""What begins an attempt by ``Originate``: whom to ring first, and what to do with who answers.

Source: Asterisk 22 "AMI", action Originate, and application Dial (docs.asterisk.org, read 2026-11-22).
"""

from __future__ import annotations

import omnigate
from omnigate_call.dialstring import filled, lasting
from omnigate_call.driver import Attempt


def originate(attempt: Attempt, name: str, customer_endpoint: str) -> list[tuple[str, str]]:
    """Return the fields of the action; ``name`` is the channel's that rings the first phone."""
    first, second = (_endpoint(attempt, leg, customer_endpoint) for leg in attempt.legs)
    seen_by = {
        "agent": attempt.customer if attempt.caller_id is not None else None,
        "customer": attempt.caller_id,
    }
    # Who is dialled by the second half sees what `f` says, and not the first half's number.
    shown = seen_by[attempt.legs[1]]
    options = f"f({shown})" if shown is not None else ""
    options += f"L({round(attempt.max_seconds) * 1000})"
    fields = [
        ("Channel", first),
        ("Application", "Dial"),
        ("Data", f"{second},{round(attempt.ring_seconds)},{options}"),
        ("Timeout", str(round(attempt.ring_seconds * 1000))),
        ("ChannelId", name),
        ("Async", "true"),
    ]
    if (own := seen_by[attempt.legs[0]]) is not None:
        fields.append(("CallerID", own))
    return fields


def not_rung(attempt: Attempt) -> str:
    """Return in words that the first phone cannot be rung, and what to look at."""
    if attempt.legs[0] == "agent":
        return f"the agent's phone {attempt.agent.endpoint} cannot be rung; is it registered?"
    return "the customer's phone cannot be rung; does customer_endpoint name a trunk?"


def _endpoint(attempt: Attempt, leg: omnigate.Leg, customer_endpoint: str) -> str:
    if leg == "customer":
        return lasting(filled(customer_endpoint, attempt.customer))
    return lasting(attempt.agent.endpoint or "")
