"""From what the models say to what may be believed: opinions pooled, looks averaged, doubt kept.

The looks at one face are not independent: the same nets see the same face in nearly the same
light. So their mean counts like one good look, it does not grow surer with every frame.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Optional

import numpy as np

from kiosk import terms
from kiosk.vision.cards import BundleCards, Fusion, Task
from kiosk.vision.faces import Floats
from kiosk.vision.heads import Opinions

YEARS = np.arange(101, dtype=np.float32)
"""Ages that are told apart, in whole years."""

ADULT_FROM_YEARS = 18

PLAIN_KNOTS = [(0.0, 0.0, 8.0), (100.0, 100.0, 8.0)]
"""An age that nobody has calibrated: as the models say, and off by eight years."""


@dataclass
class Evidence:
    """The looks at one face so far, weighted by how well it was seen.

    Attributes:
        mean: weighted mean of the pooled opinion.
        weight: sum of the weights, fading with time where the thing itself changes.
        quality: weighted mean of the qualities.
    """

    mean: Floats
    weight: float
    quality: float

    def add(self, opinion: Floats, quality: float) -> None:
        """Count one more look."""
        self.weight += quality
        share = np.float32(quality / self.weight)
        self.mean = self.mean + (opinion - self.mean) * share
        self.quality += (quality - self.quality) * float(share)

    def fade(self, share: float) -> None:
        """Let what was seen count for ``share`` of what it did."""
        self.weight *= share


def first_look(opinion: Floats, quality: float) -> Evidence:
    """Evidence of one look."""
    return Evidence(opinion, max(quality, 1e-6), quality)


class Calibration:
    """A bundle's rules for turning opinions into probabilities."""

    def __init__(self, cards: BundleCards, poor_view_age_sd_y: float) -> None:
        """Read the rules.

        Args:
            cards: the bundle.
            poor_view_age_sd_y: standard deviation that is added to an age, in years, as the
                quality of the view falls from 1 to 0.
        """
        self._fusion: Mapping[Task, Fusion] = cards.bundle.fusion
        self._poor_sd = poor_view_age_sd_y
        self.labels: dict[Task, list[str]] = {}
        self._weights: dict[Task, dict[str, float]] = {}
        for card in cards.heads:
            for task, head in card.heads.items():
                self.labels.setdefault(task, head.known_labels)
                weight = self._rules(task).weights.get(card.name, 1.0)
                self._weights.setdefault(task, {})[card.name] = weight

    def threshold(self, task: Task, configured: Optional[float]) -> float:
        """Probability below which the answer is ``unknown``: the setting, or the bundle's own."""
        return self._rules(task).unknown_below_p if configured is None else configured

    def pooled(self, task: Task, opinions: Opinions) -> Optional[Floats]:
        """One opinion out of those of several models, or nothing where none had any.

        Age: weighted mean years, [1]. Others: weighted sum of log probabilities, [labels], a
        logarithmic opinion pool (Genest and Zidek 1986); with one model it is temperature scaling.
        """
        said = opinions.get(task) or {}
        weights = self._weights.get(task, {})
        total = sum(weights[name] for name in said)
        if total <= 0:
            return None
        # A model that had nothing to say leaves its share to the others.
        full = 1.0 if task == "age" else sum(weights.values())
        blend = sum(said[name] * np.float32(weights[name] * full / total) for name in said)
        if task == "age":
            return np.asarray(blend, np.float32)
        bias = [self._rules(task).bias.get(label, 0.0) for label in self.labels[task]]
        return np.asarray(blend + np.asarray(bias, np.float32), np.float32)

    def evidence(self, task: Task, looks: Iterable[Opinions], quality: float) -> Optional[Evidence]:
        """Evidence of several looks at one face of a still picture, or nothing."""
        found: Optional[Evidence] = None
        for opinions in looks:
            pooled = self.pooled(task, opinions)
            if pooled is None:
                continue
            if found is None:
                found = first_look(pooled, quality)
            else:
                found.add(pooled, quality)
        return found

    def label_p(self, evidence: Evidence) -> Floats:
        """Probabilities of a task's labels, float32 [labels]; poor views make them more equal."""
        logs = evidence.mean * np.float32(evidence.quality)
        p = np.exp(logs - logs.max())
        return np.asarray(p / p.sum(), np.float32)

    def years_p(self, evidence: Evidence) -> Floats:
        """Probabilities of :data:`YEARS`, float32 [101]: a normal law cut to them."""
        knots = np.asarray(self._rules("age").knots or PLAIN_KNOTS, np.float32)
        said = float(evidence.mean[0])
        mean, sd = (float(np.interp(said, knots[:, 0], column)) for column in knots.T[1:])
        spread = np.hypot(sd, (1 - min(evidence.quality, 1.0)) * self._poor_sd)
        z = (YEARS - mean) / max(float(spread), 0.5)
        p = np.exp(-0.5 * z * z)
        return np.asarray(p / p.sum(), np.float32)

    def _rules(self, task: Task) -> Fusion:
        return self._fusion.get(task) or Fusion()


def band_probabilities(years_p: Floats) -> Floats:
    """Probabilities of :data:`kiosk.terms.AGE_BANDS` from those of single years."""
    band = np.searchsorted(np.asarray(terms.AGE_BAND_STARTS), YEARS, side="right") - 1
    return np.bincount(band, weights=years_p, minlength=len(terms.AGE_BANDS)).astype(np.float32)


def minor_probability(years_p: Floats) -> float:
    """Probability of being under eighteen."""
    return float(years_p[YEARS < ADULT_FROM_YEARS].sum())
