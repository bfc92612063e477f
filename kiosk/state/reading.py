"""Looking into the state file from outside, while its owners write to it."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

from kiosk.errors import StateError
from kiosk.machine import process_start
from kiosk.state.health import read_health_in
from kiosk.state.hours import OpenHour, open_hours_in
from kiosk.state.looking import look_into
from kiosk.state.schema import is_older

T = TypeVar("T")


@dataclass(frozen=True)
class LedgerRow:
    """One release: counts that were published, once.

    Attributes:
        key: label of the hour, or what is known of its time instead.
        seq: its number in the stream of hours.
        noise: what was done to the counts.
        epsilon: what a pass spent on it; ``None`` without noise.
        at: when it was published, RFC 3339.
    """

    key: str
    seq: int | None
    noise: str
    epsilon: float | None
    at: str


@dataclass(frozen=True)
class PublishedHour:
    """What was published of an hour.

    Attributes:
        hour: its label.
        noise: what was done to the counts.
        scales: of the noise, by table, JSON.
        tables: as published, JSON.
    """

    hour: str
    noise: str
    scales: str
    tables: str


@dataclass(frozen=True)
class Glimpse:
    """What the state file says of the way to head office.

    Attributes:
        connected: the uplink's last word about its connection to the broker; ``None`` when it
            never said any, or has ended since.
        broker: which one, as ``host:port``; ``None`` when that is not known.
        waiting: messages that the broker does not have.
        at_broker: messages that the broker has and central has not committed.
        oldest: when the oldest of all of them was made, RFC 3339; ``None`` when there are none.
    """

    connected: bool | None
    broker: str | None
    waiting: int
    at_broker: int
    oldest: str | None


def read_glimpse(path: Path) -> Glimpse:
    """Look at the outbox and at what the uplink says.

    Raises:
        StateError: there is no file, it cannot be read, or a newer kiosk wrote it.
    """

    def ask(db: sqlite3.Connection) -> Glimpse:
        said = read_health_in(db, "uplink")
        total, at_broker, oldest = db.execute(
            "SELECT count(*), coalesce(sum(at_broker), 0), min(created) FROM outbox"
        ).fetchone()
        connected = _still_holds(said[0]) if said else None
        broker = said[0].get("broker") if said else None
        return Glimpse(connected, broker, total - at_broker, at_broker, oldest)

    return look_into(path, ask)


def _still_holds(said: dict[str, Any]) -> bool | None:
    """Whether it said that it is connected; a power cut, or another process, may lie behind it."""
    began = process_start(said.get("pid"))
    if began is None or said.get("began") != began:
        return None
    return said.get("connected") is True


def read_ledger(path: Path) -> list[LedgerRow]:
    """Every release of this device, oldest first; none when there is no state file yet.

    Raises:
        StateError: the file cannot be read, or a newer kiosk wrote it.
    """

    def ask(db: sqlite3.Connection) -> list[LedgerRow]:
        rows = db.execute("SELECT hour, seq, noise, epsilon, at FROM published_hours ORDER BY seq")
        return [LedgerRow(*row) for row in rows]

    return _look(path, ask, [])


def read_hours(path: Path, since: str) -> tuple[list[PublishedHour], list[OpenHour]]:
    """Published hours from a label on, and every open hour; raises as :func:`read_ledger` does."""
    nothing: tuple[list[PublishedHour], list[OpenHour]] = ([], [])
    return _look(path, lambda db: (published_tables(db, since), open_hours_in(db)), nothing)


def published_tables(db: sqlite3.Connection, since: str) -> list[PublishedHour]:
    """What was published of each hour from a label on."""
    rows = db.execute(
        "SELECT hour, noise, scales, tables FROM published_hours"
        " WHERE hour >= ? AND tables IS NOT NULL ORDER BY hour",
        [since],
    )
    return [PublishedHour(*row) for row in rows]


@dataclass(frozen=True)
class ChosenPlay:
    """A play with why it was chosen, as far as that is still kept.

    Attributes:
        started: RFC 3339 in UTC.
        duration_s: ``None`` while it is on screen.
        attention_s: whole seconds that all viewers together faced it; ``None``: nobody knows.
        propensity: ``None``: it was not drawn.
        decision: what was weighed, JSON; ``None``: no longer kept.
    """

    play_id: str
    creative: str
    campaign: str
    contract: str | None
    started: str
    duration_s: float | None
    presented: bool
    attention_s: float | None
    reason: str
    explanation: str
    propensity: float | None
    control: bool
    decision: str | None


def read_chosen(path: Path, limit: int, prefix: str = "") -> list[ChosenPlay]:
    """The newest plays, newest first; raises as :func:`read_ledger` does.

    Args:
        path: the state file.
        limit: so many at most.
        prefix: of the play's id.
    """

    def ask(db: sqlite3.Connection) -> list[ChosenPlay]:
        rows = db.execute(
            "SELECT play_id, creative, campaign, contract, started, duration_s, presented = 1,"
            " attention_s, reason, coalesce(explanation, ''), propensity, control = 1, decision"
            " FROM plays WHERE substr(play_id, 1, length(?)) = ? ORDER BY rowid DESC LIMIT ?",
            [prefix, prefix, limit],
        )
        found = [ChosenPlay(*row) for row in rows]
        return [
            replace(one, presented=bool(one.presented), control=bool(one.control)) for one in found
        ]

    return _look(path, ask, [])


def _look(path: Path, query: Callable[[sqlite3.Connection], T], nothing: T) -> T:
    if not path.exists():
        return nothing

    def ask(db: sqlite3.Connection) -> T:
        if is_older(db):
            raise StateError(
                f"{path}: written by an older kiosk",
                hint="start the director once; it brings the file up to date",
            )
        return query(db)

    return look_into(path, ask)
