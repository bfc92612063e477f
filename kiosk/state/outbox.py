"""The outbox: messages that wait until head office has committed them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from kiosk.state.store import Store
from kiosk.state.tables import Database

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


@dataclass(frozen=True)
class Span:
    """Which numbers of a stream are still here.

    Attributes:
        lowest: the lowest number that the outbox holds, or ``next`` when it holds none: every
            number below it was acknowledged.
        next: what the next message will get.
    """

    lowest: int = 1
    next: int = 1


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

    def forget_broker(self, most: int | None = None) -> None:
        """Send again what central has not committed, oldest first.

        Args:
            most: of each stream; ``None``: all of it.
        """
        with self._store.transaction() as db:
            for stream in STREAMS:
                db.execute(
                    "UPDATE outbox SET at_broker = 0 WHERE stream = ? AND seq IN (SELECT seq"
                    " FROM outbox WHERE stream = ? AND at_broker = 1 ORDER BY seq LIMIT ?)",
                    [stream, stream, -1 if most is None else most],
                )

    def spans(self) -> dict[str, Span]:
        """Which numbers of each stream are still here, all as of one moment."""
        # One statement is one transaction, so no message can slip in or out between two of them.
        rows = self._store.db.execute(
            "SELECT stream, last_seq + 1,"
            " (SELECT min(seq) FROM outbox WHERE outbox.stream = streams.stream) FROM streams"
        ).fetchall()
        found = {
            stream: Span(following if low is None else low, following)
            for stream, following, low in rows
        }
        return {stream: found.get(stream, Span()) for stream in STREAMS}

    def used_bytes(self) -> int:
        """How much of the state file is in use; what was deleted makes room within it."""
        pages, free, size = (
            int(self._store.db.execute(f"PRAGMA {name}").fetchone()[0])
            for name in ("page_count", "freelist_count", "page_size")
        )
        return (pages - free) * size

    def backlog(self) -> Backlog:
        """Counts of what waits and of what is at the broker."""
        row = self._store.db.execute(
            "SELECT count(*) - coalesce(sum(at_broker), 0), coalesce(sum(at_broker), 0) FROM outbox"
        ).fetchone()
        return Backlog(int(row[0]), int(row[1]))
