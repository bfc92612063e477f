"""How long something may play, in seconds that pass: over day-parts, flights, changes of the clock.

What a window says is compared with what the clock on the wall shows (:class:`kiosk.ads.times.Times`
does that), so a change of the clock makes a day-part longer or shorter by what it changes.
"""

from __future__ import annotations

from calendar import timegm
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from functools import lru_cache
from itertools import pairwise

from kiosk.ads.times import ALWAYS, Times

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


def live_s(live: Live, begin_s: float, end_s: float, days: tuple[date, ...], zone: tzinfo) -> float:
    """Live seconds between two instants that lie within the given days of the store."""
    return sum(
        max(0.0, min(end, end_s) - max(begin, begin_s))
        for day in days
        for begin, end in day_spans(live, day, zone)
    )


@lru_cache(maxsize=2048)
def day_s(live: Live, day: date, zone: tzinfo) -> float:
    """Live seconds of a day of the store."""
    return sum(end - begin for begin, end in day_spans(live, day, zone))


@lru_cache(maxsize=512)
def days_s(live: Live, first: date, after: date, zone: tzinfo) -> float:
    """Live seconds from the first day up to, and without, another one."""
    after = min(after, first + timedelta(days=MOST_DAYS))
    total, day = 0.0, first
    while day < after:
        following = _next_month(day)
        if day.day == 1 and following <= after:
            total += _month_s(live, day, zone)
        else:
            following = min(following, after)
            total += sum(day_s(live, one, zone) for one in _days(day, following))
        day = following
    return total


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


@lru_cache(maxsize=512)
def _month_s(live: Live, first: date, zone: tzinfo) -> float:
    return sum(day_s(live, day, zone) for day in _days(first, _next_month(first)))


def _next_month(day: date) -> date:
    return (day.replace(day=1) + timedelta(days=32)).replace(day=1)


def _days(first: date, after: date) -> list[date]:
    return [first + timedelta(days=number) for number in range((after - first).days)]


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
