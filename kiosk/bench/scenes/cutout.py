"""Cut a head out of a picture, and let a still one blink and move its mouth."""

from __future__ import annotations

import cv2
import numpy as np

from kiosk.bench.scenes.scene import Floats, Image

FACE = 160
"""Width of a face on a head's canvas, pixels."""

CANVAS = (384, 448)
"""Width and height of a head's canvas, pixels."""

MIDDLE = (192.0, 208.0)
"""Where the middle of the face is on the canvas."""

MATTE_SCALE = 0.5
"""Mattes are cut at this share of the canvas: hair is soft at any size."""

MATTE_ROUNDS = 3
SURE_FACE, SURE_NECK = (0.42, 0.52), (0.26, 0.5)
"""Half axes of the face, half width and height of the neck, in widths of the face."""

FEATHER, SHRINK = 0.018, 0.025
"""Softness of a matte's edge, and what is taken off it (the old background shines through there),
in widths of the face."""

SURE_COVER = 250
"""Cover, of 255, from which a pixel shows the head and nothing else."""

AROUND_STEP = 4
AROUND_BLUR = 0.06
"""Softness of the colours that go on around a head, in widths of the face."""

LID = (0.15, 0.075)
"""Half axes of an eye's opening with its lashes, in widths of the face."""

LASH_SHADE = 0.55
MOUTH_REACH = (0.26, 0.16)
MOUTH_LIFT = 0.035
"""By how much a mouth opens, in widths of the face."""


def on_canvas(image: Image, box: tuple[float, float, float, float]) -> tuple[Image, Floats]:
    """Bring a face to the canvas.

    Args:
        image: uint8 BGR [height, width, 3].
        box: the face, pixels of the image.

    Returns:
        uint8 BGR canvas and the matrix, float32 [2, 3], from the image's pixels to the canvas's.
    """
    x1, y1, x2, y2 = box
    zoom = FACE / (x2 - x1)
    shift_x, shift_y = MIDDLE[0] - zoom * (x1 + x2) / 2, MIDDLE[1] - zoom * (y1 + y2) / 2
    matrix = np.array([[zoom, 0, shift_x], [0, zoom, shift_y]], np.float32)
    flags = cv2.INTER_CUBIC if zoom > 1 else cv2.INTER_AREA
    canvas = cv2.warpAffine(image, matrix, CANVAS, flags=flags, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(canvas, np.uint8), matrix


def matte(canvas: Image, hair: tuple[float, float, float]) -> Image:
    """Where the head is: GrabCut (Rother et al. 2004), sure of the face and not of the hair.

    Args:
        canvas: uint8 BGR [height, width, 3].
        hair: how far it may reach above, beside and below the face box, in widths of the face.

    Returns:
        uint8 [height, width], 0..255, soft at the edge.
    """
    small = cv2.resize(canvas, None, fx=MATTE_SCALE, fy=MATTE_SCALE, interpolation=cv2.INTER_AREA)
    hints = np.full(small.shape[:2], cv2.GC_BGD, np.uint8)
    unit = FACE * MATTE_SCALE
    x, y = (value * MATTE_SCALE for value in MIDDLE)
    above, beside, below = ((0.5 + reach) * unit for reach in hair)
    half = ((above + below) / 2, beside)
    _ellipse(hints, (x, y + (below - above) / 2), (half[1], half[0]), cv2.GC_PR_FGD)
    neck = (SURE_NECK[0] * unit, SURE_NECK[1] * unit)
    top = y + 0.4 * unit
    cv2.rectangle(
        hints,
        (round(x - neck[0]), round(top)),
        (round(x + neck[0]), round(top + neck[1])),
        cv2.GC_PR_FGD,
        -1,
    )
    _ellipse(hints, (x, y), (SURE_FACE[0] * unit, SURE_FACE[1] * unit), cv2.GC_FGD)
    cv2.setRNGSeed(0)
    models = np.zeros((1, 65)), np.zeros((1, 65))
    cv2.grabCut(small, hints, None, *models, MATTE_ROUNDS, cv2.GC_INIT_WITH_MASK)
    found = np.where((hints == cv2.GC_FGD) | (hints == cv2.GC_PR_FGD), 255, 0).astype(np.uint8)
    return _softened(cv2.resize(_largest(found), CANVAS, interpolation=cv2.INTER_LINEAR))


def outlined(outline: Floats) -> Image:
    """A matte, uint8 [height, width], from a head's outline, float32 [n, 2] on the canvas."""
    whole = np.zeros(CANVAS[::-1], np.uint8)
    cv2.fillPoly(whole, [np.round(outline).astype(np.int32)], 255)
    return _softened(whole)


def _softened(whole: Image) -> Image:
    side = 2 * round(SHRINK * FACE) + 1
    core = cv2.erode(whole, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (side, side)))
    soft = cv2.GaussianBlur(core, (0, 0), FEATHER * FACE)
    return np.asarray(soft * _fade_below(), np.uint8)


