"""YuNet: anchor-free faces with five keypoints, in the frame's own shape or near a known face."""

from __future__ import annotations

import logging
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from kiosk.config import DetectionSettings
from kiosk.errors import AcceleratorError, ModelError
from kiosk.vision.cards import Card
from kiosk.vision.engine import Tensor
from kiosk.vision.faces import LEFT_EYE, MOUTH, NOSE, RIGHT_EYE, Faces, Floats, Image
from kiosk.vision.finders.boxes import fit, join, suppress
from kiosk.vision.runtime import Models, Network

log = logging.getLogger(__name__)

STRIDES = (8, 16, 32)
"""Pixels per cell of the three grids (Wu, Peng and Yu 2023, YuNet, section 3)."""

STEP_PX = STRIDES[-1]
"""The sides of its input are multiples of this."""

SHAPES = (16 / 9, 4 / 3, 1.0, 3 / 4, 9 / 16)
"""Width over height of the inputs that are made, each when a frame of about its shape comes."""

NEAR_SPAN = 2.0
"""Side of the window around a known face, in widths of the face: it may move by half of one."""

NEAR_MOVE = 0.75
"""How far a face's middle may be from where it was, in sizes of the face. What is further away is
cut by its window's border, or put together of a neighbour's window and the border's other side."""

NEAR_ABREAST = 4
"""Windows that share one run: a run costs about as much beside the model as a window in it."""


