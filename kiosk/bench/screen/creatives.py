"""Creatives of every kind without a dark spot, each with a colour of its own in its middle."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import cast

import cv2
import numpy as np
import numpy.typing as npt

from kiosk.ads import Campaign, Creative, Targeting

FPS = 25
FILM_MORE_S = 1.5
"""Longer than its play: by the encoder the first frame of another round differs from the last one
of this, as that of another play does."""

BIT_RATE = 4_000_000

MARK = 0.2
"""Side of the square in the middle, as a share of the picture's shorter side."""

Bytes = npt.NDArray[np.uint8]

MARKS = ("#e03030", "#30b040", "#3050e0", "#e0c020", "#c030c0", "#20b8c8", "#f08020")
"""Far from each other, so that a frame of one is not taken for one of another."""

FILES = (
    "wide.png",
    "film.webm",
    "page.html",
    "tall.jpg",
    "small.webm",
    "drawing.svg",
    "other.html",
)
"""In the order of the plays: no kind follows itself."""

PAGE = """<!doctype html><meta charset="utf-8"><style>
html, body {{ margin: 0; height: 100%; overflow: hidden }}
body {{ background: linear-gradient(120deg, #ffe9b0, #a8d8ff) }}
i {{ position: fixed; inset: 0; margin: auto; width: 24vmin; height: 24vmin; background: {mark} }}
b {{ position: fixed; top: 8vh; left: 0; width: 12vw; height: 12vh; background: #ffffff;
     animation: go 1.5s linear infinite alternate }}
@keyframes go {{ to {{ transform: translateX(88vw) }} }}
</style><b></b><i></i>"""

DRAWING = """<svg xmlns="http://www.w3.org/2000/svg" width="1600" height="900">
<defs><linearGradient id="g">
<stop stop-color="#ffd7e0"/><stop offset="1" stop-color="#c8ffd8"/>
</linearGradient></defs>
<rect width="1600" height="900" fill="url(#g)"/>
<rect x="700" y="350" width="200" height="200" fill="{mark}"/></svg>"""


def make_campaign(folder: Path, duration_s: float) -> Campaign:
    """Write the media and name them in the order in which they are to be played.

    Args:
        folder: for the files; it is there.
        duration_s: of each play.
    """
    for name, mark in zip(FILES, MARKS, strict=True):
        _make(folder / name, mark, duration_s + FILM_MORE_S)
    kinds = {".webm": "video", ".html": "html"}
    return Campaign(
        "bench",
        tuple(
            Creative(
                id=Path(name).stem,
                kind=kinds.get(Path(name).suffix, "image"),  # type: ignore[arg-type]
                path=folder / name,
                duration_s=duration_s,
                category="bench",
                weight=1,
                all_ages=True,
                targeting=Targeting(),
            )
            for name in FILES
        ),
    )


def _make(file: Path, mark: str, film_s: float) -> None:
    if file.suffix == ".html":
        file.write_text(PAGE.format(mark=mark))
    elif file.suffix == ".svg":
        file.write_text(DRAWING.format(mark=mark))
    elif file.suffix == ".webm":
        size = (1920, 1080) if file.stem == "film" else (1280, 720)
        _film(file, mark, size, film_s)
    else:
        size = (1920, 1080) if file.suffix == ".png" else (1080, 1440)
        cv2.imwrite(str(file), _picture(mark, *size, 0.3)[:, :, ::-1])


def _picture(mark: str, width: int, height: int, phase: float) -> Bytes:
    """RGB: light colours that turn with ``phase`` (0..1), a white bar that moves, the mark."""
    x = np.linspace(0, 1, width, dtype=np.float32)[None, :]
    y = np.linspace(0, 1, height, dtype=np.float32)[:, None]
    turns = [np.sin(2 * np.pi * (phase + x * 0.7 + y * 0.4 + shift)) for shift in (0, 0.33, 0.66)]
    picture: Bytes = (190 + 55 * np.stack(turns, axis=-1)).astype(np.uint8)
    left = int(phase * width * 0.8)
    picture[height // 10 : height // 5, left : left + width // 8] = 255
    side = int(min(width, height) * MARK)
    top, begin = (height - side) // 2, (width - side) // 2
    colour = [int(mark[at : at + 2], 16) for at in (1, 3, 5)]
    picture[top : top + side, begin : begin + side] = colour
    return picture


def _film(file: Path, mark: str, size: tuple[int, int], film_s: float) -> None:
    import av
    from av.video.frame import VideoFrame
    from av.video.stream import VideoStream

    frames = round(film_s * FPS)
    width, height = size
    with av.open(str(file), "w", format="webm") as container:
        stream = cast(VideoStream, container.add_stream("libvpx-vp9", rate=Fraction(FPS)))
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        stream.bit_rate = BIT_RATE
        stream.options = {"deadline": "realtime", "cpu-used": "8", "row-mt": "1"}
        for index in range(frames):
            picture = _picture(mark, width, height, index / frames)
            container.mux(stream.encode(VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode(None))
