"""config.example.toml is what the models say, and it is right."""

from pathlib import Path

import pytest

from omnigate import config, plugins
from omnigate.config.example import example
from omnigate.signing import new_secret

FILE = Path(__file__).parents[2] / "config.example.toml"


@pytest.fixture(scope="module")
def bundled() -> plugins.Catalogue:
    kinds = [item.kind for item in plugins.installed() if item.distribution == "omnigate"]
    found = plugins.load(kinds)
    assert not found.broken
    return found


def test_the_file_is_made_of_the_models_of_all_bundled_kinds(bundled):
    fresh = example(bundled).rstrip("\n") + "\n"
    assert FILE.read_text() == fresh, "write it anew: omnigate config example > config.example.toml"


def test_the_file_is_a_good_configuration(monkeypatch):
    monkeypatch.setenv("OMNIGATE_WEBHOOK_SECRET", new_secret())
    monkeypatch.setenv("OMNIGATE_HTTP_TOKEN", "a-token-of-length")
    monkeypatch.setenv("TELEGRAM_TOKEN", f"123456:{'a' * 35}")
    monkeypatch.setenv("MAIL_PASSWORD", "a-password")
    monkeypatch.setenv("OMNIGATE_CALL_ARI_PASSWORD", "a-password")
    monkeypatch.setenv("OMNIGATE_SMS_SMPP_PASSWORD", "a-password")
    monkeypatch.setenv("VK_TOKEN", f"vk1.a.{'a' * 35}")
    found = config.load(FILE, plugins.load)
    assert found.warnings == ()
    assert found.broken == ()
    assert set(found.channels) | set(found.backends) == {
        item.kind for item in plugins.installed() if item.distribution == "omnigate"
    }


def test_every_key_has_a_description(bundled):
    for item in [*bundled.channels.values(), *bundled.backends.values()]:
        for name, field in item.Config.model_fields.items():
            assert field.description, f"{item.kind}: {name}"
