"""The tables of the file, as frozen models: one class for each.

Descriptions stand here once; the example file, the JSON Schema and the hints of error messages are
made of them.
"""

from __future__ import annotations

from fnmatch import fnmatchcase
from pathlib import Path
from typing import Annotated, Final, Literal, Self, get_args

from pydantic import BaseModel, ConfigDict, Field, model_validator

from omnigate.config.values import (
    SQLITE,
    Listen,
    LoopbackListen,
    Network,
    PublicUrl,
    StoreUrl,
)
from omnigate.model.facts import ProofKind

DEFAULT_URL: Final = "sqlite:///omnigate.db"

_MEBIBYTE: Final = 1024 * 1024


class Section(BaseModel):
    """The base of all tables: frozen, unknown keys are errors, errors never print the input."""

    model_config = ConfigDict(
        defer_build=True, frozen=True, extra="forbid", hide_input_in_errors=True
    )


class Server(Section):
    """The public listener: channel endpoints, the API and signed files."""

    listen: Listen = Field(
        "127.0.0.1:8080",
        description="Address and port to listen on. Loopback by default: a TLS proxy stands before it.",
    )
    public_url: PublicUrl | None = Field(
        None,
        description="Address under which the world reaches this daemon; http://<listen> when not set.",
        examples=["https://chat.example.org"],
    )
    trusted_proxies: list[Network] = Field(
        [],
        description="Networks (CIDR) whose X-Forwarded-For and X-Forwarded-Proto are believed.",
        examples=[["127.0.0.1/32"]],
    )
    tls_cert: Path | None = Field(
        None,
        description="Certificate chain (PEM) to serve TLS without a proxy; needs tls_key.",
        examples=["/etc/omnigate/fullchain.pem"],
    )
    tls_key: Path | None = Field(
        None,
        description="Private key (PEM) of tls_cert.",
        examples=["/etc/omnigate/privkey.pem"],
    )
    max_connections: int = Field(
        10_000, ge=1, description="Open connections at once; more are turned away."
    )
    body_timeout_seconds: float = Field(
        30.0,
        gt=0,
        description=(
            "A request's body must be complete within this time, or keep coming at 32 KiB/s or more."
        ),
    )
    keepalive_timeout_seconds: float = Field(
        15.0, gt=0, description="An idle connection is closed after this time."
    )
    shutdown_seconds: float = Field(
        25.0,
        ge=0,
        le=300,
        description="How long a stop waits for attempts in flight; less than your service manager waits.",
    )

    @model_validator(mode="after")
    def _tls_in_pairs(self) -> Self:
        if (self.tls_cert is None) != (self.tls_key is None):
            raise ValueError("tls_cert and tls_key belong together: set both or none")
        return self

    @property
    def host(self) -> str:
        """The host of ``listen``, without the brackets of IPv6."""
        return self.listen.rpartition(":")[0].strip("[]")

    @property
    def port(self) -> int:
        """The port of ``listen``; 0 lets the system choose."""
        return int(self.listen.rpartition(":")[2])


class Admin(Section):
    """The socket of the command line: whoever may open it may do everything."""

    socket: Path | None = Field(
        None,
        description="Unix socket of the command line; omnigate.sock beside the store when not set.",
        examples=["/run/omnigate/omnigate.sock"],
    )
    metrics_listen: LoopbackListen | None = Field(
        None,
        description=(
            "Loopback address and port for Prometheus: serves /metrics and nothing else. When not set, "
            "only the socket serves it."
        ),
        examples=["127.0.0.1:9464"],
    )


class Store(Section):
    """Where messages are kept."""

    url: StoreUrl = Field(
        DEFAULT_URL,
        description=(
            "sqlite:///file.db is relative to this file; four slashes make it absolute, for example "
            "sqlite:////var/lib/omnigate/omnigate.db."
        ),
    )
    files: Path | None = Field(
        None,
        description="Directory of attachments; files/ beside the store when not set.",
        examples=["/var/lib/omnigate/files"],
    )
    min_free_bytes: int = Field(
        512 * _MEBIBYTE,
        ge=0,
        description="With less room on the disk nothing new is accepted; deliveries go on.",
    )

    @property
    def path(self) -> Path:
        """The database file."""
        return Path(self.url.removeprefix(SQLITE))


