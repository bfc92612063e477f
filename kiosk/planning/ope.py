"""Off-policy estimates: what another policy would have earned, from what this one logged.

Sources: IPS, Horvitz and Thompson, "A Generalization of Sampling Without Replacement" (JASA, 1952);
SNIPS, Swaminathan and Joachims, "The Self-Normalized Estimator for Counterfactual Learning" (NIPS,
2015); DR, Dudik, Langford and Li, "Doubly Robust Policy Evaluation and Learning" (ICML, 2011). The
intervals are a bootstrap of blocks, Carlstein, "The Use of Subseries Values for Estimating the
Variance" (Annals of Statistics, 1986) with Kuensch's resampling (1989): somebody who sees two plays
makes neighbours alike, so single decisions may not be redrawn.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

BLOCK = 50
"""Decisions in a row that are redrawn together: a quarter of an hour with people in view, and far
more than anybody stays."""

MOST_BLOCKS = 400
"""Longer blocks are as good; more of them only cost time."""

LEAST_BLOCKS = 20
"""Of a short log shorter blocks are drawn: one block would be an interval without any width."""

REDRAWS = 1000

CONFIDENCE = 0.95


@dataclass(frozen=True)
class Logged:
    """Decisions as they were logged, and what the other policy would have done; arrays alike.

    Attributes:
        reward: what the play earned.
        propensity: probability with which it was drawn.
        wanted: the other policy's probability of the same choice.
        guess: reward that a model expected of it, without knowing its reward.
        guess_wanted: the model's mean over all candidates by the other policy's probabilities.
    """

    reward: Floats
    propensity: Floats
    wanted: Floats
    guess: Floats
    guess_wanted: Floats

    def __post_init__(self) -> None:
        parts = (self.reward, self.propensity, self.wanted, self.guess, self.guess_wanted)
        if len({one.shape for one in parts}) != 1 or self.reward.ndim != 1:
            raise ValueError("logged decisions: five arrays of one length are needed")
        if not len(self.reward) or not (self.propensity > 0).all():
            raise ValueError("logged decisions: none, or a propensity that is not above 0")

    @property
    def weight(self) -> Floats:
        """How much likelier the other policy would have chosen the same."""
        ratio: Floats = self.wanted / self.propensity
        return ratio


@dataclass(frozen=True)
class Estimate:
    """A value with its interval at :data:`CONFIDENCE`; rewards a decision."""

    value: float
    low: float
    high: float


def ips(logged: Logged) -> tuple[Floats, Floats]:
    """Inverse propensity scoring, as numerators and denominators of a mean.

    ``V = sum(w r) / n``: unbiased, and wide when the policies differ much.
    """
    return logged.weight * logged.reward, np.ones_like(logged.reward)


def snips(logged: Logged) -> tuple[Floats, Floats]:
    """The self-normalised one, ``V = sum(w r) / sum(w)``: a bias of order 1/n, much narrower."""
    return logged.weight * logged.reward, logged.weight


def dr(logged: Logged) -> tuple[Floats, Floats]:
    """Doubly robust, ``V = sum(g(pi) + w (r - g)) / n``: unbiased, narrow if g is good."""
    terms = logged.guess_wanted + logged.weight * (logged.reward - logged.guess)
    return terms, np.ones_like(terms)


ESTIMATORS: dict[str, Callable[[Logged], tuple[Floats, Floats]]] = {
    "ips": ips,
    "snips": snips,
    "dr": dr,
}


def estimate(name: str, logged: Logged, seed: int, block: int = BLOCK) -> Estimate:
    """An estimate with its interval.

    Args:
        name: of :data:`ESTIMATORS`.
        logged: decisions, in the order in which they were taken.
        seed: of the redraws.
        block: decisions that are redrawn together; 1 where each stands alone.

    Raises:
        ValueError: the other policy would have done nothing of what was logged.
    """
    if not logged.weight.any():
        raise ValueError("logged decisions: the other policy would have taken none of them")
    over, under = ESTIMATORS[name](logged)
    value = over.sum() / under.sum()
    least = min(LEAST_BLOCKS, len(over))
    blocks = min(max(len(over) // max(block, 1), least), MOST_BLOCKS)
    tops = np.array([part.sum() for part in np.array_split(over, blocks)])
    bottoms = np.array([part.sum() for part in np.array_split(under, blocks)])
    redrawn = np.random.default_rng(seed).integers(0, blocks, (REDRAWS, blocks))
    sums, totals = bottoms[redrawn].sum(axis=1), tops[redrawn].sum(axis=1)
    # A redraw in which the other policy never appears says nothing.
    values = totals[sums > 0] / sums[sums > 0]
    tail = (1 - CONFIDENCE) / 2
    low, high = np.quantile(values, (tail, 1 - tail)) if len(values) else (value, value)
    return Estimate(float(value), float(low), float(high))
