"""From opinions to what may be believed: pools, means, doubt, bands."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kiosk import terms
from kiosk.vision.faces import Floats
from kiosk.vision.posterior import (
    YEARS,
    Calibration,
    Evidence,
    band_probabilities,
    first_look,
    minor_probability,
)
from tests.vision.fakes import bundle_of, head_card

GENDER = {"decoder": "probabilities", "labels": ["male", "female"]}
AGE = {"decoder": "years", "years": [1]}
CARDS = [head_card(name, gender=GENDER, age=AGE) for name in ("a", "b")]


def rules(poor_sd: float = 15, **fusion: dict[str, Any]) -> Calibration:
    return Calibration(bundle_of(*CARDS, **fusion), poor_sd)


def floats(*numbers: float) -> Floats:
    return np.asarray(numbers, np.float32)


def gender(*, a: Floats | None = None, b: Floats | None = None) -> dict:
    return {"gender": {name: np.log(p) for name, p in (("a", a), ("b", b)) if p is not None}}


def share(pooled: Floats, quality: float = 1.0) -> Floats:
    return rules().label_p(first_look(pooled, quality))


def one_hot(*years: int) -> Floats:
    p = np.zeros(101, np.float32)
    p[list(years)] = 1 / len(years)
    return p


A, B = floats(0.8, 0.2), floats(0.4, 0.6)


def test_labels_come_in_the_order_of_the_terms() -> None:
    assert rules().labels["gender"] == list(terms.GENDERS)


@pytest.mark.parametrize("weights", [(0.5, 0.5), (0.8, 0.4), (1.0, 0.0), (2.0, 0.1)])
def test_opinions_are_pooled_on_a_logarithmic_scale_by_their_weights(
    weights: tuple[float, float],
) -> None:
    told = {"weights": dict(zip("ab", weights, strict=True))}
    found = share(rules(gender=told).pooled("gender", gender(a=A, b=B)))
    wanted = A ** weights[0] * B ** weights[1]
    assert found == pytest.approx(wanted / wanted.sum(), abs=1e-5)


def test_a_bias_speaks_for_a_label() -> None:
    told = {"weights": {"a": 0.5, "b": 0.5}, "bias": {"male": np.log(3)}}
    found = share(
        rules(gender=told).pooled("gender", gender(a=floats(0.5, 0.5), b=floats(0.5, 0.5)))
    )
    assert found == pytest.approx([0.25, 0.75], abs=1e-5)


def test_a_model_that_says_nothing_leaves_its_share_to_the_others() -> None:
    told = rules(gender={"weights": {"a": 0.5, "b": 1.0}})
    alone = share(told.pooled("gender", gender(a=A)))
    agreeing = share(told.pooled("gender", gender(a=A, b=A)))
    assert alone == pytest.approx(agreeing, abs=1e-5)


@pytest.mark.parametrize("weights", [{}, {"a": 0.5}], ids=["no weights", "one weight"])
def test_a_model_without_a_weight_counts_in_full(weights: dict[str, float]) -> None:
    told = rules(gender={"weights": weights})
    found = share(told.pooled("gender", gender(a=A, b=B)))
    wanted = A ** weights.get("a", 1.0) * B
    assert found == pytest.approx(wanted / wanted.sum(), abs=1e-5)
    alone, agreeing = (share(told.pooled("gender", gender(a=A, b=b))) for b in (None, A))
    assert alone == pytest.approx(agreeing, abs=1e-5)


def test_without_an_opinion_there_is_none() -> None:
    told = rules(gender={"weights": {"a": 1.0, "b": 0.0}}, age={"weights": {"a": 1.0, "b": 0.0}})
    for said in ({}, {"gender": {}, "age": {}}):
        assert told.pooled("gender", said) is None
        assert told.pooled("age", said) is None
    assert told.pooled("age", {"age": {"b": floats(50)}}) is None
    assert told.pooled("gender", gender(b=B)) is None, "what has no weight says nothing"


@pytest.mark.parametrize(
    ("weights", "years"),
    [({"a": 0.75, "b": 0.25}, 25), ({"a": 3, "b": 1}, 25), ({}, 30), ({"a": 0, "b": 1}, 40)],
)
def test_ages_are_averaged_by_their_weights(weights: dict[str, float], years: float) -> None:
    told = rules(age={"weights": weights})
    said = {"age": {"a": floats(20), "b": floats(40)}}
    assert told.pooled("age", said) == pytest.approx([years])
    assert told.pooled("age", {"age": {"b": floats(40)}}) == pytest.approx([40])


@pytest.mark.parametrize(
    ("said", "mean", "sd"),
    [(0, 10, 4), (20, 10, 4), (30, 25, 6), (40, 40, 8), (60, 40, 8), (-20, 10, 4), (500, 40, 8)],
)
def test_ages_are_corrected_along_the_knots(said: float, mean: float, sd: float) -> None:
    told = rules(age={"knots": [(20, 10, 4), (40, 40, 8)]})
    p = told.years_p(first_look(floats(said), 1.0))
    assert p.sum() == pytest.approx(1, abs=1e-5)
    assert YEARS[p.argmax()] == pytest.approx(mean, abs=0.5)
    side = p[mean <= YEARS]
    assert side[round(sd)] / side[0] == pytest.approx(np.exp(-0.5), rel=0.05)


def test_an_age_that_nobody_has_calibrated_is_taken_as_it_is_with_eight_years_of_doubt() -> None:
    p = rules().years_p(first_look(floats(50), 1.0))
    assert p @ YEARS == pytest.approx(50, abs=0.1)
    assert np.sqrt(p @ (YEARS - 50) ** 2) == pytest.approx(8, abs=0.2)


def spread(quality: float, poor_sd: float = 15) -> float:
    p = rules(poor_sd).years_p(first_look(floats(50), quality))
    return float(np.sqrt(p @ (YEARS - 50) ** 2))


def test_a_poor_view_adds_doubt_to_an_age() -> None:
    found = [spread(quality) for quality in (1.0, 0.7, 0.4, 0.0)]
    assert found == sorted(found)
    assert found[0] == pytest.approx(8, abs=0.2)
    assert found[-1] > 14
    assert spread(0.0, poor_sd=0) == pytest.approx(8, abs=0.2)


@given(st.floats(-50, 400), st.floats(0.001, 1))
def test_the_years_share_out_all_the_probability_whatever_a_model_says(
    said: float, quality: float
) -> None:
    for told in (rules(), rules(age={"knots": [(0, 0, 0.1), (100, 100, 0.1)]})):
        p = told.years_p(first_look(floats(said), quality))
        assert p.sum() == pytest.approx(1, abs=1e-4)
        assert (p >= 0).all()


def test_a_poor_view_makes_labels_more_equal() -> None:
    pooled = np.log(floats(0.9, 0.1))
    found = [float(share(pooled, quality)[0]) for quality in (1.0, 0.6, 0.2, 0.001)]
    assert found == sorted(found, reverse=True)
    assert found[0] == pytest.approx(0.9, abs=1e-5)
    assert found[1] == pytest.approx(0.9**0.6 / (0.9**0.6 + 0.1**0.6), abs=1e-5)
    assert found[-1] == pytest.approx(0.5, abs=0.01)


def test_looks_are_averaged_by_how_well_they_saw() -> None:
    known = first_look(floats(30), 1.0)
    known.add(floats(60), 0.5)
    assert known.mean == pytest.approx([40])
    assert known.quality == pytest.approx((1 + 0.25) / 1.5)


def test_many_equal_looks_are_no_surer_than_one() -> None:
    one = first_look(np.log(A), 0.7)
    many = first_look(np.log(A), 0.7)
    for _ in range(100):
        many.add(np.log(A), 0.7)
    assert rules().label_p(many) == pytest.approx(rules().label_p(one), abs=1e-4)


def test_what_has_faded_counts_for_less_than_what_is_seen_now() -> None:
    known = first_look(floats(0), 1.0)
    known.add(floats(0), 1.0)
    known.fade(0.25)
    known.add(floats(1), 1.0)
    assert known.mean == pytest.approx([1 / 1.5])
    known.fade(0.0)
    known.add(floats(5), 1e-6)
    assert known.mean == pytest.approx([5], abs=1e-3)


@given(st.lists(st.tuples(st.floats(-10, 10), st.floats(1e-6, 1)), min_size=1, max_size=20))
def test_evidence_stays_between_what_was_said(looks: list[tuple[float, float]]) -> None:
    known: Evidence | None = None
    for opinion, quality in looks:
        if known is None:
            known = first_look(floats(opinion), quality)
        else:
            known.add(floats(opinion), quality)
    said, seen = zip(*looks, strict=True)
    assert min(said) - 1e-3 <= known.mean[0] <= max(said) + 1e-3
    assert min(seen) - 1e-6 <= known.quality <= max(seen) + 1e-6


@pytest.mark.parametrize(
    ("configured", "least"), [(None, 0.6), (0.0, 0.0), (0.9, 0.9)], ids=["bundle", "none", "set"]
)
def test_the_threshold_is_the_bundles_unless_one_is_set(
    configured: float | None, least: float
) -> None:
    told = rules(gender={"unknown_below_p": 0.6})
    assert told.threshold("gender", configured) == least
    assert told.threshold("emotion", None) == 0


@pytest.mark.parametrize(
    ("years", "band"),
    [
        (0, "0-12"), (12, "0-12"), (13, "13-17"), (17, "13-17"), (18, "18-24"), (24, "18-24"),
        (25, "25-34"), (34, "25-34"), (35, "35-44"), (44, "35-44"), (45, "45-54"), (54, "45-54"),
        (55, "55-64"), (64, "55-64"), (65, "65+"), (80, "65+"), (100, "65+"),
    ],
)  # fmt: skip
def test_a_year_falls_into_its_band(years: int, band: str) -> None:
    assert band_probabilities(one_hot(years))[terms.AGE_BANDS.index(band)] == 1


@given(st.lists(st.integers(0, 1000), min_size=101, max_size=101).filter(any))
def test_bands_share_out_all_the_probability(weights: list[int]) -> None:
    p = np.asarray(weights, np.float32) / sum(weights)
    bands = band_probabilities(p)
    assert len(bands) == len(terms.AGE_BANDS)
    assert bands.sum() == pytest.approx(1, abs=1e-4)
    assert bands[0] == pytest.approx(p[:13].sum(), abs=1e-4)
    assert minor_probability(p) == pytest.approx(bands[:2].sum(), abs=1e-4)


@pytest.mark.parametrize(("ages", "p"), [((17,), 1), ((18,), 0), ((16, 40, 41, 42), 0.25)])
def test_a_minor_is_who_is_under_eighteen(ages: tuple[int, ...], p: float) -> None:
    assert minor_probability(one_hot(*ages)) == pytest.approx(p)
