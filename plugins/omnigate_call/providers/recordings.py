"""Where recordings of talks are, and fetching them from there."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Final

from aiohttp import ClientError, ClientSession, ClientTimeout
from yarl import URL

import omnigate

CONNECT_SECONDS: Final = 5.0
SILENT_SECONDS: Final = 20.0
"""So long a recording may pause on its way."""


async def download(
    session: ClientSession, url: URL, *, headers: Mapping[str, str] | None = None
) -> AsyncIterator[bytes]:
    """Return the bytes of a recording.

    Raises:
        omnigate.Refused: it is not there, or not any more.
        omnigate.DestinationUnavailable: it cannot be had now.
    """
    timeout = ClientTimeout(total=None, connect=CONNECT_SECONDS, sock_read=SILENT_SECONDS)
    try:
        async with session.get(
            url, headers=headers, timeout=timeout, allow_redirects=False
        ) as answer:
            if answer.status in (403, 404, 410):
                raise omnigate.Refused("no_recording", f"{url.host} no longer has the recording")
            if answer.status != 200:
                raise omnigate.judge(answer.status, answer.headers.get("retry-after"))
            async for chunk in answer.content.iter_any():
                yield chunk
    except PermissionError as error:  # the egress guard
        raise omnigate.Refused("not_allowed", str(error)) from None
    except (ClientError, OSError) as error:
        why = omnigate.why_no_answer(error) or type(error).__name__
        raise omnigate.DestinationUnavailable(f"{url.host}: {why}") from None


def is_of(host: str | None, domains: Sequence[str]) -> bool:
    """Tell whether a host is one of these domains or below."""
    return any(host == domain or (host or "").endswith(f".{domain}") for domain in domains)
