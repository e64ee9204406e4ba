"""Histograms count every value once, where Prometheus would."""

import random

from omnigate.figures import DELIVERY_SECONDS, Histogram


def test_bounds_are_inclusive_and_what_exceeds_all_is_counted_too():
    histogram = Histogram((1, 2, 5))
    for value in (0, 1, 1.5, 2, 5, 5.1, 1e9):
        histogram.observe(value)
    assert histogram.counts == [2, 2, 1, 2]
    assert histogram.count == 7
    assert histogram.total == sum((0, 1, 1.5, 2, 5, 5.1, 1e9))


def test_agrees_with_counting_by_hand():
    seed = random.SystemRandom().randrange(1_000_000)
    print("seed", seed)
    chance = random.Random(seed)
    values = [chance.expovariate(0.01) for _ in range(2000)]
    histogram = Histogram(DELIVERY_SECONDS)
    for value in values:
        histogram.observe(value)
    for number, bound in enumerate(histogram.bounds):
        assert sum(histogram.counts[: number + 1]) == sum(value <= bound for value in values)
