"""The configuration: what is refused and what the operator is told."""

from __future__ import annotations

from typing import Any

import pytest
from omnigate_webchat.channel import Webchat
from omnigate_webchat.config import WebchatConfig
from pydantic import BaseModel, ValidationError

import omnigate
from omnigate.testing import FakeHost

ORIGINS = ["https://shop.example.org"]


@pytest.mark.parametrize(
    ("config", "said"),
    [
        ({}, "Field required"),
        ({"allowed_origins": []}, "at least 1"),
        ({"allowed_origins": ["*"]}, "write an origin such as"),
        ({"allowed_origins": ["null"]}, "write an origin such as"),
        ({"allowed_origins": ["shop.example.org"]}, "write an origin such as"),
        ({"allowed_origins": ["https://shop.example.org/"]}, "write https://shop.example.org"),
        ({"allowed_origins": ["https://shop.example.org/a"]}, "no path"),
        ({"allowed_origins": ["https://Shop.example.org"]}, "lower case"),
        ({"allowed_origins": ["https://пример.рф"]}, "punycode"),
        ({"allowed_origins": ["https://shop.example.org:443"]}, "usual port"),
        ({"allowed_origins": ["https://a:b@shop.example.org"]}, "write an origin such as"),
        ({"allowed_origins": ORIGINS, "theme": {"color": "red"}}, "pattern"),
        ({"allowed_origins": ORIGINS, "identity_secret": "short"}, "at least 16"),
        ({"allowed_origins": ORIGINS, "uploads": {"types": ["text/html"]}}, "can be told apart"),
        ({"allowed_origins": ORIGINS, "offline": {"fields": ["name"]}}, "field named message"),
        ({"allowed_origins": ORIGINS, "prechat": {"fields": ["name", "name"]}}, "same name"),
        (
            {"allowed_origins": ORIGINS, "prechat": {"fields": [{"name": "a", "kind": "select"}]}},
            "needs some",
        ),
        (
            {"allowed_origins": ORIGINS, "hours": {"time_zone": "Mars", "days": {}}},
            "Europe/Moscow",
        ),
        (
            {
                "allowed_origins": ORIGINS,
                "hours": {"time_zone": "UTC", "days": {"mon": ["18:00-09:00"]}},
            },
            "09:00-18:00",
        ),
        ({"allowed_origins": ORIGINS, "colour": "red"}, "Extra inputs"),
    ],
)
def test_a_mistake_is_said_in_the_operators_terms(config: dict[str, Any], said: str):
    with pytest.raises(ValidationError) as refused:
        WebchatConfig.model_validate(config)
    assert said in str(refused.value)


def test_every_key_is_described():
    missing = []
    models: list[type[BaseModel]] = [WebchatConfig]
    seen = set(models)
    while models:
        model = models.pop()
        for name, field in model.model_fields.items():
            if not field.description:
                missing.append(f"{model.__name__}.{name}")
            for inner in _models_in(field.annotation):
                if inner not in seen:
                    seen.add(inner)
                    models.append(inner)
    assert missing == []
    assert len(seen) > 6


def _models_in(annotation: Any) -> list[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [model for part in getattr(annotation, "__args__", ()) for model in _models_in(part)]


def test_a_missing_extra_is_named_with_the_way_to_install_it(monkeypatch):
    monkeypatch.setattr("omnigate_webchat.phone.find_spec", lambda name: None)
    monkeypatch.setattr("omnigate_webchat.geo.find_spec", lambda name: None)
    config = Webchat.Config(
        allowed_origins=ORIGINS,
        prechat={"fields": ["phone"]},
        geo_file="/var/lib/geo.mmdb",
    )
    with pytest.raises(omnigate.ConfigError, match=r"phonenumbers.*maxminddb.*pip install"):
        Webchat(config, FakeHost("site"))


def test_the_secret_does_not_show():
    config = Webchat.Config(allowed_origins=ORIGINS, identity_secret="canary-canary-canary")
    assert "canary" not in repr(config)
