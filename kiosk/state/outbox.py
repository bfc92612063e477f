"""The outbox: messages that wait until head office has committed them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from sqlite_utils import Database

from kiosk.state.store import Store

STREAMS = ("hours", "plays")


@dataclass(frozen=True)
class Message:
    """One payload to be delivered at least once; (stream, seq) makes replays harmless."""

    stream: str
    seq: int
    payload: bytes


@dataclass(frozen=True)
class Backlog:
    """How much of the outbox is where.

    Attributes:
        waiting: messages that the broker does not have.
        at_broker: messages that the broker has and central has not committed.
    """

    waiting: int
    at_broker: int


def append(db: Database, stream: str, build: Callable[[int], bytes], created: str) -> int:
    """Give the stream's next sequence number to ``build`` and keep what it makes.

    Must run inside :meth:`Store.transaction`, together with whatever the payload is made from.

    Returns:
        The sequence number.
    """
    row = db.execute(
        "INSERT INTO streams (stream, last_seq) VALUES (?, 1)"
        " ON CONFLICT (stream) DO UPDATE SET last_seq = last_seq + 1 RETURNING last_seq",
        [stream],
    ).fetchone()
    seq = int(row[0])
    db.table("outbox").insert(
        {
            "stream": stream,
            "seq": seq,
            "payload": build(seq),
            "at_broker": 0,
            "created": created,
        }
    )
    return seq


class Outbox:
    """The reading side, used by the uplink."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def waiting(self, limit: int) -> list[Message]:
        """The oldest messages that the broker does not have, in order of each stream."""
        rows = self._store.db.execute(
            "SELECT stream, seq, payload FROM outbox WHERE at_broker = 0"
            " ORDER BY seq, stream LIMIT ?",
            [limit],
        )
        return [Message(*row) for row in rows]

    def mark_at_broker(self, messages: list[Message]) -> None:
        """The broker has answered for these; they stay until central has committed them."""
        with self._store.transaction() as db:
            db.conn.executemany(
                "UPDATE outbox SET at_broker = 1 WHERE stream = ? AND seq = ?",
                [(message.stream, message.seq) for message in messages],
            )

    def acknowledge(self, stream: str, epoch: str, seq: int) -> int:
        """Central has committed the stream up to ``seq``: forget that much.

        An acknowledgement of another epoch, or beyond what was ever sent, is ignored: obeying it
        would lose messages.

        Returns:
            How many messages were deleted.
        """
        with self._store.transaction() as db:
            row = db.execute("SELECT last_seq FROM streams WHERE stream = ?", [stream]).fetchone()
            if row is None or seq > row[0] or epoch != self._store.epoch:
                return 0
            return db.execute(
                "DELETE FROM outbox WHERE stream = ? AND seq <= ?", [stream, seq]
            ).rowcount

    def forget_broker(self) -> None:
        """Send again whatever central has not committed, oldest first."""
        with self._store.transaction() as db:
            db.execute("UPDATE outbox SET at_broker = 0 WHERE at_broker = 1")

    def backlog(self) -> Backlog:
        """Counts of what waits and of what is at the broker."""
        row = self._store.db.execute(
            "SELECT count(*) - coalesce(sum(at_broker), 0), coalesce(sum(at_broker), 0) FROM outbox"
        ).fetchone()
        return Backlog(int(row[0]), int(row[1]))
