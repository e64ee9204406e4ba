"""``omnigate contact list`` against a real daemon: how an operator finds whom a request is about."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


def test_customers_are_listed_with_their_addresses_page_by_page_also_without_the_daemon(
    operator: Callable[..., Any],
) -> None:
    omnigate = operator()
    omnigate.daemon.say("one")
    omnigate.daemon.say("two", conversation="c-2")
    known = omnigate.json("contact", "list")["items"]
    assert known, "somebody wrote"
    first = omnigate("contact", "list", "--limit", "1")
    assert first.code == 0, first.err
    assert known[0]["id"] in first.out
    assert known[0]["addresses"][0]["address"] in first.out
    page = omnigate.json("contact", "list", "--limit", "1")
    assert [item["id"] for item in page["items"]] == [known[0]["id"]]
    following = omnigate.json("contact", "list", "--cursor", page["next"])["items"]
    assert [item["id"] for item in following] == [item["id"] for item in known[1:]]

    unknown = omnigate("contact", "show", "ctc_" + "0" * 26)
    assert unknown.code == 1
    assert "omnigate contact list" in unknown.err

    assert omnigate("stop").code == 0
    assert omnigate.daemon.process.wait(30) == 0
    omnigate.daemon.process = None
    assert omnigate.json("contact", "list")["items"] == known


def test_an_empty_store_has_no_customers(operator: Callable[..., Any]) -> None:
    nobody = operator()("contact", "list")
    assert (nobody.code, nobody.out, nobody.err) == (0, "", "There are no contacts.\n")
