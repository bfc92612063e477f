"""How well faces are followed: the product's tracker against others, on the same detections.

Comes in: settings and scenes with known truth. Goes out: MOTA, IDF1, HOTA, identity switches and
fragmentations per tracker, computed by the `trackers` library (a port of TrackEval). The product's
detector searches every frame; every tracker gets the same boxes at the same times. Beside them
stands the whole pipeline, as it runs on a device.
"""

from __future__ import annotations

import time
import zlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from trackers.eval import (
    aggregate_clear_metrics,
    aggregate_hota_metrics,
    aggregate_identity_metrics,
    box_iou,
    compute_clear_metrics,
    compute_hota_metrics,
    compute_identity_metrics,
)

from kiosk.bench.followers import Floats, Follow, Ids, Tracked, candidates
from kiosk.bench.scenes import (
    Image,
    Portrait,
    RenderedFrame,
    Scene,
    Truth,
    portraits,
    render,
    true_passes,
)
from kiosk.config import VisionSettings
from kiosk.vision import open_finder, open_pipeline

if TYPE_CHECKING:
    from kiosk.vision import Faces

WHOLE = "kiosk, whole pipeline"
"""Which does not search every frame, and is timed with its models."""

SCENES_APART_S = 60.0
"""Time between two scenes for a pipeline that sees one after the other: past all patience."""

MATCH_IOU = 0.4
"""Overlap from which a followed box is a true face: a turned head's box is a matter of taste."""

IGNORE_IOU = 0.3
"""Overlap with a face that is hardly to be seen from which a followed box is no mistake."""

EVERY = (1, 3)
"""Trackers are given every frame, and every third: a slow computer."""

Search = Callable[[Image], "Faces"]


@dataclass(frozen=True)
class Look:
    """What the detector made of one frame, and what is true in it.

    Attributes:
        faces: found by the detector.
        truth: of the frame.
    """

    faces: Faces
    truth: Truth


@dataclass(frozen=True)
class TrackingScore:
    """What a tracker made of one scene, or of all.

    Attributes:
        tracker: which.
        scene: name; empty of the sum of all scenes.
        every: it was given every n-th frame.
        mota, idf1, hota: shares, 1 is perfect; MOTA may be negative.
        switches: times that a face was given the name of another, or a new one.
        fragments: times that a face was lost and found again.
        passes, true_passes: how many it made, and how many there were, pictures included.
        ms_per_frame: processor time that following took, milliseconds.
    """

    tracker: str
    scene: str
    every: int
    mota: float
    idf1: float
    hota: float
    switches: int
    fragments: int
    passes: int
    true_passes: int
    ms_per_frame: float


@dataclass(frozen=True)
class TrackingResult:
    """Every tracker on every scene, and in sum.

    Attributes:
        scores: one per tracker, rate and scene.
        totals: one per tracker and rate.
        frames: how many were looked at.
    """

    scores: tuple[TrackingScore, ...]
    totals: tuple[TrackingScore, ...]
    frames: int

    def as_dict(self) -> dict[str, Any]:
        """As JSON values."""
        return asdict(self)


@dataclass(frozen=True)
class Counts:
    """The library's figures of one scene, which it can add up.

    Attributes:
        clear, identity, hota: as the library gives them.
        passes, true_passes: how many the tracker made, and how many there were.
        ms: processor time that following took, milliseconds.
        frames: how many the tracker was given.
    """

    clear: dict[str, Any]
    identity: dict[str, Any]
    hota: dict[str, Any]
    passes: int
    true_passes: int
    ms: float
    frames: int


