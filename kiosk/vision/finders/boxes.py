"""What every detector needs: overlapping boxes made one, frames fitted into an input."""

from __future__ import annotations

import cv2
import numpy as np

from kiosk.vision.faces import Faces, Image, shared_area, shrunk

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
        faces = faces.take(np.argsort(-faces.scores, kind="stable"))
        groups = _groups(faces.boxes.tolist(), iou)
        if len(groups) == len(faces):
            return faces
        # Averages may overlap where the boxes that they came from did not: once more.
        faces = _blended(faces, groups)
    return faces


def _groups(boxes: list[list[float]], iou: float) -> list[list[int]]:
    """For each face the rows that are averaged: the best one, and those that are much like it."""
    alike = max(iou, ALIKE_IOU)
    left = list(range(len(boxes)))
    groups = []
    # There are a few boxes, for which plain numbers are faster than arrays.
    while left:
        best, *others = left
        group, left = [best], []
        area = _area(boxes[best])
        for row in others:
            shared, own = shared_area(boxes[best], boxes[row]), _area(boxes[row])
            overlap = shared / max(area + own - shared, 1e-9)
            if overlap >= alike:
                group.append(row)
            elif overlap < iou and shared < CONTAINED * own:
                left.append(row)
        groups.append(group)
    return groups


def _area(box: list[float]) -> float:
    return (box[2] - box[0]) * (box[3] - box[1])


def _blended(faces: Faces, groups: list[list[int]]) -> Faces:
    weights = np.zeros((len(groups), len(faces)), np.float32)
    for place, group in enumerate(groups):
        weights[place, group] = faces.scores[group]
    weights /= weights.sum(axis=1, keepdims=True)
    points = weights @ faces.keypoints.reshape(len(faces), -1)
    return Faces(
        weights @ faces.boxes,
        faces.scores[[group[0] for group in groups]],
        points.reshape(-1, *faces.keypoints.shape[1:]),
    )


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
