"""Boxes out of tensors, one box per face, windows over the whole frame, and real faces."""

from __future__ import annotations

from itertools import pairwise

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kiosk.config import DetectionSettings
from kiosk.errors import ModelError
from kiosk.vision.cards import Anchors
from kiosk.vision.detect import Detector, decode_anchors, square_tiles, suppress
from kiosk.vision.faces import Faces, Floats, Image, halved

GRID, SIDE = 4, 192
ANCHORS = Anchors(grid=GRID, boxes="b", scores="s", keypoints=list("abcdef"))


def tensors(logits: dict[int, float], box: tuple[float, ...] = (0, 0, 48, 24)) -> dict[str, Floats]:
    raw = np.zeros((1, GRID * GRID, 16), np.float32)
    raw[..., :4] = box
    scores = np.full((1, GRID * GRID, 1), -9, np.float32)
    for cell, logit in logits.items():
        scores[0, cell] = logit
    return {"b": raw, "s": scores}


def faces(boxes: list[tuple[float, ...]], scores: list[float]) -> Faces:
    xyxy = np.asarray(boxes, np.float32).reshape(-1, 4)
    points = np.repeat(xyxy[:, None, :2], 6, axis=1)
    return Faces(xyxy, np.asarray(scores, np.float32), points)


def overlap(a: Floats, b: Floats) -> float:
    side = np.clip(np.minimum(a[2:], b[2:]) - np.maximum(a[:2], b[:2]), 0, None)
    shared = float(side.prod())
    return shared / float((a[2:] - a[:2]).prod() + (b[2:] - b[:2]).prod() - shared)


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


corner, length = st.floats(-50, 300, width=32), st.floats(0, 200, width=32)
boxes = st.tuples(corner, corner, length, length).map(
    lambda b: (b[0], b[1], b[0] + b[2], b[1] + b[3])
)
groups = st.lists(st.tuples(boxes, st.floats(0.0625, 1, width=32)), max_size=25)


@given(groups, st.floats(0.0625, 1, width=32))
def test_suppression_leaves_the_best_first_and_none_that_overlaps(found, iou: float) -> None:
    before = faces([box for box, _ in found], [score for _, score in found])
    after = suppress(before, iou)
    assert len(after) <= len(before)
    assert (len(after) > 0) == (len(before) > 0)
    assert list(after.scores) == sorted(after.scores, reverse=True)
    assert set(after.scores.tolist()) <= set(before.scores.tolist())
    assert np.isfinite(after.boxes).all()
    for i, one in enumerate(after.boxes):
        for other in after.boxes[i + 1 :]:
            if (other[2:] - other[:2]).min() > 0.01 and (one[2:] - one[:2]).min() > 0.01:
                assert overlap(one, other) <= iou + 1e-3


def test_two_looks_at_one_face_are_averaged_by_their_scores() -> None:
    after = suppress(faces([(0, 0, 100, 100), (10, 0, 110, 100)], [0.9, 0.3]), 0.4)
    np.testing.assert_allclose(after.boxes, [[2.5, 0, 102.5, 100]], atol=1e-4)
    np.testing.assert_allclose(after.keypoints[0, 3], [2.5, 0], atol=1e-4)
    np.testing.assert_allclose(after.scores, [0.9], atol=1e-6)


def test_a_part_of_a_better_box_is_the_same_face() -> None:
    after = suppress(faces([(0, 0, 100, 100), (60, 60, 90, 90)], [0.9, 0.8]), 0.4)
    np.testing.assert_allclose(after.boxes, [[0, 0, 100, 100]], atol=1e-4)


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


