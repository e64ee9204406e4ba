"""Calls: two people brought together by phone, and what became of it."""

from __future__ import annotations

from typing import Annotated, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from omnigate.model.attachment import Attachment, AttachmentRef
from omnigate.model.inbound import Inbound
from omnigate.model.text import Model, ShortText, Timestamp

CallState = Literal[
    "requested",
    "queued",
    "dialling",
    "agent_ringing",
    "agent_answered",
    "customer_ringing",
    "customer_answered",
    "bridged",
    "completed",
    "agent_no_answer",
    "agent_busy",
    "customer_no_answer",
    "customer_busy",
    "customer_rejected",
    "failed",
    "cancelled",
    "blocked",
    "expired",
    "unknown",
]
"""Where a call is.

``requested`` wanted and due; ``queued`` to be tried at ``callback_at``; ``dialling`` the platform is being
told; then what the two phones do, in whichever order they are rung; ``bridged`` they talk. It ends
``completed`` when they talked, ``cancelled`` by who wanted it, ``blocked`` by a rule, ``expired`` when it
could not be tried in time, otherwise as the last phone did. ``unknown``: nobody can tell what became of it;
held until the platform or an operator does.
"""

Leg = Literal["agent", "customer"]

CONNECTED: Final[frozenset[CallState]] = frozenset({"completed", "cancelled"})
"""Ends after which nobody has to call back."""
MISSED: Final[frozenset[CallState]] = frozenset(
    {
        "agent_no_answer",
        "agent_busy",
        "customer_no_answer",
        "customer_busy",
        "customer_rejected",
        "failed",
        "blocked",
        "expired",
    }
)
"""Ends without a talk: somebody should see to it."""
ENDED: Final = CONNECTED | MISSED
WAITING: Final[frozenset[CallState]] = frozenset({"requested", "queued"})
"""Nothing has been dialled yet, or not again."""

CallId = Annotated[str, StringConstraints(pattern=r"^cal_[0-9a-v]{26}$")]


class CallFact(BaseModel):
    """Frozen data as events and the API show it; readers ignore what they do not know."""

    model_config = ConfigDict(
        defer_build=True,
        frozen=True,
        extra="ignore",
        hide_input_in_errors=True,
        use_attribute_docstrings=True,
        json_schema_serialization_defaults_required=True,
    )


class CallLeg(CallFact):
    """One of the two phones."""

    leg: Leg
    ringing_at: Timestamp | None = None
    answered_at: Timestamp | None = None
    ended_at: Timestamp | None = None
    cause: int | None = None
    """Why it ended, as ITU-T Q.850 numbers causes: 16 normal, 17 busy, 19 no answer."""
    cause_text: str | None = None
    sip_code: int | None = None
    provider_id: str | None = None
    """What the platform calls this leg."""


class Call(CallFact):
    """A call as events and the API show it."""

    id: str
    state: CallState
    direction: Literal["callback", "inbound", "outbound"] = "callback"
    customer: str
    """The customer's number, E.164."""
    agent: str | None = None
    """Who is rung for the company, as the configuration names it."""
    requested_at: Timestamp
    callback_at: Timestamp | None = None
    """When it is tried, or tried again; null when that is now or over."""
    expires_at: Timestamp | None = None
    """It is not tried after this moment."""
    attempt: int = 0
    """How often it was tried."""
    leg: Leg | None = None
    """Whose phone the event is about; null where it is about both."""
    legs: list[CallLeg] = Field(default_factory=list)
    """Of the latest attempt, in the order in which they were rung."""
    bridged_at: Timestamp | None = None
    """When the two began to hear each other."""
    ring_seconds: float | None = None
    """From the customer's first ringing to the answer."""
    talk_seconds: float | None = None
    """From the moment they heard each other until the first hung up."""
    ended_at: Timestamp | None = None
    cause: int | None = None
    """Why it ended, as ITU-T Q.850 numbers causes; 102 where it was ended because it lasted too long."""
    cause_text: str | None = None
    """In the platform's words; ``too_long`` where it was ended because it lasted too long."""
    recording: Attachment | None = None
    error: str | None = None
    """Why it was refused, failed or is unknown, for a person."""
    source: Literal["api", "operator", "widget"] = "api"
    """Who asked for it."""
    from_conversation: str | None = None
    """The conversation in which it was asked for."""
    note: str | None = None
    """What the agent should know beforehand."""
    consent: bool = False
    """The customer agreed to the text that the channel had when the call was asked for."""
    client_ref: str | None = None
    provider_ids: dict[str, str] = Field(default_factory=dict)


class CallWanted(Model):
    """What somebody asks for: the company calls this customer."""

    number: ShortText
    """As it was typed; see ``region``."""
    region: Annotated[str, StringConstraints(pattern=r"^[A-Z]{2}$")] | None = None
    """The country of a number that is written without one; the channel's own when it is None."""
    agent: ShortText | None = None
    """One of the channel's agents; the channel chooses when it is None."""
    callback_at: Timestamp | None = None
    """Not before this moment."""
    name: ShortText | None = None
    """The customer's, as far as it is known."""
    note: ShortText | None = None
    consent: bool = False
    """The customer has agreed to what the channel's consent text says."""
    source: Literal["api", "operator", "widget"] = "api"
    from_conversation: ShortText | None = None
    """Our id of the conversation in which it was asked for."""
    contact: ShortText | None = None
    """Our id of the contact who is to be called, where somebody named one."""
    ip: ShortText | None = None
    """The network address of whoever asked, where it was the customer."""
    site: ShortText | None = None
    """The site it was asked for on, as browsers name origins."""
    client_ref: Annotated[str, StringConstraints(max_length=100)] | None = None


class CallUpdate(Inbound):
    """What became of a call; ``external_id`` is unique for each step of each attempt.

    Steps may come late, twice and in any order: a call never goes back within an attempt, and what
    is late still fills in its leg. An end of an attempt with ``retry_at`` puts the call back in the queue.
    """

    call: CallId
    attempt: int = Field(ge=0)
    """Which attempt it is about; what is about an earlier one changes nothing."""
    state: CallState | None = None
    """None: only details are new."""
    leg: Leg | None = None
    cause: int | None = Field(None, ge=0, le=1000)
    cause_text: ShortText | None = None
    sip_code: int | None = Field(None, ge=0, le=999)
    agent: ShortText | None = None
    ring_seconds: float | None = Field(None, ge=0)
    talk_seconds: float | None = Field(None, ge=0)
    recording: AttachmentRef | None = None
    provider_ids: dict[str, ShortText] = Field(default_factory=dict, max_length=20)
    """What the platform calls it; under ``agent`` and ``customer`` what it calls that leg, told with it."""
    error: ShortText | None = None
    retry_at: Timestamp | None = None
    """With an end: the attempt is over, and the call is to be tried again then."""
