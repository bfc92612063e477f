"""Geometry: upright chips out of leaning faces, at any size and over the border."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kiosk.vision.cards import Crop
from kiosk.vision.faces import LEFT_EYE, RIGHT_EYE, Faces, Floats, Image, chip, face_patch, reach

CROP = Crop(eye_y=0.35, eye_distance=0.4)


def marked(eyes: Floats, size: int = 700) -> Image:
    """A frame with a red spot on the right eye and a green one on the left."""
    radius = max(3.0, float(np.hypot(*(eyes[1] - eyes[0]))) / 12)
    ys, xs = np.mgrid[:size, :size]
    frame = np.zeros((size, size, 3), np.float32)
    for channel, (x, y) in ((2, eyes[0]), (1, eyes[1])):
        frame[..., channel] = 255 * np.exp(-((xs - x) ** 2 + (ys - y) ** 2) / (2 * radius**2))
    return frame.astype(np.uint8)


def spot(image: Image, channel: int) -> Floats:
    weight = image[..., channel].astype(np.float32) ** 2
    ys, xs = np.mgrid[: image.shape[0], : image.shape[1]]
    return np.array([(xs * weight).sum(), (ys * weight).sum()]) / weight.sum()


def points(eyes: Floats) -> Floats:
    keypoints = np.zeros((6, 2), np.float32)
    keypoints[:2] = eyes
    return keypoints


def leaning(roll: float, distance: float, x: float, y: float) -> Floats:
    along = np.array([np.cos(np.radians(roll)), np.sin(np.radians(roll))]) * distance / 2
    middle = np.array([x, y])
    return np.stack([middle - along, middle + along])


def eyes_off(cut: Image, crop: Crop, side: int) -> float:
    """How far the eyes of a chip stand from where the card says, in its pixels."""
    half = crop.eye_distance * side / 2
    return max(
        float(np.hypot(*(spot(cut, channel) - [side / 2 + offset, crop.eye_y * side])))
        for channel, offset in ((2, -half), (1, half))
    )


@settings(max_examples=40, deadline=None)
@given(
    st.floats(-180, 180),
    st.floats(18, 320),
    st.floats(330, 370),
    st.floats(330, 370),
    st.sampled_from([64, 112]),
)
def test_eyes_stand_where_the_card_says_for_any_lean_size_and_place(
    roll: float, distance: float, x: float, y: float, side: int
) -> None:
    eyes = leaning(roll, distance, x, y)
    cut = chip(marked(eyes), points(eyes), CROP, side)
    assert cut.shape == (side, side, 3)
    assert eyes_off(cut, CROP, side) < 1.5


@settings(max_examples=30, deadline=None)
@given(
    st.floats(-40, 40),
    st.floats(60, 250),
    st.floats(150, 690),
    st.floats(150, 690),
    st.floats(16, 60),
)
def test_a_chip_of_a_patch_is_the_chip_of_the_frame(
    roll: float, distance: float, x: float, y: float, eye_px: float
) -> None:
    """What several models look at is cut out of one small copy of the face's surroundings."""
    eyes = leaning(roll, distance, x, y)
    image = cv2.GaussianBlur(marked(eyes, 700) // 2 + 40, (0, 0), 3)
    side = int(eye_px / CROP.eye_distance)
    direct = chip(image, points(eyes), CROP, side)
    patch, moved = face_patch(image, points(eyes), eye_px, reach(CROP))
    apart = float(np.hypot(*(moved[LEFT_EYE] - moved[RIGHT_EYE])))
    assert apart >= 0.95 * min(eye_px, distance), "no detail is lost that a chip shows"
    assert apart < 2.1 * eye_px, "and not much more is kept"
    through = chip(patch, moved, CROP, side)
    assert np.abs(through.astype(int) - direct).mean() < 2


def test_a_patch_reaches_as_far_as_the_chip_whatever_the_lean() -> None:
    frame = np.full((900, 900, 3), 9, np.uint8)
    for roll in range(0, 360, 15):
        eyes = leaning(roll, 60, 450, 450)
        patch, moved = face_patch(frame, points(eyes), 60, reach(CROP))
        height, width = patch.shape[:2]
        middle = moved[:2].mean(axis=0)
        corner = float(np.hypot(0.5, 1 - CROP.eye_y)) / CROP.eye_distance * 60
        assert min(*middle, width - middle[0], height - middle[1]) >= corner - 2


@pytest.mark.parametrize(
    "eyes",
    [
        pytest.param([[0, 0], [0, 0]], id="both eyes on one pixel"),
        pytest.param([[-30, -30], [-10, -30]], id="outside"),
        pytest.param([[-400, 20], [400, 20]], id="wider than the frame"),
        pytest.param([[95, 95], [99, 99]], id="in the corner"),
        pytest.param([[9000, 9000], [9500, 9000]], id="far outside, and large"),
    ],
)
def test_a_chip_is_cut_at_and_over_the_border(eyes: list[list[float]]) -> None:
    frame = np.full((100, 100, 3), 7, np.uint8)
    cut = chip(frame, points(np.array(eyes, np.float32)), CROP, 64)
    assert cut.shape == (64, 64, 3)
    assert (cut == 7).all(), "outside, the border goes on"


@pytest.mark.parametrize("x", [180, 350, 520])
@pytest.mark.parametrize("y", [70, 630])
def test_a_large_face_at_the_border_has_its_eyes_where_the_card_says(x: float, y: float) -> None:
    eyes = leaning(0, 220, x, y)
    assert eyes_off(chip(marked(eyes), points(eyes), CROP, 100), CROP, 100) < 0.6


@pytest.mark.parametrize("distance", [28, 40, 300])
def test_what_is_finer_than_the_pixels_of_a_chip_is_averaged(distance: int) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (900, 900, 3), np.uint8)
    eyes = leaning(0, distance, 450, 450)
    cut = chip(noise, points(eyes), CROP, 32)
    assert cut.std() < 0.5 * noise.std()
    assert cut.mean() == pytest.approx(noise.mean(), abs=4)


def test_faces_are_moved_and_scaled_with_their_keypoints() -> None:
    one = Faces(
        np.array([[10, 20, 30, 60]], np.float32),
        np.array([0.9], np.float32),
        np.full((1, 6, 2), 25, np.float32),
    )
    there = one.scaled(2).moved(5, -7)
    assert there.boxes.tolist() == [[25, 33, 65, 113]]
    assert there.keypoints[0, 3].tolist() == [55, 43]
    assert there.scores is one.scores


def test_faces_of_unequal_lengths_are_refused() -> None:
    none = Faces.none()
    with pytest.raises(ValueError, match=r"\[n,4\], \[n\] and \[n,6,2\]"):
        Faces(np.zeros((1, 4), np.float32), none.scores, none.keypoints)
