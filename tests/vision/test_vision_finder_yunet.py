"""YuNet's tensors read against cells worked out by hand, and its two ways of looking."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from kiosk.config import DetectionSettings
from kiosk.errors import ModelError
from kiosk.vision import load_bundle
from kiosk.vision.cards import Card
from kiosk.vision.faces import LEFT_EYE, MOUTH, NOSE, RIGHT_EYE, Floats, Image
from kiosk.vision.finders import Finder, make_finder
from kiosk.vision.finders.yunet import decode
from tests.vision.conftest import ROOT
from tests.vision.fakes import PlayedModels, square_seer, with_squares

CARD = load_bundle(ROOT / "models_ir", "default").detector[0]
NAMES = [f"{part}_{stride}" for part in ("c", "o", "b", "k") for stride in (8, 16, 32)]
WIDTH, HEIGHT = 96, 64


def tensors() -> dict[str, Floats]:
    """Of an input of 96x64 in which there is nobody."""
    sizes = {"c": 1, "o": 1, "b": 4, "k": 10}
    return {
        name: np.zeros(
            (1, (WIDTH // int(name[2:])) * (HEIGHT // int(name[2:])), sizes[name[0]]), np.float32
        )
        for name in NAMES
    }


def put(outputs: dict[str, Floats], stride: int, cell: int, **told: Any) -> None:
    """Make a cell say something; a face of score 0.9 by default."""
    told = {"c": 0.9, "o": 0.9, "b": [0, 0, 1, 1], "k": [0.0] * 10} | told
    for part, value in told.items():
        outputs[f"{part}_{stride}"][0, cell] = value


def test_a_face_stands_where_its_cell_and_its_tensors_say() -> None:
    outputs = tensors()
    points = [-1, -0.5, 1, -0.5, 0, 0.25, -0.75, 1, 0.25, 1.5]
    put(outputs, 16, 8, c=0.9, o=0.4, b=[0.25, -0.5, np.log(2), np.log(3)], k=points)
    found = decode(outputs, NAMES, WIDTH, 0.5)
    # Cell 8 of rows of six is column 2, row 1. Middle: 2.25 and 0.5 cells of 16 pixels. Sides: 2
    # and 3 cells.
    np.testing.assert_allclose(found.boxes, [[20, -16, 52, 32]], atol=1e-4)
    np.testing.assert_allclose(found.scores, [0.6], atol=1e-6)
    (points,) = found.keypoints
    np.testing.assert_allclose(points[RIGHT_EYE], [16, 8], atol=1e-4)
    np.testing.assert_allclose(points[LEFT_EYE], [48, 8], atol=1e-4)
    np.testing.assert_allclose(points[NOSE], [32, 20], atol=1e-4)
    np.testing.assert_allclose(points[MOUTH], [28, 36], atol=1e-4)
    assert np.isnan(points[4:]).all(), "it gives no ears"


@pytest.mark.parametrize(
    ("stride", "cell", "middle"),
    [
        (8, 0, (0, 0)), (8, 11, (88, 0)), (8, 12, (0, 8)), (8, 95, (88, 56)),
        (16, 5, (80, 0)), (16, 6, (0, 16)), (16, 23, (80, 48)),
        (32, 2, (64, 0)), (32, 3, (0, 32)), (32, 5, (64, 32)),
    ],
)  # fmt: skip
def test_each_stride_has_a_grid_of_its_own(stride: int, cell: int, middle: tuple[int, int]) -> None:
    outputs = tensors()
    put(outputs, stride, cell, b=[0, 0, 0, 0])
    (box,) = decode(outputs, NAMES, WIDTH, 0.5).boxes
    x, y = middle
    half = stride / 2
    np.testing.assert_allclose(box, [x - half, y - half, x + half, y + half], atol=1e-4)


def test_faces_of_all_strides_are_found_at_once() -> None:
    outputs = tensors()
    for stride, cell in ((8, 3), (8, 90), (16, 10), (32, 4)):
        put(outputs, stride, cell)
    assert len(decode(outputs, NAMES, WIDTH, 0.5)) == 4
    assert len(decode(tensors(), NAMES, WIDTH, 0.5)) == 0


@pytest.mark.parametrize(
    ("kind", "there", "found"),
    [(0.81, 1.0, 1), (1.0, 0.81, 1), (0.9, 0.9, 1), (0.8, 1.0, 0), (1.0, 0.5, 0), (0.0, 1.0, 0)],
)
def test_the_score_is_the_mean_of_both_opinions_on_a_logarithmic_scale(
    kind: float, there: float, found: int
) -> None:
    outputs = tensors()
    put(outputs, 8, 7, c=kind, o=there)
    assert len(decode(outputs, NAMES, WIDTH, 0.9 - 1e-6)) == found


def without(name: str) -> dict[str, Floats]:
    outputs = tensors()
    del outputs[name]
    return outputs


@pytest.mark.parametrize(
    "outputs",
    [
        pytest.param({}, id="nothing"),
        pytest.param(without("c_8"), id="no classes"),
        pytest.param(without("k_32"), id="no keypoints"),
        pytest.param(tensors() | {"o_16": np.zeros((1, 23, 1), np.float32)}, id="a cell less"),
        pytest.param(tensors() | {"b_8": np.zeros((1, 96, 5), np.float32)}, id="five sides"),
        pytest.param(tensors() | {"k_8": np.zeros((1, 96, 8), np.float32)}, id="four points"),
    ],
)
def test_tensors_of_another_shape_are_one_sentence(outputs: dict[str, Floats]) -> None:
    with pytest.raises(ModelError, match="not what its card says") as caught:
        decode(outputs, NAMES, WIDTH, 0.5)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("part", ["b", "k"])
@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_a_face_with_a_number_that_is_none_is_no_face(part: str, bad: float) -> None:
    outputs = tensors()
    put(outputs, 8, 5)
    put(outputs, 8, 50)
    outputs[f"{part}_8"][0, 5, -1] = bad
    found = decode(outputs, NAMES, WIDTH, 0.5)
    assert len(found) == 1
    assert np.isfinite(found.boxes).all()


@pytest.mark.parametrize("part", ["c", "o"])
@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_a_score_that_is_no_number_is_no_face(part: str, bad: float) -> None:
    outputs = tensors()
    put(outputs, 8, 5, **{part: bad})
    assert len(decode(outputs, NAMES, WIDTH, 0.5)) == 0


@pytest.mark.parametrize("size", [5, 88, 1e30])
def test_a_face_many_times_larger_than_the_input_is_none(size: float) -> None:
    outputs = tensors()
    put(outputs, 32, 1, b=[0, 0, size, 0])
    assert len(decode(outputs, NAMES, WIDTH, 0.5)) == 0


class Room:
    """A finder to whose network bright squares are faces."""

    def __init__(self, score: float = 0.9, card: Card = CARD, **settings: Any) -> None:
        self.models = PlayedModels({card.name: square_seer(card.faces.outputs, score)})
        self.finder: Finder = make_finder((card,), self.models, DetectionSettings(**settings))

    def runs(self) -> dict[tuple[int, int], int]:
        """How often it looked, by width and height of the input."""
        networks = self.models.networks[CARD.name]
        return {one.input.shape[2:0:-1]: one.runs for one in networks if one.runs}


def test_a_search_is_one_look_in_the_shape_of_the_frame_and_of_one_area() -> None:
    room = Room()
    areas = set()
    for width, height in ((1280, 720), (640, 480), (500, 500), (480, 640), (360, 640), (1920, 80)):
        before = sum(room.runs().values())
        room.finder.search(with_squares(width, height))
        assert sum(room.runs().values()) == before + 1
    assert len(room.runs()) == 5, "16:9 and what is wider, 4:3, square, 3:4, 9:16"
    for wide, tall in room.runs():
        assert (wide % 32, tall % 32) == (0, 0)
        areas.add(wide * tall)
    assert max(areas) < 1.15 * min(areas)


def test_a_shape_that_was_seen_before_is_not_loaded_again() -> None:
    room, loaded = Room(), 0
    for _ in range(3):
        for width, height in ((1280, 720), (480, 640)):
            room.finder.search(with_squares(width, height))
        loaded = loaded or len(room.models.networks[CARD.name])
    assert len(room.models.networks[CARD.name]) == loaded


@pytest.mark.parametrize("size", [(640, 360), (1280, 720), (720, 1280), (1021, 577), (300, 300)])
def test_faces_are_given_in_pixels_of_the_frame(size: tuple[int, int]) -> None:
    width, height = size
    side = min(size) // 5
    squares = [(width // 7, height // 6, side), (width // 2, height // 2, side)]
    found = Room().finder.search(with_squares(width, height, *squares))
    assert len(found) == 2
    tolerance = max(size) / 100
    for x, y, side in squares:
        nearest = min(found.boxes, key=lambda box: abs(box[0] - x))
        np.testing.assert_allclose(nearest, [x, y, x + side, y + side], atol=tolerance)


def test_a_second_look_sees_only_what_is_near() -> None:
    room = Room()
    frame = with_squares(1280, 720, (100, 100, 80), (600, 300, 80), (1000, 500, 120))
    boxes = np.array([[110, 95, 190, 175], [990, 505, 1110, 625]], np.float32)
    found = room.finder.look_again(frame, boxes)
    assert all(tall == 128 for _, tall in room.runs()), "the whole frame is not searched"
    assert len(found) == 2
    for box in ([100, 100, 180, 180], [1000, 500, 1120, 620]):
        assert min(np.abs(found.boxes - box).max(axis=1)) < 4


@pytest.mark.parametrize("count", [1, 2, 3, 4, 5, 8, 9])
def test_every_face_is_found_again_however_many_are_looked_at_together(count: int) -> None:
    """Windows of several faces share a run; what is in one must not turn up in another."""
    room, random = Room(), np.random.default_rng(count)
    sizes = random.integers(30, 110, count)
    squares = [
        (40 + 300 * (place % 4), 20 + 230 * (place // 4), int(side))
        for place, side in enumerate(sizes)
    ]
    frame = with_squares(1280, 720, *squares)
    boxes = np.array([[x, y, x + side, y + side] for x, y, side in squares], np.float32)
    found = room.finder.look_again(frame, boxes + random.uniform(-6, 6, (count, 1)))
    assert len(found) == count
    for box in boxes:
        nearest = np.abs(found.boxes - box).max(axis=1).argmin()
        np.testing.assert_allclose(found.boxes[nearest], box, atol=5)
        middle = (box[:2] + box[2:]) / 2
        eyes = found.keypoints[nearest, [RIGHT_EYE, LEFT_EYE]]
        assert eyes.mean(axis=0) == pytest.approx(
            [middle[0], box[1] + 0.4 * (box[3] - box[1])], abs=6
        )


def test_two_halves_of_others_that_meet_between_two_windows_are_nobody() -> None:
    frame = with_squares(1280, 720, (300, 200, 60), (700, 200, 60), (370, 200, 60), (630, 200, 60))
    boxes = np.array([[300, 200, 360, 260], [700, 200, 760, 260]], np.float32)
    found = Room().finder.look_again(frame, boxes).boxes
    assert sorted(found[:, 0].round()) == pytest.approx([300, 700], abs=3)


def test_a_second_look_at_some_who_left_finds_only_those_who_are_still_there() -> None:
    frame = with_squares(1280, 720, (600, 300, 80))
    boxes = np.array([[100, 100, 180, 180], [605, 296, 685, 376], [900, 500, 950, 550]], np.float32)
    (found,) = Room().finder.look_again(frame, boxes).boxes
    np.testing.assert_allclose(found, [600, 300, 680, 380], atol=4)


def test_a_second_look_follows_a_face_that_moved_by_a_third_of_itself() -> None:
    box = np.array([[200, 200, 260, 260]], np.float32)
    (found,) = Room().finder.look_again(with_squares(640, 360, (220, 180, 60)), box).boxes
    np.testing.assert_allclose(found, [220, 180, 280, 240], atol=3)


def test_a_face_that_two_second_looks_see_is_one() -> None:
    boxes = np.array([[200, 200, 260, 260], [225, 205, 285, 265]], np.float32)
    found = Room().finder.look_again(with_squares(640, 360, (210, 200, 60)), boxes)
    assert len(found) == 1


@pytest.mark.parametrize(
    "boxes",
    [
        pytest.param(np.zeros((0, 4)), id="none"),
        pytest.param([[-500, -500, -400, -400]], id="outside"),
        pytest.param([[5000, 100, 5100, 200]], id="beyond"),
        pytest.param([[100, 100, 100, 100]], id="no size"),
        pytest.param([[100, 100, 102, 102]], id="two pixels"),
        pytest.param([[200, 100, 100, 50]], id="inside out"),
    ],
)
def test_a_second_look_at_no_place_finds_nobody(boxes: Any) -> None:
    room = Room()
    frame = with_squares(640, 360, (300, 200, 60))
    assert len(room.finder.look_again(frame, np.asarray(boxes, np.float32))) == 0


KNOTS = [(0.0, 0.0), (0.4, 0.1), (0.8, 0.9), (1.0, 1.0)]


def knotted(min_score: float) -> Card:
    faces = CARD.faces.model_copy(update={"score_knots": KNOTS, "min_score": min_score})
    return CARD.model_copy(update={"faces": faces})


@pytest.mark.parametrize(
    ("raw", "calibrated"), [(0.4, 0.1), (0.5, 0.3), (0.6, 0.5), (0.8, 0.9), (0.9, 0.95)]
)
def test_scores_are_given_along_the_cards_knots(raw: float, calibrated: float) -> None:
    found = Room(raw, knotted(0.05)).finder.search(with_squares(640, 360, (100, 100, 60)))
    assert found.scores == pytest.approx([calibrated], abs=1e-3)


@pytest.mark.parametrize(
    ("raw", "carded", "configured", "count"),
    [
        pytest.param(0.61, 0.5, 0, 1, id="the card's, over"),
        pytest.param(0.59, 0.5, 0, 0, id="the card's, under"),
        pytest.param(0.59, 0.5, 0.4, 1, id="the setting's, over"),
        pytest.param(0.54, 0.5, 0.4, 0, id="the setting's, under"),
        pytest.param(0.7, 0.5, 0.75, 0, id="a stricter setting"),
    ],
)
def test_the_least_score_is_of_calibrated_scores(
    raw: float, carded: float, configured: float, count: int
) -> None:
    """Raw scores of 0.54, 0.59, 0.61 and 0.7 are 0.38, 0.48, 0.52 and 0.7 along the knots."""
    room = Room(raw, knotted(carded), min_score=configured)
    assert len(room.finder.search(with_squares(640, 360, (100, 100, 60)))) == count


@pytest.mark.parametrize(
    "change",
    [
        pytest.param({"outputs": ["a", "b"]}, id="two outputs"),
        pytest.param({"near_px": 0}, id="no size for a second look"),
    ],
)
def test_a_card_that_lacks_something_is_one_sentence(change: dict[str, Any]) -> None:
    card = CARD.model_copy(update={"faces": CARD.faces.model_copy(update=change)})
    models = PlayedModels({card.name: square_seer(CARD.faces.outputs)})
    with pytest.raises(ModelError, match="face-detection-yunet: yunet needs twelve") as caught:
        make_finder((card,), models, DetectionSettings())
    assert "\n" not in str(caught.value)


def test_a_camera_may_change_its_picture_between_two_frames() -> None:
    room = Room()
    wide: Image = with_squares(1280, 720, (600, 300, 100))
    small: Image = with_squares(320, 240, (150, 100, 40))
    boxes = room.finder.search(wide).boxes
    assert len(room.finder.look_again(small, boxes)) == 0, "that place is gone"
    np.testing.assert_allclose(room.finder.search(small).boxes, [[150, 100, 190, 140]], atol=3)
    np.testing.assert_allclose(room.finder.search(wide).boxes, boxes)
