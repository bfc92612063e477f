"""Writing checked messages, so that a replay is harmless and a contradiction is kept aside."""

from __future__ import annotations

import hashlib
import logging
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from sqlite_utils import Database

from kiosk.central.decode import Entry
from kiosk.central.schema import MIGRATIONS, NAMES
from kiosk.clock import iso
from kiosk.errors import StateError
from kiosk.state import Store
from kiosk.wire import Branch, EarlierHours, Health, Hours, Plays, Status

log = logging.getLogger(__name__)

TOTALS = {
    "hours": "SELECT count(*) FROM hours",
    "plays": "SELECT count(*) FROM plays",
    "messages": "SELECT count(*) FROM messages",
    "conflicts": "SELECT count(*) FROM conflicts",
}
"""What is counted, and how."""

CONTIGUOUS = """
WITH RECURSIVE run(seq) AS (
    SELECT ?
    UNION ALL
    SELECT m.seq FROM run JOIN messages AS m
    ON m.tenant = ? AND m.site = ? AND m.device = ? AND m.epoch = ? AND m.stream = ?
    AND m.seq = run.seq + 1
)
SELECT max(seq) FROM run
"""
"""From the last known end of an unbroken run to its end now."""


@dataclass(frozen=True)
class StreamKey:
    """One run of sequence numbers: a stream in the life of one state file of one device."""

    branch: Branch
    epoch: str
    stream: str

    @property
    def columns(self) -> tuple[str, str, str, str, str]:
        """In the order of the tables."""
        return (
            self.branch.tenant,
            self.branch.site,
            self.branch.device,
            self.epoch,
            self.stream,
        )


@dataclass(frozen=True)
class Progress:
    """How far a stream is committed.

    Attributes:
        key: the stream.
        contiguous: everything from 1 to here is committed.
        highest: the highest number that is; more than ``contiguous`` means a gap.
    """

    key: StreamKey
    contiguous: int
    highest: int


