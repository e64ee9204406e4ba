"""Phones of customers: platforms emulated in the demo's own process, a screen for each.

Nothing here imports an emulator before its phone is asked for: the plain demo runs without them.
"""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager
from importlib import import_module
from typing import Final

from omnigate.demo.phones.phone import CannotDo, Phone
from omnigate.errors import OmnigateError

PLATFORMS: Final = ("telegram", "vk")
"""Each has a module of its name here, with ``opened()``."""
CALLS: Final = "phone"
"""The phones that ring, see `omnigate.demo.handsets`."""
SHOWN: Final = (*PLATFORMS, CALLS)
"""All that can be shown beside the site."""
NOTHING: Final = "none"

__all__ = [
    "CALLS",
    "PLATFORMS",
    "SHOWN",
    "CannotDo",
    "Phone",
    "UnknownPlatform",
    "chosen",
    "opened",
]


class UnknownPlatform(OmnigateError):
    """There is no phone for what was asked for."""


def chosen(names: str) -> list[str]:
    """Return what is to be shown of a list with commas, each once; raises `UnknownPlatform`."""
    wanted = dict.fromkeys(name.strip().lower() for name in names.split(",") if name.strip())
    there_are = f"{', '.join(SHOWN)} and {NOTHING}"
    if not wanted:
        raise UnknownPlatform(f"--with names nothing; there are {there_are}.")
    if list(wanted) == [NOTHING]:
        return []
    for name in wanted:
        if name not in SHOWN:
            raise UnknownPlatform(f"The demo cannot show {name!r}; --with knows {there_are}.")
    return list(wanted)


def opened(platform: str) -> AbstractAsyncContextManager[Phone]:
    """Return a phone whose platform runs as long as the block."""
    module = import_module(f"{__name__}.{platform}")
    made: AbstractAsyncContextManager[Phone] = module.opened()
    return made
