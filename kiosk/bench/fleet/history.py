"""A past to look at: a true day of a fleet, and the same day before it, over and over.

Yesterday and today go the way of every message: through the store, which makes their sums. The days
before are copies of yesterday within the database, rows and sums alike, so that a year of thousands
of devices takes minutes, and sums still are those of the hours. No page is quicker for it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timedelta

from sqlalchemy import Connection, Engine, inspect, text

from kiosk.bench.fleet.head import Entry, make_partitions, work_off, write
from kiosk.config import Settings
from kiosk.simulate import Fleet, last_full_hour
from kiosk.wire import Hours

ENTRIES = 2000
"""Messages of one commit."""

HOUR, DAY = timedelta(hours=1), timedelta(days=1)

TOLD = 50
"""Days after which a word is said."""

DATED = {"hours": "at", "site_hours": "at", "site_days": "day", "creative_days": "day"}
"""Tables that are copied, and the column that is moved."""


def write_history(
    engine: Engine,
    settings: Settings,
    fleet: Fleet,
    days: int,
    now: datetime,
    *,
    say: Callable[[str], None],
) -> int:
    """Fill an empty database; returns how many device-hours it holds then.

    Args:
        engine: of the database.
        settings: of head office.
        fleet: who has a past.
        days: of it, beside today.
        now: where it ends.
        say: is told how it goes.
    """
    end = last_full_hour(now) + HOUR
    today = end.replace(hour=0)
    make_partitions(engine, now, since=today - days * DAY)
    hour, seq = today - DAY, 1
    while hour < end:
        with engine.begin() as connection:
            for entries in _entries(fleet, hour, seq):
                write(connection, entries, hour + HOUR)
        hour, seq = hour + HOUR, seq + 1
    _present(engine, fleet, now, seq)
    say("history: yesterday and today are written")
    while work_off(engine, settings.central.timezone):
        pass
    for back in range(1, days):
        with engine.begin() as connection:
            _copy(connection, today - DAY, back)
        if back % TOLD == 0:
            say(f"history: {back} days more")
    return _tidied(engine)


def _entries(fleet: Fleet, hour: datetime, seq: int) -> Iterator[Sequence[Entry]]:
    some: list[Entry] = []
    for device, payload in fleet.hours_encoded(range(fleet.devices), hour, [seq] * fleet.devices):
        some.append(Entry(fleet.branch(device), Hours.model_validate_json(payload), payload))
        if len(some) >= ENTRIES:
            yield some
            some = []
    yield some


def _present(engine: Engine, fleet: Fleet, now: datetime, hours: int) -> None:
    """What the devices said last."""
    for begin in range(0, fleet.devices, ENTRIES):
        said: list[Entry] = []
        for device in range(begin, min(begin + ENTRIES, fleet.devices)):
            status = fleet.status(device, now - timedelta(days=2))
            health = fleet.health(device, now, hours_next=hours)
            said += [
                Entry(fleet.branch(device), status, status.encode()),
                Entry(fleet.branch(device), health, health.encode()),
            ]
        with engine.begin() as connection:
            write(connection, said, now)


def _copy(connection: Connection, day: datetime, back: int) -> None:
    """A day again, so many days before."""
    sqlite = connection.dialect.name == "sqlite"
    moved = {
        ("at", True): f"strftime('%Y-%m-%dT%H:%M:%S', at, '-{back} days') || '.000000+00:00'",
        ("at", False): f"at - interval '{back} days'",
        ("day", True): f"date(day, '-{back} days')",
        ("day", False): f"to_char(day::date - {back}, 'YYYY-MM-DD')",
    }
    as_text = "%Y-%m-%dT%H:%M:%S.000000+00:00"
    moments: dict[str, object] = {"first": day, "last": day + DAY}
    if sqlite:
        moments = {"first": day.strftime(as_text), "last": (day + DAY).strftime(as_text)}
    dates: dict[str, object] = {"first": f"{day:%Y-%m-%d}", "last": f"{day + DAY:%Y-%m-%d}"}
    for table, dated in DATED.items():
        columns = [one["name"] for one in inspect(connection).get_columns(table)]
        taken = [moved[dated, sqlite] if name == dated else name for name in columns]
        connection.execute(
            text(
                f"INSERT INTO {table} ({', '.join(columns)}) SELECT {', '.join(taken)}"  # noqa: S608
                f" FROM {table} WHERE {dated} >= :first AND {dated} < :last"
            ),
            moments if dated == "at" else dates,
        )


def _tidied(engine: Engine) -> int:
    """What the database's own housekeeping does in the course of a day."""
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("ANALYZE"))
        rows = connection.execute(text("SELECT count(*) FROM hours")).scalar_one()
    return int(rows)
