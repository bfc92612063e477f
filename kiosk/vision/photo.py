"""One photo, all its faces: what the camera process would think of them at a first look.

A photo has no history. Nothing is tracked, a face and its mirror image are all the looks there are,
and whether a face is a person's or a poster's is not judged. Nothing of it is kept.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Callable, Optional

import cv2
import numpy as np

from kiosk import terms
from kiosk.config import VisionSettings
from kiosk.errors import KioskError
from kiosk.vision.attributes import TASK_OF, Estimate, label
from kiosk.vision.cards import Task, load_bundle
from kiosk.vision.faces import Faces, Floats, Image
from kiosk.vision.finders import make_finder
from kiosk.vision.heads import Heads
from kiosk.vision.picture import MOST_BYTES, read_picture
from kiosk.vision.posterior import (
    YEARS,
    Calibration,
    Evidence,
    band_probabilities,
    minor_probability,
)
from kiosk.vision.runtime import Models, Runtime
from kiosk.vision.view import face_sharpness, head_direction_deg, view_quality

BORDER = 0.3
"""Margin given to a picture in which no face is found, as a share of its longer side: detectors
know faces with room, and a portrait may have none."""

TAIL = 0.1
"""What is cut off on either side of an age's law: 80 % of it lie between ``low`` and ``high``."""

INK, PAPER = (28, 25, 23), (174, 207, 69)
"""Letters and boxes of an annotated copy, BGR."""


@dataclass(frozen=True)
class Years:
    """An age in years: its mean, and between what 80 % of the probability lie."""

    mean: float
    low: int
    high: int


@dataclass(frozen=True)
class PhotoFace:
    """One face of a photo.

    Attributes:
        box: x, y, width, height in pixels of the upright photo, within it.
        score: how sure the detector is, 0 to 1.
        large_enough: at least ``vision.detection.min_face_px`` wide; others are passed over, and
            nothing of them is estimated.
        looking: it points at the camera.
        quality: how well it is seen, 0 to 1.
        age, gender, mood: ``None`` where it is not to be estimated, or the bundle cannot.
        years: of the age.
        ages, genders, moods: probability of each label; empty where there is no estimate.
        minor_possible: the chance of being under 18 is not small enough to ignore.
    """

    box: tuple[int, int, int, int]
    score: float
    large_enough: bool
    looking: bool
    quality: float
    age: Optional[Estimate] = None
    gender: Optional[Estimate] = None
    mood: Optional[Estimate] = None
    years: Optional[Years] = None
    ages: dict[str, float] = field(default_factory=dict)
    genders: dict[str, float] = field(default_factory=dict)
    moods: dict[str, float] = field(default_factory=dict)
    minor_possible: bool = True


@dataclass(frozen=True)
class Photo:
    """What is on a photo.

    Attributes:
        width_px, height_px: upright.
        faces: from left to right.
        left_out: faces beyond the most that are looked at; the narrowest ones.
    """

    width_px: int
    height_px: int
    faces: tuple[PhotoFace, ...]
    left_out: int


