"""What vkbottle-types, generated from the vendor's schema by others, thinks of an object."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from pydantic import BaseModel
from vkbottle_types import objects
from vkbottle_types.base_model import NOT_SUPPORTED
from vkbottle_types.events import bot_events

BEYOND_THE_TYPES = {
    # the platform sends them, the generated types do not have them
    "v",
    "template",
    "format_data",
    # and have no body for these kinds of attachment
    "article",
    "podcast",
    "video_playlist",
}


def parse_event(body: dict[str, Any]) -> BaseModel:
    """Return an event as the library's own class for its type."""
    name = "".join(word.title() for word in body["type"].split("_"))
    model: type[BaseModel] = getattr(bot_events, name)
    return model.model_validate(body)


def parse_message(body: dict[str, Any]) -> BaseModel:
    """Return a message as the library has it."""
    return objects.MessagesMessage.model_validate(body)


def strangers(raw: Any, read: Any, path: str = "") -> Iterator[str]:
    """Yield the paths of what the library did not understand: fields, and words of a closed list."""
    if isinstance(raw, list) and isinstance(read, list):
        for number, (part, understood) in enumerate(zip(raw, read, strict=True)):
            yield from strangers(part, understood, f"{path}[{number}]")
    elif isinstance(raw, dict) and isinstance(read, BaseModel):
        for name, part in raw.items():
            if name in BEYOND_THE_TYPES:
                continue
            if name not in type(read).model_fields:
                yield f"{path}.{name}"
            else:
                yield from strangers(part, getattr(read, name), f"{path}.{name}")
    elif getattr(read, "value", None) == NOT_SUPPORTED:
        yield f"{path} = {raw}"
