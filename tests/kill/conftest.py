"""A seed that is printed, so that what chance found can be looked for again."""

from __future__ import annotations

import os
import random

import pytest


@pytest.fixture
def seed() -> int:
    """A fresh seed, or the one in ``SEED``."""
    seed = int(os.environ.get("SEED") or random.SystemRandom().randrange(1_000_000))
    print("seed", seed)
    return seed
