"""What an examiner said of every picture, beside what is true; never the pictures themselves."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Final, TypeVar

import numpy as np
from numpy.typing import NDArray

from kiosk import terms
from kiosk.errors import BadInputError
from kiosk.models.evaluate.datasets import (
    BoxPicture,
    FacePicture,
    LabelledSet,
    MoodPicture,
)
from kiosk.models.evaluate.examiner import Examiner, Image
from kiosk.models.evaluate.metrics.detection import match
from kiosk.models.evaluate.pictures import fitted, read_picture

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Ints = NDArray[np.int64]
Say = Callable[[str], None]

SAY_EVERY: Final = 250
MAX_NOTES: Final = 20
"""Pictures of a set that are named when they cannot be used; the others are counted."""

FRAME_PX: Final = (1280, 720)
TIMED_PICTURES: Final = 5
TIMED_REPEATS: Final = 10

Picture = TypeVar("Picture", FacePicture, MoodPicture, BoxPicture)


@dataclass(frozen=True)
class FaceSamples:
    """Faces whose age and gender are known, and what was said of them.

    Attributes:
        age: true years, [n].
        gender: true index of ``terms.GENDERS``, [n].
        years_p: probabilities of the ages, [n, 101]; [0, 101] without an age head.
        gender_p: probabilities of ``terms.GENDERS``, [n, 2]; [0, 2] without a gender head.
        minor_possible: [n].
        found: the detector found it, [n].
    """

    age: Ints
    gender: Ints
    years_p: Floats
    gender_p: Floats
    minor_possible: Bools
    found: Bools


@dataclass(frozen=True)
class MoodSamples:
    """Faces whose mood is known, and what was said of them.

    Attributes:
        mood: true index of ``terms.MOODS``, [n].
        mood_p: probabilities of ``terms.MOODS``, [n, 7]; 0 for one that the bundle does not know.
        found: the detector found it, [n].
    """

    mood: Ints
    mood_p: Floats
    found: Bools


@dataclass(frozen=True)
class BoxSamples:
    """Whole pictures whose faces are known, and what was found in them.

    Attributes:
        pictures: how many.
        score: of each found box that is a hit or false, [n].
        hit: which of them are hits, [n].
        of_picture: picture of each of them, [n].
        width_px: of each true face that is not difficult, in its picture, [m].
        kind: ``unmasked``, ``masked`` or ``other``, [m].
        truth_score: score of the box that found it, [m]; -inf: missed.
        of_truth: picture of each true face, [m].
        min_score: score from which a device takes a box for a face.
    """

    pictures: int
    score: Floats
    hit: Bools
    of_picture: Ints
    width_px: Floats
    kind: NDArray[np.str_]
    truth_score: Floats
    of_truth: Ints
    min_score: float


@dataclass(frozen=True)
class Count:
    """Pictures of one set: listed, chosen by ``--limit`` and label, and unreadable ones."""

    listed: int
    used: int
    unreadable: int


class Gatherer:
    """Shows labelled pictures to an examiner, one at a time.

    Attributes:
        counts: by name of the set.
        notes: a sentence per picture that could not be used.
    """

    def __init__(self, examiner: Examiner, limit: int | None, say: Say) -> None:
        """Show at most ``limit`` pictures of each set; ``say`` is told how far it got."""
        self.counts: dict[str, Count] = {}
        self.notes: list[str] = []
        self._examiner = examiner
        self._limit = limit
        self._say = say
        self._timed: list[Image] = []

    def faces(self, sets: list[LabelledSet[FacePicture]]) -> FaceSamples:
        """What is said of faces with known age and gender."""
        tasks = self._examiner.tasks
        seen = [
            (picture, self._examiner.look(image))
            for labelled in sets
            for picture, image in self._readable(labelled)
        ]
        return FaceSamples(
            np.array([truth.age for truth, _ in seen], np.int64),
            np.array([terms.GENDERS.index(truth.gender) for truth, _ in seen], np.int64),
            _rows([look.years_p for _, look in seen if "age" in tasks], 101),
            _rows(
                [
                    [look.gender_p[name] for name in terms.GENDERS]
                    for _, look in seen
                    if "gender" in tasks
                ],
                len(terms.GENDERS),
            ),
            np.array([look.minor_possible for _, look in seen], bool),
            np.array([look.found for _, look in seen], bool),
        )

    def moods(self, sets: list[LabelledSet[MoodPicture]]) -> MoodSamples:
        """What is said of faces with a known mood."""
        seen = [
            (picture, self._examiner.look(image))
            for labelled in sets
            for picture, image in self._readable(labelled)
        ]
        return MoodSamples(
            np.array([terms.MOODS.index(truth.mood) for truth, _ in seen], np.int64),
            _rows(
                [
                    [look.mood_p.get(name, 0.0) for name in terms.MOODS]
                    for _, look in seen
                    if "emotion" in self._examiner.tasks
                ],
                len(terms.MOODS),
            ),
            np.array([look.found for _, look in seen], bool),
        )

    def boxes(self, sets: list[LabelledSet[BoxPicture]], min_score: float) -> BoxSamples:
        """What is found in whole pictures with known faces."""
        gathered = _BoxLists()
        for labelled in sets:
            for picture, image in self._readable(labelled):
                found, scores = self._examiner.find(image)
                gathered.add(picture, found, scores)
        return gathered.samples(min_score)

    @property
    def timed(self) -> int:
        """Number of pictures that times are taken with."""
        return len(self._timed)

    def times_ms(self) -> dict[str, float]:
        """Median milliseconds over a few of the pictures shown, fitted into a 720p frame."""
        every: dict[str, list[float]] = {}
        for image in self._timed:
            frame = fitted(image, *FRAME_PX)
            for name, value in self._examiner.time_ms(frame, TIMED_REPEATS).items():
                every.setdefault(name, []).append(value)
        return {name: float(np.median(values)) for name, values in every.items()}

    def _readable(self, labelled: LabelledSet[Picture]) -> Iterator[tuple[Picture, Image]]:
        pictures = evenly(labelled.pictures, self._limit)
        unreadable = 0
        for number, picture in enumerate(pictures, start=1):
            try:
                image = _checked(picture)
            except BadInputError as bad:
                unreadable += 1
                if unreadable <= MAX_NOTES:
                    self.notes.append(f"left out: {bad}")
                if unreadable == len(pictures):
                    raise BadInputError(
                        f"{labelled.name}: none of {len(pictures)} pictures can be used;"
                        f" the last one: {bad}"
                    ) from bad
                continue
            if len(self._timed) < TIMED_PICTURES:
                self._timed.append(image)
            yield picture, image
            if number % SAY_EVERY == 0:
                self._say(f"{labelled.name}: {number} of {len(pictures)} pictures")
        if unreadable > MAX_NOTES:
            more = unreadable - MAX_NOTES
            self.notes.append(f"left out: {more} more pictures of {labelled.name} like these")
        self.counts[labelled.name] = Count(labelled.rows, len(pictures) - unreadable, unreadable)


def evenly(pictures: tuple[Picture, ...], limit: int | None) -> tuple[Picture, ...]:
    """At most ``limit`` pictures, spread over the list; the same ones every time."""
    count = len(pictures)
    if limit is None or limit >= count:
        return pictures
    return tuple(pictures[index * count // limit] for index in range(limit))


def _checked(picture: FacePicture | MoodPicture | BoxPicture) -> Image:
    image = read_picture(picture.path)
    if isinstance(picture, BoxPicture):
        height, width = image.shape[:2]
        if (width, height) != (picture.width, picture.height):
            raise BadInputError(
                f"{picture.path}: is {width}x{height} pixels when upright, but its boxes were drawn"
                f" on {picture.width}x{picture.height}; draw them on the upright picture"
            )
    return image


def _rows(rows: list[Any], columns: int) -> Floats:
    return np.asarray(rows, np.float64).reshape(-1, columns)


class _BoxLists:
    """Boxes of many pictures, on their way to arrays."""

    def __init__(self) -> None:
        self._pictures = 0
        self._found: list[tuple[float, bool, int]] = []
        self._truth: list[tuple[float, str, float, int]] = []

    def add(self, picture: BoxPicture, found: NDArray[Any], scores: NDArray[Any]) -> None:
        """Match one picture's boxes."""
        truth = [(box.xmin, box.ymin, box.xmax, box.ymax) for box in picture.boxes]
        difficult = [box.difficult for box in picture.boxes]
        matched = match(found, scores, np.array(truth), np.array(difficult, bool))
        number, self._pictures = self._pictures, self._pictures + 1
        for score, outcome in zip(scores, matched.outcome, strict=True):
            if outcome >= 0:
                self._found.append((float(score), bool(outcome), number))
        for box, score in zip(picture.boxes, matched.truth_score, strict=True):
            if not box.difficult:
                self._truth.append((box.xmax - box.xmin, box.kind, float(score), number))

    def samples(self, min_score: float) -> BoxSamples:
        """All of it as arrays."""
        score, hit, of_picture = zip(*self._found, strict=True) if self._found else ((), (), ())
        width, kind, truth_score, of_truth = (
            zip(*self._truth, strict=True) if self._truth else ((), (), (), ())
        )
        return BoxSamples(
            self._pictures,
            np.array(score, np.float64),
            np.array(hit, bool),
            np.array(of_picture, np.int64),
            np.array(width, np.float64),
            np.array(kind, np.str_),
            np.array(truth_score, np.float64),
            np.array(of_truth, np.int64),
            min_score,
        )
