"""Who passed by, when, and how they looked: of everything, a site or a device."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import Connection, func, select

from kiosk import terms
from kiosk.central.reading.figures import Figure, count, exact, mean, ratio, share
from kiosk.central.reading.hours import Hour, read_device_sums
from kiosk.central.reading.period import Period, local_day
from kiosk.central.reading.places import Scope
from kiosk.central.reading.sql import WEEK_HOURS, hour_of_week
from kiosk.central.reading.sums import (
    ARRAYS,
    BANDS,
    GENDERS,
    MOODS,
    Sums,
    columns_of,
    total,
    variances_of,
)
from kiosk.central.store import tables

HEAT = ("ots", "watchers", "attention_s")
"""What the heat map can show."""


@dataclass(frozen=True)
class Totals:
    """What was counted, all together.

    Attributes:
        device_hours: hours of devices that came in.
        plays: that began, exactly.
        ots: opportunities to see: passes that were in view for long enough.
        watchers: of them, who faced the screen for long enough.
        watch_rate: watchers over opportunities; None where that cannot be told.
        dwell_s: seconds in view, each pass clamped.
        attention_s: seconds that faced the screen, each pass clamped.
        attention_rate: attention over dwell.
        attention_per_ots_s: attention over opportunities.
        impressions: opportunities times the plays they were in view of, each pass clamped.
    """

    device_hours: int
    plays: int
    ots: Figure
    watchers: Figure
    watch_rate: Figure | None
    dwell_s: Figure
    attention_s: Figure
    attention_rate: Figure | None
    attention_per_ots_s: Figure | None
    impressions: Figure


@dataclass(frozen=True)
class HeatCell:
    """An hour of the week, as it is on average.

    Attributes:
        weekday: 0 is Monday.
        hour: 0 to 23, by head office's time zone.
        hours: how many such hours there were; 0: none, and the figures mean nothing.
        ots: opportunities to see in one of them.
        watchers: of them.
        attention_s: seconds that faced the screen.
    """

    weekday: int
    hour: int
    hours: int
    ots: Figure
    watchers: Figure
    attention_s: Figure


@dataclass(frozen=True)
class DayPoint:
    """A day."""

    day: date
    device_hours: int
    plays: int
    ots: Figure
    watchers: Figure
    attention_s: Figure


@dataclass(frozen=True)
class HourPoint:
    """An hour; ``at`` is its start."""

    at: datetime
    device_hours: int
    plays: int
    ots: Figure
    watchers: Figure
    attention_s: Figure


@dataclass(frozen=True)
class AgeRow:
    """Opportunities to see of an age band, by gender."""

    band: str
    female: Figure
    male: Figure
    unknown: Figure


@dataclass(frozen=True)
class Share:
    """Opportunities to see that a label was given to."""

    label: str
    figure: Figure


@dataclass(frozen=True)
class Audience:
    """Everything about a place in a period.

    Attributes:
        scope: of what.
        period: when.
        totals: all together.
        days: day by day; days without hours are left out.
        heat: by hour of the week, Monday 0:00 first; 168 of them.
        ages: by age band and gender; empty where it is not published.
        moods: by mood; empty where it is not published.
        groups: by how many were in view together; empty where it is not published.
        noise_free: every count is exact, because noise was off.
    """

    scope: Scope
    period: Period
    totals: Totals
    days: tuple[DayPoint, ...]
    heat: tuple[HeatCell, ...]
    ages: tuple[AgeRow, ...]
    moods: tuple[Share, ...]
    groups: tuple[Share, ...]
    noise_free: bool


def read_audience(connection: Connection, scope: Scope, period: Period) -> Audience:
    """Who passed by a place in a period."""
    if scope.device_id is None:
        days, sums = _days(connection, scope.site_id, period)
        heat = _heat(connection, scope.site_id, period)
    else:
        hours = list(read_device_sums(connection, scope.device_id, period.start, period.end))
        days, sums = _days_of(hours, period)
        heat = _heat_of(hours, period)
    return Audience(
        scope,
        period,
        totals_of(sums),
        tuple(DayPoint(day, *_point(one)) for day, one in sorted(days.items())),
        tuple(heat),
        ages_of(sums),
        shares_of(sums, "mood", MOODS),
        shares_of(sums, "group_size", terms.GROUP_SIZES),
        not any(sums.variances.values()),
    )


def read_hours(
    connection: Connection, scope: Scope, start: datetime, end: datetime
) -> tuple[HourPoint, ...]:
    """Hour by hour, from ``start`` to before ``end``; hours that nothing came of are left out."""
    if scope.device_id is not None:
        hours = read_device_sums(connection, scope.device_id, start, end)
        return tuple(HourPoint(hour.at, *_point(hour.sums)) for hour in hours)
    table = tables.site_hours
    rows = connection.execute(
        select(
            table.c.at,
            table.c.device_hours,
            table.c.plays,
            table.c.ots,
            table.c.watchers,
            table.c.attention_s,
            table.c.variances,
        )
        .where(table.c.site_id == scope.site_id, table.c.at >= start, table.c.at < end)
        .order_by(table.c.at)
    ).mappings()
    return tuple(HourPoint(row["at"], *_point(total([row]))) for row in rows)


def read_totals(connection: Connection, scope: Scope, period: Period) -> Totals:
    """All together, of a place in a period."""
    if scope.device_id is None:
        return totals_of(_days(connection, scope.site_id, period, with_arrays=False)[1])
    hours = read_device_sums(connection, scope.device_id, period.start, period.end)
    return totals_of(_days_of(hours, period)[1])


def totals_of(sums: Sums) -> Totals:
    """Sums with what follows from them."""
    ots, watchers = sums.figure("ots"), sums.figure("watchers")
    dwell, attention = sums.figure("dwell_s"), sums.figure("attention_s")
    return Totals(
        sums.device_hours,
        sums.scalars["plays"],
        ots,
        watchers,
        share(watchers, ots),
        dwell,
        attention,
        ratio(attention, dwell),
        ratio(attention, ots),
        sums.figure("impressions"),
    )


def ages_of(sums: Sums) -> tuple[AgeRow, ...]:
    """The table by age band and gender."""
    cells = sums.cells("age_gender")
    width = len(GENDERS)
    rows = [cells[start : start + width] for start in range(0, len(cells), width)]
    return tuple(AgeRow(band, *row) for band, row in zip(BANDS, rows, strict=False))


def shares_of(sums: Sums, name: str, labels: tuple[str, ...]) -> tuple[Share, ...]:
    """A table with one row of cells."""
    pairs = zip(labels, sums.cells(name), strict=False)
    return tuple(Share(label, figure) for label, figure in pairs)


def _days(
    connection: Connection, site_id: int, period: Period, *, with_arrays: bool = True
) -> tuple[dict[date, Sums], Sums]:
    """Each day, without its arrays; and all together."""
    table = tables.site_days
    left_out = {"impressions_age_gender"} if with_arrays else set(ARRAYS)
    columns = [column for column in columns_of(table) if column.name not in left_out]
    rows = connection.execute(
        select(table.c.day, *columns).where(
            table.c.site_id == site_id,
            table.c.day.between(period.first.isoformat(), period.last.isoformat()),
        )
    ).mappings()
    days: dict[date, Sums] = {}
    sums = Sums()
    for row in rows:
        noise = variances_of(row["variances"])
        days[date.fromisoformat(row["day"])] = Sums().take(row, noise, with_arrays=False)
        sums.take(row, noise)
    return days, sums


def _days_of(hours: Iterable[Hour], period: Period) -> tuple[dict[date, Sums], Sums]:
    days: dict[date, Sums] = {}
    sums = Sums()
    for hour in hours:
        day = days.setdefault(local_day(hour.at, period.zone), Sums())
        day.add(hour.sums, with_arrays=False)
        sums.add(hour.sums)
    return days, sums


def _heat(connection: Connection, site_id: int, period: Period) -> Iterator[HeatCell]:
    table = tables.site_hours
    slot = hour_of_week(table.c.at, period.offsets()).label("slot")
    sums = [func.sum(table.c[name]).label(name) for name in ("device_hours", *HEAT)]
    # Few different noises stand in a table: they are told apart here rather than taken apart there.
    rows = connection.execute(
        select(slot, func.count(), table.c.variances, *sums)
        .where(table.c.site_id == site_id, table.c.at >= period.start, table.c.at < period.end)
        .group_by(slot, table.c.variances)
    )
    slots: dict[int, _Slot] = {}
    for number, hours, variances, draws, *values in rows:
        slots.setdefault(int(number), _Slot()).take(hours, draws, values, variances_of(variances))
    for number in range(WEEK_HOURS):
        yield slots.get(number, _Slot()).cell(number)


class _Slot:
    """An hour of the week, as often as there was one."""

    def __init__(self) -> None:
        self.hours = 0
        self.draws = 0
        self.values = [0] * len(HEAT)
        self.variances = [0.0] * len(HEAT)

    def take(
        self, hours: int, draws: int, values: Sequence[int], variances: Mapping[str, float]
    ) -> None:
        self.hours += hours
        self.draws += int(draws)
        for index, name in enumerate(HEAT):
            self.values[index] += int(values[index])
            self.variances[index] += hours * variances.get(name, 0.0)

    def cell(self, number: int) -> HeatCell:
        place = number // 24, number % 24
        if not self.hours:
            return HeatCell(*place, 0, exact(0), exact(0), exact(0))
        figures = [
            mean(count(value, variance, self.draws), self.hours)
            for value, variance in zip(self.values, self.variances, strict=True)
        ]
        return HeatCell(*place, self.hours, *figures)


def _heat_of(hours: list[Hour], period: Period) -> Iterator[HeatCell]:
    slots: dict[int, _Slot] = {}
    for hour in hours:
        local = hour.at.astimezone(period.zone)
        values = [hour.sums.scalars[name] for name in HEAT]
        slots.setdefault(local.weekday() * 24 + local.hour, _Slot()).take(
            1, 1, values, hour.sums.variances
        )
    for number in range(WEEK_HOURS):
        yield slots.get(number, _Slot()).cell(number)


def _point(sums: Sums) -> tuple[int, int, Figure, Figure, Figure]:
    return (
        sums.device_hours,
        sums.scalars["plays"],
        sums.figure("ots"),
        sums.figure("watchers"),
        sums.figure("attention_s"),
    )
