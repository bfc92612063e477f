"""Counts with the interval that privacy noise leaves, and what can be said of two of them."""

from __future__ import annotations

import math
from dataclasses import dataclass

Z = 1.959964
"""Of the normal distribution, for 95 %."""

HEAVY_TAIL = (Z**3 - 3 * Z) * 3 / 24
"""What one draw of Laplace noise, whose excess kurtosis is 3, adds to Z.

A sum of n draws adds an n-th of it (Cornish and Fisher 1938, the term of the fourth cumulant): 2.17
standard deviations for one draw, where the exact figure is 2.12.
"""


@dataclass(frozen=True)
class Figure:
    """A number and how exactly it is known.

    Attributes:
        value: as it was summed or divided; a count with noise on it may be below zero.
        sd: standard deviation of what is not known of it; 0: it is exact.
        low: lower end of the interval of 95 %.
        high: its upper end.
    """

    value: float
    sd: float
    low: float
    high: float

    @property
    def is_drowned(self) -> bool:
        """The interval holds zero: there is no telling whether there was anything at all."""
        return self.sd > 0 and self.low <= 0


@dataclass(frozen=True)
class Change:
    """How much one figure is above another, as a share of the other: 0.1 is 10 % more.

    Attributes:
        value: the change.
        low: lower end of its interval of 95 %.
        high: its upper end.
    """

    value: float
    low: float
    high: float

    @property
    def is_told(self) -> bool:
        """The interval does not hold zero: it is a change, and not only noise."""
        return self.low > 0 or self.high < 0


def count(value: float, variance: float, draws: int) -> Figure:
    """A sum with its noise.

    Args:
        value: the noised sum.
        variance: of all the noise in it.
        draws: how many times noise was drawn for it, at least.
    """
    return _within(value, math.sqrt(variance), Z + HEAVY_TAIL / max(1, draws))


def exact(value: float) -> Figure:
    """A figure without noise."""
    return Figure(value, 0.0, value, value)


def mean(figure: Figure, over: int) -> Figure:
    """A sum divided by an exact number."""
    return Figure(figure.value / over, figure.sd / over, figure.low / over, figure.high / over)


def ratio(top: Figure, bottom: Figure) -> Figure | None:
    """One noised sum over another, whose noises have nothing to do with each other.

    None where the lower one cannot be told from zero. The interval is that of the delta method.
    """
    if bottom.value <= 0 or bottom.is_drowned:
        return None
    value = top.value / bottom.value
    sd = math.hypot(top.sd, value * bottom.sd) / bottom.value
    return _within(value, sd, Z)


def share(part: Figure, whole: Figure, by_chance: bool = False) -> Figure | None:
    """How many of a whole are in a part of it, where the whole is that part and one more cell.

    So watchers are one cell of the table of visits, and opportunities to see are both. Their noises
    go together: with v the variance of a cell, the quotient p has (p² + (1 - p)²) v over the square
    of the whole (delta method, covariance v).

    Args:
        part: one cell.
        whole: that cell and the other one.
        by_chance: whether what other passers-by would have done counts as well, the variance
            p (1 - p) over the whole; for a statement about a creative rather than about the passes
            that were counted.

    Returns:
        None where the whole cannot be told from zero.
    """
    if whole.value <= 0 or whole.is_drowned:
        return None
    value = part.value / whole.value
    within = min(1.0, max(0.0, value))
    variance = (within**2 + (1 - within) ** 2) * (part.sd / whole.value) ** 2
    if by_chance:
        variance += within * (1 - within) / whole.value
    return _within(value, math.sqrt(variance), Z)


def change(figure: Figure | None, against: Figure | None) -> Change | None:
    """How much a figure is above another, with noises of their own.

    None where either cannot be told from zero. The interval is that of the delta method on the
    logarithm of their quotient, so it never reaches below -100 %.
    """
    if figure is None or against is None:
        return None
    if min(figure.value, against.value) <= 0 or figure.is_drowned or against.is_drowned:
        return None
    log_ratio = math.log(figure.value / against.value)
    half = Z * math.hypot(figure.sd / figure.value, against.sd / against.value)
    low, high = math.exp(log_ratio - half), math.exp(log_ratio + half)
    return Change(math.exp(log_ratio) - 1, low - 1, high - 1)


def _within(value: float, sd: float, deviations: float) -> Figure:
    return Figure(value, sd, value - deviations * sd, value + deviations * sd)
