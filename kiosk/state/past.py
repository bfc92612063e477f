"""What was played lately, for a director that has just started."""

from __future__ import annotations

from dataclasses import dataclass

from kiosk.state.store import Store

MOST_ROWS = 8192
"""Newest plays that are told of; more than an hour of the shortest has."""


@dataclass(frozen=True)
class PastPlay:
    """A play that began.

    Attributes:
        started: RFC 3339 in UTC, by the clock of then.
    """

    creative: str
    contract: str | None
    started: str


def past_plays(store: Store, limit: int = MOST_ROWS) -> list[PastPlay]:
    """The newest plays, and the newest of each creative and contract, oldest first."""
    rows = store.db.execute(
        "SELECT creative, contract, started FROM plays WHERE rowid IN"
        " (SELECT rowid FROM plays ORDER BY rowid DESC LIMIT ?)"
        " OR rowid IN (SELECT max(rowid) FROM plays GROUP BY creative, contract"
        " ORDER BY max(rowid) DESC LIMIT ?) ORDER BY rowid",
        [limit, limit],
    )
    return [PastPlay(*row) for row in rows]
