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


def test_an_operator_merges_customers_undoes_it_and_looks_at_contradictions(
    operator: Callable[..., Any],
) -> None:
    omnigate = operator()
    write(omnigate.daemon, "app:a")
    write(omnigate.daemon, "app:b")
    merged = omnigate("contact", "merge", "app:a", "app:b", "--note", "told us by phone")
    assert merged.code == 0, merged.err
    assert owned(omnigate, "app:a") == owned(omnigate, "app:b") == {"app:a", "app:b"}
    listed = omnigate("contact", "merges", "app:a")
    assert "told us by phone" in listed.out
    (merge,) = omnigate.json("contact", "merges", "app:b")["items"]
    apart = omnigate("contact", "unmerge", "app:a", str(merge["merge"]), "--note", "two brothers")
    assert (apart.code, apart.err) == (0, "")
    assert "app:b" in apart.out
    assert owned(omnigate, "app:b") == {"app:b"}
    again = omnigate("contact", "unmerge", "app:a", str(merge["merge"]))
    assert again.code == 1
    assert "undone before" in again.err
    nobody = omnigate("contact", "merge", "app:a", "app:z")
    assert nobody.code == 1
    assert "app:z" in nobody.err

    assert omnigate("contact", "conflicts").err == "No proofs contradict each other.\n"
    write(omnigate.daemon, "user:1", "tel:+4912345")
    write(omnigate.daemon, "user:2", "tel:+4912345")
    listed = omnigate("contact", "conflicts")
    assert "tel:+4912345" in listed.out
    (conflict,) = omnigate.json("contact", "conflicts")["items"]
    refused = omnigate("contact", "merge", "user:1", "user:2")
    assert refused.code == 1
    assert "force" in refused.err
    resolved = omnigate("contact", "conflicts", "--resolve", str(conflict["conflict"]))
    assert resolved.code == 0, resolved.err
    assert omnigate.json("contact", "conflicts")["items"] == []
    assert len(omnigate.json("contact", "conflicts", "--all")["items"]) == 1
    unknown = omnigate("contact", "conflicts", "--resolve", "77")
    assert unknown.code == 1
    assert "omnigate contact conflicts" in unknown.err

    assert omnigate("stop").code == 0
    assert omnigate.daemon.process.wait(30) == 0
    omnigate.daemon.process = None
    assert omnigate.json("contact", "merges", "app:a")["items"][0]["undone_by"] == "operator"
    halted = omnigate("contact", "merge", "app:a", "app:b")
    assert halted.code != 0
    assert "omnigate run" in halted.err


def test_which_proofs_make_customers_one_is_taken_over_by_a_reload_and_holds_at_the_next_start(
    operator: Callable[..., Any],
) -> None:
    omnigate = operator()
    path = omnigate.daemon.folder / "omnigate.toml"
    before = path.read_text()
    path.write_text(f'{before}\n[identity]\nmerge_on = ["call", "handover"]\n')
    assert omnigate("reload").out == "taken over: [identity]\n"
    write(omnigate.daemon, "app:a")
    write(omnigate.daemon, "app:b")
    write(omnigate.daemon, "app:b", "app:a")
    assert (owned(omnigate, "app:a"), owned(omnigate, "app:b")) == ({"app:a"}, {"app:b"})

    path.write_text(f'{before}\n[identity]\nmerge_on = ["verified"]\n')
    assert omnigate("reload").out == "taken over: [identity]\n"
    write(omnigate.daemon, "app:a", "app:b")
    assert owned(omnigate, "app:a") == {"app:a", "app:b"}
    (merge,) = omnigate.json("contact", "merges", "app:a")["items"]
    assert (merge["reason"], merge["merged_by"]) == ("verified", None)

    path.write_text(f"{before}\n[identity]\nmerge_on = []\n")
    omnigate.daemon.stop()
    omnigate.daemon.start()
    write(omnigate.daemon, "app:c", "app:a")
    assert owned(omnigate, "app:c") == {"app:c"}
    assert owned(omnigate, "app:a") == {"app:a", "app:b"}, "what was merged stays so"


def write(daemon: Any, *addresses: str) -> None:
    """Have somebody write who is proven to have all of the addresses."""
    message = {
        "external_id": f"x-{addresses}",
        "conversation": addresses[0],
        "sender": {"address": addresses[0], "also": addresses[1:], "verified": True},
        "text": "hello",
    }
    status, answer = daemon.request("POST", "/channels/app/messages", message)
    assert status == 202, answer


def owned(operator: Any, address: str) -> set[str]:
    """Return all addresses of the customer who has one."""
    shown = operator.json("contact", "show", address)
    return {known["address"] for known in shown["addresses"]}
