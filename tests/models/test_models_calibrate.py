"""What is fitted on labelled pictures: known truths, put into opinions, are found again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from kiosk.errors import BadInputError
from kiosk.models import calibrate_bundle
from kiosk.models.calibrate import fit_age, fit_labels, fit_scores
from kiosk.models.evaluate.datasets import Box, BoxPicture
from tests.models.evaluate.fakes import (
    BOX_COLUMNS,
    FACE_COLUMNS,
    MOOD_COLUMNS,
    write_index,
    write_picture,
)

GENDERS = ["female", "male"]
COUNT = 4000


def opinions(weights: Sequence[float], bias: Sequence[float], seed: int = 0) -> tuple[Any, Any]:
    """What models say, [pictures, models, labels], and truths that follow their weighted pool."""
    random = np.random.default_rng(seed)
    models, labels = len(weights), len(bias)
    raw = random.normal(0, 1.5, (COUNT, models, labels))
    logs = raw - np.log(np.exp(raw).sum(axis=2, keepdims=True))
    pooled = np.einsum("pml,m->pl", logs, weights) + bias
    p = np.exp(pooled - pooled.max(axis=1, keepdims=True))
    p /= p.sum(axis=1, keepdims=True)
    truth = (p.cumsum(axis=1) > random.random((COUNT, 1))).argmax(axis=1)
    return logs, truth


@pytest.mark.parametrize("temperature", [0.5, 1.0, 2.0])
def test_a_models_temperature_is_found_again(temperature: float) -> None:
    logs, truth = opinions([1 / temperature], [0, 0])
    fit = fit_labels(["a"], logs, truth, GENDERS, np.ones(COUNT))
    assert fit.fusion["weights"]["a"] == pytest.approx(1 / temperature, rel=0.12)
    assert fit.fusion["bias"] == {label: pytest.approx(0, abs=0.1) for label in GENDERS}


def test_a_bias_between_labels_is_found_again_and_sums_to_nothing() -> None:
    labels = ["happy", "neutral", "sad"]
    logs, truth = opinions([1.0], [0.8, 0.2, -1.0])
    bias = fit_labels(["a"], logs, truth, labels, np.ones(COUNT)).fusion["bias"]
    assert list(bias) == labels
    assert list(bias.values()) == pytest.approx([0.8, 0.2, -1.0], abs=0.15)
    assert sum(bias.values()) == pytest.approx(0, abs=0.01)


def test_a_model_that_says_nothing_true_gets_no_weight() -> None:
    logs, truth = opinions([0.9, 0.0, 0.4], [0, 0])
    weights = fit_labels(["a", "b", "c"], logs, truth, GENDERS, np.ones(COUNT)).fusion["weights"]
    assert list(weights.values()) == pytest.approx([0.9, 0.0, 0.4], abs=0.12)
    assert min(weights.values()) >= 0


def test_a_model_that_is_always_wrong_is_not_believed_the_other_way_round() -> None:
    logs, truth = opinions([1.0], [0, 0])
    fit = fit_labels(["a"], logs, 1 - truth, GENDERS, np.ones(COUNT))
    assert fit.fusion["weights"]["a"] == 0


def test_badly_seen_faces_are_expected_to_be_told_worse() -> None:
    """Where only well seen faces are told truly, the fit believes the pool times the quality."""
    logs, truth = opinions([1.0], [0, 0])
    quality = np.where(np.arange(COUNT) % 2, 1.0, 0.05)
    guessed = np.random.default_rng(1).integers(0, 2, COUNT)
    mixed = np.where(quality == 1, truth, guessed)
    fit = fit_labels(["a"], logs, mixed, GENDERS, quality)
    assert fit.fusion["weights"]["a"] == pytest.approx(1, rel=0.12)


def test_accuracy_is_given_for_seen_and_unseen_pictures() -> None:
    logs, truth = opinions([3.0], [0, 0])
    fit = fit_labels(["a"], logs, truth, GENDERS, np.ones(COUNT))
    plain = float((logs[:, 0].argmax(axis=1) == truth).mean())
    assert fit.seen == pytest.approx(plain, abs=0.02)
    assert fit.unseen == pytest.approx(fit.seen, abs=0.02)
    assert fit.pictures == COUNT


def test_few_pictures_are_told_worse_than_those_of_the_fit() -> None:
    random = np.random.default_rng(0)
    logs = np.log(random.dirichlet(np.ones(7), (40, 6)))
    fit = fit_labels([*"abcdef"], logs, random.integers(0, 7, 40), [*"1234567"], np.ones(40))
    assert fit.unseen < fit.seen


def along(knots: Any, said: float) -> float:
    x, y, _ = np.asarray(knots).T
    return float(np.interp(said, x, y))


@pytest.mark.parametrize(("slope", "start"), [(1.0, 0.0), (0.8, 10.0), (1.2, -6.0)])
def test_a_straight_correction_of_ages_is_found_again(slope: float, start: float) -> None:
    random = np.random.default_rng(0)
    said = random.uniform(8, 75, COUNT)
    ages = start + slope * said + random.normal(0, 4, COUNT)
    fit = fit_age(["a"], said[:, None, None], ages)
    assert fit.fusion["weights"] == {"a": 1}
    for years in (15, 30, 45, 60):
        wanted = min(max(start + slope * years, 0), 100)
        assert along(fit.fusion["knots"], years) == pytest.approx(wanted, abs=2)
    # Within a knot's share of the pictures, the age itself varies as well.
    sd = [knot[2] for knot in fit.fusion["knots"]]
    assert 4 < np.mean(sd) < 5.5
    assert fit.seen == pytest.approx(4 * np.sqrt(2 / np.pi), abs=0.4)
    assert fit.unseen == pytest.approx(fit.seen, abs=0.3)


def test_the_surer_of_two_models_gets_the_larger_weight_and_the_sum_is_one() -> None:
    random = np.random.default_rng(0)
    ages = random.uniform(5, 80, COUNT)
    said = np.stack([ages + random.normal(0, sd, COUNT) for sd in (3, 9)], axis=1)
    weights = fit_age(["a", "b"], said[:, :, None], ages).fusion["weights"]
    assert weights["a"] == pytest.approx(0.9, abs=0.04)
    assert sum(weights.values()) == pytest.approx(1, abs=0.002)


def test_knots_of_an_age_rise_and_stay_within_a_life() -> None:
    random = np.random.default_rng(0)
    ages = random.uniform(0, 100, 400)
    said = 0.2 * ages + random.uniform(0, 80, 400)
    knots = np.asarray(fit_age(["a"], said[:, None, None], ages).fusion["knots"])
    assert (np.diff(knots[:, 0]) > 0).all()
    assert (np.diff(knots[:, 1]) >= 0).all()
    assert ((knots[:, 1] >= 0) & (knots[:, 1] <= 100)).all()
    assert (knots[:, 2] >= 2).all()


@dataclass
class Bundle:
    """Says of a picture what is written down for its tone."""

    said: Mapping[int, dict[str, dict[str, Any]]] = field(default_factory=dict)
    found: Mapping[int, list[tuple[float, float, float, float, float]]] = field(
        default_factory=dict
    )

    def opinions(self, image: Any) -> dict[str, dict[str, Any]]:
        return self.said[int(image[0, 0, 0])]

    def quality(self, _image: Any) -> float:
        return 1.0

    def find(self, image: Any) -> tuple[Any, Any]:
        rows = np.asarray(self.found[int(image[0, 0, 0])], np.float32).reshape(-1, 5)
        return rows[:, :4], rows[:, 4]


def boxed(folder: Path, count: int) -> tuple[Bundle, list[BoxPicture]]:
    """Pictures with a face each, found with a rising score, and a rising share of true boxes."""
    random = np.random.default_rng(0)
    pictures, found = [], {}
    for tone in range(count):
        rows = []
        for _ in range(20):
            score = float(random.random())
            true = random.random() < score**2
            # A second hit on one face is a miss: a true box takes the only face.
            hit = true and not any(row[0] == 10 for row in rows)
            box = (10, 10, 30, 30) if hit else (60, 60, 70 + 9 * random.random(), 80)
            rows.append((*box, score))
        path = folder / f"{tone}.png"
        write_picture(path, tone, 100, 100)
        found[tone] = rows
        face = Box(10, 10, 30, 30, "uncovered")
        pictures.append(BoxPicture(path, 100, 100, (face,)))
    return Bundle(found=found), pictures


def test_score_knots_rise_from_nothing_and_say_how_many_boxes_are_faces(tmp_path: Path) -> None:
    bundle, pictures = boxed(tmp_path, 120)
    fit = fit_scores(bundle, pictures)
    knots = np.asarray(fit.fusion["score_knots"])
    assert (np.diff(knots, axis=0) >= 0).all(), "never falling, in either column"
    assert knots[0].tolist() == [0, 0]
    assert knots[-1][0] == 1
    assert ((knots >= 0) & (knots <= 1)).all()
    assert fit.pictures == 120 * 20
    scores = np.concatenate([[row[4] for row in rows] for rows in bundle.found.values()])
    hits = np.concatenate([[row[0] == 10 for row in rows] for rows in bundle.found.values()])
    assert np.interp(scores, *knots.T).mean() == pytest.approx(hits.mean(), abs=0.04)


def labelled(folder: Path) -> Bundle:
    """Sixty faces and sixty moods, of which a model says what is true, and forty boxes."""
    random, said = np.random.default_rng(0), {}
    faces, moods = [], []
    for tone in range(120):
        write_picture(folder / ("utkface" if tone < 60 else "ferplus_test") / f"{tone}.png", tone)
        log = np.log(np.array([0.8, 0.2], np.float32))
        age, female, happy = int(random.integers(20, 70)), tone % 2, (tone // 2) % 2
        faces.append((f"{tone}.png", age, "female" if female else "male"))
        moods.append((f"{tone}.png", "test", "happiness" if happy else "neutral", 1))
        said[tone] = {
            "age": {"m": np.array([age], np.float32)},
            "gender": {"m": log if female else log[::-1]},
            "emotion": {"n": log if happy else log[::-1]},
        }
    write_index(folder / "utkface", FACE_COLUMNS, faces[:60])
    write_index(folder / "ferplus_test", MOOD_COLUMNS, moods[60:])
    return Bundle(said)


LABELS = {"gender": GENDERS, "emotion": ["happy", "neutral"]}


def test_every_task_that_has_labels_and_a_model_is_fitted(tmp_path: Path) -> None:
    bundle, sentences = labelled(tmp_path), []
    fits = calibrate_bundle(bundle, LABELS, tmp_path, sentences.append)
    assert set(fits) == {"age", "gender", "emotion"}
    assert {task: fit.pictures for task, fit in fits.items()} == dict.fromkeys(fits, 60)
    assert fits["gender"].seen == fits["emotion"].seen == 1
    assert fits["age"].seen < 3
    assert set(fits["gender"].fusion["weights"]) == {"m"}
    assert set(fits["emotion"].fusion["weights"]) == {"n"}
    assert sentences


def test_boxes_alone_fit_the_detector(tmp_path: Path) -> None:
    bundle, pictures = boxed(tmp_path / "facemask853", 60)
    rows = [(one.path.name, 100, 100, 10, 10, 30, 30, "without_mask") for one in pictures]
    write_index(tmp_path / "facemask853", BOX_COLUMNS, rows)
    fits = calibrate_bundle(bundle, {}, tmp_path, lambda _: None)
    assert set(fits) == {"detection"}


def test_a_folder_with_nothing_for_this_bundle_is_one_sentence(tmp_path: Path) -> None:
    labelled(tmp_path)
    mute = Bundle({tone: {} for tone in range(120)})
    with pytest.raises(BadInputError, match="labelled pictures that this bundle says anything of"):
        calibrate_bundle(mute, {}, tmp_path, lambda _: None)


def test_too_few_pictures_are_one_sentence_and_no_numbers_that_are_none(tmp_path: Path) -> None:
    write_picture(tmp_path / "utkface/1.png", 1)
    write_picture(tmp_path / "utkface/2.png", 2)
    write_index(
        tmp_path / "utkface", FACE_COLUMNS, [("1.png", 30, "male"), ("2.png", 50, "female")]
    )
    says = {"age": {"m": np.array([30], np.float32)}, "gender": {"m": np.zeros(2, np.float32)}}
    with pytest.raises(BadInputError, match="too few"):
        calibrate_bundle(Bundle({1: says, 2: says}), LABELS, tmp_path, lambda _: None)


def test_a_model_that_had_nothing_to_say_of_one_picture_does_not_end_it_all(tmp_path: Path) -> None:
    """Such as one whose numbers overflowed."""
    bundle = labelled(tmp_path)
    bundle.said[7]["gender"] = {}
    fits = calibrate_bundle(bundle, LABELS, tmp_path, lambda _: None)
    assert fits["gender"].pictures == 59
