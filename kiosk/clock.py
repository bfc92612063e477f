"""Time, injected: monotonic seconds for durations, UTC wall time for labels."""

from __future__ import annotations

import ctypes
import time
from datetime import datetime, timezone
from pathlib import Path
from typing import Protocol

TIME_ERROR = 5
"""What adjtimex(2) answers while no time service has set the clock."""

TIMEX_BYTES = 512
"""More than struct timex takes on any machine."""


class Clock(Protocol):
    """What any code that needs the time takes as an argument."""

    def monotonic(self) -> float:
        """Seconds that never step, from an arbitrary origin."""
        ...

    def utc(self) -> datetime:
        """The wall clock, timezone-aware, in UTC."""
        ...

    def since_boot(self) -> float:
        """Seconds since the machine's present run began, its sleep included."""
        ...

    @property
    def boot(self) -> str:
        """Name of the machine's present run, within which the two clocks above mean something."""
        ...

    def is_set(self, marker: Path) -> bool:
        """Whether a time service has set the wall clock in this run of the machine.

        Args:
            marker: a file that is there once it has.
        """
        ...


class SystemClock:
    """The machine's clocks."""

    def monotonic(self) -> float:
        """Seconds since boot; comparable between processes of one machine."""
        return time.monotonic()

    def utc(self) -> datetime:
        """The wall clock in UTC."""
        return datetime.now(timezone.utc)

    def since_boot(self) -> float:
        """CLOCK_BOOTTIME."""
        return time.clock_gettime(time.CLOCK_BOOTTIME)

    @property
    def boot(self) -> str:
        """The kernel's name of this boot; empty where it has none."""
        try:
            return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
        except OSError:
            return ""

    def is_set(self, marker: Path) -> bool:
        """The marker is there, or the kernel says that its clock is disciplined (adjtimex(2))."""
        try:
            if marker.exists():
                return True
        except OSError:
            # A folder that we may not look into says nothing.
            pass
        timex = ctypes.create_string_buffer(TIMEX_BYTES)  # modes = 0: asks, and changes nothing
        answer = ctypes.CDLL(None).adjtimex(timex)
        # Minus one where a sandbox forbids the call: then only the marker can say it.
        return 0 <= int(answer) < TIME_ERROR


def iso(moment: datetime) -> str:
    """RFC 3339 in UTC with seconds, as every payload and table writes it."""
    return moment.astimezone(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
