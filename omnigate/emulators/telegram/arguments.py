"""Arguments of a call, from wherever the caller put them.

The server reads every argument as text: JSON bodies are taken apart so that nested values become
JSON texts again, and numbers digits. Source: fact sheet, section 1; the words of the refusals were
read in the published server (``get_required_string_arg``, ``get_integer_arg``, ``to_bool``).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

from omnigate.emulators.telegram.errors import Refused, bad_request


@dataclass(frozen=True, slots=True)
class Upload:
    """A file inside a multipart call."""

    name: str
    content: bytes
    content_type: str


@dataclass(frozen=True, slots=True)
class Arguments:
    """What a call said, as texts and files."""

    texts: Mapping[str, str] = field(default_factory=dict)
    files: Mapping[str, Upload] = field(default_factory=dict)

    def has(self, name: str) -> bool:
        """Whether the argument was given, empty or not."""
        return name in self.texts

    def text(self, name: str) -> str:
        """Return the argument, empty where it was not given."""
        return self.texts.get(name, "")

    def required(self, name: str) -> str:
        """Return the argument; raises ``Refused`` where it is missing or empty."""
        value = self.text(name)
        if not value:
            raise bad_request(f'Parameter "{name}" is required')
        return value

    def integer(
        self, name: str, default: int = 0, *, least: int = -(2**31), most: int = 2**31 - 1
    ) -> int:
        """Return a number, forced into its limits; what is no number counts as 0, as there."""
        value = self.text(name)
        return min(max(_leading_number(value) if value else default, least), most)

    def number(self, name: str) -> float:
        """Return a number with a fraction; raises ``Refused`` where it is missing."""
        value = self.text(name).strip()
        if not value:
            raise bad_request(f"{name} is empty")
        try:
            return float(value)
        except ValueError:
            return 0.0

    def boolean(self, name: str) -> bool:
        """Whether the argument is ``true``, ``yes`` or ``1``, in any case."""
        return self.text(name).strip().lower() in ("true", "yes", "1")

    def message_id(self, name: str = "message_id") -> int:
        """Return the id of a message, 0 where none is given or it cannot be one."""
        return max(self.integer(name), 0)

    def json(self, name: str, what: str) -> Any:
        """Return the JSON inside an argument, none where it is empty.

        Raises:
            Refused: it is no JSON; ``what`` is how the server calls it
        """
        value = self.text(name)
        if not value:
            return None
        try:
            return json.loads(value)
        except ValueError:
            raise bad_request(f"Can't parse {what} JSON object") from None


async def read_arguments(request: web.Request) -> Arguments:
    """Read the query and the body of a call.

    Raises:
        Refused: the body is not what its content type says
    """
    texts: dict[str, str] = dict(request.query)
    files: dict[str, Upload] = {}
    if request.content_type == "application/json" and request.body_exists:
        texts |= _from_json(await request.read())
    elif request.content_type == "multipart/form-data":
        await _from_multipart(request, texts, files)
    elif request.content_type == "application/x-www-form-urlencoded":
        texts |= {name: str(value) for name, value in (await request.post()).items()}
    return Arguments(texts, files)


def as_text(value: Any) -> str:
    """Write a JSON value as the text that an argument would be."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    return json.dumps(value, ensure_ascii=False)


def _from_json(body: bytes) -> dict[str, str]:
    try:
        given = json.loads(body)
    except ValueError:
        raise bad_request("Can't parse JSON object") from None
    if not isinstance(given, dict):
        raise bad_request("Object expected as the request body")  # words unverified
    return {name: as_text(value) for name, value in given.items() if value is not None}


async def _from_multipart(
    request: web.Request, texts: dict[str, str], files: dict[str, Upload]
) -> None:
    try:
        posted = await request.post()
    except ValueError:
        raise Refused(400, "can't parse multipart body") from None  # words unverified
    for name, value in posted.items():
        if isinstance(value, web.FileField):
            files[name] = Upload(value.filename, value.file.read(), value.content_type)
        else:
            texts[name] = value if isinstance(value, str) else bytes(value).decode()


def _leading_number(text: str) -> int:
    text = text.strip()
    sign, digits = (-1, text[1:]) if text.startswith("-") else (1, text)
    end = next((at for at, char in enumerate(digits) if char not in "0123456789"), len(digits))
    return sign * int(digits[:end] or 0)
