"""What is thought of a viewer: looks by need, doubt, memory, and the guardrail for minors."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from kiosk import terms
from kiosk.config import AttributeSettings
from kiosk.errors import ModelError
from kiosk.vision.attributes import AttributeEstimator, Attributes, label
from kiosk.vision.faces import Floats
from kiosk.vision.track import Pass
from tests.vision.fakes import PlayedModels, Says, bundle_of, head_card

FRAME = np.random.default_rng(0).integers(0, 256, (100, 100, 3), np.uint8)
POINTS = np.array(
    [[40, 40], [60, 40], [50, 51.6], [50, 60], [np.nan] * 2, [np.nan] * 2], np.float32
)
MOODS = {"decoder": "probabilities", "labels": list(terms.MOODS)}
GENDERS = {"decoder": "probabilities", "labels": list(terms.GENDERS)}
YEARS = {"decoder": "years", "years": [1]}
CARDS = {
    "age": head_card("ages", age=YEARS),
    "gender": head_card("genders", gender=GENDERS),
    "emotion": head_card("moods", emotion=MOODS),
}
EXACT = {"knots": [(0, 0, 2), (100, 100, 2)]}
"""Ages are as they are said, give or take two years."""


def mood(name: str, p: float = 0.94) -> Floats:
    found = np.full(7, (1 - p) / 6, np.float32)
    found[terms.MOODS.index(name)] = p
    return found


class Room:
    """Viewers in front of models that a test plays."""

    def __init__(
        self, *without: str, settings: dict[str, Any] | None = None, **fusion: Any
    ) -> None:
        self.age, self.gender = Says(age=[30]), Says(gender=[0.9, 0.1])
        self.mood = Says(emotion=mood("neutral"))
        played = {"ages": self.age, "genders": self.gender, "moods": self.mood}
        cards = bundle_of(
            *(card for task, card in CARDS.items() if task not in without),
            **{"age": EXACT, **fusion},
        )
        told = AttributeSettings(**(settings or {}))
        self.estimator = AttributeEstimator(cards, PlayedModels(played), told)
        self.now = 100.0

    def look(
        self, seconds: float = 0.0, fps: float = 10.0, who: str = "a", points: Floats = POINTS,
        frame: Any = FRAME,
    ) -> Attributes:  # fmt: skip
        """One frame, or as many as ``seconds`` hold; each letter of ``who`` is a viewer."""
        for _ in range(max(1, round(seconds * fps))):
            self.now += 1 / fps
            box = np.array([30, 30, 70, 70], np.float32)
            seen = [Pass(one, box, points, 0.0, self.now) for one in who]
            self.estimator.update(frame, seen, self.now)
        return self.estimator.of(who[0])

    def of(self, who: str) -> Attributes:
        return self.estimator.of(who)


@pytest.mark.parametrize(("p", "word"), [(0.74, "unknown"), (0.75, "b"), (0.99, "b")])
def test_a_label_that_is_not_probable_enough_is_unknown(p: float, word: str) -> None:
    found = label(np.array([1 - p, p], np.float32), ["a", "b"], 0.75)
    assert (found.label, found.p) == (word, pytest.approx(p, abs=1e-3))


def test_before_the_first_look_nothing_is_known_and_a_minor_is_possible() -> None:
    thought = Room().of("nobody")
    assert {thought.age.label, thought.gender.label, thought.mood.label} == {terms.UNKNOWN}
    assert thought.minor_possible


def test_one_look_is_enough_when_the_models_are_sure() -> None:
    thought = Room().look()
    assert (thought.age.label, thought.gender.label) == ("25-34", "female")
    assert thought.mood.label == "neutral"
    assert not thought.minor_possible


@pytest.mark.parametrize(
    ("years", "sd", "possible"),
    [
        pytest.param(15, 2, True, id="a child"),
        pytest.param(19.6, 2, False, id="15 % of a child"),
        pytest.param(18.8, 2, True, id="26 % of a child"),
        pytest.param(23, 8, True, id="young, and far from sure"),
        pytest.param(40, 8, False, id="an adult"),
        pytest.param(30, 25, True, id="anybody"),
    ],
)
def test_a_minor_is_possible_from_a_chance_of_one_in_five(
    years: float, sd: float, possible: bool
) -> None:
    room = Room(age={"knots": [(0, 0, sd), (100, 100, sd)]})
    room.age.outputs["age"] = [years]
    assert room.look().minor_possible is possible


@pytest.mark.parametrize(("minor_p", "possible"), [(0.1, True), (0.3, False)])
def test_that_chance_is_a_setting(minor_p: float, possible: bool) -> None:
    room = Room(settings={"minor_p": minor_p})
    room.age.outputs["age"] = [19]
    assert room.look().minor_possible is possible


@pytest.mark.parametrize("fps", [5, 15, 60])
@pytest.mark.parametrize(("before", "after"), [("sad", "happy"), ("happy", "angry")])
def test_mood_follows_a_change_within_two_seconds(fps: float, before: str, after: str) -> None:
    room = Room()
    room.mood.outputs["emotion"] = mood(before)
    assert room.look(5, fps).mood.label == before
    room.mood.outputs["emotion"] = mood(after)
    assert room.look(0.1, fps).mood.label != after, "one frame is not a change of mood"
    assert room.look(1.9, fps).mood.label == after


def test_a_flicker_of_one_estimate_does_not_change_the_mood() -> None:
    room = Room()
    room.look(3)
    room.mood.outputs["emotion"] = mood("happy")
    assert room.look(0.2).mood.label == "neutral"


def test_age_is_the_mean_of_the_looks() -> None:
    room = Room()
    room.look()
    room.age.outputs["age"] = [50]
    assert room.look(0.4).age.label == "35-44", "30, and then 50"


def test_age_and_gender_are_left_alone_after_enough_looks_but_mood_is_not() -> None:
    room = Room(settings={"identity_estimates": 3})
    room.look(20)
    assert (room.age.asked, room.gender.asked) == (3, 3)
    assert room.mood.asked == pytest.approx(20 / 0.2, rel=0.4)


def test_looks_at_who_somebody_is_come_further_and_further_apart() -> None:
    room, at = Room(settings={"identity_interval_s": 0.3}), []
    for _ in range(300):
        before = room.age.asked
        room.look(fps=20)
        if room.age.asked > before:
            at.append(room.now)
    gaps = np.diff(at)
    assert gaps[0] == pytest.approx(0.3, abs=0.06)
    assert gaps == pytest.approx(0.3 * np.arange(1, 8), abs=0.06)


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
    assert room.of("a").age.label == terms.UNKNOWN
    assert room.of("a").minor_possible
    assert room.of("b").age.label == "25-34"
    asked = room.age.asked
    room.look(who="a")
    assert room.age.asked == asked + 1, "who comes back under that name is looked at anew"


def test_numbers_that_overflowed_are_no_look_and_keep_the_guard_for_minors() -> None:
    room = Room()
    room.age.outputs["age"] = [np.nan]
    room.mood.outputs["emotion"] = mood("happy") + np.float32(np.inf)
    thought = room.look(1)
    assert (thought.age.label, thought.mood.label) == (terms.UNKNOWN, terms.UNKNOWN)
    assert thought.gender.label == "female"
    assert thought.minor_possible
    room.age.outputs["age"], room.mood.outputs["emotion"] = [30], mood("happy")
    thought = room.look(2)
    assert (thought.age.label, thought.mood.label) == ("25-34", "happy")
    assert not thought.minor_possible


def test_looks_of_which_nothing_came_do_not_use_up_those_that_are_to_be_made() -> None:
    room = Room(settings={"identity_estimates": 3})
    room.age.outputs["age"], room.gender.outputs["gender"] = [np.nan], [np.nan, np.nan]
    room.look(60)
    room.age.outputs["age"], room.gender.outputs["gender"] = [30], [0.9, 0.1]
    thought = room.look(2)
    assert (thought.age.label, thought.gender.label) == ("25-34", "female")


def test_a_mood_that_was_not_told_for_long_fades_all_the_same() -> None:
    room = Room()
    room.look(5)
    room.mood.outputs["emotion"] = mood("happy") * np.float32(np.nan)
    room.look(10)
    room.mood.outputs["emotion"] = mood("happy")
    assert room.look(0.2).mood.label == "happy"


@pytest.mark.parametrize("heads", [["gender"], ["emotion"], ["age"], []])
def test_a_bundle_may_lack_heads(heads: list[str]) -> None:
    room = Room(*({"age", "gender", "emotion"} - set(heads)))
    room.age.outputs["age"] = [40]
    thought = room.look()
    assert (thought.age.label == "35-44") == ("age" in heads)
    assert (thought.gender.label == "female") == ("gender" in heads)
    assert (thought.mood.label == "neutral") == ("emotion" in heads)
    assert thought.minor_possible == ("age" not in heads), "who has no age may be a minor"


def test_a_model_with_another_number_of_classes_is_refused_in_one_sentence() -> None:
    room = Room()
    room.gender.outputs["gender"] = [0.3, 0.3, 0.4]
    with pytest.raises(
        ModelError, match="genders: 3 numbers come out for gender, its card names 2"
    ):
        room.look()


def test_a_face_and_its_mirror_image_are_looked_at_in_turn() -> None:
    room = Room()
    room.look(8, fps=20)
    for says in (room.age, room.mood):
        first, second = says.seen[:2]
        np.testing.assert_array_equal(first[:, ::-1], second)
        assert (first != second).any()
        for place, seen in enumerate(says.seen):
            np.testing.assert_array_equal(seen, says.seen[place % 2])


@pytest.mark.parametrize("bound", [1, 2, 5])
def test_a_frame_costs_so_many_looks_however_many_viewers_there_are(bound: int) -> None:
    room = Room(settings={"looks_per_frame": bound})
    for _ in range(50):
        before = room.age.asked + room.mood.asked
        room.look(who="abcdefghijkl")
        assert room.age.asked + room.mood.asked - before <= bound


def test_everybody_is_known_soon_however_many_there_are() -> None:
    room = Room()
    people = "abcdefghijkl"
    room.look(1.3, who=people)
    for one in people:
        assert room.of(one).age.label == "25-34"
        assert room.of(one).mood.label == "neutral"


def test_who_has_just_come_is_looked_at_first() -> None:
    room = Room()
    people = "abcdefgh"
    room.look(5, who=people)
    room.look(who=people + "z")
    assert room.of("z").age.label == "25-34"
    assert room.of("z").mood.label == "neutral"


def test_among_many_everybodys_mood_is_kept_up_to_date() -> None:
    room = Room()
    people = "abcdef"
    room.look(5, who=people)
    room.mood.outputs["emotion"] = mood("happy")
    room.look(3, who=people)
    assert {room.of(one).mood.label for one in people} == {"happy"}


@pytest.mark.parametrize(
    ("setting", "word"), [(None, "unknown"), (0.95, "unknown"), (0.85, "female"), (0.0, "female")]
)
def test_the_bundle_says_what_is_unknown_unless_a_setting_does(
    setting: float | None, word: str
) -> None:
    room = Room(settings={"min_gender_p": setting}, gender={"unknown_below_p": 0.93})
    thought = room.look()
    assert thought.gender.label == word
    assert thought.gender.p == pytest.approx(0.9, abs=0.01)


def test_each_answer_has_a_threshold_of_its_own() -> None:
    room = Room(settings={"min_age_p": 0.9, "min_gender_p": 0.2, "min_mood_p": 0.99})
    room.age.outputs["age"] = [34]
    thought = room.look()
    assert (thought.age.label, thought.gender.label, thought.mood.label) == (
        terms.UNKNOWN, "female", terms.UNKNOWN,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("points", "frame"),
    [
        pytest.param(50 + (POINTS - 50) * 0.1, FRAME, id="tiny"),
        pytest.param(POINTS, np.full_like(FRAME, 120), id="without detail"),
        pytest.param(
            POINTS + np.array([[0, 0]] * 2 + [[25, 0]] + [[0, 0]] * 3), FRAME, id="turned away"
        ),
    ],
)
def test_who_is_badly_seen_is_hardly_known_and_may_be_a_minor(points: Any, frame: Any) -> None:
    sure = {"min_age_p": 0.5, "min_gender_p": 0.75, "min_mood_p": 0.5}
    room = Room(settings=sure)
    room.age.outputs["age"] = [25]
    known = room.look(2, who="b")
    assert terms.UNKNOWN not in {known.age.label, known.gender.label, known.mood.label}
    assert not known.minor_possible
    thought = room.look(2, points=np.asarray(points, np.float32), frame=frame)
    assert {thought.age.label, thought.gender.label, thought.mood.label} == {terms.UNKNOWN}
    assert thought.minor_possible


def test_one_good_look_counts_for_more_than_a_bad_one() -> None:
    room = Room()
    room.age.outputs["age"] = [70]
    room.look(points=np.asarray(50 + (POINTS - 50) * 0.1, np.float32))
    room.age.outputs["age"] = [30]
    assert room.look(0.5).age.label == "25-34"


@pytest.mark.parametrize(
    "estimate",
    [["age", "gender", "mood"], ["age", "gender"], ["gender"], ["age"], ["mood"], []],
    ids=str,
)
def test_what_is_not_to_be_estimated_is_neither_asked_nor_known(estimate: list[str]) -> None:
    room = Room(settings={"estimate": estimate})
    thought = room.look(2)
    asked = {"age": room.age.asked, "gender": room.gender.asked, "mood": room.mood.asked}
    known = {"age": thought.age, "gender": thought.gender, "mood": thought.mood}
    for name, looks in asked.items():
        assert (looks > 0) == (name in estimate)
        assert (known[name].label != terms.UNKNOWN) == (name in estimate)
        assert (known[name].p > 0) == (name in estimate)
    assert thought.minor_possible == ("age" not in estimate), "nobody is known to be of age"


def test_without_a_wish_everything_that_the_bundle_has_is_estimated() -> None:
    room = Room()
    room.look()
    room.look()
    assert min(room.age.asked, room.gender.asked, room.mood.asked) > 0
