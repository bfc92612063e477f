"""Weekly hours of a shop, in its own time zone."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import datetime, time
from typing import Literal
from zoneinfo import ZoneInfo

from pydantic import Field, field_validator, model_validator

from kiosk.config.base import Section

Day = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
DAYS: tuple[Day, ...] = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")

CLOCK_TIME = re.compile(r"([01]\d|2[0-3]):[0-5]\d|24:00")

DAY_MINUTES = 24 * 60
WEEK_MINUTES = 7 * DAY_MINUTES


class WindowSettings(Section):
    """One stretch of time on some days of every week; it may go on after midnight."""

    days: list[Day] = Field(list(DAYS), min_length=1, description="days on which it begins")
    begin: str = Field(description='when it begins, such as "22:00"; quote it')
    end: str = Field(description='when it ends; "24:00" is midnight, earlier than begin: next day')

    @field_validator("begin", "end", mode="before")
    @classmethod
    def _clock_time(cls, value: object) -> object:
        # YAML reads an unquoted 22:00 as sixties: 1320.
        if not isinstance(value, str) or not CLOCK_TIME.fullmatch(value):
            raise ValueError('a time of day in quotes is expected, such as "07:30"')
        return value

    @model_validator(mode="after")
    def _some_time(self) -> WindowSettings:
        if self.begin == "24:00":
            raise ValueError('begin: 24:00 is the end of a day; to begin at midnight, say "00:00"')
        if self.begin == self.end:
            raise ValueError('begin: is the same as end; for a whole day say "00:00" to "24:00"')
        return self

    def minutes(self) -> Iterable[tuple[int, int]]:
        """Its stretches, in minutes of the week; a stretch may end in the next week."""
        begin, end = _minute(self.begin), _minute(self.end)
        if end <= begin:
            end += DAY_MINUTES
        for day in self.days:
            start = DAYS.index(day) * DAY_MINUTES
            yield start + begin, start + end


def is_within(windows: Iterable[WindowSettings], moment: datetime, timezone: str) -> bool:
    """Whether a moment lies in one of the windows, by the shop's clock on the wall.

    Args:
        windows: weekly, as configured.
        moment: timezone-aware.
        timezone: IANA name of the shop's time zone.
    """
    local = moment.astimezone(ZoneInfo(timezone))
    minute = local.weekday() * DAY_MINUTES + local.hour * 60 + local.minute
    return any(
        begin <= at < end
        for window in windows
        for begin, end in window.minutes()
        for at in (minute, minute + WEEK_MINUTES)
    )


def covers_the_week(windows: Iterable[WindowSettings]) -> bool:
    """Whether no minute of the week is left."""
    covered: set[int] = set()
    for window in windows:
        for begin, end in window.minutes():
            covered.update(minute % WEEK_MINUTES for minute in range(begin, end))
    return len(covered) == WEEK_MINUTES


def local_day_start(moment: datetime, timezone: str) -> datetime:
    """Midnight before a moment, by the shop's clock on the wall."""
    local = moment.astimezone(ZoneInfo(timezone))
    return datetime.combine(local.date(), time(), ZoneInfo(timezone))


def _minute(clock_time: str) -> int:
    hour, minute = clock_time.split(":")
    return int(hour) * 60 + int(minute)
