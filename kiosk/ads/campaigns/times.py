"""When something may play: flights in days, day-parts in hours, both as the store's clock shows."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

DAY_MINUTES = 24 * 60

Span = tuple[int, int]
"""First minute of a day, and the first after it."""

TELLING_DAYS = 9
"""A first day, a week, and the day after a last one."""

SOME_DAY = date(2026, 1, 5)
"""A Monday, for times that hold for ever."""


@dataclass(frozen=True)
class Window:
    """A stretch of the day on some weekdays.

    Attributes:
        days: weekdays on which it begins, Monday is 0.
        begin: first minute, by the store's clock.
        end: first minute after it; not after ``begin``: it lasts over midnight, and 00:00 to 00:00
            is a whole day.
    """

    days: frozenset[int]
    begin: time
    end: time

    @property
    def carries(self) -> bool:
        """Whether it goes on after midnight."""
        return self.end <= self.begin and self.end != time(0)

    def holds(self, local: datetime) -> bool:
        """Whether a moment of the store's clock lies within.

        It compares what the clock on the wall shows: the hour that a change of the clock repeats
        is twice within, the one that it leaves out is never.
        """
        now, weekday = local.time(), local.weekday()
        if self.begin < self.end:
            return weekday in self.days and self.begin <= now < self.end
        yesterday = (weekday - 1) % 7
        return (weekday in self.days and now >= self.begin) or (
            yesterday in self.days and now < self.end
        )


@dataclass(frozen=True)
class Times:
    """Flight and day-parts together.

    Attributes:
        first: first day; ``None``: since ever.
        last: last day, which is played to its end; ``None``: for ever.
        windows: any of them; none at all: the whole day.
    """

    first: date | None = None
    last: date | None = None
    windows: tuple[Window, ...] = ()

    def hold(self, local: datetime) -> bool:
        """Whether a moment of the store's clock lies within.

        What a window carries over midnight belongs to the day on which the window began.
        """
        if not self.windows:
            return self._flies(local.date())
        for window in self.windows:
            if not window.holds(local):
                continue
            carried = local.time() < window.begin
            if self._flies(local.date() - timedelta(days=1) if carried else local.date()):
                return True
        return False

    def spans(self, day: date) -> list[Span]:
        """Its stretches on one day, in order and apart, in minutes of the clock on the wall."""
        if not self.windows:
            return [(0, DAY_MINUTES)] if self._flies(day) else []
        yesterday = day - timedelta(days=1)
        begins, carries = self._flies(day), self._flies(yesterday)
        found = []
        for window in self.windows:
            begin, end = _minute(window.begin), _minute(window.end)
            over_midnight = end <= begin
            if begins and day.weekday() in window.days:
                found.append((begin, DAY_MINUTES if over_midnight else end))
            if carries and over_midnight and end and yesterday.weekday() in window.days:
                found.append((0, end))
        return merged(found)

    def minutes(self) -> int | None:
        """Minutes over the whole flight, clocks left unchanged; ``None``: it has no end."""
        if self.first is None or self.last is None:
            return None
        weekly = Times(windows=self.windows)
        days = (self.last - self.first).days + 1
        return sum(
            length(weekly.spans(self.first + timedelta(days=offset)))
            * (days // 7 + (offset < days % 7))
            for offset in range(7)
        )

    def _flies(self, day: date) -> bool:
        return (self.first is None or self.first <= day) and (self.last is None or day <= self.last)


ALWAYS = Times()
"""No restriction."""


def meeting(one: Times, other: Times) -> tuple[date, int] | None:
    """The first day, of those that tell, and its minute at which both hold; ``None``: never.

    Without a first day it is some day of theirs: all weeks are alike.
    """
    for day in telling_days(one, other):
        both = common(one.spans(day), other.spans(day))
        if both:
            return day, both[0][0]
    return None


def common(some: list[Span], others: list[Span]) -> list[Span]:
    """What lies in both; each in order and apart."""
    return [(max(a, c), min(b, d)) for a, b in some for c, d in others if max(a, c) < min(b, d)]


def telling_days(*all_times: Times) -> list[date]:
    """Days that stand for all days on which all of some times may hold."""
    # After the first day, which carries nothing over midnight, each weekday stands for all of its
    # kind; the day after the last one still has what that carried.
    week = timedelta(days=TELLING_DAYS - 1)
    firsts = [one.first for one in all_times if one.first is not None]
    lasts = [one.last for one in all_times if one.last is not None]
    end = min(lasts) + timedelta(days=1) if lasts else None
    begin = max(firsts, default=SOME_DAY if end is None else end - week)
    end = min(end, begin + week) if end is not None else begin + week
    return [begin + timedelta(days=offset) for offset in range((end - begin).days + 1)]


def _minute(moment: time) -> int:
    return moment.hour * 60 + moment.minute


def length(spans: Iterable[Span]) -> int:
    """Minutes of all together."""
    return sum(end - begin for begin, end in spans)


def merged(spans: Iterable[Span]) -> list[Span]:
    """The same stretches in order and apart."""
    apart: list[Span] = []
    for begin, end in sorted(spans):
        if apart and begin <= apart[-1][1]:
            apart[-1] = (apart[-1][0], max(end, apart[-1][1]))
        else:
            apart.append((begin, end))
    return apart


def week_of(day: date) -> list[date]:
    """The seven days from Monday on of a day's week (ISO 8601)."""
    monday = day - timedelta(days=day.weekday())
    return [monday + timedelta(days=offset) for offset in range(7)]
