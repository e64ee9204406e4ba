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

__all__ = ["PLATFORMS", "CannotDo", "Phone", "UnknownPlatform", "chosen", "opened"]


class UnknownPlatform(OmnigateError):
    """There is no phone for what was asked for."""


def chosen(names: str) -> list[str]:
    """Return the platforms of a list with commas, each once; raises `UnknownPlatform`."""
    wanted = dict.fromkeys(name.strip().lower() for name in names.split(",") if name.strip())
    there_are = " and ".join(PLATFORMS)
    if not wanted:
        raise UnknownPlatform(f"--with names no platform; there are {there_are}.")
    for name in wanted:
        if name not in PLATFORMS:
            raise UnknownPlatform(f"The demo cannot show {name!r}; --with knows {there_are}.")
    return list(wanted)


def opened(platform: str) -> AbstractAsyncContextManager[Phone]:
    """Return a phone whose platform runs as long as the block."""
    module = import_module(f"{__name__}.{platform}")
    made: AbstractAsyncContextManager[Phone] = module.opened()
    return made
