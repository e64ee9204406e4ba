"""Arguments of a call: text in a form, read as what the method wants or refused."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from typing import Any, Final

from omnigate.emulators.vk.errors import invalid

_INTEGER: Final = re.compile(r"-?[0-9]{1,18}")


class Arguments(Mapping[str, str]):
    """What the caller passed. An empty text is as good as nothing."""

    def __init__(self, given: Mapping[str, str]) -> None:
        self._given = dict(given)

    def __getitem__(self, name: str) -> str:
        return self._given[name]

    def __iter__(self) -> Any:
        return iter(self._given)

    def __len__(self) -> int:
        return len(self._given)

    def text(self, name: str, limit: int | None = None) -> str:
        """Return a text, empty if it was not given."""
        text = self._given.get(name, "")
        if limit is not None and len(text) > limit:
            raise invalid(f"{name} should be no longer than {limit} characters")
        return text

    def needed(self, name: str, limit: int | None = None) -> str:
        """Return a text that has to be there."""
        if not (text := self.text(name, limit)):
            raise required(name)
        return text

    def number(self, name: str) -> int | None:
        """Return a whole number, or none if it was not given."""
        text = self._given.get(name, "")
        return None if text == "" else _number(name, text)

    def needed_number(self, name: str) -> int:
        """Return a whole number that has to be there."""
        if (number := self.number(name)) is None:
            raise required(name)
        return number

    def numbers(self, name: str, limit: int) -> list[int]:
        """Return the whole numbers of a list with commas."""
        items = [item.strip() for item in self.text(name).split(",") if item.strip()]
        if len(items) > limit:
            raise invalid(f"{name} should contain no more than {limit} items")
        return [_number(name, item) for item in items]

    def real(self, name: str, low: float, high: float) -> float | None:
        """Return a number within bounds, or none if it was not given."""
        if not (text := self.text(name)):
            return None
        try:
            number = float(text)
        except ValueError:
            raise invalid(f"{name} should be a number") from None
        if not low <= number <= high:
            raise invalid(f"{name} should be between {low:g} and {high:g}")
        return number

    def flag(self, name: str) -> bool:
        """Return a yes or no: ``1`` and ``0``, or ``true`` and ``false``."""
        text = self.text(name).lower()
        if text not in ("", "0", "1", "true", "false"):
            raise invalid(f"{name} should be boolean")
        return text in ("1", "true")

    def choice(self, name: str, choices: Iterable[str], default: str = "") -> str:
        """Return one of the words that are known."""
        word = self.text(name) or default
        if word not in choices and word != default:
            raise invalid(f"{name} should be one of {', '.join(choices)}")
        return word

    def document(self, name: str) -> Any:
        """Return what a JSON text says, or none if it was not given.

        The words of the refusal are as people report them from the live platform.
        """
        if not (text := self.text(name)):
            return None
        try:
            return json.loads(text)
        except (ValueError, RecursionError):
            raise invalid(f"{name} contains incorrect JSON") from None


def required(name: str) -> Exception:
    """Return the refusal of a call that lacks an argument."""
    return invalid(f"{name} is a required parameter")


def _number(name: str, text: str) -> int:
    if not _INTEGER.fullmatch(text):
        raise invalid(f"{name} should be integer")
    return int(text)
