"""Today on this device, hour by hour: what was published of each, and the open one as it stands.

An hour that was published is shown as it was published, noise included: its exact counts are gone.
Ratios are given only where the noise leaves something of them.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any

from kiosk import terms
from kiosk.audience.budget import standard_deviation
from kiosk.audience.counts import GENDERS, MOODS, tables_of
from kiosk.audience.slots import HOUR_S, hour_number, hour_slot, is_waiting
from kiosk.config import local_day_start
from kiosk.state import OpenHour, PublishedHour
from kiosk.wire import HourTables, TableName

DAY_HOURS = 25
"""The longest day that a change of clocks makes."""

PUBLISHER = 2
"""OpenRTB 2.6, list of DOOH multiplier measurement source types: measured by the publisher."""


LOST = 0.5
"""A number whose noise has more than this share of it as standard deviation says nothing."""

STANDS_OUT = 4.2
"""Standard deviations: of 27 empty cells, one is above that in about 1 hour of 25."""

NOISY_CELLS: Mapping[str, tuple[TableName, int]] = {
    "ots": ("visits", 2),
    "watchers": ("visits", 1),
    "dwell_s": ("dwell", 1),
    "attention_s": ("attention", 1),
    "impressions": ("impressions", 1),
}
"""The table that each plain number comes from, and how many of its cells add up to it."""


@dataclass(frozen=True)
class Figure:
    """A number and the standard deviation of its noise; 0: it is exact."""

    value: int
    sd: float = 0.0

    @property
    def known(self) -> bool:
        """Whether the noise leaves something of it."""
        return self.value > 0 and self.sd <= LOST * self.value

    @property
    def stands_out(self) -> bool:
        """The same of one cell among many, of which some are large by chance."""
        return self.sd == 0.0 or self.value >= STANDS_OUT * self.sd


def ratio(part: Figure, whole: Figure) -> float | None:
    """One figure over another; none where the noise of either has drowned it."""
    if not whole.known or not (part.known or part.sd == 0.0):
        return None
    return part.value / whole.value


@dataclass(frozen=True)
class HourInsight:
    """One hour of a day.

    Attributes:
        hour: its label, RFC 3339 in UTC.
        local: the same on the shop's wall, ``HH:MM``.
        late: of counts that came after the hour had been published.
        noise: ``off``, or what the counts carry; an open hour is exact.
        open: it is not published yet.
        tables: its counts.
        scales: of the noise, by table.
    """

    hour: str
    local: str
    late: bool
    noise: str
    open: bool
    tables: HourTables
    scales: Mapping[str, float] = field(default_factory=dict)

    def figure(self, name: str) -> Figure | None:
        """A plain number of the hour, such as ``ots``; none when it is not published."""
        value = getattr(self.tables, name)
        if value is None:
            return None
        table, cells = NOISY_CELLS.get(name, ("", 0))
        scale = self.scales.get(table)
        return Figure(value, math.sqrt(cells) * standard_deviation(scale) if scale else 0.0)

    def as_dict(self) -> dict[str, Any]:
        """For `kiosk stats --json`."""
        by_group = self.tables.impressions_age_gender or {}
        cell_scale = self.scales.get("impressions_age_gender")
        cell_sd = standard_deviation(cell_scale) if cell_scale else 0.0
        plays = Figure(self.tables.plays)
        return {
            "hour": self.hour,
            "local": self.local,
            "late": self.late,
            "noise": self.noise,
            "open": self.open,
            "tables": self.tables.model_dump(mode="json"),
            **_ratios([self]),
            "qty_by_age_gender": {
                band: {
                    gender: _rounded(ratio(Figure(count, cell_sd), plays))
                    if Figure(count, cell_sd).stands_out
                    else None
                    for gender, count in row.items()
                }
                for band, row in by_group.items()
            },
        }


@dataclass(frozen=True)
class DayInsight:
    """A day of the shop: its hours that are over or open, in order.

    Attributes:
        date: of the shop's wall, ISO 8601.
        waiting: how many stretches of counts wait until the time is known.
        unplaced: how many were, or will be, published without an hour, on any day.
    """

    date: str
    hours: tuple[HourInsight, ...]
    waiting: int
    unplaced: int

    def figure(self, name: str) -> Figure | None:
        """Sum over the hours of a plain number of the tables, such as ``ots``."""
        return _sum(self.hours, name)

    def by_age_gender(self) -> dict[str, dict[str, int | None]]:
        """OTS passes of the day by age band and gender; ``None`` where noise has drowned them."""
        tables = [one.tables.age_gender or {} for one in self.hours]
        bands = dict.fromkeys(band for table in tables for band in table)
        sd = self._cell_sd("age_gender")
        return {
            band: {g: _cell(sum(t.get(band, {}).get(g, 0) for t in tables), sd) for g in GENDERS}
            for band in bands
        }

    def by_mood(self) -> dict[str, int | None]:
        """OTS passes of the day by mood; ``None`` where noise has drowned them."""
        tables = [one.tables.mood or {} for one in self.hours]
        sd = self._cell_sd("mood")
        return {mood: _cell(sum(table.get(mood, 0) for table in tables), sd) for mood in MOODS}

    def _cell_sd(self, table: str) -> float:
        """Standard deviation of one cell of a table, summed over the hours."""
        scales = [scale for one in self.hours if (scale := one.scales.get(table))]
        return math.hypot(*(standard_deviation(scale) for scale in scales))

    def as_dict(self) -> dict[str, Any]:
        """For `kiosk stats --json`."""
        return self.chart() | {"hours": [one.as_dict() for one in self.hours]}

    def chart(self) -> dict[str, Any]:
        """What the operator's page draws."""
        return {
            "date": self.date,
            "hours": [
                {
                    "local": one.local,
                    "late": one.late,
                    "ots": _told(one.figure("ots")),
                    "watchers": _told(one.figure("watchers")),
                    "noise": one.noise,
                    "open": one.open,
                }
                for one in self.hours
            ],
            "totals": _figures(self.figure),
            **_ratios(self.hours),
            "age_gender": self.by_age_gender(),
            "mood": self.by_mood(),
            "waiting": self.waiting,
            "unplaced": self.unplaced,
        }


