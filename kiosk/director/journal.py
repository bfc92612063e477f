"""Writes to the state file from a thread of their own, in order, retried until they succeed.

A slow card must not stop the screen, and a full disk must not lose a number: what cannot be
written now waits in memory, bounded, and is written when there is room again.
"""

from __future__ import annotations

import asyncio
import logging
import sqlite3
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

from kiosk.clock import Clock
from kiosk.errors import StateError
from kiosk.state import Store, open_store

log = logging.getLogger(__name__)

Result = TypeVar("Result")
Write = Callable[[Store], object]

MAX_WAITING = 20_000
"""Writes that wait for room on the disk: a day of plays."""

RETRY_S = 2.0


class Journal:
    """The state file, seen from the event loop."""

    def __init__(self, path: Path, clock: Clock) -> None:
        self._path = path
        self._clock = clock
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="state")
        self._store: Store | None = None
        self._waiting: deque[Write] = deque(maxlen=MAX_WAITING)
        self._wake = asyncio.Event()
        self._writer: asyncio.Task[None] | None = None
        self._failing = False

    @property
    def failing(self) -> bool:
        """The last write did not succeed."""
        return self._failing

    async def open(self) -> Path | None:
        """Open the file; returns where a damaged predecessor was moved, if there was one.

        Raises:
            StateError: it cannot be opened.
        """
        loop = asyncio.get_running_loop()
        self._store = await loop.run_in_executor(self._thread, open_store, self._path, self._clock)
        self._writer = asyncio.create_task(self._write_forever())
        return self._store.set_aside

    def write(self, operation: Write) -> None:
        """Have something written soon, after everything that was asked for before it."""
        if len(self._waiting) == MAX_WAITING:
            log.error("event=state_write_lost: %d writes wait already", MAX_WAITING)
        self._waiting.append(operation)
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
        if self._writer is not None:
            self._writer.cancel()
            await asyncio.gather(self._writer, return_exceptions=True)
            try:
                await asyncio.wait_for(self._write_waiting(), patience_s)
            except (StateError, TimeoutError):
                log.error("event=state_write_lost count=%d", len(self._waiting))
            loop = asyncio.get_running_loop()
            await loop.run_in_executor(self._thread, self._opened().close)
        self._thread.shutdown()

    async def _write_forever(self) -> None:
        while True:
            await self._wake.wait()
            self._wake.clear()
            try:
                await self._write_waiting()
            except StateError as bad:
                if not self._failing:
                    log.error("event=state_write_failed reason=%s: %s", bad, bad.hint)
                self._failing = True
                await asyncio.sleep(RETRY_S)
                self._wake.set()

    async def _write_waiting(self) -> None:
        loop = asyncio.get_running_loop()
        while self._waiting:
            # Shielded: an operation that has begun is either in the file or still in the queue.
            running = loop.run_in_executor(self._thread, self._write_oldest)
            await asyncio.shield(running)
            if self._failing:
                log.info("event=state_write_recovered waiting=%d", len(self._waiting))
            self._failing = False

    def _write_oldest(self) -> None:
        # The queue is read and shortened in this thread only, so that a write is never repeated
        # because whoever waited for it was cancelled.
        if not self._waiting:
            return
        try:
            self._waiting[0](self._opened())
        except sqlite3.Error as bad:
            raise StateError(
                f"{self._path}: not written: {bad}",
                hint="check that the disk is not full and that the folder is writable",
            ) from bad
        self._waiting.popleft()

    def _opened(self) -> Store:
        if self._store is None:
            raise StateError(f"{self._path}: not open")
        return self._store
