"""What every phone shows and does, whatever the platform.

A phone is one customer's: the screen is what that customer sees now, an action is one touch of it.
"""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable
from dataclasses import asdict, dataclass, field
from typing import Annotated, ClassVar, Final, Literal

from pydantic import BaseModel, ConfigDict, Field

_PICTURES: Final = {
    b"\x89PNG\r\n\x1a\n": "image/png",
    b"\xff\xd8\xff": "image/jpeg",
    b"GIF8": "image/gif",
}
OPAQUE: Final = "application/octet-stream"
HERE: Final = (55.751244, 37.618423)
"""Where customers are: latitude and longitude in degrees."""

KeyDoes = Literal["press", "text", "contact", "location", "link"]
Does = Literal[
    "start",
    "write",
    "press",
    "tap",
    "contact",
    "location",
    "edit",
    "delete",
    "react",
    "block",
    "type",
    "read",
]


class CannotDo(Exception):
    """The platform lets nobody do this; the text says why."""


class Action(BaseModel):
    """One touch of the screen, as the page tells it."""

    model_config = ConfigDict(extra="forbid")

    do: Does
    text: Annotated[str, Field(max_length=4096)] = ""
    """What is written, the link's parameter of ``start``, the emoji of ``react``."""
    message: int = 0
    """The message that is pressed, changed or answered."""
    row: Annotated[int, Field(ge=0)] = 0
    column: Annotated[int, Field(ge=0)] = 0


@dataclass(frozen=True, slots=True)
class File:
    """A file in a message; its bytes are asked for by the message and the place in it."""

    is_picture: bool
    name: str


@dataclass(frozen=True, slots=True)
class Place:
    """A point on the map."""

    latitude: float
    longitude: float
    title: str = ""


@dataclass(frozen=True, slots=True)
class Card:
    """Somebody's name and number."""

    name: str
    phone: str


@dataclass(frozen=True, slots=True)
class Key:
    """One button."""

    label: str
    does: KeyDoes
    link: str = ""
    colour: str = ""


@dataclass(frozen=True, slots=True)
class Bubble:
    """One message on the screen."""

    id: int
    mine: bool
    text: str
    sent_at: float
    """POSIX seconds."""
    files: list[File] = field(default_factory=list)
    place: Place | None = None
    card: Card | None = None
    answers: str = ""
    """What it answers, in short."""
    buttons: list[list[Key]] = field(default_factory=list)
    reactions: list[str] = field(default_factory=list)
    edited: bool = False
    read: bool = False


@dataclass(frozen=True, slots=True)
class Screen:
    """All that the customer sees."""

    messages: list[Bubble] = field(default_factory=list)
    keyboard: list[list[Key]] = field(default_factory=list)
    """In place of the letters."""
    typing: bool = False
    started: bool = False
    """Before that there is nothing but the button that starts the conversation."""
    blocked: bool = False
    flash: str = ""
    """What a press of a button was answered with."""

    def to_json(self) -> str:
        """Return it for the page."""
        return json.dumps(asdict(self), ensure_ascii=False, separators=(",", ":"))


@dataclass(frozen=True, slots=True)
class Facts:
    """What never changes about a phone."""

    kind: str
    title: str
    """The platform's name."""
    company: str
    customer: str
    start_label: str
    link: str
    """The beginning of a link that leads here with a parameter."""
    reactions: list[str]
    can: list[Does]
    """Actions beyond writing that people have on this platform."""


class Phone(ABC):
    """One customer's phone on an emulated platform."""

    facts: ClassVar[Facts]

    @property
    @abstractmethod
    def section(self) -> str:
        """The channel's part of the configuration, as an operator writes it."""

    @property
    @abstractmethod
    def secret(self) -> str:
        """What the platform gave the company; it lies in the file that `section` names."""

    @property
    def secret_file(self) -> str:
        """The name of that file."""
        return f"{self.facts.kind}.secret"

    @abstractmethod
    def screen(self) -> Screen:
        """Return what is to be seen now."""

    @abstractmethod
    async def changed(self, before: Screen, seconds: float) -> Screen:
        """Return the screen once it is another one; raises ``TimeoutError``."""

    @abstractmethod
    async def sends(self, content: bytes, name: str, text: str) -> None:
        """Send a file, a picture as a picture. Raises `CannotDo`."""

    @abstractmethod
    def content(self, message: int, index: int) -> bytes | None:
        """Return the bytes of a file in a message; none where there is no such file."""

    @property
    @abstractmethod
    def touches(self) -> dict[str, Callable[[Action], Awaitable[object]]]:
        """What each action does; they raise `CannotDo`."""

    @abstractmethod
    def ring(self) -> None:
        """Wake who waits in `changed`."""

    async def act(self, action: Action) -> None:
        """Do what a touch does. Raises `CannotDo`."""
        touch = self.touches.get(action.do)
        if touch is None:
            raise CannotDo(f"{self.facts.title} has no such thing")
        await touch(action)
        self.ring()


def picture_type(content: bytes) -> str | None:
    """Return the type of a picture that every browser shows; none for everything else."""
    if content[:4] == b"RIFF" and content[8:12] == b"WEBP":
        return "image/webp"
    return next((kind for start, kind in _PICTURES.items() if content.startswith(start)), None)


def at(keys: list[list[Key]], row: int, column: int) -> Key:
    """Return one of the buttons; raises `CannotDo` when it is gone."""
    try:
        return keys[row][column]
    except IndexError:
        raise CannotDo("that button is not there any more") from None
