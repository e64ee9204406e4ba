"""Signatures by the Standard Webhooks specification, judged by its official library."""

from __future__ import annotations

import base64
import json
import time
from datetime import datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BaseModel, ConfigDict, ValidationError
from standardwebhooks import Webhook, WebhookVerificationError

from omnigate.errors import Unauthorized
from omnigate.signing import Signer, SigningSecret, decode_secret, new_secret, sign, verify

# The vector of the specification's own libraries (standard-webhooks, libraries/python/tests).
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
VECTOR_ID = "msg_p5jXN8AQM9LWM0D4loKWxJek"
VECTOR_TIME = 1614265330
VECTOR_BODY = b'{"test": 2432232314}'
VECTOR_SIGNATURE = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="

OTHER = "whsec_" + base64.b64encode(b"another secret of 32 bytes, fine").decode()


def signed(body: bytes, *secrets: str, at: int | None = None) -> dict[str, str]:
    return Signer(secrets or (SECRET,)).headers("evt_1", at or int(time.time()), body)


def test_the_vector_of_the_specification_comes_out():
    assert sign([SECRET], VECTOR_ID, VECTOR_TIME, VECTOR_BODY) == VECTOR_SIGNATURE


def test_the_official_library_accepts_what_we_sign():
    body = json.dumps({"text": "Здравствуйте 👋"}).encode()
    assert Webhook(SECRET).verify(body, signed(body)) == json.loads(body)


def test_the_official_library_refuses_what_was_changed_after_signing():
    """S13."""
    with pytest.raises(WebhookVerificationError):
        Webhook(SECRET).verify(b'{"a":2}', signed(b'{"a":1}'))


def test_we_accept_what_the_official_library_signs():
    # The library signs an aware time wrongly unless it is UTC, and reads a naive one as local.
    now = datetime.now().replace(microsecond=0)  # noqa: DTZ005  # what the library expects
    headers = {
        "webhook-id": "msg_1",
        "webhook-timestamp": str(int(now.timestamp())),
        "webhook-signature": Webhook(SECRET).sign("msg_1", now, "{}"),
    }
    assert verify([SECRET], headers, b"{}", time.time()) == "msg_1"


@pytest.mark.parametrize("receiver", [SECRET, OTHER])
def test_during_rotation_receivers_with_either_secret_are_served(receiver):
    headers = signed(b"{}", OTHER, SECRET)
    assert headers["webhook-signature"].count("v1,") == 2
    assert Webhook(receiver).verify(b"{}", headers) == {}


@pytest.mark.parametrize("sender", [SECRET, OTHER])
def test_during_rotation_senders_with_either_secret_are_accepted(sender):
    assert verify([OTHER, SECRET], signed(b"{}", sender), b"{}", time.time()) == "evt_1"


def test_header_names_compare_without_case_and_unknown_versions_are_passed_over():
    headers = {name.title(): value for name, value in signed(b"{}").items()}
    headers["Webhook-Signature"] = "v1a,AAAA v9,xx " + headers["Webhook-Signature"]
    assert verify([SECRET], headers, b"{}", time.time()) == "evt_1"


@pytest.mark.parametrize("age_seconds", [-301, 301, 10**9, -(10**9)])
def test_stale_and_future_requests_are_refused(age_seconds):
    """S8."""
    now = 1_700_000_000
    headers = signed(b"{}", at=now - age_seconds)
    with pytest.raises(Unauthorized, match="off our clock"):
        verify([SECRET], headers, b"{}", now)


@pytest.mark.parametrize("age_seconds", [-300, 0, 300])
def test_clocks_may_differ_by_five_minutes(age_seconds):
    now = 1_700_000_000
    assert verify([SECRET], signed(b"{}", at=now - age_seconds), b"{}", now) == "evt_1"


