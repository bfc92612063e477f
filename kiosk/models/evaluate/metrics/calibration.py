"""Confidences: whether answers given with 80 % are right in 80 % of cases, and what doubt costs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

BINS: Final = 15
MIN_ANSWERS: Final = 30
"""A threshold that leaves fewer answers than this is not proven by them."""


@dataclass(frozen=True)
class Reliability:
    """Answers gathered by their confidence, in equal-width bins.

    Attributes:
        count: answers in each bin, [bins].
        confidence: their mean confidence, [bins]; not a number in an empty bin.
        accuracy: share of them that is right, [bins]; not a number in an empty bin.
    """

    count: Ints
    confidence: Floats
    accuracy: Floats

    @property
    def ece(self) -> float:
        """Expected calibration error: the bins' gaps, weighted by their share of the answers.

        ECE = sum over bins of count/n * |accuracy - confidence| (Guo et al., "On Calibration of
        Modern Neural Networks", ICML 2017, eq. 3). Not a number without answers.
        """
        total = self.count.sum()
        if total == 0:
            return float("nan")
        gaps = np.abs(self.accuracy - self.confidence)
        return float(np.nansum(gaps * self.count) / total)


def reliability(confidence: NDArray[Any], right: NDArray[Any], bins: int = BINS) -> Reliability:
    """Gather answers by confidence; bin ``i`` holds those in ``(i/bins, (i+1)/bins]``.

    Args:
        confidence: [n], 0 to 1; a 0 goes to the first bin.
        right: [n], whether the answer was right (or, for a binary fact, whether it was so).
        bins: how many.
    """
    confidence = np.asarray(confidence, np.float64)
    upper = np.arange(1, bins + 1) / bins
    # The last few bits of a float32 sum of probabilities may lie above 1.
    index = np.minimum(np.searchsorted(upper, confidence, side="left"), bins - 1)
    count = np.bincount(index, minlength=bins)
    sums = np.bincount(index, weights=confidence, minlength=bins)
    rights = np.bincount(index, weights=np.asarray(right, np.float64), minlength=bins)
    empty = np.full(bins, np.nan)
    return Reliability(
        count,
        np.divide(sums, count, out=empty.copy(), where=count > 0),
        np.divide(rights, count, out=empty.copy(), where=count > 0),
    )


@dataclass(frozen=True)
class Answers:
    """What is left when answers below a confidence are withheld.

    Attributes:
        threshold: least confidence of an answer that is given.
        coverage: share of all that get an answer.
        accuracy: share of the given answers that is right; not a number if none is given.
    """

    threshold: float
    coverage: float
    accuracy: float


def answers_from(confidence: NDArray[Any], right: NDArray[Any], threshold: float) -> Answers:
    """Coverage and accuracy when only answers of at least ``threshold`` are given."""
    given = np.asarray(confidence) >= threshold
    accuracy = float(np.asarray(right)[given].mean()) if given.any() else float("nan")
    coverage = float(given.mean()) if len(given) else float("nan")
    return Answers(threshold, coverage, accuracy)


def sweep(
    confidence: NDArray[Any], right: NDArray[Any], thresholds: Sequence[float]
) -> tuple[Answers, ...]:
    """:func:`answers_from` for each of several thresholds."""
    return tuple(answers_from(confidence, right, one) for one in thresholds)


def threshold_for(
    confidence: NDArray[Any],
    right: NDArray[Any],
    accuracy: float,
    min_answers: int = MIN_ANSWERS,
) -> Answers | None:
    """The smallest threshold whose given answers reach an accuracy; none if there is no such.

    Only the confidences that occur are candidates, and 0, which withholds nothing. The risk and
    coverage of a selective classifier: El-Yaniv and Wiener, JMLR 2010.
    """
    confidence = np.asarray(confidence, np.float64)
    if len(confidence) < min_answers:
        return None
    order = np.argsort(confidence, kind="stable")
    ascending = confidence[order]
    rights = np.asarray(right, np.float64)[order]
    given = np.arange(len(order), 0, -1)
    reached = rights[::-1].cumsum()[::-1] / given
    # A threshold lets all answers of equal confidence through: only the first of them is one.
    first = np.concatenate([[True], ascending[1:] != ascending[:-1]])
    good = np.flatnonzero(first & (given >= min_answers) & (reached >= accuracy))
    if not len(good):
        return None
    at = int(good[0])
    threshold = float(ascending[at]) if at else 0.0
    return Answers(threshold, float(given[at] / len(order)), float(reached[at]))
