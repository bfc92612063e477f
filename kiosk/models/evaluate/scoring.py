"""Figures from answers: which pictures count for which figure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from kiosk import terms
from kiosk.models.evaluate.metrics.ages import (
    ADULT_FROM,
    band_of,
    band_probabilities,
    group_of,
    minor_probabilities,
    nearest_group,
    point_age,
)
from kiosk.models.evaluate.metrics.calibration import (
    Reliability,
    answers_from,
    reliability,
    sweep,
    threshold_for,
)
from kiosk.models.evaluate.metrics.classes import confusion, macro_f1
from kiosk.models.evaluate.metrics.detection import average_precision
from kiosk.models.evaluate.metrics.resample import interval_of, interval_of_mean
from kiosk.models.evaluate.samples import BoxSamples, FaceSamples, MoodSamples
from kiosk.models.evaluate.scores import (
    ACCURACIES,
    FIVE_MOODS,
    WIDTH_BANDS,
    Measure,
    Thresholds,
)

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

STEPS: Final = tuple(round(0.05 * step, 2) for step in range(20))


@dataclass
class Sheet:
    """Where figures are written down as they are computed."""

    figures: dict[str, Measure] = field(default_factory=dict)
    skipped: dict[str, str] = field(default_factory=dict)
    thresholds: dict[str, Thresholds] = field(default_factory=dict)
    reliability: dict[str, Reliability] = field(default_factory=dict)

    def mean(
        self, key: str, values: NDArray[Any], who: str, of_picture: Ints | None = None
    ) -> None:
        """Write the mean of some numbers, with its interval.

        Args:
            key: of the figure.
            values: [n].
            who: what was looked for, told when there is none.
            of_picture: which picture each value is of, [n]; by default one of its own.
        """
        if len(values):
            interval = interval_of_mean(values, of_picture)
            self.figures[key] = Measure(float(np.mean(values)), len(values), interval)
        else:
            self.skipped[key] = f"no {who} in the data"

    def calibrated(self, key: str, confidence: NDArray[Any], right: NDArray[Any]) -> None:
        """Write the calibration error of a confidence."""
        if len(confidence):
            self.reliability[key] = reliability(confidence, right)
            self.figures[f"ece.{key}"] = Measure(self.reliability[key].ece, len(confidence))

    def doubted(
        self, task: str, confidence: NDArray[Any], right: NDArray[Any], threshold: float
    ) -> None:
        """Write what ``unknown`` costs and brings at the bundle's threshold and at others."""
        if not len(confidence):
            return
        total, given = len(confidence), int(np.sum(confidence >= threshold))
        now = answers_from(confidence, right, threshold)
        self.figures[f"unknown.{task}.threshold"] = Measure(threshold, total)
        self.figures[f"unknown.{task}.coverage"] = Measure(now.coverage, total)
        if given:
            self.figures[f"unknown.{task}.accuracy"] = Measure(now.accuracy, given)
        else:
            self.skipped[f"unknown.{task}.accuracy"] = "every answer is unknown"
        self.thresholds[task] = Thresholds(
            sweep(confidence, right, STEPS),
            {wanted: threshold_for(confidence, right, wanted) for wanted in ACCURACIES},
        )


@dataclass(frozen=True)
class AgeAnswers:
    """What is derived from the probabilities of the ages: [n] each.

    Attributes:
        years: the median, years.
        band: index of the most probable of ``terms.AGE_BANDS``.
        band_p: its probability.
        minor_p: probability of being under 18.
    """

    years: Floats
    band: Ints
    band_p: Floats
    minor_p: Floats


def age_answers(faces: FaceSamples) -> AgeAnswers:
    """Derive them."""
    bands = band_probabilities(faces.years_p)
    return AgeAnswers(
        np.array([point_age(p) for p in faces.years_p], np.float64),
        np.argmax(bands, axis=1).astype(np.int64),
        bands.max(axis=1, initial=0.0),
        minor_probabilities(faces.years_p),
    )


def between(age: Ints, first: int, last: int = 200) -> Bools:
    """Which ages lie in ``first..last``, both included."""
    return (age >= first) & (age <= last)


def score_ages(faces: FaceSamples, sheet: Sheet, unknown_below: float) -> None:
    """Write ``age``, ``minor`` and their share of ``ece`` and ``unknown``."""
    said, age = age_answers(faces), faces.age
    error = said.years - age
    adult = between(age, 18, 75)
    sheet.mean("age.mae_18_75", np.abs(error[adult]), "face aged 18 to 75")
    sheet.mean("age.bias_18_75", error[adult], "face aged 18 to 75")
    sheet.mean("age.mae", np.abs(error), "face")
    sheet.mean("age.bias", error, "face")
    band = band_of(age)
    sheet.mean("age.band_acc", said.band == band, "face")
    sheet.mean("age.band_one_off", np.abs(said.band - band) <= 1, "face")
    for number, name in enumerate(terms.AGE_BANDS):
        within = error[band == number]
        sheet.mean(f"age.mae_by_band.{name}", np.abs(within), f"face aged {name}")
        sheet.mean(f"age.bias_by_band.{name}", within, f"face aged {name}")
    _score_groups(age, said.years, sheet)
    _score_minors(faces, sheet)
    sheet.calibrated("age", said.band_p, said.band == band)
    sheet.calibrated("minor", said.minor_p, age < ADULT_FROM)
    sheet.doubted("age", said.band_p, said.band == band, unknown_below)


def _score_groups(age: Ints, years: Floats, sheet: Sheet) -> None:
    group = group_of(age)
    inside = group >= 0
    off = np.abs(nearest_group(years[inside]) - group[inside])
    sheet.mean("age.adience_acc", off == 0, "face in an Adience group")
    sheet.mean("age.adience_one_off", off <= 1, "face in an Adience group")


