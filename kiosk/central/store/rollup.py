"""The sums that pages read: by hour, day and creative, of each site and of all."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from operator import add
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, Engine, Table, and_, delete, select, text, true

from kiosk.central.store.bulk import insert_rows, one_of
from kiosk.central.store.cells import ARRAYS, LISTS, SCALARS, Sum, put_together, take_apart
from kiosk.central.store.tables import creative_days, hours, marks, site_days, site_hours
from kiosk.terms import AGE_BANDS, GROUP_SIZES, MOODS
from kiosk.wire import MAX_INT

ALL_SITES = 0

ZEROS = {
    "age_gender": [0] * 3 * (len(AGE_BANDS) + 1),
    "impressions_age_gender": [0] * 3 * (len(AGE_BANDS) + 1),
    "mood": [0] * (len(MOODS) + 1),
    "group_size": [0] * len(GROUP_SIZES),
}
"""What stands for a table that nobody published."""

SUMS_LOCK = 0x6B696F736B03
"""Name of the lock of whoever makes sums."""

SHAPING = ("bands", "scales", "creatives")
"""Columns that say what the figures are about."""

SPARSE = 4
"""Rows of other times are read and written along as long as they are not many more."""

LATEST = timedelta(days=1)
"""An hour that lies further ahead of its arrival comes from a lost clock: it is in no sum."""

SUM_MAX = MAX_INT // 2**20
"""A row of sums never says more, so that a database can add up a million of them in 64 bits."""

Key = tuple[Any, ...]


def work_off(engine: Engine, timezone: str, limit: int = 5000) -> int:
    """Add device-hours that are not in the sums yet, site by site; each exactly once.

    Counts whose hour is not known go into the sums of the day until which they were taken, and into
    no hour. An hour from a clock that is a day ahead or more goes into none.

    Args:
        engine: the database.
        timezone: of the days.
        limit: device-hours of one transaction.

    Returns:
        How many were added; 0 as well while another worker is at it.

    Raises:
        SQLAlchemyError: nothing was added.
    """
    with engine.begin() as connection:
        if not _is_alone(connection):
            return 0
        rows = connection.execute(_marked(connection, limit)).all()
        if not rows:
            return 0
        # An hour that was deleted for its age before it was summed is gone.
        gathered = _gather([row for row in rows if row.epoch is not None], ZoneInfo(timezone))
        for table, sums in gathered.items():
            _add(connection, table, sums)
        done = one_of(connection, marks.c.id, [row.mark for row in rows])
        connection.execute(delete(marks).where(done))
        return len(rows)


def _is_alone(connection: Connection) -> bool:
    # A file has one writer anyway.
    if connection.dialect.name != "postgresql":
        return True
    return bool(
        connection.scalar(text("SELECT pg_try_advisory_xact_lock(:key)"), {"key": SUMS_LOCK})
    )


def _marked(connection: Connection, limit: int) -> Any:
    # By sites, so that the rows of a site are written once for all of its devices.
    some = select(marks).order_by(marks.c.site_id, marks.c.id).limit(limit).subquery("some")
    same = and_(*(some.c[name] == hours.c[name] for name in ("device_id", "at", "epoch", "seq")))
    raw: Any = hours
    on: Any = same
    if connection.dialect.name == "postgresql":
        # Row by row over the primary key, however little the planner knows of a young table.
        raw, on = select(hours).where(same).limit(1).lateral("raw"), true()
    return select(
        some.c.id.label("mark"),
        some.c.site_id,
        *(raw.c[name] for name in ("epoch", "at", "received", "dated", *SHAPING)),
        *(raw.c[name] for name in (*SCALARS, *LISTS)),
    ).select_from(some.outerjoin(raw, on))


def _gather(rows: Sequence[Any], zone: ZoneInfo) -> dict[Table, dict[Key, Sum]]:
    first = 6 + len(SHAPING)
    groups: dict[Key, list[int]] = {}
    counts: dict[Key, int] = defaultdict(int)
    for row in rows:
        if row.at > row.received + LATEST:
            continue
        shape, figures = take_apart(row.bands, row.scales, row.creatives, row[first:])
        key = (row.site_id, whole_hour(row.at) if row.dated else None, day_of(row.at, zone), shape)
        so_far = groups.get(key)
        groups[key] = figures if so_far is None else list(map(add, so_far, figures))
        counts[key] += 1
    by_hour: dict[Key, Sum] = defaultdict(Sum)
    by_day: dict[Key, Sum] = defaultdict(Sum)
    by_creative: dict[Key, Sum] = defaultdict(Sum)
    for key, figures in groups.items():
        site_id, hour, day, shape = key
        whole, creatives = put_together(shape, figures, counts[key])
        for site in (site_id, ALL_SITES):
            if hour is not None:
                by_hour[site, hour].merge(whole)
            by_day[site, day].merge(whole)
            for creative_id, one in creatives.items():
                by_creative[site, day, creative_id].merge(one)
    return {site_hours: by_hour, site_days: by_day, creative_days: by_creative}


def whole_hour(at: datetime) -> datetime:
    """The hour in which a moment lies."""
    return at.replace(minute=0, second=0, microsecond=0)


@lru_cache(maxsize=4096)
def day_of(at: datetime, zone: ZoneInfo) -> str:
    """The day of a moment, where people live by this time zone."""
    try:
        return at.astimezone(zone).date().isoformat()
    except OverflowError:
        # The first and last day that a calendar knows.
        return at.astimezone(UTC).date().isoformat()


def _add(connection: Connection, table: Table, sums: Mapping[Key, Sum]) -> None:
    sites = {key[0] for key in sums}
    times = {key[1] for key in sums}
    if len(sites) * len(times) <= SPARSE * len({key[:2] for key in sums}):
        _add_to(connection, table, sums, sites, times)
        return
    # Some site tells of times that are long past: what others have of those is not touched.
    of_site: dict[int, dict[Key, Sum]] = defaultdict(dict)
    for key, one in sums.items():
        of_site[key[0]][key] = one
    for site, some in of_site.items():
        _add_to(connection, table, some, {site}, {key[1] for key in some})


def _add_to(
    connection: Connection, table: Table, sums: Mapping[Key, Sum], sites: set[int], times: set[Any]
) -> None:
    if not sums:
        return
    site, time, *_ = table.primary_key
    there = one_of(connection, site, sites) & one_of(connection, time, times)
    width = len(table.primary_key)
    after = dict(sums)
    for row in connection.execute(select(table).where(there)):
        known = _read(table, row)
        key = tuple(row[:width])
        if key in after:
            known.merge(after[key])
        after[key] = known
    connection.execute(delete(table).where(there))
    insert_rows(connection, table, [_row(table, key, after[key]) for key in sorted(after)])


def _row(table: Table, key: Key, sums: Sum) -> dict[str, Any]:
    row: dict[str, Any] = dict(zip(table.primary_key.columns.keys(), key, strict=True))
    row["device_hours"] = sums.device_hours
    there = table.c.keys()
    for name in SCALARS:
        if name in there:
            row[name] = _within((sums.scalars.get(name, 0),))[0]
    for name in ARRAYS:
        if name in there:
            row[name] = _within(sums.arrays.get(name) or ZEROS[name])
    row["variances"] = _text_of(tuple(sums.variances.items()))
    return row


@lru_cache(maxsize=4096)
def _text_of(variances: tuple[tuple[str, float], ...]) -> str:
    # Sites of as many screens have the same.
    return json.dumps({name: round(value, 6) for name, value in sorted(variances)})


def _read(table: Table, row: Any) -> Sum:
    there = table.c.keys()
    found = Sum(row.device_hours)
    found.scalars = {name: getattr(row, name) for name in SCALARS if name in there}
    found.arrays = {name: getattr(row, name) for name in ARRAYS if name in there}
    found.variances = json.loads(row.variances)
    return found


def _within(cells: Sequence[int]) -> Sequence[int]:
    """What pages can add up; only made-up counts come near."""
    if min(cells) >= -SUM_MAX and max(cells) <= SUM_MAX:
        return cells
    return [max(-SUM_MAX, min(SUM_MAX, cell)) for cell in cells]


__all__ = ["day_of", "whole_hour", "work_off"]
