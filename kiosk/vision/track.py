"""Faces of successive frames become passes: ByteTrack on boxes, random names on top.

ByteTrack (Zhang et al. 2022, arXiv:2110.06864) comes from the `trackers` library: maintained,
Apache-2.0, no torch, and aware of real time between frames. Nothing of a face but its box decides.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from typing import Any, Callable

import numpy as np

from kiosk.config import TrackingSettings
from kiosk.vision.faces import Faces, Floats

TRACKER_FPS = 30.0
"""The library counts its patience in frames of this rate, whatever the camera's."""


@dataclass
class Pass:
    """One face that is being followed.

    Attributes:
        id: random; it lives as long as the pass.
        box: last box seen, float32 [4] in pixels.
        keypoints: last keypoints seen, float32 [6, 2] in pixels.
        first_s, last_s: when it was first and last seen.
        sightings: frames in which it was seen.
    """

    id: str
    box: Floats
    keypoints: Floats
    first_s: float
    last_s: float
    sightings: int = 1


class PassTracker:
    """Follows faces; state is bounded by the faces seen within the last ``gap_s``."""

    def __init__(
        self,
        settings: TrackingSettings,
        min_score: float,
        new_id: Callable[[], str] = lambda: secrets.token_hex(4),
        engine: Any = None,
    ) -> None:
        self._settings = settings
        self._new_id = new_id
        self._engine = engine if engine is not None else _bytetrack(settings, min_score)
        self._passes: dict[int, Pass] = {}

    def update(self, faces: Faces, now_s: float) -> list[Pass]:
        """Match the faces of one frame.

        Args:
            faces: what the detector found.
            now_s: when the frame was taken; never less than before.

        Returns:
            The passes seen in this frame that are confirmed, oldest first.
        """
        for row, number in self._match(faces, now_s):
            known = self._passes.get(number)
            if known is None:
                self._passes[number] = Pass(
                    self._new_id(), faces.boxes[row], faces.keypoints[row], now_s, now_s
                )
                continue
            known.box, known.keypoints = faces.boxes[row], faces.keypoints[row]
            known.last_s = now_s
            known.sightings += 1
        expired = [n for n, p in self._passes.items() if now_s - p.last_s > self._settings.gap_s]
        for number in expired:
            del self._passes[number]
        confirmed = [
            p for p in self._passes.values() if p.sightings >= self._settings.confirm_frames
        ]
        return sorted(confirmed, key=lambda p: (p.first_s, p.id))

    def _match(self, faces: Faces, now_s: float) -> list[tuple[int, int]]:
        from supervision import Detections

        found = Detections(
            xyxy=faces.boxes.reshape(-1, 4).astype(np.float32),
            confidence=faces.scores,
            data={"row": np.arange(len(faces))},
        )
        tracked = self._engine.update(found, timestamp=now_s)
        if tracked.tracker_id is None or not len(tracked):
            return []
        return [
            (int(row), int(number))
            for row, number in zip(tracked.data["row"], tracked.tracker_id)
            if number >= 0
        ]


def _bytetrack(settings: TrackingSettings, min_score: float) -> Any:
    from trackers import ByteTrackTracker

    return ByteTrackTracker(
        lost_track_buffer=max(1, round(settings.gap_s * TRACKER_FPS)),
        frame_rate=TRACKER_FPS,
        track_activation_threshold=min_score,
        high_conf_det_threshold=min_score,
        # A small face is found by its tile only, in some frames: its confirmation is counted here.
        minimum_consecutive_frames=1,
        minimum_iou_threshold=settings.min_iou,
    )
