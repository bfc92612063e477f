"""The wall clock: whether it was set, and whether it can be right."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

from kiosk.clock import Clock, iso
from kiosk.config import ClockSettings
from kiosk.machine.finding import Finding

INSTALLED_WITHIN = timedelta(days=1)
"""A program's files may have been written by a clock that was a little ahead."""


def look_at_clock(
    settings: ClockSettings, clock: Clock, not_before: Mapping[str, datetime] | None = None
) -> Finding:
    """Whether the wall clock is to be believed.

    Args:
        settings: when it is believed.
        clock: this machine's.
        not_before: things that are no older than this, by what they are called; this program is
            one of them.
    """
    now = clock.utc()
    known = {"this program": _built(), **(not_before or {})}
    for what, moment in known.items():
        if now < moment:
            return Finding(
                "clock",
                "fail",
                f"it says {iso(now)}, and {what} is of {iso(moment)}: it is wrong",
                "counts wait until it is set, and TLS fails; check the time service and the"
                " network, or set it by hand with `timedatectl set-time`",
            )
    if clock.is_set(settings.marker):
        return Finding("clock", "ok", "a time service has set it")
    if settings.trust == "always":
        return Finding("clock", "ok", "believed as it stands (clock.trust: always)")
    return Finding(
        "clock",
        "warn",
        "no time service has set it: counts are kept, and published once one has",
        "check systemd-timesyncd and the network; without one, set clock.trust to always",
    )


def _built() -> datetime:
    """When this program was made, or else when it came onto this machine."""
    try:
        # Beside the environment of a release: what it was made of, and when.
        manifest = json.loads((Path(sys.prefix).parent / "manifest.json").read_bytes())
        return datetime.fromisoformat(manifest["created"]).astimezone(UTC)
    except (OSError, ValueError, KeyError, TypeError):
        return datetime.fromtimestamp(Path(__file__).stat().st_mtime, UTC) - INSTALLED_WITHIN
