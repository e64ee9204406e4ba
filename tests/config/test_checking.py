"""Every mistake is reported at once, each with file, key, and what to do."""

import pytest

GOOD = """
[channels.counter]
kind = "shop"
token = "ring-ring"
labels = ["sales"]
[backends.crm]
kind = "till"
[[routes]]
backends = ["crm"]
"""


def test_five_mistakes_are_five_problems_with_file_key_and_suggestion(mistakes, tmp_path):
    problems = mistakes("""
[server]
publicurl = "https://chat.example.org"
[log]
level = "infos"
[channels.counter]
kind = "shop"
tokn = "ring-ring"
[channels.second]
kind = "shopp"
token = "x"
[backends.crm]
kind = "till"
[[routes]]
backends = ["crn"]
""")
    found = {problem.key: (problem.message, problem.hint) for problem in problems}
    assert found == {
        "server.publicurl": ("unknown key", "did you mean public_url?"),
        "log.level": (
            "expected 'debug', 'info', 'warning' or 'error', got 'infos'",
            "did you mean info?",
        ),
        "channels.counter.tokn": ("unknown key", "did you mean token?"),
        "channels.counter.token": ("is missing", "What the other side presents."),
        "channels.second.kind": (
            "no plugin for the kind 'shopp' is installed",
            "did you mean shop?",
        ),
        "routes[0].backends": ("no backend is called 'crn'", "did you mean crm?"),
    }
    assert {problem.where for problem in problems} == {str(tmp_path / "omnigate.toml")}


@pytest.mark.parametrize("name", ["server", "retry", "media"])
def test_what_has_to_be_a_table_says_how_one_is_written(mistakes, name):
    (problem,) = mistakes(f"{name} = 1")
    assert problem.message == "expected a table, got 1"
    assert problem.hint == f"it begins with [{name}] on a line of its own"


@pytest.mark.parametrize(
    ("text", "key", "message"),
    [
        ("[chanels.x]\nkind = 'shop'", "chanels", "unknown key"),
        ("channels = 1", "channels", "expected a table, got 1"),
        ("[channels]\nx = 'shop'", "channels.x", "expected a table"),
        ("[channels.x]", "channels.x.kind", "is missing"),
        ("[channels.x]\nkind = 1", "channels.x.kind", "expected a text in quotes"),
        ("[admin]\nsocket = 7", "admin.socket", "expected a path in quotes, got 7"),
        (
            "[channels.x]\nkind = 'till'",
            "channels.x.kind",
            "till is a kind of backend, not of channel",
        ),
        ("[backends.Crm]\nkind = 'till'", "backends.Crm", "is not a usable name"),
        ("[server]\nlisten = '8080'", "server.listen", "expected host:port"),
        ("[server]\nlisten = 'h:99999'", "server.listen", "expected host:port"),
        ("[server]\npublic_url = 'ftp://x'", "server.public_url", "expected an address such as"),
        ("[server]\npublic_url = 'http://x/\"a'", "server.public_url", "expected an address such"),
        ('[server]\npublic_url = "http://x\\r\\nA: b"', "server.public_url", "expected an address"),
        (
            "[server]\ntrusted_proxies = ['10.0.0.1/8']",
            "server.trusted_proxies[0]",
            "expected a network such as 10.0.0.0/8",
        ),
        ("[server]\ntls_cert = 'omnigate.toml'", "server", "tls_cert and tls_key belong together"),
        ("[store]\nurl = 'postgresql://h/d'", "store.url", "expected sqlite:///"),
        ("[retry]\njitter = 'much'", "retry.jitter", "expected a number"),
        ("[retry]\nschedule_seconds = []", "retry.schedule_seconds", "expected at least 1 item"),
        ("[[routes]]\nchannels = ['*']", "routes[0].backends", "is missing"),
        ("[[routes]]\nbackends = []\nkinds = ['x']", "routes[0].kinds", "no plugin is installed"),
        ("[[routes]]\nbackends = []\nlabels = ['x']", "routes[0].labels", "no channel has the"),
        ("[[routes]]\nbackends = []\nchannels = ['x']", "routes[0].channels", "no channel is"),
        (
            "[channels.x]\nkind = 'shop'\ntoken = 't'\nhours = { opens = 30 }",
            "channels.x.hours.opens",
            "expected less than or equal to 23, got 30",
        ),
        (
            "[channels.x]\nkind = 'shop'\ntoken = 't'\nhours = { open = 3 }",
            "channels.x.hours.open",
            "unknown key",
        ),
    ],
)
def test_a_mistake_names_its_key(mistakes, text, key, message):
    (problem,) = mistakes(text)
    assert problem.key == key
    assert problem.message.startswith(message)


