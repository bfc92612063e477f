"""What every detector needs: overlapping boxes made one, frames fitted into an input."""

from __future__ import annotations

import cv2
import numpy as np

from kiosk.vision.faces import Faces, Floats, Image, shrunk

ALIKE_IOU = 0.5
"""Overlap from which boxes are looks at one face that is worth averaging."""

CONTAINED = 0.8
"""Share of a box inside a better one from which it is a part of the same face."""


def suppress(faces: Faces, iou: float) -> Faces:
    """Make one face of each group of overlapping boxes, best first.

    Boxes and keypoints of a group are averaged by score, as BlazeFace (Bazarevsky et al. 2019,
    section 4) does: that steadies them from frame to frame, where the best one alone jitters.
    """
    while len(faces) > 1:
        # Averages may overlap where the boxes that they came from did not.
        blended = _blend(faces, iou)
        if len(blended) == len(faces) or not _any_same(blended.boxes, iou):
            return blended
        faces = blended
    return faces


def _any_same(boxes: Floats, iou: float) -> bool:
    shared = _shared_areas(boxes)
    areas = shared.diagonal().copy()
    union = areas[:, None] + areas - shared
    np.fill_diagonal(shared, 0)
    return bool(((shared >= iou * union) | (shared >= CONTAINED * areas)).any())


def _blend(faces: Faces, iou: float) -> Faces:
    faces = faces.take(np.argsort(-faces.scores, kind="stable"))
    shared = _shared_areas(faces.boxes)
    areas = shared.diagonal()
    overlap = shared / np.maximum(areas[:, None] + areas - shared, 1e-9)
    same = (overlap >= iou) | (shared >= CONTAINED * areas)
    alike = overlap >= max(iou, ALIKE_IOU)
    left = np.ones(len(faces), bool)
    best: list[int] = []
    weights: list[Floats] = []
    for row in range(len(faces)):
        if not left[row]:
            continue
        group = left & alike[row]
        left &= ~same[row]
        group[row], left[row] = True, False
        weight = np.where(group, faces.scores, 0)
        best.append(row)
        weights.append(weight / weight.sum())
    blend = np.asarray(weights, np.float32)
    return Faces(
        blend @ faces.boxes,
        faces.scores[best],
        (blend @ faces.keypoints.reshape(len(faces), -1)).reshape(-1, *faces.keypoints.shape[1:]),
    )


def _shared_areas(boxes: Floats) -> Floats:
    """Area that each box [n, 4] has in common with each: [n, n], their own on the diagonal."""
    low = np.maximum(boxes[:, None, :2], boxes[None, :, :2])
    high = np.minimum(boxes[:, None, 2:], boxes[None, :, 2:])
    side = np.maximum(high - low, 0)
    return np.asarray(side[..., 0] * side[..., 1], np.float32)


def join(parts: list[Faces]) -> Faces:
    """The faces of all parts."""
    parts = [part for part in parts if len(part)]
    if len(parts) < 2:
        return parts[0] if parts else Faces.none()
    return Faces(
        np.concatenate([part.boxes for part in parts]),
        np.concatenate([part.scores for part in parts]),
        np.concatenate([part.keypoints for part in parts]),
    )


def fit(image: Image, canvas: Image, *, rough: bool = False) -> float:
    """Draw an image into the upper left of a canvas, as large as it goes, black beside it.

    Args:
        image: uint8 [height, width, 3].
        canvas: uint8 [height, width, 3], overwritten.
        rough: however large the image, only the pixels about each sample are read.

    Returns:
        Pixels of the canvas for one of the image.
    """
    height, width = image.shape[:2]
    tall, wide = canvas.shape[:2]
    zoom: float = min(wide / width, tall / height)
    size = (min(wide, max(1, round(width * zoom))), min(tall, max(1, round(height * zoom))))
    if rough:
        small = cv2.resize(image, size, interpolation=cv2.INTER_LINEAR)
    else:
        small = shrunk(image, *size)
    canvas[: size[1], : size[0]] = small
    canvas[size[1] :] = 0
    canvas[:, size[0] :] = 0
    return zoom
