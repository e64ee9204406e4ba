"""What an operator may tell of a server, and what is refused before anything starts."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from omnigate_email.accounts import SmtpConfig

LOGIN = {"username": "a", "password": "b"}


@pytest.mark.parametrize(
    ("given", "port"),
    [
        ({"host": "smtp.example.com"}, 465),
        ({"host": "smtp.example.com", "tls": "starttls"}, 587),
        ({"host": "localhost", "tls": "none"}, 25),
        ({"host": "127.0.0.1", "tls": "none"}, 25),
        ({"host": "::1", "tls": "none"}, 25),
        ({"host": "h", "hello": "[IPv6:2001:db8::1]"}, 465),
        ({"host": "relay.lan", "tls": "none", "plaintext": True, "port": 2525}, 2525),
        ({"host": "smtp.example.com", **LOGIN}, 465),
        ({"host": "smtp.example.com", "username": "a", "oauth": {"token_file": "t"}}, 465),
    ],
)
def test_an_account_is_reached_on_its_usual_port(given: dict[str, Any], port: int) -> None:
    assert SmtpConfig.model_validate(given).reached_port == port


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"host": "relay.lan", "tls": "none"}, "readable to relay.lan"),
        ({"host": "10.0.0.5", "tls": "none", **LOGIN}, "readable to 10.0.0.5"),
        ({"host": "localhost.example.com", "tls": "none"}, "readable to"),
        ({"host": "h", "username": "a"}, "a login needs username and"),
        ({"host": "h", "password": "b"}, "a login needs username and"),
        ({"host": "h", **LOGIN, "oauth": {"token_file": "t"}}, "either password or oauth"),
        ({"host": "h", "ca_file": "/nonexistent"}, "cannot be used as certificate authorities"),
        ({"host": "smtp://h"}, "host"),
        ({"host": "smtp.example.com:587"}, "the port has a key of its own"),
        ({"host": "a b"}, "host"),
        ({"host": "h", "hello": "a\r\nb"}, "hello"),
        ({"host": "h", "prot": 1}, "prot"),
    ],
)
def test_a_mistake_is_said_before_anything_starts(given: dict[str, Any], told: str) -> None:
    with pytest.raises(ValueError, match=told) as error:
        SmtpConfig.model_validate(given)
    assert "'b'" not in str(error.value)


def test_a_file_that_holds_no_certificate_is_refused(tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_text("nothing of the kind")
    with pytest.raises(ValueError, match="certificate authorities"):
        SmtpConfig.model_validate({"host": "h", "ca_file": str(tmp_path / "ca.pem")})