@pytest.mark.parametrize(
    ("size", "factor"), [((640, 360), 1), ((768, 384), 2), ((1281, 721), 2), ((3840, 2160), 8)]
)
def test_a_frame_is_halved_while_its_tiles_stay_sharp(size: tuple[int, int], factor: int) -> None:
    frame = np.zeros((size[1], size[0], 3), np.uint8)
    small, by = halved(frame, min(size), SIDE)
    assert by == factor
    assert by == 1 or min(small.shape[:2]) >= SIDE
    assert small.shape[:2] == (size[1] // by, size[0] // by)


def shaped(portrait: Image, shape: str) -> Image:
    height, width = portrait.shape[:2]
    return {
        "720p": lambda: cv2.resize(portrait, (1280, 720)),
        "4K": lambda: cv2.resize(portrait, (3840, 2160)),
        "160x120": lambda: cv2.resize(portrait[:, 80:560], (160, 120)),
        "portrait": lambda: np.pad(cv2.resize(portrait, (720, 405)), ((300, 575), (0, 0), (0, 0))),
        "square": lambda: portrait[:, 240:600],
        "odd": lambda: cv2.resize(portrait, (1021, 577)),
        "mirrored view": lambda: portrait[:, ::-1],
        "every other row and column": lambda: cv2.resize(portrait, (1280, 720))[::2, ::2],
        "transposed twice": lambda: np.asfortranarray(portrait),
        "far away": lambda: np.pad(
            cv2.resize(portrait, (width // 2, height // 2)), ((300, 240), (500, 460), (0, 0))
        ),
    }[shape]()


@pytest.mark.parametrize(
    "shape",
    [
        "720p", "4K", "160x120", "portrait", "square", "odd", "mirrored view",
        "every other row and column", "transposed twice", "far away",
    ],
)  # fmt: skip
def test_the_face_is_found_in_a_frame_of_any_shape(
    detector: Detector, portrait: Image, shape: str
) -> None:
    frame = shaped(portrait, shape)
    found = [detector.detect(frame) for _ in range(4)]
    best = max(found, key=len)
    assert len(best) == 1, "the whole frame, or one of the tiles, shows one face"
    height, width = frame.shape[:2]
    right, left = best.keypoints[0, 0], best.keypoints[0, 1]
    x1, y1, x2, y2 = best.boxes[0]
    assert x1 < right[0] < left[0] < x2
    assert y1 < right[1] < y2
    assert -0.1 * width < x1 < x2 < 1.1 * width
    assert -0.1 * height < y1 < y2 < 1.1 * height


@pytest.mark.parametrize("size", [(1, 1), (3, 2000), (2000, 3), (31, 17)])
def test_a_frame_too_small_for_a_face_is_an_empty_one(
    detector: Detector, size: tuple[int, int]
) -> None:
    frame = np.random.default_rng(0).integers(0, 256, (*size, 3), np.uint8)
    assert len(detector.detect(frame)) == 0


@pytest.mark.parametrize(
    "cut",
    [np.s_[:, 400:], np.s_[:, :440], np.s_[160:, :], np.s_[:240, :]],
    ids=["left", "right", "top", "bottom"],
)
def test_a_face_cut_by_the_border_gives_finite_boxes(
    detector: Detector, portrait: Image, cut: tuple[slice, slice]
) -> None:
    found = detector.detect(portrait[cut])
    assert len(found) <= 1
    assert np.isfinite(found.boxes).all()
    assert np.isfinite(found.keypoints).all()


def test_faces_are_found_where_the_full_frame_has_them(detector: Detector, portrait: Image) -> None:
    small = detector.detect(portrait).boxes[0]
    large = detector.detect(cv2.resize(portrait, (2560, 1440))).boxes[0] / 4
    assert overlap(small, large) > 0.9


def test_faces_narrower_than_the_setting_are_left_out(detector: Detector, portrait: Image) -> None:
    wide = float(np.diff(detector.detect(portrait).boxes[0, [0, 2]])[0])
    strict = Detector(
        detector._network, _Carded(detector._anchors), DetectionSettings(min_face_px=int(wide) + 9)
    )
    assert len(strict.detect(portrait)) == 0


class _Carded:
    """The two facts that a detector takes from its card."""

    name = "faces"

    def __init__(self, anchors: Anchors) -> None:
        self.anchors = anchors
        self.input = type("Input", (), {"width_px": SIDE})
