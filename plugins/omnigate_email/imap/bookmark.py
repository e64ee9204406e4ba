"""The position in a folder as the store keeps it: with each mail, or by itself."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime

import omnigate
from omnigate_email.imap.positions import PREFIX, Position, begin
from omnigate_email.imap.session import Opened


class Bookmark:
    """Where reading of one folder stands, and what of that is on disk."""

    def __init__(self, folder: str, host: omnigate.ChannelHost) -> None:
        self._folder = folder
        self._host = host
        self._key = PREFIX + folder
        self._position: Position | None = None
        self._noted: str | None = None

    @property
    def here(self) -> Position:
        """Where reading stands; known once `orient` was called."""
        if self._position is None:
            raise LookupError(f"the folder {self._folder} was not opened")
        return self._position

    async def recall(self) -> None:
        """Read what is on disk."""
        self._noted = (await self._host.notes(self._key)).get(self._key)
        try:
            self._position = Position.read(self._noted)
        except ValueError as error:
            self._host.log.error("reading begins anew", folder=self._folder, reason=str(error))

    def orient(self, opened: Opened, since: date | str) -> bool:
        """Make the position one of the folder as it is now; true when the server has numbered it anew."""
        if self._position is None:
            now = datetime.now(UTC)
            self._position = begin(opened.uidvalidity, opened.uidnext, since, now)
        elif self._position.uidvalidity != opened.uidvalidity:
            self._host.log.warning("folder numbered anew", folder=self._folder)
            self._position = self._position.renumbered(opened.uidvalidity, opened.uidnext)
            return True
        return False

    def move(self, position: Position) -> None:
        """Go on from another position; it is not on disk yet."""
        self._position = position

    def notes(self, position: Position) -> Mapping[str, str | None]:
        """Return what keeps a position, to be stored with the mail that it stands behind."""
        return {self._key: position.model_dump_json()}

    def kept(self, position: Position) -> None:
        """Go on from a position that is on disk."""
        self._position, self._noted = position, position.model_dump_json()

    async def keep(self) -> None:
        """Have the position on disk; when that fails it is kept with the next mail."""
        position = self.here
        if position.model_dump_json() == self._noted:
            return
        try:
            await self._host.put(notes=self.notes(position))
        except (omnigate.Overloaded, omnigate.StoreError) as error:
            self._host.log.warning("position not kept", folder=self._folder, reason=str(error))
        else:
            self.kept(position)
