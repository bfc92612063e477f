"""Opening the state file: durability, migrations, and what to do with a damaged one."""

from __future__ import annotations

import fcntl
import logging
import os
import re
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from kiosk.clock import Clock
from kiosk.errors import StateError, StateUnavailableError
from kiosk.state.schema import migrate, refuse_newer
from kiosk.state.tables import Database

log = logging.getLogger(__name__)

BUSY_TIMEOUT_S = 10.0

LEAST_FREE_BYTES = 16 * 2**20
"""With less room than this, something on the disk is about to fail."""

MOST_SET_ASIDE = 2
"""Damaged files that are kept: on a disk that fails there would be more at each start."""


class Store:
    """An open state file; one per process, used from one thread."""

    def __init__(self, path: Path, set_aside: Path | None = None) -> None:
        """Open ``path``, which :func:`open_store` has found sound or absent.

        Args:
            path: the file.
            set_aside: where a damaged predecessor was moved, if there was one.
        """
        self.path = path
        self.set_aside = set_aside
        connection = sqlite3.connect(path, timeout=BUSY_TIMEOUT_S, isolation_level=None)
        self.db = Database(connection, execute_plugins=False)
        self.db.execute("PRAGMA journal_mode=WAL")
        self.db.execute("PRAGMA synchronous=FULL")
        # What is published or too old is gone from the file, not only from its tables.
        self.db.execute("PRAGMA secure_delete=ON")
        self._inode = _inode(path)

    @contextmanager
    def transaction(self) -> Iterator[Database]:
        """All or nothing, on the disk when it returns; the write lock is taken at the start.

        Raises:
            StateError: the disk is full or the file cannot be written; nothing was changed.
        """
        try:
            self.db.execute("BEGIN IMMEDIATE")
            try:
                yield self.db
            except BaseException:
                self.db.conn.rollback()
                raise
            self.db.execute("COMMIT")
        except sqlite3.Error as bad:
            if self.db.conn.in_transaction:
                self.db.conn.rollback()
            raise StateError(
                f"{self.path}: not written: {bad}",
                hint="check that the disk is not full and that the folder is writable",
            ) from bad

    def forget_log(self) -> None:
        """Write the log into the file and empty it: it holds what rows were before.

        While somebody else reads the file it may have to wait for the next time.
        """
        try:
            self.db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
        except sqlite3.Error as bad:
            log.debug("event=log_kept reason=%s", bad)

    @property
    def epoch(self) -> str:
        """Random name of this file's life: sequence numbers start again only with a new one."""
        return str(self.db.execute("SELECT epoch FROM identity").fetchone()[0])

    @property
    def replaced(self) -> bool:
        """Another file, or none, stands where this one was: what is written here is seen by nobody.

        So it is when another process found the file damaged and set it aside.
        """
        return _inode(self.path) != self._inode

    def close(self) -> None:
        """Close the file."""
        self.db.close()


