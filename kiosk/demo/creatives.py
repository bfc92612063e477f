"""Build the demo campaign's video: northern lights over a lake, drawn with numpy.

In: a target path. Out: a WebM file (VP9) that loops without a seam.
The picture depends on nothing but its arguments: no clock, no random source
without a seed, no stock material.
"""

from __future__ import annotations

import math
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Final, cast

import av
import numpy as np
import numpy.typing as npt
from av.video.frame import VideoFrame
from av.video.reformatter import Interpolation
from av.video.stream import VideoStream

Floats = npt.NDArray[np.float32]
Bytes = npt.NDArray[np.uint8]
Words = npt.NDArray[np.uint16]

# Light is soft: a sixth of the height holds it all and keeps set-up short on a
# small device. Everything with an edge is drawn at full size instead.
_LIGHT_HEIGHT: Final = 216
_HORIZON: Final = 0.74
_BIT_RATE: Final = 2_600_000
_ZENITH: Final = (0.012, 0.022, 0.085)
_DUSK: Final = (0.025, 0.120, 0.200)

# One row per curtain: base height, sway, fold frequency, drift per loop (whole
# numbers, or the loop would show a seam), reach upwards, strength, foot and crown colour.
_CURTAINS: Final[tuple[tuple[float, ...], ...]] = (
    (0.36, 0.070, 0.9, 1, 0.20, 0.34, 0.16, 0.42, 1.00, 0.50, 0.10, 0.90),
    (0.50, 0.085, 1.3, -1, 0.19, 0.85, 0.10, 1.00, 0.56, 0.06, 0.30, 0.95),
    (0.62, 0.040, 2.1, 1, 0.11, 0.50, 0.35, 1.00, 0.55, 0.10, 0.66, 0.70),
)

# Letters as strokes on a 1 by 1.4 grid, y downwards: straight pieces
# (x0, y0, x1, y1) and arcs (centre x, centre y, radius x, radius y, from, to in degrees).
_LINES: Final[dict[str, tuple[tuple[float, float, float, float], ...]]] = {
    "N": ((0, 1.4, 0, 0), (0, 0, 1, 1.4), (1, 1.4, 1, 0)),
    "R": ((0, 1.4, 0, 0), (0, 0, 0.5, 0), (0, 0.78, 0.5, 0.78), (0.48, 0.78, 0.92, 1.4)),
    "D": ((0, 0, 0, 1.4), (0, 0, 0.35, 0), (0, 1.4, 0.35, 1.4)),
    "L": ((0, 0, 0, 1.4), (0, 1.4, 0.7, 1.4)),
    "Y": ((0, 0, 0.52, 0.72), (1.04, 0, 0.52, 0.72), (0.52, 0.72, 0.52, 1.4)),
    "O": (),
    "S": (),
}
_ARCS: Final[dict[str, tuple[tuple[float, float, float, float, float, float], ...]]] = {
    "O": ((0.68, 0.7, 0.68, 0.7, 0, 360),),
    "R": ((0.5, 0.39, 0.39, 0.39, -90, 90),),
    "D": ((0.35, 0.7, 0.7, 0.7, -90, 90),),
    "S": ((0.44, 0.36, 0.40, 0.36, -35, -270), (0.44, 1.06, 0.42, 0.34, -90, 145)),
}
_WIDTHS: Final = {"N": 1.0, "O": 1.36, "R": 0.92, "D": 1.05, "L": 0.7, "Y": 1.04, "S": 0.87}


