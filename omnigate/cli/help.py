"""How commands explain themselves: what may be given, in the words of whoever gives it.

Typer would show Python's types beside each name, and ranges as formulas.
"""

from __future__ import annotations

from typing import Any

from typer.core import TyperArgument, TyperCommand, TyperGroup, TyperOption


class Verb(TyperCommand):
    """A command whose help speaks of names and numbers, not of types."""

    def __init__(self, *arguments: Any, **settings: Any) -> None:
        super().__init__(*arguments, **settings)
        for parameter in self.params:
            _reword(parameter)

    def get_help_option(self, ctx: Any) -> TyperOption | None:
        """Return ``--help`` itself, in the same words."""
        option = super().get_help_option(ctx)
        _reword(option)
        return option


class Noun(TyperGroup):
    """A group of commands whose help does the same."""

    def __init__(self, *arguments: Any, **settings: Any) -> None:
        super().__init__(*arguments, **settings)
        for parameter in self.params:
            _reword(parameter)

    def get_help_option(self, ctx: Any) -> TyperOption | None:
        """Return ``--help`` itself, in the same words."""
        option = super().get_help_option(ctx)
        _reword(option)
        return option


def span(least: float | None, most: float | None) -> str:
    """Return which numbers are allowed: ``1 to 200``, ``0 or more``; empty for all."""
    if least is None:
        return "" if most is None else f"{most:g} or less"
    return f"{least:g} or more" if most is None else f"{least:g} to {most:g}"


def _reword(parameter: Any) -> None:
    # Typer makes parameters itself and takes no other classes for them; these differ in words alone.
    if isinstance(parameter, TyperArgument):
        parameter.__class__ = _Argument
    elif isinstance(parameter, TyperOption):
        parameter.__class__ = _Option


class _Argument(TyperArgument):
    def display_type_rich(self, ctx: Any) -> str | None:
        return None

    def _usage_display_name(self) -> str:
        name = self.display_name_raw.strip("[]")
        name = name if self.required else f"[{name}]"
        return name if self.nargs == 1 else f"{name}..."

    def _rich_display_name(self) -> str:
        return self.display_name_raw.strip("[]")

    def _get_number_range_help_str(self) -> str | None:
        return None


class _Option(TyperOption):
    def display_type_rich(self, ctx: Any) -> str | None:
        return None if self.is_flag else super().display_type_rich(ctx)

    def _get_number_range_help_str(self) -> str | None:
        # That a number is not negative needs no saying.
        return span(self.min, self.max) or None if self.max is not None else None
