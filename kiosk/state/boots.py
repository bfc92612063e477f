"""What is known of the time in each run of the machine, whose monotonic clock begins anew."""

from __future__ import annotations

from dataclasses import dataclass

from kiosk.state.store import Store

KEPT = 100
"""Runs of the machine that are remembered."""


@dataclass(frozen=True)
class Boot:
    """One run of the machine.

    Attributes:
        boot: its name, as the kernel gives it.
        last_s: seconds since its beginning up to which a director was at work.
        offset_s: seconds from 1970 in UTC to its beginning; ``None``: its time was never known.
    """

    boot: str
    last_s: float
    offset_s: float | None


def save_boot(store: Store, one: Boot) -> None:
    """Write down how long this run has lasted, and its time if it is known."""
    with store.transaction() as db:
        db.execute(
            "INSERT INTO boots (boot, last_s, offset_s) VALUES (?, ?, ?)"
            " ON CONFLICT (boot) DO UPDATE SET last_s = excluded.last_s,"
            " offset_s = excluded.offset_s",
            [one.boot, one.last_s, one.offset_s],
        )
        db.execute("DELETE FROM boots WHERE number <= (SELECT max(number) FROM boots) - ?", [KEPT])


def read_boots(store: Store) -> list[Boot]:
    """The runs that are remembered, oldest first."""
    rows = store.db.execute("SELECT boot, last_s, offset_s FROM boots ORDER BY number")
    return [Boot(*row) for row in rows]