def _fade_below() -> Floats:
    """Fade towards the canvas's lower edge, where a neck goes into the clothes."""
    rows = np.arange(CANVAS[1], dtype=np.float32)
    start, end = MIDDLE[1] + 0.72 * FACE, MIDDLE[1] + 0.98 * FACE
    return np.asarray(np.clip((end - rows) / (end - start), 0, 1)[:, None], np.float32)


def _largest(found: Image) -> Image:
    """The one piece that the middle of the face belongs to, without holes."""
    number, labels = cv2.connectedComponents(found)
    row, column = (round(value * MATTE_SCALE) for value in (MIDDLE[1], MIDDLE[0]))
    piece = np.where(labels == labels[row, column], 255, 0).astype(np.uint8)
    outlines, _ = cv2.findContours(piece, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    cv2.drawContours(piece, outlines, -1, 255, -1)
    return piece if number > 1 else found


def _ellipse(
    target: Image, middle: tuple[float, float], half: tuple[float, float], value: int
) -> None:
    centre = (round(middle[0]), round(middle[1]))
    cv2.ellipse(target, centre, (round(half[0]), round(half[1])), 0, 0, 360, value, -1)


def cut(canvas: Image, alpha: Image) -> Image:
    """Colours and cover, uint8 BGRA [height, width, 4], not multiplied with each other.

    Around the head its own colours go on, so that nothing of the old background shines through
    where the head is turned, shrunk or has a soft edge.
    """
    outside = np.where(alpha >= SURE_COVER, 0, 255).astype(np.uint8)
    _, nearest = cv2.distanceTransformWithLabels(
        outside, cv2.DIST_L2, cv2.DIST_MASK_5, labelType=cv2.DIST_LABEL_PIXEL
    )
    colours = np.zeros((int(nearest.max()) + 1, 3), np.uint8)
    inside = outside == 0
    colours[nearest[inside]] = canvas[inside]
    coarse = colours[nearest[::AROUND_STEP, ::AROUND_STEP]]
    soft = cv2.GaussianBlur(coarse, (0, 0), AROUND_BLUR * FACE / AROUND_STEP)
    around = cv2.resize(soft, CANVAS, interpolation=cv2.INTER_LINEAR)
    cv2.copyTo(canvas, inside.astype(np.uint8), around)
    return np.asarray(cv2.merge([*cv2.split(around), alpha]), np.uint8)


def with_eyes_shut(canvas: Image, eyes: Floats) -> Image:
    """Draw lids: the skin above an eye is pulled down over it, with a dark line where they meet.

    Args:
        canvas: uint8 BGR [height, width, 3].
        eyes: float32 [2, 2], x y on the canvas.
    """
    rows, columns = np.mgrid[0 : CANVAS[1], 0 : CANVAS[0]].astype(np.float32)
    source_y, shade = rows.copy(), np.ones_like(rows)
    half_x, half_y = LID[0] * FACE, LID[1] * FACE
    for x, y in eyes:
        across, along = (columns - x) / half_x, (rows - y) / half_y
        inside = np.clip(1.4 - across**2 - along**2, 0, 0.4) / 0.4
        lid = y - half_y * (1.0 + 0.15 * along)
        source_y += inside * (lid - rows)
        line = np.exp(-(((along - 0.45 + 0.3 * across**2) / 0.22) ** 2))
        shade -= (1 - LASH_SHADE) * inside * line
    shut = cv2.remap(canvas, columns, source_y, cv2.INTER_LINEAR)
    return np.asarray(shut * shade[..., None], np.uint8)


def with_mouth_moved(canvas: Image, mouth: Floats) -> Image:
    """Stretch a mouth: its lower half goes down a little, as in speech.

    Args:
        canvas: uint8 BGR [height, width, 3].
        mouth: float32 [2], x y of its middle on the canvas.
    """
    rows, columns = np.mgrid[0 : CANVAS[1], 0 : CANVAS[0]].astype(np.float32)
    across = (columns - mouth[0]) / (MOUTH_REACH[0] * FACE)
    along = (rows - mouth[1]) / (MOUTH_REACH[1] * FACE)
    near = np.exp(-(across**2) - along**2)
    source_y = rows - MOUTH_LIFT * FACE * near * np.tanh(2 * along + 0.5)
    return np.asarray(cv2.remap(canvas, columns, source_y, cv2.INTER_LINEAR), np.uint8)