@pytest.mark.parametrize(
    "change",
    [
        {"webhook-id": ""},
        {"webhook-id": "evt_2"},
        {"webhook-id": "evt.1"},
        {"webhook-id": "evt_\udc80"},
        {"webhook-id": "э"},
        {"webhook-timestamp": ""},
        {"webhook-timestamp": "1e9"},
        {"webhook-timestamp": "-1"},
        {"webhook-timestamp": "١٧"},
        {"webhook-timestamp": "9" * 5000},
        {"webhook-signature": ""},
        {"webhook-signature": "v1,"},
        {"webhook-signature": "v1,Zm9v\udcff"},
        {"webhook-signature": "v1a," + VECTOR_SIGNATURE[3:]},
        {"webhook-signature": " " * 100_000},
    ],
    ids=lambda change: "-".join(map(ascii, *change.items()))[:40],
)
def test_a_request_with_one_wrong_header_is_unauthorized(change):
    with pytest.raises(Unauthorized):
        verify([SECRET], signed(b"{}") | change, b"{}", time.time())


def test_a_signature_beyond_the_sixteenth_is_not_looked_at():
    headers = signed(b"{}")
    headers["webhook-signature"] = "v1,x " * 16 + headers["webhook-signature"]
    with pytest.raises(Unauthorized):
        verify([SECRET], headers, b"{}", time.time())


header_text = st.text(st.characters(min_codepoint=0, max_codepoint=0x10FFFF), max_size=80)


@settings(deadline=None)  # the machine may be busy
@given(
    headers=st.dictionaries(
        st.sampled_from(
            ["webhook-id", "webhook-timestamp", "webhook-signature", "Webhook-Id", "x"]
        ),
        header_text | st.sampled_from(["evt_1", "1700000000", VECTOR_SIGNATURE]),
    ),
    body=st.binary(max_size=64),
)
def test_hostile_headers_raise_unauthorized_and_nothing_else(headers, body):
    """S7."""
    with pytest.raises(Unauthorized):
        verify([SECRET], headers, body, 1_700_000_000)


@settings(deadline=None)  # the machine may be busy
@given(body=st.binary(max_size=200), secret=st.binary(min_size=24, max_size=64))
def test_what_is_signed_is_verified_and_no_other_body_is(body, secret):
    text = "whsec_" + base64.b64encode(secret).decode()
    headers = signed(body, text, at=1_700_000_000)
    assert verify([text], headers, body, 1_700_000_000) == "evt_1"
    with pytest.raises(Unauthorized):
        verify([text], headers, body + b"x", 1_700_000_000)


def test_an_identifier_with_a_full_stop_is_not_signed():
    """Sabotage twin: were it allowed, ``a.1`` at 2 and ``a`` at 1 could share a signature."""
    with pytest.raises(ValueError, match="full stops"):
        sign([SECRET], "a.1", 2, b"x")
    assert sign([SECRET], "a", 1, b"2.x") != sign([SECRET], "a", 12, b"x")


def test_a_new_secret_is_good_and_never_the_same():
    assert len(decode_secret(new_secret())) == 32
    assert new_secret() != new_secret()


@pytest.mark.parametrize(
    ("secret", "complaint"),
    [
        ("hunter2-hunter2-hunter2", "whsec_"),
        ("whsec_not base64!", "base64"),
        ("whsec_" + base64.b64encode(b"x" * 23).decode(), "this one is of 23"),
        ("whsec_" + base64.b64encode(b"x" * 65).decode(), "this one is of 65"),
        ("whsec_é", "base64"),
    ],
)
def test_a_bad_secret_in_a_configuration_is_explained_and_not_shown(secret, complaint):
    class Config(BaseModel):
        model_config = ConfigDict(hide_input_in_errors=True)
        secret: SigningSecret

    with pytest.raises(ValidationError, match=complaint) as caught:
        Config.model_validate({"secret": secret})
    assert secret not in str(caught.value)


def test_signing_without_a_secret_is_an_error():
    with pytest.raises(ValueError, match="at least one"):
        Signer([])


def test_a_signer_does_not_show_its_keys():
    key = base64.b64decode(SECRET.removeprefix("whsec_"))
    assert repr(key)[2:-1] not in repr(Signer([SECRET]))
    assert SECRET not in repr(Signer([SECRET]))
