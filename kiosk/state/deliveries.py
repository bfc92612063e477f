"""What contracts were given: sums per contract and period, and nothing of who saw it."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass

from kiosk.state.store import Store
from kiosk.state.tables import Database

DAY = 10
"""Characters of a period that name its day."""

KEPT_OTHERS = 200
"""Contracts of other campaigns whose sums are kept for a while: a campaign may come back."""


@dataclass(frozen=True)
class Delivery:
    """Sums of one contract in one period, or what a play adds to them.

    Attributes:
        period: an hour of the store's clock, ``2026-03-04T13+0100``; or the first day of all that
            lies before, ``2026-03-04``, and of all impressions.
        plays: completed, and presented by a screen.
        shown_s: seconds of its plays on a screen.
        live_s: seconds of any play on a screen while the contract was live.
        impressions: viewers present during its plays.
    """

    contract: str
    period: str
    plays: int = 0
    shown_s: float = 0.0
    live_s: float = 0.0
    impressions: int = 0


def deliver(db: Database, added: Iterable[Delivery]) -> None:
    """Add to the sums, within a transaction of whoever calls."""
    db.conn.executemany(
        "INSERT INTO deliveries (contract, period, plays, shown_s, live_s, impressions)"
        " VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (contract, period) DO UPDATE SET"
        " plays = plays + excluded.plays, shown_s = shown_s + excluded.shown_s,"
        " live_s = live_s + excluded.live_s, impressions = impressions + excluded.impressions",
        [
            (one.contract, one.period, one.plays, one.shown_s, one.live_s, one.impressions)
            for one in added
        ],
    )


def read_deliveries(store: Store) -> list[Delivery]:
    """Every sum that is kept."""
    rows = store.db.execute(
        "SELECT contract, period, plays, shown_s, live_s, impressions FROM deliveries"
        " ORDER BY contract, period"
    )
    return [Delivery(*row) for row in rows]


def put_deliveries(store: Store, sums: Iterable[Delivery]) -> None:
    """Write sums as they are, in place of what stands there: it is another file, or of before."""
    sums = list(sums)
    with store.transaction() as db:
        db.conn.executemany(
            "DELETE FROM deliveries WHERE contract = ?", [(one.contract,) for one in sums]
        )
        db.conn.executemany(
            "INSERT INTO deliveries"
            " (contract, period, plays, shown_s, live_s, impressions) VALUES (?, ?, ?, ?, ?, ?)",
            [
                (one.contract, one.period, one.plays, one.shown_s, one.live_s, one.impressions)
                for one in sums
            ],
        )


def prune_deliveries(
    store: Store, days: Collection[str], running: Collection[str], before: str
) -> None:
    """Keep the table small: hours that are over for good become one sum.

    Args:
        store: the state file.
        days: whose hours are still told apart, as ``2026-03-04``.
        running: ids of contracts that keep their sums.
        before: a day; other contracts that were given nothing since are forgotten.
    """
    with store.transaction() as db:
        found = db.execute("SELECT contract, max(period) AS newest FROM deliveries"
                           " GROUP BY contract ORDER BY newest DESC").fetchall()  # fmt: skip
        others = [(name, newest) for name, newest in found if name not in running]
        gone = [
            (name,)
            for number, (name, newest) in enumerate(others)
            if number >= KEPT_OTHERS or newest[:DAY] < before
        ]
        db.conn.executemany("DELETE FROM deliveries WHERE contract = ?", gone)
        _fold(db, days)


def _fold(db: Database, days: Collection[str]) -> None:
    over = [
        row
        for row in db.execute(
            "SELECT contract, period, plays, shown_s, live_s, impressions FROM deliveries"
            " ORDER BY contract, period"
        ).fetchall()
        if row[1][:DAY] not in days or len(row[1]) == DAY
    ]
    firsts: dict[str, str] = {}
    for contract, period, *_ in over:
        firsts.setdefault(contract, period[:DAY])
    moved = [row for row in over if row[1] != firsts[row[0]]]
    db.conn.executemany(
        "DELETE FROM deliveries WHERE contract = ? AND period = ?",
        [(contract, period) for contract, period, *_ in moved],
    )
    deliver(db, [Delivery(row[0], firsts[row[0]], *row[2:]) for row in moved])
    _join_impressions(db)


def _join_impressions(db: Database) -> None:
    """Exact counts of people are not to outlive their hour: what has any by the hour loses it."""
    by_hour = db.execute(
        "SELECT contract, period, impressions,"
        " (SELECT substr(min(period), 1, ?) FROM deliveries AS all_ WHERE"
        "  all_.contract = deliveries.contract)"
        " FROM deliveries WHERE impressions <> 0 AND length(period) > ?",
        [DAY, DAY],
    ).fetchall()
    db.conn.executemany(
        "UPDATE deliveries SET impressions = 0 WHERE contract = ? AND period = ?",
        [row[:2] for row in by_hour],
    )
    deliver(db, [Delivery(name, first, impressions=count) for name, _, count, first in by_hour])
