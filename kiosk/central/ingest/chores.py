"""What a worker does between messages, each thing in its own time."""

from __future__ import annotations

from sqlalchemy import Engine

from kiosk.central.store import (
    drop_old,
    forget_alerts,
    make_partitions,
    note_worker,
    watch_gaps,
    work_off,
)
from kiosk.clock import Clock
from kiosk.config import CentralSettings

SUMS_S = 2.0
"""Between two looks for hours that are not in the sums; pages are that late."""

SUMS_REST = 4
"""After sums the worker has so many times as long for messages: devices wait for those. The more
hours wait then, the fewer rows are written twice."""

BITE = 500
"""Device-hours that are summed at once: acknowledgements wait a fraction of a second for it."""

SIGN_S = 10.0
"""Between two signs of life."""

WATCH_S = 30.0
"""Between two looks for holes in the numbers."""

UPKEEP_S = 3600.0
"""Between two looks for partitions that are needed and rows that are too old."""

CATCH_UP_S = 5.0
"""The same while there are more old rows than one bite."""


class Chores:
    """The times at which things are due; several workers may do the same without harm."""

    def __init__(self, central: CentralSettings, clock: Clock) -> None:
        """Everything is due at once.

        Args:
            central: names the worker, the time zone of days, and how long rows are kept.
            clock: the time.
        """
        self._central = central
        self._clock = clock
        self._name = f"ingest-{central.ingest.slot}"
        self._sums_at = self._sign_at = self._watch_at = self._upkeep_at = clock.monotonic()

    @property
    def due(self) -> bool:
        """Whether there is anything to do."""
        return self._clock.monotonic() >= min(
            self._sums_at, self._sign_at, self._watch_at, self._upkeep_at
        )

    def do(self, engine: Engine, state: str) -> bool:
        """Do what is due.

        Raises:
            SQLAlchemyError: the database fails; what was not done is due again.
        """
        now, utc = self._clock.monotonic(), self._clock.utc()
        if now >= self._sign_at:
            note_worker(engine, self._name, state, utc)
            self._sign_at = now + SIGN_S
        if now >= self._upkeep_at:
            make_partitions(engine, utc)
            more = drop_old(
                engine, utc, self._central.keep_hours_days, self._central.keep_plays_days
            )
            self._upkeep_at = now + (CATCH_UP_S if more else UPKEEP_S)
        if now >= self._sums_at:
            now = self._clock.monotonic()
            done = work_off(engine, self._central.timezone, BITE)
            rest_s = SUMS_REST * (self._clock.monotonic() - now)
            self._sums_at = now + max(rest_s, 0 if done == BITE else SUMS_S)
        if now >= self._watch_at:
            watch_gaps(engine, utc)
            forget_alerts(engine, utc)
            self._watch_at = now + WATCH_S
        return True
