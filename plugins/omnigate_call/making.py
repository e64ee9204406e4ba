"""The driver that a channel's configuration names."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from omnigate_call.ami.driver import Ami
from omnigate_call.ari.driver import Ari
from omnigate_call.config import CallConfig
from omnigate_call.driver import Desk, Driver
from omnigate_call.providers import PROVIDERS

DRIVERS: Final[Mapping[str, type[Driver]]] = {"ari": Ari, "ami": Ami, **PROVIDERS}


def check_recording(config: CallConfig) -> None:
    """Raise ``ValueError`` when talks are to be recorded and the driver cannot."""
    driver = DRIVERS[config.driver]
    if config.record and not driver.can_record:
        instead = ', or set driver to "ari"' if driver is Ami else ""
        raise ValueError(
            f"{config.driver} cannot record talks; set record to false and record at the switch{instead}"
        )


def make_driver(config: CallConfig, desk: Desk) -> Driver:
    """Return the driver of a channel; no I/O."""
    return DRIVERS[config.driver](getattr(config, config.driver), desk)