def open_store(path: Path, clock: Clock) -> Store:
    """Open the state file, creating or migrating it; a damaged one is set aside.

    Of those set aside before, the largest is kept beside it: what was not sent is in there.

    Raises:
        StateUnavailableError: the file or its folder cannot be read or written now.
        StateError: a newer kiosk wrote the file.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as bad:
        raise StateUnavailableError(
            f"{path.parent}: the folder cannot be made: {bad.strerror}", hint="check state.path"
        ) from bad
    try:
        with _alone(path):
            set_aside = None
            if path.exists() and not _is_sound(path):
                set_aside = _move_away(path, clock)
            # SQLite alone would make it writable for its owner only; director and uplink share it.
            path.touch(mode=0o660)
            store = Store(path, set_aside)
            newer = refuse_newer(path, store.db.conn)
            if newer:
                log.info("event=state_newer file=%s knows=%s: it is used on", path, newer[-1])
            try:
                with store.transaction() as db:
                    migrate(db)
            except StateError as bad:
                raise StateUnavailableError(str(bad), hint=bad.hint) from bad
    except (sqlite3.Error, OSError) as bad:
        raise StateUnavailableError(
            f"{path}: cannot be opened: {bad}", hint="check state.path and who may write there"
        ) from bad
    return store


def examine_store(path: Path) -> str:
    """Look at the state file without changing anything; says what was seen.

    Raises:
        StateError: it is damaged, cannot be written, or its disk is nearly full.
    """
    try:
        return _examined(path)
    except OSError as bad:
        raise StateError(
            f"{path}: cannot be looked at by this user: {bad.strerror or bad}",
            hint="look as root, or as the user of the director",
        ) from bad


def _examined(path: Path) -> str:
    folder = next(parent for parent in path.absolute().parents if parent.exists())
    if not folder.is_dir():
        raise StateError(f"{folder}: is no folder", hint="check state.path")
    if os.statvfs(folder).f_flag & os.ST_RDONLY:
        raise StateError(
            f"{path}: its file system is read-only",
            hint="the kernel does so to a disk or card that fails: see `dmesg`, and replace it",
        )
    if not os.access(path if path.exists() else folder, os.W_OK):
        raise StateError(f"{path}: cannot be written by this user", hint="check who owns it")
    free = shutil.disk_usage(folder).free
    if free < LEAST_FREE_BYTES:
        raise StateError(f"{path}: {free // 2**20} MB are free on its disk", hint="make room")
    if not path.exists():
        return f"{path}: not there yet; it will be made"
    if not _is_sound(path):
        raise StateError(
            f"{path}: damaged", hint="the director will set it aside at its start and begin anew"
        )
    with closing(sqlite3.connect(path, timeout=BUSY_TIMEOUT_S)) as connection:
        refuse_newer(path, connection)
    return f"{path}: sound and writable"


@contextmanager
def _alone(path: Path) -> Iterator[None]:
    """Two processes that find a damaged file at once must not both move it away."""
    # Opened for reading, so that whoever made it, another user may lock it.
    lock = os.open(path.with_name(path.name + ".lock"), os.O_RDONLY | os.O_CREAT, 0o664)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
    finally:
        os.close(lock)


def _is_sound(path: Path) -> bool:
    try:
        connection = sqlite3.connect(path, timeout=BUSY_TIMEOUT_S)
        try:
            answer = connection.execute("PRAGMA quick_check(1)").fetchone()
        finally:
            connection.close()
    except sqlite3.OperationalError as bad:
        raise StateUnavailableError(f"{path}: cannot be opened: {bad}") from bad
    except sqlite3.DatabaseError:
        return False
    return bool(answer[0] == "ok")


def _inode(path: Path) -> int | None:
    try:
        return path.stat().st_ino
    except OSError:
        return None


def _move_away(path: Path, clock: Clock) -> Path:
    stamp = clock.utc().strftime("%Y%m%dT%H%M%SZ")
    before = _set_aside(path)
    # A clock that starts at the same moment after each power cut must not cost the one before.
    number = 1 + max((number for at, number in before if at == stamp), default=0)
    count = f"-{number}" if number > 1 else ""
    target = path.with_name(f"{path.name}.corrupt-{stamp}{count}")
    for suffix in ("", "-wal", "-shm"):
        part = path.with_name(path.name + suffix)
        if part.exists():
            part.rename(target.with_name(target.name + suffix))
    log.error(
        "event=state_set_aside file=%s moved_to=%s: it is damaged; starting fresh", path, target
    )
    # Whatever a disk damages again and again holds less each time: of equal ones the newest stays.
    by_worth = sorted(before, key=lambda one: (_bytes(before[one]), one))
    for old in by_worth[: -(MOST_SET_ASIDE - 1)]:
        _delete(before[old])
    return target


def _set_aside(path: Path) -> dict[tuple[str, int], list[Path]]:
    """The parts of each file that was set aside, by when and by its number within that second."""
    name = re.compile(re.escape(path.name) + r"\.corrupt-(\d{8}T\d{6}Z)(?:-(\d+))?(?:-wal|-shm)?")
    found: dict[tuple[str, int], list[Path]] = {}
    for one in path.parent.iterdir():
        match = name.fullmatch(one.name)
        if match is not None:
            found.setdefault((match[1], int(match[2] or 1)), []).append(one)
    return found


def _bytes(parts: list[Path]) -> int:
    return sum(one.lstat().st_size for one in parts)


def _delete(parts: list[Path]) -> None:
    for part in parts:
        try:
            part.unlink()
        except OSError as bad:
            # Nothing waits for it: the next one that is set aside tries again.
            log.info("event=state_old_kept file=%s reason=%s", part, bad.strerror)
        else:
            log.info("event=state_old_deleted file=%s: a larger or a newer one is kept", part)
