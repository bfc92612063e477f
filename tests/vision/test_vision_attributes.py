"""What is thought of a viewer: bands, doubt, memory, and the guardrail for minors."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kiosk import terms
from kiosk.config import AttributeSettings
from kiosk.errors import ModelError
from kiosk.vision import load_bundle
from kiosk.vision.attributes import AttributeEstimator, Attributes, band_probabilities, label
from kiosk.vision.faces import Floats, Image
from kiosk.vision.runtime import Tensor
from kiosk.vision.track import Pass
from tests.vision.conftest import ROOT

YEARS = np.arange(0, 81, dtype=np.float32)
CARDS = load_bundle(ROOT / "models_ir", "default")[1]
FRAME = np.zeros((100, 100, 3), np.uint8)
POINTS = np.array([[40, 40], [60, 40], [50, 50], [50, 60], [30, 45], [70, 45]], np.float32)


def one_hot(size: int, *at: int) -> Floats:
    p = np.zeros(size, np.float32)
    p[list(at)] = 1 / len(at)
    return p


def aged(*years: int) -> Floats:
    return one_hot(81, *years)


def mood(name: str) -> Floats:
    return one_hot(7, CARDS["emotion"].labels.index(name))


class Says:
    """A network that says what it is told to, and counts how often it is asked."""

    def __init__(self, output: Floats) -> None:
        self.output = output
        self.asked = 0

    def infer(self, image: Image) -> dict[str, Tensor]:
        assert image.dtype == np.uint8
        self.asked += 1
        return {"p": self.output[None]}


class Room:
    """Viewers in front of networks that a test plays."""

    def __init__(self, settings: AttributeSettings | None = None) -> None:
        self.age, self.gender = Says(aged(30)), Says(np.array([0.9, 0.1], np.float32))
        self.mood = Says(mood("neutral"))
        heads = {"age": self.age, "gender": self.gender, "emotion": self.mood}
        self.estimator = AttributeEstimator(heads, CARDS, settings or AttributeSettings())
        self.now = 100.0

    def look(self, seconds: float = 0.0, fps: float = 10.0, who: str = "a") -> Attributes:
        """One frame, or as many as ``seconds`` hold."""
        for _ in range(max(1, round(seconds * fps))):
            self.now += 1 / fps
            seen = Pass(who, np.array([30, 30, 70, 70], np.float32), POINTS, 0.0, self.now)
            self.estimator.update(FRAME, [seen], self.now)
        return self.estimator.of(who)


@pytest.mark.parametrize(
    ("years", "band"),
    [
        (0, "0-12"), (12, "0-12"), (13, "13-17"), (17, "13-17"), (18, "18-24"), (24, "18-24"),
        (25, "25-34"), (34, "25-34"), (35, "35-44"), (44, "35-44"), (45, "45-54"), (54, "45-54"),
        (55, "55-64"), (64, "55-64"), (65, "65+"), (80, "65+"),
    ],
)  # fmt: skip
def test_a_year_falls_into_its_band(years: int, band: str) -> None:
    bands = band_probabilities(aged(years), YEARS)
    assert bands[terms.AGE_BANDS.index(band)] == 1


@given(st.lists(st.integers(0, 1000), min_size=81, max_size=81).filter(any))
def test_bands_share_out_all_the_probability(weights: list[int]) -> None:
    p = np.asarray(weights, np.float32) / sum(weights)
    bands = band_probabilities(p, YEARS)
    assert len(bands) == len(terms.AGE_BANDS)
    assert bands.sum() == pytest.approx(1, abs=1e-4)
    assert bands[0] == pytest.approx(p[:13].sum(), abs=1e-4)


def test_the_first_class_of_the_age_model_is_an_infant() -> None:
    years = np.asarray(CARDS["age"].years, np.float32)
    assert band_probabilities(one_hot(81, 0), years)[0] == 1


@pytest.mark.parametrize(("p", "word"), [(0.74, "unknown"), (0.75, "b"), (0.99, "b")])
def test_a_label_that_is_not_probable_enough_is_unknown(p: float, word: str) -> None:
    found = label(np.array([1 - p, p], np.float32), ["a", "b"], 0.75)
    assert (found.label, found.p) == (word, pytest.approx(p, abs=1e-3))


def test_before_the_first_look_nothing_is_known_and_a_minor_is_possible() -> None:
    thought = Room().estimator.of("nobody")
    assert {thought.age.label, thought.gender.label, thought.mood.label} == {terms.UNKNOWN}
    assert thought.minor_possible


def test_one_look_is_enough_when_the_models_are_sure() -> None:
    thought = Room().look()
    assert (thought.age.label, thought.gender.label) == ("25-34", "female")
    assert thought.mood.label == "neutral"
    assert not thought.minor_possible


@pytest.mark.parametrize(
    ("ages", "possible"),
    [
        pytest.param((17,), True, id="17"),
        pytest.param((18,), False, id="18"),
        pytest.param((16, 40, 41, 42), True, id="a quarter of a chance"),
        pytest.param((16, *range(40, 49)), False, id="a tenth of a chance"),
    ],
)
def test_a_minor_is_possible_from_the_set_probability(
    ages: tuple[int, ...], possible: bool
) -> None:
    room = Room()
    room.age.output = aged(*ages)
    assert room.look().minor_possible is possible


@pytest.mark.parametrize("fps", [5, 15, 60])
@pytest.mark.parametrize(("before", "after"), [("sad", "happy"), ("happy", "angry")])
def test_mood_follows_a_change_within_two_seconds(fps: float, before: str, after: str) -> None:
    room = Room()
    room.mood.output = mood(before)
    assert room.look(5, fps).mood.label == before
    room.mood.output = mood(after)
    assert room.look(0.1, fps).mood.label != after, "one frame is not a change of mood"
    assert room.look(1.9, fps).mood.label == after


def test_a_flicker_of_one_estimate_does_not_change_the_mood() -> None:
    room = Room()
    room.look(3)
    room.mood.output = mood("happy")
    assert room.look(0.2).mood.label == "neutral"


def test_age_is_the_mean_of_the_looks() -> None:
    room = Room()
    room.look()
    room.age.output = aged(50)
    thought = room.look(0.4)
    assert thought.age.label in {"25-34", "45-54"}
    assert thought.age.p == pytest.approx(0.5, abs=1e-3)


def test_age_and_gender_are_left_alone_after_enough_looks_but_mood_is_not() -> None:
    room = Room(AttributeSettings(identity_estimates=3))
    room.look(20)
    assert (room.age.asked, room.gender.asked) == (3, 3)
    assert room.mood.asked == pytest.approx(20 / 0.2, rel=0.4)


def test_a_viewer_out_of_sight_is_not_looked_at() -> None:
    room = Room()
    lost = Pass("a", np.zeros(4, np.float32), POINTS, 0.0, 99.0)
    room.estimator.update(FRAME, [lost], 100.0)
    assert room.age.asked == 0


def test_what_was_thought_ends_with_the_pass() -> None:
    room = Room()
    room.look(1, who="a")
    room.look(1, who="b")
    room.estimator.forget({"b"})
    assert room.estimator.of("a").age.label == terms.UNKNOWN
    assert room.estimator.of("b").age.label == "25-34"
    assert room.estimator._votes.keys() == {"b"}


def test_numbers_that_overflowed_are_no_look_and_keep_the_guard_for_minors() -> None:
    room = Room()
    room.age.output = aged(30) * np.float32(np.nan)
    room.mood.output = mood("happy") + np.float32(np.inf)
    thought = room.look(1)
    assert (thought.age.label, thought.mood.label) == (terms.UNKNOWN, terms.UNKNOWN)
    assert thought.minor_possible
    room.age.output, room.mood.output = aged(30), mood("happy")
    thought = room.look(2)
    assert (thought.age.label, thought.mood.label) == ("25-34", "happy")
    assert not thought.minor_possible


@pytest.mark.parametrize("heads", [["gender"], ["emotion"], ["age"], []])
def test_a_bundle_may_lack_heads(heads: list[str]) -> None:
    outputs = {"age": aged(40), "gender": one_hot(2, 1), "emotion": mood("sad")}
    networks = {task: Says(outputs[task]) for task in heads}
    cards = {task: CARDS[task] for task in heads}
    estimator = AttributeEstimator(networks, cards, AttributeSettings())
    seen = Pass("a", np.zeros(4, np.float32), POINTS, 0.0, 1.0)
    estimator.update(FRAME, [seen], 1.0)
    thought = estimator.of("a")
    assert (thought.age.label == "35-44") == ("age" in heads)
    assert (thought.gender.label == "male") == ("gender" in heads)
    assert (thought.mood.label == "sad") == ("emotion" in heads)
    assert thought.minor_possible == ("age" not in heads), "who has no age may be a minor"


def test_a_model_with_another_number_of_classes_is_refused_in_one_sentence() -> None:
    room = Room()
    room.gender.output = one_hot(3, 0)
    with pytest.raises(ModelError, match="gender-dlib-v1: 3 classes come out, its card names 2"):
        room.look()
