"""A kiosk of a later version, which has one migration more: it plays, and says what it has sent."""

from __future__ import annotations

import sys
from pathlib import Path

from sqlite_utils import Database

from kiosk.clock import SystemClock
from kiosk.state import PlayBook, open_store, schema
from tests.state.rows import AT, names, play


def m900_later(db: Database) -> None:
    """What later versions are free to add."""
    db.execute("CREATE TABLE weather (at TEXT PRIMARY KEY, rain REAL) STRICT")
    db.execute("INSERT INTO weather VALUES ('now', 0.5)")
    db.execute("ALTER TABLE plays ADD COLUMN loudness REAL")
    db.execute("ALTER TABLE outbox ADD COLUMN weight INTEGER NOT NULL DEFAULT 1")
    db.execute("ALTER TABLE health ADD COLUMN since TEXT")
    db.execute("CREATE INDEX plays_loud ON plays (loudness)")


def main(path: Path, kinds: list[str], prefix: str) -> None:
    """Open the file, play twice, and send it."""
    for number, kind in enumerate(kinds):
        step = m900_later if number == 0 else lambda _: None
        step.__name__ = f"m90{number}_{kind}"
        (schema.breaking if kind == "breaking" else schema.additive)(step)
    store = open_store(path, SystemClock())
    play(store, f"{prefix}-1", f"{prefix}-2")
    assert "loudness" in store.db.table("plays").columns_dict
    print(PlayBook(store).batch(names, AT))
    store.close()


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2].split("+"), sys.argv[3])
