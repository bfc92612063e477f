"""Open-hour counts: checkpointed as integers, and gone when the hour is published."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass

from kiosk.state.outbox import append
from kiosk.state.store import Store
from kiosk.state.tables import Database


@dataclass(frozen=True)
class OpenHour:
    """Counts of an hour that is not published yet.

    Attributes:
        hour: its label, RFC 3339 in UTC; or a stretch of a run of the machine whose time is not
            known.
        counts: integer by cell name.
    """

    hour: str
    counts: dict[str, int]


@dataclass(frozen=True)
class Closing:
    """An hour as it is published, for the ledger.

    Attributes:
        hour: under which its counts are kept here.
        noise: what was done to the counts.
        epsilon: what a pass spends on it; ``None`` without noise.
        scales: of the noise, by table, as JSON.
        tables: what is published of the counts, as JSON, to be shown on this device.
        at: now, RFC 3339.
    """

    hour: str
    noise: str
    epsilon: float | None
    scales: str
    tables: str
    at: str


def save_hour(store: Store, hour: str, counts: Mapping[str, int]) -> None:
    """Checkpoint the counts of an open hour, replacing its earlier ones."""
    with store.transaction() as db:
        _put(db, hour, counts)


def move_hours(store: Store, gone: Collection[str], now: Mapping[str, Mapping[str, int]]) -> None:
    """Counts were given to other hours: delete what they were under and replace what they joined.

    One transaction, so that no count is lost or doubled by a power cut between the two.
    """
    with store.transaction() as db:
        db.conn.executemany("DELETE FROM open_hours WHERE hour = ?", [(hour,) for hour in gone])
        for hour, counts in now.items():
            _put(db, hour, counts)


def open_hours(store: Store) -> list[OpenHour]:
    """Every hour with counts that is not published, oldest first."""
    return open_hours_in(store.db.conn)


def open_hours_in(db: sqlite3.Connection) -> list[OpenHour]:
    """The same of any connection to a state file."""
    found: dict[str, dict[str, int]] = {}
    for hour, cell, count in db.execute(
        "SELECT hour, cell, count FROM open_hours ORDER BY hour, cell"
    ):
        found.setdefault(hour, {})[cell] = count
    return [OpenHour(hour, counts) for hour, counts in found.items()]


def published_hours(store: Store) -> list[str]:
    """Labels of every hour that was published, oldest first."""
    return [row[0] for row in store.db.execute("SELECT hour FROM published_hours ORDER BY hour")]


def close_hour(store: Store, closing: Closing, build: Callable[[int], bytes]) -> int | None:
    """Publish an hour once: payload, ledger row and deletion of its counts are one transaction.

    Args:
        store: the open state file.
        closing: the hour.
        build: makes the payload from its sequence number.

    Returns:
        The sequence number, or ``None`` when this hour was published before.
    """
    with store.transaction() as db:
        db.execute("DELETE FROM open_hours WHERE hour = ?", [closing.hour])
        if db.execute("SELECT 1 FROM published_hours WHERE hour = ?", [closing.hour]).fetchone():
            return None
        seq = append(db, "hours", build, closing.at)
        db.table("published_hours").insert({**vars(closing), "seq": seq})
        return seq


def forget_tables(store: Store, before: str) -> None:
    """Forget what was published before a moment (RFC 3339); the ledger keeps that it was."""
    with store.transaction() as db:
        db.execute("UPDATE published_hours SET tables = NULL WHERE at < ?", [before])


def _put(db: Database, hour: str, counts: Mapping[str, int]) -> None:
    db.conn.executemany(
        "INSERT INTO open_hours (hour, cell, count) VALUES (?, ?, ?)"
        " ON CONFLICT (hour, cell) DO UPDATE SET count = excluded.count",
        [(hour, cell, count) for cell, count in counts.items()],
    )
