"""Fit how a bundle's models are pooled and corrected, on labelled pictures.

A handful of numbers per task, not a training: one weight per model, one bias per label, a line of
knots for the age. Every figure is also given for pictures that the fit has not seen.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from kiosk.errors import BadInputError
from kiosk.models.evaluate.datasets import BoxPicture, read_labelled
from kiosk.models.evaluate.metrics.detection import HIT, IGNORED, match
from kiosk.models.evaluate.pictures import read_picture

Floats = NDArray[np.float64]

FOLDS = 5
SAY_EVERY = 250
LEAST_PICTURES = 50
"""Of fewer, a fit says more of them than of the models."""

GENDER_FROM_YEARS = 18
KNOTS = 9
"""Knots of the age's correction, at even shares of the pictures."""

SCORE_KNOTS = 12
LEAST_SCORE = 0.1
"""Score from which knots are set: the thousands of boxes below it are no faces."""

STEADY = 1e-3
"""Penalty on the squares of weights and biases, against fits that the next pictures refute."""

LEAST_SD_Y = 2.0


class Opinionated(Protocol):
    """A bundle on still pictures; see :class:`kiosk.vision.stills.Examiner`."""

    def opinions(self, image: Any) -> Mapping[Any, dict[str, NDArray[np.float32]]]:
        """For each task, by model: log probabilities, or mean years."""
        ...

    def quality(self, image: Any) -> float:
        """How well the face of a picture is seen."""
        ...

    def find(self, image: Any) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Boxes and scores of all faces, down to very low scores."""
        ...


@dataclass(frozen=True)
class Fit:
    """What was fitted for one task.

    Attributes:
        fusion: keys of :class:`kiosk.vision.cards.Fusion`.
        seen, unseen: accuracy (age: mean absolute error in years) on the pictures of the fit, and
            by cross-validation on others.
        pictures: how many.
    """

    fusion: dict[str, Any]
    seen: float
    unseen: float
    pictures: int


def calibrate_bundle(
    bundle: Opinionated, labels: Mapping[Any, list[str]], data: Path, say: Callable[[str], None]
) -> dict[str, Fit]:
    """Fit every task that the bundle has models and the folder has labels for.

    Args:
        bundle: its models.
        labels: of each task, in the models' order.
        data: folder laid out like the measuring data.
        say: told what goes on.

    Raises:
        BadInputError: the folder has too few labelled faces.
    """
    labelled = read_labelled(data)
    fits: dict[str, Fit] = {}
    faces = [one for group in labelled.faces for one in group.pictures]
    said, quality = _ask(bundle, [one.path for one in faces], say)
    ages = np.asarray([one.age for one in faces], float)
    names, years, rows = _columns(said, "age")
    if _enough("age", names, rows, say):
        fits["age"] = fit_age(names, years, ages[rows])
    # A child's gender is hardly in its face: it teaches nothing about those who are counted.
    names, logs, rows = _columns(said, "gender", ages >= GENDER_FROM_YEARS)
    if _enough("gender", names, rows, say):
        truth = np.asarray([labels["gender"].index(faces[row].gender) for row in rows])
        fits["gender"] = fit_labels(names, logs, truth, labels["gender"], quality[rows])
    known = labels.get("emotion", [])
    moods = [one for group in labelled.moods for one in group.pictures if one.mood in known]
    said, quality = _ask(bundle, [one.path for one in moods], say)
    names, logs, rows = _columns(said, "emotion")
    if _enough("emotion", names, rows, say):
        truth = np.asarray([known.index(moods[row].mood) for row in rows])
        fits["emotion"] = fit_labels(names, logs, truth, known, quality[rows])
    boxes = [one for group in labelled.boxes for one in group.pictures]
    if _enough("detection", ["detector"], boxes, say):
        fits["detection"] = fit_scores(bundle, boxes)
    if not fits:
        raise BadInputError(
            f"{data}: too few labelled pictures that this bundle says anything of",
            hint=f"each task needs {LEAST_PICTURES}",
        )
    return fits


def _enough(task: str, names: list[str], pictures: Any, say: Callable[[str], None]) -> bool:
    if names and 0 < len(pictures) < LEAST_PICTURES:
        say(f"{task}: {len(pictures)} pictures are too few; left out")
    return bool(names) and len(pictures) >= LEAST_PICTURES


def _ask(
    bundle: Opinionated, paths: Sequence[Path], say: Callable[[str], None]
) -> tuple[list[Mapping[Any, dict[str, NDArray[np.float32]]]], Floats]:
    said, quality = [], []
    for count, path in enumerate(paths):
        if count % SAY_EVERY == 0:
            say(f"{path.parent.name}: {count} of {len(paths)}")
        image = read_picture(path)
        said.append(bundle.opinions(image))
        quality.append(bundle.quality(image))
    return said, np.asarray(quality, float)


def _columns(
    said: Sequence[Mapping[Any, dict[str, Any]]], task: str, wanted: Any = True
) -> tuple[list[str], Floats, NDArray[np.intp]]:
    """Names of the models, what they said, [pictures, models, numbers], and of which pictures.

    Left out are pictures that are not ``wanted``, or of which a model had nothing to say.
    """
    names = sorted({name for one in said for name in one.get(task, {})})
    spoke = np.asarray([all(name in one.get(task, {}) for name in names) for one in said], bool)
    rows = np.flatnonzero(spoke & wanted)
    told = [[said[int(row)][task][name] for name in names] for row in rows] if names else []
    return names, np.asarray(told, float), rows


def fit_labels(
    names: list[str], logs: Floats, truth: Any, labels: list[str], quality: Floats
) -> Fit:
    """Weights of a logarithmic opinion pool and biases, by greatest likelihood.

    Args:
        names: of the models.
        logs: log probabilities, [pictures, models, labels].
        truth: index of the true label, [pictures].
        labels: their names.
        quality: of the views, [pictures]: what is pooled counts for so much of itself.
    """
    # A bias is one more column: what is scaled by the quality is the pool as a whole.
    columns = np.concatenate(
        [logs, np.broadcast_to(np.eye(len(labels)), (len(truth), len(labels), len(labels)))], axis=1
    )
    columns = columns * quality[:, None, None]

    def accuracy(values: Floats, rows: Any) -> float:
        pooled = np.einsum("pml,m->pl", columns[rows], values)
        return float((pooled.argmax(axis=1) == truth[rows]).mean())

    every = np.arange(len(truth))
    values = _most_likely(columns, truth, len(names))
    unseen = [
        accuracy(_most_likely(columns[~held], truth[~held], len(names)), every[held])
        for held in _folds(len(truth))
    ]
    weights, bias = values[: len(names)], values[len(names) :]
    fusion = {
        "weights": {name: round(float(w), 3) for name, w in zip(names, weights, strict=True)},
        "bias": {
            label: round(float(b), 3) for label, b in zip(labels, bias - bias.mean(), strict=True)
        },
    }
    return Fit(fusion, accuracy(values, every), float(np.mean(unseen)), len(truth))


def _most_likely(columns: Floats, truth: Any, positive: int) -> Floats:
    """Factors of columns [pictures, factors, labels], the first ``positive`` not below zero."""
    from scipy.optimize import minimize

    picture = np.arange(len(truth))

    def loss(values: Floats) -> tuple[float, Floats]:
        pooled = np.einsum("pml,m->pl", columns, values)
        pooled -= pooled.max(axis=1, keepdims=True)
        p = np.exp(pooled)
        p /= p.sum(axis=1, keepdims=True)
        slope = p.copy()
        slope[picture, truth] -= 1
        gradient = np.einsum("pl,pml->m", slope, columns) / len(truth)
        value = -np.log(np.maximum(p[picture, truth], 1e-12)).mean()
        return float(value + STEADY * (values @ values)), gradient + 2 * STEADY * values

    factors = columns.shape[1]
    start = np.concatenate([np.full(positive, 1 / positive), np.zeros(factors - positive)])
    limits = [(0.0, None)] * positive + [(None, None)] * (factors - positive)
    return np.asarray(minimize(loss, start, jac=True, method="L-BFGS-B", bounds=limits).x)


def fit_age(names: list[str], years: Floats, ages: Floats) -> Fit:
    """Weights of the models' mean years, and knots from the blend to the truth.

    Args:
        names: of the models.
        years: mean years, [pictures, models, 1].
        ages: true years, [pictures].
    """
    said = years[:, :, 0]

    def both(rows: Any) -> tuple[Floats, Floats]:
        weights = _least_error(said[rows], ages[rows])
        return weights, _knots(said[rows] @ weights, ages[rows])

    def error(weights: Floats, knots: Floats, rows: Any) -> float:
        mean = np.interp(said[rows] @ weights, knots[:, 0], knots[:, 1])
        adult = (ages[rows] >= 18) & (ages[rows] <= 75)
        return float(np.abs(mean - ages[rows])[adult].mean())

    every = np.arange(len(ages))
    weights, knots = both(every)
    unseen = [error(*both(every[~held]), every[held]) for held in _folds(len(ages))]
    fusion = {
        "weights": {name: round(float(w), 3) for name, w in zip(names, weights, strict=True)},
        "knots": [[round(float(value), 1) for value in knot] for knot in knots],
    }
    return Fit(fusion, error(weights, knots, every), float(np.mean(unseen)), len(ages))


def _least_error(said: Floats, ages: Floats) -> Floats:
    """Weights that sum to one: least squares after the blend's own straight correction."""
    from scipy.optimize import nnls

    found = nnls(np.column_stack([said, np.ones(len(ages))]), ages)[0][: said.shape[1]]
    return np.asarray(found / max(found.sum(), 1e-9))


