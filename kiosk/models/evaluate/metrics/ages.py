"""Ages: one number from a distribution, and how far numbers and groups are from the truth."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from kiosk import terms

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

ADULT_FROM: Final = 18
"""Years; under it, nobody is targeted."""

ADIENCE_GROUPS: Final = (
    (0, 2),
    (4, 6),
    (8, 13),
    (15, 20),
    (25, 32),
    (38, 43),
    (48, 53),
    (60, 200),
)
"""First and last year of the groups of Eidinger, Enbar and Hassner, "Age and Gender Estimation of
Unfiltered Faces" (IEEE TIFS 2014); the ages between them belong to none."""


def point_age(years_p: NDArray[np.floating[Any]]) -> float:
    """One age from the probabilities of the ages 0 to 100: the median, which minimises the MAE.

    The probability of year ``y`` is spread evenly over ``y - 0.5 .. y + 0.5``, and the median is
    read off the straight lines of that distribution: certainty of 30 gives 30.0, and 30 and 31
    alike give 30.5. Between two ages that are far apart, with half of the probability each, it is
    the middle.

    Args:
        years_p: [101], not negative; need not sum to 1.

    Returns:
        Years, 0 to 100.

    Raises:
        ValueError: it has another shape, or is no distribution.
    """
    p = np.asarray(years_p, np.float64)
    if p.shape != (101,) or not np.isfinite(p).all() or (p < 0).any() or p.sum() <= 0:
        raise ValueError(f"no distribution over the ages 0 to 100: shape {p.shape}")
    below = np.concatenate([[0.0], np.cumsum(p / p.sum())])
    first = int(np.argmax(below >= 0.5))
    last = len(below) - 1 - int(np.argmax(below[::-1] <= 0.5))
    low = _crossing(below, first - 1)
    high = _crossing(below, last)
    return min(100.0, max(0.0, (low + high) / 2))


def _crossing(below: Floats, step: int) -> float:
    """Years at which the straight line of one step of the distribution reaches a half."""
    return step - 0.5 + float((0.5 - below[step]) / (below[step + 1] - below[step]))


def band_of(years: NDArray[Any]) -> Ints:
    """Index of ``terms.AGE_BANDS`` that each whole age in years lies in."""
    return np.searchsorted(np.asarray(terms.AGE_BAND_STARTS), years, side="right") - 1


def band_probabilities(years_p: Floats) -> Floats:
    """Probabilities of the age bands, [n, 8], from those of the ages, [n, 101]."""
    sums: Floats = np.add.reduceat(years_p, np.asarray(terms.AGE_BAND_STARTS), axis=1)
    return sums


def minor_probabilities(years_p: Floats) -> Floats:
    """Probability of being under 18, [n], from those of the ages, [n, 101]."""
    p: Floats = years_p[:, :ADULT_FROM].sum(axis=1)
    return p


def group_of(truth: NDArray[Any]) -> Ints:
    """Index of the Adience group that each whole age lies in; -1 between the groups."""
    index = np.full(len(truth), -1, np.int64)
    for number, (first, last) in enumerate(ADIENCE_GROUPS):
        index[(truth >= first) & (truth <= last)] = number
    return index


def nearest_group(estimate: NDArray[Any]) -> Ints:
    """Index of the Adience group nearest to each estimated age; the younger one of two."""
    middles = [
        (ADIENCE_GROUPS[number][1] + ADIENCE_GROUPS[number + 1][0]) / 2
        for number in range(len(ADIENCE_GROUPS) - 1)
    ]
    return np.searchsorted(np.asarray(middles), estimate, side="left")
