"""Faces of successive frames become passes: predicted boxes, greedy overlap, random names on top.

Nothing of a face but its box decides. Between two searches a detector looks again where each face
was, so most frames leave little to decide: a face is then matched by plain overlap with where its
speed takes it. What is left is matched by buffered overlap (C-BIoU, Yang et al. 2023,
arXiv:2211.14317), which also bridges low frame rates. ``docs/tracking.md`` has the figures.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field
from typing import Callable

import numpy as np

from kiosk.config import TrackingSettings
from kiosk.vision.faces import Faces, Floats

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


@dataclass
class Pass:
    """One face that is being followed.

    Attributes:
        id: random; it lives as long as the pass.
        box: last box seen, float32 [4] in pixels.
        keypoints: last keypoints seen, float32 [6, 2] in pixels.
        first_s, last_s: when it was first and last seen.
        sightings: frames in which it was seen.
        speed: of the box's middle, float32 [2] in pixels per second.
    """

    id: str
    box: Floats
    keypoints: Floats
    first_s: float
    last_s: float
    sightings: int = 1
    speed: Floats = field(default_factory=lambda: np.zeros(2, np.float32))

    def box_at(self, now_s: float) -> Floats:
        """Where the box is thought to be."""
        ahead_s = np.float32(min(now_s - self.last_s, COAST_S))
        return self.box + (self.speed * ahead_s)[[0, 1, 0, 1]]

    def see(self, box: Floats, keypoints: Floats, now_s: float) -> None:
        """It was seen again."""
        passed_s = now_s - self.last_s
        if passed_s > 0:
            moved = (box[:2] + box[2:] - self.box[:2] - self.box[2:]) / 2
            share = np.float32(1 - np.exp(-passed_s / SPEED_MEMORY_S))
            speed = np.asarray(moved / np.float32(passed_s), np.float32)
            self.speed = self.speed + (speed - self.speed) * share
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
        gap_s = self._settings.gap_s
        self._known = [one for one in self._known if now_s - one.last_s <= gap_s]
        free = np.ones(len(faces), bool)
        for one, row in self._match(faces, now_s):
            one.see(faces.boxes[row], faces.keypoints[row], now_s)
            free[row] = False
        for new in np.flatnonzero(free):
            box, keypoints = faces.boxes[new], faces.keypoints[new]
            self._known.append(Pass(self._new_id(), box, keypoints, now_s, now_s))
        return [p for p in self._known if p.sightings >= self._settings.confirm_frames]

    def _match(self, faces: Faces, now_s: float) -> list[tuple[Pass, int]]:
        if not self._known or not len(faces):
            return []
        expected = np.stack([one.box_at(now_s) for one in self._known])
        widths = expected[:, 2] - expected[:, 0], faces.boxes[:, 2] - faces.boxes[:, 0]
        growth = widths[1][None] / np.maximum(widths[0][:, None], 1e-3)
        possible = (growth < LARGEST_GROWTH) & (growth > 1 / LARGEST_GROWTH)
        pairs: list[tuple[Pass, int]] = []
        for buffer in (0.0, BUFFER):
            overlap = overlaps(_grown(expected, buffer), _grown(faces.boxes, buffer))
            overlap = np.where(possible, overlap, 0)
            while overlap.max(initial=0.0) >= self._settings.min_iou:
                at, row = divmod(int(overlap.argmax()), len(faces))
                pairs.append((self._known[at], row))
                overlap[at], overlap[:, row] = 0, 0
                possible[at], possible[:, row] = False, False
            if not possible.any():
                break
        return pairs


def overlaps(ours: Floats, theirs: Floats) -> Floats:
    """Intersection over union of each box [n, 4] with each box [m, 4]: float32 [n, m]."""
    low = np.maximum(ours[:, None, :2], theirs[None, :, :2])
    high = np.minimum(ours[:, None, 2:], theirs[None, :, 2:])
    shared = np.prod(np.maximum(high - low, 0), axis=2)
    areas = [np.prod(boxes[:, 2:] - boxes[:, :2], axis=1) for boxes in (ours, theirs)]
    union = areas[0][:, None] + areas[1][None] - shared
    return np.asarray(shared / np.maximum(union, 1e-6), np.float32)


def _grown(boxes: Floats, share: float) -> Floats:
    margin = (boxes[:, 2:] - boxes[:, :2]) * np.float32(share)
    return np.concatenate([boxes[:, :2] - margin, boxes[:, 2:] + margin], axis=1)
