"""Carrying over a file of the version before, whose tables were of another shape."""

from __future__ import annotations

import json
import logging
from collections import defaultdict
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, delete, insert, inspect, text

from kiosk.central.store.entry import Content, Entry
from kiosk.central.store.ledger import write
from kiosk.central.store.runs import Run
from kiosk.central.store.tables import streams
from kiosk.wire import Branch, EarlierHealth, EarlierHours, EarlierPlays, Hours, Status

log = logging.getLogger(__name__)

MARK = "_sqlite_migrations"
"""The table by which such a file is known."""

TABLES = ("messages", "streams", "conflicts", "hours", "plays", "devices")

ANY_CLAMPS = {"dwell_s": 1, "attention_s": 1, "impressions": 1}
"""The file does not hold them; what stands here passes the check and is not kept."""

BITE = 500

OF_DEVICE = """JOIN sites AS s ON s.tenant = f.tenant AND s.site = f.site
JOIN devices AS d ON d.site_id = s.id AND d.name = f.device"""

MOMENT = "substr(f.received, 1, 19) || '.000000+00:00'"
"""A time of the file as the new tables spell it."""


def set_former_aside(connection: Connection) -> bool:
    """Rename the tables of the version before; returns whether there were any."""
    if connection.dialect.name != "sqlite":
        return False
    look = inspect(connection)
    if not {MARK, "messages"} <= set(look.get_table_names()):
        return False
    for table in TABLES:
        for index in look.get_indexes(table):
            connection.execute(text(f'DROP INDEX "{index["name"]}"'))
        connection.execute(text(f"ALTER TABLE {table} RENAME TO former_{table}"))
    connection.execute(text(f"DROP TABLE {MARK}"))
    return True


def carry_over(connection: Connection) -> None:
    """Fill the new tables from the former ones, and drop those."""
    now = datetime.now(UTC)
    for seen, entry in _device_entries(connection):
        write(connection, [entry], seen)
    count = 0
    for some in _bites(_numbered_entries(connection)):
        count += len(some)
        write(connection, some, now)
    _put_right(connection, now)
    for table in TABLES:
        connection.execute(text(f"DROP TABLE former_{table}"))
    log.info(
        "event=database_carried_over messages=%d: from the tables of the version before", count
    )


def _bites(entries: Iterator[Entry]) -> Iterator[Sequence[Entry]]:
    some: list[Entry] = []
    for entry in entries:
        some.append(entry)
        if len(some) == BITE:
            yield some
            some = []
    yield some


def _rows(connection: Connection, query: str, **values: Any) -> list[Any]:
    return list(connection.execute(text(query), values))


def _device_entries(connection: Connection) -> Iterator[tuple[datetime, Entry]]:
    for row in _rows(connection, "SELECT * FROM former_devices"):
        seen = datetime.fromisoformat(row.seen)
        branch = Branch(row.tenant, row.site, row.device)
        if row.state is not None:
            said = {"state": row.state, "version": row.version, "since": row.since}
            yield seen, Entry(branch, Status.model_validate(said), b"")
        if row.health is not None:
            yield seen, Entry(branch, EarlierHealth.model_validate_json(row.health), b"")


def _numbered_entries(connection: Connection) -> Iterator[Entry]:
    batches: dict[Any, list[Any]] = defaultdict(list)
    for play in _rows(connection, "SELECT * FROM former_plays ORDER BY start, play_id"):
        batches[play.tenant, play.site, play.device, play.epoch, play.seq].append(play)
    for row in _rows(connection, "SELECT * FROM former_hours ORDER BY epoch, seq"):
        yield Entry(Branch(row.tenant, row.site, row.device), _hour(row), b"")
    for (tenant, site, device, epoch, seq), plays in batches.items():
        yield Entry(Branch(tenant, site, device), _batch(epoch, seq, plays), b"")


def _hour(row: Any) -> Content:
    said = {"epoch": row.epoch, "seq": row.seq, "hour": row.hour, "tables": json.loads(row.tables)}
    if row.policy is None:
        return EarlierHours.model_validate(said | {"noise": row.noise})
    if row.hour is None:
        said["between"] = {"not_before": row.not_before, "not_after": row.not_after}
    noise = row.noise if row.noise == "off" else json.loads(row.noise)
    said |= {"noise": noise, "policy": row.policy, "notice_s": row.notice_s, "clamps": ANY_CLAMPS}
    return Hours.model_validate(said)


def _batch(epoch: str, seq: int, plays: Sequence[Any]) -> EarlierPlays:
    columns = ("play_id", "creative", "campaign", "start", "duration_s")
    proofs = [
        {name: getattr(play, name) for name in columns}
        | {"completed": bool(play.completed), "presented": bool(play.presented)}
        for play in plays
    ]
    return EarlierPlays.model_validate({"epoch": epoch, "seq": seq, "plays": proofs})


def _put_right(connection: Connection, now: datetime) -> None:
    """What is known of the messages themselves: digests, times, and which numbers came at all."""
    for table, stream in (("hours", "hours"), ("play_batches", "plays")):
        connection.execute(
            text(
                f"UPDATE {table} SET (digest, received) = (SELECT f.sha256, {MOMENT}"  # noqa: S608
                f" FROM former_messages AS f {OF_DEVICE} WHERE d.id = {table}.device_id"
                f" AND f.epoch = {table}.epoch AND f.seq = {table}.seq AND f.stream = :stream)"
            ),
            {"stream": stream},
        )
    connection.execute(text("UPDATE hours SET clamps = NULL"))
    connection.execute(
        text(
            "INSERT INTO conflicts SELECT d.id, f.epoch, f.stream, f.seq, f.sha256, f.payload,"  # noqa: S608
            f" {MOMENT} FROM former_conflicts AS f {OF_DEVICE}"
        )
    )
    runs: dict[Any, Run] = defaultdict(Run)
    query = f"SELECT d.id, f.epoch, f.stream, f.seq FROM former_messages AS f {OF_DEVICE}"  # noqa: S608
    for device_id, epoch, stream, seq in _rows(connection, f"{query} ORDER BY f.seq"):
        runs[device_id, epoch, stream].add(seq)
    connection.execute(delete(streams))
    if runs:
        columns = ("device_id", "epoch", "stream")
        rows = [
            dict(zip(columns, key, strict=True))
            | {"contiguous": run.contiguous, "beyond": run.beyond, "given_up": 0}
            | {"gap_since": now if run.is_broken else None}
            for key, run in runs.items()
        ]
        connection.execute(insert(streams), rows)


__all__ = ["carry_over", "set_former_aside"]
