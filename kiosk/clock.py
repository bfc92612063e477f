"""Time, injected: monotonic seconds for durations, UTC wall time for labels."""

from __future__ import annotations

import time
from datetime import datetime, timezone
from typing import Protocol


class Clock(Protocol):
    """What any code that needs the time takes as an argument."""

    def monotonic(self) -> float:
        """Seconds that never step, from an arbitrary origin."""
        ...

    def utc(self) -> datetime:
        """The wall clock, timezone-aware, in UTC."""
        ...


class SystemClock:
    """The machine's clocks."""

    def monotonic(self) -> float:
        """Seconds since boot; comparable between processes of one machine."""
        return time.monotonic()

    def utc(self) -> datetime:
        """The wall clock in UTC."""
        return datetime.now(timezone.utc)


def iso(moment: datetime) -> str:
    """RFC 3339 in UTC with seconds, as every payload and table writes it."""
    return moment.astimezone(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
