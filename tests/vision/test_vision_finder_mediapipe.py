"""MediaPipe's detector: boxes out of its tensors, tiles over the frame, and a real face."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kiosk.config import DetectionSettings, VisionSettings
from kiosk.errors import ModelError
from kiosk.vision import load_bundle, open_finder
from kiosk.vision.cards import FaceDetection
from kiosk.vision.faces import Floats, Image
from kiosk.vision.finders import Finder, NearFinder, make_finder
from kiosk.vision.finders.mediapipe import decode_anchors, square_tiles
from kiosk.vision.ir import BUILT
from tests.vision.conftest import ROOT
from tests.vision.fakes import PlayedModels
from tests.vision.pictures import shaped

GRID, SIDE = 4, 192
ANCHORS = FaceDetection(
    decoder="mediapipe-anchors",
    outputs=["b", "s"],
    min_score=0.5,
    keypoints=list("abcdef"),
    grid=GRID,
)
NAME = "face-detection-full-range-sparse"


def tensors(logits: dict[int, float], box: tuple[float, ...] = (0, 0, 48, 24)) -> dict[str, Floats]:
    raw = np.zeros((1, GRID * GRID, 16), np.float32)
    raw[..., :4] = box
    scores = np.full((1, GRID * GRID, 1), -9, np.float32)
    for cell, logit in logits.items():
        scores[0, cell] = logit
    return {"b": raw, "s": scores}


def test_a_box_stands_where_its_cell_and_its_regression_say() -> None:
    found = decode_anchors(tensors({6: 0.0}, (19.2, 0, 48, 24)), ANCHORS, SIDE, 0.5)
    # Cell 6 of a grid of 4 is column 2, row 1; 19.2 of 192 pixels is a tenth to the right.
    x, y = (2 + 0.5) / 4 + 0.1, (1 + 0.5) / 4
    np.testing.assert_allclose(
        found.boxes, [[x - 0.125, y - 0.0625, x + 0.125, y + 0.0625]], atol=1e-6
    )
    np.testing.assert_allclose(found.keypoints[0, 0], [(2 + 0.5) / 4, y], atol=1e-6)
    np.testing.assert_allclose(found.scores, [0.5])


@pytest.mark.parametrize(
    ("threshold", "count"),
    [(0.0, 16), (0.4, 3), (0.5, 2), (0.7, 2), (0.75, 1), (0.9, 0), (1.0, 0)],
)
def test_only_faces_of_at_least_the_threshold_are_kept(threshold: float, count: int) -> None:
    found = decode_anchors(tensors({1: -0.2, 5: 1.0, 9: 2.0}), ANCHORS, SIDE, threshold)
    kept = found.take(np.flatnonzero(found.scores >= threshold))
    assert len(kept) == count


@pytest.mark.parametrize(
    "outputs",
    [
        pytest.param({}, id="nothing"),
        pytest.param({"b": np.zeros((1, 16, 16), np.float32)}, id="no scores"),
        pytest.param(tensors({}) | {"s": np.zeros((1, 15, 1), np.float32)}, id="a cell less"),
        pytest.param(tensors({}) | {"b": np.zeros((1, 16, 14), np.float32)}, id="a point less"),
    ],
)
def test_tensors_of_another_shape_are_one_sentence(outputs: dict[str, Floats]) -> None:
    with pytest.raises(ModelError, match="not what its card says") as caught:
        decode_anchors(outputs, ANCHORS, SIDE, 0.5)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf, 0.0, -5.0])
def test_a_box_that_is_none_is_no_face(bad: float) -> None:
    outputs = tensors({5: 3.0, 6: 3.0})
    outputs["b"][0, 5, 2] = bad
    assert len(decode_anchors(outputs, ANCHORS, SIDE, 0.5)) == 1


def test_a_score_that_is_no_number_is_no_face() -> None:
    assert len(decode_anchors(tensors({5: np.nan}), ANCHORS, SIDE, 0.5)) == 0


@given(st.integers(8, 5000), st.integers(8, 5000))
def test_tiles_cover_the_frame_unless_it_is_nearly_square(width: int, height: int) -> None:
    tiles = square_tiles(width, height)
    side, long = sorted((width, height))
    if not tiles:
        assert long < side * 1.1
        return
    starts = [x if width > height else y for x, y, _, _ in tiles]
    assert all((w, h) == (side, side) for _, _, w, h in tiles)
    assert all(0 <= x <= width - side and 0 <= y <= height - side for x, y, _, _ in tiles)
    assert starts[0] == 0
    assert starts[-1] == long - side
    # Successive tiles share a strip in which a face that is cut by both stands whole in one.
    assert all(0 < after - before <= 0.76 * side + 1 for before, after in pairwise(starts))


@pytest.fixture(scope="module")
def mediapipe(models_dir: Path) -> Finder:
    """The detector of the bundle, loaded once."""
    if not (models_dir / NAME / BUILT).is_file():
        pytest.skip(f"{NAME} is not built: run `kiosk models build --bundle mediapipe`")
    return open_finder(VisionSettings(models_dir=models_dir, bundle="mediapipe"))


@pytest.mark.parametrize("shape", ["as it is", "720p", "4K", "160x120", "portrait", "far away"])
def test_the_face_is_found_in_a_frame_of_any_shape(
    mediapipe: Finder, portrait: Image, shape: str
) -> None:
    frame = shaped(portrait, shape)
    best = max((mediapipe.search(frame) for _ in range(4)), key=len)
    assert len(best) == 1, "the whole frame, or one of the tiles, shows one face"
    x1, y1, x2, y2 = best.boxes[0]
    right, left = best.keypoints[0, 0], best.keypoints[0, 1]
    assert x1 < right[0] < left[0] < x2
    assert y1 < right[1] < y2


@pytest.mark.parametrize("size", [(1, 1), (3, 2000), (2000, 3), (31, 17)])
def test_a_frame_too_small_for_a_face_is_an_empty_one(
    mediapipe: Finder, size: tuple[int, int]
) -> None:
    frame = np.random.default_rng(0).integers(0, 256, (*size, 3), np.uint8)
    assert len(mediapipe.search(frame)) == 0


def test_it_cannot_look_again(mediapipe: Finder) -> None:
    assert not isinstance(mediapipe, NearFinder)


@pytest.mark.parametrize("tiles", [0, 1, 2])
def test_the_whole_frame_is_searched_every_time_and_the_tiles_in_turn(tiles: int) -> None:
    """Each part of the frame has a tone of its own, by which a network knows what it is shown."""
    cards = load_bundle(ROOT / "models_ir", "mediapipe").detector
    frame = np.repeat(np.arange(0, 240, 5, dtype=np.uint8), 20)[None, :, None]
    frame = np.broadcast_to(frame, (320, 960, 3))
    shown: list[int] = []

    def say(image: Image) -> dict[str, Floats]:
        shown.append(int(image[0, 0, 0]))
        cells = cards[0].faces.grid ** 2
        names = cards[0].faces.outputs
        logits = np.full((1, cells, 1), -9, np.float32)
        return {names[0]: np.zeros((1, cells, 16), np.float32), names[1]: logits}

    settings = DetectionSettings(tiles_per_frame=tiles)
    finder = make_finder(cards, PlayedModels({NAME: say}), settings)
    at = {x: int(frame[0, x, 0]) for x, _, _, _ in square_tiles(960, 320)}
    assert len(at) == 4
    turns = [tone for _ in range(8) for tone in at.values()]
    for frames in range(4):
        del shown[:]
        finder.search(frame)
        assert shown[0] == pytest.approx(frame[0, 0, 0], abs=4)
        wanted = turns[frames * tiles : (frames + 1) * tiles]
        assert shown[1:] == pytest.approx(wanted, abs=4)
