"""The tiny YOLO face detector of face-api: five anchors per cell of one grid."""

from __future__ import annotations

import numpy as np

from kiosk.config import DetectionSettings
from kiosk.errors import ModelError
from kiosk.vision.cards import Card
from kiosk.vision.engine import Tensor
from kiosk.vision.faces import Faces, Floats, Image
from kiosk.vision.finders.boxes import fit, suppress
from kiosk.vision.finders.typical import typical_keypoints
from kiosk.vision.runtime import Models

ANCHORS = np.array(
    [
        [1.603231, 2.094468],
        [6.041143, 7.080126],
        [2.882459, 3.518061],
        [4.266906, 5.178857],
        [9.041765, 10.66308],
    ],
    np.float32,
)
"""Width and height in cells (face-api, ``tinyFaceDetector/const.ts``)."""

NUMBERS = 5
"""Per anchor: centre, size, score."""


class TinyYoloFinder:
    """One look at the whole frame, fitted into the upper left of a square."""

    def __init__(
        self, cards: tuple[Card, ...], models: Models, settings: DetectionSettings
    ) -> None:
        card = cards[0]
        if card.faces is None or card.faces.typical_eyes is None or len(card.faces.outputs) != 1:
            raise ModelError(f"{card.name}: tiny-yolo needs faces.typical_eyes and one output")
        self._eyes = card.faces.typical_eyes
        self._output = card.faces.outputs[0]
        self._min_score = settings.min_score or card.faces.min_score
        self._iou = settings.nms_iou
        self._network = models.network(card)

    def search(self, frame: Image) -> Faces:
        """Find faces in a uint8 BGR frame [height, width, 3]; boxes in its pixels."""
        zoom = fit(frame, self._network.input[0])
        boxes, scores = decode_cells(self._network.run(), self._output, self._min_score)
        boxes *= self._network.input.shape[1] / zoom
        faces = Faces(boxes, scores, typical_keypoints(boxes, self._eyes))
        return suppress(faces, self._iou)


def decode_cells(outputs: dict[str, Tensor], name: str, min_score: float) -> tuple[Floats, Floats]:
    """Read boxes of anchors on a grid (Redmon and Farhadi 2017, YOLO9000, section 2).

    Args:
        outputs: float32 by name; ``name`` is [1, cells, cells, 25]: for each of five anchors the
            logits of the centre in the cell, logarithms of the size over the anchor's, and a logit.
        name: of that tensor.
        min_score: least score of a face.

    Returns:
        Boxes [n, 4] in shares (0..1) of the input square, and scores [n], before suppression.

    Raises:
        ModelError: the tensor does not have that shape.
    """
    try:
        cells = outputs[name].shape[1]
        raw = outputs[name].reshape(cells, cells, len(ANCHORS), NUMBERS)
    except (KeyError, IndexError, ValueError) as bad:
        shapes = {key: tensor.shape for key, tensor in outputs.items()}
        raise ModelError(f"the detector's outputs {shapes} are not what its card says") from bad
    all_scores = _logistic(raw[..., 4])
    # An accelerator that computes in half precision may overflow: such a box is no face.
    sound = np.isfinite(raw).all(axis=-1) & (raw[..., 2:4] < np.log(cells)).all(axis=-1)
    row, column, anchor = np.nonzero((all_scores >= min_score) & sound)
    found = raw[row, column, anchor]
    centre = (_logistic(found[:, :2]) + np.stack([column, row], axis=1)) / cells
    half = np.exp(found[:, 2:4]) * ANCHORS[anchor] / (2 * cells)
    boxes = np.concatenate([centre - half, centre + half], axis=1)
    return boxes.astype(np.float32), all_scores[row, column, anchor].astype(np.float32)


def _logistic(x: Tensor) -> Floats:
    return np.asarray(1 / (1 + np.exp(-np.clip(x, -80, 80))), np.float32)
