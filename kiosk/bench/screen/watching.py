"""Looking at a display many times a second: what is black, and when the picture changes."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from kiosk.bench.screen.display import Framebuffer, Pixels

EVERY_S = 0.01
STEP_PX = 24
"""Every so many pixels one is looked at, in each direction: 3,600 of a 1080p screen."""

DARK = 24
"""Of 255, in its lightest channel: what is darker counts as black."""

BLACK_SHARE = 0.01
"""Share of dark pixels from which a frame counts as black: the creatives have none at all."""

MARK_PX = 24
CHANGED = 6
"""Of 255: what the middle has to change by; the second frame of half a second's fade does more."""

STAYS_S = 0.1
"""How long a change has to last: a frame of a film may differ by more from those beside it, as a
better encoded one does."""

BEFORE_S = 0.25
"""How long before a play is due the picture is looked at that it replaces."""


@dataclass
class Seen:
    """What a watcher saw.

    Attributes:
        times_s: monotonic time of each look.
        middles: mean colour of the middle at each look (blue, green, red).
        black_at_s: looks at which the frame counted as black.
        black_pictures: the first few of those frames, for somebody to look at.
    """

    times_s: list[float] = field(default_factory=list)
    middles: list[tuple[float, float, float]] = field(default_factory=list)
    black_at_s: list[float] = field(default_factory=list)
    black_pictures: list[Pixels] = field(default_factory=list)

    def starts(self, due_s: Sequence[float], within_s: float) -> list[float | None]:
        """When the picture changed for each play that was due; ``None``: it did not in time."""
        times = np.asarray(self.times_s)
        middles = np.asarray(self.middles)
        return [_change(times, middles, due, within_s) for due in due_s]


def _change(
    times: npt.NDArray[np.float64], middles: npt.NDArray[np.float64], due_s: float, within_s: float
) -> float | None:
    first = int(np.searchsorted(times, due_s - BEFORE_S))
    last = int(np.searchsorted(times, due_s + within_s))
    if first >= last:
        return None
    settled = max(first + 1, int(np.searchsorted(times, due_s - BEFORE_S / 2)))
    before = np.median(middles[first:settled], axis=0)
    changed = np.abs(middles[first:last] - before).max(axis=1) > CHANGED
    stays_until = np.searchsorted(times, times[first:last] + STAYS_S) - first
    for at in np.flatnonzero(changed):
        if changed[at : stays_until[at]].all():
            return float(times[first + at])
    return None


def is_black(pixels: Pixels) -> bool:
    """Whether more of a frame is dark than a creative without a dark spot can leave."""
    brightest = pixels[::STEP_PX, ::STEP_PX, :3].max(axis=2)
    return bool((brightest < DARK).mean() > BLACK_SHARE)


class Watcher:
    """Looks from a thread of its own, from ``start`` to ``stop``."""

    KEPT_PICTURES = 4

    def __init__(self, framebuffer: Framebuffer) -> None:
        """Do not look yet."""
        self._pixels = framebuffer.pixels
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self.seen = Seen()

    def start(self) -> None:
        """Begin to look."""
        self._thread.start()

    def stop(self) -> Seen:
        """Look no more."""
        self._stop.set()
        self._thread.join()
        return self.seen

    def _run(self) -> None:
        height, width = self._pixels.shape[:2]
        top, left = (height - MARK_PX) // 2, (width - MARK_PX) // 2
        mark = self._pixels[top : top + MARK_PX, left : left + MARK_PX, :3]
        due_s = time.monotonic()
        while not self._stop.is_set():
            now_s = time.monotonic()
            middle = mark.reshape(-1, 3).mean(axis=0)
            self.seen.times_s.append(now_s)
            self.seen.middles.append((float(middle[0]), float(middle[1]), float(middle[2])))
            if is_black(self._pixels):
                self.seen.black_at_s.append(now_s)
                if len(self.seen.black_pictures) < self.KEPT_PICTURES:
                    self.seen.black_pictures.append(self._pixels[:, :, :3].copy())
            due_s = max(due_s + EVERY_S, time.monotonic())
            time.sleep(max(0.0, due_s - time.monotonic()))
