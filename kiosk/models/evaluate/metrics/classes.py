"""Labels: how often the right one is chosen, and what is taken for what."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]


def confusion(truth: NDArray[Any], guess: NDArray[Any], classes: int) -> Ints:
    """Counts, [classes, classes]: row is the truth, column is what was said."""
    counts = np.zeros((classes, classes), np.int64)
    np.add.at(counts, (truth, guess), 1)
    return counts


def f1_scores(counts: Ints) -> Floats:
    """F1 of each class of a confusion matrix: 2 hits / (2 hits + misses + false ones); [classes].

    Not a number where the class occurs neither in the truth nor in what was said.
    """
    hits = np.diag(counts).astype(np.float64)
    either = counts.sum(axis=0) + counts.sum(axis=1)
    scores: Floats = np.divide(2 * hits, either, out=np.full(len(hits), np.nan), where=either > 0)
    return scores


def macro_f1(counts: Ints) -> float:
    """Mean F1 over the classes that occur in the truth, rare ones counting as much as common ones.

    (Sokolova and Lapalme, "A systematic analysis of performance measures", 2009.) A class that no
    picture shows says nothing about the model and is left out.
    """
    there = counts.sum(axis=1) > 0
    return float(f1_scores(counts)[there].mean()) if there.any() else float("nan")
