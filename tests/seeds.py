"""Seeds of random tests: printed, and taken from the environment to see the same again."""

from __future__ import annotations

import os
import random


def draw_seed() -> int:
    """Return a new seed, or the one that ``OMNIGATE_TEST_SEED`` names; pytest shows it on failure."""
    seed = int(os.environ.get("OMNIGATE_TEST_SEED") or random.SystemRandom().randrange(2**32))
    print(f"seed: OMNIGATE_TEST_SEED={seed}")
    return seed