def build_video(
    target: Path, *, width: int = 1920, height: int = 1080, seconds: float = 6.0, fps: int = 25
) -> None:
    """Draw and encode the advert.

    Args:
        target: the file to write, ending in ``.webm``; its folder is created, and
            an interrupted build leaves no half file under this name.
        width: even number of pixels.
        height: even number of pixels.
        seconds: length of the loop.
        fps: frames per second.

    Raises:
        ValueError: a size is odd or not positive, or there would be no frame.
    """
    frames = round(seconds * fps)
    if min(width, height) <= 0 or width % 2 or height % 2:
        raise ValueError(f"width and height must be even and positive, not {width}x{height}")
    if frames < 1 or fps < 1:
        raise ValueError(f"{seconds} s at {fps} frames per second leave no frame")

    weight, ink, half = _blending(*_foreground(width, height))
    light_size = (max(2, round(_LIGHT_HEIGHT * width / height) // 2 * 2), _LIGHT_HEIGHT)
    target.parent.mkdir(parents=True, exist_ok=True)
    partial = target.with_name(f".{target.name}.partial")
    try:
        with av.open(str(partial), "w", format="webm") as container:
            stream = cast(VideoStream, container.add_stream("libvpx-vp9", rate=Fraction(fps)))
            stream.width, stream.height = width, height
            stream.pix_fmt = "yuv420p"
            stream.bit_rate = _BIT_RATE
            stream.options = {"deadline": "realtime", "cpu-used": "7", "row-mt": "1"}
            for index in range(frames):
                frame = _compose(_light(*light_size, index / frames), weight, ink, half)
                container.mux(stream.encode(frame))
            container.mux(stream.encode(None))
        partial.replace(target)
    finally:
        partial.unlink(missing_ok=True)


def _light(width: int, height: int, phase: float) -> Bytes:
    """Sky, aurora and its reflection at `phase` (0..1 of the loop), as RGB (height, width, 3)."""
    turn = 2 * math.pi * phase
    x = np.linspace(0, 1, width, dtype=np.float32)[None, :]
    horizon = round(height * _HORIZON)
    y = np.linspace(0, _HORIZON, horizon, dtype=np.float32)[:, None]
    blend = (y / _HORIZON)[..., None] ** 2
    sky: Floats = (
        np.asarray(_ZENITH, np.float32) * (1 - blend) + np.asarray(_DUSK, np.float32) * blend
    ) * np.ones((1, width, 1), np.float32)
    for index, row in enumerate(_CURTAINS):
        base, sway, folds, drift, reach, strength = row[:6]
        foot, crown = np.asarray(row[6:9], np.float32), np.asarray(row[9:12], np.float32)
        move = turn * drift
        lift = (
            np.sin(2 * math.pi * folds * x + move + index)
            + 0.5 * np.sin(2 * math.pi * folds * 2.3 * x - move + 2 * index)
            + 0.22 * np.sin(2 * math.pi * folds * 5.1 * x + 2 * move)
        )
        above = base + sway * lift - y
        rays = (
            0.62
            + 0.22 * np.sin(2 * math.pi * 9.0 * x + 5 * lift + 2 * move)
            + 0.16 * np.sin(2 * math.pi * 23.0 * x + 9 * lift - 3 * move)
        )
        swell = 0.58 + 0.42 * np.sin(2 * math.pi * 1.1 * x - move + 1.3 * index)
        glow = np.where(above > 0, np.exp(-above / reach), np.exp(above / 0.030)) * rays * swell
        hue = np.clip(above / (reach * 1.5), 0, 1)[..., None]
        sky += strength * glow[..., None] * (foot * (1 - hue) + crown * hue)

    water = _reflect(sky, height - horizon, turn)
    picture = np.concatenate([sky, water])
    picture = 1 - np.exp(-1.7 * picture)
    # Ordered noise hides the steps that eight bits would show in a dark sky.
    grain = np.random.default_rng(1).random((height, width, 1), dtype=np.float32) - 0.5
    return np.clip(picture ** (1 / 1.45) * 255 + grain * 1.6, 0, 255).astype(np.uint8)


def _reflect(sky: Floats, rows: int, turn: float) -> Floats:
    """The lake: the sky mirrored, compressed, rippled and darker towards the viewer."""
    height, width = sky.shape[:2]
    depth = np.linspace(0, 1, rows, dtype=np.float32)
    source = np.clip(height - 1 - depth * height * 0.9, 0, height - 1)
    ripple = np.sin(depth * 60 + 2 * turn) * 0.6 + np.sin(depth * 23 - turn) * 0.4
    lines = np.clip(source + ripple * (1 + 5 * depth), 0, height - 1).astype(np.intp)
    shift = np.rint(ripple * (1 + 6 * depth)).astype(np.intp)
    columns = (np.arange(width, dtype=np.intp)[None, :] + shift[:, None]) % width
    shade = (0.62 - 0.42 * depth)[:, None, None]
    water: Floats = sky[lines[:, None], columns] * shade
    return water


def _foreground(width: int, height: int) -> tuple[Floats, Floats]:
    """What has edges, at full size: how much it covers (0..1), and its luma there (16..235)."""
    cover = np.zeros((height, width), np.float32)
    luma = np.full((height, width), 16, np.float32)
    x = np.linspace(0, 1, width, dtype=np.float32)
    y = np.linspace(0, 1, height, dtype=np.float32)[:, None]

    rng = np.random.default_rng(5)
    for _ in range(260):
        column, row = int(rng.integers(2, width - 2)), int(rng.random() ** 1.4 * height * 0.6)
        radius = int(rng.choice((1, 1, 1, 1, 1, 2)))
        patch = np.s_[max(0, row - radius + 1) : row + 1, column : column + radius]
        cover[patch], luma[patch] = 0.25 + 0.6 * rng.random(), 235

    for scale, lift, seed, shade in ((0.17, 0.016, 3.1, 32.0), (0.085, 0.006, 8.7, 20.0)):
        peaks = sum(
            (1 - abs(np.sin(math.pi * frequency * x + seed * frequency))) / frequency**0.85
            for frequency in (2.3, 4.7, 9.9, 21.1, 47.3)
        )
        skyline = np.asarray(peaks, np.float32)
        skyline = (skyline - skyline.min()) / max(float(np.ptp(skyline)), 1e-6)
        ridge = _HORIZON - lift - scale * skyline**1.6
        shore = np.clip((_HORIZON - y) * height + 0.5, 0, 1)
        edge = np.clip((y - ridge) * height + 0.5, 0, 1) * shore
        luma = luma * (1 - edge) + shade * edge
        cover = np.maximum(cover * (1 - edge), edge)

    word = _wordmark(width, height)
    luma = luma * (1 - word) + 235 * word
    return np.maximum(cover, word), luma


def _wordmark(width: int, height: int) -> Floats:
    """NORDLYS in even strokes, centred in the sky, anti-aliased by distance."""
    unit = height * 0.118
    stroke = unit * 0.085
    gap = 0.46
    total = sum(_WIDTHS[letter] for letter in "NORDLYS") + gap * 6
    left, top = (width / 2 - total * unit / 2), height * 0.235
    mask = np.zeros((height, width), np.float32)
    for letter in "NORDLYS":
        margin = round(stroke) + 2
        columns = np.arange(int(left) - margin, int(left + _WIDTHS[letter] * unit) + margin + 1)
        rows = np.arange(int(top) - margin, int(top + 1.4 * unit) + margin + 1)
        points = np.stack(np.meshgrid((columns - left) / unit, (rows - top) / unit), axis=-1)
        distance = np.full(points.shape[:2], np.inf)
        for x0, y0, x1, y1 in _strokes(letter):
            start, along = np.array([x0, y0]), np.array([x1 - x0, y1 - y0])
            share = np.clip(((points - start) @ along) / (along @ along), 0, 1)
            distance = np.minimum(
                distance, np.linalg.norm(points - start - share[..., None] * along, axis=-1)
            )
        ink = np.clip(stroke - distance * unit + 0.5, 0, 1).astype(np.float32)
        inside = (columns >= 0) & (columns < width)
        area = np.ix_(rows, columns[inside])
        mask[area] = np.maximum(mask[area], ink[:, inside])
        left += (_WIDTHS[letter] + gap) * unit
    return mask


def _strokes(letter: str) -> list[tuple[float, float, float, float]]:
    """A letter's straight pieces, its arcs cut into short ones."""
    pieces = list(_LINES[letter])
    for cx, cy, rx, ry, first, last in _ARCS.get(letter, ()):
        angles = np.radians(np.linspace(first, last, 49))
        xs, ys = cx + rx * np.cos(angles), cy + ry * np.sin(angles)
        points = [(float(x), float(y)) for x, y in zip(xs, ys, strict=True)]
        pieces += [(*start, *end) for start, end in pairwise(points)]
    return pieces


def _blending(cover: Floats, luma: Floats) -> tuple[Words, Words, Words]:
    """The foreground as a frame needs it, in 1/256: the light's weight, ink, chroma weight."""
    height, width = cover.shape
    quarter = cover.reshape(height // 2, 2, width // 2, 2).mean(axis=(1, 3))
    weight = np.rint((1 - cover) * 256).astype(np.uint16)
    ink = np.rint(luma * cover * 256).astype(np.uint16)
    return weight, ink, np.rint((1 - quarter) * 256).astype(np.uint16)


def _compose(light: Bytes, weight: Words, ink: Words, half: Words) -> VideoFrame:
    """Scale the light up and lay the foreground over it, in the encoder's own colour space."""
    height, width = weight.shape
    planes = (
        VideoFrame.from_ndarray(light, format="rgb24")
        .reformat(width=width, height=height, format="yuv420p", interpolation=Interpolation.BICUBIC)
        .to_ndarray()
    )
    planes[:height] = np.right_shift(planes[:height].astype(np.uint16) * weight + ink, 8)
    # The two quarter planes, packed as full rows: their foreground is neutral (128).
    chroma = planes[height:].reshape(2, height // 2, width // 2)
    neutral = np.left_shift(256 - half, 7)
    chroma[:] = np.right_shift(chroma.astype(np.uint16) * half + neutral, 8)
    return VideoFrame.from_ndarray(planes, format="yuv420p")
