"""Age, gender and mood of each viewer: looked at by need, believed with doubt, told in words."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Optional

import numpy as np

from kiosk import terms
from kiosk.config import Attribute, AttributeSettings
from kiosk.vision.cards import BundleCards, Task
from kiosk.vision.faces import Floats, Image
from kiosk.vision.heads import Heads
from kiosk.vision.posterior import (
    Calibration,
    Evidence,
    band_probabilities,
    first_look,
    minor_probability,
)
from kiosk.vision.runtime import Models
from kiosk.vision.track import Pass
from kiosk.vision.view import face_sharpness, view_quality

IDENTITY: frozenset[Task] = frozenset({"age", "gender"})
MOOD: frozenset[Task] = frozenset({"emotion"})

TASK_OF: dict[Attribute, Task] = {"age": "age", "gender": "gender", "mood": "emotion"}
"""What the configuration calls an attribute, and what the cards of models call it."""

SHARPNESS_EVERY = 5
"""Looks at a mood for one of the sharpness, which costs as much and changes less."""


@dataclass(frozen=True)
class Estimate:
    """A label and its probability; the label is ``unknown`` when the probability is too low."""

    label: str
    p: float


@dataclass(frozen=True)
class Attributes:
    """What is thought of one viewer."""

    age: Estimate
    gender: Estimate
    mood: Estimate
    minor_possible: bool


NOTHING_KNOWN = Attributes(
    Estimate(terms.UNKNOWN, 0.0), Estimate(terms.UNKNOWN, 0.0), Estimate(terms.UNKNOWN, 0.0), True
)
"""Before the first look, nobody is known to be of age."""


def label(p: Floats, labels: list[str], least: float) -> Estimate:
    """The most probable label, or ``unknown`` when it is less probable than ``least``."""
    best = int(np.argmax(p))
    confidence = round(float(p[best]), 3)
    return Estimate(labels[best] if confidence >= least else terms.UNKNOWN, confidence)


@dataclass
class _Looks:
    """What has been seen of one pass."""

    evidence: dict[Task, Evidence] = field(default_factory=dict)
    identity_looks: int = 0
    identity_s: float = float("-inf")
    mood_looks: int = 0
    mood_s: float = float("-inf")
    sharp: Optional[float] = None
    thought: Optional[Attributes] = None


class AttributeEstimator:
    """Looks closely at a few viewers per frame; state is one entry per live pass.

    What is not to be estimated stays ``unknown``. Without an age nobody is known to be of age, so a
    minor stays possible in everybody.
    """

    def __init__(self, cards: BundleCards, models: Models, settings: AttributeSettings) -> None:
        allowed = settings.estimate
        wanted = None if allowed is None else frozenset(TASK_OF[one] for one in allowed)
        self._heads = Heads(cards, models, wanted)
        self._calibration = Calibration(cards, settings.poor_view_age_sd_y)
        self._settings = settings
        self._looks: dict[str, _Looks] = {}

    def update(self, frame: Image, passes: list[Pass], now_s: float) -> None:
        """Make the looks that are due and needed most, of the passes seen in this frame."""
        seen = [one for one in passes if one.last_s == now_s]
        for one in seen:
            self._looks.setdefault(one.id, _Looks())
        due = sorted(
            (rank, one.id, tasks, one)
            for one in seen
            for rank, tasks in self._due(self._looks[one.id], now_s)
        )
        for _, _, tasks, one in due[: self._settings.looks_per_frame]:
            self._look(frame, one, frozenset(tasks), now_s)

    def forget(self, alive: set[str]) -> None:
        """Drop what is known of passes that are over."""
        for gone in set(self._looks) - alive:
            del self._looks[gone]

    def of(self, pass_id: str) -> Attributes:
        """What is thought of a pass now."""
        looks = self._looks.get(pass_id)
        if looks is None:
            return NOTHING_KNOWN
        if looks.thought is None:
            looks.thought = self._think(looks)
        return looks.thought

    def _think(self, looks: _Looks) -> Attributes:
        s, rules = self._settings, self._calibration
        age, minor = NOTHING_KNOWN.age, True
        known = looks.evidence.get("age")
        if known is not None:
            years_p = rules.years_p(known)
            least = rules.threshold("age", s.min_age_p)
            age = label(band_probabilities(years_p), list(terms.AGE_BANDS), least)
            # Whatever is no number is no proof of age.
            minor = not minor_probability(years_p) < s.minor_p
        return Attributes(
            age,
            self._labelled(looks, "gender", s.min_gender_p),
            self._labelled(looks, "emotion", s.min_mood_p),
            minor,
        )

    def _labelled(self, looks: _Looks, task: Task, configured: Optional[float]) -> Estimate:
        known = looks.evidence.get(task)
        if known is None:
            return Estimate(terms.UNKNOWN, 0.0)
        rules = self._calibration
        p = rules.label_p(known)
        return label(p, rules.labels[task], rules.threshold(task, configured))

    def _due(self, looks: _Looks, now_s: float) -> list[tuple[float, list[Task]]]:
        """What of a viewer should be looked at, with its rank: the lowest goes first."""
        s, due = self._settings, []
        if self._heads.tasks & IDENTITY and looks.identity_looks < s.identity_estimates:
            # Looks further and further apart see the face in more different views.
            wait_s = s.identity_interval_s * max(1, looks.identity_looks)
            late_s = now_s - looks.identity_s - wait_s
            if late_s >= 0:
                # However many moods are due: who waits long enough is looked at.
                due.append((looks.identity_looks - late_s, sorted(IDENTITY)))
        if self._heads.tasks & MOOD:
            late_s = now_s - looks.mood_s - s.mood_interval_s
            if late_s >= 0:
                due.append((min(looks.mood_looks, 1) - min(late_s, 1.0), sorted(MOOD)))
        return due

    def _look(self, frame: Image, one: Pass, tasks: frozenset[Task], now_s: float) -> None:
        looks, s = self._looks[one.id], self._settings
        count = looks.identity_looks if tasks & IDENTITY else looks.mood_looks
        # A face and its mirror image are of one person: taking them in turn averages both.
        patch, points = self._heads.patch(frame, one.keypoints)
        said = self._heads.look(patch, points, tasks, mirrored=count % 2 == 1)
        if tasks & IDENTITY or count % SHARPNESS_EVERY == 0 or looks.sharp is None:
            looks.sharp = face_sharpness(patch, points)
        quality = view_quality(one.keypoints, looks.sharp, s.good_eye_distance_px, s.good_sharpness)
        looks.thought = None
        heard = False
        for task in tasks:
            known = looks.evidence.get(task)
            if task == "emotion" and known is not None:
                known.fade(float(np.exp(-(now_s - looks.mood_s) / s.mood_memory_s)))
            opinion = self._calibration.pooled(task, said)
            if opinion is None:
                continue
            heard = True
            if known is None:
                looks.evidence[task] = first_look(opinion, quality)
            else:
                known.add(opinion, max(quality, 1e-6))
        # A look of which nothing came is none, but the next one waits as long.
        if tasks & IDENTITY:
            looks.identity_looks, looks.identity_s = looks.identity_looks + heard, now_s
        else:
            looks.mood_looks, looks.mood_s = looks.mood_looks + heard, now_s
