"""How far a figure would move on other pictures of the same kind: the percentile bootstrap."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

RESAMPLES: Final = 500
SEED: Final = 2014
COVERED: Final = 0.95

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Interval:
    """Between which values 95 % of the resamples lie."""

    low: float
    high: float


def interval_of_mean(
    values: NDArray[Any], of_picture: NDArray[np.int64] | None = None
) -> Interval | None:
    """Interval of a mean; none with fewer than two pictures.

    Args:
        values: [n].
        of_picture: which picture each value is of, [n]: those of one picture are alike, and are
            drawn together; by default each has one of its own.
    """
    values = np.asarray(values, np.float64)
    if of_picture is None:
        return interval_of(len(values), lambda drawn: float(drawn @ values / drawn.sum()))
    pictures, picture = np.unique(of_picture, return_inverse=True)
    count = np.bincount(picture).astype(np.float64)
    total = np.bincount(picture, weights=values)
    return interval_of(len(pictures), lambda drawn: float(drawn @ total / (drawn @ count)))


def interval_of(items: int, figure: Callable[[Floats], float]) -> Interval | None:
    """Interval of a figure over pictures (Efron and Tibshirani 1993, chapter 13).

    Each resample draws as many pictures as there are, with replacement; the seed is fixed, so that
    the same answers always give the same interval.

    Args:
        items: number of pictures.
        figure: the figure from how often each picture was drawn, [items].
    """
    if items < 2:
        return None
    drawn = np.array([figure(weights) for weights in _draws(items)])
    drawn = drawn[np.isfinite(drawn)]
    if not len(drawn):
        return None
    tail = (1 - COVERED) / 2
    low, high = np.quantile(drawn, [tail, 1 - tail])
    return Interval(float(low), float(high))


def _draws(items: int) -> Iterator[Floats]:
    random = np.random.default_rng(SEED)
    for _ in range(RESAMPLES):
        chosen = random.integers(0, items, items)
        yield np.bincount(chosen, minlength=items).astype(np.float64)