def compare_trackers(
    settings: VisionSettings,
    scenes: Iterable[Scene],
    say: Callable[[str], None] = lambda _: None,
    cast: Mapping[str, Portrait] | None = None,
) -> TrackingResult:
    """Run every tracker on every scene.

    Args:
        settings: of vision: models, detection and tracking are used.
        scenes: to render.
        say: is told what is being looked at, and what was downloaded.
        cast: the portraits that the scenes name; by default those in the cache folder, which are
            fetched where they are missing.

    Raises:
        ModelError: a model is missing, altered, or not what its card says, or a portrait cannot
            be downloaded.
    """
    cast = portraits(say=say) if cast is None else cast
    search = open_search(settings)
    wholes = {every: _Whole(settings) for every in EVERY}
    found: dict[tuple[str, int], list[Counts]] = {}
    scores: list[TrackingScore] = []
    frames = 0
    for scene in scenes:
        say(f"{scene.name}: {scene.frames} frames")
        looks = []
        for frame in render(scene, cast):
            looks.append(Look(search(frame.image), frame.truth))
            for every, whole in wholes.items():
                if frame.truth.number % every == 0:
                    whole.see(frame)
        frames += len(looks)
        for every in EVERY:
            follows = {name: make(settings.tracking) for name, make in candidates().items()}
            follows[WHOLE] = wholes[every].replay()
            for name, follow in follows.items():
                counts = judge(follow, looks[::every], scene.fps / every, settings)
                if name == WHOLE:
                    counts = replace(counts, ms=wholes[every].take_ms())
                found.setdefault((name, every), []).append(counts)
                scores.append(score(name, scene.name, every, [counts]))
    totals = [score(name, "", every, counts) for (name, every), counts in found.items()]
    return TrackingResult(tuple(scores), tuple(totals), frames)


class _Whole:
    """The product's pipeline on one scene after another, and what it said of each frame."""

    def __init__(self, settings: VisionSettings) -> None:
        self._pipeline = open_pipeline(settings, "bench")
        self._said: list[Tracked] = []
        self._start_s = 0.0
        self._now_s = 0.0
        self._spent_s = 0.0

    def see(self, frame: RenderedFrame) -> None:
        self._now_s = self._start_s + frame.t_s
        begun = time.process_time()
        record = self._pipeline.process(frame.image, self._now_s)
        self._spent_s += time.process_time() - begun
        seen = [one for one in record.viewers if one.last_s == record.t_s]
        height, width = frame.image.shape[:2]
        shares = np.array([one.box for one in seen], np.float32).reshape(-1, 4)
        corners = np.concatenate([shares[:, :2], shares[:, :2] + shares[:, 2:]], axis=1)
        boxes = corners * np.array([width, height, width, height], np.float32)
        self._said.append((boxes, np.array([int(one.id, 16) for one in seen], np.intp)))

    def replay(self) -> Follow:
        """What it said of the scene that is over; the next one comes much later."""
        said, self._said = iter(self._said), []
        self._start_s = self._now_s + SCENES_APART_S
        return lambda _faces, _t_s: next(said)

    def take_ms(self) -> float:
        """Processor time since this was last asked, milliseconds."""
        spent_s, self._spent_s = self._spent_s, 0.0
        return 1000 * spent_s


def as_table(result: TrackingResult) -> str:
    """The sums as text, and below them the scenes in which the product went wrong."""
    lines = [f"{result.frames} frames; MOTA, IDF1 and HOTA in %"]
    for every in sorted({one.every for one in result.totals}):
        rate = "every frame" if every == 1 else f"every {every}rd frame"
        lines += ["", f"{rate:34}  MOTA  IDF1  HOTA  switches  fragments  passes (true)  ms/frame"]
        lines += [_row(one.tracker, one) for one in result.totals if one.every == every]
    wrong = [
        one
        for one in result.scores
        if one.tracker == WHOLE and (one.switches or one.passes != one.true_passes)
    ]
    if wrong:
        lines += ["", f"{WHOLE}: scenes with a switch or another number of passes"]
        lines += [_row(f"{one.scene}, every {one.every}", one) for one in wrong]
    return "\n".join(lines)


def _row(label: str, one: TrackingScore) -> str:
    return (
        f"{label:34} {100 * one.mota:5.1f} {100 * one.idf1:5.1f} {100 * one.hota:5.1f}"
        f" {one.switches:9d} {one.fragments:10d} {one.passes:7d} ({one.true_passes:3d})"
        f" {one.ms_per_frame:11.2f}"
    )


def open_search(settings: VisionSettings) -> Search:
    """The product's face detector alone, as the settings choose it.

    Raises:
        ModelError: it is missing, altered, or not what its card says.
    """
    finder = open_finder(settings)

    def search(image: Image) -> Faces:
        faces = finder.search(image)
        wide = faces.boxes[:, 2] - faces.boxes[:, 0] >= settings.detection.min_face_px
        return faces.take(np.flatnonzero(wide))

    return search