class Media(Section):
    """Files that travel with messages."""

    max_file_bytes: int = Field(20 * _MEBIBYTE, ge=1, description="Largest file that is taken in.")
    conversation_daily_bytes: int = Field(
        200 * _MEBIBYTE,
        ge=1,
        description="What is fetched of a customer's files within 24 hours; further ones are given up.",
    )
    url_ttl_seconds: int = Field(
        604_800,
        ge=60,
        description=(
            "Life of a signed file address; longer than retries go on, so that a late event's still works."
        ),
    )
    fetch_timeout_seconds: float = Field(
        60.0, gt=0, description="Fetching one file from a platform or a CRM may take this long."
    )
    allow_private: list[Network] = Field(
        [],
        description=(
            "Networks (CIDR) besides the public internet where files that a CRM names by URL may be; "
            "only there is http:// accepted."
        ),
        examples=[["10.1.2.0/24"]],
    )


class Retry(Section):
    """How failed deliveries are tried again, to backends and to channels alike."""

    schedule_seconds: list[Annotated[float, Field(ge=0)]] = Field(
        [5, 30, 120, 300, 900, 1800, 3600, 7200, 14400],
        min_length=1,
        description="Waits between attempts; the last one repeats.",
    )
    jitter: float = Field(
        0.2, ge=0, le=1, description="Every wait is made longer by up to this share, never shorter."
    )
    expiry_seconds: float = Field(
        432_000,
        gt=0,
        description="After this time (5 days) an undelivered item is given up, loudly.",
    )


class Retention(Section):
    """How long what has been done with is kept."""

    attempts_days: int = Field(14, ge=1, description="Outcomes of delivery attempts.")
    exchanges_days: int = Field(
        7, ge=1, description="What attempts said over HTTP and were answered, secrets taken out."
    )
    dead_days: int = Field(30, ge=1, description="Dead letters, for inspection and replay.")
    quarantine_days: int = Field(
        30, ge=1, description="Input that nobody understood, for inspection and another try."
    )
    waits_days: int = Field(
        90, ge=1, description="How long customers waited for answers, for the figures."
    )
    bodies_days: int = Field(
        90,
        ge=0,
        description=(
            "What was said: texts, profiles in events, files. Later only ids, times and states are left; "
            "what is still owed is kept until it is delivered. 0: for ever."
        ),
    )

    @model_validator(mode="after")
    def _dead_letters_have_bodies(self) -> Self:
        if 0 < self.bodies_days < self.dead_days:
            raise ValueError(
                "bodies_days must not be less than dead_days: a dead letter is offered again as it was"
            )
        return self


class Identity(Section):
    """Who is taken for the same customer without being asked; see docs/crm.md, One customer."""

    merge_on: list[ProofKind] = Field(
        list(get_args(ProofKind)),
        description=(
            "Proofs that make two contacts one: verified, what a channel vouches for (a signed user id, "
            "a number shared as one's own); call, an answered call; handover, a used link. One that is "
            "left out merges nothing; [] leaves it all to people."
        ),
    )
    call_proof_seconds: float = Field(
        10.0,
        ge=1,
        le=3600,
        description=(
            "After so much talk an answered call proves that the number is the customer's: long enough "
            "to tell a stranger who picked up."
        ),
    )


class Log(Section):
    """What the daemon says on standard error."""

    level: Literal["debug", "info", "warning", "error"] = Field(
        "info", description="The least important lines that are still written."
    )
    format: Literal["auto", "console", "json"] = Field(
        "auto", description="auto: for people on a terminal, JSON lines elsewhere."
    )
    exchanges: Literal["failures", "all"] = Field(
        "failures",
        description=(
            "Which attempts keep what was said over HTTP, for omnigate message trace. all costs "
            "throughput and disk; of successes the status and the time are always kept."
        ),
    )


class Route(Section):
    """Which backends get a conversation's events: the first route that matches decides."""

    channels: list[str] = Field(
        ["*"], description="Names of channels; patterns such as shop-* are understood."
    )
    kinds: list[str] = Field([], description="Only channels of these kinds; any when empty.")
    labels: list[str] = Field(
        [],
        description="Only channels with one of these labels; any when empty.",
        examples=[["sales"]],
    )
    backends: list[str] = Field(
        description=(
            "Names of the backends; each gets every event, until the conversation is handed to one: "
            "then that one owns it."
        )
    )
    observers: list[str] = Field(
        [],
        description="Names of backends that get every event, whoever owns the conversation.",
        examples=[["archive"]],
    )

    def matches(self, name: str, kind: str, labels: list[str]) -> bool:
        """Tell whether a channel of this name, kind and labels takes this route."""
        return (
            any(fnmatchcase(name, pattern) for pattern in self.channels)
            and (not self.kinds or kind in self.kinds)
            and (not self.labels or not set(self.labels).isdisjoint(labels))
        )
