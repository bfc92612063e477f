"""Asking the state file from outside: no lock is held, and no file is made or changed.

Whoever asks may be root, while the file's owners are not: a log that root had made would lock them
out. SQLite on its own makes the log and its index even for a connection that only reads.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import TypeVar

from kiosk.errors import StateError
from kiosk.state.schema import refuse_newer

T = TypeVar("T")

PATIENCE_S = 0.5
"""Readers wait for nobody but a process that holds the whole file for itself."""


def look_into(path: Path, query: Callable[[sqlite3.Connection], T]) -> T:
    """Ask the file something.

    Args:
        path: the file.
        query: only reads; may be called twice.

    Raises:
        StateError: there is no such file, it cannot be read, or a newer kiosk wrote it.
    """
    try:
        try:
            return _ask(path, query)
        except sqlite3.Error:
            # It may have been opened or closed by its owners between our look and theirs.
            return _ask(path, query)
    except (sqlite3.Error, OSError) as bad:
        raise _told(path, bad) from bad


def _ask(path: Path, query: Callable[[sqlite3.Connection], T]) -> T:
    # SQLite keeps the log beside the file that a link leads to.
    path = Path(os.path.realpath(path))
    path.stat()
    # Opened by somebody, or left by a power cut: then the log counts. Else the file is all there
    # is, and to call it immutable keeps SQLite from making a log.
    in_use = path.with_name(path.name + "-shm").exists()
    how = "mode=ro&readonly_shm=1" if in_use else "mode=ro&immutable=1"
    uri = f"{path.as_uri()}?{how}"
    with closing(sqlite3.connect(uri, uri=True, timeout=PATIENCE_S)) as db:
        refuse_newer(path, db)
        return query(db)


def _told(path: Path, bad: sqlite3.Error | OSError) -> StateError:
    if isinstance(bad, FileNotFoundError):
        return StateError(f"{path}: there is no state file", hint="the director makes it")
    code = getattr(bad, "sqlite_errorcode", 0) & 0xFF
    if code in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB):
        return StateError(
            f"{path}: cannot be read: it is damaged",
            hint="the director will set it aside at its start and begin anew",
        )
    if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
        return StateError(
            f"{path}: another program holds it for itself", hint="close what has opened it"
        )
    why = getattr(bad, "strerror", None) or bad
    return StateError(f"{path}: cannot be read: {why}", hint="check state.path and who may read it")
