"""Configuration: settings models; reading with drop-ins, secrets, checking, and writing examples."""

from omnigate.config.loading import Config, load, outline
from omnigate.config.reading import find
from omnigate.config.salvage import socket_of
from omnigate.config.sections import BackendSection, BrokenSection, Catalogue, ChannelSection
from omnigate.config.settings import Route, Settings

__all__ = [
    "BackendSection",
    "BrokenSection",
    "Catalogue",
    "ChannelSection",
    "Config",
    "Route",
    "Settings",
    "find",
    "load",
    "outline",
    "socket_of",
]
