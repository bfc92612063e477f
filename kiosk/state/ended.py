"""Plays that are over, from outside, beside what was published of their hours."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from kiosk.errors import StateError
from kiosk.state.looking import look_into
from kiosk.state.plays import EndedPlay
from kiosk.state.reading import PublishedHour
from kiosk.state.schema import is_older

Place = tuple[str, int]
"""Where a page ended: its last start, and the row's number."""

FIRST: Place = ("", 0)


@dataclass(frozen=True)
class EndedPage:
    """Some plays, in the order in which they began.

    Attributes:
        plays: that are over.
        hours: by label, of each hour in which one of them began and that was published; none where
            only the ledger's line is left of it.
        next: where to go on; none: this was the last page.
    """

    plays: tuple[EndedPlay, ...]
    hours: Mapping[str, PublishedHour | None]
    next: Place | None


def read_ended(
    path: Path, since: str, before: str, after: Place = FIRST, limit: int = 2000
) -> EndedPage:
    """Look at plays that began from ``since`` on and before ``before``.

    Args:
        path: the state file.
        since: RFC 3339 in UTC with seconds, as plays are labelled.
        before: the same.
        after: ``next`` of the page before.
        limit: plays of a page.

    Raises:
        StateError: there is no file, it cannot be read, or an older or newer kiosk wrote it.
    """

    def ask(db: sqlite3.Connection) -> EndedPage:
        if is_older(db):
            raise StateError(
                f"{path}: written by an older kiosk",
                hint="start the director once; it brings the file up to date",
            )
        return _page(db, since, before, after, limit)

    return look_into(path, ask)


def _page(db: sqlite3.Connection, since: str, before: str, after: Place, limit: int) -> EndedPage:
    rows = db.execute(
        "SELECT started, rowid, play_id, creative, campaign, duration_s, completed, presented,"
        " contract FROM plays WHERE duration_s IS NOT NULL AND started >= ? AND started < ?"
        " AND (started, rowid) > (?, ?) ORDER BY started, rowid LIMIT ?",
        [since, before, *after, limit + 1],
    ).fetchall()
    more, rows = len(rows) > limit, rows[:limit]
    plays = tuple(
        EndedPlay(name, creative, campaign, started, s, bool(completed), bool(presented), contract)
        for started, _, name, creative, campaign, s, completed, presented, contract in rows
    )
    last = (rows[-1][0], rows[-1][1]) if more else None
    return EndedPage(plays, _hours(db, plays), last)


def _hours(db: sqlite3.Connection, plays: tuple[EndedPlay, ...]) -> dict[str, PublishedHour | None]:
    labels = sorted({f"{play.started[:13]}:00:00Z" for play in plays})
    marks = ", ".join("?" * len(labels))
    rows = db.execute(
        f"SELECT hour, noise, scales, tables FROM published_hours WHERE hour IN ({marks})",  # noqa: S608
        labels,
    )
    return {row[0]: None if row[3] is None else PublishedHour(*row) for row in rows}
