"""Geometry: upright chips out of leaning faces, and where a head points."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kiosk.config import LookingSettings
from kiosk.vision.cards import Crop
from kiosk.vision.faces import Faces, Floats, Image, chip, head_direction_deg

CROP = Crop(eye_y=0.35, eye_distance=0.4)
LIMIT = LookingSettings()


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
    along = np.array([np.cos(np.radians(roll)), np.sin(np.radians(roll))]) * distance / 2
    middle = np.array([x, y])
    eyes = np.stack([middle - along, middle + along])
    cut = chip(marked(eyes), points(eyes), CROP, side)
    assert cut.shape == (side, side, 3)
    half = CROP.eye_distance * side / 2
    for channel, offset in ((2, -half), (1, half)):
        wanted = [side / 2 + offset, CROP.eye_y * side]
        assert np.hypot(*(spot(cut, channel) - wanted)) < 1.5


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


def test_a_large_face_is_shrunk_without_aliasing() -> None:
    stripes = np.zeros((900, 900, 3), np.uint8)
    stripes[:, ::2] = 255
    eyes = np.array([[300, 450], [600, 450]], np.float32)
    cut = chip(stripes, points(eyes), CROP, 32)
    assert np.ptp(cut.astype(int)) < 20, "stripes finer than the chip's pixels become grey"


def head(yaw: float, pitch: float = 0.0, roll: float = 0.0, scale: float = 40.0) -> Floats:
    """Six keypoints of a rigid head under a parallel projection, in the unit of half an ear span.

    Eyes at ear height, forward; the nose tip is deep before the ears and a little below them.
    """
    depth = 2 / 1.2
    solid = np.array(
        [
            [-0.45, -0.2, 1.3],
            [0.45, -0.2, 1.3],
            [0, 0.2, depth],
            [0, 0.7, 1.3],
            [-1, 0, 0],
            [1, 0, 0],
        ]
    )
    a, b, c = np.radians([yaw, pitch, roll])
    turn_y = np.array([[np.cos(a), 0, np.sin(a)], [0, 1, 0], [-np.sin(a), 0, np.cos(a)]])
    turn_x = np.array([[1, 0, 0], [0, np.cos(b), np.sin(b)], [0, -np.sin(b), np.cos(b)]])
    turn_z = np.array([[np.cos(c), -np.sin(c), 0], [np.sin(c), np.cos(c), 0], [0, 0, 1]])
    seen = solid @ (turn_z @ turn_x @ turn_y).T
    return np.asarray(seen[:, :2] * scale + 300, np.float32)


def test_a_frontal_head_points_at_the_camera() -> None:
    assert head_direction_deg(head(0)) == pytest.approx((0, 0), abs=1)


@given(st.floats(5, 60), st.floats(-20, 20), st.floats(15, 150))
def test_a_turn_is_measured_and_is_the_same_to_both_sides(
    yaw: float, roll: float, scale: float
) -> None:
    left, _ = head_direction_deg(head(yaw, roll=roll, scale=scale))
    right, _ = head_direction_deg(head(-yaw, roll=-roll, scale=scale))
    assert left == pytest.approx(yaw, abs=6), "positive is to the person's left"
    assert right == pytest.approx(-left, abs=1e-2)


@pytest.mark.parametrize("pitch", [-35, -20, 20, 35])
def test_a_tilt_has_its_sign(pitch: float) -> None:
    yaw, found = head_direction_deg(head(0, pitch))
    assert yaw == pytest.approx(0, abs=1)
    assert found * pitch > 0
    assert abs(found) == pytest.approx(abs(pitch), abs=12)


@pytest.mark.parametrize("yaw", [-120, -90, -75, 75, 90, 120])
def test_a_profile_looks_away(yaw: float) -> None:
    found, _ = head_direction_deg(head(yaw))
    assert abs(found) > LIMIT.max_yaw_deg
    assert found * yaw > 0 or abs(yaw) > 90, "from behind, left and right are not told apart"


def test_a_real_face_that_looks_into_the_lens_is_looking(detector, portrait: Image) -> None:
    (points_,) = detector.detect(portrait).keypoints
    yaw, pitch = head_direction_deg(points_)
    assert abs(yaw) < LIMIT.max_yaw_deg
    assert abs(pitch) < LIMIT.max_pitch_deg
    mirrored = cv2.flip(portrait, 1)
    (points_,) = detector.detect(mirrored).keypoints
    assert head_direction_deg(points_)[0] == pytest.approx(-yaw, abs=6)


def test_faces_of_unequal_lengths_are_refused() -> None:
    none = Faces.none()
    with pytest.raises(ValueError, match=r"\[n,4\], \[n\] and \[n,6,2\]"):
        Faces(np.zeros((1, 4), np.float32), none.scores, none.keypoints)
