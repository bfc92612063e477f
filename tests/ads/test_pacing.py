"""Pacing: what was sold is delivered evenly and to the play, and never densely or twice."""

from __future__ import annotations

import random
from collections import Counter
from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kiosk.ads import (
    Impressions,
    Plays,
    Rotation,
    ShareOfVoice,
    Times,
    Window,
    decide,
    sold_in,
    standing,
)
from tests.ads.making import FREE, ZONE, Screen, campaign, contract, creative, live
from tests.fakes import viewer

ALL_WEEK = frozenset(range(7))
OPEN = Times(windows=(Window(ALL_WEEK, time(9), time(12)),))
HOUSE = (creative("house"), creative("other", duration_s=7.0))
woman = viewer("w")


def berlin(day: int, hour: int, minute: int = 0, month: int = 3) -> datetime:
    local = datetime(2026, month, day, hour, minute, tzinfo=ZoneInfo(ZONE))
    return local.astimezone(UTC)


def run(shop: Screen, until: datetime, audience=lambda _: (), seed: int = 1) -> list:
    """Play on; says at which monotonic second what began."""
    rng, played = random.Random(seed), []
    while shop.utc < until:
        seen = audience(shop)
        found = decide(
            shop.campaign, live(*seen), shop.moment, shop.ledger, Rotation(), rng.random, FREE, {}
        )
        assert found is not None
        played.append((shop.now_s, found.creative.id))
        shop.play(found.creative, len(seen))
    return played


def shop_of(*contracts, begin=None, creatives=1, play_s=10.0) -> Screen:
    sold = [
        creative(f"by-{one.id}-{n}", one.id, duration_s=play_s + n)
        for one in contracts
        for n in range(creatives)
    ]
    house = HOUSE if play_s == 10.0 else [creative("house", duration_s=play_s)]
    return Screen(campaign([*house, *sold], *contracts), begin or berlin(4, 9))


def count(played, name: str) -> int:
    return sum(one.startswith(f"by-{name}") for _, one in played)


@pytest.mark.parametrize("plays", [1, 6, 40, 120])
def test_plays_of_an_hour_come_evenly_and_all_of_them(plays):
    shop = shop_of(contract("k", Plays(plays, "hour"), times=OPEN))
    played = run(shop, berlin(4, 13))
    assert count(played, "k") == 3 * plays
    starts = [at for at, one in played if one.startswith("by-k")]
    gaps = [after - before for before, after in pairwise(starts)]
    assert not gaps or max(gaps) <= 2 * 3600 / plays + 20


def test_an_hour_that_is_live_for_a_part_asks_for_that_part():
    half = Times(windows=(Window(ALL_WEEK, time(9, 30), time(11)),))
    played = run(shop_of(contract("k", Plays(20, "hour"), times=half)), berlin(4, 12))
    assert count(played, "k") == 30


@pytest.mark.parametrize(
    ("plays", "begin", "end", "a_day"),
    [
        (1, time(9, 0), time(9, 30), 1),
        (3, time(9, 50), time(10, 10), 1),
        (5, time(9, 30), time(11, 30), 10),
        (1, time(9, 15), time(11, 15), 2),
        (2, time(9, 0), time(9, 10), 0),
    ],
)
def test_parts_of_a_play_are_rounded_over_the_day(plays, begin, end, a_day):
    times = Times(windows=(Window(ALL_WEEK, begin, end),))
    shop = shop_of(contract("k", Plays(plays, "hour"), times=times))
    for day in (4, 5):
        shop.utc = berlin(day, 9)
        assert count(run(shop, berlin(day, 12)), "k") == a_day


