"""What is allowed and hardly meant is said before the daemon runs into it."""

from pathlib import Path

import pytest
from pydantic import Field

import omnigate
from omnigate import config
from omnigate.plugins import Catalogue


class Post(omnigate.Backend):
    """A backend that POSTs to an address of the operator's."""

    kind = "post"

    class Config(omnigate.BackendConfig, omnigate.ReceiverConfig):
        url: omnigate.ReceiverUrl = Field(description="Where events go.")

    async def deliver(self, event: omnigate.Event) -> None:
        return None


@pytest.mark.parametrize(
    ("keys", "warned"),
    [
        ("url = 'http://crm.example'", ["backends.crm.url"]),
        ("url = 'http://10.1.2.3'\nallow_private = ['10.1.2.0/24']", []),
        ("url = 'https://crm.example'", []),
    ],
)
def test_a_receiver_that_the_egress_guard_will_refuse_is_a_warning(tmp_path, keys, warned):
    path = tmp_path / "omnigate.toml"
    path.write_text(f"[backends.crm]\nkind = 'post'\n{keys}")
    catalogue = Catalogue({}, {"post": Post}, {}, ("post",))
    warnings = config.load(path, lambda _: catalogue).warnings
    assert [item.key for item in warnings if item.key.endswith("url")] == warned


def about_identity(path: Path, table: str) -> list[str]:
    """Return the keys of the table ``[identity]`` that something is said of."""
    path.write_text(f"[identity]\n{table}")
    found = config.load(path, lambda _: Catalogue({}, {}, {}, ())).warnings
    return [item.key for item in found if item.key.startswith("identity")]


@pytest.mark.parametrize(
    ("table", "warned"),
    [
        ("merge_on = ['call', 'handover', 'call']", ["identity.merge_on"]),
        ("merge_on = ['verified']\ncall_proof_seconds = 20", ["identity.call_proof_seconds"]),
        ("call_proof_seconds = 4.5", ["identity.call_proof_seconds"]),
        ("merge_on = []", []),
        ("merge_on = ['handover']", []),
        ("call_proof_seconds = 5", []),
        ("merge_on = ['call']\ncall_proof_seconds = 30", []),
        ("", []),
    ],
)
def test_what_says_nothing_or_merges_too_easily_is_a_warning_and_the_rest_is_not(
    tmp_path, table, warned
):
    assert about_identity(tmp_path / "omnigate.toml", table) == warned


@pytest.mark.parametrize(
    ("table", "key", "said"),
    [
        ("merge_on = ['calls']", "identity.merge_on[0]", "did you mean call?"),
        ("merge_on = 'call'", "identity.merge_on", 'a list such as ["one", "two"]'),
        ("call_proof_seconds = 0", "identity.call_proof_seconds", "got 0"),
        ("call_proof_seconds = 3601", "identity.call_proof_seconds", "3600"),
        ("call_proof_seconds = nan", "identity.call_proof_seconds", "nan"),
    ],
)
def test_a_proof_that_does_not_exist_and_a_talk_that_nobody_has_are_mistakes(
    tmp_path, table, key, said
):
    with pytest.raises(omnigate.ConfigError) as caught:
        about_identity(tmp_path / "omnigate.toml", table)
    (mistake,) = caught.value.problems
    assert mistake.key == key
    assert said in f"{mistake.message}; {mistake.hint}"
