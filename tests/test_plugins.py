"""Plugins are found by entry point, imported only when asked for, and break alone."""

import sys

import pytest

from omnigate import plugins

GOOD = """
import omnigate

class Shop(omnigate.Channel):
    kind = "shop"
    capabilities = omnigate.Capabilities()

    async def send(self, part):
        return omnigate.Sent(external_id=part.id)

@omnigate.hookimpl
def omnigate_channels():
    return [Shop]
"""

BACKEND = """
import omnigate

class Till(omnigate.Backend):
    kind = "till"

    async def deliver(self, event):
        return None

@omnigate.hookimpl
def omnigate_backends():
    return (Till,)
"""


@pytest.fixture
def install(tmp_path, monkeypatch):
    """Install a distribution with one plugin, as pip would lay it out."""
    monkeypatch.syspath_prepend(str(tmp_path))
    before = set(sys.modules)

    def install_plugin(kind: str, source: str, *, distribution: str = "") -> str:
        name = distribution or f"omnigate-{kind}"
        module = f"plugin_{name.replace('-', '_')}"
        (tmp_path / f"{module}.py").write_text(source)
        info = tmp_path / f"{name.replace('-', '_')}-1.2.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.2\n")
        (info / "entry_points.txt").write_text(f"[omnigate]\n{kind} = {module}\n")
        return module

    yield install_plugin
    for name in set(sys.modules) - before:
        if name.startswith("plugin_"):
            del sys.modules[name]


def test_a_channel_and_a_backend_are_loaded_by_kind(install):
    install("shop", GOOD)
    install("till", BACKEND)
    found = plugins.load(["shop", "till", "nobody-has-this"])
    assert list(found.channels) == ["shop"]
    assert list(found.backends) == ["till"]
    assert found.broken == {}
    assert {"shop", "till"} <= set(found.available)


def test_only_what_is_asked_for_is_imported(install):
    shop = install("shop", GOOD)
    till = install("till", BACKEND)
    assert {"shop", "till"} <= {item.kind for item in plugins.installed()}
    assert shop not in sys.modules
    plugins.load(["shop"])
    assert shop in sys.modules
    assert till not in sys.modules


def test_a_listing_names_distribution_and_version(install):
    install("shop", GOOD)
    (found,) = [item for item in plugins.installed() if item.kind == "shop"]
    assert (found.distribution, found.version) == ("omnigate-shop", "1.2")


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ("raise ValueError('the lid\\nis off')", "ValueError: the lid is off"),
        ("raise SystemExit(3)", "SystemExit: 3"),
        ("import a_module_nobody_has", "it needs the Python module a_module_nobody_has"),
        ("def broken(:", "SyntaxError"),
        ("x = 1", "it provides nothing"),
        (GOOD.replace('"shop"', '"shed"'), "it provides shed"),
        (GOOD.replace("return [Shop]", "return Shop"), "must return a list of classes"),
        (GOOD.replace("return [Shop]", "return None\n"), "it provides nothing"),
        (GOOD.replace("return [Shop]", "return 'Shop'"), "must return a list of classes"),
        (GOOD.replace("return [Shop]", "return [int]"), "must return subclasses of Channel"),
        (GOOD.replace("return [Shop]", "return [Shop, Shop]"), "more than once"),
        (GOOD.replace("def send", "def sent"), "does not implement send"),
        (GOOD.replace("capabilities = ", "abilities = "), "declares no capabilities"),
        (GOOD.replace('kind = "shop"', "Config = dict\n    kind = 'shop'"), "Config must derive"),
        (GOOD.replace('kind = "shop"', "pass"), "declares no kind"),
        (GOOD.replace("def omnigate_channels", "def omnigate_chanels"), "omnigate_chanels"),
        (GOOD.replace("omnigate_channels()", "omnigate_channels(extra)"), "extra"),
    ],
)
def test_a_broken_plugin_is_named_with_its_reason_and_the_others_load(install, source, reason):
    install("shop", source)
    install("till", BACKEND)
    found = plugins.load(["shop", "till"])
    assert reason in found.broken["shop"]
    assert "\n" not in found.broken["shop"]
    assert list(found.backends) == ["till"]


def test_who_misses_a_module_is_told_which_extra_brings_it(install, tmp_path):
    install("shop", "import a_module_nobody_has")
    assert "pip install" not in plugins.load(["shop"]).broken["shop"]
    with (tmp_path / "omnigate_shop-1.2.dist-info" / "METADATA").open("a") as metadata:
        metadata.write("Provides-Extra: shop\n")
    reason = plugins.load(["shop"]).broken["shop"]
    assert reason.endswith(
        'which is not installed; install it with: pip install "omnigate-shop[shop]"'
    )


def test_an_interrupt_of_the_operator_is_not_swallowed(install):
    install("shop", "raise KeyboardInterrupt")
    with pytest.raises(KeyboardInterrupt):
        plugins.load(["shop"])


def test_two_distributions_of_one_kind_are_both_refused(install):
    install("shop", GOOD)
    install("shop", GOOD, distribution="another-shop")
    reason = plugins.load(["shop"]).broken["shop"]
    assert "another-shop" in reason
    assert "omnigate-shop" in reason
