"""What a mailbox can be told, and what it is not."""

from __future__ import annotations

from typing import Any

import pytest
from omnigate_email.imap.config import ImapConfig
from omnigate_email.imap.words import Meaning, of_login, passes, quoted
from pydantic import ValidationError

BASE = {"host": "imap.example.com", "username": "shop@example.com", "password": "s3cret-of-ours"}

WRONG: list[tuple[dict[str, Any], str]] = [
    ({"tls": "none"}, "would send the password"),
    ({"password": None}, "either password or oauth"),
    ({"oauth": {"token_file": "/t"}}, "either password or oauth"),
    ({"password": "a\r\nb"}, "line breaks"),
    ({"username": "a\nb"}, "line breaks"),
    ({"folders": ["INBOX\r\nx"]}, "line breaks"),
    ({"folders": []}, "at least 1"),
    ({"folders": ["a", "a"]}, "named once"),
    ({"folders": ["a" * 151]}, "150"),
    ({"poll_seconds": 10}, "60"),
    ({"idle_seconds": 1800}, "1740"),
    ({"keyword": "\\Seen"}, "a keyword is one word"),
    ({"keyword": "a b"}, "a keyword is one word"),
    ({"after_reading": "move"}, "belong together"),
    ({"move_to": "Done"}, "belong together"),
    ({"after_reading": "move", "move_to": "INBOX"}, "cannot be one of"),
    ({"since": "yesterday"}, "since"),
    ({"max_message_bytes": 10}, "65536"),
    ({"ca_file": "/nowhere"}, "cannot be used"),
    ({"more": 1}, "more"),
]


@pytest.mark.parametrize(("more", "why"), WRONG)
def test_what_cannot_be_is_refused_with_the_reason(more: dict[str, Any], why: str) -> None:
    with pytest.raises(ValidationError, match=why) as refused:
        ImapConfig.model_validate(BASE | more)
    assert "s3cret" not in str(refused.value)


def test_ports_and_encryption_are_the_usual_ones() -> None:
    assert ImapConfig.model_validate(BASE).tls == "implicit"
    assert ImapConfig.model_validate(BASE).reached_port == 993
    assert ImapConfig.model_validate(BASE | {"tls": "starttls"}).reached_port == 143
    assert ImapConfig.model_validate(BASE | {"tls": "none", "plaintext": True, "port": 1}).port == 1


def test_every_field_is_described() -> None:
    assert all(field.description for field in ImapConfig.model_fields.values())


@pytest.mark.parametrize(
    ("told", "meaning"),
    [
        ("[AUTHENTICATIONFAILED] Invalid credentials (Failure)", Meaning.REJECTED),
        ("[ALERT] Application-specific password required", Meaning.REJECTED),
        ("[ALERT] Too many simultaneous connections. (Failure)", Meaning.FOR_NOW),
        ("[UNAVAILABLE] Temporary authentication failure.", Meaning.FOR_NOW),
        ("[AUTHENTICATIONFAILED] try again with another password", Meaning.REJECTED),
        ("Server Unavailable. 15", Meaning.FOR_NOW),
        ("LOGIN failed.", Meaning.REJECTED),
        ("", Meaning.REJECTED),
    ],
)
def test_a_refused_login_is_understood(told: str, meaning: Meaning) -> None:
    assert of_login(told) is meaning


def test_the_code_counts_more_than_the_words() -> None:
    assert passes("[INUSE] no")
    assert passes("try again later")
    assert not passes("[NONEXISTENT] try again later")


def test_the_servers_words_come_on_one_line() -> None:
    assert quoted([b"a\r\n\x1b[31mb \xff"]) == "a [31mb \ufffd"
    assert len(quoted("x" * 5000)) == 200
    assert quoted([]) == ""
