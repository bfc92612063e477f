"""Flights and day-parts: by the store's clock, also when it is changed."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kiosk.ads import ALWAYS, Times, Window
from kiosk.ads.campaigns.times import meeting
from kiosk.ads.contracts.livetime import Live, day_s, days_s

ALL = frozenset(range(7))
STOCKHOLM, NEW_YORK = ZoneInfo("Europe/Stockholm"), ZoneInfo("America/New_York")


def window(begin: str, end: str, days=ALL) -> Window:
    return Window(frozenset(days), time.fromisoformat(begin), time.fromisoformat(end))


def at(text: str) -> datetime:
    return datetime.fromisoformat(text)


NOVEMBER = Times(date(2026, 11, 1), date(2026, 11, 30))
FRIDAY_NIGHT = Times(windows=(window("22:00", "02:00", {4}),))


@pytest.mark.parametrize(
    ("times", "moment", "held"),
    [
        (NOVEMBER, "2026-10-31T23:59", False),
        (NOVEMBER, "2026-11-01T00:00", True),
        (NOVEMBER, "2026-11-30T23:59:59", True),
        (NOVEMBER, "2026-12-01T00:00", False),
        (Times(windows=(window("06:00", "10:00"),)), "2026-11-23T05:59:59", False),
        (Times(windows=(window("06:00", "10:00"),)), "2026-11-23T06:00", True),
        (Times(windows=(window("06:00", "10:00"),)), "2026-11-23T10:00", False),
        (FRIDAY_NIGHT, "2026-11-27T21:59", False),
        (FRIDAY_NIGHT, "2026-11-27T22:00", True),
        (FRIDAY_NIGHT, "2026-11-28T01:59", True),
        (FRIDAY_NIGHT, "2026-11-28T02:00", False),
        (FRIDAY_NIGHT, "2026-11-27T01:00", False),
        (Times(windows=(window("00:00", "00:00", {6}),)), "2026-11-29T00:00", True),
        (Times(windows=(window("00:00", "00:00", {6}),)), "2026-11-30T00:00", False),
    ],
)
def test_a_flight_ends_with_its_last_day_and_a_day_part_before_its_last_minute(times, moment, held):
    assert times.hold(at(moment)) is held


def test_what_is_carried_over_midnight_belongs_to_the_day_on_which_it_began():
    first, last = date(2026, 11, 27), date(2026, 12, 4)
    times = Times(first, last, FRIDAY_NIGHT.windows)
    assert times.hold(at("2026-12-05T01:00")), "the last Friday's night"
    earlier = Times(date(2026, 11, 28), last, FRIDAY_NIGHT.windows)
    assert not earlier.hold(at("2026-11-28T01:00")), "it began before the flight"


@pytest.mark.parametrize(
    ("zone", "day", "minutes"),
    [
        (STOCKHOLM, date(2026, 3, 28), 180),
        (STOCKHOLM, date(2026, 3, 29), 120),
        (STOCKHOLM, date(2026, 10, 25), 240),
        (NEW_YORK, date(2026, 3, 8), 120),
        (NEW_YORK, date(2026, 11, 1), 240),
        (NEW_YORK, date(2026, 11, 2), 180),
    ],
)
def test_a_day_part_is_shorter_or_longer_by_the_hour_that_the_clock_is_changed_by(
    zone, day, minutes
):
    times = Times(windows=(window("01:00", "04:00"),))
    begin = datetime.combine(day, time(), zone).astimezone(UTC)
    held = sum(
        times.hold((begin + timedelta(minutes=minute)).astimezone(zone))
        for minute in range(23 * 60)
    )
    assert held == minutes


@pytest.mark.parametrize(
    ("zone", "first_instant", "last_instant"),
    [
        (STOCKHOLM, "2026-03-28T23:00+00:00", "2026-03-29T21:59:59+00:00"),
        (STOCKHOLM, "2026-10-24T22:00+00:00", "2026-10-25T22:59:59+00:00"),
        (NEW_YORK, "2026-03-08T05:00+00:00", "2026-03-09T03:59:59+00:00"),
        (NEW_YORK, "2026-11-01T04:00+00:00", "2026-11-02T04:59:59+00:00"),
    ],
)
def test_a_flight_of_the_day_on_which_clocks_change_is_that_day_and_no_more(
    zone, first_instant, last_instant
):
    day = at(first_instant).astimezone(zone).date()
    times = Times(day, day)
    second = timedelta(seconds=1)
    held = [
        times.hold(moment.astimezone(zone))
        for instant in (at(first_instant), at(last_instant))
        for moment in (instant - second, instant, instant + second)
    ]
    assert held == [False, True, True, True, True, False]


days = st.dates(date(2026, 1, 1), date(2026, 2, 28))
moments = st.integers(0, 95).map(lambda quarter: time(quarter // 4, quarter % 4 * 15))
windows = st.builds(
    Window, st.frozensets(st.integers(0, 6), min_size=1), begin=moments, end=moments
)
any_times = st.builds(
    Times,
    st.none() | days,
    st.none() | days,
    st.lists(windows, max_size=3).map(tuple),
)


@given(any_times, days)
def test_the_stretches_of_a_day_are_the_minutes_at_which_it_holds(times, day):
    spans = times.spans(day)
    listed = {minute for begin, end in spans for minute in range(begin, end)}
    midnight = datetime.combine(day, time())
    held = {
        minute
        for minute in range(0, 1440, 15)
        if times.hold(midnight + timedelta(minutes=minute, seconds=30))
    }
    assert {minute for minute in listed if minute % 15 == 0} == held
    assert all(end < begin for (_, end), (begin, _) in pairwise(spans))


@given(any_times, any_times)
def test_two_that_meet_do_so_when_it_is_said_and_two_that_do_not_never_do(one, other):
    both = meeting(one, other)
    if both is not None:
        day, minute = both
        moment = datetime.combine(day, time()) + timedelta(minutes=minute)
        assert one.hold(moment)
        assert other.hold(moment)
        return
    for offset in range(-10, 75):
        day = date(2026, 1, 1) + timedelta(days=offset)
        minutes = [
            {at for begin, end in times.spans(day) for at in range(begin, end)}
            for times in (one, other)
        ]
        assert not minutes[0] & minutes[1]


@given(days, st.integers(0, 40), st.lists(windows, max_size=3).map(tuple))
def test_the_minutes_of_a_flight_are_those_of_its_days(first, more, parts):
    times = Times(first, first + timedelta(days=more), parts)
    # A window that lasts over midnight gives as much to the day after as it loses before the first.
    days_of_it = (times.last - times.first).days + 1
    weekly = Times(windows=times.windows)
    each = [weekly.spans(times.first + timedelta(days=offset)) for offset in range(days_of_it)]
    assert times.minutes() == sum(end - begin for spans in each for begin, end in spans)


def test_what_never_ends_has_no_sum_of_minutes():
    assert ALWAYS.minutes() is None
    assert Times(first=date(2026, 1, 1)).minutes() is None


parts_of_years = st.builds(
    lambda first, more, last, found: Times(
        first, first + timedelta(days=more) if first is not None and last else None, tuple(found)
    ),
    st.one_of(st.none(), st.dates(date(2025, 12, 1), date(2027, 6, 1))),
    st.integers(0, 300),
    st.booleans(),
    st.lists(
        st.builds(Window, st.frozensets(st.integers(0, 6), min_size=1), moments, moments),
        max_size=2,
    ),
)


@settings(max_examples=40, deadline=None)
@given(
    st.builds(Live, parts_of_years, st.frozensets(parts_of_years, min_size=1, max_size=2)),
    st.dates(date(2026, 1, 1), date(2026, 12, 31)),
    st.integers(-1, 500),
    st.sampled_from(["UTC", "Europe/Stockholm", "America/Santiago", "Australia/Lord_Howe"]),
)
def test_the_seconds_of_many_days_are_those_of_each(live, first, more, name):
    zone, after = ZoneInfo(name), first + timedelta(days=more)
    each = sum(day_s(live, first + timedelta(days=number), zone) for number in range(more))
    assert days_s(live, first, after, zone) == each
