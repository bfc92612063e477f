"""Person or picture: whether a face moves by itself, and whether it hangs in a frame.

Two signs speak for a picture, such as a poster, a mannequin or a face on a screen:

- It rests: means of its keypoints over half a second return to one place, within about a
  hundredth of the face's width, in a picture from which the camera's own motion is taken away.
  A person who stands as still as he can sways by more.
- It is framed: straight edges close around it, also below the chin, where a person has a body.

Of each pass a few numbers are kept, and of pictures their places; no pixel outlives its frame.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from typing import Optional

import numpy as np

from kiosk.config import LivenessSettings
from kiosk.vision.faces import LEFT_EYE, MOUTH, NOSE, RIGHT_EYE, Floats, Image
from kiosk.vision.framing import is_framed
from kiosk.vision.steady import Steady
from kiosk.vision.track import Pass

POINTS = [RIGHT_EYE, LEFT_EYE, NOSE, MOUTH]
"""Keypoints that every detector gives."""

LEAST_SIGHTINGS = 2
"""Of which a mean is taken, however slow the frames come."""

NOISE = 0.0013
"""Reach of one sighting of a face that rests, in widths of the frame: detectors search a small copy
of it. Of several sightings it falls with the root of their number."""

LONGEST_REST = 20
"""Means that a place's own mean is taken over: it follows a camera that sinks by a little."""

SAME_SIZE = 1.25
"""Ratio of widths up to which a face may be the picture that was at its place before."""


SELDOM = 4
"""How many times longer it is between two looks for a frame where several have found none."""

SAME_PLACE = 0.25
"""Way, in widths of the face, up to which it may be: of a face that is hidden in part, detectors
see the middle elsewhere."""

AGAIN = 4
"""What a picture that is found again has shown before counts as so many means and looks."""


@dataclass
class _Place:
    """Where a face rests, by the vote of its means (Boyer and Moore 1981).

    Attributes:
        points: float32 [4, 2], mean of those that agreed, in pixels.
        width_px: of the face.
        votes: means that agreed less those that did not.
        agreed: means in ``points``, up to :data:`LONGEST_REST`.
    """

    points: Floats
    width_px: float
    votes: int = 1
    agreed: int = 1

    def away(self, points: Floats) -> float:
        """Root mean square distance of keypoints from here, in widths of the face."""
        return float(np.sqrt(np.square(points - self.points).sum(axis=1).mean())) / self.width_px

    def moved(self, points: Floats) -> float:
        """Distance of their middle from here, in widths of the face."""
        right, down = (points - self.points).mean(axis=0).tolist()
        return float(np.hypot(right, down)) / self.width_px


@dataclass
class _Signs:
    """What one pass has shown; numbers only.

    Attributes:
        begun_s, last_s: of the mean that is being taken; last sighting.
        sums: float64 [2, 4, 2]: of keypoints in searched frames, and in frames looked at again.
        counts: sightings in each.
        place: where it rests, or last did.
        still, away: means within and out of reach of that place.
        travelled: it has been somewhere else altogether.
        person: it has shown for long that it moves.
        checks, framed: how often a frame was looked for, and found.
        checked_s: when last.
    """

    begun_s: float
    last_s: float
    sums: np.ndarray = field(default_factory=lambda: np.zeros((2, len(POINTS), 2)))
    counts: list[int] = field(default_factory=lambda: [0, 0])
    place: Optional[_Place] = None
    still: int = 0
    away: int = 0
    travelled: bool = False
    person: bool = False
    checks: int = 0
    framed: int = 0
    checked_s: float = float("-inf")

    def add(self, points: Floats, searched: bool, now_s: float) -> None:
        kind = 0 if searched else 1
        self.sums[kind] += points
        self.counts[kind] += 1
        self.last_s = now_s

    def take_mean(self) -> Floats:
        """The mean of what was added, which begins anew."""
        # A search and a second look do not agree on where a face is: both weigh the same,
        # however many there were of each.
        kinds = [total / count for total, count in zip(self.sums, self.counts) if count]
        self.sums[:], self.counts = 0.0, [0, 0]
        return np.asarray(np.mean(kinds, axis=0), np.float32)


