"""Plays and messages that are easy to write and to read."""

from __future__ import annotations

from kiosk.state import PlayBook, PlayStart, Store
from kiosk.state.outbox import append

AT = "2026-03-04T12:00:00Z"


def start(name: str, started: str = AT, reason: str = "rotation: no match") -> PlayStart:
    return PlayStart(name, "tea", "spring", reason, "why", started, True)


def play(store: Store, *names: str, started: str = AT) -> None:
    book = PlayBook(store)
    for name in names:
        book.start(start(name, started))
        book.end(name, 8.0, completed=True)


def names(seq: int, plays) -> bytes:
    return ",".join(one.play_id for one in plays).encode()


def rows(store: Store) -> list[tuple[str, int, bytes]]:
    return store.db.execute(
        "SELECT stream, seq, payload FROM outbox ORDER BY stream, seq"
    ).fetchall()


def put(store: Store, stream: str, count: int) -> None:
    for _ in range(count):
        with store.transaction() as db:
            append(db, stream, lambda seq: b"%d" % seq, AT)
