"""Customers' files: from the address that came with the message, or the one that VK gives now."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from typing import Any, Final

import omnigate
from omnigate_vk.api import UNANSWERED, Api, ApiError
from omnigate_vk.content import content_of
from omnigate_vk.refusals import meaning
from omnigate_vk.sending import message_there

CHUNK_BYTES: Final = 64 * 1024
_EXPIRED: Final = frozenset({-400, -401, -403, -404, -410})


async def fetch(api: Api, ref: Mapping[str, Any]) -> AsyncIterator[bytes]:
    """Return the bytes of a file; asks anew where it is when its address is no longer good."""
    url = str(ref["url"])
    for attempt in (1, 2):
        try:
            async with api.file(url) as answer:
                async for chunk in answer.content.iter_chunked(CHUNK_BYTES):
                    yield chunk
            return
        except ApiError as error:
            if error.code not in _EXPIRED:
                raise omnigate.NotReady(str(error)) from None
            if attempt == 2:
                raise _gone() from None
            url = await _new_address(api, ref)
        except UNANSWERED as error:
            raise omnigate.NotReady(str(error)) from None


async def _new_address(api: Api, ref: Mapping[str, Any]) -> str:
    """Return where the file is now; raises `Refused` when it is there no more."""
    if "peer" not in ref:
        raise _gone()
    try:
        message = await message_there(api, ref["peer"], ref["cmid"])
    except ApiError as error:
        raise meaning(error) from None
    except UNANSWERED as error:
        raise omnigate.NotReady(str(error)) from None
    files = content_of(message).files
    number = ref["n"]
    if number >= len(files):
        raise _gone()
    return str((files[number].ref or {})["url"])


def _gone() -> omnigate.Refused:
    return omnigate.Refused("no_file", "VK has the file no longer")
