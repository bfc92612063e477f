"""What a device's choices are made with, read from outside while it plays."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from pathlib import Path

from kiosk.errors import StateError
from kiosk.state.deliveries import Delivery
from kiosk.state.looking import look_into
from kiosk.state.schema import is_older


@dataclass(frozen=True)
class Remembered:
    """What the state file holds for the next choice.

    Attributes:
        delivered: every sum of a contract that is kept.
        model: what the learner gave away last; ``None``: nothing yet.
    """

    delivered: tuple[Delivery, ...] = ()
    model: bytes | None = None


def read_remembered(path: Path) -> Remembered:
    """Look at deliveries and the learner's model; the file is not changed.

    Raises:
        StateError: there is no file, it cannot be read, or another kiosk wrote it.
    """

    def ask(db: sqlite3.Connection) -> Remembered:
        if is_older(db):
            raise StateError(
                f"{path}: written by an older kiosk",
                hint="start the director once; it brings the file up to date",
            )
        sums = db.execute(
            "SELECT contract, period, plays, shown_s, live_s, impressions FROM deliveries"
        )
        delivered = tuple(Delivery(*row) for row in sums)
        found = db.execute("SELECT model FROM learner ORDER BY at DESC LIMIT 1").fetchone()
        return Remembered(delivered, bytes(found[0]) if found is not None else None)

    return look_into(path, ask)
