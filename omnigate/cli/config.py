"""``omnigate config``: the configuration as example, schema, and in force."""

from __future__ import annotations

from omnigate import config, plugins
from omnigate.cli import terminal
from omnigate.cli.options import AsJson, ConfigPath
from omnigate.config.example import example as example_of
from omnigate.config.schema import schema as schema_of
from omnigate.config.show import as_toml, masked


def example() -> None:
    """Print every key there is, described."""
    terminal.put(example_of(_all_kinds()).rstrip("\n"))


def schema() -> None:
    """Print the JSON Schema, for editors."""
    terminal.say_json(schema_of(_all_kinds()))


def show(config_path: ConfigPath = None, as_json: AsJson = False) -> None:
    """Print what is in force, secrets masked."""
    loaded = config.load(config_path, plugins.load)
    if as_json:
        terminal.say_json(masked(loaded))
    else:
        terminal.put(as_toml(loaded).rstrip("\n"))


def _all_kinds() -> plugins.Catalogue:
    catalogue = plugins.load(item.kind for item in plugins.installed())
    for kind, reason in catalogue.broken.items():
        terminal.note(f"Left out {kind}, its plugin is broken: {reason}")
    return catalogue
