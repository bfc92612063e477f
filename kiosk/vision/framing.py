"""Whether a face hangs in a frame: four straight edges around it, also below the chin."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from kiosk.vision.faces import Floats, Image, shrunk

FACE_PX = 20
"""Width of the face in the small picture that edges are looked for in."""

REACH_ASIDE, REACH_DOWN = 8.0, 6.0
"""How far from the face's middle a frame may be, in widths of the face: to the sides, and up and
down. A door's threshold is farther down than that."""

FREE = 0.6
"""How far from the face's middle it is at least."""

EDGE_LEVELS = 32.0
"""Least slope of an edge, as Sobel's operator gives it: four times the levels of 255 per pixel."""

STRAIGHT = 2.0
"""An edge runs along its line: its slope across it is larger by this factor than along it."""

WHOLE = 0.9
"""Share of each side that has to be an edge; fingers and reflections hide some."""

MOST_LINES = 24
"""Lines looked at on each side of the face, nearest first: it bounds the time."""

Counts = NDArray[np.int32]


def is_framed(frame: Image, box: Floats) -> bool:
    """Whether an upright rectangle closes around a face.

    Args:
        frame: uint8 BGR [height, width, 3].
        box: x1 y1 x2 y2 in pixels of the frame.
    """
    x1, y1, x2, y2 = (float(side) for side in box)
    width, middle = max(x2 - x1, 1.0), ((x1 + x2) / 2, (y1 + y2) / 2)
    x, y = middle
    left, right = max(0, int(x - REACH_ASIDE * width)), int(x + REACH_ASIDE * width)
    top, bottom = max(0, int(y - REACH_DOWN * width)), int(y + REACH_DOWN * width)
    right, bottom = min(right, frame.shape[1]), min(bottom, frame.shape[0])
    zoom = FACE_PX / width
    size = round((right - left) * zoom), round((bottom - top) * zoom)
    if min(size) < 2 * FACE_PX:
        return False
    small = cv2.cvtColor(shrunk(frame[top:bottom, left:right], *size), cv2.COLOR_BGR2GRAY)
    place = ((middle[0] - left) * zoom, (middle[1] - top) * zoom)
    return has_frame(np.asarray(small, np.uint8), place)


def has_frame(grey: Image, middle: tuple[float, float]) -> bool:
    """Whether four edges close around a face that is :data:`FACE_PX` wide.

    Args:
        grey: uint8 [height, width]; its own border is no edge.
        middle: x and y of the face, in its pixels.
    """
    level, upright = _edges(grey)
    along_rows = np.cumsum(np.pad(level, ((0, 0), (1, 0))), axis=1, dtype=np.int32)
    along_columns = np.cumsum(np.pad(upright, ((1, 0), (0, 0))), axis=0, dtype=np.int32).T
    x, y = round(middle[0]), round(middle[1])
    tops, bottoms = _beside(along_rows, y, x)
    lefts, rights = _beside(along_columns, x, y)
    if not (len(tops) and len(bottoms) and len(lefts) and len(rights)):
        return False
    top, bottom, left, right = np.meshgrid(tops, bottoms, lefts, rights, indexing="ij", sparse=True)
    closed = (
        _covered(along_rows, top, left, right)
        & _covered(along_rows, bottom, left, right)
        & _covered(along_columns, left, top, bottom)
        & _covered(along_columns, right, top, bottom)
    )
    return bool(closed.any())


def _edges(grey: Image) -> tuple[Image, Image]:
    """Where level and where upright edges are, uint8 0 or 1; a line may wander by a pixel."""
    across = np.abs(cv2.Sobel(grey, cv2.CV_16S, 1, 0))
    down = np.abs(cv2.Sobel(grey, cv2.CV_16S, 0, 1))
    level = ((down > EDGE_LEVELS) & (down > STRAIGHT * across)).astype(np.uint8)
    upright = ((across > EDGE_LEVELS) & (across > STRAIGHT * down)).astype(np.uint8)
    level = np.asarray(cv2.dilate(level, np.ones((3, 1), np.uint8)), np.uint8)
    upright = np.asarray(cv2.dilate(upright, np.ones((1, 3), np.uint8)), np.uint8)
    return level, upright


def _beside(along: Counts, across_at: int, along_at: int) -> tuple[Counts, Counts]:
    """Lines before and behind the face that are edges as far as the face is wide."""
    half, free = FACE_PX // 2, round(FREE * FACE_PX)
    low, high = max(along_at - half, 0), min(along_at + half, along.shape[1] - 1)
    if high <= low:
        return np.zeros(0, np.int32), np.zeros(0, np.int32)
    lines = np.flatnonzero(along[:, high] - along[:, low] >= WHOLE * (high - low)).astype(np.int32)
    before = lines[lines < across_at - free][::-1][:MOST_LINES]
    return before, lines[lines > across_at + free][:MOST_LINES]


def _covered(along: Counts, line: Counts, low: Counts, high: Counts) -> NDArray[np.bool_]:
    """Whether a line is an edge from ``low`` to ``high``."""
    return np.asarray(along[line, high] - along[line, low] >= WHOLE * (high - low))
