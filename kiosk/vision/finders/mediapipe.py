"""MediaPipe's full-range face detector, on the whole frame and on square tiles in turn."""

from __future__ import annotations

import numpy as np

from kiosk.config import DetectionSettings
from kiosk.errors import ModelError
from kiosk.vision.cards import Card, FaceDetection
from kiosk.vision.engine import Tensor
from kiosk.vision.faces import Faces, Image
from kiosk.vision.finders.boxes import fit, join, suppress
from kiosk.vision.runtime import Models

Window = tuple[int, int, int, int]
"""x, y, width, height of a part of the frame, in pixels."""


def decode_anchors(
    outputs: dict[str, Tensor], faces: FaceDetection, side_px: int, min_score: float
) -> Faces:
    """Read box regressions on a grid (MediaPipe's full-range face detector, its model card).

    Args:
        outputs: float32 regressions [1, grid*grid, 16] (centre, size, six keypoints; pixels of
            the input, relative to the anchor) and logits [1, grid*grid, 1].
        faces: names and grid, from the model's card.
        side_px: side of the model's square input.
        min_score: least score of a face.

    Returns:
        Faces in shares (0..1) of the input square, before suppression.

    Raises:
        ModelError: the tensors do not have the shapes that the card declares.
    """
    cells = faces.grid * faces.grid
    width = 4 + 2 * len(faces.keypoints)
    try:
        raw = outputs[faces.outputs[0]].reshape(cells, width)
        logits = outputs[faces.outputs[1]].reshape(cells)
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
    centres = np.stack([rows % faces.grid, rows // faces.grid], axis=1) + 0.5
    centres = centres / faces.grid
    found = raw[rows] / side_px
    middle = found[:, :2] + centres
    half = found[:, 2:4] / 2
    keypoints = found[:, 4:].reshape(len(rows), -1, 2) + centres[:, None, :]
    return Faces(
        np.concatenate([middle - half, middle + half], axis=1).astype(np.float32),
        scores.astype(np.float32),
        keypoints.astype(np.float32),
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


class MediaPipeFinder:
    """MediaPipe's full-range detector: the whole frame every time, square tiles in turn."""

    def __init__(
        self, cards: tuple[Card, ...], models: Models, settings: DetectionSettings
    ) -> None:
        card = cards[0]
        if card.faces is None or not card.faces.grid or len(card.faces.outputs) != 2:
            raise ModelError(f"{card.name}: mediapipe-anchors needs faces.grid and two outputs")
        self._network = models.network(card)
        self._faces = card.faces
        self._settings = settings
        self._side = card.input.width_px
        self._next_tile = 0

    def search(self, frame: Image) -> Faces:
        """Find faces in a uint8 BGR frame [height, width, 3]; boxes in its pixels."""
        height, width = frame.shape[:2]
        windows = [(0, 0, width, height), *self._tiles(width, height)]
        found = join([self._in_window(frame, window) for window in windows])
        return suppress(found, self._settings.nms_iou)

    def _tiles(self, width: int, height: int) -> list[Window]:
        tiles = square_tiles(width, height)
        count = min(self._settings.tiles_per_frame, len(tiles))
        chosen = [tiles[(self._next_tile + step) % len(tiles)] for step in range(count)]
        self._next_tile = (self._next_tile + count) % max(1, len(tiles))
        return chosen

    def _in_window(self, frame: Image, window: Window) -> Faces:
        x, y, width, height = window
        part = frame[y : y + height, x : x + width]
        zoom = fit(part, self._network.input[0])
        least = self._settings.min_score or self._faces.min_score
        outputs = self._network.run()
        faces = decode_anchors(outputs, self._faces, self._side, least)
        return faces.scaled(self._side / zoom).moved(x, y)
