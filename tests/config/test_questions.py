"""What is asked when a section is added: what has no default, and what a plugin marks."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal, Self

import pytest
from omnigate_http import Http
from omnigate_webchat.config import WebchatConfig
from omnigate_webhook import Webhook
from pydantic import Field, SecretStr, model_validator

import omnigate
from omnigate import plugins
from omnigate.config.annotations import fields
from omnigate.config.questions import (
    Question,
    marks,
    missing,
    mistakes,
    named,
    open_questions,
    questions_again,
)


class Server(omnigate.Model):
    """A table inside."""

    host: str = Field(description="Its name.")
    port: int = Field(993, description="Its port.")
    password: SecretStr = Field(description="What it wants to hear.")


class Mail(omnigate.ChannelConfig):
    """Something of everything."""

    imap: Server = Field(description="Where mail is.")
    smtp: Server | None = Field(None, description="Where mail goes.")
    mode: Literal["poll", "idle"] = Field(description="How it is read.")
    key: Annotated[
        SecretStr | None, omnigate.Asked(needed=True, unless=("certificate",), fresh=lambda: "k")
    ] = Field(None, description="What it is encrypted with.")
    certificate: str | None = Field(None, description="Instead of a key.")
    url: Annotated[str | None, omnigate.Asked()] = Field(
        None, description="Where it is shown.", examples=["https://a.example"]
    )
    title: Annotated[str, omnigate.Asked(when=("url",))] = Field("Mail", description="Its title.")
    window: Annotated[int, omnigate.Asked(again=True)] = Field(10, description="At once.")

    @model_validator(mode="after")
    def _encrypted(self) -> Self:
        if not self.key and not self.certificate:
            raise ValueError("give key or certificate")
        return self


def asked(model: Any, **keys: Any) -> list[str]:
    return [question.key for question in open_questions(model, keys)]


def needed(model: Any, **keys: Any) -> list[str]:
    return [question.key for question in missing(model, keys)]


def test_keys_without_a_default_come_first_those_in_tables_by_their_path() -> None:
    assert asked(Mail) == ["imap.host", "imap.password", "mode", "key", "url"]


def test_what_is_given_is_not_asked_and_opens_or_closes_other_questions() -> None:
    given = {"imap": {"host": "h"}, "mode": "poll", "certificate": "c", "url": "u"}
    assert asked(Mail, **given) == ["imap.password", "title"]
    assert asked(Mail, **given, smtp={"host": "s"}) == ["imap.password", "smtp.password", "title"]


@pytest.mark.parametrize(
    ("calls", "expected"), [(True, ["secret"]), (False, []), (None, ["calls"])]
)
def test_who_answers_no_is_asked_nothing_more(calls: bool | None, expected: list[str]) -> None:
    class Called(omnigate.ChannelConfig):
        calls: Annotated[bool, omnigate.Asked()] = Field(False, description="Be called.")
        secret: Annotated[SecretStr | None, omnigate.Asked(needed=True, when=("calls",))] = Field(
            None, description="Sent along."
        )

    assert asked(Called, **({} if calls is None else {"calls": calls})) == expected


def test_what_does_not_work_is_asked_for_again_with_what_is_in_force() -> None:
    given = {
        "imap": {"host": "h", "port": 1, "password": "p"},
        "mode": "poll",
        "key": "made",
        "priority": 5,
    }
    found = {question.key: question.default for question in questions_again(Mail, given)}
    assert found == {
        "priority": 5,
        "imap.host": "h",
        "imap.port": 1,
        "imap.password": "p",
        "mode": "poll",
        "key": "made",
        "url": None,
        "window": 10,
    }
    assert all(question.fresh is None for question in questions_again(Mail, given))


def test_what_decides_between_tables_is_not_asked_again() -> None:
    class Either(omnigate.ChannelConfig):
        link: Literal["mail", "none"] = Field(description="Which.")
        mail: Annotated[Server | None, omnigate.Asked(when=("link=mail",))] = Field(
            None, description="Where."
        )

    given = {"link": "mail", "mail": {"host": "h", "password": {"env": "P"}}}
    assert [one.key for one in questions_again(Either, given)] == ["mail.host", "mail.password"]


def test_a_table_is_asked_for_when_another_key_says_the_word() -> None:
    class Either(omnigate.ChannelConfig):
        link: Literal["mail", "none"] = Field(description="Which.")
        mail: Annotated[Server | None, omnigate.Asked(when=("link=mail",))] = Field(
            None, description="Where."
        )

    assert asked(Either) == ["link"]
    assert asked(Either, link="none") == []
    assert asked(Either, link="mail") == ["mail.host", "mail.password"]
    assert asked(Either, link="mail", mail={"host": "h"}) == ["mail.password"]
    assert needed(Either, link="mail") == ["mail.host", "mail.password"]


def test_a_question_says_what_may_be_answered() -> None:
    found = {question.key: question for question in open_questions(Mail, {"url": "u"})}
    assert found["imap.password"].is_secret
    assert found["mode"].choices == ["poll", "idle"]
    assert found["key"].fresh is not None
    assert (found["title"].needed, found["title"].default) == (False, "Mail")
    (url,) = [question for question in open_questions(Mail, {}) if question.key == "url"]
    assert url.example == "https://a.example"


def test_without_anybody_to_ask_all_that_is_needed_is_named_at_once() -> None:
    assert needed(Mail) == ["imap.host", "imap.password", "mode", "key"]
    assert needed(Mail, certificate="c", mode="idle") == ["imap.host", "imap.password"]


@pytest.mark.parametrize(
    ("model", "keys", "expected"),
    [
        (Http.Config, {}, ["token"]),
        (Http.Config, {"secret": "s"}, []),
        (Http.Config, {"token": "t", "url": "u"}, ["secret"]),
        (Http.Config, {"token": "t", "url": "u", "secrets": ["s"]}, []),
        (Webhook.Config, {}, ["url", "secret"]),
        (Webhook.Config, {"secret": "s"}, ["url"]),
        (Webhook.Config, {"url": "u", "secrets": ["s"]}, []),
        (WebchatConfig, {}, ["allowed_origins"]),
    ],
)
def test_the_bundled_kinds_ask_for_what_their_validators_demand(
    model: Any, keys: dict[str, Any], expected: list[str]
) -> None:
    assert needed(model, **keys) == expected


@pytest.mark.parametrize("direction", ["channels", "backends"])
def test_marks_name_keys_of_the_same_table(direction: str) -> None:
    """Of every kind installed; a name that is none would never open or close a question."""
    catalogue = plugins.load(item.kind for item in plugins.installed())
    kinds: dict[str, Any] = getattr(catalogue, direction)
    assert kinds
    for kind in kinds.values():
        for key, mark in marks(kind.Config):
            assert named(mark) <= fields(kind.Config).keys(), (kind, key)


ANSWERS: dict[str, str] = {
    "url": "https://a.example/hook",
    "allowed_origins": "https://a.example",
}
"""What a person might answer to the questions of the bundled kinds that have no fresh answer."""


def answered(model: Any, question: Question) -> Any:
    value = question.fresh() if question.fresh else ANSWERS[question.key]
    return [value] if question.key == "allowed_origins" else value


def answer_all(model: Any) -> dict[str, Any]:
    keys: dict[str, Any] = {}
    while still := open_questions(model, keys):
        keys[still[0].key] = answered(model, still[0])
    return keys


@pytest.mark.parametrize("model", [Http.Config, Webhook.Config, WebchatConfig])
def test_whoever_answers_every_question_has_a_good_section(model: Any, tmp_path: Any) -> None:
    assert mistakes(tmp_path / "omnigate.toml", "channel", "x", answer_all(model), model) == {}


def test_a_kind_that_marks_nothing_is_found(tmp_path: Any) -> None:
    """The sabotage twin: without marks the answers to all questions are not enough."""

    class Unmarked(omnigate.BackendConfig):
        url: str = Field(description="Where to.")
        secret: SecretStr | None = Field(None, description="Signs.")

        @model_validator(mode="after")
        def _can_sign(self) -> Self:
            if not self.secret:
                raise ValueError("secret is missing")
            return self

    wrong = mistakes(tmp_path / "omnigate.toml", "backend", "x", answer_all(Unmarked), Unmarked)
    assert [problem.message for problem in wrong[""]] == ["secret is missing"]


def test_mistakes_are_told_by_key_and_secrets_are_not_in_them(tmp_path: Any) -> None:
    keys = {"kind": "mail", "mode": "polll", "imap": {"port": "x", "password": {"env": "NO_SUCH"}}}
    wrong = mistakes(tmp_path / "omnigate.toml", "channel", "x", keys, Mail)
    assert set(wrong) == {"mode", "imap.host", "imap.port", "imap.password", ""}
    assert [problem.message for problem in wrong[""]] == ["give key or certificate"]
    assert "NO_SUCH is not set" in wrong["imap.password"][0].message


def test_the_keys_of_the_guide_are_asked_for_as_it_says() -> None:
    guide = (Path(omnigate.__file__).parents[1] / "docs" / "plugins.md").read_text()
    _, _, after = guide.partition("<!-- file: keys.py -->\n```python\n")
    module: dict[str, Any] = {"__name__": "keys"}
    exec(compile(after.partition("```")[0], "keys.py", "exec", dont_inherit=True), module)
    assert asked(module["Config"]) == ["token", "calls"]
    assert asked(module["Config"], token="t", calls=True) == ["secret"]
