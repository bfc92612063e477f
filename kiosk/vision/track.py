"""Faces of successive frames become passes: predicted boxes, greedy overlap, random names on top.

Nothing of a face but its box decides. Between two searches a detector looks again where each face
was, so most frames leave little to decide: a face is then matched by plain overlap with where its
speed takes it. What is left is matched by buffered overlap (C-BIoU, Yang et al. 2023,
arXiv:2211.14317), which also bridges low frame rates. ``docs/tracking.md`` has the figures.
"""

from __future__ import annotations

import math
import secrets
from dataclasses import dataclass
from typing import Callable

import numpy as np

from kiosk.config import TrackingSettings
from kiosk.vision.faces import Faces, Floats, shared_area

BUFFER = 0.5
"""By how much a box grows on each side before overlaps are taken, as a share of its own side.

Somebody who walks by moves his face by one and a half of its widths between two frames at 5 per
second, and has no known speed yet; enlarged by this much, the two boxes still overlap by 0.1.
"""

SPEED_MEMORY_S = 0.2
"""Time constant of a face's speed: shorter follows the detector's jitter, longer lags in turns."""

COAST_S = 0.4
"""How long a lost face is thought to keep its speed; people who leave a view's cover turn."""

LARGEST_GROWTH = 2.0
"""Ratio of widths from which two boxes are not one face: nobody walks up that fast."""


ONE_STEP = 1.5
"""Longest time without a face, in steps between frames, in which none of them missed it."""


@dataclass
class Pass:
    """One face that is being followed.

    Attributes:
        id: random; it lives as long as the pass.
        box: last box seen, float32 [4] in pixels.
        keypoints: last keypoints seen, float32 [6, 2] in pixels.
        first_s, last_s: when it was first and last seen.
        sightings: frames in which it was seen.
        speed: of the box's middle, in pixels per second to the right and down.
    """

    id: str
    box: Floats
    keypoints: Floats
    first_s: float
    last_s: float
    sightings: int = 1
    speed: tuple[float, float] = (0.0, 0.0)

    def box_at(self, now_s: float) -> Floats:
        """Where the box is thought to be."""
        ahead_s = min(now_s - self.last_s, COAST_S)
        right, down = self.speed[0] * ahead_s, self.speed[1] * ahead_s
        return self.box + np.array([right, down, right, down], np.float32)

    def see(self, box: Floats, keypoints: Floats, now_s: float) -> None:
        """It was seen again."""
        passed_s = now_s - self.last_s
        if passed_s > 0:
            share = 1 - math.exp(-passed_s / SPEED_MEMORY_S)
            x1, y1, x2, y2 = (box - self.box).tolist()
            right, down = (x1 + x2) / 2 / passed_s, (y1 + y2) / 2 / passed_s
            self.speed = (
                self.speed[0] + (right - self.speed[0]) * share,
                self.speed[1] + (down - self.speed[1]) * share,
            )
        self.box, self.keypoints, self.last_s = box, keypoints, now_s
        self.sightings += 1


class PassTracker:
    """Follows faces; state is bounded by the faces seen within the last ``gap_s``."""

    def __init__(
        self,
        settings: TrackingSettings,
        new_id: Callable[[], str] = lambda: secrets.token_hex(4),
    ) -> None:
        """Start with nobody."""
        self._settings = settings
        self._new_id = new_id
        self._known: list[Pass] = []
        self._updated_s = float("-inf")

    @property
    def known(self) -> list[Pass]:
        """Everybody who is followed, confirmed or not, oldest first."""
        return list(self._known)

    def update(self, faces: Faces, now_s: float) -> list[Pass]:
        """Match the faces of one frame.

        Args:
            faces: what the detector found.
            now_s: when the frame was taken; never less than before.

        Returns:
            The confirmed passes, oldest first: those seen now, and those lost for a moment.
        """
        step_s, self._updated_s = now_s - self._updated_s, now_s
        self._known = [
            one for one in self._known if now_s - one.last_s <= self._patience_s(one, step_s)
        ]
        free = np.ones(len(faces), bool)
        for one, row in self._match(faces, now_s):
            one.see(faces.boxes[row], faces.keypoints[row], now_s)
            free[row] = False
        for new in np.flatnonzero(free):
            box, keypoints = faces.boxes[new], faces.keypoints[new]
            self._known.append(Pass(self._new_id(), box, keypoints, now_s, now_s))
        return [one for one in self._known if self._confirmed(one)]

    def _confirmed(self, one: Pass) -> bool:
        return one.sightings >= self._settings.confirm_frames

    def _patience_s(self, one: Pass, step_s: float) -> float:
        s = self._settings
        if self._confirmed(one):
            return s.gap_s
        # Of a slow camera, the next frame has to be waited for.
        return min(s.gap_s, max(s.confirm_gap_s, ONE_STEP * step_s))

    def _match(self, faces: Faces, now_s: float) -> list[tuple[Pass, int]]:
        # There are a few boxes, for which plain numbers are faster than arrays.
        expected = dict(enumerate([one.box_at(now_s).tolist() for one in self._known]))
        found = dict(enumerate(faces.boxes.tolist()))
        pairs: list[tuple[Pass, int]] = []
        for buffer in (0.0, BUFFER):
            close = [
                (overlap(ours, theirs, buffer), at, row)
                for at, ours in expected.items()
                for row, theirs in found.items()
                if _alike(ours, theirs)
            ]
            for shared, at, row in sorted(close, reverse=True):
                if shared >= self._settings.min_iou and at in expected and row in found:
                    pairs.append((self._known[at], row))
                    del expected[at], found[row]
        return pairs


def overlap(one: list[float], other: list[float], buffer: float = 0.0) -> float:
    """Intersection over union of two boxes, each grown by a share of its sides on every side."""
    ours, theirs = _grown(one, buffer), _grown(other, buffer)
    shared = shared_area(ours, theirs)
    areas = [(box[2] - box[0]) * (box[3] - box[1]) for box in (ours, theirs)]
    return shared / max(sum(areas) - shared, 1e-9)


def _grown(box: list[float], share: float) -> list[float]:
    x1, y1, x2, y2 = box
    across, down = (x2 - x1) * share, (y2 - y1) * share
    return [x1 - across, y1 - down, x2 + across, y2 + down]


def _alike(one: list[float], other: list[float]) -> bool:
    """Their widths could be those of one face."""
    ours, theirs = one[2] - one[0], other[2] - other[0]
    return ours < LARGEST_GROWTH * theirs and theirs < LARGEST_GROWTH * ours
