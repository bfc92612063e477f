"""How long something may play, in seconds that pass: over day-parts, flights, changes of the clock.

What a window says is compared with what the clock on the wall shows
(:class:`~kiosk.ads.campaigns.times.Times` does that), so a change of the clock makes a day-part
longer or shorter by what it changes.
"""

from __future__ import annotations

from calendar import timegm
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from functools import cached_property, lru_cache
from itertools import pairwise

from kiosk.ads.campaigns.times import ALWAYS, Times

Span = tuple[float, float]
"""Seconds from 1970 in UTC: the first, and the first one after it."""

DAY_S = 86400

MOST_DAYS = 3660
"""Of a flight that is summed up: ten years; whatever lasts longer is paced as if it lasted so."""


@dataclass(frozen=True)
class Live:
    """When something is live: within its own times, and within any of some others.

    Attributes:
        times: of a contract.
        parts: of the creatives that can deliver it.
    """

    times: Times
    parts: frozenset[Times] = frozenset({ALWAYS})

    def hold(self, local: datetime) -> bool:
        """Whether a moment of the store's clock lies within."""
        return self.times.hold(local) and any(one.hold(local) for one in self.parts)

    @property
    def windows(self) -> set[time]:
        """Times of day at which it may begin or end."""
        found: set[time] = set()
        for one in (self.times, *self.parts):
            found.update(clock for part in one.windows for clock in (part.begin, part.end))
        return found

    @cached_property
    def edges(self) -> frozenset[date]:
        """Days that differ from those before them for more than their weekday.

        A first day carries nothing over midnight, and the day after a last one only that.
        """
        found: set[date] = set()
        for one in (self.times, *self.parts):
            if one.first is not None:
                found |= {one.first, one.first + timedelta(days=1)}
            if one.last is not None:
                found |= {one.last + timedelta(days=1), one.last + timedelta(days=2)}
        return frozenset(found)


@lru_cache(maxsize=2048)
def day_s(live: Live, day: date, zone: tzinfo) -> float:
    """Live seconds of a day of the store."""
    return sum(end - begin for begin, end in day_spans(live, day, zone))


@lru_cache(maxsize=512)
def days_s(live: Live, first: date, after: date, zone: tzinfo) -> float:
    """Live seconds from the first day up to, and without, another one.

    Between the ends of flights, days of one weekday are alike but for those on which clocks change.
    """
    after = min(after, first + timedelta(days=MOST_DAYS))
    if after <= first:
        return 0.0
    odd = [
        day
        for year in range(first.year, after.year + 1)
        for day in _odd_days(year, zone)
        if first <= day < after
    ]
    edges = sorted({first, after, *(day for day in live.edges if first < day < after)})
    return sum(day_s(live, day, zone) for day in odd) + sum(
        _even_days_s(live, begin, end, zone, odd) for begin, end in pairwise(edges)
    )


def _even_days_s(live: Live, begin: date, end: date, zone: tzinfo, odd: list[date]) -> float:
    """Live seconds of days over which nothing but the weekday tells one from another."""
    total, days = 0.0, (end - begin).days
    left_out = {(day - begin).days for day in odd if begin <= day < end}
    for weekday in range(min(7, days)):
        alike = range(weekday, days, 7)
        some = next((number for number in alike if number not in left_out), None)
        if some is not None:
            count = len(alike) - sum(number in left_out for number in alike)
            total += count * day_s(live, begin + timedelta(days=some), zone)
    return total


@lru_cache(maxsize=64)
def _odd_days(year: int, zone: tzinfo) -> tuple[date, ...]:
    """Days on which clocks change."""
    first = date(year, 1, 1)
    days = [first + timedelta(days=number) for number in range(366)]
    following = days[-1] + timedelta(days=1)
    midnights = [datetime.combine(one, time(0), zone).timestamp() for one in (*days, following)]
    return tuple(
        day
        for day, (begin_s, end_s) in zip(days, pairwise(midnights), strict=True)
        if end_s - begin_s != DAY_S and day.year == year
    )


@lru_cache(maxsize=1024)
def day_spans(live: Live, day: date, zone: tzinfo) -> tuple[Span, ...]:
    """When something is live on a day of the store."""
    midnight = timegm(day.timetuple())
    begin_s = datetime.combine(day, time(0), zone).timestamp()
    end_s = datetime.combine(day + timedelta(days=1), time(0), zone).timestamp()
    found: list[Span] = []
    for first_s, after_s, offset_s in _steady(begin_s, end_s, zone):
        cuts = {first_s, after_s}
        for clock in live.windows:
            at_s = midnight + clock.hour * 3600 + clock.minute * 60 + clock.second - offset_s
            if first_s < at_s < after_s:
                cuts.add(at_s)
        for one, other in pairwise(sorted(cuts)):
            if not live.hold(_wall((one + other) / 2 + offset_s)):
                continue
            joins = bool(found) and found[-1][1] == one
            found.append((found.pop()[0] if joins else one, other))
    return tuple(found)


def _steady(begin_s: float, end_s: float, zone: tzinfo) -> list[tuple[float, float, float]]:
    """Stretches of a day over which the zone's offset stays the same; one, or two."""
    before_s, after_s = _offset_s(begin_s, zone), _offset_s(end_s - 1, zone)
    if before_s == after_s:
        return [(begin_s, end_s, before_s)]
    low_s, high_s = begin_s, end_s - 1
    while high_s - low_s > 1:
        middle_s = (low_s + high_s) // 2
        low_s, high_s = (
            (middle_s, high_s) if _offset_s(middle_s, zone) == before_s else (low_s, middle_s)
        )
    return [(begin_s, high_s, before_s), (high_s, end_s, after_s)]


def _offset_s(at_s: float, zone: tzinfo) -> float:
    offset = datetime.fromtimestamp(at_s, zone).utcoffset()
    return offset.total_seconds() if offset is not None else 0.0


def _wall(local_s: float) -> datetime:
    return datetime.fromtimestamp(local_s, UTC).replace(tzinfo=None)
