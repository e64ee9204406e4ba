"""What a web chat can be told in the configuration file."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, SecretStr, StringConstraints

import omnigate
from omnigate_webchat.filetype import KNOWN
from omnigate_webchat.formconfig import Form, Key, Label, OfflineForm, Words


def _origin(text: str) -> str:
    """Check that the text is exactly what a browser sends as ``Origin``. Source: RFC 6454."""
    parts = urlsplit(text)
    plain = f"{parts.scheme}://{parts.netloc}"
    if parts.scheme not in ("http", "https") or not parts.hostname or "@" in parts.netloc:
        raise ValueError("write an origin such as https://shop.example.org")
    if text != plain:
        raise ValueError(f"an origin has no path and no slash at the end: write {plain}")
    if text != text.lower() or not text.isascii():
        raise ValueError("browsers send origins in lower case and punycode: write it so")
    if (parts.scheme, parts.port) in (("https", 443), ("http", 80)):
        raise ValueError("browsers leave out the usual port: leave it out here too")
    return text


def _file_type(text: str) -> str:
    if text not in KNOWN:
        raise ValueError(f"types that can be told apart are {', '.join(sorted(KNOWN))}")
    return text


FileType = Annotated[str, AfterValidator(_file_type)]
Origin = Annotated[str, AfterValidator(_origin)]


class Theme(omnigate.Model):
    """How the widget looks."""

    color: str = Field(
        "#2563eb",
        pattern=r"^#[0-9a-fA-F]{6}$",
        description="Main colour as #rrggbb; the text on it is chosen by contrast.",
    )
    dark: Literal["auto", "light", "dark"] = Field(
        "auto", description="Colours: as the visitor's system says, always light or always dark."
    )
    position: Literal["right", "left"] = Field(
        "right", description="Corner at the bottom of the page."
    )


class Invitation(omnigate.Model):
    """A rule that invites a visitor to write; all its conditions must hold."""

    name: Key = Field(description="Name of the rule; arrives in context.custom.invitation.")
    text: Words = Field(description="What the invitation says, one or one a language.")
    url: str | None = Field(
        None, max_length=500, description="Pattern of the page's address; * stands for anything."
    )
    after_seconds: float = Field(15, ge=0, le=3600, description="Time on the page before it shows.")
    returning: bool | None = Field(
        None, description="true: only who was here before; false: only who was not; unset: all."
    )
    once_per: Literal["page", "session", "day", "visitor"] = Field(
        "day", description="How often one visitor may see it."
    )


class Uploads(omnigate.Model):
    """Files that visitors send."""

    enabled: bool = Field(True, description="Let visitors send files.")
    max_bytes: int = Field(
        20 * 1024 * 1024, ge=1024, le=20 * 1024 * 1024, description="Largest file."
    )
    types: list[FileType] = Field(
        [
            "image/jpeg",
            "image/png",
            "image/gif",
            "image/webp",
            "application/pdf",
            "text/plain",
            "audio/mpeg",
            "audio/ogg",
            "video/mp4",
            "application/zip",
        ],
        description="MIME types accepted; the type is told by the file's first bytes, never by its name. "
        "application/zip covers office documents.",
    )
    daily_bytes: int = Field(
        100 * 1024 * 1024, ge=1024, description="Most that one visitor may send in 24 hours."
    )
    daily_bytes_per_ip: int = Field(
        1024 * 1024 * 1024,
        ge=1024,
        description="Most that one network address may send in 24 hours; an office shares one.",
    )


class Limits(omnigate.Model):
    """How much one visitor or one network address may ask for."""

    messages_per_10_seconds: int = Field(
        20, ge=1, le=1000, description="Messages and forms of one visitor."
    )
    messages_per_10_seconds_per_network: int = Field(
        200,
        ge=1,
        le=100_000,
        description="Messages and forms of all visitors of one network address.",
    )
    sessions_per_minute: int = Field(
        30,
        ge=1,
        le=100_000,
        description="Sessions of one network address; generous, because an office shares one.",
    )
    connections_per_visitor: int = Field(
        20, ge=1, le=1000, description="Open connections of one visitor, one a tab."
    )
    text_characters: int = Field(4000, ge=100, le=16_000, description="Longest message.")


class CallButton(omnigate.Model):
    """Calls that visitors ask for."""

    channel: omnigate.CallChannelName = Field(
        min_length=1, max_length=100, description="Channel that calls them, by its name."
    )
    within_seconds: int = Field(
        30,
        ge=5,
        le=600,
        description="What the widget counts down from until the visitor's phone rings.",
    )
    session_seconds: float = Field(
        5,
        ge=0,
        le=3600,
        description="How long a browser has to be known before it may ask: robots come and ask at once.",
    )
    per_hour: int = Field(3, ge=1, le=1000, description="Calls that one visitor may ask for.")
    per_hour_per_network: int = Field(
        20,
        ge=1,
        le=100_000,
        description="Calls that all visitors of one network address may ask for; an office shares one.",
    )


class WebchatConfig(omnigate.ChannelConfig):
    """What a web chat can be told."""

    priority: omnigate.Priority = 20
    response_target_seconds: omnigate.ResponseTarget = 60.0
    allowed_origins: list[Origin] = Field(
        min_length=1,
        description="Sites that may show the chat, each exactly as browsers name it.",
        examples=[["https://shop.example.org"]],
    )
    identity_secret: SecretStr | None = Field(
        None,
        min_length=16,
        description="Key of the HMAC that proves who a signed-in customer is; unset: nobody can prove it.",
    )
    title: Words | None = Field(
        None,
        description="Name in the widget's head, one or one a language.",
        examples=[{"ru": "Магазин", "en": "Shop"}],
    )
    languages: list[Annotated[str, StringConstraints(pattern=r"^[a-z]{2}$")]] = Field(
        ["ru", "en"],
        min_length=1,
        description="Languages of the widget; the first is used when the visitor's is not among them.",
    )
    theme: Theme = Field(Theme(), description="Colours and position.")
    texts: dict[str, dict[str, Label]] = Field(
        {}, description="Texts of the widget to replace: language, then key."
    )
    prechat: Form | None = Field(None, description="Form to fill in before the first message.")
    offline: OfflineForm | None = Field(
        None,
        description="Form shown outside hours instead of the chat; a field named message is its text.",
    )
    hours: omnigate.Hours | None = Field(None, description="Working hours; unset: always there.")
    proactive: list[Invitation] = Field(
        [],
        max_length=50,
        description="Rules that invite a visitor to write; the first that holds.",
        examples=[[{"name": "checkout", "text": "Need help?", "url": "*/checkout*"}]],
    )
    peek: bool = Field(
        False,
        description="Show agents what the visitor types before it is sent; say so in your privacy note. "
        "Never stored; numbers that look like bank cards are masked.",
    )
    location: bool = Field(False, description="Offer visitors to share where they are.")
    continue_in: list[omnigate.LinkedChannelName] | Literal[False] | None = Field(
        None,
        description="Channels that visitors are offered to carry on in, by name; unset: all that have a link "
        "for it, false: none.",
        examples=[["telegram", "vk"]],
    )
    call: CallButton | None = Field(
        None,
        description="Button that has visitors called; unset: none.",
        examples=[{"channel": "phone"}],
    )
    uploads: Uploads = Field(Uploads(), description="Files that visitors send.")
    limits: Limits = Field(Limits(), description="How much one visitor may ask for.")
    geo_file: str | None = Field(
        None,
        description="Path of a MaxMind-format city database: tells the visitor's city from the address.",
        examples=["/var/lib/geo/city.mmdb"],
    )
    record_ip: bool = Field(
        True, description="Keep the visitor's network address in the conversation's context."
    )
    default_region: str = Field(
        "RU",
        pattern=r"^[A-Z]{2}$",
        description="Country of phone numbers written without one, as two letters.",
    )
    privacy_note: Words | None = Field(
        None,
        description="Short note under the input, one or one a language.",
        examples=[
            {"ru": "Мы храним переписку 90 дней.", "en": "We keep what you write for 90 days."}
        ],
    )

    def is_open(self, moment: datetime) -> bool:
        """Tell whether somebody is there at a moment; without hours somebody always is."""
        return self.hours is None or self.hours.is_open(moment)
