"""The guide says what the code does: keys, limits, and a signature that proves somebody."""

from __future__ import annotations

import hashlib
import hmac
import json
import re
import shutil
import subprocess
from pathlib import Path
from types import UnionType
from typing import Any, get_args, get_origin

import pytest
from omnigate_webchat import assets, frames, socket, tokens
from omnigate_webchat.config import WebchatConfig
from omnigate_webchat.identity import Identity, is_proven
from pydantic import BaseModel, SecretStr
from pydantic.fields import FieldInfo

import omnigate

GUIDE = Path(assets.__file__).with_name("README.md")
INHERITED = set(omnigate.ChannelConfig.model_fields)


def rows(model: type[BaseModel], prefix: str = "") -> list[str]:
    """Return the lines of the table of keys, made of the descriptions."""
    lines = []
    for name, field in model.model_fields.items():
        if not prefix and name in INHERITED:
            continue
        key = f"{prefix}{name}"
        lines.append(f"| `{key}` | {default(field)} | {field.description} |")
        inner, is_list = inner_model(field.annotation)
        if inner is not None:
            lines += rows(inner, f"{key}[]." if is_list else f"{key}.")
    return lines


def default(field: FieldInfo) -> str:
    if field.is_required():
        return "required"
    value = field.get_default(call_default_factory=True)
    if isinstance(value, BaseModel):
        return "a table"
    if value is None or value in ([], {}):
        return "unset"
    if isinstance(value, list) and isinstance(value[0], BaseModel):
        return "and ".join(item.name + " " for item in value).strip()
    if isinstance(value, list) and len(value) > 3:
        return f"{len(value)} of them"
    return f"`{json.dumps(value, ensure_ascii=False)}`"


def inner_model(annotation: Any, in_list: bool = False) -> tuple[type[BaseModel] | None, bool]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation, in_list
    is_list = in_list or get_origin(annotation) is list
    if get_origin(annotation) in (list, UnionType) or get_args(annotation):
        for part in get_args(annotation):
            found = inner_model(part, is_list)
            if found[0] is not None:
                return found
    return None, False


def test_the_guide_lists_every_key_as_the_code_describes_it():
    table = "\n".join(rows(WebchatConfig))
    assert table in GUIDE.read_text(), f"put this into {GUIDE.name}:\n{table}"


def test_the_guide_states_the_limits_of_the_code():
    text = GUIDE.read_text()
    defaults = WebchatConfig(allowed_origins=["https://shop.example.org"])
    for said in (
        f"{frames.MAX_FRAME_BYTES // 1024} KiB",
        f"{frames.MAX_TEXT_BYTES // 1024} KiB",
        f"{tokens.CONNECTION_SECONDS // 60} minutes",
        f"{tokens.VISITOR_SECONDS // 86_400} days",
        f"{defaults.limits.messages_per_10_seconds} messages per 10 seconds",
        f"{defaults.uploads.max_bytes // 2**20} MiB",
        f"within {socket._HELLO_SECONDS:.0f} s",
    ):
        assert said in text


def test_the_guide_names_every_frame_of_the_protocol():
    text = GUIDE.read_text()
    names = set(re.findall(r'Literal\["([a-z.]+)"\]', Path(frames.__file__).read_text()))
    assert "msg.send" in names
    for name in names:
        assert f"`{name}`" in text or f"`{name} " in text


@pytest.mark.parametrize(
    ("language", "command"),
    [("python", ["python3", "-c"]), ("php", ["php", "-r"]), ("js", ["node", "-e"])],
)
def test_the_examples_of_the_guide_prove_a_customer(language: str, command: list[str]):
    found = re.search(rf"```{language}\n(.*?identity_secret.*?)```", GUIDE.read_text(), re.S)
    assert found is not None
    secret, user_id = "a secret of the site, long enough", "42"
    if shutil.which(command[0]) is None:
        # Without the interpreter the line is only read: it has to name the right parts.
        assert "sha256" in found[1]
        return
    given = {
        "python": f"identity_secret, user_id = {secret!r}, {user_id!r}\n{found[1]}\nprint(digest)",
        "php": f"$identity_secret = '{secret}'; $user_id = '{user_id}';\n{found[1]}\necho $digest;",
        "js": f"const identity_secret = '{secret}', user_id = '{user_id}';\n{found[1]}\n"
        "console.log(digest)",
    }[language]
    digest = subprocess.run(
        [*command, given], capture_output=True, text=True, check=True, timeout=30
    ).stdout.strip()
    assert digest == hmac.new(secret.encode(), user_id.encode(), hashlib.sha256).hexdigest()
    assert is_proven(Identity(user_id=user_id, hash=digest), SecretStr(secret))


def test_the_configuration_of_the_guide_is_accepted():
    import tomllib

    blocks = re.findall(r"```toml\n(.*?)```", GUIDE.read_text(), re.S)
    assert blocks
    for block in blocks:
        section = tomllib.loads(block)["channels"]["site"]
        assert section.pop("kind") == "webchat"
        if isinstance(section.get("identity_secret"), dict):
            section["identity_secret"] = "the contents of the file"
        WebchatConfig.model_validate(section)
