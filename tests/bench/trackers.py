"""Which tracker follows faces best: the same detections for each, at full and at thinned rates.

Run from the root of the repository (as a module: the library is called as this file is)::

    python -m tests.bench.trackers [MODELS_DIR]

Measuring clips come from ``KIOSK_DATA`` (by default ``../shared/data``); a clip or a library that
is not there is named and left out.
"""

from __future__ import annotations

import os
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from kiosk.config import TrackingSettings, VisionSettings
from kiosk.vision.faces import Faces
from kiosk.vision.pipeline import Pipeline
from kiosk.vision.track import PassTracker

ROOT = Path(__file__).resolve().parents[2]
DATA = Path(os.environ.get("KIOSK_DATA") or ROOT.parent / "shared/data") / "clips"
SETTINGS = TrackingSettings()
MIN_SCORE = 0.5
FPS_OF_LIBRARIES = 30.0
SEEDS = range(3)

Way = list[tuple[int, int, int]]
"""Frame, x and y of a face's middle; between two, it moves evenly."""

CLIPS: dict[str, tuple[Path, list[Way]]] = {
    "sample": (
        ROOT / "kiosk/demo/campaign/build/WolfgangLanger_Pexels.mp4",
        [[(0, 419, 220), (471, 419, 220)]],
    ),
    "walking": (
        DATA / "face-demographics-walking-and-pause.gif",
        [
            [(0, 114, 121), (8, 101, 120), (16, 90, 117), (40, 78, 116)],
            [(0, 225, 108), (40, 225, 105)],
            [(0, 320, 125), (8, 348, 131), (16, 368, 131), (40, 374, 133)],
        ],
    ),
    "head pose": (DATA / "head-pose-face-detection-female.gif", [[(0, 240, 135), (22, 240, 135)]]),
    "school": (
        DATA / "school-group.mp4",
        [
            [(0, 390, 228), (39, 426, 234), (72, 412, 228), (120, 394, 227), (136, 360, 232),
             (152, 335, 255), (168, 298, 253), (184, 259, 273), (200, 218, 341), (216, 153, 418),
             (234, 48, 484)],
            [(0, 494, 225), (32, 507, 242), (80, 503, 220), (144, 513, 234), (160, 476, 242),
             (176, 460, 263), (192, 422, 308), (208, 366, 379), (224, 356, 435), (240, 266, 514),
             (249, 224, 545)],
            [(0, 658, 105), (65, 641, 117), (81, 682, 107), (113, 723, 96), (145, 659, 83),
             (161, 673, 79), (193, 766, 79), (225, 758, 127), (257, 762, 189), (273, 738, 213),
             (328, 761, 221)],
            [(0, 994, 268), (32, 993, 271), (59, 951, 262), (75, 928, 270), (107, 986, 263),
             (139, 967, 274), (155, 1098, 312), (171, 1194, 324), (187, 1203, 390),
             (203, 1251, 475)],
            [(0, 1122, 141), (16, 1098, 141), (48, 1064, 141), (96, 1123, 123), (113, 1077, 93),
             (130, 1120, 87), (143, 1243, 89)],
            [(0, 773, 245), (32, 729, 262), (48, 744, 263), (80, 727, 255), (96, 689, 268),
             (144, 670, 283), (160, 625, 307), (176, 588, 349), (192, 568, 425), (208, 559, 535),
             (212, 556, 564)],
            [(1, 657, 311), (33, 611, 324), (49, 567, 321), (65, 576, 347), (81, 563, 349),
             (113, 521, 349), (131, 509, 377), (147, 476, 408), (163, 425, 485), (179, 321, 562),
             (195, 270, 630), (202, 250, 696)],
        ],
    ),
}  # fmt: skip


@dataclass(frozen=True)
class Seen:
    """One frame of a clip: when it is, what was found, and whose face each is (-1: nobody's)."""

    t_s: float
    faces: Faces
    whose: list[int]


class Follower:
    """A candidate: numbers for the faces of each frame, ``-1`` where it does not follow one."""

    def __init__(self, match: Callable[[Faces, float], list[int]]) -> None:
        self.match = match


def look(path: Path, people: list[Way], models_dir: Path) -> list[Seen]:
    """Run the detector once over a clip, and say whose face each is."""
    detector = Pipeline(VisionSettings(models_dir=models_dir), "bench")._detector
    capture = cv2.VideoCapture(str(path))
    fps, frames = capture.get(cv2.CAP_PROP_FPS), []
    while True:
        grabbed, image = capture.read()
        if not grabbed:
            return frames
        faces = detector.detect(np.asarray(image, np.uint8))
        frames.append(Seen(len(frames) / fps, faces, _whose(faces, people, len(frames))))


