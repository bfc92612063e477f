"""Open-hour counts: checkpointed as integers, and gone when the hour is published."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from kiosk.state.outbox import append
from kiosk.state.store import Store


@dataclass(frozen=True)
class OpenHour:
    """Counts of an hour that is not published yet.

    Attributes:
        hour: label, RFC 3339 in UTC.
        counts: integer by cell name.
    """

    hour: str
    counts: dict[str, int]


def save_hour(store: Store, hour: str, counts: Mapping[str, int]) -> None:
    """Checkpoint the counts of an open hour, replacing its earlier ones."""
    with store.transaction() as db:
        db.conn.executemany(
            "INSERT INTO open_hours (hour, cell, count) VALUES (?, ?, ?)"
            " ON CONFLICT (hour, cell) DO UPDATE SET count = excluded.count",
            [(hour, cell, count) for cell, count in counts.items()],
        )


def open_hours(store: Store) -> list[OpenHour]:
    """Every hour with counts that is not published, oldest first."""
    found: dict[str, dict[str, int]] = {}
    for hour, cell, count in store.db.execute(
        "SELECT hour, cell, count FROM open_hours ORDER BY hour, cell"
    ):
        found.setdefault(hour, {})[cell] = count
    return [OpenHour(hour, counts) for hour, counts in found.items()]


def published_hours(store: Store) -> list[str]:
    """Labels of every hour that was published, oldest first."""
    return [row[0] for row in store.db.execute("SELECT hour FROM published_hours ORDER BY hour")]


def close_hour(
    store: Store, hour: str, noise: str, build: Callable[[int], bytes], at: str
) -> int | None:
    """Publish an hour once: payload, ledger row and deletion of its counts are one transaction.

    Args:
        store: the open state file.
        hour: label of the hour.
        noise: what was done to the counts, for the ledger.
        build: makes the payload from its sequence number.
        at: now, RFC 3339.

    Returns:
        The sequence number, or ``None`` when this hour was published before.
    """
    with store.transaction() as db:
        db.execute("DELETE FROM open_hours WHERE hour = ?", [hour])
        if db.execute("SELECT 1 FROM published_hours WHERE hour = ?", [hour]).fetchone():
            return None
        seq = append(db, "hours", build, at)
        db.table("published_hours").insert({"hour": hour, "seq": seq, "noise": noise, "at": at})
        return seq
