"""What the director does again and again."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


@dataclass
class Duty:
    """Something that is done every so many seconds."""

    every_s: float
    work: Callable[[], None]
    due_s: float = 0.0
