"""How things are right now: the last whole hour, today, what plays best, and who is in trouble."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy import Connection

from kiosk.central.reading.audience import HourPoint, read_hours
from kiosk.central.reading.content import CreativeFigures, read_content
from kiosk.central.reading.figures import Change, Figure, change, count
from kiosk.central.reading.period import HOUR, Period, local_day
from kiosk.central.reading.places import EVERYWHERE

LATEST_HOURS = 6
WEEK = timedelta(days=7)
MOSTLY_IN = 0.5
"""An hour that so few of the devices of its neighbours have sent is still coming in."""

TOP = 5
TOP_DAYS = 7


@dataclass(frozen=True)
class Compared:
    """A figure of today, and how much it is above that of the same hours a week earlier."""

    figure: Figure
    change: Change | None


@dataclass(frozen=True)
class Overview:
    """How things are.

    Attributes:
        now: the time it was asked for.
        latest: the newest hour that most devices have sent; None: there is none lately.
        latest_before: the same hour a week earlier.
        today: the hours of today, as far as they have come.
        last_week: all hours of the same day a week earlier.
        ots: opportunities to see of today.
        watchers: of them.
        attention_s: seconds that faced a screen.
        plays: of today, exactly.
        plays_change: against the same hours a week earlier; None: there were none.
        top: the creatives with the most watchers of the last seven days.
    """

    now: datetime
    latest: HourPoint | None
    latest_before: HourPoint | None
    today: tuple[HourPoint, ...]
    last_week: tuple[HourPoint, ...]
    ots: Compared
    watchers: Compared
    attention_s: Compared
    plays: int
    plays_change: float | None
    top: tuple[CreativeFigures, ...]


def read_overview(connection: Connection, now: datetime, zone: ZoneInfo) -> Overview:
    """How things are at all sites."""
    day = local_day(now, zone)
    today = Period(day, day, zone)
    before = today.shifted(7)
    lately = read_hours(connection, EVERYWHERE, now - LATEST_HOURS * HOUR, now - HOUR)
    latest = _latest(lately)
    hours = _whole(read_hours(connection, EVERYWHERE, today.start, now), now)
    last_week = read_hours(connection, EVERYWHERE, before.start, before.end)
    same = _same_hours(hours, last_week, zone)
    week = Period(day - timedelta(days=TOP_DAYS - 1), day, zone)
    plays, plays_before = sum(h.plays for h in hours), sum(h.plays for h in same)
    return Overview(
        now,
        latest,
        _at(connection, latest.at - WEEK) if latest is not None else None,
        hours,
        last_week,
        _compared(hours, same, "ots"),
        _compared(hours, same, "watchers"),
        _compared(hours, same, "attention_s"),
        plays,
        plays / plays_before - 1 if plays_before else None,
        _top(read_content(connection, EVERYWHERE, week).creatives),
    )


def _latest(hours: tuple[HourPoint, ...]) -> HourPoint | None:
    most = max((hour.device_hours for hour in hours), default=0)
    whole = [hour for hour in hours if hour.device_hours >= MOSTLY_IN * most]
    return whole[-1] if whole else None


def _at(connection: Connection, moment: datetime) -> HourPoint | None:
    found = read_hours(connection, EVERYWHERE, moment, moment + HOUR)
    return found[0] if found else None


def _whole(hours: tuple[HourPoint, ...], now: datetime) -> tuple[HourPoint, ...]:
    """An hour that is still coming in would make today look worse than it is."""
    most = max((hour.device_hours for hour in hours), default=0)
    recent = now - 2 * HOUR
    return tuple(h for h in hours if h.at < recent or h.device_hours >= MOSTLY_IN * most)


def _same_hours(
    hours: tuple[HourPoint, ...], others: tuple[HourPoint, ...], zone: ZoneInfo
) -> tuple[HourPoint, ...]:
    wanted = {hour.at.astimezone(zone).hour for hour in hours}
    return tuple(other for other in others if other.at.astimezone(zone).hour in wanted)


def _compared(hours: tuple[HourPoint, ...], before: tuple[HourPoint, ...], name: str) -> Compared:
    figure = _added(hours, name)
    return Compared(figure, change(figure, _added(before, name)))


def _added(hours: tuple[HourPoint, ...], name: str) -> Figure:
    figures: list[Figure] = [getattr(hour, name) for hour in hours]
    return count(
        sum(figure.value for figure in figures),
        sum(figure.sd**2 for figure in figures),
        sum(hour.device_hours for hour in hours),
    )


def _top(creatives: tuple[CreativeFigures, ...]) -> tuple[CreativeFigures, ...]:
    told = [one for one in creatives if not one.watchers.is_drowned and one.watchers.value > 0]
    told.sort(key=lambda one: -one.watchers.value)
    return tuple(told[:TOP])
