"""Single-shot detectors of the Open Model Zoo, with its models for a face's points and angles."""

from __future__ import annotations

from typing import Optional

import numpy as np

from kiosk.config import DetectionSettings
from kiosk.errors import ModelError
from kiosk.vision.cards import Card
from kiosk.vision.engine import Tensor
from kiosk.vision.faces import LEFT_EYE, MOUTH, NOSE, RIGHT_EYE, Faces, Floats, Image, shrunk
from kiosk.vision.finders.boxes import suppress
from kiosk.vision.finders.typical import typical_keypoints
from kiosk.vision.runtime import Models
from kiosk.vision.view import (
    FACE_LENGTH_TO_NOSE_DEPTH,
    NOSE_ALONG_FACE,
    NOSE_DEPTH_TO_EYE_SPAN,
)

ROW = 7
"""Numbers of a detection: picture, class, score, x1, y1, x2, y2 in shares of the sides."""

MOST_DEG = 75.0
"""Beyond it the nose of a rigid head would leave the face; it looks away all the same."""


class SsdFinder:
    """One look at the whole frame, stretched to the input as in its training."""

    def __init__(
        self, cards: tuple[Card, ...], models: Models, settings: DetectionSettings
    ) -> None:
        card = cards[0]
        if card.faces is None or card.faces.typical_eyes is None or len(card.faces.outputs) != 1:
            raise ModelError(f"{card.name}: ssd needs faces.typical_eyes and one output")
        self._eyes = card.faces.typical_eyes
        self._output = card.faces.outputs[0]
        self._min_score = settings.min_score or card.faces.min_score
        self._iou = settings.nms_iou
        self._network = models.network(card)
        self._size = (card.input.width_px, card.input.height_px)
        self._points: Optional[_OneFace] = None
        self._angles: Optional[_OneFace] = None
        for more in cards[1:]:
            count = len(more.faces.outputs) if more.faces is not None else 0
            if count not in (1, 3):
                raise ModelError(f"{more.name}: ssd needs one output of points, or three of angles")
            if count == 1:
                self._points = _OneFace(more, models, 10)
            else:
                self._angles = _OneFace(more, models, 1)

    def search(self, frame: Image) -> Faces:
        """Find faces in a uint8 BGR frame [height, width, 3]; boxes in its pixels."""
        self._network.input[0] = shrunk(frame, *self._size)
        boxes, scores = decode_rows(self._network.run(), self._output, self._min_score)
        boxes *= np.tile(np.array(frame.shape[1::-1], np.float32), 2)
        faces = suppress(Faces(boxes, scores, typical_keypoints(boxes, self._eyes)), self._iou)
        for box, keypoints in zip(faces.boxes, faces.keypoints):
            self._look_closer(frame, box, keypoints)
        return faces

    def _look_closer(self, frame: Image, box: Floats, keypoints: Floats) -> None:
        """Put the typical keypoints of a face where the other models see them."""
        if self._points is not None:
            (found,) = self._points.infer(frame, box)
            if np.isfinite(found).all():
                place_points(found, box, keypoints)
        if self._angles is not None:
            yaw, pitch, _ = (float(angle[0]) for angle in self._angles.infer(frame, box))
            if np.isfinite([yaw, pitch]).all():
                place_nose(yaw, pitch, keypoints)


class _OneFace:
    """A model that looks at the box of one face."""

    def __init__(self, card: Card, models: Models, numbers: int) -> None:
        self._name = card.name
        self._outputs = card.faces.outputs if card.faces is not None else []
        self._numbers = numbers
        self._network = models.network(card)
        self._size = (card.input.width_px, card.input.height_px)

    def infer(self, frame: Image, box: Floats) -> list[Floats]:
        """What it says of a box [4] of a frame: its outputs as float32 [numbers]."""
        low = np.maximum(box[:2], 0).astype(int)
        x2, y2 = np.minimum(box[2:].astype(int) + 1, frame.shape[1::-1])
        part = frame[low[1] : y2, low[0] : x2]
        if not part.size:
            return [np.full(self._numbers, np.nan, np.float32) for _ in self._outputs]
        self._network.input[0] = shrunk(part, *self._size)
        outputs = self._network.run()
        found = [np.array(outputs.get(name, ()), np.float32).ravel() for name in self._outputs]
        if any(one.size != self._numbers for one in found):
            shapes = {name: tensor.shape for name, tensor in outputs.items()}
            raise ModelError(f"{self._name}: its outputs {shapes} are not what its card says")
        return found


def decode_rows(outputs: dict[str, Tensor], name: str, min_score: float) -> tuple[Floats, Floats]:
    """Read the rows of a detection layer (Liu et al. 2016, SSD).

    Args:
        outputs: float32 by name; ``name`` is [1, 1, n, 7], ended by a picture number below zero.
        name: of that tensor.
        min_score: least score of a face.

    Returns:
        Boxes [n, 4] in shares (0..1) of the frame, and scores [n].

    Raises:
        ModelError: the tensor does not have that shape.
    """
    rows = outputs.get(name)
    if rows is None or rows.ndim != 4 or rows.shape[3] != ROW:
        shapes = {key: tensor.shape for key, tensor in outputs.items()}
        raise ModelError(f"the detector's outputs {shapes} are not what its card says")
    rows = rows.reshape(-1, ROW)
    ended = np.flatnonzero(rows[:, 0] < 0)
    rows = rows[: ended[0]] if len(ended) else rows
    # An accelerator that computes in half precision may overflow: such a box is no face.
    sound = np.isfinite(rows).all(axis=1) & (rows[:, 5:] > rows[:, 3:5]).all(axis=1)
    rows = rows[sound & (rows[:, 2] >= min_score)]
    return np.array(rows[:, 3:], np.float32), np.array(rows[:, 2], np.float32)


def place_points(shares: Floats, box: Floats, keypoints: Floats) -> None:
    """Write five points, as shares of a box's sides, to the keypoints of its face.

    Args:
        shares: float32 [10]: x, y of the eyes, nose and mouth corners; of each pair, the one that
            is at the left of the picture comes first.
        box: float32 [4] in pixels.
        keypoints: float32 [6, 2] in pixels, overwritten but for the ears.
    """
    points = box[:2] + shares.reshape(5, 2) * (box[2:] - box[:2])
    keypoints[[RIGHT_EYE, LEFT_EYE, NOSE]] = points[:3]
    keypoints[MOUTH] = points[3:].mean(axis=0)


def place_nose(yaw_deg: float, pitch_deg: float, keypoints: Floats) -> None:
    """Put the nose tip where a rigid head has it that is turned like this.

    That is how keypoints say where a head points; see :func:`kiosk.vision.view.head_direction_deg`.

    Args:
        yaw_deg: positive to the person's left.
        pitch_deg: positive down.
        keypoints: float32 [6, 2] in pixels, of which the nose is overwritten.
    """
    yaw, pitch = np.radians(np.clip([yaw_deg, pitch_deg], -MOST_DEG, MOST_DEG))
    right, left, mouth = keypoints[[RIGHT_EYE, LEFT_EYE, MOUTH]]
    middle = (right + left) / 2
    along = NOSE_ALONG_FACE + np.tan(pitch) / FACE_LENGTH_TO_NOSE_DEPTH
    aside = (left - right) * NOSE_DEPTH_TO_EYE_SPAN * np.tan(yaw)
    keypoints[NOSE] = middle + along * (mouth - middle) + aside
