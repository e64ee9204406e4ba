"""What an operator may write, and what cannot be meant."""

from __future__ import annotations

import pytest
from omnigate_call import Calls
from pydantic import ValidationError

from tests.plugins.call.desks import section


@pytest.mark.parametrize(
    "given",
    [
        {"agents": {}},
        {"agents": {"a b": "PJSIP/1"}},
        {"agents": "sales"},
        {"caller_id": "Shop"},
        {"record": True},
        {"driver": "ami"},
        {"driver": "carrier pigeon"},
        {"countries": ["Russia"]},
        {"consent": {"english": "Yes?"}},
        {"ring_seconds": 1},
    ],
)
def test_what_cannot_be_meant_is_refused(given):
    with pytest.raises(ValidationError):
        Calls.Config.model_validate(section(**given))


def test_agents_can_be_written_short():
    config = Calls.Config.model_validate(section(agents="sales=PJSIP/100, shop=PJSIP/101"))
    assert [agent.endpoint for agent in config.agents.values()] == ["PJSIP/100", "PJSIP/101"]
    keys = {"key": "k", "secret": "s" * 20}
    given = section(driver="zadarma", zadarma=keys, agents="night=+74951112233,desk=101")
    del given["ari"]
    config = Calls.Config.model_validate(given)
    assert config.agents["night"].number == "+74951112233"
    assert config.agents["desk"].extension == "101"


def test_agents_without_what_the_driver_rings_are_said_with_all_other_mistakes():
    agents = {"sales": "+74951112233", "shop": "PJSIP/1", "desk": "101"}
    with pytest.raises(ValidationError) as caught:
        Calls.Config.model_validate(section(agents=agents, ring_seconds=1))
    found = {mistake["loc"]: mistake["msg"] for mistake in caught.value.errors()}
    assert set(found) == {("agents",), ("ring_seconds",)}
    assert "sales, desk have no endpoint, by which ari rings; add it" in found["agents",]
    del agents["desk"], agents["shop"]
    with pytest.raises(ValidationError, match=r"sales has no endpoint"):
        Calls.Config.model_validate(section(agents=agents))
