"""Mistakes of single keys do not hide those of keys together, nor names that name nothing."""

from __future__ import annotations

from pathlib import Path
from typing import Self

import pytest
from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator, model_validator

import omnigate
from omnigate import config
from omnigate.plugins import Catalogue


class Door(BaseModel):
    """A table with a rule of its own."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    width: int = Field(1, description="Wide.")
    height: int = Field(2, description="High.")
    key: SecretStr | None = Field(None, description="Opens it.")

    @model_validator(mode="after")
    def _higher_than_wide(self) -> Self:
        if self.height <= self.width:
            raise ValueError("height must be more than width")
        return self


class House(omnigate.Channel):
    """A channel whose keys must fit each other."""

    kind = "house"

    class Config(omnigate.ChannelConfig):
        recorded: bool = Field(False, description="Recorded.")
        consent: dict[str, str] = Field({}, description="To that.")
        rooms: int = Field(1, ge=1, description="How many.")
        floors: int = Field(description="How many.")
        door: Door | None = Field(None, description="Where one goes in.")
        windows: list[Door] = Field([], description="As high, at least.")
        gates: dict[str, Door] = Field({}, description="By the names of their streets.")
        calls: omnigate.CallChannelName | None = Field(None, description="Who calls.")

        @model_validator(mode="after")
        def _with_consent(self) -> Self:
            if self.recorded and not self.consent:
                raise ValueError("recorded needs consent")
            return self

        @model_validator(mode="after")
        def _windows_for_rooms(self) -> Self:
            if 0 < sum(window.width for window in self.windows) < self.rooms:
                raise ValueError("the windows are too narrow for the rooms")
            return self

        @field_validator("floors")
        @classmethod
        def _not_in_the_air(cls, floors: int) -> int:
            if floors > 100:
                raise ValueError("nobody builds that high")
            return floors

        @model_validator(mode="after")
        def _rooms_for_floors(self) -> Self:
            if self.rooms < self.floors:
                raise ValueError("there are more floors than rooms")
            return self

    async def send(self, part: omnigate.OutboundPart) -> omnigate.Sent:
        raise NotImplementedError


def refused(folder: Path, keys: str, above: str = "") -> omnigate.ConfigError:
    path = folder / "omnigate.toml"
    path.write_text(f"{above}\n[channels.x]\nkind = 'house'\n{keys}\n")
    path.chmod(0o600)
    with pytest.raises(omnigate.ConfigError) as caught:
        config.load(path, lambda _: Catalogue({"house": House}, {}, {}, ("house",)))
    return caught.value


RECORDED = ("channels.x", "recorded needs consent")
NARROW = ("channels.x.door", "height must be more than width")
FLOORS = ("channels.x", "there are more floors than rooms")
DARK = ("channels.x", "the windows are too narrow for the rooms")
UNKNOWN = ("channels.x.colour", "unknown key")


@pytest.mark.parametrize(
    ("keys", "expected"),
    [
        ("floors = 1\nrecorded = true", {RECORDED}),
        ("floors = 2\nrecorded = true", {RECORDED, FLOORS}),
        ("floors = 1\nrecorded = true\ncolour = 1", {RECORDED, UNKNOWN}),
        ("recorded = true", {RECORDED, ("channels.x.floors", "is missing")}),
        (
            "floors = 5\nrooms = 0\nrecorded = true",
            {RECORDED, ("channels.x.rooms", "expected greater than or equal to 1, got 0")},
        ),
        (
            "floors = 5\nrecorded = true\nconsent = 1\nrooms = 6",
            {("channels.x.consent", "expected a table, got 1")},
        ),
        (
            "floors = 1\ndoor = {width = 3, colour = 1}\nrecorded = true",
            {RECORDED, NARROW, ("channels.x.door.colour", "unknown key")},
        ),
        (
            "floors = 1\nrooms = 9\nwindows = [{width = 3, colour = 1}, {width = 5}]",
            {
                DARK,
                ("channels.x.windows[0]", NARROW[1]),
                ("channels.x.windows[0].colour", "unknown key"),
                ("channels.x.windows[1]", NARROW[1]),
            },
        ),
        (
            "floors = 1\nrooms = 9\nwindows = [{width = 'x'}, {width = 5}, 1]",
            {
                ("channels.x.windows[0].width", "expected a whole number"),
                ("channels.x.windows[1]", NARROW[1]),
                ("channels.x.windows[2]", "expected a table, got 1"),
            },
        ),
        (
            "floors = 1\ngates.north = {width = 3}\ngates.south = {width = 3, colour = 1}",
            {
                ("channels.x.gates.north", NARROW[1]),
                ("channels.x.gates.south", NARROW[1]),
                ("channels.x.gates.south.colour", "unknown key"),
            },
        ),
        (
            "floors = 101\nrecorded = true",
            {RECORDED, ("channels.x.floors", "nobody builds that high, got 101")},
        ),
        (
            "floors = 1\ndoor = {width = 3, key = { env = 'NOT_SET_ANYWHERE' }}\ncolour = 1",
            {
                NARROW,
                UNKNOWN,
                ("channels.x.door.key", "the environment variable NOT_SET_ANYWHERE is not set"),
            },
        ),
    ],
)
def test_all_mistakes_are_reported_and_none_that_another_makes(
    tmp_path: Path, keys: str, expected: set[tuple[str, str]]
) -> None:
    found = [(each.key, each.message) for each in refused(tmp_path, keys).problems]
    assert set(found) == expected
    assert len(found) == len(expected)


def test_tables_of_the_daemon_are_looked_at_as_wholes_too(tmp_path: Path) -> None:
    above = "[server]\nlisten = '8080'\ntls_cert = 'omnigate.toml'"
    found = {each.key for each in refused(tmp_path, "floors = 1", above).problems}
    assert found == {"server", "server.listen"}


def test_files_that_are_not_there_are_told_beside_mistakes_of_the_daemons_tables(
    tmp_path: Path,
) -> None:
    above = "[log]\nlevel = 'loud'\n[server]\ntls_cert = 'no.pem'\ntls_key = 'no.pem'"
    above += f"\n[admin]\nsocket = '{'s' * 120}'"
    found = [each.key for each in refused(tmp_path, "floors = 1", above).problems]
    assert found == ["log.level", "server.tls_cert", "server.tls_key", "admin.socket"]


def test_a_socket_is_not_spoken_of_where_its_key_is_wrong(tmp_path: Path) -> None:
    found = [each.key for each in refused(tmp_path, "floors = 1", "[admin]\nsocket = 1").problems]
    assert found == ["admin.socket"]


def test_names_of_nobody_are_told_beside_the_mistakes(tmp_path: Path) -> None:
    error = refused(tmp_path, "calls = 'fon'")
    assert [each.key for each in error.problems] == ["channels.x.floors"]
    assert [(each.key, each.message) for each in error.warnings] == [
        ("channels.x.calls", "no channel is called 'fon'")
    ]


def test_mistakes_stand_in_the_order_of_the_file(tmp_path: Path) -> None:
    above = "[log]\nlevel = 'loud'\n[server]\nlisten = '8080'"
    error = refused(tmp_path, "colour = 1\nrooms = 0", above)
    lines = [each.line for each in error.problems]
    assert lines == [2, 4, 5, 7, 8]