class PhotoReader:
    """The detector and heads of one bundle, for photos; one at a time.

    Only those models are loaded that estimate something wanted.

    Attributes:
        estimated: what is estimated of a face, in the words of the configuration.
        most_bytes: of the largest file that is read.
    """

    most_bytes = MOST_BYTES

    def __init__(self, settings: VisionSettings) -> None:
        """Load ``settings.bundle``; raises as :class:`kiosk.vision.pipeline.Pipeline` does."""
        cv2.setNumThreads(settings.inference.threads)
        models_dir = Path(settings.models_dir)
        cards = load_bundle(models_dir, settings.bundle)
        allowed = settings.attributes.estimate
        wanted = None if allowed is None else frozenset(TASK_OF[one] for one in allowed)

        def load(models: Models) -> None:
            self._finder = make_finder(cards.detector, models, settings.detection)
            self._heads = Heads(cards, models, wanted)

        runtime = Runtime(settings.inference, models_dir)
        runtime.on_first_device(load)
        self._settings = settings
        self._calibration = Calibration(cards, settings.attributes.poor_view_age_sd_y)
        self.estimated = tuple(name for name, task in TASK_OF.items() if task in self._heads.tasks)

    def read(
        self, data: bytes, most_faces: int, in_time: Callable[[], bool] = lambda: True
    ) -> Photo:
        """What is on a photo.

        Args:
            data: the file.
            most_faces: how many of them are looked at, the widest first.
            in_time: asked before each face whether to go on.

        Raises:
            BadInputError: it is no picture that can be read; the sentence does not name the file.
            KioskError: time is up.
            AcceleratorError: the processor failed, and no other one is configured.
        """
        image = read_picture(data)
        faces = self._search(image)
        widths = faces.boxes[:, 2] - faces.boxes[:, 0]
        widest = np.argsort(-widths, kind="stable")[:most_faces]
        chosen = faces.take(widest[np.argsort(faces.boxes[widest, 0], kind="stable")])
        found = []
        for row in range(len(chosen)):
            if not in_time():
                raise KioskError(
                    f"it takes too long: {row} of {len(chosen)} faces were looked at",
                    hint="send a photo with fewer people, or try again when the device is idle",
                )
            found.append(self._face(image, chosen, row))
        height, width = image.shape[:2]
        return Photo(width, height, tuple(found), len(faces) - len(chosen))

    def _search(self, image: Image) -> Faces:
        faces = self._finder.search(image)
        if len(faces):
            return faces
        height, width = image.shape[:2]
        border = round(BORDER * max(height, width))
        roomy = cv2.copyMakeBorder(image, border, border, border, border, cv2.BORDER_REPLICATE)
        faces = self._finder.search(np.asarray(roomy, np.uint8)).moved(-border, -border)
        middles = (faces.boxes[:, :2] + faces.boxes[:, 2:]) / 2
        inside = ((middles >= 0) & (middles < (width, height))).all(axis=1)
        return faces.take(np.flatnonzero(inside))

    def _face(self, image: Image, faces: Faces, row: int) -> PhotoFace:
        height, width = image.shape[:2]
        box, keypoints = faces.boxes[row], faces.keypoints[row]
        x1, y1, x2, y2 = (round(float(one)) for one in box.clip(0, (width, height, width, height)))
        yaw, pitch = head_direction_deg(keypoints)
        limits, s = self._settings.looking, self._settings.attributes
        sharp = face_sharpness(image, keypoints)
        quality = view_quality(keypoints, sharp, s.good_eye_distance_px, s.good_sharpness)
        large = float(box[2] - box[0]) >= self._settings.detection.min_face_px
        plain = PhotoFace(
            box=(x1, y1, x2 - x1, y2 - y1),
            score=round(float(faces.scores[row]), 3),
            large_enough=large,
            looking=abs(yaw) <= limits.max_yaw_deg and abs(pitch) <= limits.max_pitch_deg,
            quality=round(quality, 3),
        )
        return self._thought(plain, image, keypoints, quality) if large else plain

    def _thought(
        self, plain: PhotoFace, image: Image, keypoints: Floats, quality: float
    ) -> PhotoFace:
        heads, s = self._heads, self._settings.attributes
        patch, points = heads.patch(image, keypoints)
        said = [heads.look(patch, points, heads.tasks, mirrored) for mirrored in (False, True)]
        known = {task: self._calibration.evidence(task, said, quality) for task in heads.tasks}
        gender, genders = self._labelled("gender", known.get("gender"), s.min_gender_p)
        mood, moods = self._labelled("emotion", known.get("emotion"), s.min_mood_p)
        thought: dict[str, Any] = {
            "gender": gender,
            "genders": genders,
            "mood": mood,
            "moods": moods,
        }
        return replace(plain, **thought, **self._aged(known.get("age")))

    def _aged(self, evidence: Optional[Evidence]) -> dict[str, Any]:
        if evidence is None:
            # Whoever's age is not known may be a minor.
            return {"minor_possible": True}
        s = self._settings.attributes
        years_p = self._calibration.years_p(evidence)
        bands_p = band_probabilities(years_p)
        least = self._calibration.threshold("age", s.min_age_p)
        sums = np.cumsum(years_p)
        low, high = (int(np.searchsorted(sums, share)) for share in (TAIL, 1 - TAIL))
        return {
            "age": label(bands_p, list(terms.AGE_BANDS), least),
            "ages": _named(terms.AGE_BANDS, bands_p),
            "years": Years(round(float(years_p @ YEARS), 1), low, high),
            "minor_possible": not minor_probability(years_p) < s.minor_p,
        }

    def _labelled(
        self, task: Task, evidence: Optional[Evidence], configured: Optional[float]
    ) -> tuple[Optional[Estimate], dict[str, float]]:
        if evidence is None:
            return None, {}
        rules = self._calibration
        p, labels = rules.label_p(evidence), rules.labels[task]
        return label(p, labels, rules.threshold(task, configured)), _named(labels, p)


def _named(labels: Sequence[str], p: Floats) -> dict[str, float]:
    return {name: round(float(x), 3) for name, x in zip(labels, p)}


def annotated(data: bytes, boxes: Sequence[tuple[tuple[int, int, int, int], str]]) -> bytes:
    """A JPEG copy of a photo with named boxes, without whatever else the file carried.

    Args:
        data: the file.
        boxes: x, y, width, height in pixels of the upright photo, and an ASCII label.

    Raises:
        BadInputError: as :meth:`PhotoReader.read`.
    """
    image = read_picture(data)
    line = max(1, round(max(image.shape[:2]) / 600))
    font, scale = cv2.FONT_HERSHEY_SIMPLEX, 0.45 * line
    for (x, y, width, height), name in boxes:
        cv2.rectangle(image, (x, y), (x + width, y + height), PAPER, line)
        (wide, tall), below = cv2.getTextSize(name, font, scale, line)
        left = max(0, min(x, image.shape[1] - wide))
        foot = y - below if y - below - tall >= 0 else y + height + tall + below
        cv2.rectangle(image, (left, foot - tall - 2), (left + wide, foot + below), PAPER, -1)
        cv2.putText(image, name, (left, foot), font, scale, INK, line, cv2.LINE_AA)
    done, copy = cv2.imencode(".jpg", image)
    if not done:
        raise KioskError("the annotated copy cannot be encoded")
    return bytes(copy)