@pytest.mark.parametrize(
    ("day", "month", "hours"), [(29, 3, 23), (25, 10, 25), (4, 3, 24)], ids=["23 h", "25 h", "24 h"]
)
def test_a_day_has_its_plays_however_long_it_is(day, month, hours):
    begin = berlin(day, 0, month=month)
    shop = shop_of(contract("k", Plays(50, "day")), begin=begin, play_s=60.0)
    following = berlin(day, 0, month=month).astimezone(ZoneInfo(ZONE)).date() + timedelta(days=1)
    end = datetime.combine(following, time(0), ZoneInfo(ZONE)).astimezone(UTC)
    assert (end - begin) == timedelta(hours=hours)
    assert count(run(shop, end), "k") == 50


def test_a_day_part_that_a_change_of_the_clock_cuts_has_its_plays_within_what_is_left():
    night = Times(windows=(Window(ALL_WEEK, time(1), time(4)),))
    shop = shop_of(contract("k", Plays(30, "day"), times=night), begin=berlin(29, 0))
    played = run(shop, berlin(29, 6))
    assert count(played, "k") == 30
    starts = [at - 1000 for at, one in played if one.startswith("by-k")]
    assert starts[0] >= 3600
    assert starts[-1] < 3 * 3600, "two hours, for the third one is left out"


def test_a_flight_is_delivered_over_its_days_in_what_day_parts_leave_of_them():
    times = Times(date(2026, 3, 2), date(2026, 3, 4), OPEN.windows)
    shop = shop_of(
        contract("k", Plays(200, "flight"), times=times), begin=berlin(2, 8), play_s=30.0
    )
    days = [count(run(shop, berlin(day, 13)), "k") for day in (2, 3, 4, 5)]
    assert sum(days) == 200
    assert days[3] == 0
    assert days[:3] == pytest.approx([67, 67, 67], abs=2)


def test_impressions_are_delivered_though_the_shop_is_empty_half_of_the_time():
    times = Times(date(2026, 3, 3), date(2026, 3, 4), OPEN.windows)
    shop = shop_of(contract("k", Impressions(300), times=times), begin=berlin(3, 9))
    run(shop, berlin(4, 12), lambda one: (woman, woman) if one.utc.minute % 20 >= 10 else ())
    given = shop.ledger.delivered("k").impressions
    assert given == pytest.approx(300, rel=0.02)


@pytest.mark.parametrize("share", [0.05, 0.2, 0.5, 0.7])
def test_a_share_of_voice_is_a_share_of_the_seconds_while_it_is_live(share):
    shop = shop_of(contract("k", ShareOfVoice(share), times=OPEN))
    run(shop, berlin(4, 14))
    sums = shop.ledger.delivered("k")
    assert sums.shown_s / sums.live_s == pytest.approx(share, rel=0.02)
    assert 3 * 3600 - 20 <= sums.live_s <= 3 * 3600 + 20


def test_many_contracts_at_once_all_get_what_was_sold():
    shop = shop_of(
        contract("share", ShareOfVoice(0.2)),
        contract("hour", Plays(20, "hour"), times=OPEN),
        contract("day", Plays(90, "day"), times=OPEN, priority=1),
        contract("remnant"),
        creatives=2,
    )
    played = run(shop, berlin(4, 12))
    assert (count(played, "hour"), count(played, "day")) == (60, 90)
    sums = shop.ledger.delivered("share")
    assert sums.shown_s / sums.live_s == pytest.approx(0.2, rel=0.02)
    assert count(played, "remnant") > 0


def test_when_not_all_can_be_delivered_priority_decides_and_equals_share_what_is_left():
    shop = shop_of(
        contract("first", Plays(200, "hour"), times=OPEN, priority=2),
        contract("second", Plays(200, "hour"), times=OPEN),
        contract("third", Plays(200, "hour"), times=OPEN),
        creatives=2,
    )
    played = run(shop, berlin(4, 10))
    assert count(played, "first") >= 196
    left = [count(played, "second"), count(played, "third")]
    assert abs(left[0] - left[1]) <= 4
    assert sum(left) < 200


