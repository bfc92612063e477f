"""Every formula, on cases that are worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kiosk import terms
from kiosk.models.evaluate.metrics import ages, calibration, classes, detection, resample
from tests.models.evaluate.fakes import years


@pytest.mark.parametrize(
    ("weights", "median"),
    [
        ({30: 1.0}, 30.0),
        ({30: 0.5, 31: 0.5}, 30.5),
        ({20: 0.5, 60: 0.5}, 40.0),
        ({20: 0.6, 60: 0.4}, 20.0 - 0.5 + 0.5 / 0.6),
        ({20: 3.0, 21: 1.0}, 20.0 - 0.5 + 2 / 3),
        ({0: 1.0}, 0.0),
        ({100: 1.0}, 100.0),
    ],
    ids=["sure", "two-years", "two-peaks", "one-likelier", "not-normalised", "newborn", "oldest"],
)
def test_the_age_is_the_interpolated_median(weights: dict[int, float], median: float) -> None:
    p = np.zeros(101)
    for age, weight in weights.items():
        p[age] = weight
    assert ages.point_age(p) == pytest.approx(median)


@given(st.lists(st.floats(0, 1), min_size=101, max_size=101).filter(lambda p: sum(p) > 1e-3))
def test_half_of_the_probability_lies_on_either_side_of_the_age(p: list[float]) -> None:
    age = ages.point_age(np.array(p))
    share = np.array(p) / sum(p)
    below = sum(q for year, q in enumerate(share) if year + 0.5 <= age)
    above = sum(q for year, q in enumerate(share) if year - 0.5 >= age)
    assert below <= 0.5 + 1e-9
    assert above <= 0.5 + 1e-9


@pytest.mark.parametrize("p", [np.zeros(101), np.ones(81), np.full(101, np.nan), -np.ones(101)])
def test_what_is_no_distribution_is_no_age(p: np.ndarray) -> None:
    with pytest.raises(ValueError, match="no distribution"):
        ages.point_age(p)


def test_ages_fall_into_the_bands_of_the_field() -> None:
    found = ages.band_of(np.array([0, 12, 13, 17, 18, 24, 25, 64, 65, 116]))
    assert [terms.AGE_BANDS[band] for band in found] == [
        *("0-12", "0-12", "13-17", "13-17", "18-24", "18-24", "25-34", "55-64", "65+", "65+")
    ]


def test_probabilities_of_bands_and_of_being_a_minor_are_sums() -> None:
    p = np.array([0.25 * years(12) + 0.25 * years(17) + 0.5 * years(18)])
    assert ages.band_probabilities(p)[0] == pytest.approx([0.25, 0.25, 0.5, 0, 0, 0, 0, 0])
    assert ages.minor_probabilities(p) == pytest.approx([0.5])


def test_ages_between_the_adience_groups_belong_to_none_and_estimates_to_the_nearest() -> None:
    assert ages.group_of(np.array([2, 3, 4, 22, 60, 100])).tolist() == [0, -1, 1, -1, 7, 7]
    estimates = np.array([2.9, 3.1, 14.0, 14.1, 35.0, 56.4, 56.6])
    assert ages.nearest_group(estimates).tolist() == [0, 1, 2, 3, 4, 6, 7]


def test_f1_is_worked_out_per_class_and_averaged_over_those_that_occur() -> None:
    counts = classes.confusion(np.array([0, 0, 0, 1]), np.array([0, 0, 1, 1]), 4)
    assert counts.tolist() == [[2, 1, 0, 0], [0, 1, 0, 0], [0] * 4, [0] * 4]
    assert classes.f1_scores(counts)[:2] == pytest.approx([4 / 5, 2 / 3])
    assert classes.macro_f1(counts) == pytest.approx((4 / 5 + 2 / 3) / 2)
    assert np.isnan(classes.macro_f1(np.zeros((3, 3), np.int64)))


def test_the_calibration_error_weighs_the_gap_of_each_bin_by_its_answers() -> None:
    # Bins of a tenth: 0.85 twice with one right, 0.3 (which ends its bin) once and wrong.
    found = calibration.reliability(
        np.array([0.85, 0.85, 0.3]), np.array([True, False, False]), bins=10
    )
    assert found.count.tolist() == [0, 0, 1, 0, 0, 0, 0, 0, 2, 0]
    assert found.ece == pytest.approx((2 * 0.35 + 1 * 0.3) / 3)


def test_confidences_of_nought_and_of_a_hair_above_one_have_a_bin() -> None:
    found = calibration.reliability(np.array([0.0, 1.0, 1.0000001]), np.array([0, 1, 1]))
    assert (found.count[0], found.count[-1], found.ece) == (1, 2, pytest.approx(0, abs=1e-6))
    assert np.isnan(calibration.reliability(np.array([]), np.array([])).ece)


def test_a_perfectly_calibrated_source_has_hardly_any_error() -> None:
    random = np.random.default_rng(1)
    confidence = random.uniform(0, 1, 50_000)
    right = random.uniform(0, 1, 50_000) < confidence
    assert calibration.reliability(confidence, right).ece < 0.01


def test_answers_below_a_threshold_are_withheld() -> None:
    confidence, right = np.array([0.9, 0.8, 0.6, 0.4]), np.array([True, True, False, False])
    assert calibration.answers_from(confidence, right, 0.8) == calibration.Answers(0.8, 0.5, 1.0)
    assert calibration.answers_from(confidence, right, 0.5).accuracy == pytest.approx(2 / 3)
    none = calibration.answers_from(confidence, right, 0.95)
    assert (none.coverage, np.isnan(none.accuracy)) == (0.0, True)


def test_the_smallest_threshold_that_reaches_an_accuracy_is_found() -> None:
    confidence, right = np.array([0.4, 0.6, 0.6, 0.8, 0.9]), np.array([0, 1, 0, 1, 1], bool)
    found = calibration.threshold_for(confidence, right, 0.75, min_answers=1)
    assert found == calibration.Answers(0.6, 0.8, 0.75)
    assert calibration.threshold_for(confidence, right, 0.6, min_answers=1) == (
        calibration.Answers(0.0, 1.0, 0.6)
    )
    # The two of equal confidence are given or withheld together.
    assert calibration.threshold_for(confidence, right, 0.8, min_answers=1) == (
        calibration.Answers(0.8, 0.4, 1.0)
    )
    assert calibration.threshold_for(confidence, right, 0.99, min_answers=3) is None


def test_overlap_is_shared_area_over_joined_area() -> None:
    found = detection.overlaps(
        np.array([[0, 0, 10, 10]]), np.array([[0, 0, 10, 10], [5, 0, 15, 10], [20, 20, 30, 30]])
    )
    assert found[0] == pytest.approx([1, 50 / 150, 0])


def test_a_true_face_is_found_once_by_the_best_scored_box() -> None:
    box = [0, 0, 10, 10]
    found = detection.match(
        np.array([box, box, [50, 50, 60, 60]]),
        np.array([0.5, 0.9, 0.7]),
        np.array([box]),
        np.array([False]),
    )
    assert found.outcome.tolist() == [detection.FALSE, detection.HIT, detection.FALSE]
    assert found.truth_score.tolist() == [0.9]


def test_a_box_belongs_to_the_face_that_it_overlaps_most_even_if_that_is_taken() -> None:
    left, right = [0, 0, 10, 10], [2, 0, 12, 10]
    found = detection.match(
        np.array([left, left]), np.array([0.9, 0.8]), np.array([left, right]), np.zeros(2, bool)
    )
    assert found.outcome.tolist() == [detection.HIT, detection.FALSE]
    assert found.truth_score.tolist() == [0.9, -np.inf]


def test_a_difficult_face_is_neither_missed_nor_found() -> None:
    box = [0, 0, 10, 10]
    found = detection.match(
        np.array([box, box]), np.array([0.9, 0.8]), np.array([box]), np.array([True])
    )
    assert found.outcome.tolist() == [detection.IGNORED, detection.IGNORED]


@pytest.mark.parametrize("faces", [0, 2])
def test_a_picture_without_faces_or_without_boxes_is_matched_too(faces: int) -> None:
    truth = np.array([[0, 0, 9, 9]] * faces).reshape(-1, 4)
    found = detection.match(np.zeros((0, 4)), np.zeros(0), truth, np.zeros(faces, bool))
    assert len(found.outcome) == 0
    assert found.truth_score.tolist() == [-np.inf] * faces


def test_average_precision_sums_recall_steps_times_the_best_later_precision() -> None:
    # By falling score: hit, false, hit, false; of 4 faces. Precision 1, 1/2, 2/3, 2/4.
    scores, hit = np.array([0.9, 0.8, 0.7, 0.6]), np.array([1, 0, 1, 0], bool)
    assert detection.average_precision(scores, hit, 4) == pytest.approx(0.25 * 1 + 0.25 * 2 / 3)


def test_the_order_of_equal_scores_changes_nothing() -> None:
    scores = np.array([0.9, 0.9, 0.5])
    one = detection.average_precision(scores, np.array([1, 0, 1], bool), 2)
    other = detection.average_precision(scores, np.array([0, 1, 1], bool), 2)
    # Precision 1/2 at recall 1/2, then 2/3 at recall 1: the best later one counts for both.
    assert one == other == pytest.approx(2 / 3)


def test_average_precision_at_its_edges() -> None:
    none = np.zeros(0)
    assert detection.average_precision(none, none, 3) == 0.0
    assert np.isnan(detection.average_precision(none, none, 0))
    assert detection.average_precision(np.array([0.1]), np.array([True]), 1) == 1.0
    assert detection.average_precision(np.array([0.1]), np.array([False]), 1) == 0.0


def test_a_weight_of_two_is_the_same_as_the_box_given_twice() -> None:
    scores, hit = np.array([0.9, 0.8, 0.7]), np.array([1, 0, 1], bool)
    weighted = detection.average_precision(scores, hit, 4, np.array([2, 1, 1]))
    twice = detection.average_precision(
        np.array([0.9, 0.9, 0.8, 0.7]), np.array([1, 1, 0, 1], bool), 4
    )
    assert weighted == pytest.approx(twice)


def test_the_interval_of_a_share_is_about_the_textbook_one_and_always_the_same() -> None:
    values = np.arange(400) < 300
    found = resample.interval_of_mean(values)
    assert found is not None
    half = 1.96 * np.sqrt(0.75 * 0.25 / 400)
    assert (found.low, found.high) == pytest.approx((0.75 - half, 0.75 + half), abs=0.01)
    assert found == resample.interval_of_mean(values)


def test_values_of_one_picture_are_drawn_together_and_say_less() -> None:
    values = np.repeat(np.arange(40) < 20, 10)
    alone = resample.interval_of_mean(values)
    together = resample.interval_of_mean(values, np.repeat(np.arange(40), 10))
    assert alone is not None
    assert together is not None
    assert together.high - together.low > 2 * (alone.high - alone.low)


def test_one_picture_has_no_interval() -> None:
    assert resample.interval_of_mean(np.array([1.0])) is None
