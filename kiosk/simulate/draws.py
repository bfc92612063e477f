"""Random numbers without a state: each is a function of a key and its place.

So the same device, hour and cell give the same number whether one device is asked for or twenty
thousand, today or in a year's history.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Keys = npt.NDArray[np.uint64]
Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]

GOLDEN = np.uint64(0x9E3779B97F4A7C15)
"""Step of SplitMix64 (Steele, Lea and Flood, "Fast Splittable Pseudorandom Number Generators",
2014), whose mixing function this module uses as a hash."""

MASK = 2**64 - 1


def hashed(values: Keys) -> Keys:
    """SplitMix64's mixing function, value by value."""
    mixed = (values ^ (values >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return mixed ^ (mixed >> np.uint64(31))


def keys_of(seed: int, purpose: int, devices: npt.ArrayLike, moment: int) -> Keys:
    """One key for each device at a moment, apart for each purpose."""
    at = np.uint64((moment * 0x2545F4914F6CDD1D) & MASK)
    base = np.uint64((seed * 1_000_003 + purpose) & MASK)
    with np.errstate(over="ignore"):
        return hashed(
            hashed(np.asarray(devices, dtype=np.uint64) * GOLDEN + hashed(base.reshape(1))) ^ at
        )


def uniforms(keys: Keys, cells: int) -> Floats:
    """Numbers above 0 and below 1, ``cells`` for each key."""
    with np.errstate(over="ignore"):
        places = np.arange(1, cells + 1, dtype=np.uint64) * GOLDEN
        bits = hashed(keys[:, None] + places[None, :]) >> np.uint64(11)
    drawn: Floats = (bits.astype(np.float64) + 0.5) * 2.0**-53
    return drawn


def discrete_laplace(uniform: Floats, scales: Floats) -> Integers:
    """Noise as devices draw it, by inversion of one uniform number each.

    ``P(k) = (1 - a) / (1 + a) * a**abs(k)`` with ``a = exp(-1 / scale)``; so ``abs(K) >= k`` has
    the probability ``2 * a**k / (1 + a)`` for every k above 0.

    Args:
        uniform: above 0 and below 1; the last axis is that of the cells.
        scales: of each cell; 0 means none.
    """
    noisy = scales > 0
    rate = 1 / np.where(noisy, scales, 1.0)
    centred = uniform - 0.5
    tail = np.log((1 - 2 * np.abs(centred)) * (1 + np.exp(-rate)) / 2)
    size = np.maximum(np.floor(-tail / rate), 0) * noisy
    drawn: Integers = (np.sign(centred) * size).astype(np.int64)
    return drawn


def about(means: Floats, variances: Floats, uniform: Floats) -> Integers:
    """Whole numbers around their means, never below zero; symmetric, three deviations at most."""
    # A triangle of width 2 sqrt(6) has a deviation of 1, and costs no inverse of an error function.
    below = uniform < 0.5
    triangle = np.where(below, np.sqrt(2 * uniform) - 1, 1 - np.sqrt(2 * (1 - uniform)))
    spread = np.sqrt(variances) * np.sqrt(6.0) * triangle
    drawn: Integers = np.maximum(np.rint(means + spread), 0).astype(np.int64)
    return drawn


def divided(totals: Integers, shares: Floats, uniform: Floats) -> Integers:
    """Each total divided over cells; the cells add up to it.

    Systematic sampling: every cell is within one of its share, and right on the mean.

    Args:
        totals: of any shape.
        shares: of that shape and one axis more, which adds up to 1.
        uniform: of the shape of ``totals``.
    """
    edges = np.cumsum(shares, axis=-1)
    edges[..., -1] = 1.0
    reached = np.floor(edges * totals[..., None] + uniform[..., None]).astype(np.int64)
    reached[..., -1] = totals
    return np.diff(reached, axis=-1, prepend=0)
