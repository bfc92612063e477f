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


@dataclass(frozen=True)
class Faces:
    """The faces of one frame.

    Attributes:
        boxes: float32 [n, 4], x1 y1 x2 y2 in pixels of the frame.
        scores: float32 [n], 0..1.
        keypoints: float32 [n, 6, 2], x y in pixels of the frame; not a number where the detector
            does not give one, such as ears.
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

    def scaled(self, factor: float) -> Faces:
        """The same faces in a picture that is ``factor`` times as large."""
        by = np.float32(factor)
        return Faces(self.boxes * by, self.scores, self.keypoints * by)

    def moved(self, x: float, y: float) -> Faces:
        """The same faces in a picture whose origin lies ``x`` and ``y`` further."""
        by = np.array([x, y, x, y], np.float32)
        return Faces(self.boxes + by, self.scores, self.keypoints + by[:2])

    @staticmethod
    def none() -> Faces:
        """No faces."""
        return Faces(
            np.zeros((0, 4), np.float32), np.zeros(0, np.float32), np.zeros((0, 6, 2), np.float32)
        )


def shared_area(one: list[float], other: list[float]) -> float:
    """Area that two boxes x1 y1 x2 y2 have in common."""
    wide = min(one[2], other[2]) - max(one[0], other[0])
    tall = min(one[3], other[3]) - max(one[1], other[1])
    return wide * tall if wide > 0 and tall > 0 else 0.0


def shrunk(image: Image, width: int, height: int) -> Image:
    """An image in another size, at the least cost that does not alias much.

    An exact half is many times cheaper than an odd ratio of more than two; where several halves
    are due, the last is exact, and averages what the others alias.

    Args:
        image: uint8 [rows, columns, channels].
        width: columns of the result.
        height: rows of the result.
    """
    ratio = max(image.shape[1] / width, image.shape[0] / height)
    if ratio >= 4:
        half = cv2.resize(image, (2 * width, 2 * height), interpolation=cv2.INTER_LINEAR)
        small = cv2.resize(half, (width, height), interpolation=cv2.INTER_AREA)
    elif ratio >= 2:
        columns, rows = max(1, image.shape[1] // 2), max(1, image.shape[0] // 2)
        even = image[: 2 * rows, : 2 * columns]
        half = cv2.resize(even, (columns, rows), interpolation=cv2.INTER_AREA)
        small = cv2.resize(half, (width, height), interpolation=cv2.INTER_LINEAR)
    else:
        small = cv2.resize(image, (width, height), interpolation=cv2.INTER_LINEAR)
    return np.asarray(small, np.uint8)


def chip(frame: Image, keypoints: Floats, crop: Crop, side_px: int) -> Image:
    """Cut the upright square that a head was trained on.

    Args:
        frame: uint8 [height, width, 3]; it may be much larger than the chip.
        keypoints: [6, 2] in pixels of the frame.
        crop: where the eyes stand in the chip.
        side_px: side of the chip.

    Returns:
        uint8 [side, side, 3]; outside the frame it is filled from the border.
    """
    # Shrinking by more than two would alias.
    frame, keypoints = face_patch(frame, keypoints, crop.eye_distance * side_px, reach(crop))
    right, left = keypoints[RIGHT_EYE], keypoints[LEFT_EYE]
    along = left - right
    distance = max(float(np.hypot(*along)), 1.0)
    zoom = crop.eye_distance * side_px / distance
    cos, sin = along / distance * zoom
    middle = (right + left) / 2
    target = np.array([side_px / 2, crop.eye_y * side_px])
    matrix = np.array([[cos, sin, 0.0], [-sin, cos, 0.0]])
    matrix[:, 2] = target - matrix[:, :2] @ middle
    cut = cv2.warpAffine(
        frame, matrix, (side_px, side_px), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )
    return np.asarray(cut, np.uint8)


def reach(crop: Crop) -> float:
    """How far from between the eyes a chip reaches, in distances of the eyes."""
    return float(np.hypot(max(crop.eye_y, 1 - crop.eye_y), 0.5)) / crop.eye_distance


def face_patch(frame: Image, keypoints: Floats, eye_px: float, far: float) -> tuple[Image, Floats]:
    """The part of a frame that every chip of one face comes from, not much larger than needed.

    Args:
        frame: uint8 [height, width, 3].
        keypoints: [6, 2] in pixels of the frame.
        eye_px: distance of the eyes that has to stay, in pixels.
        far: how far from between the eyes it reaches, in distances of the eyes.

    Returns:
        A picture, and the keypoints in its pixels. It may share memory with the frame.
    """
    right, left = keypoints[RIGHT_EYE], keypoints[LEFT_EYE]
    distance = max(float(np.hypot(*(left - right))), 1.0)
    middle, margin = (right + left) / 2, distance * far
    height, width = frame.shape[:2]
    x1, y1 = (int(max(0, value)) for value in middle - margin)
    x2, y2 = min(width, int(middle[0] + margin) + 1), min(height, int(middle[1] + margin) + 1)
    if x2 - x1 < 4 or y2 - y1 < 4:
        return frame, keypoints
    part, corner = frame[y1:y2, x1:x2], np.array([x1, y1], np.float32)
    ratio = distance / eye_px
    if ratio < 2:
        return part, keypoints - corner
    size = (max(1, round((x2 - x1) / ratio)), max(1, round((y2 - y1) / ratio)))
    by = np.array([size[0] / (x2 - x1), size[1] / (y2 - y1)], np.float32)
    # Positions are of pixels' centres, which stand half a pixel from their corners.
    half = np.float32(0.5)
    return shrunk(part, *size), (keypoints - corner + half) * by - half
