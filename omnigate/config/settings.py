"""What an operator can set: the whole file, its tables and the sections of channels and backends."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

from pydantic import Field

from omnigate.config.tables import (
    Admin,
    Identity,
    Log,
    Media,
    Retention,
    Retry,
    Route,
    Section,
    Server,
    Store,
)
from omnigate.config.values import SQLITE

NAME_PATTERN: Final = r"^[a-z0-9][a-z0-9_-]{0,62}$"
"""Names of channels and backends: they stand in addresses, in the store and in listings."""


class Settings(Section):
    """The whole file; paths are absolute once `omnigate.config.load` has returned it."""

    include: list[str] = Field(
        [],
        description="Further files to read, relative to this one; patterns are understood.",
        examples=[["omnigate.d/*.toml"]],
    )
    server: Server = Server()
    admin: Admin = Admin()
    store: Store = Store()
    media: Media = Media()
    retry: Retry = Retry()
    retention: Retention = Retention()
    identity: Identity = Identity()
    log: Log = Log()
    # As written, secrets and all: kept out of sight, and taken out once the sections are checked.
    channels: dict[str, dict[str, Any]] = Field(
        {},
        repr=False,
        description="Ways to reach customers, each with its kind and the keys of that kind.",
    )
    backends: dict[str, dict[str, Any]] = Field(
        {},
        repr=False,
        description="Receivers of events, each with its kind and the keys of that kind.",
    )
    routes: list[Route] = Field([], description="Tried in order; the first that matches decides.")

    @property
    def socket(self) -> Path:
        """The Unix socket of the command line."""
        return self.admin.socket or self.store.path.parent / "omnigate.sock"

    @property
    def files(self) -> Path:
        """The directory of attachments."""
        return self.store.files or self.store.path.parent / "files"

    @property
    def public_url(self) -> str:
        """Where the world reaches this daemon, without a slash at the end."""
        scheme = "https" if self.server.tls_cert else "http"
        return self.server.public_url or f"{scheme}://{self.server.listen}"

    def anchored(self, directory: Path) -> Settings:
        """Return the same settings with every relative path taken from this directory.

        The sections of channels and backends, as they were written, are left out: they hold secrets.
        """
        server, admin, store = self.server, self.admin, self.store
        return self.model_copy(
            update={
                "channels": {},
                "backends": {},
                "server": server.model_copy(
                    update={
                        "tls_cert": server.tls_cert and directory / server.tls_cert,
                        "tls_key": server.tls_key and directory / server.tls_key,
                    }
                ),
                "admin": admin.model_copy(
                    update={"socket": admin.socket and directory / admin.socket}
                ),
                "store": store.model_copy(
                    update={
                        "url": f"{SQLITE}{directory / store.path}",
                        "files": store.files and directory / store.files,
                    }
                ),
            }
        )
