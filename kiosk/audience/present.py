"""Who is there now."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from kiosk.vision import Viewer, VisionRecord


@dataclass(frozen=True)
class Audience:
    """The audience of this moment, as far as vision tells.

    Attributes:
        state: ``live``; ``stale`` when vision was heard of, but not lately; ``absent`` when no
            vision process is connected.
        age_s: seconds since vision's last word; infinite when there was none.
        viewers: who is in view; empty unless live.
        minor_possible: somebody in view may be under 18, however short the time since they came.
    """

    state: Literal["live", "stale", "absent"]
    age_s: float
    viewers: tuple[Viewer, ...] = ()
    minor_possible: bool = False

    @staticmethod
    def of(
        record: VisionRecord | None,
        age_s: float,
        stale_s: float,
        min_dwell_s: float,
        *,
        connected: bool,
    ) -> Audience:
        """The audience from vision's last record.

        Args:
            record: the last one of this connection, if any.
            age_s: seconds since it was received.
            stale_s: silence after which it is no longer believed.
            min_dwell_s: viewers that are there for less do not count yet.
            connected: a vision process is connected.
        """
        if not connected:
            return Audience("absent", age_s)
        if record is None or age_s > stale_s:
            return Audience("stale", age_s)
        # A picture on the wall is nobody: no advert is for it, and none waits for it to grow up.
        people = [viewer for viewer in record.viewers if viewer.live]
        there = tuple(v for v in people if v.last_s - v.first_s >= min_dwell_s)
        minor = any(viewer.minor_possible for viewer in people)
        return Audience("live", age_s, there, minor)
