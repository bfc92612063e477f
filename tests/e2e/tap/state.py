"""Channel: the state file. Every commit that ever was is put together again and looked into.

What is in the file at the end would not tell of a row that came and went. So the writes of all
processes are replayed in their order, as SQLite's log has them, and after each commit every table
is read: columns, kinds of values, and the documents inside of them.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from tests.e2e.tap import fields, kept_fields, mqtt, scan, shapes
from tests.e2e.tap.ledger import Written

LOG_HEADER, FRAME_HEADER = 32, 24
JOURNAL_VERSIONS = slice(18, 20)
"""Of the file's header: they say that a log belongs to it, which a copy in memory has not."""


BINARY = {("outbox", "payload"), ("learner", "model")}
"""Columns that hold bytes; each has a check of its own."""


class Replay:
    """The state file as it grew."""

    def __init__(self, branch: str) -> None:
        self._branch = branch
        self._pages: dict[int, bytes] = {}
        self._log = bytearray()
        self._open: dict[int, bytes] = {}
        self._page_size = 0
        self._size = 0
        self._known: set[tuple[str, Any]] = set()
        self.commits = 0
        self.offences: list[str] = []
        self.tables: dict[str, list[tuple[Any, ...]]] = {}

    def take(self, writes: Iterable[Written]) -> None:
        """Writes of all processes, in their order."""
        for write in writes:
            if write.key == "":
                self._into_file(write)
            elif write.key == "-wal":
                self._into_log(write)

    def _into_file(self, write: Written) -> None:
        if write.offset == 0:
            self._page_size = int.from_bytes(write.data[16:18]) or self._page_size
        size = self._page_size or len(write.data)
        page, within = divmod(write.offset, size)
        whole = bytearray(self._pages.get(page + 1, bytes(size)))
        whole[within : within + len(write.data)] = write.data
        self._pages[page + 1] = bytes(whole)

    def _into_log(self, write: Written) -> None:
        if write.offset == 0:
            # The log begins anew; what it held is in the file by now.
            self._log, self._open = bytearray(), {}
            self._page_size = int.from_bytes(write.data[8:12])
        self._log.extend(bytes(max(0, write.offset - len(self._log))))
        self._log[write.offset : write.offset + len(write.data)] = write.data
        frame = FRAME_HEADER + self._page_size
        end = write.offset + len(write.data)
        if end > LOG_HEADER and (end - LOG_HEADER) % frame == 0:
            self._frame(self._log[end - frame : end])

    def _frame(self, frame: bytearray) -> None:
        page, size = int.from_bytes(frame[:4]), int.from_bytes(frame[4:8])
        self._open[page] = bytes(frame[FRAME_HEADER:])
        if size:
            self._pages.update(self._open)
            self._open, self._size = {}, size
            self._commit()

    def _commit(self) -> None:
        self.commits += 1
        image = bytearray().join(
            self._pages.get(page, bytes(self._page_size)) for page in range(1, self._size + 1)
        )
        image[JOURNAL_VERSIONS] = b"\1\1"
        database = sqlite3.connect(":memory:")
        try:
            database.deserialize(bytes(image))
            self.tables = read(database)
            self.offences += check_columns(database)
        except sqlite3.Error as bad:
            self.offences.append(f"state: commit {self.commits} cannot be read: {bad}")
        finally:
            database.close()
        for table, rows in self.tables.items():
            fresh = [row for row in rows if (table, row) not in self._known]
            self._known.update((table, row) for row in fresh)
            self.offences += check_rows(table, fresh, self._branch)


def read(database: sqlite3.Connection) -> dict[str, list[tuple[Any, ...]]]:
    """Every row of every table."""
    return {
        name: database.execute(f'SELECT * FROM "{name}"').fetchall()
        for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
    }


def check_columns(database: sqlite3.Connection) -> list[str]:
    """Tables and columns against the frozen list, and nothing beside tables and indices."""
    offences = []
    for kind, name in database.execute("SELECT type, name FROM sqlite_master"):
        if kind == "table":
            described = database.execute(f'PRAGMA table_xinfo("{name}")').fetchall()
            columns = {column[1]: column[2] for column in described}
            known = {column: told[0] for column, told in kept_fields.STATE.get(name, {}).items()}
            if columns.items() - known.items():
                offences.append(f"state: table {name} has {columns}")
        elif kind != "index":
            offences.append(f"state: a {kind} named {name}")
    return offences


def check_rows(table: str, rows: Iterable[tuple[Any, ...]], branch: str) -> list[str]:
    """Values by their kind, and what is inside of those that are documents."""
    offences = []
    columns = kept_fields.STATE.get(table, {})
    for row in rows:
        for (column, (_, kind)), value in zip(columns.items(), row, strict=False):
            if isinstance(value, bytes) and (table, column) not in BINARY:
                offences.append(f"state: {table}.{column}: {len(value)} bytes")
            elif kind is not None and not kind.holds(value):
                offences.append(f"state: {table}.{column}: not {kind.says}: {value!r:.80}")
            if (table, column) != ("learner", "model"):
                # Its kind says all that can be said of weights: they are numbers, as features are.
                offences += _suspicious(f"{table}.{column}", value)
        if table == "outbox":
            offences += mqtt.check_message(f"{branch}/up/{row[0]}", row[2], branch)
        elif table == "plays":
            told = dict(zip(columns, row, strict=False)).get("decision")
            offences += _document("decision", told, kept_fields.DECISION)
        elif table == "health":
            offences += _document(f"health of {row[0]}", row[1], kept_fields.HEALTH.get(row[0], {}))
        elif table == "published_hours":
            offences += _document("published scales", row[5], kept_fields.SCALES)
            offences += _document("published tables", row[6], fields.TABLES)
    return offences


def _document(where: str, data: str | None, known: shapes.Fields) -> list[str]:
    if data is None:
        return []
    found = shapes.offences(json.loads(data), known, fields.KEYS)
    return [f"state: {where}: {one}" for one in found]


def _suspicious(where: str, value: Any) -> list[str]:
    raw = value.encode() if isinstance(value, str) else value
    return (
        [f"state: {where}: {one}" for one in scan.find_all(raw)] if isinstance(raw, bytes) else []
    )


def same_as(path: Path, tables: dict[str, list[tuple[Any, ...]]]) -> bool:
    """Whether the replay came to what is on the disk: then the tap has missed no write."""
    database = sqlite3.connect(path)
    try:
        return read(database) == tables
    finally:
        database.close()
