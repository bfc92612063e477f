"""What the peers in Python share: frames in, one timed answer per frame out.

A worker is a child process. It says once, as a line of JSON on standard output, what it is; then,
for every line ``{"variant": ..., "warmup": ...}`` on standard input, it plays the clip once and
answers with a line. Standard library and numpy only: the plain recipe has its own environment.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

PAUSE_S = 60.0
"""Clip time before the frames that count: who was seen before is gone, and is a newcomer again."""


@dataclass(frozen=True)
class Clip:
    """Decoded frames in a file: `frames` times height x width x 3 bytes, RGB."""

    pixels: str
    width: int
    height: int
    frames: int
    fps: float


@dataclass(frozen=True)
class Seen:
    """What one peer made of one frame; an age is a number of years or a band of them."""

    faces: int
    genders: list[str]
    ages: list[str]


Look = Callable[[np.ndarray, float, str], Seen]
"""One uint8 BGR frame, its time in seconds, the variant."""


def serve(start: Callable[[], tuple[str, Look]]) -> None:
    """Load a peer with ``start``, then play the clip named on the command line whenever asked."""
    clip = Clip(**json.loads(sys.argv[1]))
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "w", buffering=1)
    # Libraries print; standard output is for the answers.
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())

    about, look = start()
    print(json.dumps({"about": about}), file=answers)
    now_s = 0.0
    for line in sys.stdin:
        order = json.loads(line)
        frames, now_s = _play(clip, look, order["variant"], order["warmup"], now_s)
        print(json.dumps({"frames": frames}), file=answers)


def _play(
    clip: Clip, look: Look, variant: str, warmup: int, now_s: float
) -> tuple[list[dict[str, object]], float]:
    """Time ``look`` on every frame, after ``warmup`` of the clip's first that do not count."""
    size = clip.height * clip.width * 3
    timed = []
    now_s += PAUSE_S
    with Path(clip.pixels).open("rb") as file:
        for index in range(-warmup, clip.frames):
            file.seek((index if index >= 0 else (index + warmup) % clip.frames) * size)
            rgb = np.frombuffer(file.read(size), np.uint8).reshape(clip.height, clip.width, 3)
            frame = np.ascontiguousarray(rgb[:, :, ::-1])
            now_s += PAUSE_S if index == 0 else 1 / clip.fps
            cpu_s, wall_s = time.process_time(), time.perf_counter()
            seen = look(frame, now_s, variant)
            wall_ms = (time.perf_counter() - wall_s) * 1e3
            cpu_ms = (time.process_time() - cpu_s) * 1e3
            if index >= 0:
                timed.append({"wall_ms": wall_ms, "cpu_ms": cpu_ms, **asdict(seen)})
    return timed, now_s