def _score_minors(faces: FaceSamples, sheet: Sheet) -> None:
    for name, first, last in (("4_15", 4, 15), ("16_17", 16, 17), ("18_24", 18, 24)):
        flagged = faces.minor_possible[between(faces.age, first, last)]
        sheet.mean(f"minor.flagged_{name}", flagged, f"face aged {first} to {last}")
    flagged = faces.minor_possible[between(faces.age, 25)]
    sheet.mean("minor.flagged_25_up", flagged, "face aged 25 or more")


def score_genders(faces: FaceSamples, sheet: Sheet, unknown_below: float) -> None:
    """Write ``gender`` (always some answer) and its share of ``ece`` and ``unknown``."""
    said = np.argmax(faces.gender_p, axis=1)
    right, age = said == faces.gender, faces.age
    sheet.mean("gender.acc_18_75", right[between(age, 18, 75)], "face aged 18 to 75")
    sheet.mean("gender.acc_5_up", right[between(age, 5)], "face aged 5 or more")
    sheet.mean("gender.acc", right, "face")
    band = band_of(age)
    for number, name in enumerate(terms.AGE_BANDS):
        sheet.mean(f"gender.acc_by_band.{name}", right[band == number], f"face aged {name}")
    confidence = faces.gender_p.max(axis=1, initial=0.0)
    sheet.calibrated("gender", confidence, right)
    sheet.doubted("gender", confidence, right, unknown_below)


def five_of_seven(moods: MoodSamples) -> tuple[Ints, Ints]:
    """Truth and most probable answer among ``FIVE_MOODS``, of faces that show one of them."""
    five = np.array([terms.MOODS.index(name) for name in FIVE_MOODS])
    shown = np.isin(moods.mood, five)
    said = np.argmax(moods.mood_p[shown][:, five], axis=1)
    truth = np.array([int(np.flatnonzero(five == mood)[0]) for mood in moods.mood[shown]], np.int64)
    return truth, said.astype(np.int64)


def families(moods: MoodSamples) -> tuple[Ints, Floats]:
    """True family of each face, [n], and the probabilities of ``terms.MOOD_FAMILIES``, [n, 3]."""
    family = np.array(
        [terms.MOOD_FAMILIES.index(terms.FAMILY_OF_MOOD[name]) for name in terms.MOODS], np.int64
    )
    sums = np.zeros((len(moods.mood_p), len(terms.MOOD_FAMILIES)))
    for number, one in enumerate(family):
        sums[:, one] += moods.mood_p[:, number]
    return family[moods.mood], sums


def score_moods(moods: MoodSamples, sheet: Sheet, unknown_below: float) -> None:
    """Write ``emotion`` (always some answer) and its share of ``ece`` and ``unknown``."""
    said = np.argmax(moods.mood_p, axis=1)
    right = said == moods.mood
    sheet.mean("emotion.acc7", right, "face with a mood")
    truth5, said5 = five_of_seven(moods)
    sheet.mean("emotion.acc5", said5 == truth5, "face with one of five moods")
    family, family_p = families(moods)
    said3 = np.argmax(family_p, axis=1)
    sheet.mean("emotion.mood3", said3 == family, "face with a mood")
    for name, truth, guess, classes in (
        ("7", moods.mood, said, 7),
        ("5", truth5, said5, 5),
        ("3", family, said3, 3),
    ):
        if len(truth):
            value = macro_f1(confusion(truth, guess, classes))
            sheet.figures[f"emotion.macro_f1_{name}"] = Measure(value, len(truth))
    confidence = moods.mood_p.max(axis=1, initial=0.0)
    sheet.calibrated("emotion", confidence, right)
    sheet.calibrated("mood3", family_p.max(axis=1, initial=0.0), said3 == family)
    sheet.doubted("emotion", confidence, right, unknown_below)


def score_boxes(boxes: BoxSamples, sheet: Sheet) -> None:
    """Write ``detection`` and its share of ``ece``."""
    faces = len(boxes.truth_score)
    per_picture = np.bincount(boxes.of_truth, minlength=boxes.pictures)
    sheet.figures["detection.ap40"] = Measure(
        average_precision(boxes.score, boxes.hit, faces),
        faces,
        interval_of(
            boxes.pictures,
            lambda drawn: average_precision(
                boxes.score, boxes.hit, float(drawn @ per_picture), drawn[boxes.of_picture]
            ),
        ),
    )
    seen = boxes.truth_score >= boxes.min_score
    sheet.mean("detection.recall", seen, "face", boxes.of_truth)
    bare = boxes.kind == "unmasked"
    sheet.mean(
        "detection.recall_unmasked",
        seen[bare],
        "face labelled to have no mask",
        boxes.of_truth[bare],
    )
    for name, low, high in WIDTH_BANDS:
        size = (boxes.width_px >= low) & (boxes.width_px < high)
        sheet.mean(
            f"detection.recall_by_width.{name}",
            seen[size],
            "face of this size",
            boxes.of_truth[size],
        )
    taken = boxes.score >= boxes.min_score
    sheet.mean(
        "detection.precision",
        boxes.hit[taken],
        "box with enough score",
        boxes.of_picture[taken],
    )
    sheet.calibrated("detection", boxes.score[taken], boxes.hit[taken])


def score_times(times_ms: Mapping[str, float], pictures: int, sheet: Sheet) -> None:
    """Write ``ms``."""
    for name, value in times_ms.items():
        sheet.figures[f"ms.{name}"] = Measure(value, pictures)
