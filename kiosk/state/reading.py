"""Looking into the state file from outside, while its owners write to it."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from kiosk.errors import NewerStateError, StateError
from kiosk.state.hours import OpenHour, open_hours_in
from kiosk.state.schema import NAMES

APPLIED = "SELECT name FROM _sqlite_migrations"
"""Where sqlite-utils keeps which migrations a file has seen."""


@dataclass(frozen=True)
class LedgerRow:
    """One release: counts that were published, once.

    Attributes:
        key: label of the hour, or what is known of its time instead.
        seq: its number in the stream of hours.
        noise: what was done to the counts.
        epsilon: what a pass spent on it; ``None`` without noise.
        at: when it was published, RFC 3339.
    """

    key: str
    seq: int | None
    noise: str
    epsilon: float | None
    at: str


@dataclass(frozen=True)
class PublishedHour:
    """What was published of an hour.

    Attributes:
        hour: its label.
        noise: what was done to the counts.
        scales: of the noise, by table, JSON.
        tables: as published, JSON.
    """

    hour: str
    noise: str
    scales: str
    tables: str


def read_ledger(path: Path) -> list[LedgerRow]:
    """Every release of this device, oldest first; none when there is no state file yet.

    Raises:
        StateError: the file cannot be read, or a newer kiosk wrote it.
    """
    with _looking(path) as db:
        if db is None:
            return []
        rows = db.execute("SELECT hour, seq, noise, epsilon, at FROM published_hours ORDER BY seq")
        return [LedgerRow(*row) for row in rows]


def read_hours(path: Path, since: str) -> tuple[list[PublishedHour], list[OpenHour]]:
    """Published hours from a label on, and every open hour; raises as :func:`read_ledger` does."""
    with _looking(path) as db:
        if db is None:
            return [], []
        return published_tables(db, since), open_hours_in(db)


def published_tables(db: sqlite3.Connection, since: str) -> list[PublishedHour]:
    """What was published of each hour from a label on."""
    rows = db.execute(
        "SELECT hour, noise, scales, tables FROM published_hours"
        " WHERE hour >= ? AND tables IS NOT NULL ORDER BY hour",
        [since],
    )
    return [PublishedHour(*row) for row in rows]


@contextmanager
def _looking(path: Path) -> Iterator[sqlite3.Connection | None]:
    try:
        if not path.exists():
            yield None
            return
        uri = f"{path.resolve().as_uri()}?mode=ro"
        with closing(sqlite3.connect(uri, uri=True, timeout=5)) as db:
            names = {row[0] for row in db.execute(APPLIED)}
            if names - NAMES:
                raise NewerStateError(
                    f"{path}: written by a newer kiosk (it knows {max(names - NAMES)!r})",
                    hint="use that version",
                )
            if NAMES - names:
                raise StateError(
                    f"{path}: written by an older kiosk",
                    hint="start the director once; it brings the file up to date",
                )
            yield db
    except (sqlite3.Error, OSError) as bad:
        raise StateError(
            f"{path}: cannot be read: {bad}", hint="check state.path and who may read it"
        ) from bad
