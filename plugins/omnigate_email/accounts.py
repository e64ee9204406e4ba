"""How we log in to mail servers, and the one that takes our mail: checked before anything starts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Final, Literal, Self

from pydantic import Field, SecretStr, StringConstraints, model_validator

import omnigate
from omnigate_email.servers import NAME, Host, ServerConfig, Tls

SUBMISSION_PORTS: Final[Mapping[Tls, int]] = {"implicit": 465, "starttls": 587, "none": 25}
"""Source: RFC 8314 section 3.3, RFC 6409 section 3.1, RFC 5321 (read 2026-11-22)."""

Greeting = Annotated[str, StringConstraints(min_length=1, max_length=253, pattern=NAME)]
"""A field of a configuration: how we call ourselves, a name or an address in brackets."""


class OAuthConfig(omnigate.Model):
    """Where access tokens come from, in place of a password."""

    mechanism: Literal["xoauth2", "oauthbearer"] = Field(
        "xoauth2",
        description=(
            "How the token is shown to the server: xoauth2 for Google and Microsoft, oauthbearer (RFC 7628) "
            "where that is wanted."
        ),
    )
    token_file: str | None = Field(
        None,
        min_length=1,
        description=(
            "File with the current token, which something else keeps fresh: the token alone, or JSON with "
            "access_token. It is read for every login."
        ),
    )
    token_command: list[str] = Field(
        [],
        max_length=100,
        description=(
            "Program and arguments that print a token, or JSON with access_token and expires_in. Run without "
            "a shell."
        ),
    )
    command_seconds: float = Field(
        30.0, gt=0, le=300, description="How long the program may take before it is ended."
    )
    lifetime_seconds: int = Field(
        3000,
        ge=60,
        le=86_400,
        description=(
            "How long a printed token is used when it does not say when it ends. Most are good for an hour."
        ),
    )

    @model_validator(mode="after")
    def _one_source(self) -> Self:
        if (self.token_file is None) == (not self.token_command):
            raise ValueError("give either token_file or token_command")
        return self

    @model_validator(mode="after")
    def _program_is_named(self) -> Self:
        if self.token_command and not self.token_command[0]:
            raise ValueError("token_command begins with the program to run")
        return self


class SmtpConfig(ServerConfig):
    """The server that takes our mail and delivers it: the provider's submission server, or a relay."""

    usual_ports = SUBMISSION_PORTS

    host: Host = Field(description="Submission server, for example smtp.example.com.")
    port: Annotated[int | None, omnigate.Asked(again=True)] = Field(
        None,
        ge=1,
        le=65_535,
        description='465 for tls = "implicit", 587 for "starttls" and 25 for "none" when not given.',
    )
    username: Annotated[str | None, omnigate.Asked()] = Field(
        None, min_length=1, max_length=320, description="Name to log in with; none: no login."
    )
    password: Annotated[
        SecretStr | None, omnigate.Asked(needed=True, when=("username",), unless=("oauth",))
    ] = Field(
        None, description="Password to log in with; often an app password made in the account."
    )
    oauth: OAuthConfig | None = Field(None, description="Access tokens in place of a password.")
    hello: Greeting = Field(
        "[127.0.0.1]",
        description="How we introduce ourselves (EHLO); some relays want this machine's public name.",
    )
    per_hour: int | None = Field(
        None, ge=1, le=1_000_000, description="Most mails in any hour; none: no limit of ours."
    )
    per_day: int | None = Field(
        None,
        ge=1,
        le=10_000_000,
        description=(
            "Most mails in any 24 hours; set it below what the provider allows (about 500 for an ordinary "
            "mailbox)."
        ),
    )
    max_connections: int = Field(
        2, ge=1, le=50, description="Connections at a time; providers refuse too many."
    )
    timeout_seconds: float = Field(
        30.0,
        gt=0,
        le=600,
        description="Longest wait for an answer of the server; a large mail gets more.",
    )
    idle_seconds: float = Field(
        30.0, ge=0, le=300, description="How long a connection is kept for the next mail."
    )

    @model_validator(mode="after")
    def _one_proof(self) -> Self:
        if self.password is not None and self.oauth is not None:
            raise ValueError("give either password or oauth")
        return self

    @model_validator(mode="after")
    def _whole_login(self) -> Self:
        if (self.username is None) != (self.password is None and self.oauth is None):
            raise ValueError("a login needs username and either password or oauth")
        return self
