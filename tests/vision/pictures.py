"""The portrait in frames of many shapes."""

from __future__ import annotations

import cv2
import numpy as np

from kiosk.vision.faces import Image


def shaped(portrait: Image, shape: str) -> Image:
    """The portrait, 640x360, in a frame of another shape."""
    height, width = portrait.shape[:2]
    return {
        "as it is": lambda: portrait,
        "720p": lambda: cv2.resize(portrait, (1280, 720)),
        "4K": lambda: cv2.resize(portrait, (3840, 2160)),
        "160x120": lambda: cv2.resize(portrait[:, 80:560], (160, 120)),
        "portrait": lambda: np.pad(cv2.resize(portrait, (720, 405)), ((300, 575), (0, 0), (0, 0))),
        "square": lambda: portrait[:, 240:600],
        "odd": lambda: cv2.resize(portrait, (1021, 577)),
        "mirrored view": lambda: portrait[:, ::-1],
        "every other row and column": lambda: cv2.resize(portrait, (1280, 720))[::2, ::2],
        "transposed twice": lambda: np.asfortranarray(portrait),
        "ultra wide": lambda: np.pad(portrait, ((0, 0), (700, 700), (0, 0))),
        "tower": lambda: np.pad(portrait, ((600, 700), (0, 0), (0, 0))),
        "far away": lambda: np.pad(
            cv2.resize(portrait, (width // 2, height // 2)), ((300, 240), (500, 460), (0, 0))
        ),
    }[shape]()
