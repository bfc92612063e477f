"""Where somebody has to be to count: outside of the ignored zones, and near enough."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from kiosk.config import CameraSettings, ZoneSettings
from kiosk.vision.faces import Faces, Floats


class Zones:
    """Drops faces before anybody follows them or looks at them closely."""

    def __init__(self, zones: ZoneSettings, camera: CameraSettings) -> None:
        """Take over the settings.

        Args:
            zones: the ignored parts of the picture, and the largest distance.
            camera: its angle of view.
        """
        self._zones = zones
        self._fov_deg = camera.horizontal_fov_deg
        self._polygons = [np.array(one.polygon, np.float64) for one in zones.ignore]

    def keep(self, faces: Faces, width_px: int, height_px: int) -> Faces:
        """The faces that count.

        Args:
            faces: of a frame.
            width_px: of the frame.
            height_px: of the frame.
        """
        most_m = self._zones.max_distance_m
        if not len(faces) or (not self._polygons and most_m is None):
            return faces
        middles = (faces.boxes[:, :2] + faces.boxes[:, 2:]) / 2
        shares = middles / np.array([width_px, height_px], np.float32)
        kept = np.ones(len(faces), bool)
        for polygon in self._polygons:
            kept &= ~inside(polygon, np.asarray(shares, np.float32))
        if most_m is not None:
            boxes_px = faces.boxes[:, 2] - faces.boxes[:, 0]
            far_m = distance_m(boxes_px, width_px, self._fov_deg, self._zones.face_width_m)
            kept &= far_m <= most_m
        return faces.take(np.flatnonzero(kept))


def distance_m(boxes_px: Floats, frame_px: int, fov_deg: float, face_width_m: float) -> Floats:
    """How far faces are, by a pinhole camera: the focal length times the width over its image.

    A turned head's box is narrower, and seems farther, by up to a third.

    Args:
        boxes_px: float32 [n], widths of face boxes in pixels.
        frame_px: width of the frame.
        fov_deg: angle of view from its left to its right side.
        face_width_m: width that a box has at the face.

    Returns:
        float32 [n] in metres.
    """
    focal_px = frame_px / 2 / math.tan(math.radians(fov_deg) / 2)
    return np.asarray(focal_px * face_width_m / np.maximum(boxes_px, 1.0), np.float32)


def inside(polygon: NDArray[np.float64], points: Floats) -> NDArray[np.bool_]:
    """Which points lie in a polygon: a line from such a point to the right crosses it oddly often.

    Args:
        polygon: float64 [corners, 2], closed from the last corner to the first.
        points: float32 [n, 2].

    Returns:
        bool [n].
    """
    x, y = points[:, 0, None].astype(np.float64), points[:, 1, None].astype(np.float64)
    (x1, y1), (x2, y2) = polygon.T, np.roll(polygon, -1, axis=0).T
    spans = (y1 > y) != (y2 > y)
    with np.errstate(divide="ignore", invalid="ignore"):
        crossing = x1 + (y - y1) * (x2 - x1) / (y2 - y1)
    return np.asarray((spans & (x < crossing)).sum(axis=1) % 2 == 1)
