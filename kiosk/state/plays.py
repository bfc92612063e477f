"""Plays: written when they start, completed when they end, batched for proof of play."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from kiosk.state.outbox import append
from kiosk.state.store import Store


@dataclass(frozen=True)
class PlayStart:
    """A creative whose first frame is on screen.

    Attributes:
        started: RFC 3339 in UTC.
        reason: why it was chosen, as a short label that can be counted; stays on the device.
        explanation: the same as a sentence; stays on the device.
        presented: a screen confirmed the first frame.
    """

    play_id: str
    creative: str
    campaign: str
    reason: str
    explanation: str
    started: str
    presented: bool


@dataclass(frozen=True)
class EndedPlay:
    """A play that is over, as proof of play reports it."""

    play_id: str
    creative: str
    campaign: str
    started: str
    duration_s: float
    completed: bool
    presented: bool


@dataclass(frozen=True)
class RecentPlay:
    """A line of the operator's list."""

    started: str
    creative: str
    reason: str


class PlayBook:
    """Every play of this device."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def start(self, play: PlayStart) -> None:
        """Write a play at its first frame; the first start stands."""
        with self._store.transaction() as db:
            db.table("plays").insert({**vars(play), "presented": int(play.presented)}, ignore=True)

    def end(self, play_id: str, duration_s: float, *, completed: bool) -> None:
        """Write a play's end; the first end stands."""
        with self._store.transaction() as db:
            db.execute(
                "UPDATE plays SET duration_s = ?, completed = ?"
                " WHERE play_id = ? AND duration_s IS NULL",
                [max(0.0, round(duration_s, 3)), int(completed), play_id],
            )

    def end_interrupted(self) -> int:
        """End, as not completed, the plays that a power cut left open; returns how many."""
        with self._store.transaction() as db:
            return db.execute(
                "UPDATE plays SET duration_s = 0, completed = 0 WHERE duration_s IS NULL"
            ).rowcount

    def batch(
        self, build: Callable[[int, list[EndedPlay]], bytes], at: str, limit: int = 500
    ) -> int | None:
        """Put the ended plays that no batch holds into one outbox message.

        Returns:
            The batch's sequence number, or ``None`` when there was nothing to send.
        """
        with self._store.transaction() as db:
            rows = db.execute(
                "SELECT play_id, creative, campaign, started, duration_s, completed, presented"
                " FROM plays WHERE duration_s IS NOT NULL AND seq IS NULL"
                " ORDER BY started, rowid LIMIT ?",
                [limit],
            ).fetchall()
            plays = [_ended(row) for row in rows]
            if not plays:
                return None
            seq = append(db, "plays", lambda seq: build(seq, plays), at)
            db.conn.executemany(
                "UPDATE plays SET seq = ? WHERE play_id = ?", [(seq, p.play_id) for p in plays]
            )
            return seq

    def forget_before(self, moment: str) -> int:
        """Delete batched plays that started before ``moment``, with their reasons."""
        with self._store.transaction() as db:
            return db.execute(
                "DELETE FROM plays WHERE started < ? AND seq IS NOT NULL", [moment]
            ).rowcount

    def by_reason(self, since: str) -> dict[str, int]:
        """How many plays started since a moment, by reason."""
        return dict(
            self._store.db.execute(
                "SELECT reason, count(*) FROM plays WHERE started >= ? GROUP BY reason"
                " ORDER BY count(*) DESC, reason",
                [since],
            ).fetchall()
        )

    def recent(self, limit: int) -> list[RecentPlay]:
        """The newest plays, newest first."""
        rows = self._store.db.execute(
            "SELECT started, creative, reason FROM plays ORDER BY rowid DESC LIMIT ?",
            [limit],
        )
        return [RecentPlay(*row) for row in rows]


def _ended(row: tuple[str, str, str, str, float, int, int]) -> EndedPlay:
    play_id, creative, campaign, started, duration_s, completed, presented = row
    return EndedPlay(
        play_id, creative, campaign, started, duration_s, bool(completed), bool(presented)
    )
