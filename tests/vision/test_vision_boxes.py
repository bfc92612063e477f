"""What every detector needs: one face per group of boxes, frames fitted into an input."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kiosk.vision.faces import Faces, Image, shrunk
from kiosk.vision.finders.boxes import fit, join, suppress
from tests.vision.fakes import overlap
from tests.vision.fakes import some_faces as faces

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


def test_a_low_overlap_makes_one_face_of_two_but_does_not_average_them() -> None:
    after = suppress(faces([(0, 0, 100, 100), (50, 0, 150, 100)], [0.9, 0.8]), 0.2)
    np.testing.assert_allclose(after.boxes, [[0, 0, 100, 100]], atol=1e-4)


def test_keypoints_that_a_detector_does_not_give_stay_unknown() -> None:
    found = faces([(0, 0, 100, 100), (4, 0, 104, 100), (300, 0, 400, 100)])
    found.keypoints[:, 4:] = np.nan
    after = suppress(found, 0.4)
    assert len(after) == 2
    assert np.isnan(after.keypoints[:, 4:]).all()
    assert np.isfinite(after.keypoints[:, :4]).all()


@pytest.mark.parametrize("counts", [(), (0,), (0, 0), (2,), (1, 0, 3)])
def test_parts_are_joined_in_order(counts: tuple[int, ...]) -> None:
    parts = [
        faces([(10 * place + n, 0, 99, 99) for n in range(count)])
        for place, count in enumerate(counts)
    ]
    joined = join(parts)
    wanted = [10 * place + n for place, count in enumerate(counts) for n in range(count)]
    assert joined.boxes[:, 0].tolist() == wanted
    assert isinstance(joined, Faces)


@given(st.integers(1, 300), st.integers(1, 300), st.integers(32, 96), st.integers(32, 96))
def test_a_frame_fills_its_canvas_along_one_side_and_is_black_beside(
    width: int, height: int, wide: int, tall: int
) -> None:
    canvas = np.full((tall, wide, 3), 77, np.uint8)
    zoom = fit(np.full((height, width, 3), 200, np.uint8), canvas)
    assert zoom == pytest.approx(min(wide / width, tall / height))
    drawn = (canvas == 200).all(axis=2)
    rows, columns = int(drawn[:, 0].sum()), int(drawn[0].sum())
    assert rows == tall or columns == wide
    assert rows == pytest.approx(max(1, height * zoom), abs=0.51)
    assert columns == pytest.approx(max(1, width * zoom), abs=0.51)
    assert drawn[:rows, :columns].all()
    assert not canvas[rows:].any()
    assert not canvas[:, columns:].any()


def test_what_was_in_the_canvas_before_is_gone() -> None:
    canvas = np.zeros((64, 64, 3), np.uint8)
    fit(np.full((64, 20, 3), 250, np.uint8), canvas)
    fit(np.full((20, 64, 3), 50, np.uint8), canvas)
    assert set(np.unique(canvas)) == {0, 50}


def gradient(width: int, height: int) -> Image:
    x = np.linspace(0, 250, width)[None, :, None]
    y = np.linspace(0, 1, height)[:, None, None]
    return np.asarray(np.broadcast_to(x * y, (height, width, 3)), np.uint8)


@pytest.mark.parametrize("ratio", [0.5, 1, 1.7, 2, 2.4, 3.9, 4, 5.3, 9.7])
def test_a_shrunk_picture_shows_the_same_at_any_ratio(ratio: float) -> None:
    size = (round(96 * ratio), round(64 * ratio))
    small = shrunk(gradient(*size), 96, 64)
    assert small.shape == (64, 96, 3)
    assert np.abs(small.astype(int) - gradient(96, 64)).max() <= 8


@pytest.mark.parametrize("ratio", [2, 3, 3.9])
def test_stripes_finer_than_a_pixel_become_grey(ratio: float) -> None:
    stripes = np.zeros((round(64 * ratio), round(64 * ratio), 3), np.uint8)
    stripes[:, ::2] = 255
    small = shrunk(stripes, 64, 64).astype(int)
    assert np.ptp(small) < 40
    assert abs(small.mean() - 127) < 6
