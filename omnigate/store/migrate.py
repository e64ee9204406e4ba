"""Bringing a database file to the current schema: Alembic, run in the daemon at start."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from sqlalchemy import Connection

from omnigate.errors import StoreError

_SCRIPTS: Final = Path(__file__).parent / "migrations"


def upgrade(connection: Connection) -> tuple[str | None, str]:
    """Migrate to the newest schema; return the revisions before and after.

    Raises `StoreError` when the file was written by a newer Omnigate.
    """
    config = _config()
    before = current(connection)
    newest = ScriptDirectory.from_config(config).get_current_head() or ""
    if before == newest:
        return before, newest
    config.attributes["connection"] = connection
    try:
        command.upgrade(config, "head")
    except CommandError as error:
        raise StoreError(
            f"the database has the schema {before!r}, which this version does not know ({error});"
            " run the version of Omnigate that wrote it, or a newer one"
        ) from None
    return before, newest


def current(connection: Connection) -> str | None:
    """Return the revision of the schema in the file, None for an empty one."""
    return MigrationContext.configure(connection).get_current_revision()


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(_SCRIPTS).replace("%", "%%"))
    return config
