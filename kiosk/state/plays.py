"""Plays: written when they start, completed when they end, batched for proof of play."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from kiosk.state.deliveries import Delivery, deliver
from kiosk.state.outbox import append
from kiosk.state.store import Store

KEPT_DECISIONS = 2000
"""Newest plays that keep what was weighed for them, creative by creative: hours of plays, and some
megabytes at the most. The others keep the paragraph."""


DATE = len("2026-03-04")
"""Of a label, the part that is its day."""


@dataclass(frozen=True)
class PlayStart:
    """A creative whose first frame is on screen.

    Attributes:
        started: RFC 3339 in UTC.
        reason: why it was chosen, as a short label that can be counted; stays on the device.
        explanation: the same as a sentence; stays on the device.
        presented: a screen confirmed the first frame.
        contract: what it delivers, if it was sold.
        propensity: probability with which it was chosen; ``None``: it was not drawn.
        control: it was chosen whoever was there.
        decision: what was weighed, JSON; stays on the device.
    """

    play_id: str
    creative: str
    campaign: str
    reason: str
    explanation: str
    started: str
    presented: bool
    contract: str | None = None
    propensity: float | None = None
    control: bool = False
    decision: str | None = None


@dataclass(frozen=True)
class EndedPlay:
    """A play that is over, as proof of play reports it.

    Attributes:
        contract: id of the contract that it delivered; ``None``: house content, or a play of a
            version that knew no contracts.
    """

    play_id: str
    creative: str
    campaign: str
    started: str
    duration_s: float
    completed: bool
    presented: bool
    contract: str | None = None


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
            row = {**vars(play), "presented": int(play.presented), "control": int(play.control)}
            db.table("plays").insert(row, ignore=True)

    def end(
        self,
        play_id: str,
        duration_s: float,
        *,
        completed: bool,
        attention_s: float | None = None,
        delivered: Sequence[Delivery] = (),
    ) -> None:
        """Write a play's end; the first end stands.

        Args:
            play_id: which one.
            duration_s: how long it was on screen.
            completed: to its end.
            attention_s: seconds that all viewers together faced it; ``None``: nobody looked.
            delivered: what it adds to contracts, once: in the transaction that ends it.
        """
        with self._store.transaction() as db:
            ended = db.execute(
                "UPDATE plays SET duration_s = ?, completed = ?, attention_s = ?"
                " WHERE play_id = ? AND duration_s IS NULL",
                [max(0.0, round(duration_s, 3)), int(completed), attention_s, play_id],
            ).rowcount
            if ended:
                deliver(db, delivered)

    def end_interrupted(self) -> int:
        """End, as not completed, the plays that a power cut left open; returns how many."""
        with self._store.transaction() as db:
            return db.execute(
                "UPDATE plays SET duration_s = 0, completed = 0 WHERE duration_s IS NULL"
            ).rowcount

    def batch(
        self, build: Callable[[int, list[EndedPlay]], bytes], at: str, limit: int = 500
    ) -> int | None:
        """Put the ended plays that no batch holds into one outbox message, those of one day of UTC.

        Head office files a batch under its first play: plays of before a long power cut and those
        of after it must not be in the same one.

        Returns:
            The batch's sequence number, or ``None`` when there was nothing to send.
        """
        with self._store.transaction() as db:
            rows = db.execute(
                "SELECT play_id, creative, campaign, started, duration_s, completed, presented,"
                " contract FROM plays WHERE duration_s IS NOT NULL AND seq IS NULL"
                " ORDER BY started, rowid LIMIT ?",
                [limit],
            ).fetchall()
            if not rows:
                return None
            plays = [_ended(row) for row in rows if row[3][:DATE] == rows[0][3][:DATE]]
            seq = append(db, "plays", lambda seq: build(seq, plays), at)
            db.conn.executemany(
                "UPDATE plays SET seq = ? WHERE play_id = ?", [(seq, p.play_id) for p in plays]
            )
            return seq

    def forget_before(self, moment: str) -> int:
        """Delete batched plays that started before ``moment``, with their reasons.

        What was weighed for all but the newest is forgotten too.
        """
        with self._store.transaction() as db:
            db.execute(
                "UPDATE plays SET decision = NULL WHERE rowid IN (SELECT rowid FROM plays"
                " INDEXED BY plays_weighed WHERE decision IS NOT NULL"
                " ORDER BY rowid DESC LIMIT -1 OFFSET ?)",
                [KEPT_DECISIONS],
            )
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


def _ended(row: tuple[str, str, str, str, float, int, int, str | None]) -> EndedPlay:
    play_id, creative, campaign, started, duration_s, completed, presented, contract = row
    return EndedPlay(
        play_id,
        creative,
        campaign,
        started,
        duration_s,
        bool(completed),
        bool(presented),
        contract,
    )
