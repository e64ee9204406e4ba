"""What plugins import: everything that the package root promises is there, and is shown."""

from __future__ import annotations

import omnigate


def test_all_that_can_be_imported_is_listed_also_what_is_loaded_only_when_asked_for():
    shown = dir(omnigate)
    assert set(omnigate.__all__) <= set(shown)
    assert shown == sorted(shown)
    assert "Receiver" in shown
    assert "__name__" in shown


def test_all_that_is_listed_can_be_had():
    for name in dir(omnigate):
        assert getattr(omnigate, name, ...) is not ..., name
