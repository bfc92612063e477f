"""Which moment of UTC a moment since the machine's start was, once that can be known."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import UTC, datetime

from kiosk.clock import Clock
from kiosk.config import ClockSettings

log = logging.getLogger(__name__)

NEVER_BEFORE_S = datetime(2025, 1, 1, tzinfo=UTC).timestamp()
"""A clock that shows an earlier time than this program's own is one that lost its battery."""


@dataclass(frozen=True)
class _Jump:
    offset_s: float
    since_s: float


class Timekeeper:
    """Believes the wall clock when there is reason to, and the time since boot in between.

    Small corrections are followed. A jump is believed only when the clock stays there for long,
    so that one that is set wrong and right again changes no label.

    Attributes:
        offset_s: seconds from 1970 in UTC to the start of this run of the machine; ``None`` while
            the time is not known.
    """

    def __init__(self, clock: Clock, settings: ClockSettings, offset_s: float | None) -> None:
        """Go on from what was known earlier in this run of the machine, if anything was."""
        self._clock = clock
        self._settings = settings
        self._jump: _Jump | None = None
        self._waits = False
        self.offset_s = offset_s

    def look(self) -> None:
        """Look at the wall clock; called about once a second."""
        now_s = self._clock.since_boot()
        wall_s = self._clock.utc().timestamp()
        trusted = self._settings.trust == "always" or self._clock.is_set(self._settings.marker)
        if not trusted or wall_s < NEVER_BEFORE_S:
            self._wait()
            return
        offset_s = wall_s - now_s
        if self.offset_s is None:
            log.info("event=clock_known")
            self.offset_s = offset_s
        elif abs(offset_s - self.offset_s) <= self._settings.largest_step_s:
            self.offset_s, self._jump = offset_s, None
        else:
            self._doubt(offset_s, now_s)

    def _wait(self) -> None:
        if self.offset_s is None and not self._waits:
            self._waits = True
            log.warning(
                "event=clock_unknown: no time service has set the clock; counts wait for it"
                " (clock.trust: always believes it as it stands)"
            )

    def _doubt(self, offset_s: float, now_s: float) -> None:
        step_s = offset_s - (self.offset_s or 0.0)
        jump = self._jump
        if jump is None or abs(offset_s - jump.offset_s) > self._settings.largest_step_s:
            self._jump = _Jump(offset_s, now_s)
            log.warning(
                "event=clock_stepped by_s=%.0f: labels go on from the time before; the new one is"
                " believed when it lasts for %g s",
                step_s,
                self._settings.confirm_step_s,
            )
        elif now_s - jump.since_s >= self._settings.confirm_step_s:
            log.warning("event=clock_step_believed by_s=%.0f", step_s)
            self.offset_s, self._jump = offset_s, None

    def utc(self, moment_s: float) -> datetime | None:
        """UTC of a moment of this run, in seconds since its start; ``None``: it is not known."""
        if self.offset_s is None:
            return None
        return datetime.fromtimestamp(self.offset_s + moment_s, UTC)
