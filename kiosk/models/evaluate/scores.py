"""The figures of one bundle on one folder, their names and units, and their JSON."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from typing import Any, Final, Literal

import numpy as np

from kiosk import terms
from kiosk.models.evaluate.metrics.calibration import Answers, Reliability
from kiosk.models.evaluate.metrics.resample import Interval
from kiosk.models.evaluate.samples import BoxSamples, Count, FaceSamples, MoodSamples

Unit = Literal["share", "y", "ms"]

WIDTH_BANDS: Final = (
    ("under_12", 0.0, 12.0),
    ("12_24", 12.0, 24.0),
    ("24_48", 24.0, 48.0),
    ("48_96", 48.0, 96.0),
    ("96_up", 96.0, float("inf")),
)
"""Bands of a face's width in pixels of its picture: name, from, to (not included)."""

FIVE_MOODS: Final = ("neutral", "happy", "sad", "angry", "surprised")

ACCURACIES: Final = (0.8, 0.9, 0.95, 0.98)
"""Accuracies of the given answers for which the smallest threshold is told."""


@dataclass(frozen=True)
class Figure:
    """What a figure is: its dotted key, how a table calls it, its unit; the main ones first."""

    key: str
    title: str
    unit: Unit
    main: bool = False

    @property
    def section(self) -> str:
        """First part of the key."""
        return self.key.partition(".")[0]


def _figures() -> Iterator[Figure]:
    yield Figure("detection.ap40", "faces: average precision (IoU 0.4)", "share", main=True)
    yield Figure("detection.recall", "faces: recall", "share", main=True)
    yield Figure("detection.recall_unmasked", "faces: recall, without a mask", "share", main=True)
    yield Figure("detection.precision", "faces: precision", "share", main=True)
    for name, low, high in WIDTH_BANDS:
        size = f"under {high:g} px" if not low else f"{low:g} px and wider"
        size = f"{low:g} to {high:g} px" if low and np.isfinite(high) else size
        yield Figure(f"detection.recall_by_width.{name}", f"faces: recall, {size}", "share")
    yield Figure("age.mae_18_75", "age: mean absolute error, 18 to 75", "y", main=True)
    yield Figure("age.bias_18_75", "age: bias, 18 to 75 (above 0: too old)", "y", main=True)
    yield Figure("age.mae", "age: mean absolute error, all", "y")
    yield Figure("age.bias", "age: bias, all", "y")
    yield Figure("age.band_acc", "age: right band of 8", "share", main=True)
    yield Figure("age.band_one_off", "age: right band or a neighbour", "share")
    yield Figure("age.adience_acc", "age: right Adience group of 8", "share", main=True)
    yield Figure("age.adience_one_off", "age: right Adience group or a neighbour", "share")
    for band in terms.AGE_BANDS:
        yield Figure(f"age.mae_by_band.{band}", f"age: mean absolute error, {band}", "y")
        yield Figure(f"age.bias_by_band.{band}", f"age: bias, {band}", "y")
    yield Figure("gender.acc_18_75", "gender: accuracy, 18 to 75", "share", main=True)
    yield Figure("gender.acc_5_up", "gender: accuracy, 5 and older", "share", main=True)
    yield Figure("gender.acc", "gender: accuracy, all", "share")
    for band in terms.AGE_BANDS:
        yield Figure(f"gender.acc_by_band.{band}", f"gender: accuracy, {band}", "share")
    yield Figure("emotion.acc7", "mood: accuracy, 7 classes", "share", main=True)
    yield Figure("emotion.acc5", "mood: accuracy, 5 classes", "share", main=True)
    yield Figure("emotion.mood3", "mood: accuracy, 3 families", "share", main=True)
    yield Figure("emotion.macro_f1_7", "mood: macro-F1, 7 classes", "share", main=True)
    yield Figure("emotion.macro_f1_5", "mood: macro-F1, 5 classes", "share")
    yield Figure("emotion.macro_f1_3", "mood: macro-F1, 3 families", "share")
    yield Figure("minor.flagged_4_15", "minor possible, 4 to 15 (wanted)", "share", main=True)
    yield Figure("minor.flagged_16_17", "minor possible, 16 to 17 (wanted)", "share")
    yield Figure("minor.flagged_18_24", "minor possible, 18 to 24 (false)", "share")
    yield Figure("minor.flagged_25_up", "minor possible, 25 and older (false)", "share", main=True)
    for key, what in CONFIDENCES.items():
        yield Figure(f"ece.{key}", f"calibration error: {what}", "share", main=True)
    for task, what in (("age", "age band"), ("gender", "gender"), ("emotion", "mood")):
        yield Figure(f"unknown.{task}.threshold", f"{what}: unknown below", "share")
        yield Figure(f"unknown.{task}.coverage", f"{what}: share not unknown", "share", main=True)
        yield Figure(f"unknown.{task}.accuracy", f"{what}: accuracy of those", "share", main=True)
    for key, what in (("faces", "aged faces"), ("moods", "faces with a mood")):
        yield Figure(f"found.{key}", f"{what} that the detector found", "share")
    yield Figure("ms.frame", "time: search of a 1280x720 frame", "ms", main=True)
    yield Figure("ms.face", "time: all heads, one face", "ms", main=True)


