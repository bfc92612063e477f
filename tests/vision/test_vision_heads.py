"""What each model says of a face: decoders, order of the labels, mirror images, broken tensors."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from kiosk.errors import ModelError
from kiosk.vision.cards import Card, Crop, Task
from kiosk.vision.faces import Floats, Image
from kiosk.vision.heads import LEAST_P, Heads, Opinions
from tests.vision.fakes import PlayedModels, Says, bundle_of, head_card

POINTS = np.array([[40, 40], [60, 40], [50, 52], [50, 60], [30, 45], [70, 45]], np.float32)
FRAME = np.random.default_rng(0).integers(0, 256, (100, 100, 3), np.uint8)
FEMALE_MALE = {"decoder": "probabilities", "labels": ["female", "male"]}
YEARS = {"decoder": "years", "years": [1]}
MOODS = ["happy", "neutral"]
MALE_FEMALE = {"decoder": "probabilities", "labels": ["male", "female"]}


class Room:
    """Models that a test plays, before one face."""

    def __init__(self, *models: tuple[Card, Says], wanted: frozenset[Task] | None = None) -> None:
        self.played = PlayedModels({card.name: says for card, says in models})
        self.heads = Heads(bundle_of(*(card for card, _ in models)), self.played, wanted)

    def look(self, *tasks: str, mirrored: bool = False, frame: Image = FRAME) -> Opinions:
        return self.heads.look(frame, POINTS, frozenset(tasks or self.heads.tasks), mirrored)


def said(task: str, head: dict[str, Any], output: Any) -> Floats:
    """What one model says, decoded."""
    return Room((head_card("one", **{task: head}), Says(**{task: output}))).look()[task]["one"]


def logs(*p: float) -> Floats:
    return np.log(np.asarray(p) + LEAST_P)


@pytest.mark.parametrize(
    ("head", "output"),
    [
        pytest.param(FEMALE_MALE, [0.8, 0.2], id="probabilities"),
        pytest.param(MALE_FEMALE, [0.2, 0.8], id="another order"),
        pytest.param(FEMALE_MALE, [8, 2], id="not normalised"),
        pytest.param(FEMALE_MALE, [[[0.8]], [[0.2]]], id="with axes to spare"),
        pytest.param(
            {"decoder": "logits", "labels": ["female", "male"]}, np.log([0.8, 0.2]), id="logits"
        ),
        pytest.param(
            {"decoder": "logits", "labels": ["male", "female"]}, np.log([20, 80]), id="large logits"
        ),
        pytest.param({"decoder": "sigmoid", "labels": ["female", "male"]}, [0.2], id="sigmoid"),
        pytest.param({"decoder": "sigmoid", "labels": ["male", "female"]}, [0.8], id="its reverse"),
    ],
)
def test_every_decoder_gives_the_probabilities_in_one_order(
    head: dict[str, Any], output: Any
) -> None:
    assert said("gender", head, output) == pytest.approx(logs(0.8, 0.2), abs=1e-4)


def test_moods_come_in_one_order_whatever_the_models() -> None:
    labels = ["angry", "disgusted", "fearful", "happy", "sad", "surprised", "neutral"]
    p = np.array([0.05, 0.02, 0.03, 0.5, 0.1, 0.2, 0.1])
    head = {"decoder": "probabilities", "labels": labels}
    wanted = logs(0.5, 0.1, 0.1, 0.05, 0.2, 0.03, 0.02)
    assert said("emotion", head, p) == pytest.approx(wanted, abs=1e-4)
    assert said("emotion", head | {"decoder": "logits"}, np.log(p)) == pytest.approx(
        wanted, abs=1e-4
    )


@pytest.mark.parametrize(
    ("head", "output", "years"),
    [
        pytest.param({"decoder": "years", "years": [1]}, [34.5], 34.5, id="years"),
        pytest.param({"decoder": "years", "years": [100]}, [0.345], 34.5, id="centuries"),
        pytest.param(
            {"decoder": "probabilities", "years": [10, 20, 60]}, [0.5, 0.25, 0.25], 25, id="classes"
        ),
        pytest.param({"decoder": "logits", "years": [10, 20]}, [0, 0], 15, id="logits of classes"),
    ],
)
def test_an_age_is_its_mean_in_years(head: dict[str, Any], output: Any, years: float) -> None:
    assert said("age", head, output) == pytest.approx([years], rel=1e-4)


def test_a_model_that_is_quite_sure_leaves_a_little_doubt() -> None:
    assert said("gender", FEMALE_MALE, [1, 0]) == pytest.approx([0, np.log(LEAST_P)], abs=1e-3)


@pytest.mark.parametrize("logits", [[900.0, -900.0], [88.0, 0.0]])
def test_large_logits_do_not_overflow(logits: list[float]) -> None:
    head = {"decoder": "logits", "labels": ["female", "male"]}
    assert said("gender", head, logits) == pytest.approx([0, np.log(LEAST_P)], abs=1e-3)


@pytest.mark.parametrize(
    ("task", "head", "output", "wanted"),
    [
        pytest.param("gender", FEMALE_MALE, [0.1, 0.2, 0.7], 2, id="a class more"),
        pytest.param("gender", FEMALE_MALE, [1.0], 2, id="a class less"),
        pytest.param(
            "gender", {"decoder": "sigmoid", "labels": ["female", "male"]}, [0.1, 0.9], 1,
            id="two of a sigmoid",
        ),
        pytest.param("age", {"decoder": "years", "years": [1]}, [30, 31], 1, id="two ages"),
        pytest.param(
            "age", {"decoder": "probabilities", "years": [1, 2, 3]}, [0.5, 0.5], 3, id="two years"
        ),
        pytest.param("gender", FEMALE_MALE | {"output": "sex"}, [0.8, 0.2], 2, id="another name"),
    ],
)  # fmt: skip
def test_another_number_of_outputs_is_one_sentence(
    task: str, head: dict[str, Any], output: list[float], wanted: int
) -> None:
    found = 0 if "output" in head else len(output)
    sentence = f"one: {found} numbers come out for {task}, its card names {wanted}"
    with pytest.raises(ModelError, match=sentence):
        said(task, head, output)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_numbers_that_overflowed_are_no_opinion_on_that_task_only(bad: float) -> None:
    card = head_card("both", gender=FEMALE_MALE, age={"decoder": "years", "years": [1]})
    found = Room((card, Says(gender=[bad, 0.5], age=[40]))).look()
    assert found["gender"] == {}
    assert found["age"]["both"] == pytest.approx([40])


def test_every_model_of_a_task_is_asked_and_no_other() -> None:
    models = [
        (head_card("a", gender=FEMALE_MALE), Says(gender=[0.6, 0.4])),
        (head_card("b", gender=MALE_FEMALE), Says(gender=[0.9, 0.1])),
        (head_card("c", age={"decoder": "years", "years": [1]}), Says(age=[50])),
    ]
    room = Room(*models)
    assert room.heads.tasks == {"age", "gender"}
    found = room.look("gender")
    assert set(found) == {"gender"}
    assert found["gender"]["a"] == pytest.approx(logs(0.6, 0.4), abs=1e-4)
    assert found["gender"]["b"] == pytest.approx(logs(0.1, 0.9), abs=1e-4)
    assert [says.asked for _, says in models] == [1, 1, 0]
    room.look()
    assert [says.asked for _, says in models] == [2, 2, 1]


def test_a_task_that_no_model_has_is_said_nothing_of() -> None:
    assert Room((head_card("a", gender=FEMALE_MALE), Says(gender=[1, 0]))).look("emotion") == {
        "emotion": {}
    }


def test_a_mirrored_look_shows_the_chip_the_other_way_round() -> None:
    says = Says(gender=[0.5, 0.5])
    room = Room((head_card("a", gender=FEMALE_MALE), says))
    room.look()
    room.look(mirrored=True)
    plain, mirrored = says.seen
    np.testing.assert_array_equal(plain[:, ::-1], mirrored)
    assert (plain != mirrored).any()


def test_models_with_chips_of_their_own_see_them_in_any_company() -> None:
    """Chips are cut once for all models that look at the same part in the same size."""
    narrow, wide = Crop(eye_y=0.3, eye_distance=0.5), Crop(eye_y=0.4, eye_distance=0.25)

    def model(name: str, side: int, crop: Crop, colour: str) -> tuple[Card, Says]:
        card = head_card(name, side, gender=FEMALE_MALE)
        size = card.input.model_copy(update={"colour": colour, "source_colour": colour})
        told = card.model_copy(update={"crop": crop, "input": size})
        return told, Says(gender=[0.5, 0.5])

    models = [
        model("a", 32, narrow, "BGR"), model("b", 32, narrow, "BGR"), model("c", 32, wide, "BGR"),
        model("d", 48, narrow, "BGR"), model("e", 32, narrow, "GREY"),
    ]  # fmt: skip
    for mirrored in (False, True):
        Room(*models).look(mirrored=mirrored)
        together = [says.seen.pop() for _, says in models]
        for (card, says), seen in zip(models, together, strict=True):
            Room((card, says)).look(mirrored=mirrored)
            np.testing.assert_array_equal(seen, says.seen.pop())
        shapes = [seen.shape for seen in together]
        assert shapes == [(32, 32, 3), (32, 32, 3), (32, 32, 3), (48, 48, 3), (32, 32, 1)]


@pytest.mark.parametrize("equalised", [False, True])
def test_a_chips_histogram_is_equalised_where_the_card_says_so(equalised: bool) -> None:
    card = head_card("a", gender=FEMALE_MALE)
    size = card.input.model_copy(update={"colour": "GREY", "source_colour": "GREY"})
    crop = card.crop.model_copy(update={"equalise": equalised})
    says = Says(gender=[0.5, 0.5])
    dull = (FRAME // 8) + 100
    Room((card.model_copy(update={"input": size, "crop": crop}), says)).look(frame=dull)
    assert (np.ptp(says.seen[0]) > 200) == equalised


def test_a_bundle_without_heads_has_no_tasks_and_says_nothing() -> None:
    room = Room()
    assert room.heads.tasks == frozenset()
    assert room.look("age") == {"age": {}}


@pytest.mark.parametrize(
    ("wanted", "loaded", "tasks"),
    [
        pytest.param(None, {"both", "moods"}, {"age", "gender", "emotion"}, id="all"),
        pytest.param({"age", "gender"}, {"both"}, {"age", "gender"}, id="no mood"),
        pytest.param({"gender"}, {"both"}, {"gender"}, id="one of two"),
        pytest.param({"emotion"}, {"moods"}, {"emotion"}, id="mood alone"),
        pytest.param(set(), set(), set(), id="nothing"),
    ],
)
def test_a_model_of_which_nothing_is_wanted_is_not_even_loaded(
    wanted: set[Task] | None, loaded: set[str], tasks: set[Task]
) -> None:
    room = Room(
        (head_card("both", gender=FEMALE_MALE, age=YEARS), Says(gender=[0.9, 0.1], age=[40])),
        (head_card("moods", emotion={"decoder": "probabilities", "labels": MOODS}), Says()),
        wanted=None if wanted is None else frozenset(wanted),
    )
    assert set(room.played.networks) == loaded
    assert room.heads.tasks == tasks


def test_a_model_of_two_things_is_asked_once_and_what_is_not_wanted_is_never_read() -> None:
    class Untouchable:
        def __array__(self, *_: Any, **__: Any) -> Any:
            raise AssertionError("the age was read")

    says = Says(gender=[0.9, 0.1])
    both = head_card("both", gender=FEMALE_MALE, age=YEARS)
    room = Room((both, says), wanted=frozenset({"gender"}))
    (network,) = room.played.networks["both"]
    network.say = lambda image: {**says(image), "age": Untouchable()}
    found = room.look("age", "gender")
    assert found["age"] == {}
    assert found["gender"]["both"] == pytest.approx(logs(0.9, 0.1), abs=1e-4)
    assert says.asked == 1
