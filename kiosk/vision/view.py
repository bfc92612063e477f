"""How a face is seen: where the head points, and how well."""

from __future__ import annotations

import math

import cv2
import numpy as np

from kiosk.vision.cards import Crop
from kiosk.vision.faces import (
    LEFT_EAR,
    LEFT_EYE,
    MOUTH,
    NOSE,
    RIGHT_EAR,
    RIGHT_EYE,
    Floats,
    Image,
    chip,
)

QUALITY_SIDE_PX = 48
QUALITY_CROP = Crop(eye_y=0.36, eye_distance=0.4)
"""The part of a face that its sharpness is measured on."""

HALF_TURN_QUALITY_DEG = 45.0
"""A head turned by this much shows half as well as one that faces the camera."""

EAR_SPAN_TO_NOSE_DEPTH = 1.2
"""Tragion to tragion breadth over tragion to nose-tip depth of an adult head: about 14.5 cm to
12 cm in the anthropometric tables of ISO 7250-1."""

NOSE_BELOW_EARS = 0.10
"""Height of the nose tip below the tragions over the tragion breadth, at a level gaze."""

NOSE_DEPTH_TO_EYE_SPAN = 0.5
"""How far the nose tip stands before the plane of eyes and mouth, over the distance of the pupils:
about 3 cm to 6.2 cm."""

FACE_LENGTH_TO_NOSE_DEPTH = 2.1
"""From the eyes to the mouth, over that depth."""

NOSE_ALONG_FACE = 0.58
"""Share of the way from the eyes to the mouth at which the nose tip stands, at a level gaze."""


def view_quality(
    keypoints: Floats, sharp: float, good_eye_distance_px: float, good_sharpness: float
) -> float:
    """How well a face is seen, from almost 0 to 1: its size, its sharpness, where it points.

    Args:
        keypoints: [6, 2] in pixels of the frame.
        sharp: its :func:`face_sharpness`.
        good_eye_distance_px: distance of the eyes from which size is no limit.
        good_sharpness: sharpness from which blur is none.
    """
    turn = float(np.hypot(*head_direction_deg(keypoints)))
    turned = 1 / (1 + (turn / HALF_TURN_QUALITY_DEG) ** 4)
    size = eye_distance_px(keypoints) / good_eye_distance_px
    return max(min(size, 1.0) * min(sharp / good_sharpness, 1.0) * turned, 1e-3)


def face_sharpness(image: Image, keypoints: Floats) -> float:
    """:func:`sharpness` of the inner face.

    Args:
        image: uint8 BGR [height, width, 3], a frame or a smaller copy of the part with the face.
        keypoints: [6, 2] in pixels of that image.
    """
    return sharpness(chip(image, keypoints, QUALITY_CROP, QUALITY_SIDE_PX))


def eye_distance_px(keypoints: Floats) -> float:
    """Distance of the eyes, in the unit of the keypoints."""
    return float(np.hypot(*(keypoints[LEFT_EYE] - keypoints[RIGHT_EYE])))


def sharpness(image: Image) -> float:
    """Fine detail as a share of all detail: deviation of the Laplacian over that of the image.

    It falls with blur and hardly changes with light (Pech-Pacheco et al. 2000 use the variance of
    the Laplacian alone, which is not so).

    Args:
        image: uint8 BGR [height, width, 3].
    """
    grey = cv2.cvtColor(image, cv2.COLOR_BGR2GRAY)
    detail = float(cv2.Laplacian(grey, cv2.CV_32F).std())
    return detail / max(float(grey.std()), 1.0)


def head_direction_deg(keypoints: Floats) -> tuple[float, float]:
    """Yaw and pitch of a head, from its keypoints and a rigid average head.

    The line through the tragions is the head's axis; the nose tip stands a known depth before it,
    so its offset along and across that axis over the axis's length is the tangent of the turn.

    Returns:
        Degrees; (0, 0) faces the camera, positive is to the person's left and down.
    """
    if math.isnan(keypoints[RIGHT_EAR, 0]) or math.isnan(keypoints[LEFT_EAR, 0]):
        return _direction_without_ears_deg(keypoints)
    right, left, nose = keypoints[RIGHT_EAR], keypoints[LEFT_EAR], keypoints[NOSE]
    eyes = keypoints[LEFT_EYE] - keypoints[RIGHT_EYE]
    roll = float(np.arctan2(eyes[1], eyes[0]))
    cos, sin = np.cos(-roll), np.sin(-roll)
    turn = np.array([[cos, -sin], [sin, cos]])
    span = float((turn @ (left - right))[0])
    offset = turn @ (nose - (left + right) / 2)
    if span <= 1.0:
        # The ears have crossed: a profile or beyond.
        return (90.0 if offset[0] > 0 else -90.0), 0.0
    yaw = np.degrees(np.arctan(offset[0] / span * EAR_SPAN_TO_NOSE_DEPTH))
    upright = span / max(float(np.cos(np.radians(yaw))), 0.2)
    pitch = np.degrees(np.arctan((offset[1] / upright - NOSE_BELOW_EARS) * EAR_SPAN_TO_NOSE_DEPTH))
    return float(yaw), float(pitch)


def _direction_without_ears_deg(keypoints: Floats) -> tuple[float, float]:
    """As :func:`head_direction_deg`, from the plane of eyes and mouth and the nose tip before it.

    Sideways, the nose tip leaves the line from the eyes to the mouth by its depth times the tangent
    of the turn. Up and down, its share of the way from the eyes to the mouth changes.
    """
    points = keypoints[[RIGHT_EYE, LEFT_EYE, NOSE, MOUTH]].tolist()
    (right_x, right_y), (left_x, left_y), (nose_x, nose_y), (mouth_x, mouth_y) = points
    across_x, across_y = left_x - right_x, left_y - right_y
    span = max(math.hypot(across_x, across_y), 1e-3)
    middle_x, middle_y = (right_x + left_x) / 2, (right_y + left_y) / 2
    down_x, down_y = mouth_x - middle_x, mouth_y - middle_y
    tip_x, tip_y = nose_x - middle_x, nose_y - middle_y
    along = (tip_x * down_x + tip_y * down_y) / max(down_x**2 + down_y**2, 1e-6)
    aside_x, aside_y = tip_x - along * down_x, tip_y - along * down_y
    offset = (aside_x * across_x + aside_y * across_y) / span
    if not math.isfinite(offset):
        return 0.0, 0.0
    yaw = math.degrees(math.atan2(offset, span * NOSE_DEPTH_TO_EYE_SPAN))
    lift = (along - NOSE_ALONG_FACE) * FACE_LENGTH_TO_NOSE_DEPTH
    return yaw, math.degrees(math.atan(lift))