def test_a_contract_that_lay_still_comes_back_spread_out():
    shop = shop_of(contract("k", Plays(60, "day"), times=OPEN), begin=berlin(4, 11))
    played = run(shop, berlin(4, 12))
    starts = [at for at, one in played if one.startswith("by-k")]
    assert min(after - before for before, after in pairwise(starts)) >= 180 / 6 - 5
    assert count(played, "k") == 60, "two hours were lost, and an hour is enough to catch up"


def test_what_cannot_be_caught_up_without_crowding_stays_owed():
    shop = shop_of(contract("k", Plays(60, "day"), times=OPEN), begin=berlin(4, 11, 50))
    played = run(shop, berlin(4, 12))
    assert count(played, "k") <= 600 / (180 / 6) + 1
    busy = Counter(one.partition("-")[0] for _, one in played)
    assert busy["by"] < len(played) / 2


def test_a_targeted_contract_is_delivered_to_an_audience_that_is_seldom_there():
    sold = contract("k", Plays(10, "hour"), times=OPEN)
    shop = Screen(campaign([*HOUSE, creative("by-k", "k", gender=("female",))], sold), berlin(4, 9))
    played = run(shop, berlin(4, 12), lambda one: (woman,) if one.utc.minute % 10 >= 7 else ())
    assert count(played, "k") == 30


def test_a_clock_that_steps_over_a_day_part_neither_stops_the_screen_nor_doubles_a_delivery():
    shop = shop_of(contract("k", Plays(30, "day"), times=OPEN))
    first = run(shop, berlin(4, 10))
    shop.utc = berlin(4, 13)
    closed = run(shop, berlin(4, 13, 10))
    shop.utc = berlin(4, 10)
    after = run(shop, berlin(4, 14))
    assert count(closed, "k") == 0
    assert count(first, "k") + count(after, "k") == 30


def test_the_hour_that_a_change_of_the_clock_repeats_is_two():
    shop = shop_of(contract("k", Plays(10, "hour")), begin=berlin(25, 1, month=10))
    assert count(run(shop, shop.utc + timedelta(hours=4)), "k") == 40


def test_a_flight_without_an_end_has_no_pace_and_no_more_than_was_sold():
    shop = shop_of(contract("k", Plays(5, "flight")))
    assert count(run(shop, berlin(4, 10)), "k") == 5


goals = st.one_of(
    st.builds(ShareOfVoice, st.floats(0.01, 0.95)),
    st.builds(Plays, st.integers(1, 300), st.sampled_from(["hour", "day"])),
)


@settings(max_examples=25, deadline=None)
@given(
    st.lists(st.tuples(goals, st.integers(0, 2)), min_size=1, max_size=5),
    st.integers(0, 2**20),
    st.integers(0, 60),
)
def test_nobody_is_ahead_by_more_than_a_play(sold, seed, minute):
    contracts = [
        contract(f"k{n}", goal, priority=priority, times=OPEN)
        for n, (goal, priority) in enumerate(sold)
    ]
    shop = shop_of(*contracts, begin=berlin(4, 9) + timedelta(minutes=minute))
    rng = random.Random(seed)
    for _ in range(60):
        found = decide(
            shop.campaign, live(), shop.moment, shop.ledger, Rotation(), rng.random, FREE, {}
        )
        assert found is not None
        shop.play(found.creative)
        shop.wait(rng.choice([0, 0, 30]))
        for one in sold_in(shop.campaign):
            told = standing(one, shop.ledger, shop.moment)
            assert told is None or told.behind > -1.01


@settings(max_examples=20, deadline=None)
@given(st.lists(st.tuples(goals, st.integers(0, 2)), max_size=4), st.integers(0, 2**20))
def test_the_same_draws_make_the_same_plays(sold, seed):
    contracts = [contract(f"k{n}", goal, priority=top) for n, (goal, top) in enumerate(sold)]
    end = berlin(4, 9, 10)
    assert run(shop_of(*contracts), end, seed=seed) == run(shop_of(*contracts), end, seed=seed)
