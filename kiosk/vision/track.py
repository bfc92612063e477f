"""Faces of successive frames become passes: OC-SORT on boxes, random names on top.

OC-SORT (Cao et al. 2023, arXiv:2203.14360) with the buffered overlap of C-BIoU (Yang et al. 2023,
arXiv:2211.14317) comes from the `trackers` library: maintained, Apache-2.0, no torch, and aware of
the real time between frames. Nothing of a face but its box decides. ``docs/tracking.md`` has the
figures of this choice.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from typing import Any, Callable

import numpy as np

from kiosk.config import TrackingSettings
from kiosk.errors import KioskError
from kiosk.vision.faces import Faces, Floats

LIBRARY_FPS = 30.0
"""The library counts its patience in frames of this rate, whatever the camera's."""

BUFFER = 0.5
"""By how much a box grows on each side before overlaps are taken, as a share of its own side.

Somebody who walks by moves his face by one and a half of its widths between two frames at 5 per
second, and has no known speed yet; enlarged by this much, the two boxes still overlap by 0.1.
"""


@dataclass
class Pass:
    """One face that is being followed.

    Attributes:
        id: random; it lives as long as the pass.
        box: last box seen, float32 [4] in pixels.
        keypoints: last keypoints seen, float32 [6, 2] in pixels.
        first_s, last_s: when it was first and last seen.
        sightings: frames in which it was seen; the library names a face at its second.
    """

    id: str
    box: Floats
    keypoints: Floats
    first_s: float
    last_s: float
    sightings: int = 2


class PassTracker:
    """Follows faces; state is bounded by the faces seen within the last ``gap_s``."""

    def __init__(
        self,
        settings: TrackingSettings,
        new_id: Callable[[], str] = lambda: secrets.token_hex(4),
    ) -> None:
        """Start with nobody.

        Raises:
            KioskError: the tracking library is not installed.
        """
        self._settings = settings
        self._new_id = new_id
        self._engine, self._detections = _oc_sort(settings)
        self._followed: dict[int, Pass] = {}

    @property
    def known(self) -> list[Pass]:
        """Everybody who is followed, confirmed or not."""
        return list(self._followed.values())

    def update(self, faces: Faces, now_s: float) -> list[Pass]:
        """Match the faces of one frame.

        Args:
            faces: what the detector found.
            now_s: when the frame was taken; never less than before.

        Returns:
            The confirmed passes, oldest first: those seen now, and those lost for a moment.
        """
        gap_s = self._settings.gap_s
        self._followed = {n: p for n, p in self._followed.items() if now_s - p.last_s <= gap_s}
        for row, number in self._match(faces, now_s):
            box, keypoints = faces.boxes[row], faces.keypoints[row]
            one = self._followed.get(number)
            if one is None:
                self._followed[number] = Pass(self._new_id(), box, keypoints, now_s, now_s)
                continue
            one.box, one.keypoints, one.last_s = box, keypoints, now_s
            one.sightings += 1
        return [p for p in self.known if p.sightings >= self._settings.confirm_frames]

    def _match(self, faces: Faces, now_s: float) -> list[tuple[int, int]]:
        rows = np.arange(len(faces))
        found = self._detections(faces.boxes, confidence=faces.scores, data={"row": rows})
        tracked = self._engine.update(found, timestamp=now_s)
        if tracked.tracker_id is None or not len(tracked):
            return []
        pairs = zip(tracked.data["row"], tracked.tracker_id)
        return [(int(row), int(number)) for row, number in pairs if number >= 0]


def _oc_sort(settings: TrackingSettings) -> tuple[Any, Any]:
    try:
        from supervision import Detections
        from trackers import BIoU, OCSORTTracker
    except ImportError as bad:
        raise KioskError(
            f"the tracking library cannot be loaded: {bad}",
            hint="install this device's packages: requirements/device.txt",
        ) from bad
    engine = OCSORTTracker(
        lost_track_buffer=max(1, round(settings.gap_s * LIBRARY_FPS)),
        frame_rate=LIBRARY_FPS,
        # A small face is found by its tile only, in some frames: its confirmation is counted here.
        minimum_consecutive_frames=1,
        minimum_iou_threshold=settings.min_iou,
        # The detector's own threshold has been applied: every box that comes here is a face.
        high_conf_det_threshold=0.0,
        iou=BIoU(BUFFER),
    )
    return engine, Detections
