"""The backend that tests of providers run on."""

from __future__ import annotations
