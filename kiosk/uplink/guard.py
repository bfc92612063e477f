"""Trouble with a database: said once per outage, tried again, never the end of the process."""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Callable
from typing import TypeVar

from kiosk.clock import Clock
from kiosk.errors import StateError

log = logging.getLogger(__name__)

RETRY_S = 5.0
"""A full disk or a busy file is worth another look after this long."""

T = TypeVar("T")


class Guard:
    """Runs one kind of database work; after a failure it waits before the next attempt."""

    def __init__(self, event: str, clock: Clock, retry_s: float = RETRY_S) -> None:
        """Nothing has failed yet.

        Args:
            event: stable name of the failure in the log.
            clock: the time.
            retry_s: seconds between two attempts while it fails.
        """
        self._event = event
        self._clock = clock
        self._retry_s = retry_s
        self._retry_at = float("-inf")
        self._failing = False

    def attempt(self, work: Callable[[], T]) -> T | None:
        """What ``work`` returns, or ``None`` when it failed or its next attempt is not due."""
        if self._clock.monotonic() < self._retry_at:
            return None
        try:
            result = work()
        except (StateError, sqlite3.Error) as bad:
            self._failed(bad)
            return None
        if self._failing:
            self._failing = False
            log.info("event=%s_over: works again", self._event)
        return result

    def _failed(self, bad: Exception) -> None:
        self._retry_at = self._clock.monotonic() + self._retry_s
        if not self._failing:
            self._failing = True
            log.error(
                'event=%s reason="%s": nothing is lost, tried again every %g s; %s',
                self._event,
                bad,
                self._retry_s,
                getattr(bad, "hint", None) or "check the disk and the file",
            )
