"""The default detector on a real face: frames of every shape, borders, and second looks."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from kiosk.config import DetectionSettings, VisionSettings
from kiosk.vision import open_finder
from kiosk.vision.faces import LEFT_EYE, MOUTH, NOSE, RIGHT_EYE, Faces, Floats, Image
from kiosk.vision.finders import Finder
from tests.vision.fakes import overlap
from tests.vision.pictures import shaped

SHAPES = [
    "as it is", "720p", "4K", "160x120", "portrait", "square", "odd", "mirrored view",
    "every other row and column", "transposed twice", "ultra wide", "tower", "far away",
]  # fmt: skip


def one_sound_face(found: Faces, frame: Image) -> Floats:
    """The box of the only face, whose parts stand where a face has them."""
    assert len(found) == 1
    height, width = frame.shape[:2]
    x1, y1, x2, y2 = found.boxes[0]
    right, left, nose, mouth = found.keypoints[0, [RIGHT_EYE, LEFT_EYE, NOSE, MOUTH]]
    assert x1 < right[0] < left[0] < x2
    assert y1 < right[1] < nose[1] < mouth[1] < y2
    assert -0.1 * width < x1 < x2 < 1.1 * width
    assert -0.1 * height < y1 < y2 < 1.1 * height
    assert 0.5 <= found.scores[0] <= 1
    return found.boxes[0]


@pytest.mark.parametrize("shape", SHAPES)
def test_the_face_is_found_in_a_frame_of_any_shape(
    finder: Finder, portrait: Image, shape: str
) -> None:
    frame = shaped(portrait, shape)
    one_sound_face(finder.search(frame), frame)


@pytest.mark.parametrize("shape", SHAPES)
def test_a_second_look_finds_the_face_about_where_the_search_did(
    finder: Finder, portrait: Image, shape: str
) -> None:
    frame = shaped(portrait, shape)
    searched = finder.search(frame)
    again = finder.look_again(frame, searched.boxes)
    box = one_sound_face(again, frame)
    assert overlap(box, searched.boxes[0]) > 0.75
    apart = float(np.hypot(*(searched.keypoints[0, LEFT_EYE] - searched.keypoints[0, RIGHT_EYE])))
    away = again.keypoints[0, :4] - searched.keypoints[0, :4]
    assert np.hypot(*away.T).max() < 0.25 * apart


def test_second_looks_that_follow_each_other_stay_on_the_face(
    finder: Finder, portrait: Image
) -> None:
    searched = finder.search(portrait).boxes
    boxes = searched
    for _ in range(20):
        boxes = finder.look_again(portrait, boxes).boxes
        assert len(boxes) == 1
    assert overlap(boxes[0], searched[0]) > 0.75


@pytest.mark.parametrize("place", [(20, 20, 60, 60), (5, 280, 75, 350), (560, 20, 630, 110)])
def test_a_second_look_where_nobody_is_finds_nobody(
    finder: Finder, portrait: Image, place: tuple[int, ...]
) -> None:
    assert len(finder.look_again(portrait, np.array([place], np.float32))) == 0


def test_a_second_look_after_the_person_left_finds_nobody(finder: Finder, portrait: Image) -> None:
    boxes = finder.search(portrait).boxes
    for tone in (0, 110, 255):
        assert len(finder.look_again(np.full_like(portrait, tone), boxes)) == 0


@pytest.mark.parametrize("size", [(1, 1), (1, 64), (3, 2000), (2000, 3), (31, 17), (120, 160)])
@pytest.mark.parametrize("tone", ["noise", "grey", "white"])
def test_a_frame_without_a_face_is_an_empty_one(
    finder: Finder, size: tuple[int, int], tone: str
) -> None:
    frame = np.random.default_rng(0).integers(0, 256, (*size, 3), np.uint8)
    if tone != "noise":
        frame[:] = 128 if tone == "grey" else 255
    assert len(finder.search(frame)) == 0
    everywhere = np.array([[0, 0, size[1], size[0]]], np.float32)
    assert len(finder.look_again(frame, everywhere)) == 0


@pytest.mark.parametrize(
    "cut",
    [np.s_[:, 400:], np.s_[:, :440], np.s_[160:, :], np.s_[:240, :]],
    ids=["left", "right", "top", "bottom"],
)
def test_a_face_cut_by_the_border_gives_finite_boxes(
    finder: Finder, portrait: Image, cut: tuple[slice, slice]
) -> None:
    frame = portrait[cut]
    found = finder.search(frame)
    assert len(found) <= 1
    again = finder.look_again(frame, found.boxes)
    for faces in (found, again):
        assert np.isfinite(faces.boxes).all()
        assert np.isfinite(faces.keypoints[:, :4]).all()


def test_a_face_that_fills_the_frame_is_found(finder: Finder, portrait: Image) -> None:
    x1, y1, x2, y2 = (int(value) for value in finder.search(portrait).boxes[0])
    tight = portrait[max(0, y1) : y2, x1:x2]
    for frame in (tight, cv2.resize(tight, None, fx=5, fy=5)):
        one_sound_face(finder.search(frame), frame)


def test_faces_are_found_where_the_full_frame_has_them(finder: Finder, portrait: Image) -> None:
    small = finder.search(portrait).boxes[0]
    large = finder.search(cv2.resize(portrait, (2560, 1440))).boxes[0] / 4
    assert overlap(small, large) > 0.9


def test_two_faces_of_unlike_size_are_two_in_a_search_and_in_second_looks(
    finder: Finder, portrait: Image
) -> None:
    frame = np.zeros((720, 1280, 3), np.uint8)
    frame[:360, :640] = portrait
    frame[450:630, 900:1220] = cv2.resize(portrait, (320, 180))
    searched = finder.search(frame)
    assert len(searched) == 2
    again = finder.look_again(frame, searched.boxes)
    assert len(again) == 2
    for box in searched.boxes:
        assert max(overlap(box, other) for other in again.boxes) > 0.75


def test_a_camera_may_change_its_picture_between_two_frames(
    finder: Finder, portrait: Image
) -> None:
    boxes = finder.search(cv2.resize(portrait, (1920, 1080))).boxes
    for shape in ("160x120", "tower", "as it is"):
        frame = shaped(portrait, shape)
        boxes_then = finder.look_again(frame, boxes).boxes
        assert np.isfinite(boxes_then).all()
        boxes = one_sound_face(finder.search(frame), frame)[None]


def test_a_higher_least_score_leaves_the_face_out(
    models_dir, finder: Finder, portrait: Image
) -> None:
    sure = float(finder.search(portrait).scores[0])
    for least, count in ((sure - 0.02, 1), (min(sure + 0.02, 0.999), 0)):
        limits = DetectionSettings(min_score=least)
        told = VisionSettings(models_dir=models_dir, detection=limits)
        assert len(open_finder(told).search(portrait)) == count
