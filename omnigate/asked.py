"""What a person is asked when a channel or backend is added: the mark that a plugin puts on its keys."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """Marks a key that has a default and that ``omnigate channel add`` asks for all the same.

    It stands in the annotation, and the field's description is the question. Keys without a default are
    asked for without it. What a validator of the whole model demands should be marked, so that a person is
    asked for it and a script is told of it; the validator stays, for those who write files. On a table it
    means that the table is wanted: then its own questions are asked.
    """

    needed: bool = False
    """An empty answer will not do; where nobody can be asked, the command ends and names the key."""
    when: tuple[str, ...] = ()
    """Only if one of these keys, of the same table, is given and not ``no``; always when empty. A key with
    a word, ``link=kannel``, has to be given so."""
    unless: tuple[str, ...] = ()
    """Not if one of these keys is given: they serve in its place."""
    fresh: Callable[[], str] | None = None
    """Makes what an empty answer stands for, such as a new random secret."""
    again: bool = False
    """Only once the answers were tried and do not work, and everything is asked for again: ports, encryption
    and the like, whose defaults are right for most."""