def _knots(blend: Floats, ages: Floats) -> Floats:
    """Blend, mean truth and deviation about evenly filled places; never falling."""
    order = np.argsort(blend)
    groups = np.array_split(order, KNOTS)
    x = np.asarray([blend[group].mean() for group in groups])
    y = np.maximum.accumulate([np.mean(ages[group]) for group in groups])
    sd = [max(LEAST_SD_Y, float(np.std(ages[group]))) for group in groups]
    ends = _slope(x[:2], y[:2]), _slope(x[-2:], y[-2:])
    x = np.concatenate([[x[0] - 10], x, [x[-1] + 20]])
    y = np.concatenate([[y[0] - 10 * ends[0]], y, [y[-1] + 20 * ends[1]]])
    return np.column_stack([x, np.clip(y, 0, 100), [sd[0], *sd, sd[-1]]])


def _slope(x: Any, y: Any) -> float:
    return float((y[1] - y[0]) / max(x[1] - x[0], 1e-6))


def fit_scores(bundle: Opinionated, pictures: Sequence[BoxPicture]) -> Fit:
    """Knots from a detector's score to the share of such boxes that are faces; never falling."""
    scores, hits = [], []
    for one in pictures:
        boxes, sure = bundle.find(read_picture(one.path))
        truth = np.asarray([(b.xmin, b.ymin, b.xmax, b.ymax) for b in one.boxes], float)
        outcome = match(boxes, sure, truth, np.asarray([b.difficult for b in one.boxes])).outcome
        scores.append(np.asarray(sure, float)[outcome != IGNORED])
        hits.append(outcome[outcome != IGNORED] == HIT)
    score, hit = np.concatenate(scores), np.concatenate(hits)
    order = np.argsort(score)
    groups = np.array_split(order[score[order] >= LEAST_SCORE], SCORE_KNOTS)
    x = [0.0, *(float(score[group].mean()) for group in groups), 1.0]
    y = [float(hit[group].mean()) for group in groups]
    y = list(np.maximum.accumulate([0.0, *y, y[-1]]))
    knots = [[round(a, 3), round(float(b), 3)] for a, b in zip(x, y, strict=True)]
    off = float(np.abs(np.interp(score, x, y) - hit).mean())
    return Fit({"score_knots": knots}, off, off, len(score))


def _folds(count: int) -> list[NDArray[np.bool_]]:
    """For each fold, which pictures are held back."""
    fold = np.random.default_rng(0).permutation(count) % FOLDS
    return [fold == number for number in range(FOLDS)]