Figures = Callable[[str], Figure | None]


def _figures(figure: Figures) -> dict[str, dict[str, float] | None]:
    """Each plain number with its standard deviation."""
    names = ("plays", *NOISY_CELLS)
    return {
        name: {"value": one.value, "sd": round(one.sd, 1)} if one is not None else None
        for name, one in ((name, figure(name)) for name in names)
    }


def _ratios(hours: Iterable[HourInsight]) -> dict[str, Any]:
    """What follows from the plain numbers of one hour or several."""
    hours = tuple(hours)

    def of(part: str, whole: str) -> float | None:
        # An hour in which one of them was not published says nothing of the other.
        both = [one for one in hours if one.figure(part) and one.figure(whole)]
        above, below = _sum(both, part), _sum(both, whole)
        return None if above is None or below is None else _rounded(ratio(above, below))

    return {
        "dwell_s": of("dwell_s", "ots"),
        "attention_s": of("attention_s", "ots"),
        "attention_rate": of("attention_s", "dwell_s"),
        "qty": {"multiplier": of("impressions", "plays"), "sourcetype": PUBLISHER},
    }


def _told(figure: Figure | None) -> int | None:
    """A figure to be drawn, unless noise has drowned it."""
    return figure.value if figure is not None and (figure.known or figure.sd == 0.0) else None


def _cell(value: int, sd: float) -> int | None:
    return value if Figure(value, sd).stands_out else None


def _sum(hours: Iterable[HourInsight], name: str) -> Figure | None:
    figures = [one for hour in hours if (one := hour.figure(name)) is not None]
    if not figures:
        return None
    return Figure(sum(one.value for one in figures), math.hypot(*(one.sd for one in figures)))


def day_bounds(moment: datetime, timezone: str) -> tuple[str, str]:
    """Labels of the first hour of the shop's day and of the first one after it."""
    start = local_day_start(moment, timezone)
    end = local_day_start(start + timedelta(hours=DAY_HOURS + 1), timezone)
    # A zone that is half an hour off has days that begin within an hour: its first whole one.
    first, last = (-int(-one.timestamp() // HOUR_S) for one in (start, end))
    return hour_slot(first), hour_slot(last)


def day_of(
    moment: datetime,
    timezone: str,
    published: Iterable[PublishedHour],
    open_hours: Sequence[OpenHour],
    bands: Sequence[str] = terms.AGE_BANDS,
) -> DayInsight:
    """The shop's day around a moment.

    Args:
        moment: timezone-aware.
        timezone: IANA name of the shop's time zone.
        published: hours as they were published.
        open_hours: hours that were not.
        bands: age bands of their tables, as ``privacy.age_bands``.
    """
    first, end = day_bounds(moment, timezone)
    start = local_day_start(moment, timezone)
    found: list[HourInsight] = []
    without, waiting = 0, 0

    def take(slot: str, noise: str, scales: str, tables: HourTables, *, is_open: bool) -> bool:
        number = hour_number(slot)
        if number is None:
            return False
        hour = hour_slot(number)
        if first <= hour < end:
            local = datetime.fromisoformat(hour).astimezone(start.tzinfo).strftime("%H:%M")
            known = json.loads(scales or "{}")
            late = slot != hour
            found.append(HourInsight(hour, local, late, noise, is_open, tables, known))
        return True

    for one in published:
        without += not take(one.hour, one.noise, one.scales, _read(one.tables), is_open=False)
    for still in open_hours:
        if is_waiting(still.hour):
            waiting += 1
            continue
        tables = tables_of(still.counts, bands)
        without += not take(still.hour, "off", "", tables, is_open=True)
    found.sort(key=lambda one: (one.hour, one.late))
    return DayInsight(start.date().isoformat(), tuple(found), waiting, without)


@lru_cache(maxsize=2 * DAY_HOURS)
def _read(tables: str) -> HourTables:
    return HourTables.model_validate_json(tables)


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 3)
