"""What keeps the database in order: partitions, old rows, holes in the numbers, signs of life."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Engine, delete, func, literal_column, select, text, update
from sqlalchemy.dialects import postgresql, sqlite

from kiosk.central.store.alerts import FORGET_AFTER, Alert, clear_alerts, raise_alerts
from kiosk.central.store.tables import (
    alerts,
    devices,
    hours,
    play_batches,
    sites,
    streams,
    workers,
)

log = logging.getLogger(__name__)

PARTITIONED = ("hours", "play_batches")

UPKEEP_LOCK = 0x6B696F736B02
"""Name of the lock of whoever does what only one may do at a time."""

MONTHS_AHEAD = 2

DROP_BITE = 5000
"""Old rows of a file that are deleted at once: writers wait meanwhile."""

GAP_PATIENCE = timedelta(minutes=5)
"""A device sends again what is missing within a few minutes."""

GAPS_TOLD_MAX = 1000
"""With so many holes at once one look at the list says it all."""

KEEP_CLEARED = timedelta(days=90)
"""How long a closed alert can be read up."""


def make_partitions(
    engine: Engine, now: datetime, since: datetime | None = None, ahead: int = MONTHS_AHEAD
) -> int:
    """Make the monthly partitions from ``since`` (by default now) to some months ahead of now.

    Rows of such a month that lie in the default partition are moved. Nothing to do on SQLite.

    Returns:
        How many were made.
    """
    if engine.dialect.name != "postgresql":
        return 0
    made = 0
    for month in _months(since or now, now, ahead):
        for table in PARTITIONED:
            with engine.begin() as connection:
                made += _make_partition(connection, table, month)
    return made


def _months(since: datetime, now: datetime, ahead: int) -> Iterable[datetime]:
    month = datetime(since.year, since.month, 1, tzinfo=UTC)
    last = now.astimezone(UTC)
    count = (last.year - month.year) * 12 + last.month - month.month + ahead + 1
    for _ in range(count):
        yield month
        month = _next_month(month)


def _next_month(month: datetime) -> datetime:
    return datetime(month.year + month.month // 12, month.month % 12 + 1, 1, tzinfo=UTC)


def _make_partition(connection: Connection, table: str, month: datetime) -> bool:
    name = f"{table}_{month:%Y_%m}"
    if connection.scalar(select(func.to_regclass(name))) is not None:
        return False
    connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": UPKEEP_LOCK})
    if connection.scalar(select(func.to_regclass(name))) is not None:
        return False
    low, high = month.isoformat(), _next_month(month).isoformat()
    # Until the end nobody adds a row of this month, which would go there.
    connection.execute(text(f"LOCK TABLE {table}_default IN ACCESS EXCLUSIVE MODE"))
    connection.execute(text(f"CREATE TABLE {name} (LIKE {table} INCLUDING ALL)"))
    moved = text(
        f"WITH old AS (DELETE FROM {table}_default WHERE at >= :low AND at < :high RETURNING *)"  # noqa: S608
        f" INSERT INTO {name} SELECT * FROM old"
    )
    connection.execute(moved, {"low": month, "high": _next_month(month)})
    connection.execute(
        text(f"ALTER TABLE {table} ATTACH PARTITION {name} FOR VALUES FROM ('{low}') TO ('{high}')")
    )
    return True


def drop_old(engine: Engine, now: datetime, keep_hours_days: int, keep_plays_days: int) -> bool:
    """Delete raw hours and plays that are too old; sums by hour and day stay.

    On PostgreSQL whole months go at once, and what has no partition of its own row by row; a file
    is cleared in bites.

    Returns:
        Whether there is more to delete.
    """
    more = False
    for table, days in ((hours, keep_hours_days), (play_batches, keep_plays_days)):
        before = now - timedelta(days=days)
        if engine.dialect.name == "postgresql":
            _drop_partitions(engine, table.name, before)
            table_name = f"{table.name}_default"
            with engine.begin() as connection:
                connection.execute(
                    text(f"DELETE FROM {table_name} WHERE at < :before"),  # noqa: S608
                    {"before": before},
                )
        else:
            more |= _delete_bite(engine, table, before)
    return more


def _drop_partitions(engine: Engine, table: str, before: datetime) -> None:
    with engine.connect() as connection:
        names = connection.scalars(
            text(
                "SELECT c.relname FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid"
                " WHERE i.inhparent = to_regclass(:parent) ORDER BY 1"
            ),
            {"parent": table},
        ).all()
    for name in names:
        parts = name.removeprefix(f"{table}_").split("_")
        if len(parts) != 2 or not all(part.isdigit() for part in parts):
            continue
        if _next_month(datetime(int(parts[0]), int(parts[1]), 1, tzinfo=UTC)) <= before:
            with engine.begin() as connection:
                connection.execute(text(f"DROP TABLE IF EXISTS {name}"))
            log.info("event=partition_dropped table=%s: older than is kept", name)


def _delete_bite(engine: Engine, table: Any, before: datetime) -> bool:
    rowid: Any = literal_column("rowid")
    old = select(rowid).select_from(table).where(table.c.at < before).limit(DROP_BITE)
    with engine.begin() as connection:
        done = connection.execute(delete(table).where(rowid.in_(old)))
    return done.rowcount == DROP_BITE


def watch_gaps(engine: Engine, now: datetime) -> int:
    """Raise an alert for each device whose numbers have a hole for long; clear the others'.

    Returns:
        How many devices have one.
    """
    # One of each device: all the lives that one makes up must not crowd out the others.
    place = func.row_number().over(
        partition_by=streams.c.device_id, order_by=(streams.c.gap_since, streams.c.epoch)
    )
    broken = (
        select(streams.c.device_id, streams.c.stream, streams.c.contiguous, place.label("place"))
        .where(streams.c.gap_since < now - GAP_PATIENCE)
        .subquery("broken")
    )
    query = (
        select(
            broken.c.device_id,
            broken.c.stream,
            broken.c.contiguous,
            sites.c.tenant,
            sites.c.site,
            devices.c.name,
        )
        .join_from(broken, devices, broken.c.device_id == devices.c.id)
        .join(sites)
        .where(broken.c.place == 1)
        .order_by(broken.c.device_id)
        .limit(GAPS_TOLD_MAX)
    )
    with engine.begin() as connection:
        found = {row.device_id: row for row in connection.execute(query)}
        open_now = set(
            connection.scalars(
                select(alerts.c.device_id).where(
                    alerts.c.kind == "sequence_gap", alerts.c.cleared.is_(None)
                )
            )
        )
        raise_alerts(
            connection,
            [
                Alert(
                    row.device_id,
                    "sequence_gap",
                    f"{row.tenant}/{row.site}/{row.name}: its {row.stream} after "
                    f"{row.contiguous} are missing, and later ones are here; the device sends them "
                    "again: if it lasts, look into the broker's log",
                )
                for number, row in found.items()
                if number not in open_now
            ],
            now,
        )
        if len(found) < GAPS_TOLD_MAX:
            clear_alerts(connection, "sequence_gap", now, sorted(open_now - found.keys()))
    for number in sorted(found.keys() - open_now):
        row = found[number]
        log.warning(
            "event=sequence_gap device=%s/%s/%s stream=%s have=%d: later numbers are here; the "
            "device will send again; if it lasts, messages were lost on the way",
            row.tenant,
            row.site,
            row.name,
            row.stream,
            row.contiguous,
        )
    return len(found)


def forget_alerts(engine: Engine, now: datetime) -> None:
    """Close events that have not come again for long; a hole is closed when it is filled."""
    with engine.begin() as connection:
        connection.execute(
            update(alerts)
            .where(
                alerts.c.cleared.is_(None),
                alerts.c.kind != "sequence_gap",
                alerts.c.last < now - FORGET_AFTER,
            )
            .values(cleared=now)
        )
        connection.execute(delete(alerts).where(alerts.c.cleared < now - KEEP_CLEARED))


def note_worker(engine: Engine, name: str, state: str, now: datetime) -> None:
    """A worker's sign of life."""
    dialect = postgresql if engine.dialect.name == "postgresql" else sqlite
    statement = dialect.insert(workers).values(name=name, seen=now, state=state)
    with engine.begin() as connection:
        connection.execute(
            statement.on_conflict_do_update(
                index_elements=["name"], set_={"seen": now, "state": state}
            )
        )


__all__ = ["drop_old", "forget_alerts", "make_partitions", "note_worker", "watch_gaps"]
