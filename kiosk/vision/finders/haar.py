"""OpenCV's cascade of boosted Haar features, on a grey frame with an equalised histogram."""

from __future__ import annotations

import cv2
import numpy as np

from kiosk.config import DetectionSettings
from kiosk.errors import ModelError
from kiosk.vision.cards import Card
from kiosk.vision.faces import Faces, Floats, Image
from kiosk.vision.finders.boxes import suppress
from kiosk.vision.finders.typical import typical_keypoints
from kiosk.vision.runtime import Models

SCALE_STEP = 1.2
"""From one size of the search window to the next."""

LEAST_NEIGHBOURS = 3
"""Windows that have to agree on a face."""

WEIGHT_AT_HALF = 2.2
WEIGHT_SPREAD = 1.3
"""The last stage's sum that is as often a face as not, and how fast that changes: a logistic line
through windows that were and were not faces. The cascade itself has no probabilities."""


class HaarFinder:
    """A cascade over the whole frame (Viola and Jones 2001; Lienhart and Maydt 2002)."""

    def __init__(
        self, cards: tuple[Card, ...], models: Models, settings: DetectionSettings
    ) -> None:
        card = cards[0]
        if card.faces is None or card.faces.typical_eyes is None:
            raise ModelError(f"{card.name}: haar needs faces.typical_eyes")
        self._eyes = card.faces.typical_eyes
        self._min_score = settings.min_score or card.faces.min_score
        self._least_px = max(card.faces.min_face_px, settings.min_face_px)
        self._iou = settings.nms_iou
        path = models.file(card)
        self._cascade = cv2.CascadeClassifier(str(path))
        if self._cascade.empty():
            raise ModelError(f"{path}: not a cascade that OpenCV reads")

    def search(self, frame: Image) -> Faces:
        """Find faces in a uint8 BGR frame [height, width, 3]; boxes in its pixels."""
        grey = cv2.equalizeHist(cv2.cvtColor(frame, cv2.COLOR_BGR2GRAY))
        found, _, weights = self._cascade.detectMultiScale3(
            grey,
            SCALE_STEP,
            LEAST_NEIGHBOURS,
            minSize=(self._least_px, self._least_px),
            outputRejectLevels=True,
        )
        if not len(found):
            return Faces.none()
        boxes = np.asarray(found, np.float32)
        boxes[:, 2:] += boxes[:, :2]
        scores = cascade_scores(np.asarray(weights, np.float32).reshape(-1))
        faces = Faces(boxes, scores, typical_keypoints(boxes, self._eyes))
        return suppress(faces.take(np.flatnonzero(scores >= self._min_score)), self._iou)


def cascade_scores(weights: Floats) -> Floats:
    """Scores from 0 to 1 of the last stage's sums, float32 [n]."""
    return np.asarray(1 / (1 + np.exp((WEIGHT_AT_HALF - weights) / WEIGHT_SPREAD)), np.float32)
