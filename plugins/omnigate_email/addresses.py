"""Which addresses are the company's own, however a server or a client writes them."""

from __future__ import annotations

from collections.abc import Iterable

import idna

from omnigate_email.smtp import fields


def forms(address: str) -> frozenset[str]:
    """Return an address without case, its domain in both the ASCII form and the readable one.

    Source: RFC 5890 (A-labels and U-labels).
    """
    local, _, domain = address.strip("<> ").rpartition("@")
    domain = domain.lower()
    return frozenset(
        f"{local.casefold()}@{one}" for one in (domain, _ascii(domain), _readable(domain))
    )


def same(address: str, other: str) -> bool:
    """Tell whether two addresses mean one mailbox, as every server in use has it: without case."""
    return not forms(address).isdisjoint(forms(other))


def _ascii(domain: str) -> str:
    try:
        return fields.host(domain)
    except ValueError:  # no name that could be turned: it stays as it is
        return domain


def _readable(domain: str) -> str:
    try:
        return idna.decode(domain)
    except ValueError:
        return domain


class OwnAddresses:
    """The company's addresses of one channel."""

    def __init__(self, addresses: Iterable[str], delimiter: str) -> None:
        self._known = frozenset(form for one in addresses for form in forms(one))
        self._delimiter = delimiter

    def __contains__(self, address: str) -> bool:
        """Tell whether an address is one of them, to the letter but for case."""
        return not self._known.isdisjoint(forms(address))

    def receives(self, address: str) -> bool:
        """Tell whether mail to an address is ours: it is one of them, perhaps with a detail."""
        if address in self:
            return True
        local = address.strip("<> ").rpartition("@")[0].casefold()
        # Turned once: a stranger's address may be thousands of delimiters.
        domains = {form.rpartition("@")[2] for form in forms(address)}
        ends = (at for at, sign in enumerate(local) if at and sign == self._delimiter)
        return any(f"{local[:at]}@{domain}" in self._known for at in ends for domain in domains)
