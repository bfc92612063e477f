"""What the creatives earned, and how much more than the others they were looked at."""

from __future__ import annotations

from dataclasses import dataclass, field

from sqlalchemy import Connection, func, select

from kiosk.central.reading.figures import Change, Figure, change, count, ratio, share
from kiosk.central.reading.period import Period
from kiosk.central.reading.places import Scope
from kiosk.central.reading.sums import variances_of
from kiosk.central.store import tables

SUMMED = ("device_hours", "plays", "ots", "watchers", "dwell_s", "attention_s")
NOISY = ("ots", "watchers", "dwell_s", "attention_s")
MAX_CREATIVES = 500
"""On one page; those with the most plays."""


@dataclass(frozen=True)
class Uplift:
    """How much more often a creative was watched than its control.

    Attributes:
        control: watch rate of the control.
        change: of the watch rate; None where it cannot be told.
    """

    control: Figure | None
    change: Change | None


@dataclass(frozen=True)
class CreativeFigures:
    """What a creative earned.

    Attributes:
        id: its number in the database.
        tenant: whose campaign it belongs to.
        name: its name in the campaign.
        plays: that began, exactly.
        ots: passes that watched it longest, or were in view of it longest.
        watchers: of them, who faced the screen for long enough.
        watch_rate: watchers over opportunities, with what is left to chance; None where that
            cannot be told.
        attention_s: seconds that faced it.
        attention_per_ots_s: attention over opportunities.
        uplift: against the control.
    """

    id: int
    tenant: str
    name: str
    plays: int
    ots: Figure
    watchers: Figure
    watch_rate: Figure | None
    attention_s: Figure
    attention_per_ots_s: Figure | None
    uplift: Uplift


@dataclass(frozen=True)
class Content:
    """What creatives earned in a period.

    Attributes:
        scope: where.
        period: when.
        control: the creative that the others are compared with; None: all the others together.
        creatives: the most played first.
    """

    scope: Scope
    period: Period
    control: int | None
    creatives: tuple[CreativeFigures, ...]


def read_content(
    connection: Connection, scope: Scope, period: Period, control: int | None = None
) -> Content:
    """What creatives earned at all sites or at one of them.

    Args:
        connection: to the database.
        scope: where; a device of it makes no difference.
        period: when.
        control: number of the creative to compare with; None: all the others of the same tenant.
    """
    rows = _rows(connection, scope.site_id, period)
    return Content(scope, period, control, tuple(_figures(row, rows, control) for row in rows))


@dataclass
class _Sums:
    """A creative in the whole period."""

    id: int
    tenant: str
    name: str
    values: dict[str, int] = field(default_factory=lambda: dict.fromkeys(SUMMED, 0))
    variances: dict[str, float] = field(default_factory=lambda: dict.fromkeys(NOISY, 0.0))


def _rows(connection: Connection, site_id: int, period: Period) -> list[_Sums]:
    days, creatives = tables.creative_days, tables.creatives
    sums = [func.sum(days.c[name]).label(name) for name in SUMMED]
    # Few different noises stand in a table: they are told apart here rather than taken apart there.
    added = (
        select(days.c.creative_id, days.c.variances, func.count().label("days"), *sums)
        .where(
            days.c.site_id == site_id,
            days.c.day.between(period.first.isoformat(), period.last.isoformat()),
        )
        .group_by(days.c.creative_id, days.c.variances)
        .subquery()
    )
    query = select(added, creatives.c.id, creatives.c.tenant, creatives.c.name).join_from(
        added, creatives, added.c.creative_id == creatives.c.id
    )
    found: dict[int, _Sums] = {}
    for row in connection.execute(query):
        one = found.setdefault(row.id, _Sums(row.id, row.tenant, row.name))
        noise = variances_of(row.variances)
        for name in SUMMED:
            one.values[name] += int(getattr(row, name))
        for name in NOISY:
            one.variances[name] += row.days * noise.get(name, 0.0)
    return sorted(found.values(), key=lambda one: (-one.values["plays"], one.name))[:MAX_CREATIVES]


def _figures(row: _Sums, rows: list[_Sums], control: int | None) -> CreativeFigures:
    ots, watchers = _figure([row], "ots"), _figure([row], "watchers")
    attention = _figure([row], "attention_s")
    rate = share(watchers, ots, by_chance=True)
    others = [
        other
        for other in rows
        if other.id != row.id
        and other.tenant == row.tenant
        and (control is None or other.id == control)
    ]
    against = (
        share(_figure(others, "watchers"), _figure(others, "ots"), by_chance=True)
        if others
        else None
    )
    return CreativeFigures(
        row.id,
        row.tenant,
        row.name,
        row.values["plays"],
        ots,
        watchers,
        rate,
        attention,
        ratio(attention, ots),
        Uplift(against, change(rate, against)),
    )


def _figure(rows: list[_Sums], name: str) -> Figure:
    return count(
        sum(row.values[name] for row in rows),
        sum(row.variances[name] for row in rows),
        sum(row.values["device_hours"] for row in rows),
    )
