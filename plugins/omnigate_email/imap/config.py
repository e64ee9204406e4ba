"""What an operator tells Omnigate about a mailbox that is read by IMAP."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date
from typing import Annotated, Final, Literal, Self

from pydantic import AfterValidator, Field, SecretStr, StringConstraints, model_validator

import omnigate
from omnigate_email.accounts import OAuthConfig
from omnigate_email.servers import Host, ServerConfig, Tls

IMAP_PORTS: Final[Mapping[Tls, int]] = {"implicit": 993, "starttls": 143, "none": 143}
"""Source: RFC 8314 section 3.2, RFC 9051 section 2.1 (read 2026-11-22)."""

LONGEST_IDLE_SECONDS: Final = 29 * 60
"""A server may end a session that is silent for 30 minutes. Source: RFC 2177 section 3."""

_CONTROLS: Final = re.compile(r"[\x00-\x1f\x7f]")
_KEYWORD: Final = re.compile(r"[^\x00-\x20\x7f-\U0010ffff(){%*\"\\\]]{1,100}")  # RFC 9051: atom


def check_one_line(text: str) -> str:
    """Return a text as it is; raises ``ValueError`` when a command would be broken by it."""
    if _CONTROLS.search(text):
        raise ValueError("control characters and line breaks cannot stand here")
    return text


def check_secret(secret: SecretStr) -> SecretStr:
    """Return a password as it is; raises ``ValueError`` when it cannot be said in a login."""
    check_one_line(secret.get_secret_value())
    return secret


def check_keyword(text: str) -> str:
    """Return a keyword as it is; raises ``ValueError`` when no server would take it."""
    if not _KEYWORD.fullmatch(text):
        raise ValueError(
            "a keyword is one word of ASCII letters, digits and signs such as $ and _, without a backslash"
        )
    return text


Folder = Annotated[
    str, StringConstraints(min_length=1, max_length=150), AfterValidator(check_one_line)
]
"""A folder's name as people read it; it is encoded for the server."""


class ImapConfig(ServerConfig):
    """The mailbox that customers' mail lies in, and how it is read. Nothing in it is ever deleted."""

    usual_ports = IMAP_PORTS

    host: Host = Field(description="IMAP server, for example imap.example.com.")
    port: Annotated[int | None, omnigate.Asked(again=True)] = Field(
        None,
        ge=1,
        le=65_535,
        description='993 for tls = "implicit", 143 for "starttls" and "none" when not given.',
    )
    username: Annotated[str, AfterValidator(check_one_line)] = Field(
        min_length=1, max_length=320, description="Name to log in with, mostly the address itself."
    )
    password: Annotated[
        Annotated[SecretStr, AfterValidator(check_secret)] | None,
        omnigate.Asked(needed=True, unless=("oauth",)),
    ] = Field(
        None,
        description=(
            "Password to log in with; often an app password that is made in the account's settings, where "
            "IMAP is switched on too."
        ),
    )
    oauth: OAuthConfig | None = Field(None, description="Access tokens in place of a password.")
    folders: Annotated[list[Folder], omnigate.Asked(again=True)] = Field(
        ["INBOX"],
        min_length=1,
        max_length=20,
        description=(
            "Folders that are read; each takes one connection, of which providers allow about 15. Add the "
            "folder for junk to see what was sorted out by mistake."
        ),
    )
    since: Literal["now", "all"] | date = Field(
        "now",
        description=(
            "What to take when a folder is read for the first time: now, only what comes from then on; all, "
            "everything in it; or a day (2026-11-22), what arrived from that day on."
        ),
    )
    poll_seconds: int = Field(
        120,
        ge=60,
        le=300,
        description=(
            "Folders are looked at this often whatever the server tells by itself, and where it tells "
            "nothing."
        ),
    )
    idle_seconds: int = Field(
        300,
        ge=30,
        le=LONGEST_IDLE_SECONDS,
        description=(
            "How long a connection may wait for news before it is used again (IDLE); routers forget silent "
            "ones after 5 to 10 minutes."
        ),
    )
    after_reading: Literal["nothing", "seen", "keyword", "move"] = Field(
        "nothing",
        description=(
            "What is done to a mail once it is stored: nothing, so that people who read the mailbox see no "
            "difference; seen: it is marked as read; keyword: it gets the keyword; move: it goes to move_to."
        ),
    )
    keyword: Annotated[str, AfterValidator(check_keyword)] = Field(
        "$Omnigate", description='The keyword for after_reading = "keyword".'
    )
    move_to: Folder | None = Field(
        None, description='The folder for after_reading = "move"; it must exist.'
    )
    max_message_bytes: int = Field(
        25 * 1024 * 1024,
        ge=64 * 1024,
        le=150 * 1024 * 1024,
        description=(
            "Of larger mails only the headers and texts are fetched. 25 MiB is what most providers let "
            "through."
        ),
    )
    timeout_seconds: float = Field(
        60.0,
        gt=0,
        le=600,
        description="Longest silence of the server while it owes an answer, or a connection.",
    )

    @model_validator(mode="after")
    def _one_proof(self) -> Self:
        if (self.password is None) == (self.oauth is None):
            raise ValueError("give either password or oauth")
        return self

    @model_validator(mode="after")
    def _folders_once(self) -> Self:
        if len(set(self.folders)) < len(self.folders):
            raise ValueError("folders: each may be named once")
        return self

    @model_validator(mode="after")
    def _moved_where(self) -> Self:
        if (self.move_to is not None) != (self.after_reading == "move"):
            raise ValueError('move_to and after_reading = "move" belong together')
        return self

    @model_validator(mode="after")
    def _moved_away(self) -> Self:
        if self.move_to in self.folders:
            raise ValueError("move_to cannot be one of the folders that are read")
        return self