def judge(follow: Follow, looks: list[Look], fps: float, settings: VisionSettings) -> Counts:
    """Let a tracker follow one scene, and compare with the truth.

    Pictures on the wall are faces like others here: whether they are counted is decided later.

    Args:
        follow: a tracker that has seen nothing yet.
        looks: frames in order.
        fps: how many of them a second.
        settings: for the narrowest face, and for how long a pass may be out of view.
    """
    spent_s = 0.0
    whose: list[Ids] = []
    names: list[Ids] = []
    overlaps: list[Floats] = []
    for look in looks:
        begun = time.process_time()
        tracked = follow(look.faces, look.truth.t_s)
        spent_s += time.process_time() - begun
        actors, true_boxes, ignored = _true_faces(look.truth, settings.detection.min_face_px)
        boxes, ids = _without(tracked, true_boxes, ignored)
        whose.append(actors)
        names.append(ids)
        overlaps.append(_overlap(true_boxes, boxes))
    passes = true_passes((look.truth for look in looks), fps, settings.tracking.gap_s)
    whose, names = _numbered(whose), _numbered(names)
    return Counts(
        clear=compute_clear_metrics(whose, names, overlaps, MATCH_IOU),
        identity=compute_identity_metrics(whose, names, overlaps, MATCH_IOU),
        hota=compute_hota_metrics(whose, names, overlaps),
        passes=len({int(name) for frame in names for name in frame}),
        true_passes=len(passes),
        ms=1000 * spent_s,
        frames=len(looks),
    )


def _true_faces(truth: Truth, least_px: float) -> tuple[Ids, Floats, Floats]:
    """Whose faces have to be followed, their boxes, and boxes that may or may not be."""
    needed = [one for one in truth.seen if one.present and one.face_px >= least_px]
    spared = [one.box for one in truth.seen if one.visible > 0 and one not in needed]
    actors = np.array([zlib.crc32(one.actor.encode()) for one in needed], np.intp)
    boxes = np.array([one.box for one in needed], np.float32).reshape(-1, 4)
    return actors, boxes, np.array(spared, np.float32).reshape(-1, 4)


def _without(tracked: Tracked, true_boxes: Floats, ignored: Floats) -> Tracked:
    """Leave out boxes on faces that are hardly to be seen: neither right nor wrong."""
    boxes, ids = tracked
    if not len(boxes) or not len(ignored):
        return tracked
    on_ignored = _overlap(ignored, boxes).max(axis=0) >= IGNORE_IOU
    on_true = _overlap(true_boxes, boxes).max(axis=0, initial=0) >= MATCH_IOU
    kept = np.flatnonzero(on_true | ~on_ignored)
    return boxes[kept], ids[kept]


def _overlap(one: Floats, other: Floats) -> Floats:
    if not len(one) or not len(other):
        return np.zeros((len(one), len(other)), np.float32)
    return np.asarray(box_iou(one, other), np.float32)


def _numbered(frames: list[Ids]) -> list[Ids]:
    """Small numbers in place of names, from 0 on."""
    known = {
        name: at for at, name in enumerate(dict.fromkeys(n for f in frames for n in f.tolist()))
    }
    return [np.array([known[name] for name in frame.tolist()], np.intp) for frame in frames]


def score(tracker: str, scene: str, every: int, counts: list[Counts]) -> TrackingScore:
    """Figures of one or more scenes together."""
    clear = aggregate_clear_metrics([one.clear for one in counts])
    identity = aggregate_identity_metrics([one.identity for one in counts])
    hota = aggregate_hota_metrics([one.hota for one in counts])
    return TrackingScore(
        tracker=tracker,
        scene=scene,
        every=every,
        mota=round(float(clear["MOTA"]), 4),
        idf1=round(float(identity["IDF1"]), 4),
        hota=round(float(hota["HOTA"]), 4),
        switches=int(clear["IDSW"]),
        fragments=int(clear["Frag"]),
        passes=sum(one.passes for one in counts),
        true_passes=sum(one.true_passes for one in counts),
        ms_per_frame=round(sum(c.ms for c in counts) / max(1, sum(c.frames for c in counts)), 3),
    )
