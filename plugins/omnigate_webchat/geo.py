"""The visitor's city by network address, from a MaxMind-format file the operator names."""

from __future__ import annotations

import asyncio
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import omnigate

if TYPE_CHECKING:
    from maxminddb import Reader


class GeoFile:
    """Looks addresses up; opened at the first question, in a thread.

    A file that cannot be read is said once in the log and asked no more.
    """

    def __init__(self, path: str, host: omnigate.ChannelHost) -> None:
        self._path = Path(path)
        self._host = host
        self._reader: Reader | None = None
        self._opened = False
        self._opening = asyncio.Lock()

    async def place_of(self, remote: str | None) -> omnigate.Geo | None:
        """Return the coarse place of a network address, or None when it is not known."""
        if remote is None:
            return None
        if not self._opened:
            async with self._opening:
                if not self._opened:
                    self._reader = await asyncio.to_thread(self._open)
                    self._opened = True
        if self._reader is None:
            return None
        try:
            # The whole file is in memory (MODE_MEMORY): a look-up takes microseconds.
            found = self._reader.get(remote)
        except (ValueError, RuntimeError):
            # No address at all (a socket's path), or a damaged record: InvalidDatabaseError.
            return None
        return _geo(found) if isinstance(found, dict) else None

    def _open(self) -> Reader | None:
        import maxminddb  # noqa: PLC0415  # an extra, needed only with geo_file

        try:
            return maxminddb.open_database(self._path, maxminddb.MODE_MEMORY)
        except (OSError, maxminddb.InvalidDatabaseError) as error:
            self._host.log.warning(
                "geo_file cannot be read; visitors have no city until it is mended and the daemon reloaded",
                path=str(self._path),
                error=str(error),
            )
            return None


def is_available() -> bool:
    """Tell whether the ``maxminddb`` package is installed."""
    return find_spec("maxminddb") is not None


def _geo(record: dict[str, Any]) -> omnigate.Geo | None:
    """Return country, region and city in English; coordinates to a tenth of a degree (11 km)."""
    subdivisions = record.get("subdivisions")
    region = subdivisions[0] if isinstance(subdivisions, list) and subdivisions else None
    location = record.get("location")
    point = location if isinstance(location, dict) else {}
    country = record.get("country")
    geo = omnigate.Geo(
        country=_text(country.get("iso_code")) if isinstance(country, dict) else None,
        region=_name(region),
        city=_name(record.get("city")),
        latitude=_tenth(point.get("latitude")),
        longitude=_tenth(point.get("longitude")),
    )
    return geo if geo != omnigate.Geo() else None


def _name(place: Any) -> str | None:
    names = place.get("names") if isinstance(place, dict) else None
    return _text(names.get("en")) if isinstance(names, dict) else None


def _text(value: Any) -> str | None:
    return value[:200] if isinstance(value, str) else None


def _tenth(degrees: Any) -> float | None:
    return round(float(degrees), 1) if isinstance(degrees, int | float) else None
