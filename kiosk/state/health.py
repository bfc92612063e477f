"""The last word of each process about itself."""

from __future__ import annotations

import json
import sqlite3
from typing import Any

from kiosk.state.store import Store


def write_health(store: Store, part: str, data: dict[str, Any], at: str) -> None:
    """Keep what ``part`` says of itself."""
    with store.transaction() as db:
        db.table("health").insert(
            {"part": part, "data": json.dumps(data), "at": at}, pk="part", replace=True
        )


def read_health(store: Store, part: str) -> tuple[dict[str, Any], str] | None:
    """What ``part`` said last, and when; ``None`` when it never did."""
    return read_health_in(store.db.conn, part)


def read_health_in(db: sqlite3.Connection, part: str) -> tuple[dict[str, Any], str] | None:
    """The same of any connection to a state file."""
    row = db.execute("SELECT data, at FROM health WHERE part = ?", [part]).fetchone()
    return (json.loads(row[0]), row[1]) if row is not None else None
