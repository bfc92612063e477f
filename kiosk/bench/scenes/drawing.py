"""Draw actors, pillars and light into a frame."""

from __future__ import annotations

import cv2
import numpy as np

from kiosk.bench.scenes.body import body
from kiosk.bench.scenes.placing import Placed
from kiosk.bench.scenes.scene import Floats, Image, Kind, Light, Pillar
from kiosk.bench.scenes.turning import turned

LEAST_SMEAR_PX = 1.5
"""Motion within one exposure that is too short to be drawn."""

FRAME_BGR, BEZEL_BGR = (60, 80, 96), (18, 18, 20)
FRAME_SHARE = 0.035
"""Breadth of a poster's frame or a screen's bezel, as a share of its width."""

SCREEN_GAIN = 1.15
PILLAR_BGR = (150, 156, 160)
SPARE_NOISE_PX = 64
"""By how much the drawn noise is larger than a frame: each frame takes another part of it."""

Area = tuple[int, int, int, int]
"""x, y, width, height in pixels of the frame."""


def draw(image: Image, one: Placed, exposure_s: float) -> None:
    """Draw an actor into uint8 BGR [height, width, 3], in place."""
    if one.actor.kind is Kind.PERSON:
        _draw_person(image, one, exposure_s)
    else:
        _draw_picture(image, one)


def _draw_person(image: Image, one: Placed, exposure_s: float) -> None:
    head, matrix = _head(one)
    clothes = body(one.actor.clothes_bgr, one.portrait.skin_bgr)
    smear = (one.speed_px_s[0] * exposure_s, one.speed_px_s[1] * exposure_s)
    margin = int(np.ceil(max(abs(smear[0]), abs(smear[1])))) + 1
    area = _area([(head, matrix), (clothes, one.body)], image, margin)
    if area is None:
        return
    layer = _warped(clothes, one.body, area)
    _lay(layer, _warped(head, matrix, area))
    if one.actor.gain != 1.0:
        gain = one.actor.gain
        layer[..., :3] = np.minimum(cv2.convertScaleAbs(layer[..., :3], alpha=gain), layer[..., 3:])
    if max(abs(smear[0]), abs(smear[1])) >= LEAST_SMEAR_PX:
        layer = _smeared(layer, smear)
    x, y, width, height = area
    _lay(image[y : y + height, x : x + width], layer)


