"""Which other program has a device open, for an error that a technician can act on."""

from __future__ import annotations

import os
from pathlib import Path


def who_holds(device: str, proc: Path = Path("/proc")) -> str:
    """Name and process id of another program that has ``device`` open, or an empty string.

    Only processes that we may look into are seen.
    """
    for process in proc.glob("[0-9]*"):
        if process.name == str(os.getpid()):
            continue
        try:
            links = [link.readlink() for link in (process / "fd").iterdir()]
        except OSError:
            continue
        if Path(device) in links:
            return f"{_name(process)} (process {process.name})"
    return ""


def _name(process: Path) -> str:
    try:
        return (process / "comm").read_text().strip()
    except OSError:
        return "another program"
