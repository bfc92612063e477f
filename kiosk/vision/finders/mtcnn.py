"""MTCNN: three networks after each other, from an image pyramid to five points of each face.

Zhang, Zhang, Li and Qiao 2016, Joint Face Detection and Alignment using Multi-task Cascaded
Convolutional Networks; thresholds and steps as in the wheel ``mtcnn`` 1.0.0.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Union

import cv2
import numpy as np
from numpy.typing import NDArray

from kiosk.config import DetectionSettings
from kiosk.errors import ModelError
from kiosk.vision.cards import Card
from kiosk.vision.engine import Tensor
from kiosk.vision.faces import LEFT_EYE, MOUTH, NOSE, RIGHT_EYE, Faces, Floats, Image
from kiosk.vision.runtime import Models, Network

CELL_PX = 12
"""Side of the part of its input that P-Net judges at once."""

STRIDE_PX = 2
"""From one such part to the next."""

LEVEL_STEP = 0.709
"""Side of a level of the pyramid over the one before: half of the area."""

SAME_LEVEL_IOU, ALL_LEVELS_IOU, REFINED_IOU = 0.5, 0.7, 0.7
"""Overlap of two candidates from which one is dropped: of one level, of all, after R-Net."""

LAST_SHARE = 0.7
"""Share of the smaller box from which one of two faces is dropped, after O-Net."""

MOST_CANDIDATES = 400
"""Of P-Net, the most probable ones: bounds the time that a frame full of texture takes."""

GREY = 127
"""What lies outside of the frame: next to zero, once it is scaled."""


Rows = Union[NDArray[np.intp], slice]


@dataclass(frozen=True)
class Candidates:
    """Boxes that may hold a face: float32 [n, 4] in pixels of the frame, and scores [n]."""

    boxes: Floats
    scores: Floats

    def take(self, rows: Rows) -> Candidates:
        """Some of them."""
        return Candidates(self.boxes[rows], self.scores[rows])

    @staticmethod
    def none() -> Candidates:
        """No candidates."""
        return Candidates(np.zeros((0, 4), np.float32), np.zeros(0, np.float32))


class MtcnnFinder:
    """P-Net over a pyramid of the frame; R-Net and O-Net over each candidate that is left."""

    def __init__(
        self, cards: tuple[Card, ...], models: Models, settings: DetectionSettings
    ) -> None:
        names = [card.name for card in cards]
        if len(cards) != 3 or any(card.faces is None for card in cards):
            raise ModelError(f"mtcnn needs the cards of P-, R- and O-Net, not {', '.join(names)}")
        self._parts = [card.faces for card in cards if card.faces is not None]
        least = [part.min_score for part in self._parts]
        self._least = [*least[:2], settings.min_score or least[2]]
        self._least_px = max(self._parts[0].min_face_px, settings.min_face_px, CELL_PX)
        self._card, self._models = cards[0], models
        self._refine, self._output = (models.network(card) for card in cards[1:])
        self._shape: tuple[int, int] = (0, 0)
        self._levels: list[tuple[float, Network]] = []

    def search(self, frame: Image) -> Faces:
        """Find faces in a uint8 BGR frame [height, width, 3]; boxes in its pixels."""
        candidates = self._refined(frame, self._proposed(frame))
        return self._described(frame, candidates)

    def _proposed(self, frame: Image) -> Candidates:
        """P-Net's candidates, as squares."""
        if frame.shape[:2] != self._shape:
            self._load_levels(frame.shape[0], frame.shape[1])
        found = [Candidates.none()]
        found += [self._at_level(frame, scale, network) for scale, network in self._levels]
        boxes = np.concatenate([one.boxes for one in found])
        scores = np.concatenate([one.scores for one in found])
        kept = distinct(Candidates(boxes, scores), ALL_LEVELS_IOU).take(slice(MOST_CANDIDATES))
        return Candidates(squares(kept.boxes), kept.scores)

    def _load_levels(self, height: int, width: int) -> None:
        """Networks for a frame's shape, one for each level; those of another shape are dropped."""
        self._levels = []
        for scale in pyramid(height, width, self._least_px):
            tall, wide = round(height * scale), round(width * scale)
            self._levels.append((scale, self._models.network(self._card, tall, wide)))
        self._shape = (height, width)

    def _at_level(self, frame: Image, scale: float, network: Network) -> Candidates:
        height, width = network.input.shape[1:3]
        cv2.resize(frame, (width, height), dst=network.input[0], interpolation=cv2.INTER_AREA)
        found = proposals(network.run(), self._parts[0].outputs, self._least[0])
        boxes = distinct(found, SAME_LEVEL_IOU)
        return Candidates(boxes.boxes / np.float32(scale), boxes.scores)

    def _refined(self, frame: Image, candidates: Candidates) -> Candidates:
        """R-Net's corrections of the candidates that it takes for faces, as squares."""
        corrected, scores = [], []
        for box in candidates.boxes:
            cut_into(frame, box, self._refine.input[0])
            offsets, faces = self._answers(self._refine, 1, (4, 2))
            corrected.append(box + offsets * sizes(box))
            scores.append(faces[1])
        if not corrected:
            return candidates
        better = Candidates(np.asarray(corrected, np.float32), np.asarray(scores, np.float32))
        # An accelerator that computes in half precision may overflow: such a box is no face.
        sure = (better.scores > self._least[1]) & np.isfinite(better.boxes).all(axis=1)
        kept = distinct(better.take(np.flatnonzero(sure)), REFINED_IOU)
        return Candidates(squares(kept.boxes), kept.scores)

    def _described(self, frame: Image, candidates: Candidates) -> Faces:
        """O-Net's boxes and points of the candidates that it takes for faces."""
        boxes, scores, keypoints = [], [], []
        for box in candidates.boxes:
            cut_into(frame, box, self._output.input[0])
            offsets, faces, points = self._answers(self._output, 2, (4, 2, 10))
            if faces[1] <= self._least[2]:
                continue
            boxes.append(box + offsets * sizes(box))
            scores.append(faces[1])
            keypoints.append(_keypoints(points, box))
        if not boxes:
            return Faces.none()
        found = Faces(
            np.asarray(boxes, np.float32),
            np.asarray(scores, np.float32),
            np.asarray(keypoints, np.float32),
        )
        # An accelerator that computes in half precision may overflow: such a box is no face.
        sound = np.isfinite(found.boxes).all(axis=1) & np.isfinite(found.scores)
        sound &= np.isfinite(found.keypoints[:, : MOUTH + 1]).all(axis=(1, 2))
        found = found.take(np.flatnonzero(sound))
        return found.take(kept_rows(Candidates(found.boxes, found.scores), LAST_SHARE, True))

    def _answers(self, network: Network, stage: int, numbers: tuple[int, ...]) -> list[Floats]:
        outputs = network.run()
        names = self._parts[stage].outputs
        found = [np.array(outputs.get(name, ()), np.float32).ravel() for name in names]
        if tuple(one.size for one in found) != numbers:
            raise ModelError(f"mtcnn: {_shapes(outputs)} are not what the card says")
        return found


