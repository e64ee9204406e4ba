"""``/admin/doctor``: asks every platform and backend, and looks at the machine."""

from __future__ import annotations

from typing import Final, Literal

from aiohttp import web
from pydantic import BaseModel, ConfigDict, Field

from omnigate.model.text import Model
from omnigate.server.operations import Call, Operation


class DoctorQuery(Model):
    """What is to be examined."""

    subject: str | None = Field(
        None, max_length=200, description="Only this one, as `channel site` or `disk`."
    )


class FindingShown(BaseModel):
    """One thing that was looked at."""

    model_config = ConfigDict(from_attributes=True)

    subject: str
    state: Literal["good", "warning", "bad"]
    message: str
    remedy: str
    """What to do about it; empty when there is nothing to do."""


class Examination(BaseModel):
    """All that was found."""

    ok: bool
    findings: list[FindingShown]


async def examine(call: Call) -> web.StreamResponse:
    """Answer with what was found; asks the platforms, changes nothing."""
    query: DoctorQuery = call.query
    found = [
        FindingShown.model_validate(known) for known in await call.services.examine(query.subject)
    ]
    return call.answer(Examination(ok=all(known.state != "bad" for known in found), findings=found))


OPERATIONS: Final = (
    Operation(
        method="GET",
        path="/admin/doctor",
        summary="Ask every platform and backend, and look at the machine",
        run=examine,
        scope="admin",
        query=DoctorQuery,
        answers=Examination,
    ),
)
