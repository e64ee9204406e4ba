"""A host under test gives a channel the address that a test wants it to have."""

from __future__ import annotations

import pytest

from omnigate.testing import FakeHost


@pytest.mark.parametrize("path", ["hook", "/hook"])
def test_the_public_address_is_what_the_test_says(path):
    host = FakeHost("calls", public_url="http://127.0.0.1:8080/channels/calls")
    assert host.public_url() == "http://127.0.0.1:8080/channels/calls"
    assert host.public_url(path) == "http://127.0.0.1:8080/channels/calls/hook"


def test_an_address_that_is_known_only_later_can_be_set_then():
    host = FakeHost("calls")
    assert host.public_url("hook") == "https://omnigate.test/channels/calls/hook"
    host.address = "http://127.0.0.1:8080/channels/calls"
    assert host.public_url("hook") == "http://127.0.0.1:8080/channels/calls/hook"
