"""Find faces: the whole frame every time, square tiles in turn, one list of boxes."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from kiosk.config import DetectionSettings
from kiosk.errors import ModelError
from kiosk.vision.cards import Anchors, Card
from kiosk.vision.faces import Faces, Floats, Image, halved
from kiosk.vision.runtime import Network, Tensor

Window = tuple[int, int, int, int]
"""x, y, width, height of a part of the frame, in pixels."""

ALIKE_IOU = 0.5
"""Overlap from which boxes are looks at one face that is worth averaging."""

CONTAINED = 0.8
"""Share of a box inside a better one from which it is a part of the same face."""


def decode_anchors(
    outputs: dict[str, Tensor], anchors: Anchors, side_px: int, min_score: float
) -> Faces:
    """Read box regressions on a grid (MediaPipe's full-range face detector, its model card).

    Args:
        outputs: float32 regressions [1, grid*grid, 16] (centre, size, six keypoints; pixels of
            the input, relative to the anchor) and logits [1, grid*grid, 1].
        anchors: names and grid, from the model's card.
        side_px: side of the model's square input.
        min_score: least score of a face.

    Returns:
        Faces in shares (0..1) of the input square, before suppression.

    Raises:
        ModelError: the tensors do not have the shapes that the card declares.
    """
    cells = anchors.grid * anchors.grid
    width = 4 + 2 * len(anchors.keypoints)
    try:
        raw = outputs[anchors.boxes].reshape(cells, width)
        logits = outputs[anchors.scores].reshape(cells)
    except (KeyError, ValueError) as bad:
        shapes = {name: tensor.shape for name, tensor in outputs.items()}
        raise ModelError(f"the detector's outputs {shapes} are not what its card says") from bad
    floor = np.log(min_score / (1 - min_score)) if 0 < min_score < 1 else -np.inf
    rows = np.flatnonzero(logits >= floor)
    # An accelerator that computes in half precision may overflow: such a box is no face.
    rows = rows[np.isfinite(raw[rows]).all(axis=1) & (raw[rows, 2:4] > 0).all(axis=1)]
    if not len(rows):
        return Faces.none()
    scores = 1 / (1 + np.exp(-np.clip(logits[rows], -80, 80)))
    centres = np.stack([rows % anchors.grid, rows // anchors.grid], axis=1) + 0.5
    centres = centres / anchors.grid
    found = raw[rows] / side_px
    middle = found[:, :2] + centres
    half = found[:, 2:4] / 2
    keypoints = found[:, 4:].reshape(len(rows), -1, 2) + centres[:, None, :]
    return Faces(
        np.concatenate([middle - half, middle + half], axis=1).astype(np.float32),
        scores.astype(np.float32),
        keypoints.astype(np.float32),
    )


def suppress(faces: Faces, iou: float) -> Faces:
    """Make one face of each group of overlapping boxes, best first.

    Boxes and keypoints of a group are averaged by score, as BlazeFace (Bazarevsky et al. 2019,
    section 4) does: that steadies them from frame to frame, where the best one alone jitters.
    """
    while len(faces) > 1:
        # Averages may overlap where the boxes that they came from did not.
        blended = _blend(faces, iou)
        if len(blended) == len(faces):
            return blended
        faces = blended
    return faces


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


def _join(parts: list[Faces]) -> Faces:
    return Faces(
        np.concatenate([part.boxes for part in parts]),
        np.concatenate([part.scores for part in parts]),
        np.concatenate([part.keypoints for part in parts]),
    )


def square_tiles(width: int, height: int) -> list[Window]:
    """Overlapping squares, as large as the short side, that cover the frame along the long one."""
    side = min(width, height)
    along = max(width, height) - side
    if along < side * 0.1:
        return []
    count = int(np.ceil(along / (side * 0.75))) + 1
    starts = [round(along * step / (count - 1)) for step in range(count)]
    return [
        (start, 0, side, side) if width > height else (0, start, side, side) for start in starts
    ]


class Detector:
    """A face detector over whole frames and tiles."""

    def __init__(self, network: Network, card: Card, settings: DetectionSettings) -> None:
        if card.anchors is None:
            raise ModelError(f"{card.name}: the card of a face detector needs `anchors`")
        self._network = network
        self._anchors = card.anchors
        self._settings = settings
        self._side = card.input.width_px
        self._canvas: NDArray[np.uint8] = np.zeros((1, self._side, self._side, 3), np.uint8)
        self._next_tile = 0

    def detect(self, frame: Image) -> Faces:
        """Find faces in a uint8 BGR frame [height, width, 3]; boxes in its pixels."""
        # Once for all windows; the smallest of them is as large as the frame's short side.
        small, factor = halved(frame, min(frame.shape[:2]), self._side)
        height, width = small.shape[:2]
        windows = [(0, 0, width, height), *self._tiles(width, height)]
        found = _join([self._in_window(small, window) for window in windows])
        faces = suppress(found, self._settings.nms_iou)
        wide = (faces.boxes[:, 2] - faces.boxes[:, 0]) * factor >= self._settings.min_face_px
        faces = faces.take(np.flatnonzero(wide))
        return Faces(faces.boxes * factor, faces.scores, faces.keypoints * factor)

    def _tiles(self, width: int, height: int) -> list[Window]:
        tiles = square_tiles(width, height)
        count = min(self._settings.tiles_per_frame, len(tiles))
        chosen = [tiles[(self._next_tile + step) % len(tiles)] for step in range(count)]
        self._next_tile = (self._next_tile + count) % max(1, len(tiles))
        return chosen

    def _in_window(self, frame: Image, window: Window) -> Faces:
        x, y, width, height = window
        zoom = self._side / max(width, height)
        size = (max(1, round(width * zoom)), max(1, round(height * zoom)))
        canvas = self._canvas[0]
        if size != (self._side, self._side):
            canvas[:] = 0
        part, _ = halved(frame[y : y + height, x : x + width], max(width, height), self._side)
        canvas[: size[1], : size[0]] = cv2.resize(part, size, interpolation=cv2.INTER_LINEAR)
        faces = decode_anchors(
            self._network.infer(self._canvas), self._anchors, self._side, self._settings.min_score
        )
        scale = np.float32(self._side / zoom)
        offset = np.array([x, y], np.float32)
        return Faces(
            faces.boxes * scale + np.tile(offset, 2), faces.scores, faces.keypoints * scale + offset
        )
