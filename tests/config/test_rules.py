"""Every rule of every table is told beside a mistake of a single key; and there is no rule besides these."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Final, get_args

import certifi
import pytest
import tomli_w
from pydantic import BaseModel

from omnigate import config, plugins
from omnigate.config.annotations import alternatives
from omnigate.config.settings import Settings

TOKEN: Final = "a-token-of-some-length"  # nobody's
CUSTOMER: Final = "PJSIP/{number}@trunk"
LOGIN: Final = {"username": "u", "password": TOKEN}
ASTERISK: Final = {"url": "https://pbx.example.com", **LOGIN, "customer_endpoint": CUSTOMER}
MANAGER: Final = {"host": "pbx.example.com", **LOGIN, "customer_endpoint": CUSTOMER}
EXOLVE: Final = {"api_key": TOKEN, "number_code": 1, "callback_resource_id": 1}
KANNEL: Final = {"url": "https://sms.example.com/send", **LOGIN}
SMPP: Final = {"host": "smsc.example.com", "system_id": "u", "password": "p"}
MAILBOX: Final = {"host": "imap.example.com", **LOGIN}
RELAY: Final = {"host": "smtp.example.com", **LOGIN}
DOOR: Final = {"listen": "127.0.0.1:2424"}
OAUTH: Final = {"token_file": "/nowhere"}  # nobody reads it here
ANSWER: Final = {"id": "/id"}
FORM: Final = {"to": "{to}", "text": "{text}"}
CUSTOM: Final = {"url": "https://sms.example.com/send", "form": FORM, "answer": ANSWER}
RECEIPT: Final = {"id": "/id", "state": "/s", "states": {"1": "sent"}}
INCOMING: Final = {"source": "/a", "text": "/b"}

GOOD: Final[dict[str, dict[str, Any]]] = {
    "server": {},
    "retention": {},
    "call": {
        "driver": "ari",
        "default_region": "RU",
        "agents": {"sales": "PJSIP/100"},
        "ari": ASTERISK,
    },
    "email": {"address": "shop@example.com", "imap": MAILBOX},
    "http": {"token": TOKEN},
    "sms": {"link": "kannel", "default_region": "RU", "sender": "Shop", "kannel": KANNEL},
    "telegram": {"token": "123456:" + "a" * 35},
    "vk": {"token": TOKEN, "group_id": 1},
    "webchat": {"allowed_origins": ["https://a.example"]},
    "webhook": {"url": "https://crm.example.com", "secret": f"whsec_{'YWFh' * 8}"},
}
"""Tables without mistakes: of the daemon, and by kind."""
GONE: Final = object()
"""Of a key: it is left out."""


def custom(**said: Any) -> dict[str, Any]:
    return {"link": "custom", "kannel": GONE, "custom": {**CUSTOM, **said}}


def mailbox(**said: Any) -> dict[str, Any]:
    return {"imap": {**MAILBOX, **said}}


def relay(**said: Any) -> dict[str, Any]:
    return {"smtp": {**RELAY, **said}}


Case = tuple[str, str, dict[str, Any], str, str]
CASES: Final[list[Case]] = [
    # the rule, whose table, what is said there instead, where the mistake is, and what is said of it
    ("Server._tls_in_pairs", "server", {"tls_cert": "omnigate.toml"}, "", "tls_cert and tls_key"),
    (
        "Retention._dead_letters_have_bodies",
        "retention",
        {"bodies_days": 1},
        "",
        "bodies_days must",
    ),
    ("CallConfig._driver_has_its_table", "call", {"ari": GONE}, "", "driver is ari: add its"),
    ("CallConfig._no_other_driver", "call", {"ami": MANAGER}, "", "driver is ari: remove the"),
    ("CallConfig._recorded_with_consent", "call", {"record": True}, "", "record needs consent"),
    (
        "Calls.Config._can_record",
        "call",
        {"driver": "ami", "ari": GONE, "ami": MANAGER, "record": True, "consent": {"*": "We do."}},
        "",
        "ami cannot record talks",
    ),
    (
        "UnsignedConfig._plain",
        "call",
        {
            "driver": "exolve",
            "agents": {"sales": "+74951234567"},
            "ari": GONE,
            "exolve": {**EXOLVE, "callback_token": "a token with spaces in it"},
        },
        "exolve",
        "callback_token has only",
    ),
    ("EmailConfig._mail_goes_somewhere", "email", {"imap": GONE}, "", "give imap or lmtp"),
    ("EmailConfig._intake_is_there", "email", {"intake": "lmtp"}, "", "intake says lmtp"),
    (
        "EmailConfig._folders_have_a_mailbox",
        "email",
        {"staff_folders": ["Sent"]},
        "",
        "staff_folders: each must be one",
    ),
    (
        "EmailConfig._bounces_have_tokens",
        "email",
        {"bounce_tokens": True},
        "",
        "bounce_tokens needs",
    ),
    (
        "EmailConfig._tokens_have_room",
        "email",
        {"plus_addresses": True, "address": f"{'a' * 60}@example.com"},
        "",
        "plus_addresses: the address has no room",
    ),
    (
        "EmailConfig._acknowledgements_go_out",
        "email",
        {"acknowledge": {"text": "Thanks."}},
        "",
        "ack",
    ),
    ("ServerConfig._safe", "email", mailbox(tls="none"), "imap", 'tls = "none" would send'),
    ("ImapConfig._one_proof", "email", mailbox(oauth=OAUTH), "imap", "give either password or"),
    ("ImapConfig._folders_once", "email", mailbox(folders=["A", "A"]), "imap", "folders: each may"),
    ("ImapConfig._moved_where", "email", mailbox(move_to="Old"), "imap", "move_to and after"),
    (
        "ImapConfig._moved_away",
        "email",
        mailbox(move_to="INBOX", after_reading="move"),
        "imap",
        "move_to cannot be",
    ),
    (
        "OAuthConfig._one_source",
        "email",
        {"smtp": {"host": "smtp.example.com", "username": "u", "oauth": {}}},
        "smtp.oauth",
        "give either token_file",
    ),
    (
        "OAuthConfig._program_is_named",
        "email",
        {"smtp": {"host": "smtp.example.com", "username": "u", "oauth": {"token_command": [""]}}},
        "smtp.oauth",
        "token_command begins",
    ),
    ("SmtpConfig._one_proof", "email", relay(oauth=OAUTH), "smtp", "give either password or"),
    (
        "SmtpConfig._whole_login",
        "email",
        {"smtp": {"host": "a.example", "username": "u"}},
        "smtp",
        "a login",
    ),
    (
        "ListenerConfig._key_of_something",
        "email",
        {"lmtp": {**DOOR, "tls_key": "k"}},
        "lmtp",
        "tls_key is",
    ),
    ("Http.Config._can_prove", "http", {"token": GONE}, "", "give token or secret"),
    ("SmsConfig._link_has_its_table", "sms", {"kannel": GONE}, "", "link is kannel and has no"),
    (
        "SmsConfig._no_other_link",
        "sms",
        {"smpp": SMPP},
        "",
        "link is kannel: remove the table smpp",
    ),
    (
        "SmsConfig._no_wishes_to_stop_of_our_own",
        "sms",
        {"stop_reply": "STOP"},
        "",
        "stop_reply: the",
    ),
    (
        "SmsConfig._no_wishes_to_start_of_our_own",
        "sms",
        {"start_reply": "STOP"},
        "",
        "start_reply: the",
    ),
    ("SmsConfig._priced", "sms", {"currency": "RUB"}, "", "price_per_segment and currency"),
    (
        "SmppConfig._authorities_are_for_tls",
        "sms",
        {"link": "smpp", "kannel": GONE, "smpp": {**SMPP, "ca_file": certifi.where()}},
        "smpp",
        "ca_file is of use only",
    ),
    (
        "SmscRuConfig._known",
        "sms",
        {"link": "smscru", "kannel": GONE, "smscru": {}},
        "smscru",
        "give api_key, or login",
    ),
    (
        "UnsignedConfig._whole_login",
        "sms",
        {"kannel": {**KANNEL, "callback_user": "u"}},
        "kannel",
        "callback_user and",
    ),
    (
        "UnsignedConfig._plain_token",
        "sms",
        {"kannel": {**KANNEL, "callback_token": "a token with spaces in it"}},
        "kannel",
        "callback_token has only",
    ),
    ("CustomConfig._one_body", "sms", custom(body=FORM), "custom", "give form or body"),
    (
        "CustomConfig._body_has_a_method",
        "sms",
        custom(method="GET"),
        "custom",
        "GET has no body",
    ),
    ("CustomConfig._user_with_password", "sms", custom(user="u"), "custom", "user and password"),
    (
        "CustomConfig._fields_can_be_filled",
        "sms",
        custom(form={**FORM, "x": "{nobody}"}),
        "custom",
        "{nobody} cannot stand here",
    ),
    (
        "CustomConfig._headers_can_be_filled",
        "sms",
        custom(headers={"Host": "x"}),
        "custom",
        "the header 'Host'",
    ),
    (
        "CustomConfig._url_can_be_filled",
        "sms",
        custom(url="https://{from}.example.com/"),
        "custom",
        "the host of an address",
    ),
    (
        "CustomConfig._check_url_can_be_filled",
        "sms",
        custom(check_url="https://example.com/{to}"),
        "custom",
        "{to} cannot stand here",
    ),
    (
        "CustomConfig._texts_reach_somebody",
        "sms",
        custom(form={}),
        "custom",
        "{to} and {text} stand nowhere",
    ),
    (
        "CustomConfig._name_is_sent",
        "sms",
        custom(answer={"named_by": "own_id"}),
        "custom",
        "named_by is own_id",
    ),
    ("AnswerTable._named", "sms", custom(answer={}), "custom.answer", "say where the answer"),
    (
        "AnswerTable._statuses_of_http",
        "sms",
        custom(answer={**ANSWER, "statuses": {"x": "refused"}}),
        "custom.answer",
        "statuses are numbers",
    ),
    (
        "IncomingTable._pieces",
        "sms",
        custom(incoming={**INCOMING, "total": "/c"}),
        "custom.incoming",
        "reference, total and number",
    ),
    ("ProofTable._whole", "sms", custom(proof={"header": "x"}), "custom.proof", "give header and"),
    (
        "TelegramConfig._polls_alone",
        "telegram",
        {"mode": "poll", "secret_token": TOKEN},
        "",
        "secret_token is",
    ),
    ("VkConfig._by_hand_with_a_secret", "vk", {"confirmation": "abc"}, "", "confirmation is for"),
    (
        "FormField._options_of_a_select",
        "webchat",
        {"prechat": {"fields": ["name", {"name": "a", "kind": "select"}]}},
        "prechat.fields[1]",
        "options belong to",
    ),
    (
        "Form._names_once",
        "webchat",
        {"prechat": {"fields": ["name", {"name": "name"}]}},
        "prechat",
        "two fields have",
    ),
    (
        "OfflineForm._says_something",
        "webchat",
        {"offline": {"fields": ["name"]}},
        "offline",
        "the offline form needs",
    ),
    ("Webhook.Config._can_sign", "webhook", {"secret": GONE}, "", "secret is missing"),
]


def found(folder: Path, whose: str, said: dict[str, Any]) -> tuple[str, set[tuple[str, str]]]:
    """Return the place of a table, and the mistakes of a configuration that is all good but for it."""
    table = {key: value for key, value in {**GOOD[whose], **said}.items() if value is not GONE}
    daemon = whose in Settings.model_fields
    direction = "backends" if whose == "webhook" else "channels"
    place = whose if daemon else f"{direction}.x"
    written = {whose: table} if daemon else {direction: {"x": {"kind": whose, **table}}}
    path = folder / "omnigate.toml"
    path.write_text(tomli_w.dumps(written))
    path.chmod(0o600)
    looked = config.look(path, plugins.load)
    return place, {(each.key, each.message) for each in looked.problems}


@pytest.mark.parametrize("whose", GOOD)
def test_the_tables_are_good_but_for_what_is_said_instead(tmp_path: Path, whose: str) -> None:
    assert found(tmp_path, whose, {})[1] == set()


@pytest.mark.parametrize(
    ("rule", "whose", "said", "inside", "text"), CASES, ids=[case[0] for case in CASES]
)
def test_a_rule_is_told_beside_a_mistake_of_a_key(
    tmp_path: Path, rule: str, whose: str, said: dict[str, Any], inside: str, text: str
) -> None:
    place, alone = found(tmp_path, whose, said)
    ((key, message),) = alone
    assert key == (f"{place}.{inside}" if inside else place)
    assert message.startswith(text)
    _, beside = found(tmp_path, whose, {**said, "colour": 1})
    assert beside == {*alone, (f"{place}.colour", "unknown key")}


def _tables(annotation: Any) -> Iterator[type[BaseModel]]:
    for member in alternatives(annotation):
        if isinstance(member, type) and issubclass(member, BaseModel):
            yield member
        else:
            for inner in get_args(member):
                yield from _tables(inner)


def _all_tables(models: Iterable[type[BaseModel]]) -> set[type[BaseModel]]:
    known: set[type[BaseModel]] = set()
    left = list(models)
    while left:
        model = left.pop()
        if model not in known:
            known.add(model)
            for field in model.model_fields.values():
                left += _tables(field.annotation)
    return known


def _written_in(model: type[BaseModel], rule: str) -> list[type[BaseModel]]:
    """Return the classes that a rule of this name is written in."""
    return [each for each in model.__mro__ if rule in vars(each)]


@pytest.fixture(scope="module")
def tables() -> set[type[BaseModel]]:
    """All tables that the configuration can have, of all that is installed here."""
    known = plugins.load(each.kind for each in plugins.installed())
    channels = [each.Config for each in known.channels.values()]
    backends = [each.Config for each in known.backends.values()]
    return _all_tables([Settings, *channels, *backends])


def test_no_rule_of_any_table_is_forgotten_here(tables: set[type[BaseModel]]) -> None:
    rules = {
        f"{_written_in(model, name)[-1].__qualname__}.{name}"
        for model in tables
        for name, check in model.__pydantic_decorators__.model_validators.items()
        if check.info.mode == "after"
    }
    assert {rule for rule, *_ in CASES} == rules


def test_no_rule_takes_the_place_of_another_that_has_its_name(
    tables: set[type[BaseModel]],
) -> None:
    twice = [
        f"{model.__qualname__}.{name}"
        for model in tables
        for name in model.__pydantic_decorators__.model_validators
        if len(_written_in(model, name)) > 1
    ]
    assert twice == []
