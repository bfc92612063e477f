"""A bundle on still pictures, without tracking and time: what it is measured and explained with."""

from __future__ import annotations

import statistics
import time
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from kiosk.config import VisionSettings
from kiosk.vision.cards import Card, Task, load_bundle
from kiosk.vision.faces import LEFT_EYE, MOUTH, NOSE, RIGHT_EYE, Faces, Floats, Image
from kiosk.vision.finders import make_finder
from kiosk.vision.heads import Head, Heads, Opinions
from kiosk.vision.posterior import (
    Calibration,
    Evidence,
    minor_probability,
)
from kiosk.vision.runtime import Models, Runtime
from kiosk.vision.view import face_sharpness, view_quality

BORDER = 0.3
"""Margin given to a picture of one face, as a share of its side: detectors know faces with room."""

LOWEST_SCORE = 0.002
"""Least score of a face where precision is measured against recall."""

TYPICAL = {RIGHT_EYE: (0.33, 0.39), LEFT_EYE: (0.67, 0.39), NOSE: (0.5, 0.6), MOUTH: (0.5, 0.78)}
"""Where eyes, nose and mouth stand in a picture that a face detector has cut, as shares of it."""


@dataclass(frozen=True)
class Look:
    """What is thought of the face of one picture.

    Attributes:
        found: the detector found it; else its typical place in the picture was looked at.
        years_p: float32 [101], probabilities of the ages 0 to 100; empty without an age model.
        gender_p, mood_p: probability of each label; empty without such a model.
        minor_possible: the chance of being under 18 is not small enough to ignore.
        quality: how well the face is seen, 0 to 1.
    """

    found: bool
    years_p: Floats
    gender_p: dict[str, float]
    mood_p: dict[str, float]
    minor_possible: bool
    quality: float


