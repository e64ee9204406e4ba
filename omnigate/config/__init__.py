"""Configuration: settings models; reading with drop-ins, secrets, checking, and writing examples."""

from omnigate.config.loading import Config, load, look, outline
from omnigate.config.reading import find
from omnigate.config.salvage import socket_of
from omnigate.config.sections import BackendSection, BrokenSection, Catalogue, ChannelSection
from omnigate.config.settings import Settings
from omnigate.config.tables import Route

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
    "look",
    "outline",
    "socket_of",
]
