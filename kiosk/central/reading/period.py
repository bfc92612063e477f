"""Days as head office's time zone has them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

MAX_DAYS = 400
"""Longest period of a page: a year, and what makes it whole weeks or months."""

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)


@dataclass(frozen=True)
class Period:
    """Some days, whole.

    Attributes:
        first: first day.
        last: last day.
        zone: the time zone whose days they are.
    """

    first: date
    last: date
    zone: ZoneInfo

    @property
    def days(self) -> int:
        """How many."""
        return (self.last - self.first).days + 1

    @property
    def start(self) -> datetime:
        """Its first instant, in UTC."""
        return _midnight(self.first, self.zone)

    @property
    def end(self) -> datetime:
        """The first instant after it, in UTC."""
        return _midnight(self.last + DAY, self.zone)

    def before(self) -> Period:
        """As many days just before it; whole weeks when it has whole weeks."""
        return self.shifted(self.days)

    def shifted(self, days: int) -> Period:
        """The same so many days earlier."""
        back = timedelta(days=days)
        return Period(self.first - back, self.last - back, self.zone)

    def offsets(self) -> list[tuple[datetime, int]]:
        """From when on which offset to UTC holds, in seconds; the first one from the start on."""
        found = [(self.start, _offset(self.start, self.zone))]
        moment = self.start
        while moment < self.end:
            following = moment + DAY
            if _offset(following, self.zone) != found[-1][1]:
                while _offset(moment, self.zone) == found[-1][1]:
                    moment += HOUR
                found.append((moment, _offset(moment, self.zone)))
            moment = following
        return found


def named_period(name: str, now: datetime, zone: ZoneInfo) -> Period | None:
    """One of the periods that can be chosen by name: today, 7d, 28d, 90d, 365d; None: no such."""
    today = now.astimezone(zone).date()
    days = {"today": 1, "7d": 7, "28d": 28, "90d": 90, "365d": 365}.get(name)
    return None if days is None else Period(today - (days - 1) * DAY, today, zone)


def local_day(moment: datetime, zone: ZoneInfo) -> date:
    """The day that an instant belongs to."""
    return moment.astimezone(zone).date()


def _midnight(day: date, zone: ZoneInfo) -> datetime:
    return datetime.combine(day, time(), zone).astimezone(UTC)


def _offset(moment: datetime, zone: ZoneInfo) -> int:
    offset = moment.astimezone(zone).utcoffset()
    return 0 if offset is None else int(offset.total_seconds())
