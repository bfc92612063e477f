"""A shop to stand in: wall, floor, shelves with goods, lamps; drawn, the same for the same seed."""

from __future__ import annotations

import cv2
import numpy as np

from kiosk.bench.scenes.scene import Image

FLOOR_FROM = 0.72
"""Where the floor meets the wall, as a share of the height."""

SHELF_ROWS = 4
GREY, COLOURFUL = 125, 45
"""Middle of the colours of goods, and how far they go from it."""

OUT_OF_FOCUS = 1 / 420
"""Blur of the background, as a share of the frame's width."""


def shop(size_px: tuple[int, int], seed: int) -> Image:
    """A background, uint8 BGR [height, width, 3]."""
    width, height = size_px
    random = np.random.default_rng([seed, 2])
    image = _wall(width, height, random)
    horizon = round(FLOOR_FROM * height)
    for start in np.arange(0.0, 1.0, 0.26) + random.uniform(0.0, 0.06):
        if random.random() < 0.75:
            left, right = round(start * width), round((start + 0.2) * width)
            _shelves(image, (left, round(0.22 * height), right, horizon), random)
    for lamp in np.linspace(0.15, 0.85, 4):
        middle = (round(lamp * width), round(0.04 * height))
        cv2.ellipse(image, middle, (width // 22, height // 60), 0, 0, 360, (235, 244, 250), -1)
    return np.asarray(cv2.GaussianBlur(image, (0, 0), width * OUT_OF_FOCUS), np.uint8)


def _wall(width: int, height: int, random: np.random.Generator) -> Image:
    tint = random.uniform(0.75, 1.0, 3) * 190
    rows = np.linspace(1.1, 0.75, height)[:, None, None]
    image = np.broadcast_to(rows * tint, (height, width, 3)).copy()
    horizon = round(FLOOR_FROM * height)
    floor = random.uniform(0.6, 0.9, 3) * 130
    image[horizon:] = np.linspace(0.8, 1.15, height - horizon)[:, None, None] * floor
    patches = cv2.resize(
        random.normal(0, 6, (9, 16)), (width, height), interpolation=cv2.INTER_CUBIC
    )
    return np.asarray(np.clip(image + patches[..., None], 0, 255), np.uint8)


def _shelves(image: Image, area: tuple[int, int, int, int], random: np.random.Generator) -> None:
    """A shelf unit with goods: boxes of several colours on boards."""
    left, top, right, bottom = area
    cv2.rectangle(image, (left, top), (right, bottom), (88, 104, 120), -1)
    tall = (bottom - top) / SHELF_ROWS
    for row in range(SHELF_ROWS):
        board = round(top + (row + 1) * tall)
        x = left + 4
        while x < right - 8:
            wide = int(random.integers(max(4, (right - left) // 30), max(6, (right - left) // 12)))
            high = round(tall * random.uniform(0.45, 0.85))
            paint = (GREY + COLOURFUL * random.uniform(-1, 1, 3)).tolist()
            cv2.rectangle(image, (x, board - high), (min(x + wide, right - 4), board), paint, -1)
            x += wide + 3
        cv2.line(image, (left, board), (right, board), (60, 72, 84), max(2, round(tall * 0.05)))
