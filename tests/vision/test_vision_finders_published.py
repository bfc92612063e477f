"""The detectors of the published systems: their decoding, and all of them on one face."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import pytest

from kiosk.config import DetectionSettings, InferenceSettings
from kiosk.errors import ModelError
from kiosk.vision.cards import Crop, load_bundle
from kiosk.vision.faces import LEFT_EYE, MOUTH, NOSE, RIGHT_EYE, Faces, Image
from kiosk.vision.finders import Finder, NearFinder, make_finder
from kiosk.vision.finders.haar import cascade_scores
from kiosk.vision.finders.mtcnn import (
    Candidates,
    cut_into,
    kept_rows,
    proposals,
    pyramid,
    squares,
)
from kiosk.vision.finders.ssd import decode_rows, place_nose, place_points
from kiosk.vision.finders.tiny_yolo import ANCHORS, decode_cells
from kiosk.vision.finders.typical import typical_keypoints
from kiosk.vision.ir import BUILT
from kiosk.vision.runtime import Runtime
from kiosk.vision.view import head_direction_deg

BUNDLES = ["haar-xception", "mtcnn", "omz", "tiny-yolo"]


def floats(*numbers: object) -> np.ndarray:
    return np.array(numbers, np.float32)


@pytest.fixture(scope="module")
def finder_of(models_dir: Path):
    """A bundle's detector, loaded once."""
    loaded: dict[str, Finder] = {}

    def find(bundle: str) -> Finder:
        if bundle not in loaded:
            cards = load_bundle(models_dir, bundle)
            missing = [
                c.name for c in cards.detector if not (models_dir / c.name / BUILT).is_file()
            ]
            if missing:
                pytest.skip(f"{missing[0]} is not built: run `kiosk models build --bundle all`")
            loaded[bundle] = Runtime(InferenceSettings(), models_dir).on_first_device(
                lambda models: make_finder(cards.detector, models, DetectionSettings())
            )
        return loaded[bundle]

    return find


def overlap(one: np.ndarray, other: np.ndarray) -> float:
    low, high = np.maximum(one[:2], other[:2]), np.minimum(one[2:], other[2:])
    shared = float(np.prod(np.maximum(high - low, 0)))
    areas = [float(np.prod(box[2:] - box[:2])) for box in (one, other)]
    return shared / (sum(areas) - shared)


@pytest.mark.parametrize("bundle", BUNDLES)
def test_each_detector_finds_the_one_face_and_its_eyes(
    bundle: str, finder_of, portrait: Image
) -> None:
    truth: Faces = finder_of("default").search(portrait)
    found: Faces = finder_of(bundle).search(portrait)
    assert len(truth) == 1
    assert len(found) == 1
    assert overlap(found.boxes[0], truth.boxes[0]) > 0.4
    eyes, true_eyes = (one.keypoints[0, [RIGHT_EYE, LEFT_EYE]] for one in (found, truth))
    apart = float(np.hypot(*(true_eyes[1] - true_eyes[0])))
    assert np.hypot(*(eyes - true_eyes).T).max() < 0.45 * apart
    assert np.isfinite(found.keypoints[0, [NOSE, MOUTH]]).all()
    yaw, pitch = head_direction_deg(found.keypoints[0])
    assert abs(yaw) < 40
    assert abs(pitch) < 40


@pytest.mark.parametrize("bundle", BUNDLES)
def test_each_detector_moves_its_face_with_the_picture_and_finds_none_in_noise(
    bundle: str, finder_of, portrait: Image
) -> None:
    finder: Finder = finder_of(bundle)
    (before,) = finder.search(portrait).boxes
    wide = np.zeros((portrait.shape[0] + 40, portrait.shape[1] + 60, 3), np.uint8)
    wide[40:, 60:] = portrait
    found = finder.search(wide)
    best = max(found.boxes, key=lambda box: overlap(box - [60, 40, 60, 40], before))
    assert overlap(best - [60, 40, 60, 40], before) > 0.6
    noise = np.random.default_rng(0).integers(100, 140, (240, 320, 3), np.uint8)
    assert len(finder.search(noise)) == 0
    assert not isinstance(finder, NearFinder)


def test_ssd_rows_end_at_the_first_picture_below_zero() -> None:
    rows = np.zeros((1, 1, 5, 7), np.float32)
    rows[0, 0, 0] = [0, 1, 0.9, 0.1, 0.2, 0.3, 0.6]
    rows[0, 0, 1] = [0, 1, 0.4, 0.1, 0.2, 0.3, 0.6]
    rows[0, 0, 2] = [0, 1, np.nan, 0.1, 0.2, 0.3, 0.6]
    rows[0, 0, 3] = [-1, 0, 0, 0, 0, 0, 0]
    rows[0, 0, 4] = [0, 1, 0.9, 0.5, 0.5, 0.6, 0.6]
    boxes, scores = decode_rows({"out": rows}, "out", 0.5)
    assert boxes.tolist() == [pytest.approx([0.1, 0.2, 0.3, 0.6])]
    assert scores.tolist() == [pytest.approx(0.9)]


@pytest.mark.parametrize(
    "outputs", [{}, {"out": np.zeros((1, 1, 5, 6), np.float32)}], ids=["none", "six numbers"]
)
def test_ssd_rows_of_another_shape_are_a_sentence(outputs: dict[str, np.ndarray]) -> None:
    with pytest.raises(ModelError, match="are not what its card says"):
        decode_rows(outputs, "out", 0.5)


