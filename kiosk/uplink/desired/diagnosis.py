"""How this device does, for whoever has to repair it from afar: no picture, no secret, no count.

The machine's load is no part of it either: it tells whether somebody is before the camera now.
"""

from __future__ import annotations

import logging
import os
import platform
import resource
from collections import deque
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from kiosk import __version__
from kiosk.clock import Clock, iso
from kiosk.config import Settings
from kiosk.state import Store
from kiosk.uplink.machine import disk_free_mb, temperature_c
from kiosk.uplink.vitals import clock_is_known, read_kept
from kiosk.wire import DocumentHealth

LINES = 50
"""Warnings and errors that are kept for a diagnosis."""

LINE_MAX = 500

KEPT_OF_VISION = ("state", "peak_fps", "accelerator", "dark")
"""What a diagnosis repeats of the director's health; everything else in it stays here, since exact
counts of a demo's run stand there too."""

PAGE_KB = os.sysconf("SC_PAGE_SIZE") // 1024


class RecentLines(logging.Handler):
    """The last warnings and errors of this process."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.lines: deque[str] = deque(maxlen=LINES)

    def emit(self, record: logging.LogRecord) -> None:
        """Keep a line, and of a traceback nothing."""
        try:
            at = iso(datetime.fromtimestamp(record.created, UTC))
            text = " ".join(record.getMessage().split())
        except (TypeError, ValueError, OverflowError, OSError):
            return
        self.lines.append(f"{at} {record.levelname} {text}"[:LINE_MAX])


def diagnose(
    settings: Settings,
    clock: Clock,
    store: Store,
    uptime_s: float,
    documents: Mapping[str, DocumentHealth],
) -> dict[str, str | int | float | bool | None]:
    """Figures and states of this device, each under a name with its unit."""
    kept = read_kept(store)
    found: dict[str, str | int | float | bool | None] = {
        "version": __version__,
        "python": platform.python_version(),
        "machine": platform.machine(),
        "kernel": platform.release(),
        "uptime_s": int(uptime_s),
        "since_boot_s": int(clock.since_boot()),
        "clock_set": clock_is_known(settings, clock),
        "memory_free_mb": _memory_free_mb(),
        "uplink_peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
        "uplink_mb": _resident_mb(),
        "disk_free_mb": disk_free_mb(settings.state.path),
        "temperature_c": temperature_c(),
        "outbox_waiting": kept.outbox.waiting,
        "outbox_unacknowledged": kept.outbox.unacknowledged,
        "outbox_kb": kept.outbox.kb,
        "policy": settings.privacy.policy,
        "noise": settings.privacy.noise,
    }
    for kind, health in documents.items():
        found |= {f"{kind}_version": health.version, f"{kind}_refused": health.refused}
        found |= {f"{kind}_reason": health.reason}
    return found | _of_the_director(kept.director)


def _of_the_director(
    said: tuple[dict[str, Any], str] | None,
) -> dict[str, str | int | float | bool | None]:
    if said is None:
        return {"director_said": None}
    data, at = said
    vision = data.get("vision")
    vision = vision if isinstance(vision, dict) else {}
    found = {f"vision_{key}": vision[key] for key in KEPT_OF_VISION if key in vision}
    found |= {"screens": data.get("screens"), "resting": data.get("resting")}
    return {
        "director_said": at,
        **{key: value for key, value in found.items() if isinstance(value, (str, int, float))},
    }


def _memory_free_mb() -> int | None:
    try:
        for line in Path("/proc/meminfo").read_text(encoding="ascii").splitlines():
            name, _, value = line.partition(":")
            if name == "MemAvailable":
                return int(value.split()[0]) // 1024
    except (OSError, ValueError, IndexError):
        pass
    return None


def _resident_mb() -> int | None:
    try:
        fields = Path("/proc/self/statm").read_text(encoding="ascii").split()
        return int(fields[1]) * PAGE_KB // 1024
    except (OSError, ValueError, IndexError):
        return None
