"""The two hooks of a plugin: they return classes and do nothing else.

A plugin is a module listed in the entry-point group ``omnigate`` under the kind it provides. The
hooks are synchronous; everything that waits is a method of the classes.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import pluggy

from omnigate.backend import Backend
from omnigate.channel import Channel

PROJECT: Final = "omnigate"

hookspec: Final = pluggy.HookspecMarker(PROJECT)
hookimpl: Final = pluggy.HookimplMarker(PROJECT)


class Hooks:
    """What a plugin may implement."""

    @hookspec
    def omnigate_channels(self) -> Sequence[type[Channel]]:
        """Return the channel classes of this plugin."""
        raise NotImplementedError

    @hookspec
    def omnigate_backends(self) -> Sequence[type[Backend]]:
        """Return the backend classes of this plugin."""
        raise NotImplementedError