@pytest.mark.parametrize(
    ("line", "message", "hint"),
    [
        ("account = 'AC1'", "is not of the form it must have", "AC and 4 hexadecimal digits."),
        ("login = 'a b'", "expected ASCII characters without spaces", "Ours."),
    ],
)
def test_the_form_that_a_text_must_have_is_said_in_words(mistakes, line, message, hint):
    (problem,) = mistakes(f"[channels.x]\nkind = 'shop'\ntoken = 't'\n{line}")
    assert (problem.message, problem.hint) == (message, hint)


def test_a_mistake_in_a_union_is_reported_once(mistakes):
    problems = mistakes("[channels.x]\nkind = 'shop'\ntoken = 't'\nlink = 'neither'")
    assert [problem.key for problem in problems] == ["channels.x.link"]


@pytest.mark.parametrize(
    "line", ["token = 4711", "token = ['hunter2secret']", "older = 'hunter2secret'"]
)
def test_a_secret_never_shows_in_a_problem(mistakes, line):
    problems = mistakes(f"[channels.x]\nkind = 'shop'\n{line}")
    text = " ".join(map(str, problems))
    assert "hunter2secret" not in text
    assert "4711" not in text


def test_a_broken_plugin_costs_only_its_own_channels(load):
    found = load(GOOD + "[channels.old]\nkind = 'worn'\nanything = 1\n")
    assert list(found.channels) == ["counter"]
    assert [(item.name, item.direction, item.error) for item in found.broken] == [
        ("old", "channel", "ValueError: the lid is off")
    ]
    assert any("plugin is broken" in warning.message for warning in found.warnings)


def test_a_good_file_has_neither_problems_nor_warnings(load):
    found = load(GOOD.replace('"ring-ring"', '{ file = "t" }'), t="ring-ring")
    assert found.warnings == ()
    assert found.channels["counter"].config.token.get_secret_value() == "ring-ring"


@pytest.mark.parametrize(
    ("extra", "key", "message"),
    [
        ("[[routes]]\nbackends = []", "routes[1]", "leads to no backend"),
        ("[[routes]]\nbackends = ['crm']", "routes[1]", "is never reached"),
    ],
)
def test_what_is_hardly_meant_is_a_warning(load, extra, key, message):
    warnings = load(f"{GOOD}\n{extra}").warnings
    assert any(item.key == key and item.message.startswith(message) for item in warnings)


def test_a_channel_without_a_route_is_a_warning(load):
    text = GOOD.replace("[[routes]]", "[[routes]]\nlabels = ['mail']").replace(
        "labels = ['sales']", "labels = ['sales']"
    )
    text += "[channels.post]\nkind = 'shop'\ntoken = 't'\nlabels = ['mail']\n"
    assert [item.key for item in load(text).warnings] == ["channels.counter"]


def test_a_disabled_backend_in_a_route_is_a_warning(load):
    warnings = load(GOOD.replace('kind = "till"', 'kind = "till"\nenabled = false')).warnings
    assert [item.key for item in warnings] == ["routes[0].backends"]


def test_certificate_files_that_are_not_there_are_problems(mistakes, tmp_path):
    (tmp_path / "key.pem").touch()
    (problem,) = mistakes("[server]\ntls_cert = 'cert.pem'\ntls_key = 'key.pem'")
    assert problem.key == "server.tls_cert"
    assert str(tmp_path / "cert.pem") in problem.message


@pytest.mark.parametrize("listen", ["0.0.0.0:8080", "[::]:8080"])
def test_listening_everywhere_without_a_public_address_is_a_warning(load, listen):
    server = f"{GOOD}\n[server]\nlisten = '{listen}'"
    assert "server.public_url" in [item.key for item in load(server).warnings]
    named = load(f"{server}\npublic_url = 'https://a.example'")
    assert "server.public_url" not in [item.key for item in named.warnings]


def test_an_empty_file_says_that_nothing_will_happen(load):
    assert [item.key for item in load("").warnings] == ["channels", "backends"]
