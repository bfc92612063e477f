"""Turn a head that was photographed from the front.

The approximation: the front of a head is an elliptic cylinder, closed above and below, with a nose
on it, that turns about the axis through the ears. Pixels move as its surface does; what turns away
is hidden by what comes before it. The back of the head was never photographed: where it would come
into view, colours from beside the ear are stretched within the outline that the head had. That
holds to about 60 degrees (faces are found, and their direction is estimated, as on a real head); a
profile or the back of a head cannot be made this way, and no scene asks for it.
"""

from __future__ import annotations

from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

from kiosk.bench.scenes import cutout
from kiosk.bench.scenes.scene import Doubles, Image

MAX_YAW_DEG = 60.0
NO_TURN_DEG = 0.5
"""Turns below this are not drawn."""

STEP_DEG = 1.0
"""Turns are drawn to the nearest of these: the maps are kept."""

HALF_BREADTH, HALF_HEIGHT, DEPTH = 0.52, 0.78, 0.60
"""Half axes of the head, and how far its front is before the ears' axis, in widths of the face."""

NOSE_DEPTH, NOSE_REACH, NOSE_Y = 0.16, (0.13, 0.20), 0.06
"""How far a nose stands out, its half axes, and its place below the middle of the face."""

REACH = 1.2
"""Half width of what a turn moves, in widths of the face."""

ROWS, COLUMNS = 224, 193
"""Grid on which a turn is computed; between its points it is interpolated."""

FACE_DEPTH, FACE_NARROWS = 0.35, 0.3
"""How far before the ears' axis the middle of the visible face turns, in widths of the face, and
which share of it goes out of view at 90 degrees."""

Maps = tuple[NDArray[np.int16], NDArray[np.uint16]]


def face_shift(yaw_deg: float) -> float:
    """By how much the face box moves to the side when the head turns, in its widths."""
    return FACE_DEPTH * float(np.sin(np.radians(yaw_deg)))


def face_share(yaw_deg: float) -> float:
    """By which factor the face box is smaller when the head turns."""
    return 1 - FACE_NARROWS * (1 - float(np.cos(np.radians(yaw_deg))))


def turned(head: Image, yaw_deg: float) -> Image:
    """Turn a head.

    Args:
        head: uint8 BGRA [height, width, 4] on a head's canvas, or an exact half or quarter of it.
        yaw_deg: positive is towards the right edge of the canvas.
    """
    yaw = round(float(np.clip(yaw_deg, -MAX_YAW_DEG, MAX_YAW_DEG)) / STEP_DEG) * STEP_DEG
    if abs(yaw) < NO_TURN_DEG:
        return head
    whole, fraction = _maps(yaw, cutout.CANVAS[0] // head.shape[1])
    moved = cv2.remap(head, whole, fraction, cv2.INTER_LINEAR)
    # What comes into view behind the profile fills the outline that the head had.
    to_front = np.s_[:, ::-1] if yaw > 0 else np.s_[:, :]
    behind = np.maximum.accumulate(moved[..., 3][to_front], axis=1)[to_front]
    moved[..., 3] = np.maximum(moved[..., 3], np.minimum(behind, head[..., 3]))
    return np.asarray(moved, np.uint8)


@lru_cache(maxsize=96)
def _maps(yaw_deg: float, shrink: int) -> Maps:
    """Where each pixel of a turned canvas comes from."""
    width, height = (side // shrink for side in cutout.CANVAS)
    unit = cutout.FACE / shrink
    middle_x, middle_y = (value / shrink for value in cutout.MIDDLE)
    x = np.linspace(-REACH, REACH, COLUMNS)
    rows = (np.linspace(0, height - 1, ROWS) - middle_y) / unit
    source = np.stack([_source(x, row, np.radians(yaw_deg)) for row in rows])
    moved = cv2.resize((source - x).astype(np.float32), (round(2 * REACH * unit), height))
    map_x = np.tile(np.arange(width, dtype=np.float32), (height, 1))
    map_y = np.tile(np.arange(height, dtype=np.float32)[:, None], (1, width))
    left = round(middle_x - REACH * unit)
    map_x[:, max(left, 0) : left + moved.shape[1]] += unit * moved[:, max(-left, 0) :][:, :width]
    whole, fraction = cv2.convertMaps(map_x, map_y, cv2.CV_16SC2)
    return whole, fraction


def _source(x: Doubles, row: float, yaw: float) -> Doubles:
    """Where the points ``x`` of a turned row were before, in widths of the face."""
    if yaw < 0:
        return np.asarray(-_source(x, row, -yaw)[::-1])
    front = 1 - (x / HALF_BREADTH) ** 2 - (np.clip(row + 0.05, -1, 1) / HALF_HEIGHT) ** 2
    depth = DEPTH * np.sqrt(np.clip(front, 0, None))
    across, along = x / NOSE_REACH[0], (row - NOSE_Y) / NOSE_REACH[1]
    depth = depth + NOSE_DEPTH * np.exp(-(across**2) - along**2)
    # Hair and neck beside the surface turn less the farther out they are, down to not at all.
    share = np.clip((REACH - np.abs(x)) / (REACH - HALF_BREADTH), 0, 1)
    below = np.clip((1.0 - row) / 0.45, 0, 1)
    goes_to = x + share * below * (x * (np.cos(yaw) - 1) + depth * np.sin(yaw))
    # Nearer parts hide what is behind them: the farthest reach so far stays in front.
    reached = np.maximum.accumulate(goes_to) + 1e-6 * np.arange(len(x))
    return np.asarray(np.interp(x, reached, x))
