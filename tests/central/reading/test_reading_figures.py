"""Intervals hold what they say: the truth lies within them 19 times out of 20."""

from __future__ import annotations

import math
import random

import pytest

from kiosk.central.reading import figures
from kiosk.central.reading.figures import Figure

TRIES = 4000
RIGHT = pytest.approx(0.95, abs=0.016)
"""Of so many tries; three standard deviations, and what integers may miss by."""


def draw(source: random.Random, scale: float) -> int:
    """Discrete Laplace: the difference of two geometric numbers."""
    p = 1 - math.exp(-1 / scale)

    def geometric() -> int:
        return int(math.log(1 - source.random()) / math.log(1 - p))

    return geometric() - geometric()


def variance(scale: float) -> float:
    a = math.exp(-1 / scale)
    return 2 * a / (1 - a) ** 2


def share_within(hits: int) -> float:
    return hits / TRIES


@pytest.mark.parametrize("draws", [1, 3, 24])
def test_the_interval_of_a_sum_holds_the_truth(draws: int) -> None:
    source, scale, truth = random.Random(draws), 4.5, 100
    hits = 0
    for _ in range(TRIES):
        noised = truth + sum(draw(source, scale) for _ in range(draws))
        told = figures.count(noised, draws * variance(scale), draws)
        hits += told.low <= truth <= told.high
    assert share_within(hits) == RIGHT


def test_the_interval_of_a_watch_rate_holds_the_share_of_the_passes_that_were_counted() -> None:
    source, scale, draws = random.Random(5), 4.5, 12
    watched, passed_by = 180, 420
    hits = 0
    for _ in range(TRIES):
        one = watched + sum(draw(source, scale) for _ in range(draws))
        other = passed_by + sum(draw(source, scale) for _ in range(draws))
        cell = draws * variance(scale)
        told = figures.share(
            figures.count(one, cell, draws), figures.count(one + other, 2 * cell, draws)
        )
        assert told is not None
        hits += told.low <= watched / (watched + passed_by) <= told.high
    assert share_within(hits) == RIGHT


def test_with_chance_the_interval_holds_the_rate_that_passers_by_have_in_the_long_run() -> None:
    source, scale, draws, rate = random.Random(6), 4.5, 4, 0.3
    cell = draws * variance(scale)
    hits = 0
    for _ in range(TRIES):
        watched = sum(source.random() < rate for _ in range(300))
        one = watched + sum(draw(source, scale) for _ in range(draws))
        whole = one + 300 - watched + sum(draw(source, scale) for _ in range(draws))
        told = figures.share(
            figures.count(one, cell, draws), figures.count(whole, 2 * cell, draws), by_chance=True
        )
        assert told is not None
        hits += told.low <= rate <= told.high
    assert share_within(hits) == RIGHT


def test_the_interval_of_a_change_holds_the_true_change() -> None:
    source, scale, draws = random.Random(7), 9.0, 12
    spread = draws * variance(scale)
    hits = 0
    for _ in range(TRIES):
        now = 900 + sum(draw(source, scale) for _ in range(draws))
        then = 750 + sum(draw(source, scale) for _ in range(draws))
        told = figures.change(figures.count(now, spread, draws), figures.count(then, spread, draws))
        assert told is not None
        hits += told.low <= 900 / 750 - 1 <= told.high
    assert share_within(hits) == RIGHT


def test_the_interval_of_a_quotient_holds_the_truth() -> None:
    source, scale, draws = random.Random(8), 6.0, 12
    spread = draws * variance(scale)
    hits = 0
    for _ in range(TRIES):
        top = 2400 + sum(draw(source, 40) for _ in range(draws))
        bottom = 800 + sum(draw(source, scale) for _ in range(draws))
        told = figures.ratio(
            figures.count(top, draws * variance(40), draws), figures.count(bottom, spread, draws)
        )
        assert told is not None
        hits += told.low <= 3 <= told.high
    assert share_within(hits) == RIGHT


def test_nothing_is_divided_by_what_noise_has_drowned() -> None:
    drowned, sure = figures.count(20, 400, 1), figures.count(2000, 400, 1)
    assert drowned.is_drowned
    assert figures.ratio(sure, drowned) is None
    assert figures.share(drowned, drowned) is None
    assert figures.change(sure, drowned) is None
    assert figures.change(drowned, sure) is None


def test_a_change_never_falls_below_nothing() -> None:
    told = figures.change(figures.count(60, 600, 10), figures.count(5000, 600, 10))
    assert told is not None
    assert -1 < told.low < told.value < told.high < 0
    assert told.is_told


def test_exact_counts_are_exact() -> None:
    assert figures.count(7, 0, 3) == Figure(7, 0, 7, 7)
    assert not figures.count(0, 0, 3).is_drowned
