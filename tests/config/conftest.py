"""A catalogue of two small kinds, and a place to write configurations in."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import ClassVar

import pytest
from pydantic import BaseModel, ConfigDict, Field, SecretStr

import omnigate
from omnigate import config
from omnigate.plugins import Catalogue


class Hours(BaseModel):
    """When somebody answers."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    opens: int = Field(9, ge=0, le=23, description="Hour of opening.")
    passphrase: SecretStr | None = Field(None, description="Said at the door.")


class Shop(omnigate.Channel):
    """A channel with all shapes of keys."""

    kind = "shop"
    summary = "A shop's counter."
    capabilities: ClassVar = omnigate.Capabilities()

    class Config(omnigate.ChannelConfig):
        token: SecretStr = Field(description="What the other side presents.")
        older: list[SecretStr] = Field([], description="Tokens that are still taken.")
        headers: dict[str, SecretStr] = Field({}, description="Sent along.")
        url: str | None = Field(
            None, description="Where answers go.", examples=["https://a.example"]
        )
        mode: str = Field("poll", description="How it is asked.")
        account: str | None = Field(
            None, pattern=r"^AC[0-9a-f]{4}$", description="AC and 4 hexadecimal digits."
        )
        login: str | None = Field(None, pattern=r"^[\x21-\x7e]+$", description="Ours.")
        hours: Hours = Field(Hours(), description="When somebody answers.")
        link: Hours | bool = Field(False, description="Either shape is good.")

    async def send(self, part: omnigate.OutboundPart) -> omnigate.Sent:
        return omnigate.Sent(external_id=part.id)


class Till(omnigate.Backend):
    """A backend that needs nothing."""

    kind = "till"

    async def deliver(self, event: omnigate.Event) -> omnigate.Reply | None:
        return None


def find_kinds(kinds: frozenset[str]) -> Catalogue:
    broken = {"worn": "ValueError: the lid is off"}
    return Catalogue({"shop": Shop}, {"till": Till}, broken, ("shop", "till", "worn"))


@pytest.fixture
def catalogue() -> Catalogue:
    return find_kinds(frozenset())


@pytest.fixture
def load(tmp_path: Path) -> Callable[..., config.Config]:
    """Write the text as omnigate.toml (and other files by name) and load it."""

    def load_text(text: str, **others: str) -> config.Config:
        path = tmp_path / "omnigate.toml"
        path.write_text(text, encoding="utf-8")
        path.chmod(0o600)
        for name, content in others.items():
            other = tmp_path / name.replace("_toml", ".toml")
            other.write_text(content, encoding="utf-8")
            other.chmod(0o600)
        return config.load(path, find_kinds)

    return load_text


@pytest.fixture
def mistakes(
    load: Callable[..., config.Config],
) -> Callable[..., Sequence[omnigate.errors.Problem]]:
    """Load a configuration that must not load and return what is wrong with it."""

    def load_wrong(text: str, **others: str) -> Sequence[omnigate.errors.Problem]:
        with pytest.raises(omnigate.ConfigError) as caught:
            load(text, **others)
        return caught.value.problems

    return load_wrong