def _whose(faces: Faces, people: list[Way], frame: int) -> list[int]:
    middles = (faces.boxes[:, :2] + faces.boxes[:, 2:]) / 2
    sizes = faces.boxes[:, 2] - faces.boxes[:, 0]
    if len(people) == 1:
        return [0] * len(faces)
    owners = [-1] * len(faces)
    for person, way in enumerate(people):
        at, xs, ys = zip(*way, strict=True)
        if not at[0] - 8 <= frame <= at[-1] + 8 or not len(faces):
            continue
        place = np.array([np.interp(frame, at, xs), np.interp(frame, at, ys)])
        away = np.hypot(*(middles - place).T) / sizes
        if away.min() < 0.7:
            owners[int(away.argmin())] = person
    return owners


def crossing() -> list[Seen]:
    """Two faces, of one size, pass each other; the far one is hidden while they overlap."""
    random = np.random.default_rng(0)
    frames = []
    for number in range(100):
        t_s = number / 25
        near, far = 100 + 120 * t_s, 520 - 90 * t_s
        seen = [0] if abs(near - far) < 40 else [0, 1]
        middles = np.array([[near, 210.0], [far, 195.0]])[seen] + random.normal(
            0, 1.5, (len(seen), 2)
        )
        boxes = np.concatenate([middles - 30, middles + 30], axis=1).astype(np.float32)
        scores = np.full(len(seen), 0.9, np.float32)
        points = np.zeros((len(seen), 6, 2), np.float32)
        frames.append(Seen(t_s, Faces(boxes, scores, points), seen))
    return frames


def thinned(frames: list[Seen], every: int, drop: float, seed: int) -> Iterator[Seen]:
    """Every n-th frame, each face left out by chance."""
    random = np.random.default_rng(seed)
    for frame in frames[::every]:
        rows = np.flatnonzero(random.random(len(frame.faces)) >= drop)
        yield Seen(frame.t_s, frame.faces.take(rows), [frame.whose[row] for row in rows])


@dataclass
class Score:
    """What a candidate made of a clip."""

    passes: float = 0
    missed: float = 0
    fragments: float = 0
    switches: float = 0
    ms: float = 0


def judge(candidate: Callable[[], Follower], frames: list[Seen], people: int) -> Score:
    """Follow a clip and compare with whose faces they were."""
    follower = candidate()
    owners: dict[int, list[int]] = defaultdict(list)
    spent = 0.0
    for frame in frames:
        begun = time.perf_counter()
        numbers = follower.match(frame.faces, frame.t_s)
        spent += time.perf_counter() - begun
        for number, person in zip(numbers, frame.whose, strict=True):
            if number >= 0:
                owners[number].append(person)
    confirmed = [seen for seen in owners.values() if len(seen) >= SETTINGS.confirm_frames]
    main = Counter(Counter(seen).most_common(1)[0][0] for seen in confirmed)
    switches = 0
    for seen in confirmed:
        real = [person for person in seen if person >= 0]
        switches += sum(a != b for a, b in pairwise(real))
    return Score(
        passes=len(confirmed),
        missed=sum(person not in main for person in range(people)),
        fragments=sum(count - 1 for person, count in main.items() if person >= 0),
        switches=switches,
        ms=1000 * spent / len(frames),
    )


def of_supervision(engine: Any) -> Follower:
    """One of the `trackers` library, told the time of each frame."""
    from supervision import Detections

    def match(faces: Faces, t_s: float) -> list[int]:
        rows = np.arange(len(faces))
        found = Detections(faces.boxes, confidence=faces.scores, data={"row": rows})
        tracked = engine.update(found, timestamp=t_s)
        numbers = [-1] * len(faces)
        for row, number in zip(tracked.data.get("row", []), tracked.tracker_id, strict=True):
            numbers[int(row)] = int(number)
        return numbers

    return Follower(match)


def of_library(name: str, *, buffered: bool = False, **options: Any) -> Callable[[], Follower]:
    """A class of the `trackers` library with our patience and threshold."""

    def make() -> Follower:
        import trackers

        if buffered:
            options["iou"] = trackers.BIoU(0.5)
        return of_supervision(
            getattr(trackers, name)(
                lost_track_buffer=round(SETTINGS.gap_s * FPS_OF_LIBRARIES),
                frame_rate=FPS_OF_LIBRARIES,
                minimum_consecutive_frames=1,
                **options,
            )
        )

    return make