class YuNetFinder:
    """One search over the whole frame, or a small look at each place where a face was."""

    def __init__(
        self, cards: tuple[Card, ...], models: Models, settings: DetectionSettings
    ) -> None:
        card = cards[0]
        if card.faces is None or len(card.faces.outputs) != 12 or not card.faces.near_px:
            raise ModelError(f"{card.name}: yunet needs twelve faces.outputs and faces.near_px")
        self._card = card
        self._names = card.faces.outputs
        self._knots = np.asarray(card.faces.score_knots or [(0, 0), (1, 1)], np.float32)
        least = settings.min_score or card.faces.min_score
        self._min_score = float(np.interp(least, self._knots[:, 1], self._knots[:, 0]))
        self._settings = settings
        self._models = models
        self._area = card.input.height_px * card.input.width_px
        near = self._near_px = card.faces.near_px
        self._near = [
            models.network(card, near, near * (count + 1)) for count in range(NEAR_ABREAST)
        ]
        self._wide: dict[float, Network] = {}
        self._window_for(card.input.width_px, card.input.height_px)

    def search(self, frame: Image) -> Faces:
        """Find faces in a uint8 BGR frame [height, width, 3]; boxes in its pixels."""
        window = self._window_for(frame.shape[1], frame.shape[0])
        zoom = fit(frame, window.input[0])
        faces = decode(window.run(), self._names, window.input.shape[2], self._min_score)
        return self._suppressed(faces.scaled(1 / zoom))

    def look_again(self, frame: Image, boxes: Floats) -> Faces:
        """Find the faces about each of some boxes, float32 [n, 4], at a size that suits it."""
        height, width = frame.shape[:2]
        sides = np.maximum(boxes[:, 2] - boxes[:, 0], boxes[:, 3] - boxes[:, 1]) * NEAR_SPAN
        corners = (boxes[:, :2] + boxes[:, 2:] - sides[:, None]) / 2
        low = np.rint(corners.clip(0, (width, height))).astype(int)
        high = np.rint((corners + sides[:, None]).clip(0, (width, height))).astype(int)
        there = np.flatnonzero((high - low >= STRIDES[0]).all(axis=1))
        parts = []
        for at in range(0, len(there), NEAR_ABREAST):
            rows = there[at : at + NEAR_ABREAST]
            windows = [frame[y1:y2, x1:x2] for (x1, y1), (x2, y2) in zip(low[rows], high[rows])]
            found, place = self._abreast(windows, low[rows].astype(np.float32))
            middles = (found.boxes[:, :2] + found.boxes[:, 2:]) / 2
            moved = np.abs(middles - (corners + sides[:, None] / 2)[rows][place]).max(axis=1)
            stayed = moved <= sides[rows][place] / NEAR_SPAN * NEAR_MOVE
            parts.append(found.take(np.flatnonzero(stayed)))
        return self._suppressed(join(parts))

    def _abreast(self, windows: list[Image], corners: Floats) -> tuple[Faces, NDArray[np.int_]]:
        """The faces of some parts of a frame that are looked at at once, and each one's part."""
        network, side = self._near[len(windows) - 1], self._near_px
        canvas = network.input[0]
        # A face that is known to be there is large in its window: no pixel in particular matters.
        zooms = np.asarray(
            [
                fit(window, canvas[:, place * side : (place + 1) * side], rough=True)
                for place, window in enumerate(windows)
            ],
            np.float32,
        )
        faces = decode(network.run(), self._names, network.input.shape[2], self._min_score)
        middles = (faces.boxes[:, 0] + faces.boxes[:, 2]) / 2
        place = np.clip(middles // side, 0, len(windows) - 1).astype(int)
        zoom = zooms[place]
        shift = corners[place].copy()
        shift[:, 0] -= place * side / zoom
        boxes = faces.boxes / zoom[:, None] + shift[:, [0, 1, 0, 1]]
        keypoints = faces.keypoints / zoom[:, None, None] + shift[:, None]
        return Faces(boxes, faces.scores, keypoints), place

    def _window_for(self, width: int, height: int) -> Network:
        shape = min(SHAPES, key=lambda one: abs(np.log(one * height / width)))
        if shape not in self._wide:
            # Sides of one area, whatever the shape, so that a search costs the same.
            wide = max(1, round(float(np.sqrt(self._area * shape)) / STEP_PX)) * STEP_PX
            tall = max(1, round(float(np.sqrt(self._area / shape)) / STEP_PX)) * STEP_PX
            self._wide[shape] = self._loaded(tall, wide)
        return self._wide[shape]

    def _loaded(self, tall: int, wide: int) -> Network:
        try:
            return self._models.network(self._card, tall, wide)
        except AcceleratorError as bad:
            if not self._wide:
                raise
            # It runs another shape: frames of this one are drawn into that.
            log.warning("event=shape_refused size=%dx%d reason=%s", wide, tall, bad)
            return next(iter(self._wide.values()))

    def _suppressed(self, faces: Faces) -> Faces:
        faces = suppress(faces, self._settings.nms_iou)
        scores = np.interp(faces.scores, self._knots[:, 0], self._knots[:, 1])
        return Faces(faces.boxes, scores.astype(np.float32), faces.keypoints)


def decode(outputs: dict[str, Tensor], names: list[str], width: int, min_score: float) -> Faces:
    """Read YuNet's twelve tensors (Wu, Peng and Yu 2023, sections 3.2 and 3.3).

    Args:
        outputs: float32 by name: for each stride class and objectness probabilities [1, n, 1],
            boxes [1, n, 4] and five keypoints [1, n, 10], relative to the n cells.
        names: of the class tensors of the three strides, then objectness, boxes, keypoints.
        width: of the input, in pixels.
        min_score: least score of a face.

    Returns:
        Faces in pixels of the input, before suppression. The mouth is the middle of its corners;
        there are no ears.

    Raises:
        ModelError: the tensors do not have the shapes that the card declares.
    """
    try:
        parts = [[outputs[name] for name in names[at : at + 3]] for at in range(0, 12, 3)]
        counts = tuple(part.size for part in parts[0])
        kind, there, box, point = (
            np.concatenate([tensor.reshape(count, -1) for tensor, count in zip(part, counts)])
            for part in parts
        )
        product = (kind * there).reshape(sum(counts))
        rows = np.flatnonzero(product >= min_score**2)
        box, point = box[rows].reshape(-1, 4), point[rows].reshape(-1, 5, 2)
    except (KeyError, ValueError, IndexError) as bad:
        shapes = {name: tensor.shape for name, tensor in outputs.items()}
        raise ModelError(f"the detector's outputs {shapes} are not what its card says") from bad
    # An accelerator that computes in half precision may overflow: such a box is no face.
    sound = np.isfinite(box).all(axis=1) & np.isfinite(point).all(axis=(1, 2))
    sound &= np.isfinite(product[rows]) & (box[:, 2:] < np.log(width)).all(axis=1)
    if not sound.any():
        return Faces.none()
    cells, strides = _grid(width, counts)
    rows, box, point = rows[sound], box[sound], point[sound]
    cell, stride = cells[rows], strides[rows, None]
    middle = (cell + box[:, :2]) * stride
    half = np.exp(box[:, 2:]) * (stride / 2)
    points = (point + cell[:, None]) * stride[:, None]
    keypoints = np.full((len(rows), 6, 2), np.nan, np.float32)
    keypoints[:, [RIGHT_EYE, LEFT_EYE, NOSE]] = points[:, :3]
    keypoints[:, MOUTH] = points[:, 3:].mean(axis=1)
    scores = np.sqrt(product[rows]).clip(0, 1)
    return Faces(np.concatenate([middle - half, middle + half], axis=1), scores, keypoints)


@lru_cache(maxsize=8)
def _grid(width: int, counts: tuple[int, ...]) -> tuple[Floats, Floats]:
    """Column and row, float32 [n, 2], and stride, float32 [n], of all cells of the three grids."""
    cells = [
        np.stack(np.divmod(np.arange(count), width // stride)[::-1], axis=1)
        for count, stride in zip(counts, STRIDES)
    ]
    strides = np.repeat(np.asarray(STRIDES, np.float32), counts)
    return np.concatenate(cells).astype(np.float32), strides
