"""The simulated shop: its people, what vision tells of them, and what plays earn."""

import random

import numpy as np
import pytest
from planning_shops import BUSY, creative, small

from kiosk.planning import World
from kiosk.planning.tastes import Taste, Vision

CREATIVES = small().creatives
NOON_S = 12 * 3600.0


@pytest.fixture(scope="module")
def world():
    return World(CREATIVES, 2, 1, BUSY)


def test_the_same_seed_gives_the_same_shop(world):
    again, other = World(CREATIVES, 2, 1, BUSY), World(CREATIVES, 2, 2, BUSY)
    moments = [NOON_S + 60 * minute for minute in range(60)]
    told = [[one.audience(at_s, 0.3) for at_s in moments] for one in (world, again, other)]
    assert told[0] == told[1] != told[2]


def test_nobody_comes_before_it_opens(world):
    assert not world.audience(11 * 3600, 0.3).viewers
    assert world.play(CREATIVES[0], 11 * 3600, 9).viewers == 0


def test_somebody_who_has_just_come_is_no_audience_yet_but_may_be_a_minor():
    shop = World(CREATIVES, 1, 3, BUSY)
    moments = [NOON_S + second / 4 for second in range(7200)]
    there = sum(len(shop.audience(at_s, 0.0).viewers) for at_s in moments)
    settled = sum(len(shop.audience(at_s, 5.0).viewers) for at_s in moments)
    assert 0 < settled < 0.8 * there
    assert any(
        shop.audience(at_s, 1e9).minor_possible and not shop.audience(at_s, 1e9).viewers
        for at_s in moments
    )


def test_who_knows_all_tastes_shows_an_empty_shop_what_earns_most_of_those_who_come():
    """Guesses before nobody, beside what whoever came meanwhile did."""
    shop, kinds = World(CREATIVES, 2, 4, BUSY), CREATIVES[:7]
    moments = [NOON_S + day * 86400 + second for day in range(2) for second in range(3590)]
    empty = [at_s for at_s in moments if not shop.audience(at_s, 0).viewers]
    nobody = shop.audience(empty[0], 0)
    earned = [np.mean([shop.play(one, at_s, 9).expected_s / 9 for at_s in empty]) for one in kinds]
    guessed = [shop.expected_rate(one, nobody, empty[0]) for one in kinds]
    assert guessed == pytest.approx(earned, rel=0.25)
    assert guessed.index(max(guessed)) == earned.index(max(earned))


def test_luck_changes_what_happens_and_not_what_is_expected():
    happened = expected = 0.0
    for seed in range(10):
        shop = World(CREATIVES[:1], 1, seed, BUSY)
        for number in range(400):
            earned = shop.play(CREATIVES[0], NOON_S + 9 * number, 9)
            happened += earned.attention_s
            expected += earned.expected_s
    assert happened == pytest.approx(expected, rel=0.06)
    assert happened != expected


def test_a_creative_is_liked_by_whom_it_is_for():
    """Over many seeds, since tastes are drawn."""
    liked = []
    for seed in range(40):
        shop = Vision((0, 0, 1, 0, 0, 0, 0, 1), 0.5, (0.2, 0.7, 0.1))
        rates = shop.expected_rates(Taste(creative("x", age=("18-24",)), seed), 2, company=False)
        liked.append(rates["18-24", "unknown", "unknown"] - rates["65+", "unknown", "unknown"])
    assert sum(liked) / len(liked) > 0.05


def test_what_is_expected_of_somebody_is_the_mean_of_all_of_whom_vision_tells_the_same():
    vision = Vision((1, 1, 3, 3, 3, 2, 2, 1), 0.6, (0.2, 0.7, 0.1))
    taste, draw = Taste(creative("x"), 5), random.Random(1)
    seen = {}
    for _ in range(30_000):
        person = vision.person(draw)
        seen.setdefault(vision.told(person, draw), []).append(taste.rate(person, 2, True))
    expected = vision.expected_rates(taste, 2, company=True)
    common = [told for told, rates in seen.items() if len(rates) > 300]
    assert len(common) > 10
    for told in common:
        assert expected[told] == pytest.approx(sum(seen[told]) / len(seen[told]), abs=0.02)