def pyramid(height: int, width: int, least_px: int) -> list[float]:
    """Scales at which faces of at least ``least_px`` fill P-Net's cell, the largest first."""
    scale, scales = CELL_PX / least_px, []
    while min(height, width) * scale >= CELL_PX:
        scales.append(scale)
        scale *= LEVEL_STEP
    return scales


def proposals(outputs: dict[str, Tensor], names: list[str], min_score: float) -> Candidates:
    """Read P-Net's two maps.

    Args:
        outputs: float32 by name: box corrections [1, rows, columns, 4] in shares of the cell, and
            probabilities [1, rows, columns, 2], of which the second is that of a face.
        names: of the two.
        min_score: least score of a candidate.

    Returns:
        Candidates in pixels of its input, before suppression.

    Raises:
        ModelError: the tensors do not have those shapes.
    """
    try:
        offsets, faces = outputs[names[0]][0], outputs[names[1]][0][..., 1]
        rows, columns = np.nonzero(faces > min_score)
        found = offsets[rows, columns].reshape(-1, 4)
    except (KeyError, IndexError, ValueError) as bad:
        raise ModelError(f"mtcnn: {_shapes(outputs)} are not what the card says") from bad
    corner = np.stack([columns, rows], axis=1) * STRIDE_PX + 1
    cells = np.concatenate([corner, corner + CELL_PX - 1], axis=1)
    boxes = np.asarray(cells + found * (CELL_PX - 1), np.float32)
    sound = np.flatnonzero(np.isfinite(boxes).all(axis=1))
    return Candidates(boxes, np.array(faces[rows, columns], np.float32)).take(sound)


