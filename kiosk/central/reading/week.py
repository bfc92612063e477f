"""A week of a site, for paper."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, datetime
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, and_, func, select

from kiosk.central.reading.audience import Audience, Totals, read_audience, read_totals
from kiosk.central.reading.content import Content, read_content
from kiosk.central.reading.figures import Change, change
from kiosk.central.reading.period import DAY, Period
from kiosk.central.reading.places import Scope
from kiosk.central.store import tables

WEEK_DAYS = 7

WEEK = re.compile(r"([0-9]{4})-W([0-9]{2})")

FIRST_YEAR, LAST_YEAR = 2000, 2199
"""The weeks and days before and after these are in every calendar and time zone."""


@dataclass(frozen=True)
class DeviceWeek:
    """How much of a week a device has sent.

    Attributes:
        name: of the device.
        hours: that came in.
        plays: in them, exactly.
        notice_h: hours in which the notice about the camera was confirmed to be on its screen.
        last: start of the newest of them; None: none came.
    """

    name: str
    hours: int
    plays: int
    notice_h: float
    last: datetime | None


@dataclass(frozen=True)
class WeekReport:
    """A week of a site.

    Attributes:
        name: of the week, such as 2026-W47 (ISO 8601).
        audience: who passed by.
        before: the week before it.
        ots_change: against the week before; None where it cannot be told.
        watchers_change: the same.
        content: what the creatives earned.
        devices: how much each device has sent.
    """

    name: str
    audience: Audience
    before: Totals
    ots_change: Change | None
    watchers_change: Change | None
    content: Content
    devices: tuple[DeviceWeek, ...]


def parse_week(name: str, zone: ZoneInfo) -> Period | None:
    """The days of a week such as 2026-W47; None: it is no week."""
    parts = WEEK.fullmatch(name)
    if parts is None or not FIRST_YEAR <= int(parts[1]) <= LAST_YEAR:
        return None
    try:
        monday = date.fromisocalendar(int(parts[1]), int(parts[2]), 1)
    except ValueError:
        return None
    return Period(monday, monday + (WEEK_DAYS - 1) * DAY, zone)


def week_of(day: date) -> str:
    """The name of the week that a day belongs to."""
    year, number, _ = day.isocalendar()
    return f"{year:04d}-W{number:02d}"


def read_week(connection: Connection, scope: Scope, period: Period) -> WeekReport:
    """A week of a site; ``period`` is one of :func:`parse_week`."""
    audience = read_audience(connection, scope, period)
    before = read_totals(connection, scope, period.before())
    return WeekReport(
        week_of(period.first),
        audience,
        before,
        change(audience.totals.ots, before.ots),
        change(audience.totals.watchers, before.watchers),
        read_content(connection, scope, period),
        _devices(connection, scope.site_id, period),
    )


def _devices(connection: Connection, site_id: int, period: Period) -> tuple[DeviceWeek, ...]:
    devices, hours = tables.devices, tables.hours
    on = and_(
        hours.c.device_id == devices.c.id, hours.c.at >= period.start, hours.c.at < period.end
    )
    rows = connection.execute(
        select(
            devices.c.name,
            func.count(hours.c.seq),
            func.coalesce(func.sum(hours.c.plays), 0),
            func.coalesce(func.sum(hours.c.notice_s), 0),
            func.max(hours.c.at),
        )
        .select_from(devices.outerjoin(hours, on))
        .where(devices.c.site_id == site_id)
        .group_by(devices.c.name)
        .order_by(devices.c.name)
    )
    return tuple(
        DeviceWeek(name, int(sent), int(plays), int(notice_s) / 3600, last)
        for name, sent, plays, notice_s, last in rows
    )