def open_ledger(path: Path) -> Store:
    """Open or create the database, with its migrations applied.

    Raises:
        StateError: it cannot be opened, or a newer kiosk wrote it.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        store = Store(path)
        with store.transaction() as db:
            newer = sorted({migration.name for migration in MIGRATIONS.applied(db)} - NAMES)
            if newer:
                raise StateError(
                    f"{path}: written by a newer kiosk (it knows {newer[-1]!r})",
                    hint="install that version again",
                )
            MIGRATIONS.apply(db)
    except (OSError, sqlite3.Error) as bad:
        raise StateError(
            f"{path}: cannot be opened: {bad}",
            hint="check central.database; a damaged file must be restored from a backup",
        ) from bad
    return store


def write(store: Store, entries: Sequence[Entry], received: str) -> list[Progress]:
    """Commit the entries together.

    Args:
        store: the open database.
        entries: in the order in which they came.
        received: now, RFC 3339.

    Returns:
        How far each stream is now that one of the entries belongs to.

    Raises:
        StateError: nothing was written.
    """
    with store.transaction() as db:
        touched: dict[StreamKey, int] = {}
        for entry in entries:
            content = entry.content
            if isinstance(content, Status | Health):
                _write_device(db, entry.branch, content, received)
                continue
            key = StreamKey(entry.branch, content.epoch, content.stream)
            touched[key] = max(content.seq, touched.get(key, 0))
            if _is_new(db, key, content.seq, entry.payload, received):
                _write_content(db, entry.branch, content)
        return [_advance(db, key, highest) for key, highest in touched.items()]


def _is_new(db: Database, key: StreamKey, seq: int, payload: bytes, received: str) -> bool:
    digest = hashlib.sha256(payload).digest()
    where = (*key.columns, seq)
    known = db.execute(
        "SELECT sha256 FROM messages WHERE tenant = ? AND site = ? AND device = ?"
        " AND epoch = ? AND stream = ? AND seq = ?",
        where,
    ).fetchone()
    if known is None:
        db.execute(
            "INSERT INTO messages VALUES (?, ?, ?, ?, ?, ?, ?, ?)", (*where, digest, received)
        )
        return True
    if known[0] != digest:
        log.error(
            "event=payload_conflict device=%s stream=%s epoch=%s seq=%d: differs from what was "
            "committed under this number, which stands; kept in the table conflicts",
            key.branch,
            key.stream,
            key.epoch,
            seq,
        )
        db.execute(
            "INSERT INTO conflicts VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
            (*where, digest, payload, received),
        )
    return False


def _write_content(db: Database, branch: Branch, content: Hours | EarlierHours | Plays) -> None:
    names = (branch.tenant, branch.site, branch.device)
    if isinstance(content, Hours | EarlierHours):
        db.table("hours").insert(_hour_row(branch, content))
        return
    rows = [
        (
            *names,
            play.play_id,
            play.creative,
            play.campaign,
            iso(play.start),
            play.duration_s,
            int(play.completed),
            int(play.presented),
            content.epoch,
            content.seq,
        )
        for play in content.plays
    ]
    written = db.conn.executemany(
        "INSERT INTO plays VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING", rows
    )
    if written.rowcount < len(rows):
        log.warning(
            "event=play_repeated device=%s seq=%d plays=%d: told before in another batch; "
            "the first stands",
            branch,
            content.seq,
            len(rows) - written.rowcount,
        )


def _hour_row(branch: Branch, content: Hours | EarlierHours) -> dict[str, object]:
    if isinstance(content, EarlierHours):
        return _earlier_row(branch, content)
    tables, between, noise = content.tables, content.between, content.noise
    lowest = between.not_before if between is not None else None
    return {
        **vars(branch),
        "epoch": content.epoch,
        "seq": content.seq,
        "hour": iso(content.hour) if content.hour is not None else None,
        "not_before": iso(lowest) if lowest is not None else None,
        "not_after": iso(between.not_after) if between is not None else None,
        "policy": content.policy,
        "noise": noise if noise == "off" else noise.model_dump_json(),
        "notice_s": content.notice_s,
        "ots": tables.ots,
        "watchers": tables.watchers,
        "tables": tables.model_dump_json(),
    }


def _earlier_row(branch: Branch, content: EarlierHours) -> dict[str, object]:
    return {
        **vars(branch),
        "epoch": content.epoch,
        "seq": content.seq,
        "hour": iso(content.hour),
        "noise": content.noise,
        "ots": content.tables.ots,
        "watchers": content.tables.watchers,
        "tables": content.tables.model_dump_json(),
    }


def _write_device(db: Database, branch: Branch, content: Status | Health, received: str) -> None:
    row: dict[str, str] = {"seen": received, "version": content.version}
    if isinstance(content, Status):
        row |= {"state": content.state, "since": iso(content.since)}
    else:
        row |= {"health": content.model_dump_json(by_alias=True), "health_at": iso(content.at)}
    db.table("devices").upsert({**vars(branch), **row}, pk=("tenant", "site", "device"))


def _advance(db: Database, key: StreamKey, highest: int) -> Progress:
    before = db.execute(
        "SELECT contiguous, highest FROM streams"
        " WHERE tenant = ? AND site = ? AND device = ? AND epoch = ? AND stream = ?",
        key.columns,
    ).fetchone() or (0, 0)
    contiguous = db.execute(CONTIGUOUS, (before[0], *key.columns)).fetchone()[0]
    highest = max(highest, before[1])
    db.execute(
        "INSERT OR REPLACE INTO streams VALUES (?, ?, ?, ?, ?, ?, ?)",
        (*key.columns, contiguous, highest),
    )
    return Progress(key, contiguous, highest)


def read_totals(path: Path) -> dict[str, int]:
    """How many hours, plays, messages and conflicts the database holds.

    All are 0 while the database is not there or has no tables yet.
    """
    totals = dict.fromkeys(TOTALS, 0)
    try:
        with closing(sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True)) as connection:
            for name, query in TOTALS.items():
                totals[name] = connection.execute(query).fetchone()[0]
    except sqlite3.OperationalError:
        return dict.fromkeys(TOTALS, 0)
    return totals