CONFIDENCES: Final = {
    "age": "age band",
    "gender": "gender",
    "emotion": "mood, 7 classes",
    "mood3": "mood, 3 families",
    "minor": "under 18",
    "detection": "face",
}
"""Every confidence that is calibrated, and what it is about."""

FIGURES: Final = tuple(_figures())
"""Every figure, in the order of the tables; ``ms`` has one more per model."""

KNOWN: Final = {figure.key: figure for figure in FIGURES}


def figure_of(key: str) -> Figure:
    """What a key stands for, also one of a model's time."""
    return KNOWN.get(key) or Figure(key, f"time: {key.partition('.')[2]}", "ms")


@dataclass(frozen=True)
class Measure:
    """A figure: its value, on how many pictures (or faces), and its 95 % interval if drawn."""

    value: float
    n: int
    interval: Interval | None = None


@dataclass(frozen=True)
class Thresholds:
    """How one task's answers fare as the least confidence rises.

    Attributes:
        steps: at 0.00, 0.05 .. 0.95.
        reaching: the smallest threshold with each of ``ACCURACIES``; none: not to be had.
    """

    steps: tuple[Answers, ...]
    reaching: dict[float, Answers | None]


@dataclass(frozen=True)
class Seen:
    """The answers behind the figures, for plots; numbers only."""

    faces: FaceSamples
    moods: MoodSamples
    boxes: BoxSamples


@dataclass(frozen=True)
class Scores:
    """All that was measured of one bundle.

    Attributes:
        bundle: its name.
        data: name of the data's folder.
        sets: names of the sets of each section (``faces``, ``moods``, ``boxes``).
        day: when.
        limit: most pictures of a set that were looked at; none: all.
        counts: pictures by set.
        figures: by dotted key, in the order of ``FIGURES``.
        skipped: why a figure of ``FIGURES`` is not there, by its key.
        thresholds: by task.
        reliability: by confidence, as in ``CONFIDENCES``.
        notes: sentences on what was left out.
    """

    bundle: str
    data: str
    sets: dict[str, tuple[str, ...]]
    day: date
    limit: int | None
    counts: dict[str, Count]
    figures: dict[str, Measure]
    skipped: dict[str, str]
    thresholds: dict[str, Thresholds]
    reliability: dict[str, Reliability]
    notes: tuple[str, ...]
    seen: Seen


def scores_json(scores: Scores) -> dict[str, Any]:
    """The figures nested by the parts of their keys, and once more flat; null where not measured.

    Returns:
        What ``json.dumps`` takes; no NaN, which JSON has not.
    """
    keys = [figure.key for figure in FIGURES]
    keys += [key for key in scores.figures if key not in KNOWN]
    flat = {key: _value(scores, key) for key in keys}
    nested: dict[str, Any] = {
        "bundle": scores.bundle,
        "data": scores.data,
        "date": scores.day.isoformat(),
        "limit": scores.limit,
        "counts": {name: vars(count) for name, count in scores.counts.items()},
    }
    for key, value in flat.items():
        *path, last = key.split(".")
        place = nested
        for part in path:
            place = place.setdefault(part, {})
        place[last] = value
    nested["n"] = {key: measure.n for key, measure in scores.figures.items()}
    nested["ci95"] = {
        key: [_rounded(measure.interval.low), _rounded(measure.interval.high)]
        for key, measure in scores.figures.items()
        if measure.interval is not None
    }
    nested["thresholds"] = {
        task: {
            "steps": [_answers(one) for one in found.steps],
            "reaching": {
                f"{accuracy:g}": _answers(one) for accuracy, one in found.reaching.items()
            },
        }
        for task, found in scores.thresholds.items()
    }
    nested["skipped"] = scores.skipped
    nested["notes"] = list(scores.notes)
    nested["flat"] = flat
    return nested


def _value(scores: Scores, key: str) -> float | None:
    measure = scores.figures.get(key)
    return _rounded(measure.value) if measure is not None else None


def _answers(one: Answers | None) -> dict[str, float | None] | None:
    return {key: _rounded(value) for key, value in vars(one).items()} if one is not None else None


def _rounded(value: float) -> float | None:
    return round(value, 5) if np.isfinite(value) else None
