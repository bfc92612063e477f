"""Keypoints of detectors that give none: where they stand in a box on average."""

from __future__ import annotations

import numpy as np

from kiosk.vision.cards import Crop
from kiosk.vision.faces import LEFT_EYE, MOUTH, NOSE, RIGHT_EYE, Floats
from kiosk.vision.view import NOSE_ALONG_FACE

EYES_TO_MOUTH = 1.05
"""From between the pupils to the middle of the mouth, over the distance of the pupils."""


def typical_keypoints(boxes: Floats, eyes: Crop) -> Floats:
    """Keypoints of upright heads that face the camera.

    Args:
        boxes: float32 [n, 4].
        eyes: where they stand, in shares of a box's height and width.

    Returns:
        float32 [n, 6, 2]; no ears.
    """
    low, size = boxes[:, :2], boxes[:, 2:] - boxes[:, :2]
    between = low + size * np.array([0.5, eyes.eye_y], np.float32)
    apart = size * np.array([eyes.eye_distance / 2, 0], np.float32)
    length = size[:, 0] * np.float32(eyes.eye_distance * EYES_TO_MOUTH)
    down = np.stack([np.zeros_like(length), length], axis=1)
    keypoints = np.full((len(boxes), 6, 2), np.nan, np.float32)
    # The person's right is at the left of the picture.
    keypoints[:, RIGHT_EYE], keypoints[:, LEFT_EYE] = between - apart, between + apart
    keypoints[:, NOSE] = between + down * np.float32(NOSE_ALONG_FACE)
    keypoints[:, MOUTH] = between + down
    return keypoints
