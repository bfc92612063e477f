"""Writes to the state file from a thread of their own, in order, retried until they succeed.

A slow card must not stop the screen, and a full disk must not lose a number: what cannot be
written now waits in memory, bounded, and is written when there is room again.
"""

from __future__ import annotations

import asyncio
import fcntl
import logging
import sqlite3
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import IO, TypeVar

from kiosk.clock import Clock
from kiosk.errors import AlreadyRunningError, StateError, StateUnavailableError
from kiosk.state import Store, open_store

log = logging.getLogger(__name__)

Result = TypeVar("Result")
Write = Callable[[Store], object]

MAX_WAITING = 20_000
"""Writes that wait for room on the disk: most of a day of plays, at two each."""

RETRY_S = 2.0

MAY_PASS = (
    sqlite3.SQLITE_BUSY,
    sqlite3.SQLITE_CANTOPEN,
    sqlite3.SQLITE_FULL,
    sqlite3.SQLITE_INTERRUPT,
    sqlite3.SQLITE_IOERR,
    sqlite3.SQLITE_LOCKED,
    sqlite3.SQLITE_NOMEM,
    sqlite3.SQLITE_PERM,
    sqlite3.SQLITE_PROTOCOL,
    sqlite3.SQLITE_READONLY,
)
"""What another try may cure; after any other error the same write fails again."""

DAMAGED = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)


class Journal:
    """The state file, seen from the event loop; held by one director at a time.

    Attributes:
        opened_times: more than before means another file, in which nothing of before stands.
    """

    def __init__(self, path: Path, clock: Clock) -> None:
        self._path = path
        self._clock = clock
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="state")
        self._held: IO[str] | None = None
        self._store: Store | None = None
        # In order of asking; the first one may be under way.
        self._waiting: dict[object, Write] = {}
        self._under_way: object = None
        self._wake = asyncio.Event()
        self._closing = asyncio.Event()
        self._writer: asyncio.Task[None] | None = None
        self._failing = False
        self._lost = 0
        self.opened_times = 0

    @property
    def opened(self) -> bool:
        """The file was opened, now or after a while."""
        return self._store is not None

    @property
    def failing(self) -> bool:
        """The last write did not succeed."""
        return self._failing

    async def open(self) -> None:
        """Open the file; one that cannot be opened now is tried again with each write.

        Raises:
            StateError: another director holds it, or a newer kiosk wrote it.
        """
        loop = asyncio.get_running_loop()
        try:
            await loop.run_in_executor(self._thread, self._open)
        except StateUnavailableError as bad:
            self._complain(bad)
        self._writer = asyncio.create_task(self._write_forever())

    def write(self, operation: Write, key: str | None = None) -> None:
        """Have something written soon, after everything that was asked for before it.

        It may be called again when it is not known whether it succeeded, so twice must be as once.

        Args:
            operation: writes, in one transaction.
            key: an operation of the same key that still waits is superseded by this one.
        """
        name = object() if key is None else key
        if key is not None and name != self._under_way:
            self._waiting.pop(name, None)
        if name in self._waiting:
            # The one under way is not known to arrive before what this one has to follow.
            name = (key, object())
        if key is None and len(self._waiting) >= MAX_WAITING:
            if not self._lost:
                log.error("event=state_write_lost: %d writes wait already", MAX_WAITING)
            self._lost += 1
            return
        self._waiting[name] = operation
        self._wake.set()

    async def read(self, query: Callable[[Store], Result]) -> Result:
        """Ask the file something.

        Raises:
            StateError: it cannot be read.
        """
        loop = asyncio.get_running_loop()
        try:
            return await loop.run_in_executor(self._thread, query, self._opened())
        except sqlite3.Error as bad:
            raise StateError(f"{self._path}: not read: {bad}") from bad

    async def close(self, patience_s: float = 5.0) -> None:
        """Write what waits, as far as it can be written, and close the file."""
        self._closing.set()
        self._wake.set()
        if self._writer is not None:
            await asyncio.wait([self._writer], timeout=patience_s)
            if self._waiting:
                log.error("event=state_write_lost count=%d", len(self._waiting))
            self._writer.cancel()
            await asyncio.gather(self._writer, return_exceptions=True)
        loop = asyncio.get_running_loop()
        await loop.run_in_executor(self._thread, self._close)
        self._thread.shutdown()

    async def _write_forever(self) -> None:
        while self._waiting or not self._closing.is_set():
            self._wake.clear()
            if not self._waiting:
                await self._wake.wait()
                continue
            if await self._write_first():
                continue
            if self._closing.is_set():
                return
            try:
                await asyncio.wait_for(self._closing.wait(), RETRY_S)
            except TimeoutError:
                continue

    async def _write_first(self) -> bool:
        """Whether the oldest write is done with."""
        loop = asyncio.get_running_loop()
        self._under_way, operation = next(iter(self._waiting.items()))
        try:
            await loop.run_in_executor(self._thread, self._perform, operation)
        except (StateError, OSError) as bad:
            self._complain(bad)
            return False
        except Exception:
            # Waiting would not help it, and would hold up everything behind it.
            log.exception("event=state_write_lost count=1: it can never succeed")
            self._lost += 1
        finally:
            name, self._under_way = self._under_way, None
        self._waiting.pop(name, None)
        if self._failing:
            log.info(
                "event=state_write_recovered waiting=%d lost=%d", len(self._waiting), self._lost
            )
        self._failing = False
        self._lost = 0
        return True

    def _complain(self, bad: Exception) -> None:
        if not self._failing:
            hint = getattr(bad, "hint", None) or ""
            log.error("event=state_write_failed reason=%s: plays go on; %s", bad, hint)
        self._failing = True

    # In the thread of the state file.

    def _open(self) -> None:
        held = self._path.with_name(self._path.name + ".director")
        try:
            held.parent.mkdir(parents=True, exist_ok=True)
            self._held = held.open("w", encoding="ascii")
            fcntl.flock(self._held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as bad:
            raise AlreadyRunningError(
                f"{self._path}: another director holds it",
                hint="stop the other one, or set state.path to another file",
            ) from bad
        except OSError as bad:
            raise StateUnavailableError(
                f"{held}: cannot be written: {bad.strerror or bad}",
                hint="check state.path and who may write there",
            ) from bad
        self._store = open_store(self._path, self._clock)
        self.opened_times += 1

    def _perform(self, operation: Write) -> None:
        if self._store is None:
            self._open()
        store = self._opened()
        if store.replaced:
            self._open_again(store)
        try:
            operation(self._opened())
        except (StateError, sqlite3.Error) as bad:
            cause = bad if isinstance(bad, sqlite3.Error) else bad.__cause__
            # The lower byte is the kind of the error, the others say more of it.
            code = getattr(cause, "sqlite_errorcode", 0) & 0xFF
            if cause is not None and code not in (*MAY_PASS, *DAMAGED):
                raise cause from bad
            if code in DAMAGED:
                # Damaged while it was open: set aside as at a start, and try again in a new one.
                self._open_again(self._opened())
            raise StateError(
                f"{self._path}: not written: {cause or bad}",
                hint="check that the disk is not full and that the folder is writable",
            ) from bad

    def _open_again(self, store: Store) -> None:
        log.error("event=state_reopened file=%s: it is damaged or was replaced", self._path)
        fresh = open_store(self._path, self._clock)
        self._store = fresh
        self.opened_times += 1
        store.close()

    def _close(self) -> None:
        if self._store is not None:
            self._store.close()
        if self._held is not None:
            self._held.close()

    def _opened(self) -> Store:
        if self._store is None:
            raise StateError(f"{self._path}: not open")
        return self._store
