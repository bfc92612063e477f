"""How far the camera has moved: faces are watched against what is behind them.

The picture is divided into tiles; of each, the sums of its columns and of its rows are compared
with those of before, as in optical flow along one line (Lucas and Kanade 1981). Tiles in which
somebody stands are left out, and the median of the others is not moved by who walks there unseen.
Only such sums are kept, and only of tiles in which nobody is followed.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from kiosk.vision.faces import Floats, Image

TILES = (4, 8)
"""Rows and columns of tiles."""

WIDTH_PX = 640
"""Least width of the small picture that is compared."""

FARTHEST_PX = 1.0
"""Shift, in pixels of the small picture, from which a new reference is taken: sums are compared as
if they were straight between two pixels."""

LONGEST = 300
"""Frames after which a new reference is taken, since light changes."""

PATIENCE = 8
"""Frames that show nothing that is known, after which a new reference is taken: it was moved."""

LEAST_TILES = 5
"""Tiles that have to show enough for a shift to be believed."""

LEAST_SLOPE = 0.5
"""Root mean square slope of a tile's sums, in levels a pixel, below which it shows nothing."""

SAME = 0.9
"""Correlation of a tile's sums with those of before from which they show the same thing."""

AGREE_PX, AGREE = 0.15, 0.5
"""Share of the tiles that have to be within so many pixels of their median."""

ASIDE, ABOVE = 1.5, 0.8
"""How much of the picture a person takes up, from the middle of the face, in its widths; below it
everything."""

Sums = tuple[Floats, Floats]
"""Float32 [tiles, columns] and [tiles, rows]: means of each column and row of a tile."""


class Steady:
    """Follows the camera's own motion."""

    def __init__(self) -> None:
        self._before: Sums | None = None
        self._age = 0
        self._lost = 0
        self._offset = np.zeros(2)
        self._shift = np.zeros(2)

    def shift_px(self, frame: Image, boxes: Floats) -> Floats:
        """By how much the picture has moved to the right and down since the first call.

        Args:
            frame: uint8 BGR [height, width, 3].
            boxes: float32 [n, 4], x1 y1 x2 y2 in pixels: faces whose surroundings are left out.

        Returns:
            float32 [2] in pixels; what was last known when nothing can be said.
        """
        small, ratio = _small(frame)
        if small.shape[0] < 4 * TILES[0] or small.shape[1] < 4 * TILES[1]:
            return self._total(ratio)
        now, free = _sums(small), _free(boxes / ratio, small.shape[1], small.shape[0])
        before = self._before
        if before is None or any(b.shape != n.shape for b, n in zip(before, now)):
            self._renew(now, free)
            return self._total(ratio)
        found = [_median_shift(b[free], n[free]) for b, n in zip(before, now)]
        self._age += 1
        if any(one is None for one in found):
            self._lost += 1
            if self._lost > PATIENCE:
                self._renew(now, free)
            return self._total(ratio)
        self._shift = np.array(found, np.float64)
        total = self._total(ratio)
        if np.abs(self._shift).max() > FARTHEST_PX or self._age > LONGEST:
            self._renew(now, free)
        return total

    def _total(self, ratio: float) -> Floats:
        return np.asarray((self._offset + self._shift) * ratio, np.float32)

    def _renew(self, now: Sums, free: NDArray[np.intp]) -> None:
        """Compare with this from now on; of tiles in which somebody stands nothing is kept."""
        self._offset, self._shift = self._offset + self._shift, np.zeros(2)
        self._age = self._lost = 0
        kept = [np.zeros_like(sums) for sums in now]
        for mine, sums in zip(kept, now):
            mine[free] = sums[free]
        self._before = (kept[0], kept[1])


def _small(frame: Image) -> tuple[Image, float]:
    """A grey picture, and how many times the frame is as large."""
    by = 1
    # Exact halves cost little.
    while frame.shape[1] // 2 >= WIDTH_PX:
        size = (frame.shape[1] // 2, frame.shape[0] // 2)
        even = frame[: 2 * size[1], : 2 * size[0]]
        frame = np.asarray(cv2.resize(even, size, interpolation=cv2.INTER_LINEAR), np.uint8)
        by *= 2
    return np.asarray(cv2.cvtColor(frame, cv2.COLOR_BGR2GRAY), np.uint8), float(by)


def _sums(grey: Image) -> Sums:
    rows, columns = TILES
    tall, wide = grey.shape[0] // rows, grey.shape[1] // columns
    grey = grey[: rows * tall, : columns * wide]
    across = np.empty((rows, columns, wide), np.float32)
    down = np.empty((rows, columns, tall), np.float32)
    for row in range(rows):
        band = cv2.reduce(grey[row * tall : (row + 1) * tall], 0, cv2.REDUCE_AVG, dtype=cv2.CV_32F)
        across[row] = band.reshape(columns, wide)
    for column in range(columns):
        strip = np.ascontiguousarray(grey[:, column * wide : (column + 1) * wide])
        band = cv2.reduce(strip, 1, cv2.REDUCE_AVG, dtype=cv2.CV_32F)
        down[:, column] = band.reshape(rows, tall)
    return across.reshape(-1, wide), down.reshape(-1, tall)


def _free(boxes: Floats, width: int, height: int) -> NDArray[np.intp]:
    """Tiles without anybody."""
    rows, columns = TILES
    free = np.ones((rows, columns), bool)
    for x1, y1, x2, y2 in boxes.tolist():
        wide, middle_x, middle_y = x2 - x1, (x1 + x2) / 2, (y1 + y2) / 2
        left = int(np.clip((middle_x - ASIDE * wide) * columns / width, 0, columns))
        right = int(np.clip((middle_x + ASIDE * wide) * columns / width, -1, columns))
        top = int(np.clip((middle_y - ABOVE * wide) * rows / height, 0, rows))
        free[top:, left : right + 1] = False
    return np.flatnonzero(free)


def _median_shift(before: Floats, now: Floats) -> float | None:
    """Shift along the sums of tiles [tiles, n], or nothing when they do not tell or agree."""
    if len(before) < LEAST_TILES:
        return None
    slope = (before[:, 2:] - before[:, :-2]) / 2
    # Light comes and goes: a tile's brightness and contrast are taken as they are.
    old, new = before[:, 1:-1], now[:, 1:-1]
    old = old - old.mean(axis=1, keepdims=True)
    new = new - new.mean(axis=1, keepdims=True)
    before_2, both = (old * old).sum(axis=1) + 1e-6, (old * new).sum(axis=1)
    change = new * (before_2 / np.maximum(both, 1e-3))[:, None] - old
    power = (slope * slope).mean(axis=1)
    same = both > SAME * np.sqrt(before_2 * (new * new).sum(axis=1))
    telling = same & (power >= LEAST_SLOPE**2)
    if telling.sum() < LEAST_TILES:
        return None
    shifts = -(slope * change).mean(axis=1)[telling] / power[telling]
    middle = float(np.median(shifts))
    return middle if (np.abs(shifts - middle) <= AGREE_PX).mean() >= AGREE else None
