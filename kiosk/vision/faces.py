"""Faces as arrays, and the geometry on them: boxes, keypoints, chips, head direction."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from kiosk.vision.cards import Crop

Image = NDArray[np.uint8]
Floats = NDArray[np.float32]

RIGHT_EYE, LEFT_EYE, NOSE, MOUTH, RIGHT_EAR, LEFT_EAR = range(6)
"""Rows of a face's keypoints; right and left are the person's own."""

EAR_SPAN_TO_NOSE_DEPTH = 1.2
"""Tragion to tragion breadth over tragion to nose-tip depth of an adult head: about 14.5 cm to
12 cm in the anthropometric tables of ISO 7250-1."""

NOSE_BELOW_EARS = 0.10
"""Height of the nose tip below the tragions over the tragion breadth, at a level gaze."""


@dataclass(frozen=True)
class Faces:
    """The faces of one frame.

    Attributes:
        boxes: float32 [n, 4], x1 y1 x2 y2 in pixels of the frame.
        scores: float32 [n], 0..1.
        keypoints: float32 [n, 6, 2], x y in pixels of the frame.
    """

    boxes: Floats
    scores: Floats
    keypoints: Floats

    def __post_init__(self) -> None:
        n = len(self.boxes)
        shapes = (self.boxes.shape, self.scores.shape, self.keypoints.shape)
        if shapes != ((n, 4), (n,), (n, 6, 2)):
            raise ValueError(f"faces need [n,4], [n] and [n,6,2] arrays, not {shapes}")

    def __len__(self) -> int:
        return len(self.boxes)

    def take(self, rows: NDArray[np.intp]) -> Faces:
        """The faces of some rows."""
        return Faces(self.boxes[rows], self.scores[rows], self.keypoints[rows])

    @staticmethod
    def none() -> Faces:
        """No faces."""
        return Faces(
            np.zeros((0, 4), np.float32), np.zeros(0, np.float32), np.zeros((0, 6, 2), np.float32)
        )


def halved(image: Image, extent: int, least_px: int) -> tuple[Image, int]:
    """Shrink by exactly two, as often as ``extent`` stays at least ``least_px``.

    An exact half is many times cheaper than an odd ratio of more than two, and does not alias.

    Args:
        image: uint8 [height, width, channels].
        extent: that one of its sides, in pixels, which has to stay sharp.
        least_px: to this size.

    Returns:
        The smaller image and by how much it was shrunk.
    """
    factor = 1
    while extent >= 2 * factor * least_px and min(image.shape[:2]) > 1:
        height, width = (side // 2 for side in image.shape[:2])
        even = image[: 2 * height, : 2 * width]
        image = np.asarray(cv2.resize(even, (width, height), interpolation=cv2.INTER_AREA))
        factor *= 2
    return image, factor


def chip(frame: Image, keypoints: Floats, crop: Crop, side_px: int) -> Image:
    """Cut the upright square that a head was trained on.

    Args:
        frame: uint8 [height, width, 3].
        keypoints: [6, 2] in pixels of the frame.
        crop: where the eyes stand in the chip.
        side_px: side of the chip.

    Returns:
        uint8 [side, side, 3]; outside the frame it is filled from the border.
    """
    right, left = keypoints[RIGHT_EYE], keypoints[LEFT_EYE]
    along = left - right
    distance = max(float(np.hypot(*along)), 1.0)
    zoom = crop.eye_distance * side_px / distance
    cos, sin = along / distance * zoom
    middle = (right + left) / 2
    target = np.array([side_px / 2, crop.eye_y * side_px])
    matrix = np.array([[cos, sin, 0.0], [-sin, cos, 0.0]])
    matrix[:, 2] = target - matrix[:, :2] @ middle
    # Shrinking by more than two would alias: a smaller copy of the neighbourhood is cut instead.
    if zoom <= 0.5:
        frame, matrix = _shrunk(frame, middle, side_px / zoom, side_px, matrix)
    cut = cv2.warpAffine(
        frame, matrix, (side_px, side_px), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )
    return np.asarray(cut, np.uint8)


def _shrunk(
    frame: Image, middle: Floats, reach: float, side_px: int, matrix: NDArray[np.float64]
) -> tuple[Image, NDArray[np.float64]]:
    height, width = frame.shape[:2]
    x1, y1 = (int(max(0, value)) for value in middle - reach)
    x2, y2 = int(min(width, middle[0] + reach)), int(min(height, middle[1] + reach))
    if x2 - x1 < 2 or y2 - y1 < 2:
        return frame, matrix
    small, factor = halved(frame[y1:y2, x1:x2], int(reach), side_px)
    # Positions are of pixels' centres, which a resize moves by half of the ratio less one.
    shift = (factor - 1) / 2
    back = np.array([[factor, 0, x1 + shift], [0, factor, y1 + shift], [0, 0, 1.0]])
    return small, matrix @ back


def head_direction_deg(keypoints: Floats) -> tuple[float, float]:
    """Yaw and pitch of a head, from six keypoints and a rigid average head.

    The line through the tragions is the head's axis; the nose tip stands a known depth before it,
    so its offset along and across that axis over the axis's length is the tangent of the turn.

    Returns:
        Degrees; (0, 0) faces the camera, positive is to the person's left and down.
    """
    right, left, nose = keypoints[RIGHT_EAR], keypoints[LEFT_EAR], keypoints[NOSE]
    eyes = keypoints[LEFT_EYE] - keypoints[RIGHT_EYE]
    roll = float(np.arctan2(eyes[1], eyes[0]))
    cos, sin = np.cos(-roll), np.sin(-roll)
    turn = np.array([[cos, -sin], [sin, cos]])
    span = float((turn @ (left - right))[0])
    offset = turn @ (nose - (left + right) / 2)
    if span <= 1.0:
        # The ears have crossed: a profile or beyond.
        return (90.0 if offset[0] > 0 else -90.0), 0.0
    yaw = np.degrees(np.arctan(offset[0] / span * EAR_SPAN_TO_NOSE_DEPTH))
    upright = span / max(float(np.cos(np.radians(yaw))), 0.2)
    pitch = np.degrees(np.arctan((offset[1] / upright - NOSE_BELOW_EARS) * EAR_SPAN_TO_NOSE_DEPTH))
    return float(yaw), float(pitch)
