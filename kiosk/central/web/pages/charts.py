"""What charts are drawn from: plain lists for the browser; pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta
from typing import Any
from zoneinfo import ZoneInfo

from kiosk.central.reading import (
    AgeRow,
    CreativeFigures,
    DayPoint,
    Figure,
    HeatCell,
    HourPoint,
    Period,
    Share,
)
from kiosk.central.web.pages import words

WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")

Rows = list[Mapping[str, Any]]

COUNTED = ("ots", "watchers")
"""Measures that count people's passes, of which small ones are not told."""


def days(
    points: Sequence[DayPoint], period: Period, measure: str, fewer_than: int, back: int = 0
) -> Rows:
    """A row for each day of a period; ``back`` puts earlier days below the ones they stand for."""
    by_day = {point.day: point for point in points}
    rows: Rows = []
    for index in range(period.days):
        day = period.first + timedelta(days=index)
        point = by_day.get(day)
        row = {
            "day": (day + timedelta(days=back)).isoformat(),
            "name": f"{day:%a} {day.day} {day:%b}",
        }
        rows.append(row | (_figure(getattr(point, measure), measure, fewer_than) if point else {}))
    return rows


def hours(points: Iterable[HourPoint], zone: ZoneInfo, measure: str, fewer_than: int) -> Rows:
    """A row for each hour of a day, by its number."""
    return [
        {
            "hour": point.at.astimezone(zone).hour,
            "name": words.hour_span(point.at, zone),
            **_figure(getattr(point, measure), measure, fewer_than),
        }
        for point in points
    ]


def moments(points: Iterable[HourPoint], zone: ZoneInfo, measure: str, fewer_than: int) -> Rows:
    """A row for each hour of several days; times as the zone's clock shows them."""
    return [
        {
            "at": point.at.astimezone(zone).strftime("%Y-%m-%dT%H:%M:%S"),
            "name": f"{words.stamp(point.at, zone)}",
            **_figure(getattr(point, measure), measure, fewer_than),
        }
        for point in points
    ]


def heat(cells: Sequence[HeatCell], measure: str, fewer_than: int) -> Rows:
    """A row for each hour of the week that there was."""
    return [
        {
            "weekday": cell.weekday,
            "hour": cell.hour,
            "hours": cell.hours,
            **_figure(getattr(cell, measure), measure, fewer_than),
        }
        for cell in cells
        if cell.hours
    ]


def heat_levels(cells: Sequence[HeatCell], measure: str, fewer_than: int) -> list[int]:
    """How dark each cell of the table is, from 0 to 9; -1: there was no such hour."""
    values = [drawn(getattr(cell, measure), measure, fewer_than) for cell in cells]
    most = max(values, default=0.0) or 1.0
    return [
        -1 if not cell.hours else min(9, int(10 * value / most))
        for cell, value in zip(cells, values, strict=True)
    ]


def ages(rows: Sequence[AgeRow], fewer_than: int) -> Rows:
    """A row for each bar: a band and a gender."""
    return [
        {
            "band": row.band.replace("-", words.DASH),
            "gender": gender,
            **_figure(getattr(row, gender), "ots", fewer_than),
        }
        for row in rows
        for gender in ("female", "male", "unknown")
    ]


def shares(rows: Sequence[Share], fewer_than: int) -> Rows:
    """A row for each label."""
    return [{"label": row.label, **_figure(row.figure, "ots", fewer_than)} for row in rows]


def rates(creatives: Sequence[CreativeFigures]) -> Rows:
    """Watch rates with their intervals, where they can be told."""
    return [
        {
            "name": one.name,
            "value": one.watch_rate.value,
            "low": max(0.0, one.watch_rate.low),
            "high": min(1.0, one.watch_rate.high),
            "text": f"{words.percent(one.watch_rate)} {words.percent_margin(one.watch_rate)}",
        }
        for one in creatives
        if one.watch_rate is not None
    ]


def uplifts(creatives: Sequence[CreativeFigures]) -> Rows:
    """Uplifts with their intervals, where they can be told."""
    return [
        {
            "name": one.name,
            "value": told.value,
            "low": told.low,
            "high": told.high,
            "told": told.is_told,
            "text": f"{words.change(told)} ({words.change_interval(told)})",
        }
        for one in creatives
        if (told := one.uplift.change) is not None
    ]


def drawn(figure: Figure, measure: str, fewer_than: int) -> float:
    """How high a figure is drawn: a count too small to be told must not be read off a chart."""
    if measure in COUNTED and figure.value < fewer_than:
        return 0.0
    return max(0.0, figure.value)


def _figure(figure: Figure, measure: str, fewer_than: int) -> dict[str, Any]:
    """A figure as a chart takes it: not below zero, with the words beside it."""
    small = words.is_small(figure, 0 if measure == "attention_s" else fewer_than)
    if measure == "attention_s":
        text = words.seconds(figure)
        half = words.seconds_margin(figure)
    else:
        text, half = words.count(figure, fewer_than), words.margin(figure, fewer_than)
    is_hidden = measure in COUNTED and figure.value < fewer_than
    high = words.bound(figure, fewer_than) if is_hidden else max(0.0, figure.high)
    return {
        "value": round(drawn(figure, measure, fewer_than), 2),
        "low": 0.0 if is_hidden else round(max(0.0, figure.low), 2),
        "high": round(high, 2),
        "small": small,
        "text": f"{text} {half}".strip(),
    }
