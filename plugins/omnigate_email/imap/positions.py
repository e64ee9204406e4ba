"""How far a folder was read: what is noted with every mail that is stored, and read again after a restart."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Final, Self

from pydantic import AwareDatetime, Field, ValidationError

import omnigate
from omnigate_email.imap.fetched import Fetched

PREFIX: Final = "imap/"
"""Notes of folders are called so, and by the folder's name."""
MOST_LEFT: Final = 100
"""So many mails may be set aside before reading stops: then it is not the mails that are at fault."""
_MOST_UNMARKED: Final = 1000
_REMEMBERED_KEYS: Final = 50
_CLOCKS_DIFFER: Final = timedelta(minutes=10)
_ZONES_DIFFER: Final = timedelta(days=1)


class Position(omnigate.Model):
    """Where reading stands in a folder. Frozen; what happens makes a new one."""

    uidvalidity: int
    """The server's numbering that the numbers here belong to."""
    uid: int = Field(ge=0)
    """Up to this number every mail is stored, set aside, or was not wanted."""
    started_at: AwareDatetime
    """When the folder was read for the first time: what is older was not wanted then, nor is it later."""
    archive: bool = False
    """The older mails were wanted too."""
    newest_on: date
    """The last day on which a stored mail arrived; the day of the beginning before there is one."""
    scan_from: date | None = None
    """While a folder is gone through anew: only what arrived on this day or later is taken…"""
    scan_until: int = 0
    """… of the mails up to this number. Those after it are all new."""
    unmarked: tuple[int, ...] = ()
    """Stored, and what is to be done after reading is not done yet."""
    left: tuple[int, ...] = ()
    """Set aside because they cannot be read or stored; they are tried again."""
    keys: tuple[str, ...] = ()
    """Of the mails stored last."""
    modseq: int | None = None
    """The folder's state when everything in it was taken, where the server counts its changes."""

    def stored(self, found: Fetched, *, mark: bool, today: date) -> Self:
        """Return where reading stands once a mail is stored."""
        arrived_on = min(found.arrived_at.date(), today)  # a server's clock may be far ahead
        unmarked = (*self.unmarked, found.uid) if mark else ()
        return self.model_copy(
            update={
                "uid": max(self.uid, found.uid),
                "newest_on": max(self.newest_on, arrived_on),
                "unmarked": unmarked[-_MOST_UNMARKED:],
                "left": tuple(one for one in self.left if one != found.uid),
                "keys": (*self.keys, found.key)[-_REMEMBERED_KEYS:],
            }
        )

    def passed(self, uid: int) -> Self:
        """Return where reading stands after a mail that is gone, or not wanted."""
        left = tuple(one for one in self.left if one != uid)
        return self.model_copy(update={"uid": max(self.uid, uid), "left": left})

    def set_aside(self, uid: int) -> Self:
        """Return where reading stands after a mail that is to be tried again later."""
        left = (*(one for one in self.left if one != uid), uid)
        return self.model_copy(update={"uid": max(self.uid, uid), "left": left})

    def finished(self, modseq: int | None) -> Self:
        """Return where reading stands when everything that was found is taken."""
        done = self.scan_from is not None and self.uid >= self.scan_until
        # What was taken since is more than the state that was told, never less.
        update = {
            "modseq": modseq or self.modseq,
            **({"scan_from": None, "scan_until": 0} if done else {}),
        }
        return self.model_copy(update=update)

    def marked(self, uids: tuple[int, ...]) -> Self:
        """Return where reading stands when what is to be done after reading was done to these."""
        rest = tuple(one for one in self.unmarked if one not in uids)
        return self.model_copy(update={"unmarked": rest})

    def renumbered(self, uidvalidity: int, uidnext: int) -> Self:
        """Return where reading stands when the server numbers the folder anew.

        What arrived since the last day is gone through again: what is known already is recognised.
        """
        return self.model_copy(
            update={
                "uidvalidity": uidvalidity,
                "uid": 0,
                "scan_from": self.scan_from or self.newest_on - _ZONES_DIFFER,
                "scan_until": max(uidnext - 1, 0),
                "unmarked": (),
                "left": (),
                "modseq": None,
            }
        )

    def is_new(self, found: Fetched) -> bool:
        """Tell whether a mail is to be taken: of a folder that is gone through anew, not what is known."""
        if self.scan_from is None or found.uid > self.scan_until:
            return True
        wanted = self.archive or found.arrived_at >= self.started_at - _CLOCKS_DIFFER
        return wanted and found.key not in self.keys

    @classmethod
    def read(cls, note: str | None) -> Self | None:
        """Return what a note says; None where there is none. Raises ``ValueError`` for what is not ours."""
        if note is None:
            return None
        try:
            return cls.model_validate_json(note)
        except ValidationError:
            raise ValueError("the note of a folder cannot be read") from None


def begin(uidvalidity: int, uidnext: int, since: date | str, now: datetime) -> Position:
    """Return where reading of a folder begins."""
    last = max(uidnext - 1, 0)
    here = Position(uidvalidity=uidvalidity, uid=last, started_at=now, newest_on=now.date())
    if isinstance(since, date):
        update = {"uid": 0, "archive": True, "scan_from": since, "scan_until": last}
        return here.model_copy(update=update)
    return here.model_copy(update={"uid": 0, "archive": True}) if since == "all" else here
