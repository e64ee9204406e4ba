"""The internet as this platform sees it: public names lead to places on this machine.

A webhook has to have a public HTTPS address, and tests have none. What a test routes here stands for
the name service and for the proxy that takes TLS off; everything else cannot be reached.
"""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import ip_address
from urllib.parse import urlsplit

import aiohttp

from omnigate.emulators.telegram.errors import bad_request


@dataclass(frozen=True, slots=True)
class Fetched:
    """What lies behind an address."""

    content: bytes
    content_type: str
    name: str


class Internet:
    """Routes by origin; loopback addresses lead to themselves."""

    def __init__(self) -> None:
        self._routes: dict[str, str] = {}
        self._session: aiohttp.ClientSession | None = None

    def route(self, public: str, here: str) -> None:
        """Let ``https://shop.example:8443`` lead to ``http://127.0.0.1:40123``."""
        self._routes[_origin(public)] = here.rstrip("/")

    def resolve(self, url: str) -> str | None:
        """Return where a URL really leads, none where it cannot be reached."""
        parts = urlsplit(url)
        here = self._routes.get(_origin(url))
        if here is not None:
            return here + url[url.index(parts.netloc) + len(parts.netloc) :]
        return url if is_private(parts.hostname or "") else None

    @property
    def session(self) -> aiohttp.ClientSession:
        """The client that speaks to the outside; closed with ``close``."""
        if self._session is None:
            self._session = aiohttp.ClientSession(auto_decompress=True)
        return self._session

    async def fetch(self, url: str, limit_bytes: int) -> Fetched:
        """Return what lies behind a URL that a bot named.

        Raises:
            Refused: it is no URL, cannot be had, or is over the limit (unverified limit)
        """
        where = self.resolve(url)
        if where is None:
            raise bad_request("Wrong HTTP URL specified")
        try:
            async with self.session.get(where) as answer:
                content = await answer.content.read(limit_bytes + 1)
                while len(content) <= limit_bytes and not answer.content.at_eof():
                    content += await answer.content.read(limit_bytes)
        except (aiohttp.ClientError, TimeoutError):
            raise bad_request("Failed to get HTTP URL content") from None
        if answer.status != 200 or len(content) > limit_bytes:
            raise bad_request("Failed to get HTTP URL content")
        return Fetched(content, answer.content_type, urlsplit(url).path.rpartition("/")[2])

    async def close(self) -> None:
        """Close every connection to the outside."""
        if self._session is not None:
            await self._session.close()


def is_private(host: str) -> bool:
    """Whether a host is an address that no name on the internet may lead to."""
    try:
        address = ip_address(host)
    except ValueError:
        return host == "localhost"
    return not address.is_global


def _origin(url: str) -> str:
    parts = urlsplit(url)
    default = 443 if parts.scheme == "https" else 80
    return f"{parts.scheme}://{(parts.hostname or '').lower()}:{parts.port or default}"