def distinct(candidates: Candidates, iou: float) -> Candidates:
    """The best of each group of overlapping candidates, best first."""
    return candidates.take(kept_rows(candidates, iou))


def kept_rows(candidates: Candidates, most: float, of_smaller: bool = False) -> NDArray[np.intp]:
    """Rows of the best of each group of overlapping candidates, best first.

    Args:
        candidates: boxes and scores.
        most: overlap that two of them may have.
        of_smaller: as a share of the smaller one, rather than of both together.
    """
    boxes = candidates.boxes
    areas = np.prod(np.maximum(boxes[:, 2:] - boxes[:, :2], 0), axis=1)
    left, kept = np.argsort(-candidates.scores, kind="stable"), []
    while len(left):
        best, left = left[0], left[1:]
        kept.append(best)
        low = np.maximum(boxes[best, :2], boxes[left, :2])
        high = np.minimum(boxes[best, 2:], boxes[left, 2:])
        shared = np.prod(np.maximum(high - low, 0), axis=1)
        if of_smaller:
            whole = np.minimum(areas[best], areas[left])
        else:
            whole = areas[best] + areas[left] - shared
        left = left[shared <= most * np.maximum(whole, 1e-9)]
    return np.asarray(kept, np.intp)


def squares(boxes: Floats) -> Floats:
    """Squares around the middles of boxes [n, 4], as large as their longer sides."""
    middle = (boxes[:, :2] + boxes[:, 2:]) / 2
    half = (boxes[:, 2:] - boxes[:, :2]).max(axis=1, keepdims=True) / 2
    return np.concatenate([middle - half, middle + half], axis=1)


def sizes(box: Floats) -> Floats:
    """What corrections of a box [4] are shares of: [4]; its last pixel belongs to it."""
    return np.tile(box[2:] - box[:2] + 1, 2)


def cut_into(frame: Image, box: Floats, target: Image) -> None:
    """Fill an image with a box of a frame, which may reach beyond it."""
    x1, y1, x2, y2 = (round(float(value)) for value in box)
    x2, y2 = max(x2, x1 + 1), max(y2, y1 + 1)
    height, width = frame.shape[:2]
    part = frame[max(y1, 0) : max(y2, 0), max(x1, 0) : max(x2, 0)]
    if not part.size:
        target[:] = GREY
        return
    beyond = (max(-y1, 0), max(y2 - height, 0), max(-x1, 0), max(x2 - width, 0))
    if any(beyond):
        part = np.asarray(
            cv2.copyMakeBorder(part, *beyond, cv2.BORDER_CONSTANT, value=(GREY,) * 3), np.uint8
        )
    shrinks = part.shape[0] > target.shape[0]
    way = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
    cv2.resize(part, target.shape[1::-1], dst=target, interpolation=way)


def _keypoints(points: Floats, box: Floats) -> Floats:
    """Keypoints [6, 2] of five points [10]: all x, then all y, in shares of the box."""
    five = box[:2] + points.reshape(2, 5).T * sizes(box)[:2]
    keypoints = np.full((6, 2), np.nan, np.float32)
    # The person's right is at the left of the picture.
    keypoints[[RIGHT_EYE, LEFT_EYE, NOSE]] = five[:3]
    keypoints[MOUTH] = five[3:].mean(axis=0)
    return keypoints


def _shapes(outputs: dict[str, Tensor]) -> str:
    return str({name: tensor.shape for name, tensor in outputs.items()})