class Examiner:
    """The detector and heads of one bundle.

    Attributes:
        tasks: what the bundle estimates.
        unknown_below: per task, the probability below which the answer is ``unknown``.
    """

    def __init__(self, settings: VisionSettings, *, raw_scores: bool = False) -> None:
        """Load ``settings.bundle``; raises as :class:`kiosk.vision.pipeline.Pipeline` does.

        Args:
            settings: of the vision process.
            raw_scores: :meth:`find` gives the detector's own scores, not what its card makes of
                them.
        """
        cv2.setNumThreads(settings.inference.threads)
        models_dir = Path(settings.models_dir)
        cards = load_bundle(models_dir, settings.bundle)
        every = settings.detection.model_copy(update={"min_score": LOWEST_SCORE})

        def load(models: Models) -> None:
            self._finder = make_finder(cards.detector, models, settings.detection)
            detector = _unbent(cards.detector) if raw_scores else cards.detector
            self._finder_of_all = make_finder(detector, models, every)
            self._heads = Heads(cards, models)

        self._runtime = Runtime(settings.inference, models_dir)
        self._runtime.on_first_device(load)
        self._settings = settings.attributes
        self._calibration = Calibration(cards, settings.attributes.poor_view_age_sd_y)
        self.tasks: frozenset[Task] = self._heads.tasks
        configured = {
            "age": self._settings.min_age_p,
            "gender": self._settings.min_gender_p,
            "emotion": self._settings.min_mood_p,
        }
        self.unknown_below = {
            task: self._calibration.threshold(task, configured[task]) for task in self.tasks
        }

    def find(self, image: Image) -> tuple[Floats, Floats]:
        """Every face of a uint8 BGR picture, down to very low scores.

        Returns:
            Boxes, float32 [n, 4], x1 y1 x2 y2 in pixels; scores, float32 [n].
        """
        faces = self._finder_of_all.search(image)
        return faces.boxes, faces.scores

    def look(self, image: Image) -> Look:
        """What is thought of the one face of a uint8 BGR picture; it and its mirror image."""
        faces = self.main_face(image)
        found = len(faces) > 0
        keypoints = faces.keypoints[0] if found else typical_keypoints(image)
        said = self._both(image, keypoints)
        s = self._settings
        quality = self._quality(image, keypoints)
        evidence = {task: self._calibration.evidence(task, said, quality) for task in self.tasks}
        age = evidence.get("age")
        years_p = self._calibration.years_p(age) if age else np.zeros(0, np.float32)
        return Look(
            found=found,
            years_p=years_p,
            gender_p=self._labels_p("gender", evidence.get("gender")),
            mood_p=self._labels_p("emotion", evidence.get("emotion")),
            minor_possible=age is None or not minor_probability(years_p) < s.minor_p,
            quality=quality,
        )

    def main_face(self, image: Image) -> Faces:
        """The face that a picture is of: the surest near its middle, or none."""
        height, width = image.shape[:2]
        border = round(BORDER * max(height, width))
        roomy = cv2.copyMakeBorder(image, border, border, border, border, cv2.BORDER_REPLICATE)
        faces = self._finder.search(np.asarray(roomy, np.uint8)).moved(-border, -border)
        if not len(faces):
            return faces
        middles = (faces.boxes[:, :2] + faces.boxes[:, 2:]) / 2
        away = np.hypot(*(middles - (width / 2, height / 2)).T) / max(height, width)
        return faces.take(np.asarray([np.argmax(faces.scores - away)]))

    def opinions(self, image: Image) -> Opinions:
        """What each model says of the one face of a picture and of its mirror image, averaged.

        Nothing is pooled or calibrated yet.
        """
        plain, mirrored = self._both(image, self.keypoints(image))
        return {
            task: {
                name: np.asarray((opinion + mirrored[task].get(name, opinion)) / 2, np.float32)
                for name, opinion in said.items()
            }
            for task, said in plain.items()
        }

    def quality(self, image: Image) -> float:
        """How well the one face of a picture is seen, 0 to 1."""
        return self._quality(image, self.keypoints(image))

    @property
    def labels(self) -> dict[Task, list[str]]:
        """Label names of each task, in the models' order."""
        return self._calibration.labels

    @property
    def heads(self) -> list[Head]:
        """The models that look at a face."""
        return list(self._heads.all)

    def keypoints(self, image: Image) -> Floats:
        """Keypoints, float32 [6, 2], of the one face of a picture, or of its typical place."""
        faces = self.main_face(image)
        return faces.keypoints[0] if len(faces) else typical_keypoints(image)

    def time_ms(self, image: Image, repeats: int) -> dict[str, float]:
        """Median milliseconds: ``frame``, a search; ``face``, all heads; and each model by name."""
        keypoints = self.keypoints(image)
        times: dict[str, list[float]] = {}
        for _ in range(repeats):
            with _Timed(times, "frame"):
                self._finder.search(image)
            with _Timed(times, "face"):
                self._heads.look(image, keypoints, self.tasks, mirrored=False)
            for head in self._heads.all:
                with _Timed(times, head.card.name):
                    head.ask(head.chip(image, keypoints))
        return {name: round(1000 * statistics.median(spent), 3) for name, spent in times.items()}

    def _both(self, image: Image, keypoints: Floats) -> list[Opinions]:
        return [
            self._heads.look(image, keypoints, self.tasks, mirrored) for mirrored in (False, True)
        ]

    def _quality(self, image: Image, keypoints: Floats) -> float:
        s = self._settings
        sharp = face_sharpness(image, keypoints)
        return view_quality(keypoints, sharp, s.good_eye_distance_px, s.good_sharpness)

    def _labels_p(self, task: Task, evidence: Evidence | None) -> dict[str, float]:
        if evidence is None:
            return {}
        p = self._calibration.label_p(evidence)
        return {label: float(x) for label, x in zip(self._calibration.labels[task], p)}


def _unbent(cards: tuple[Card, ...]) -> tuple[Card, ...]:
    """The same detector without a curve for its scores."""
    return tuple(
        card.model_copy(update={"faces": card.faces.model_copy(update={"score_knots": []})})
        if card.faces is not None
        else card
        for card in cards
    )


class _Timed:
    """Adds the time of a block to a list."""

    def __init__(self, times: dict[str, list[float]], name: str) -> None:
        self._list = times.setdefault(name, [])

    def __enter__(self) -> None:
        self._begun = time.perf_counter()

    def __exit__(self, *_: object) -> None:
        self._list.append(time.perf_counter() - self._begun)


def typical_keypoints(image: Image) -> Floats:
    """Keypoints, float32 [6, 2], of the face that fills a picture."""
    height, width = image.shape[:2]
    keypoints = np.full((6, 2), np.nan, np.float32)
    for row, (x, y) in TYPICAL.items():
        keypoints[row] = (x * width, y * height)
    return keypoints
