"""One thing that was looked at, and where the kernel tells of it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at.

    Attributes:
        state: ``ok``; ``warn``: it works without; ``fail``: it does not.
        hint: what to do, empty when there is nothing.
    """

    name: str
    state: Literal["ok", "warn", "fail"]
    message: str
    hint: str = ""


@dataclass(frozen=True)
class SystemFiles:
    """Where the kernel shows itself."""

    sys: Path = Path("/sys")
    proc: Path = Path("/proc")
    dev: Path = Path("/dev")


def first_line(path: Path) -> str:
    """The first line of one of the kernel's files; empty when it cannot be read."""
    try:
        return path.read_text(encoding="utf-8", errors="replace").partition("\n")[0].strip()
    except OSError:
        return ""
