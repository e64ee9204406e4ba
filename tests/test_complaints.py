"""What is wrong with data is said in the sender's words, never in the validator's."""

import json
import re
from datetime import datetime
from typing import Annotated, Any, Literal

import pytest
from pydantic import AwareDatetime, BaseModel, Field, StringConstraints, ValidationError
from pydantic_core import PydanticKnownError
from pydantic_core._pydantic_core import list_all_errors

from omnigate.complaints import UNKNOWN, complaint, complaints
from omnigate.model.outbound import OutboundMessage

RAW = re.compile(
    r"Input should|Field required|Extra inputs|Value error|Assertion failed|should have|should match"
    r"|value_error|type=|valid (string|integer|list|dict|bool)|NoneType|instance of|\{\w+\}"
)
CNV = "cnv_" + "0" * 26


class Wanted(BaseModel):
    """Something with a bit of everything."""

    name: Annotated[str, StringConstraints(min_length=1, max_length=3)] = "x"
    state: Literal["open", "closed"] = "open"
    count: Annotated[int, Field(ge=1, le=5)] = 1
    since: (
        Annotated[str, StringConstraints(pattern=r"^evt_[0-9a-v]{26}$")] | AwareDatetime | None
    ) = None
    tags: list[str] = []


def said(model: type[BaseModel], value: Any) -> dict[str, str]:
    with pytest.raises(ValidationError) as caught:
        model.model_validate_json(json.dumps(value))
    return dict(complaints(caught.value, value, quoting=True))


@pytest.mark.parametrize("known", list_all_errors(), ids=lambda known: known["type"])
def test_no_complaint_of_the_validator_is_passed_on_in_its_own_words(known):
    context = known["example_context"]
    if known["type"] in ("value_error", "assertion_error"):
        context = {"error": ValueError("until is before since")}
    error = (
        PydanticKnownError(known["type"], context) if context else PydanticKnownError(known["type"])
    )
    item: Any = {
        "type": known["type"],
        "loc": ("x",),
        "msg": error.message(),
        "input": "x",
        "ctx": context or {},
    }
    message = complaint(item)
    assert message
    assert not RAW.search(message), message


def test_the_check_finds_the_validators_own_words():
    with pytest.raises(ValidationError) as caught:
        Wanted.model_validate({"state": "x", "count": "y"})
    for item in caught.value.errors():
        assert RAW.search(item["msg"])


@pytest.mark.parametrize(
    ("value", "path", "message"),
    [
        ({"name": ""}, "name", "expected at least 1 character"),
        ({"name": "long"}, "name", "expected at most 3 characters"),
        ({"name": 5}, "name", "expected a text"),
        ({"state": "ajar"}, "state", "expected 'open' or 'closed', got 'ajar'"),
        ({"state": "\x1b[2J"}, "state", r"expected 'open' or 'closed', got '\x1b[2J'"),
        ({"count": 0}, "count", "expected 1 or more"),
        ({"count": "x"}, "count", "expected a whole number"),
        ({"count": 1.5}, "count", "expected a whole number"),
        ({"tags": "one"}, "tags", "expected a list"),
        ({"tags": ["one", 2]}, "tags.1", "expected a text"),
    ],
)
def test_it_is_said_what_is_allowed(value, path, message):
    assert said(Wanted, value) == {path: message}


def test_of_two_forms_the_nearer_one_is_complained_about():
    text = {"text": "hello"}
    assert said(OutboundMessage, {**text, "to": {"conversation": "junk"}}) == {
        "to.conversation": "expected an identifier that begins with cnv_"
    }
    assert said(OutboundMessage, {**text, "to": {"channel": "app", "address": "junk"}}) == {
        "to.address": "an address is scheme:path, for example tel:+79161234567"
    }
    assert said(OutboundMessage, {**text, "to": {"channel": "app"}}) == {"to.address": "is missing"}
    assert said(OutboundMessage, {**text, "to": 5}) == {"to": "expected an object"}
    assert said(OutboundMessage, {"to": {"conversation": CNV}}) == {
        "": "a message needs text, attachments or a location"
    }


def test_of_two_values_both_are_named():
    assert said(Wanted, {"since": "soon"}) == {
        "since": "expected an identifier that begins with evt_"
        " or a time with its offset such as 2026-08-21T09:30:00Z"
    }


def test_a_key_that_is_called_like_a_class_is_a_key():
    class Outer(BaseModel):
        inner: dict[str, Wanted]

    assert said(Outer, {"inner": {"Wanted": {"count": 9}}}) == {
        "inner.Wanted.count": "expected 5 or less"
    }


def test_there_are_not_more_complaints_than_anybody_reads():
    with pytest.raises(ValidationError) as caught:
        Wanted.model_validate({"tags": [5] * 100})
    assert len(complaints(caught.value, {"tags": [5] * 100})) == 20


def test_data_that_is_not_kept_leaves_the_path_as_it_is():
    with pytest.raises(ValidationError) as caught:
        Wanted.model_validate({"count": 9, "since": datetime(2026, 1, 1)})  # noqa: DTZ001  # meant
    assert dict(complaints(caught.value, UNKNOWN))["count"] == "expected 5 or less"


def test_nothing_of_the_data_is_repeated_unless_it_goes_back_to_its_sender():
    with pytest.raises(ValidationError) as caught:
        Wanted.model_validate({"state": "a secret"})
    assert dict(complaints(caught.value)) == {"state": "expected 'open' or 'closed'"}
