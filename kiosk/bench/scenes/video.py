"""A scene as a video file with its truth beside it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from fractions import Fraction
from pathlib import Path

import av

from kiosk.bench.scenes.passes import as_json
from kiosk.bench.scenes.portraits import Portrait
from kiosk.bench.scenes.render import render
from kiosk.bench.scenes.scene import Scene

CODEC = "libx264"
QUALITY = {"crf": "14", "preset": "veryfast"}
"""A constant rate factor of 14 cannot be told from the original by eye."""


def write_video(scene: Scene, cast: Mapping[str, Portrait], path: Path) -> Path:
    """Write a scene to ``path`` (the container is told by its name), for local use only.

    Returns:
        The truth's file: the same name, ending in ``.json``.
    """
    truths = []
    with av.open(str(path), "w") as container:
        rate = Fraction(scene.fps).limit_denominator(1001)
        stream = container.add_stream(CODEC, rate=rate, options=QUALITY)
        stream.width, stream.height = scene.size_px
        stream.pix_fmt = "yuv420p"
        for frame in render(scene, cast):
            truths.append(frame.truth)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(frame.image, format="bgr24")))
        container.mux(stream.encode())
    beside = path.with_suffix(".json")
    beside.write_text(json.dumps(as_json(scene, truths)))
    return beside