def _head(one: Placed) -> tuple[Image, Floats]:
    """The head as it looks now, premultiplied, at a size not far above that in the frame."""
    heads = one.portrait.heads
    head = heads[1 if one.shut else one.frame]
    if one.mouth > 0 and not one.shut:
        head = cv2.addWeighted(head, 1 - one.mouth, heads[2], one.mouth, 0)
    matrix = one.matrix.astype(np.float64)
    while abs(np.linalg.det(matrix[:, :2])) < 0.25 and head.shape[0] % 2 == 0:
        head = cv2.resize(head, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
        # Positions are of pixels' centres: half of a pixel lies between the two grids.
        matrix = matrix @ np.array([[2, 0, 0.5], [0, 2, 0.5], [0, 0, 1.0]])
    # A mirrored head is turned before it is mirrored.
    yaw = -one.yaw_deg if one.actor.mirrored else one.yaw_deg
    head = turned(np.asarray(head, np.uint8), yaw)
    cover = head[..., 3]
    colour = cv2.multiply(
        head, cv2.merge([cover, cover, cover, np.full_like(cover, 255)]), scale=1 / 255
    )
    return np.asarray(colour, np.uint8), matrix.astype(np.float32)


def _draw_picture(image: Image, one: Placed) -> None:
    screen = one.actor.kind is Kind.SCREEN
    picture = one.portrait.pictures[one.frame]
    gain = one.actor.gain * (SCREEN_GAIN if screen else 1.0)
    edge = max(2, round(FRAME_SHARE * picture.shape[1]))
    paint = BEZEL_BGR if screen else FRAME_BGR
    bordered = cv2.copyMakeBorder(
        cv2.convertScaleAbs(picture, alpha=gain),
        edge,
        edge,
        edge,
        edge,
        cv2.BORDER_CONSTANT,
        value=paint,
    )
    alpha = np.full(bordered.shape[:2], 255, np.uint8)
    layer = np.asarray(cv2.merge([*cv2.split(bordered), alpha]), np.uint8)
    matrix = one.matrix.astype(np.float64) @ np.array([[1, 0, -edge], [0, 1, -edge], [0, 0, 1.0]])
    while matrix[0, 0] <= 0.5:
        layer = np.asarray(cv2.resize(layer, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA))
        matrix = matrix @ np.diag([2, 2, 1.0])
    area = _area([(layer, matrix)], image, 1)
    if area is not None:
        x, y, width, height = area
        _lay(image[y : y + height, x : x + width], _warped(layer, matrix, area))


def _area(layers: list[tuple[Image, Floats]], image: Image, margin: int) -> Area | None:
    """The part of the frame that the layers reach; nothing where they are outside."""
    corners = []
    for layer, matrix in layers:
        height, width = layer.shape[:2]
        ends = np.array([[0, 0], [width, 0], [0, height], [width, height]], np.float64)
        corners.append(ends @ matrix[:, :2].T + matrix[:, 2])
    every = np.concatenate(corners)
    low = np.maximum(np.floor(every.min(axis=0)) - margin, 0).astype(int)
    high = np.minimum(np.ceil(every.max(axis=0)) + margin, image.shape[1::-1]).astype(int)
    if (high - low).min() < 1:
        return None
    return int(low[0]), int(low[1]), int(high[0] - low[0]), int(high[1] - low[1])


def _warped(layer: Image, matrix: Floats, area: Area) -> Image:
    x, y, width, height = area
    shifted = matrix.astype(np.float64)
    shifted[:, 2] -= (x, y)
    return np.asarray(
        cv2.warpAffine(layer, shifted, (width, height), flags=cv2.INTER_LINEAR), np.uint8
    )


def _lay(below: Image, above: Image) -> None:
    """Lay premultiplied BGRA over BGR or BGRA of the same size, in place."""
    channels = below.shape[2]
    clear = cv2.merge([255 - above[..., 3]] * channels)
    rest = cv2.multiply(below, clear, scale=1 / 255)
    colours = above if channels == above.shape[2] else cv2.cvtColor(above, cv2.COLOR_BGRA2BGR)
    cv2.add(rest, colours, dst=below)


def _smeared(layer: Image, smear: tuple[float, float]) -> Image:
    """Blur along the motion within one exposure, x and y in pixels."""
    reach_x, reach_y = (int(np.ceil(abs(value) / 2)) for value in smear)
    kernel = np.zeros((2 * reach_y + 1, 2 * reach_x + 1), np.float32)
    steps = 4 * max(kernel.shape)
    for step in np.linspace(-0.5, 0.5, steps):
        kernel[reach_y + round(step * smear[1]), reach_x + round(step * smear[0])] += 1 / steps
    return np.asarray(cv2.filter2D(layer, -1, kernel, borderType=cv2.BORDER_CONSTANT), np.uint8)


def draw_pillar(image: Image, pillar: Pillar) -> None:
    """Draw a round pillar from the floor to the ceiling, in place."""
    x1, x2 = max(0, round(pillar.x1_px)), min(image.shape[1], round(pillar.x2_px))
    across = np.linspace(-1, 1, max(1, x2 - x1))
    shade = 0.5 + 0.5 * np.sqrt(np.clip(1 - (across - 0.2) ** 2 / 1.5, 0, 1))
    image[:, x1:x2] = np.clip(shade[:, None] * np.array(PILLAR_BGR), 0, 255).astype(np.uint8)


class Camera:
    """Light and sensor of a scene: what a drawn frame looks like in the end."""

    def __init__(self, light: Light, size_px: tuple[int, int], seed: int) -> None:
        self._light = light
        width, height = size_px
        self._random = np.random.default_rng([seed, 1])
        spare = (height + SPARE_NOISE_PX, width + SPARE_NOISE_PX, 3)
        noise = self._random.standard_normal(spare, np.float32) * light.noise + 128
        self._noise = np.clip(np.round(noise), 0, 255).astype(np.uint8)
        across = np.linspace(-1, 1, width) * light.side
        row = np.clip(128 * (1 + across * 0.6), 0, 255).astype(np.uint8)
        self._side = np.ascontiguousarray(np.tile(row[None, :, None], (height, 1, 3)))

    def expose(self, image: Image, t_s: float) -> Image:
        """Light and noise on uint8 BGR [height, width, 3]; call it once per frame, in order."""
        light = self._light
        if light.side:
            image = np.asarray(cv2.multiply(image, self._side, scale=1 / 128), np.uint8)
        wave = 1 + light.flicker * np.sin(2 * np.pi * light.flicker_hz * t_s)
        steps = np.arange(256) / 255
        curve = 255 * np.clip(light.gain * wave * steps**light.gamma, 0, 1)
        image = np.asarray(cv2.LUT(image, np.round(curve).astype(np.uint8)), np.uint8)
        if not light.noise:
            return image
        left, top = self._random.integers(0, SPARE_NOISE_PX, 2)
        noise = self._noise[top : top + image.shape[0], left : left + image.shape[1]]
        return np.asarray(cv2.addWeighted(image, 1, noise, 1, -128), np.uint8)
