"""What is below a head: a neck and clothes, drawn, so that nobody floats and people hide people."""

from __future__ import annotations

from functools import lru_cache

import cv2
import numpy as np

from kiosk.bench.scenes.scene import Image

UNIT = 64
"""Width of a face at the scale of a body's canvas, pixels."""

CANVAS = (224, 512)
"""Width and height of a body's canvas, pixels."""

MIDDLE = (112.0, 48.0)
"""Where the middle of the face is on the canvas."""

NECK = ((0.24, 0.30), (0.25, 0.72), (0.42, 0.96), (0.0, 1.12))
SHIRT = (
    (0.20, 0.86), (0.34, 0.80), (0.58, 0.90), (0.88, 1.00), (1.06, 1.20), (1.16, 1.9), (1.22, 2.9),
    (1.14, 3.5), (0.94, 3.5), (0.90, 2.2), (0.82, 3.2), (0.0, 3.3),
)  # fmt: skip
COLLAR = ((0.0, 1.10), (0.20, 0.84), (0.0, 0.82))
TROUSERS = ((0.78, 3.1), (0.90, 4.6), (0.80, 7.3), (0.12, 7.3), (0.06, 4.4), (0.0, 4.2), (0.0, 3.1))
"""Right halves of outlines: x from the axis and y from the middle of the face, in its widths."""

TROUSERS_SHADE = 0.55
SOFT_PX = 1.0


@lru_cache(maxsize=64)
def body(clothes_bgr: tuple[int, int, int], skin_bgr: tuple[float, float, float]) -> Image:
    """A body without its head, uint8 premultiplied BGRA [height, width, 4] on its canvas."""
    colour = np.zeros((CANVAS[1], CANVAS[0], 3), np.uint8)
    cover = np.zeros(CANVAS[::-1], np.uint8)
    legs = tuple(TROUSERS_SHADE * value for value in clothes_bgr)
    for outline, paint in ((TROUSERS, legs), (NECK, skin_bgr), (SHIRT, clothes_bgr)):
        _fill(colour, outline, paint)
        _fill(cover, outline, (255,))
    _fill(colour, COLLAR, skin_bgr)
    x = (np.arange(CANVAS[0]) - MIDDLE[0]) / UNIT
    round_ = 1.12 - 0.38 * np.clip(np.abs(x - 0.25) / 1.3, 0, 1) ** 1.5
    weave = np.random.default_rng(0).normal(1, 0.05, (CANVAS[1] // 2, CANVAS[0] // 2))
    shade = round_ * cv2.resize(weave, CANVAS, interpolation=cv2.INTER_LINEAR)
    lit = np.clip(colour * shade[..., None], 0, 255)
    soft = cv2.GaussianBlur(cover, (0, 0), SOFT_PX).astype(np.float64)
    whole = np.concatenate([lit * soft[..., None] / 255, soft[..., None]], axis=2)
    return np.asarray(whole, np.uint8)


def _fill(
    target: Image, outline: tuple[tuple[float, float], ...], paint: tuple[float, ...]
) -> None:
    right = np.array(outline)
    both = np.concatenate([right, (right * [-1, 1])[::-1]]) * UNIT + MIDDLE
    cv2.fillPoly(target, [np.round(both).astype(np.int32)], paint, cv2.LINE_AA)
