"""Samples fit their schema; signatures are judged as the official library judges them."""

import io
import json
import sys
from datetime import UTC, datetime, timedelta

import jsonschema_rs
import pytest
from standardwebhooks import Webhook

from omnigate.model.event import EventType, json_schema
from omnigate.signing import new_secret

SECRET = new_secret()


@pytest.mark.parametrize("event_type", EventType)
def test_the_sample_of_every_type_fits_its_schema(omnigate, event_type):
    printed = omnigate("webhook", "sample", event_type)
    sample = json.loads(printed.out)
    jsonschema_rs.validator_for(json_schema(event_type)).validate(sample)
    assert sample["type"] == event_type


def test_without_a_type_all_samples_are_printed(omnigate):
    samples = json.loads(omnigate("webhook", "sample").out)
    assert [item["type"] for item in samples] == list(EventType)


@pytest.mark.parametrize("event_type", [one for one in EventType if one.startswith("call.")])
def test_the_sample_of_a_call_is_of_a_channel_that_calls(omnigate, event_type):
    sample = json.loads(omnigate("webhook", "sample", event_type).out)
    call = sample["data"]["call"]
    assert sample["channel"] == {"name": "phone", "kind": "call"}
    assert sample["conversation"]["external_id"] == call["customer"]
    assert sample["conversation"]["id"] != call["from_conversation"]
    addresses = [each["address"] for each in sample["contact"]["addresses"]]
    assert f"tel:{call['customer']}" in addresses
    has_rung = event_type not in ("call.requested", "call.queued", "call.unknown")
    assert bool(call["legs"]) == has_rung


def test_an_unknown_type_gets_a_suggestion(omnigate):
    result = omnigate("webhook", "sample", "message.recieved")
    assert result.code == 2
    assert "Did you mean message.received?" in result.err


@pytest.fixture
def verify(omnigate, monkeypatch):
    """Verify a body signed by the official library, with parts exchanged."""

    def run(*, body: bytes = b'{"a": 1}', given: bytes | None = None, ago: float = 0, **options):
        moment = datetime.now(UTC) - timedelta(seconds=ago)
        signature = Webhook(SECRET).sign("evt_1", moment, body.decode())
        arguments = {
            "--id": "evt_1",
            "--timestamp": str(int(moment.timestamp())),
            "--signature": signature,
            "--secret": SECRET,
        } | {f"--{key.replace('_', '-')}": value for key, value in options.items()}
        monkeypatch.setattr(
            sys, "stdin", io.TextIOWrapper(io.BytesIO(given if given is not None else body))
        )
        flat = [word for pair in arguments.items() if pair[1] is not None for word in pair]
        return omnigate("webhook", "verify", *flat)

    return run


def test_a_good_signature_is_good(verify):
    result = verify()
    assert (result.code, result.out) == (0, "The signature is good.\n")


def test_the_secret_may_stand_in_a_file_or_the_environment(verify, directory, monkeypatch):
    (directory / "secret").write_text(SECRET + "\n")
    assert verify(secret=None, secret_file="secret").code == 0
    monkeypatch.setenv("OMNIGATE_WEBHOOK_SECRET", SECRET)
    assert verify(secret=None).code == 0


@pytest.mark.parametrize(
    ("change", "code", "said"),
    [
        ({"given": b'{"a": 2}'}, 1, "matches no secret"),
        ({"given": b""}, 1, "standard input was empty"),
        ({"id": "evt_2"}, 1, "matches no secret"),
        ({"signature": "v1,AAAA"}, 1, "matches no secret"),
        ({"timestamp": "noon"}, 1, "not in whole seconds"),
        ({"ago": 3600}, 1, "off our clock"),
        ({"ago": 3600, "tolerance_seconds": "7200"}, 0, ""),
        ({"secret": new_secret()}, 1, "matches no secret"),
        ({"secret": "hunter2"}, 2, "The secret cannot be used"),
        ({"secret": None}, 2, "One secret is needed"),
        ({"secret": None, "secret_file": "nowhere"}, 2, "cannot be read"),
    ],
)
def test_what_is_wrong_is_said(verify, change, code, said):
    result = verify(**change)
    assert result.code == code
    assert said in result.err
    assert "hunter2" not in result.err
