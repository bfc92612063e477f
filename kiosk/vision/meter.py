"""How fast frames are processed."""

from __future__ import annotations

import time
from collections import deque
from typing import Callable

WINDOW = 60
"""Frames over which the recent means are taken."""

SETTLED_S = 1.0
"""The first frames come as fast as they are read: until then nothing is said of their rate."""


class Meter:
    """Recent rate and cost of frames; keeps the last :data:`WINDOW` stamps only."""

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._recent: deque[tuple[float, float]] = deque(maxlen=WINDOW)
        self.frames = 0

    def frame(self, inference_s: float) -> None:
        """A frame was processed, with so much time spent in inference."""
        self.frames += 1
        self._recent.append((self._monotonic(), inference_s))

    @property
    def fps(self) -> float:
        """Frames per second over the window; 0 until it is full or has lasted for a second."""
        if len(self._recent) < 2:
            return 0.0
        span = self._recent[-1][0] - self._recent[0][0]
        if span <= 0 or (len(self._recent) < WINDOW and span < SETTLED_S):
            return 0.0
        return (len(self._recent) - 1) / span

    @property
    def inference_ms(self) -> float:
        """Mean milliseconds of inference per frame over the window."""
        if not self._recent:
            return 0.0
        return 1000 * sum(spent for _, spent in self._recent) / len(self._recent)
