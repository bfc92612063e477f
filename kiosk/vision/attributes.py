"""Age, gender and mood of each viewer: estimated by need, averaged over time, doubted in words."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import cv2
import numpy as np

from kiosk import terms
from kiosk.config import AttributeSettings
from kiosk.errors import ModelError
from kiosk.vision.cards import Card, Task
from kiosk.vision.faces import Floats, Image, chip
from kiosk.vision.runtime import Network
from kiosk.vision.track import Pass

ADULT_FROM_YEARS = 18
ATTRIBUTE_TASKS: tuple[Task, ...] = ("age", "gender", "emotion")


class Head:
    """One classifier: a chip in, probabilities of the card's classes out."""

    def __init__(self, network: Network, card: Card) -> None:
        if card.crop is None:
            raise ModelError(f"{card.name}: the card of an attribute model needs `crop`")
        self._network = network
        self._card = card
        self._crop = card.crop
        self._classes = len(card.labels or card.years)

    def estimate(self, frame: Image, keypoints: Floats) -> Floats:
        """Probabilities, float32 [classes], for one face of a uint8 BGR frame.

        Raises:
            ModelError: the model's output is not what its card says.
        """
        cut = chip(frame, keypoints, self._crop, self._card.input.width_px)
        if self._card.input.colour == "GREY":
            cut = np.asarray(cv2.cvtColor(cut, cv2.COLOR_BGR2GRAY), np.uint8)[..., None]
        (output,) = self._network.infer(np.ascontiguousarray(cut[None])).values()
        if output.size != self._classes:
            raise ModelError(
                f"{self._card.name}: {output.size} classes come out, its card names {self._classes}"
            )
        return np.array(output, np.float32).reshape(-1)


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


def band_probabilities(years_p: Floats, years: Floats) -> Floats:
    """Probabilities of :data:`kiosk.terms.AGE_BANDS` from those of single years."""
    band = np.searchsorted(np.asarray(terms.AGE_BAND_STARTS), years, side="right") - 1
    return np.bincount(band, weights=years_p, minlength=len(terms.AGE_BANDS)).astype(np.float32)


@dataclass
class _Votes:
    """Running means of one pass."""

    years: Floats | None = None
    gender: Floats | None = None
    identity_estimates: int = 0
    identity_s: float = float("-inf")
    mood: Floats | None = None
    mood_s: float = float("-inf")


class AttributeEstimator:
    """Looks closely at one thing of a few viewers per frame; state is one entry per live pass."""

    def __init__(
        self, networks: dict[str, Network], cards: Mapping[Task, Card], settings: AttributeSettings
    ) -> None:
        self._heads = {
            task: Head(networks[task], cards[task]) for task in ATTRIBUTE_TASKS if task in networks
        }
        self._settings = settings
        self._years = np.asarray(cards["age"].years if "age" in cards else [], np.float32)
        self._genders = list(cards["gender"].labels) if "gender" in cards else []
        self._moods = list(cards["emotion"].labels) if "emotion" in cards else []
        self._votes: dict[str, _Votes] = {}

    def update(self, frame: Image, passes: list[Pass], now_s: float) -> None:
        """Estimate what is due for the passes seen in this frame."""
        for one in passes:
            if one.last_s != now_s:
                continue
            votes = self._votes.setdefault(one.id, _Votes())
            if self._identity_due(votes, now_s):
                self._look_at_identity(frame, one, votes, now_s)
            if "emotion" in self._heads and now_s - votes.mood_s >= self._settings.mood_interval_s:
                self._look_at_mood(frame, one, votes, now_s)

    def forget(self, alive: set[str]) -> None:
        """Drop the votes of passes that are over."""
        for gone in set(self._votes) - alive:
            del self._votes[gone]

    def of(self, pass_id: str) -> Attributes:
        """What is thought of a pass now."""
        votes = self._votes.get(pass_id)
        if votes is None:
            return NOTHING_KNOWN
        s = self._settings
        age, gender, mood, minor = NOTHING_KNOWN.age, NOTHING_KNOWN.gender, NOTHING_KNOWN.mood, True
        if votes.years is not None:
            bands = band_probabilities(votes.years, self._years)
            age = label(bands, list(terms.AGE_BANDS), s.min_age_p)
            minor = bool(votes.years[self._years < ADULT_FROM_YEARS].sum() >= s.minor_p)
        if votes.gender is not None:
            gender = label(votes.gender, self._genders, s.min_gender_p)
        if votes.mood is not None:
            mood = label(votes.mood, self._moods, s.min_mood_p)
        return Attributes(age, gender, mood, minor)

    def _identity_due(self, votes: _Votes, now_s: float) -> bool:
        s = self._settings
        return (
            bool(self._heads.keys() & {"age", "gender"})
            and votes.identity_estimates < s.identity_estimates
            and now_s - votes.identity_s >= s.identity_interval_s
        )

    def _look_at_identity(self, frame: Image, one: Pass, votes: _Votes, now_s: float) -> None:
        votes.identity_s = now_s
        years, gender = (self._estimate(task, frame, one) for task in ("age", "gender"))
        if years is None and gender is None:
            return
        # The mean over frames counts each look alike: the looks are spread in time by the interval.
        share = np.float32(1 / (votes.identity_estimates + 1))
        votes.years = _blended(votes.years, years, share)
        votes.gender = _blended(votes.gender, gender, share)
        votes.identity_estimates += 1

    def _look_at_mood(self, frame: Image, one: Pass, votes: _Votes, now_s: float) -> None:
        mood = self._estimate("emotion", frame, one)
        faded = 1 - np.exp(-(now_s - votes.mood_s) / self._settings.mood_memory_s)
        votes.mood = _blended(votes.mood, mood, np.float32(faded))
        votes.mood_s = now_s

    def _estimate(self, task: Task, frame: Image, one: Pass) -> Floats | None:
        """Probabilities, or nothing: no such head, or an accelerator's numbers overflowed."""
        if task not in self._heads:
            return None
        p = self._heads[task].estimate(frame, one.keypoints)
        return p if np.isfinite(p).all() else None


def _blended(before: Floats | None, now: Floats | None, share: np.float32) -> Floats | None:
    if before is None or now is None:
        return before if now is None else now
    return before + (now - before) * share
