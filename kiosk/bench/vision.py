"""What the vision loop costs beside the bare models that it runs, on scenes of known content."""

from __future__ import annotations

import multiprocessing
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from kiosk.bench.scenes import CACHE, Image, portraits, render, still_crowd
from kiosk.config import VisionSettings
from kiosk.errors import SourceError
from kiosk.vision import load_bundle, open_pace, open_pipeline

CROWDS = (0, 1, 3, 10)
SIZES = ((1280, 720), (1920, 1080))
WARM_UP_FRAMES = 25
BLOCK_FRAMES = 10
"""The bare models are timed after every so many frames, so that noise meets both alike."""

IDLE_S = 20.0
GOAL_RATIO, GOAL_FPS, GOAL_IDLE_SHARE = 1.25, 60.0, 0.03


@dataclass(frozen=True)
class Case:
    """One scene.

    Attributes:
        name: of the scene or clip.
        faces: in view, as the pipeline counted at the end.
        size: of the frames, as widthxheight.
        frames: measured.
        ms, p95_ms, max_ms: wall time of a frame: mean, 95th percentile, longest.
        cpu_ms: processor time of a frame, all threads, mean.
        bare_ms: processor time of the same inferences alone, as often as they ran, per frame.
        ratio: ``cpu_ms`` over ``bare_ms``: other work on the machine disturbs processor time least;
            0 where nothing was inferred.
        plain_ms: what a search and every model on every face would cost in every frame, bare.
        fps_one_core: frames per second that one core has time for.
        rss_mb: resident memory of a process of its own, without the frames of the scene.
        runs: how often each model ran per frame.
    """

    name: str
    faces: int
    size: str
    frames: int
    ms: float
    p95_ms: float
    max_ms: float
    cpu_ms: float
    bare_ms: float
    ratio: float
    plain_ms: float
    fps_one_core: float
    rss_mb: float
    runs: dict[str, float]


@dataclass(frozen=True)
class VisionCost:
    """All scenes, and what an empty view costs at the adaptive rate.

    Attributes:
        cases: one per scene.
        idle_share: of one core, with nobody in view and frames coming at the camera's rate.
        idle_fps: frames looked at per second meanwhile.
    """

    cases: tuple[Case, ...]
    idle_share: float
    idle_fps: float

    def as_dict(self) -> dict[str, Any]:
        """For JSON, with the goals beside the figures."""
        goals = {"ratio_3_faces_720p": GOAL_RATIO, "fps_one_face": GOAL_FPS, "idle_share": 0.03}
        return {**asdict(self), "goals": goals}


def measure(
    settings: VisionSettings, clip: Path | None, frames: int, say: Callable[[str], None]
) -> VisionCost:
    """Run every scene once.

    Args:
        settings: of the vision process; its source is not used.
        clip: sample clip, or none.
        frames: measured per scene, after a warm-up.
        say: told a line per scene.

    Raises:
        SourceError: the clip cannot be read.
        ModelError: a model is not built.
    """
    cast = portraits(CACHE)
    cases = []
    if clip is not None:
        say(f"{clip.name}: measuring")
        cases.append(_alone(settings, clip.stem, list(_clip(clip, frames)), frames))
    for size in SIZES:
        for crowd in CROWDS:
            scene = still_crowd(crowd, size, 2.0)
            say(f"{scene.name}: measuring")
            images = [one.image for one in render(scene, cast)]
            cases.append(_alone(settings, scene.name, images, frames))
    say("idle: measuring")
    empty = [one.image for one in render(still_crowd(0, SIZES[0], 2.0), cast)]
    share, fps = _idle(settings, empty)
    return VisionCost(tuple(cases), share, fps)


def _clip(path: Path, count: int) -> Iterator[Image]:
    capture = cv2.VideoCapture(str(path))
    for _ in range(count):
        grabbed, image = capture.read()
        if not grabbed:
            break
        yield np.asarray(image, np.uint8)
    capture.release()


def _there_and_back(images: Sequence[Image]) -> Iterator[Image]:
    """Frames for ever, without a jump where the scene begins again."""
    while True:
        yield from images
        yield from reversed(images[1:-1])


def _alone(settings: VisionSettings, name: str, images: list[Image], frames: int) -> Case:
    """One scene in a process of its own, so that nothing else is in its memory."""
    if not images:
        raise SourceError(f"{name}: no frame can be decoded from it")
    with tempfile.TemporaryDirectory(prefix="kiosk-bench-") as folder:
        path = Path(folder) / "frames.npy"
        np.save(path, np.stack(images))
        with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
            return pool.submit(_case, settings, name, path, frames).result()