def test_points_in_shares_of_a_box_become_keypoints() -> None:
    keypoints = np.full((6, 2), np.nan, np.float32)
    shares = floats(0.3, 0.4, 0.7, 0.4, 0.5, 0.6, 0.35, 0.8, 0.65, 0.8)
    place_points(shares, floats(100, 200, 200, 400), keypoints)
    assert keypoints[:4] == pytest.approx(floats([130, 280], [170, 280], [150, 320], [150, 360]))
    assert np.isnan(keypoints[4:]).all()


@pytest.mark.parametrize(("yaw", "pitch"), [(0, 0), (25, 0), (-40, 10), (10, -20)])
def test_the_angles_of_a_model_are_where_the_head_then_points(yaw: float, pitch: float) -> None:
    keypoints = typical_keypoints(floats([0, 0, 100, 130]), Crop(eye_y=0.4, eye_distance=0.44))[0]
    place_nose(yaw, pitch, keypoints)
    assert head_direction_deg(keypoints) == pytest.approx((yaw, pitch), abs=0.5)


def test_a_typical_face_looks_at_the_camera_with_eyes_where_they_are_said_to_stand() -> None:
    keypoints = typical_keypoints(floats([10, 20, 110, 150]), Crop(eye_y=0.4, eye_distance=0.44))[0]
    assert keypoints[RIGHT_EYE] == pytest.approx([38, 72])
    assert keypoints[LEFT_EYE] == pytest.approx([82, 72])
    assert head_direction_deg(keypoints) == pytest.approx((0, 0), abs=0.5)


def test_a_yolo_cell_is_its_anchor_around_its_middle() -> None:
    cells = np.full((1, 13, 13, 25), -20, np.float32)
    cells[0, 3, 5, 10:15] = [0, 0, 0, 0, 2]
    cells[0, 9, 9, 0:5] = [0, 0, np.inf, 0, 2]
    boxes, scores = decode_cells({"cells": cells}, "cells", 0.5)
    half = ANCHORS[2] / 26
    middle = np.array([5.5, 3.5]) / 13
    assert boxes == pytest.approx(floats([*(middle - half), *(middle + half)]), abs=1e-6)
    assert scores == pytest.approx([1 / (1 + np.exp(-2))])
    with pytest.raises(ModelError, match="are not what its card says"):
        decode_cells({"cells": cells[..., :24]}, "cells", 0.5)


def test_the_pyramid_begins_at_the_least_face_and_ends_at_the_short_side() -> None:
    scales = pyramid(360, 640, 24)
    assert scales[0] == pytest.approx(0.5)
    assert np.divide(scales[1:], scales[:-1]) == pytest.approx(0.709)
    assert scales[-1] * 360 >= 12 > scales[-1] * 0.709 * 360
    assert pyramid(20, 20, 24) == []


def test_a_proposal_is_its_cell_moved_by_shares_of_it() -> None:
    faces = np.zeros((1, 4, 5, 2), np.float32)
    offsets = np.zeros((1, 4, 5, 4), np.float32)
    faces[0, 2, 3] = [0.1, 0.9]
    offsets[0, 2, 3] = [0.1, 0, -0.1, 0]
    found = proposals({"boxes": offsets, "faces": faces}, ["boxes", "faces"], 0.6)
    assert found.boxes == pytest.approx(floats([7 + 1.1, 5, 18 - 1.1, 16]))
    assert found.scores == pytest.approx([0.9])
    with pytest.raises(ModelError, match="are not what the card says"):
        proposals({"boxes": offsets}, ["boxes", "faces"], 0.6)


@pytest.mark.parametrize(
    ("most", "of_smaller", "expected"),
    [(0.5, False, [1, 2, 0]), (0.2, False, [1, 2]), (0.5, True, [1, 2])],
)
def test_of_overlapping_candidates_the_best_stay(
    most: float, of_smaller: bool, expected: list[int]
) -> None:
    boxes = floats([0, 0, 10, 20], [0, 0, 10, 50], [200, 0, 210, 10])
    found = Candidates(boxes, floats(0.7, 0.9, 0.8))
    assert kept_rows(found, most, of_smaller).tolist() == expected


def test_a_square_keeps_the_middle_and_the_longer_side() -> None:
    assert squares(floats([10, 10, 20, 40])).tolist() == [[0, 10, 30, 40]]


def test_what_lies_beyond_the_frame_is_grey() -> None:
    frame = np.full((40, 40, 3), 255, np.uint8)
    target = np.zeros((10, 10, 3), np.uint8)
    cut_into(frame, floats(-20, -20, 20, 20), target)
    assert (target[6:, 6:] == 255).all()
    assert (target[:4, :4] == 127).all()
    cut_into(frame, floats(100, 100, 120, 120), target)
    assert (target == 127).all()


def test_a_cascades_sums_become_rising_scores_between_nought_and_one() -> None:
    scores = cascade_scores(floats(-50, 0, 2.2, 5, 50))
    assert (np.diff(scores) > 0).all()
    assert scores[2] == pytest.approx(0.5)
    assert 0 <= scores[0] < 0.01
    assert 0.99 < scores[4] <= 1


def test_mtcnn_does_not_drown_in_texture(finder_of) -> None:
    finder: Finder = finder_of("mtcnn")
    texture = np.random.default_rng(0).integers(0, 256, (45, 80, 3), np.uint8)
    frame = texture.repeat(8, 0).repeat(8, 1)
    finder.search(frame)
    begun = time.perf_counter()
    finder.search(frame)
    assert time.perf_counter() - begun < 5