class Liveness:
    """Judges passes; state is one entry per pass and ``remembered_places`` places."""

    def __init__(self, settings: LivenessSettings) -> None:
        """Start with nobody, and no picture known."""
        self._settings = settings
        self._signs: dict[str, _Signs] = {}
        self._pictures: dict[str, _Signs] = {}
        self._frame_px = 0
        self._steady = Steady()
        self._shift_px = np.zeros(2, np.float32)
        self._steadied_s = float("-inf")

    def update(self, frame: Image, passes: list[Pass], now_s: float, *, searched: bool) -> None:
        """Watch the passes that are seen in a frame.

        Args:
            frame: uint8 BGR [height, width, 3].
            passes: everybody in view; who is lost for a moment shows nothing.
            now_s: when the frame was taken.
            searched: the whole frame was searched, not only the places of known faces.
        """
        if not self._settings.check:
            return
        self._frame_px = frame.shape[1]
        self._look_around(frame, passes, now_s)
        for one in passes:
            if one.last_s != now_s:
                continue
            points = _points(one) - self._shift_px
            signs = self._signs.get(one.id)
            if signs is None:
                signs = self._signs[one.id] = self._begin(one, points, now_s)
            self._watch(signs, one, points, searched)
            if now_s - signs.checked_s >= self._frame_interval_s(signs):
                signs.checked_s = now_s
                signs.checks += 1
                signs.framed += is_framed(frame, one.box)
                self._fade(signs)

    def live(self, pass_id: str) -> bool:
        """It moves, turns or changes its face; also true of whom nothing is known yet."""
        signs = self._signs.get(pass_id)
        return signs is None or not self._is_picture(signs)

    def forget(self, alive: set[str]) -> None:
        """Drop what is known of passes that are over; of pictures, keep the place."""
        for gone in set(self._signs) - alive:
            signs = self._signs.pop(gone)
            if signs.place is not None and self._is_picture(signs):
                self._pictures[gone] = signs
        for oldest in list(self._pictures)[: -self._settings.remembered_places]:
            del self._pictures[oldest]

    def _frame_interval_s(self, signs: _Signs) -> float:
        """A frame is looked for less often where none was found: it does not come by itself."""
        often = signs.framed > 0 or signs.checks < 2 * self._settings.frame_checks
        return self._settings.frame_interval_s * (1 if often else SELDOM)

    def _look_around(self, frame: Image, passes: list[Pass], now_s: float) -> None:
        """How far the camera has moved, while there is somebody of whom it matters."""
        undecided = any(
            signs is None or not (signs.travelled or signs.person)
            for signs in (self._signs.get(one.id) for one in passes)
        )
        if undecided and now_s - self._steadied_s >= self._settings.steady_interval_s:
            self._steadied_s = now_s
            self._shift_px = self._steady.shift_px(frame, np.stack([one.box for one in passes]))

    def _begin(self, one: Pass, points: Floats, now_s: float) -> _Signs:
        """Nothing is known of a new face, unless it is where a picture was."""
        width = float(one.box[2] - one.box[0])
        for name, before in self._pictures.items():
            place = before.place
            if place is None or not _alike(width, place.width_px):
                continue
            if place.moved(points) < SAME_PLACE:
                del self._pictures[name]
                return _again(before, now_s)
        return _Signs(now_s, now_s)

    def _watch(self, signs: _Signs, one: Pass, points: Floats, searched: bool) -> None:
        s = self._settings
        now_s = one.last_s
        if now_s - signs.last_s > s.mean_s:
            # It was out of view: what it did before is over.
            signs.sums[:], signs.counts, signs.begun_s = 0.0, [0, 0], now_s
        if now_s - signs.begun_s >= s.mean_s and sum(signs.counts) >= LEAST_SIGHTINGS:
            noise_px = NOISE * self._frame_px / math.sqrt(sum(signs.counts))
            self._vote(signs, signs.take_mean(), float(one.box[2] - one.box[0]), noise_px)
            signs.begun_s = now_s
        signs.add(points, searched, now_s)

    def _vote(self, signs: _Signs, points: Floats, width_px: float, noise_px: float) -> None:
        s, place = self._settings, signs.place
        if place is None:
            signs.place = _Place(points, width_px)
            return
        signs.travelled |= place.moved(points) >= s.travel_share
        if place.away(points) <= max(s.rest_share, noise_px / place.width_px):
            signs.still += 1
            place.agreed = min(place.agreed + 1, LONGEST_REST)
            place.points = place.points + (points - place.points) / np.float32(place.agreed)
            place.votes = min(place.votes + 1, self._rest_means)
            if place.votes >= self._rest_means:
                signs.travelled = signs.person = False
        else:
            signs.away += 1
            place.votes -= 1
            if place.votes < 0:
                signs.place = _Place(points, width_px)
        means = signs.still + signs.away
        if means >= self._rest_means and signs.away >= s.person_share * means:
            signs.person = True
        if means >= 4 * self._rest_means:
            signs.still, signs.away = signs.still // 2, signs.away // 2

    @property
    def _rest_means(self) -> int:
        return max(2, round(self._settings.rest_s / self._settings.mean_s))

    def _fade(self, signs: _Signs) -> None:
        """What was seen long ago counts for less."""
        if signs.checks * self._settings.frame_interval_s >= 4 * self._settings.rest_s:
            signs.checks, signs.framed = signs.checks // 2, signs.framed // 2

    def _is_picture(self, signs: _Signs) -> bool:
        s = self._settings
        if signs.checks >= s.frame_checks and signs.framed >= s.framed_share * signs.checks:
            return True
        if signs.travelled or signs.person:
            return False
        means = signs.still + signs.away
        return means >= 1 and signs.away < s.moved_share * means


def _again(before: _Signs, now_s: float) -> _Signs:
    """A picture that is found again: what it showed before counts, but not for long."""
    share = min(1.0, AGAIN / max(before.still + before.away, 1))
    part = min(1.0, AGAIN / max(before.checks, 1))
    place = before.place
    if place is not None:
        place = replace(place, votes=min(place.votes, AGAIN))
    return replace(
        before,
        begun_s=now_s,
        last_s=now_s,
        sums=np.zeros_like(before.sums),
        counts=[0, 0],
        place=place,
        still=round(before.still * share),
        away=round(before.away * share),
        checks=round(before.checks * part),
        framed=round(before.framed * part),
        checked_s=float("-inf"),
    )


def _points(one: Pass) -> Floats:
    points = one.keypoints[POINTS]
    if np.isfinite(points).all():
        return points
    middle = (one.box[:2] + one.box[2:]) / 2
    return np.where(np.isfinite(points), points, middle)


def _alike(one_px: float, other_px: float) -> bool:
    return one_px < SAME_SIZE * other_px and other_px < SAME_SIZE * one_px