def _case(settings: VisionSettings, name: str, path: Path, frames: int) -> Case:
    images: list[Image] = list(np.load(path))
    pipeline = open_pipeline(settings, name)
    detector = load_bundle(Path(settings.models_dir), settings.bundle).detector[0].name
    stream = _there_and_back(images)
    period_s, now_s = 1 / settings.pace.full_fps, 1000.0
    for _ in range(WARM_UP_FRAMES):
        now_s += period_s
        pipeline.process(next(stream), now_s)
    before = {id(one): one.runs for one in pipeline.networks}
    alone_s: dict[int, list[float]] = {id(one): [] for one in pipeline.networks}
    spent_s, cpu_s, viewers = [], 0.0, 0
    for number in range(frames):
        image, now_s = next(stream), now_s + period_s
        cpu, begun = time.process_time(), time.perf_counter()
        record = pipeline.process(image, now_s)
        spent_s.append(time.perf_counter() - begun)
        cpu_s += time.process_time() - cpu
        viewers = len(record.viewers)
        if number % BLOCK_FRAMES == 0:
            _time_alone(pipeline.networks, before, alone_s)
    per_frame = {id(one): (one.runs - before.get(id(one), 0)) / frames for one in pipeline.networks}
    bare_ms = {key: 1000 * statistics.fmean(values) for key, values in alone_s.items() if values}
    ran_ms = sum(per_frame[key] * bare_ms[key] for key in bare_ms)
    height, width = images[0].shape[:2]
    runs: dict[str, float] = {}
    for one in pipeline.networks:
        runs[one.name] = round(runs.get(one.name, 0) + per_frame[id(one)], 3)
    ms, cpu_ms = 1000 * statistics.fmean(spent_s), 1000 * cpu_s / frames
    return Case(
        name=name,
        faces=viewers,
        size=f"{width}x{height}",
        frames=frames,
        ms=round(ms, 2),
        p95_ms=round(1000 * float(np.percentile(spent_s, 95)), 2),
        max_ms=round(1000 * max(spent_s), 2),
        cpu_ms=round(cpu_ms, 2),
        bare_ms=round(ran_ms, 2),
        ratio=round(cpu_ms / ran_ms, 3) if ran_ms else 0.0,
        plain_ms=round(_plain_ms(pipeline.networks, bare_ms, viewers, detector), 2),
        fps_one_core=round(1000 / cpu_ms, 1),
        rss_mb=round(_resident_mb() - sum(image.nbytes for image in images) / 1e6, 1),
        runs=runs,
    )


def _time_alone(networks: list[Any], counted: dict[int, int], into: dict[int, list[float]]) -> None:
    """One bare run of each network, on what it saw last; it is not counted as the loop's."""
    for one in networks:
        begun = time.process_time()
        one.run()
        into.setdefault(id(one), []).append(time.process_time() - begun)
        counted[id(one)] = counted.get(id(one), 0) + 1


def _plain_ms(networks: list[Any], bare_ms: dict[int, float], faces: int, detector: str) -> float:
    """A search, and each head on each face; a network that looks again is no part of it."""
    by_name: dict[str, float] = {}
    for one in networks:
        by_name[one.name] = max(by_name.get(one.name, 0.0), bare_ms.get(id(one), 0.0))
    return sum(ms * (1 if name == detector else faces) for name, ms in by_name.items())


def _idle(settings: VisionSettings, images: list[Image]) -> tuple[float, float]:
    """Share of a core and looks per second in an empty view, frames coming at the full rate."""
    pipeline, pace = open_pipeline(settings, "idle"), open_pace(settings)
    stream = _there_and_back(images)
    period_s = 1 / settings.pace.motion_fps
    now_s, looks, spent_s, counted_s = 1000.0, 0, 0.0, 0.0
    while counted_s < IDLE_S:
        image, now_s = next(stream), now_s + period_s
        settled = pace.idle
        begun = time.process_time()
        wanted = pace.wants(image, now_s)
        if wanted:
            pipeline.process(image, now_s)
            pace.looked(pipeline.somebody, now_s)
        if settled:
            spent_s += time.process_time() - begun
            counted_s += period_s
            looks += int(wanted)
    return round(spent_s / counted_s, 4), round(looks / counted_s, 2)


def _resident_mb() -> float:
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024
    return 0.0


def as_table(cost: VisionCost) -> str:
    """The figures for a terminal, ours beside the bare models."""
    head = (
        "scene",
        "size",
        "faces",
        "ms",
        "p95",
        "cpu",
        "bare",
        "ratio",
        "plain",
        "fps/core",
        "MB",
    )
    rows = [head]
    rows += [
        (
            one.name, one.size, str(one.faces), f"{one.ms:.2f}", f"{one.p95_ms:.2f}",
            f"{one.cpu_ms:.2f}", f"{one.bare_ms:.2f}", f"{one.ratio:.2f}", f"{one.plain_ms:.1f}",
            f"{one.fps_one_core:.0f}", f"{one.rss_mb:.0f}",
        )
        for one in cost.cases
    ]  # fmt: skip
    widths = [max(len(row[at]) for row in rows) for at in range(len(head))]
    lines = [
        "  ".join(cell.rjust(wide) for cell, wide in zip(row, widths, strict=True)) for row in rows
    ]
    lines.append(
        f"idle: {100 * cost.idle_share:.1f} % of a core, {cost.idle_fps:.1f} looks per second"
    )
    lines.append(
        "ms, p95: wall time of a frame. cpu: its processor time; bare: that of the inferences it"
        " ran, alone; ratio: cpu / bare; plain: bare time of a search and every model on every face"
    )
    return "\n".join(lines)
