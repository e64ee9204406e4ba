"""What is allowed and hardly meant is said before the daemon runs into it."""

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
