"""Trackers on one footing: faces and a time in, the boxes of known viewers and their names out.

The product's own tracker stands beside those of the `trackers` library. Each gets the same
patience (``tracking.gap_s``) and least overlap, and is believed from the same sighting on
(``tracking.confirm_frames``).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from supervision import Detections
from trackers import BIoU, ByteTrackTracker, OCSORTTracker, SORTTracker

from kiosk.config import TrackingSettings
from kiosk.vision import open_tracker

if TYPE_CHECKING:
    from kiosk.vision import Faces

CHOSEN = "kiosk"
"""Name of the product's tracker among the candidates."""

LIBRARY_FPS = 30.0
"""The library counts its patience in frames of this rate, whatever the camera's."""

BUFFER = 0.5
"""Share of its side by which a box grows for a buffered overlap."""

Ids = NDArray[np.intp]
Floats = NDArray[np.float32]
Tracked = tuple[Floats, Ids]
"""Boxes float32 [n, 4] of the viewers seen in one frame, and whose they are, [n]."""

Follow = Callable[["Faces", float], Tracked]
"""Given the faces of the next frame and its time in seconds."""


def candidates() -> dict[str, Callable[[TrackingSettings], Follow]]:
    """The product's tracker and those that it is compared with, by name."""
    return {
        CHOSEN: _ours,
        "OC-SORT, buffered IoU": lambda settings: _library(
            settings, OCSORTTracker, {"high_conf_det_threshold": 0.0, "iou": BIoU(BUFFER)}
        ),
        "OC-SORT": lambda settings: _library(
            settings, OCSORTTracker, {"high_conf_det_threshold": 0.0}
        ),
        "ByteTrack, buffered IoU": lambda settings: _library(
            settings, ByteTrackTracker, {**_ONE_STAGE, "iou": BIoU(BUFFER)}
        ),
        "ByteTrack": lambda settings: _library(settings, ByteTrackTracker, _ONE_STAGE),
        "SORT": lambda settings: _library(
            settings, SORTTracker, {"track_activation_threshold": 0.0}
        ),
    }


_ONE_STAGE = {"track_activation_threshold": 0.0, "high_conf_det_threshold": 0.0}
"""The detector's own threshold has been applied: every box that comes is a face."""


def _ours(settings: TrackingSettings) -> Follow:
    tracker = open_tracker(settings)

    def follow(faces: Faces, t_s: float) -> Tracked:
        seen = [one for one in tracker.update(faces, t_s) if one.last_s == t_s]
        boxes = np.array([one.box for one in seen], np.float32).reshape(-1, 4)
        return boxes, np.array([int(one.id, 16) for one in seen], np.intp)

    return follow


def _library(settings: TrackingSettings, engine: Any, options: dict[str, Any]) -> Follow:
    """A tracker of the library, with our patience, our least overlap and our confirmation."""
    tracker = engine(
        lost_track_buffer=max(1, round(settings.gap_s * LIBRARY_FPS)),
        frame_rate=LIBRARY_FPS,
        minimum_consecutive_frames=1,
        minimum_iou_threshold=settings.min_iou,
        **options,
    )
    # The library names a face at its second sighting.
    sightings: Counter[int] = Counter()

    def follow(faces: Faces, t_s: float) -> Tracked:
        rows = np.arange(len(faces))
        given = Detections(faces.boxes, confidence=faces.scores, data={"row": rows})
        tracked = tracker.update(given, timestamp=t_s)
        ids = np.asarray([] if tracked.tracker_id is None else tracked.tracker_id, np.intp)
        sightings.update(int(name) for name in ids[ids >= 0])
        sure = np.array([sightings[int(name)] + 1 >= settings.confirm_frames for name in ids], bool)
        kept = np.flatnonzero(sure & (ids >= 0))
        boxes = (
            np.asarray(faces.boxes[np.asarray(tracked.data["row"])[kept]]) if len(kept) else None
        )
        return (np.zeros((0, 4), np.float32) if boxes is None else boxes), ids[kept]

    return follow
