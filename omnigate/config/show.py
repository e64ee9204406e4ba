"""The configuration in force, every default filled in and every secret masked."""

from __future__ import annotations

import re
from typing import Any, Final

import tomli_w

from omnigate.channel import PluginConfig
from omnigate.config.loading import Config

_USERINFO: Final = re.compile(r"(?<=://)[^/@\s]+(?=@)")
_QUERY: Final = re.compile(r"(?<=[?&])([^=&\s]+)=[^&\s#]+")
_MASK: Final = "**********"


def masked(config: Config) -> dict[str, Any]:
    """Return the whole configuration as JSON-ready tables without any secret.

    Secrets, what stands before the ``@`` of an address and the values of its query show as asterisks;
    keys that are not set are left out.
    """
    settings = config.settings
    tables: dict[str, Any] = settings.model_dump(mode="json", exclude_none=True)
    tables["server"]["public_url"] = settings.public_url
    tables["admin"]["socket"] = str(settings.socket)
    tables["store"]["files"] = str(settings.files)
    tables["channels"] = {
        section.name: _section(section.kind, section.config) for section in config.channels.values()
    }
    tables["backends"] = {
        section.name: _section(section.kind, section.config) for section in config.backends.values()
    }
    shown: dict[str, Any] = _plain(tables)
    return shown


def as_toml(config: Config) -> str:
    """Return `masked` as TOML."""
    return tomli_w.dumps(masked(config))


def _section(kind: str, config: PluginConfig) -> dict[str, Any]:
    return {"kind": kind, **config.model_dump(mode="json", exclude_none=True)}


def _plain(value: Any) -> Any:
    """Return a value without secrets in addresses and without needless fractions."""
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items() if item is not None}
    if isinstance(value, list):
        return [_plain(item) for item in value]
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, str) and "://" in value:
        return _QUERY.sub(rf"\1={_MASK}", _USERINFO.sub(_MASK, value))
    return value
