"""Boxes: which found face is which true one, and average precision."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

IOU: Final = 0.4
"""Overlap from which a box is on a face: at half of it, boxes drawn with and without forehead
and ears would not agree."""

HIT, FALSE, IGNORED = 1, 0, -1


@dataclass(frozen=True)
class Matched:
    """What became of the boxes of one picture.

    Attributes:
        outcome: of each found box, [n]: ``HIT``, ``FALSE``, or ``IGNORED`` (on a difficult face).
        truth_score: score of the box that found each true face, [m]; -inf: missed.
    """

    outcome: NDArray[np.int8]
    truth_score: Floats


def overlaps(found: NDArray[Any], truth: NDArray[Any]) -> Floats:
    """Intersection over union of boxes [n, 4] and [m, 4] (xmin, ymin, xmax, ymax): [n, m].

    Coordinates are edges, not pixels: a box from 0 to 10 is 10 wide.
    """
    found, truth = (np.asarray(boxes, np.float64).reshape(-1, 4) for boxes in (found, truth))
    low = np.maximum(found[:, None, :2], truth[None, :, :2])
    high = np.minimum(found[:, None, 2:], truth[None, :, 2:])
    shared = np.clip(high - low, 0, None).prod(axis=2)
    areas = [np.clip(boxes[:, 2:] - boxes[:, :2], 0, None).prod(axis=1) for boxes in (found, truth)]
    union = areas[0][:, None] + areas[1][None, :] - shared
    ratio: Floats = np.divide(shared, union, out=np.zeros_like(shared), where=union > 0)
    return ratio


def match(
    found: NDArray[Any],
    scores: NDArray[Any],
    truth: NDArray[Any],
    difficult: NDArray[Any],
    iou: float = IOU,
) -> Matched:
    """Match the boxes of one picture as the PASCAL VOC devkit does (Everingham et al. 2010).

    The best scored first, each box belongs to the true face that it overlaps most. It is a hit if
    the overlap is at least ``iou`` and the face is not taken yet; a second box on the same face is
    false. On a difficult face it counts for nothing.

    Args:
        found: [n, 4] edges in pixels.
        scores: [n].
        truth: [m, 4] edges in pixels.
        difficult: [m].
        iou: least overlap.
    """
    scores = np.asarray(scores, np.float64)
    difficult = np.asarray(difficult, bool)
    outcome = np.zeros(len(scores), np.int8)
    truth_score = np.full(len(difficult), -np.inf)
    if len(difficult):
        ratio = overlaps(found, truth)
        for number in np.argsort(-scores, kind="stable"):
            best = int(np.argmax(ratio[number]))
            if ratio[number, best] < iou:
                continue
            if difficult[best]:
                outcome[number] = IGNORED
            elif np.isneginf(truth_score[best]):
                outcome[number], truth_score[best] = HIT, scores[number]
    return Matched(outcome, truth_score)


def precision_recall(
    scores: NDArray[Any], hit: NDArray[Any], faces: float, weight: NDArray[Any] | None = None
) -> tuple[Floats, Floats]:
    """Precision and recall at every score that occurs, the highest first: two arrays [k].

    Boxes of equal score come in together, so their order does not matter.

    Args:
        scores: of the boxes that are hits or false, [n].
        hit: which are hits, [n].
        faces: number of true faces.
        weight: how often each box counts, [n]; once by default.
    """
    scores, hits = np.asarray(scores, np.float64), np.asarray(hit, np.float64)
    counts = np.ones(len(scores)) if weight is None else np.asarray(weight, np.float64)
    order = np.argsort(-scores, kind="stable")
    last = np.concatenate([np.diff(scores[order]) != 0, [True]])[: len(order)]
    hit_sum = np.cumsum((hits * counts)[order])[last]
    box_sum = np.cumsum(counts[order])[last]
    precision = np.divide(hit_sum, box_sum, out=np.ones_like(hit_sum), where=box_sum > 0)
    return precision, hit_sum / faces


def average_precision(
    scores: NDArray[Any], hit: NDArray[Any], faces: float, weight: NDArray[Any] | None = None
) -> float:
    """Area under precision over recall, all points, as PASCAL VOC has it since 2010.

    Precision at a recall is the best precision at that or any higher recall; AP is the sum of
    recall steps times that. Arguments as of :func:`precision_recall`. Not a number without faces.
    """
    if faces <= 0:
        return float("nan")
    precision, recall = precision_recall(scores, hit, faces, weight)
    if not len(precision):
        return 0.0
    best = np.maximum.accumulate(precision[::-1])[::-1]
    return float(np.sum(np.diff(recall, prepend=0.0) * best))