def of_norfair() -> Follower:
    """norfair counts frames, so it is told the rate of the clip by its first two."""
    from norfair import Detection, Tracker

    tracker: Any = None
    stamps: list[float] = []

    def match(faces: Faces, t_s: float) -> list[int]:
        nonlocal tracker
        stamps.append(t_s)
        if len(stamps) < 2:
            return [-1] * len(faces)
        if tracker is None:
            patience = max(1, round(SETTINGS.gap_s / (stamps[1] - stamps[0])))
            tracker = Tracker(
                "iou", 1 - SETTINGS.min_iou, hit_counter_max=patience, initialization_delay=0
            )
        boxes = [Detection(box.reshape(2, 2), data=row) for row, box in enumerate(faces.boxes)]
        numbers = [-1] * len(faces)
        for followed in tracker.update(boxes):
            if followed.last_detection in boxes:
                numbers[followed.last_detection.data] = followed.id
        return numbers

    return Follower(match)


def of_ours() -> Follower:
    """The tracker of this product."""
    tracker = PassTracker(SETTINGS)

    def match(faces: Faces, t_s: float) -> list[int]:
        numbers = [-1] * len(faces)
        tracker.update(faces, t_s)
        for one in tracker.known:
            if one.last_s == t_s:
                row = int(np.flatnonzero((faces.boxes == one.box).all(axis=1))[0])
                numbers[row] = int(one.id, 16)
        return numbers

    return Follower(match)


TWO_STAGE = {"track_activation_threshold": MIN_SCORE, "high_conf_det_threshold": MIN_SCORE}
LEAST = {"minimum_iou_threshold": SETTINGS.min_iou}
CANDIDATES: dict[str, Callable[[], Follower]] = {
    "kiosk": of_ours,
    "ByteTrack": of_library("ByteTrackTracker", **TWO_STAGE, **LEAST),
    "ByteTrack, buffered IoU": of_library("ByteTrackTracker", buffered=True, **TWO_STAGE, **LEAST),
    "OC-SORT": of_library("OCSORTTracker", high_conf_det_threshold=MIN_SCORE, **LEAST),
    "OC-SORT, buffered IoU": of_library(
        "OCSORTTracker", buffered=True, high_conf_det_threshold=MIN_SCORE, **LEAST
    ),
    "SORT": of_library("SORTTracker", track_activation_threshold=MIN_SCORE, **LEAST),
    "C-BIoU": of_library("CBIoUTracker", **TWO_STAGE),
    "norfair": of_norfair,
}
VARIANTS = {
    "every frame": (1, 0.0),
    "half": (2, 0.0),
    "third": (3, 0.0),
    "every frame, 20 % lost": (1, 0.2),
    "half, 20 % lost": (2, 0.2),
    "third, 20 % lost": (3, 0.2),
}


def main() -> None:
    """Print one table per clip."""
    models_dir = Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "models_ir"
    total: dict[str, Score] = defaultdict(Score)
    for clip, (path, people) in CLIPS.items():
        if not path.is_file():
            print(f"{clip}: not here: {path}")
            continue
        compare(clip, look(path, people, models_dir), len(people), total)
    compare("crossing (drawn)", crossing(), 2, total)
    print("\nall: |passes - truth| summed over clips and variants, missed, fragments, switches, ms")
    for name, score in total.items():
        print(f"    {name:26} {_row(score)}")


def compare(clip: str, frames: list[Seen], people: int, total: dict[str, Score]) -> None:
    """Print what each candidate makes of one clip, and add it up."""
    print(f"\n{clip}: {len(frames)} frames, {people} passes")
    for variant, (every, drop) in VARIANTS.items():
        print(f"  {variant}")
        for name, candidate in CANDIDATES.items():
            mean = _mean(candidate, frames, people, every, drop)
            if mean is None:
                print(f"    {name:26} not installed")
                continue
            print(f"    {name:26} {_row(mean)}")
            _add(total[name], mean, people)


def _mean(
    candidate: Callable[[], Follower], frames: list[Seen], people: int, every: int, drop: float
) -> Score | None:
    seeds = SEEDS if drop else [0]
    mean = Score()
    for seed in seeds:
        try:
            one = judge(candidate, list(thinned(frames, every, drop, seed)), people)
        except ModuleNotFoundError:
            return None
        for key, value in vars(one).items():
            setattr(mean, key, getattr(mean, key) + value / len(seeds))
    return mean


def _add(total: Score, one: Score, people: int) -> None:
    total.passes += abs(one.passes - people)
    total.missed += one.missed
    total.fragments += one.fragments
    total.switches += one.switches
    total.ms = max(total.ms, one.ms)


def _row(score: Score) -> str:
    return (
        f"passes {score.passes:5.1f}  missed {score.missed:4.1f}  fragments {score.fragments:4.1f}"
        f"  switches {score.switches:4.1f}  {score.ms:5.2f} ms"
    )


if __name__ == "__main__":
    main()
