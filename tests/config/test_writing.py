"""The example, the schema and the masked listing are made of the models and agree with them."""

import json
import tomllib

import jsonschema_rs
import pytest

from omnigate.config.example import example
from omnigate.config.schema import schema
from omnigate.config.show import as_toml


def uncommented(text: str) -> str:
    """Return the example with every key in force: only comments that are keys lose their mark."""
    lines = []
    for line in text.splitlines():
        bare = line.removeprefix("# ")
        key, equals, _ = bare.partition(" = ")
        header = bare.startswith("[") and bare.endswith("]")
        lines.append(bare if header or (equals and key.isidentifier()) else line)
    return "\n".join(lines)


def test_the_example_is_a_valid_configuration(load, catalogue, monkeypatch):
    monkeypatch.setenv("OMNIGATE_SHOP_TOKEN", "t")
    found = load(example(catalogue))
    assert found.warnings == ()
    assert list(found.channels) == ["shop"]
    assert list(found.backends) == ["till"]


def test_the_example_is_valid_with_its_comments_taken_away(catalogue):
    table = tomllib.loads(uncommented(example(catalogue)))
    assert table["retry"]["schedule_seconds"][:2] == [5, 30]
    assert table["channels"]["shop"]["token"] == {"env": "OMNIGATE_SHOP_TOKEN"}
    assert table["backends"]["till"]["events"] == ["*"]


def test_the_schema_takes_what_the_loader_takes(catalogue):
    document = schema(catalogue)
    jsonschema_rs.meta.validate(document)
    validator = jsonschema_rs.validator_for(document)
    assert validator.is_valid(tomllib.loads(example(catalogue)))
    good = {"kind": "shop", "token": {"file": "/run/secret"}, "hours": {"opens": 3}}
    assert validator.is_valid({"channels": {"x": good}})


@pytest.mark.parametrize(
    "section",
    [
        {"kind": "shop"},
        {"kind": "shopp", "token": "t"},
        {"kind": "shop", "token": "t", "tokn": "t"},
        {"kind": "shop", "token": {"envi": "T"}},
        {"kind": "shop", "token": "t", "hours": {"opens": 30}},
    ],
)
def test_the_schema_refuses_what_the_loader_refuses(catalogue, mistakes, section):
    assert not jsonschema_rs.validator_for(schema(catalogue)).is_valid({"channels": {"x": section}})


def test_showing_masks_every_secret(load):
    text = as_toml(
        load("""
[channels.x]
kind = "shop"
token = "canary-one"
older = ["canary-two"]
headers = { key = "canary-three" }
hours = { passphrase = "canary-four" }
url = "https://user:canary-five@crm.example.org/"
""")
    )
    assert "canary" not in text
    shown = tomllib.loads(text)["channels"]["x"]
    assert shown["kind"] == "shop"
    assert shown["token"] == "**********"
    assert shown["url"] == "https://**********@crm.example.org/"
    json.dumps(shown)


def test_no_secret_shows_where_a_configuration_is_printed(load):
    found = load('[channels.x]\nkind = "shop"\ntoken = "canary-one"\nolder = ["canary-two"]')
    assert found.channels["x"].config.token.get_secret_value() == "canary-one"
    assert "canary" not in repr(found)
    assert "canary" not in found.settings.model_dump_json()
