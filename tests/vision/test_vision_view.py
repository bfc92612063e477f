"""Where a head points, with ears and without, and how well a face is seen."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kiosk.config import AttributeSettings, LookingSettings
from kiosk.vision.faces import Floats, Image
from kiosk.vision.finders import Finder
from kiosk.vision.view import face_sharpness, head_direction_deg, sharpness, view_quality

LIMIT = LookingSettings()
GOOD = AttributeSettings()


def turned(solid: Floats, yaw: float, pitch: float, roll: float, scale: float) -> Floats:
    """Points of a rigid head under a parallel projection."""
    a, b, c = np.radians([yaw, pitch, roll])
    turn_y = np.array([[np.cos(a), 0, np.sin(a)], [0, 1, 0], [-np.sin(a), 0, np.cos(a)]])
    turn_x = np.array([[1, 0, 0], [0, np.cos(b), np.sin(b)], [0, -np.sin(b), np.cos(b)]])
    turn_z = np.array([[np.cos(c), -np.sin(c), 0], [np.sin(c), np.cos(c), 0], [0, 0, 1]])
    seen = solid @ (turn_z @ turn_x @ turn_y).T
    return np.asarray(seen[:, :2] * scale + 300, np.float32)


def head(yaw: float, pitch: float = 0.0, roll: float = 0.0, scale: float = 40.0) -> Floats:
    """Six keypoints, in the unit of half an ear span.

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
    return turned(solid, yaw, pitch, roll, scale)


def face(yaw: float, pitch: float = 0.0, roll: float = 0.0, scale: float = 60.0) -> Floats:
    """Keypoints without ears, in centimetres: pupils 6.2 apart, mouth 6.5 below, nose 3 before."""
    solid = np.array([[-3.1, 0, 0], [3.1, 0, 0], [0, 0.58 * 6.5, 3.1], [0, 6.5, 0]]) / 6.2
    found = np.full((6, 2), np.nan, np.float32)
    found[:4] = turned(solid, yaw, pitch, roll, scale)
    return found


BOTH = pytest.mark.parametrize("of", [head, face], ids=["with ears", "without ears"])


@BOTH
def test_a_frontal_head_points_at_the_camera(of) -> None:
    assert head_direction_deg(of(0)) == pytest.approx((0, 0), abs=1)


@BOTH
@given(st.floats(5, 60), st.floats(-20, 20), st.floats(15, 150))
def test_a_turn_is_measured_and_is_the_same_to_both_sides(
    of, yaw: float, roll: float, scale: float
) -> None:
    left, _ = head_direction_deg(of(yaw, roll=roll, scale=scale))
    right, _ = head_direction_deg(of(-yaw, roll=-roll, scale=scale))
    # Without ears, the distance of the eyes is all that there is to compare with: it shrinks, too.
    assert left == pytest.approx(yaw, abs=6 if of is head else 14)
    assert right == pytest.approx(-left, abs=1e-2)


@BOTH
@given(st.floats(-60, 55), st.floats(1, 5))
def test_who_turns_further_is_measured_further(of, yaw: float, more: float) -> None:
    assert head_direction_deg(of(yaw + more))[0] > head_direction_deg(of(yaw))[0]


@BOTH
@pytest.mark.parametrize("pitch", [-35, -20, 20, 35])
def test_a_tilt_has_its_sign(of, pitch: float) -> None:
    yaw, found = head_direction_deg(of(0, pitch))
    assert yaw == pytest.approx(0, abs=1)
    assert found * pitch > 0
    assert abs(found) == pytest.approx(abs(pitch), abs=12)


@BOTH
@pytest.mark.parametrize(
    ("yaw", "pitch", "looks"),
    [(0, 0, True), (15, 5, True), (-18, -5, True), (45, 0, False), (-50, 0, False), (0, 45, False)],
)
def test_a_head_looks_at_the_screen_up_to_the_set_turn(
    of, yaw: float, pitch: float, looks: bool
) -> None:
    aside, down = head_direction_deg(of(yaw, pitch))
    assert (abs(aside) <= LIMIT.max_yaw_deg and abs(down) <= LIMIT.max_pitch_deg) == looks


@pytest.mark.parametrize("yaw", [-120, -90, -75, 75, 90, 120])
def test_a_profile_looks_away(yaw: float) -> None:
    found, _ = head_direction_deg(head(yaw))
    assert abs(found) > LIMIT.max_yaw_deg
    assert found * yaw > 0 or abs(yaw) > 90, "from behind, left and right are not told apart"


@pytest.mark.parametrize("yaw", [-85, -75, 75, 85])
def test_a_profile_without_ears_looks_away(yaw: float) -> None:
    found, _ = head_direction_deg(face(yaw))
    assert found * yaw > 0
    assert abs(found) > LIMIT.max_yaw_deg


@pytest.mark.parametrize("missing", [[2], [3], [0, 1], [0, 1, 2, 3]])
def test_a_face_with_a_point_missing_has_a_direction_that_is_a_number(missing: list[int]) -> None:
    points = face(30)
    points[missing] = np.nan
    assert np.isfinite(head_direction_deg(points)).all()


def test_points_that_are_all_one_have_a_direction_that_is_a_number() -> None:
    for ears in (np.nan, 5.0):
        points = np.full((6, 2), 5.0, np.float32)
        points[4:] = ears
        assert np.isfinite(head_direction_deg(points)).all()


def test_a_real_face_that_looks_into_the_lens_is_looking(finder: Finder, portrait: Image) -> None:
    (seen,) = finder.search(portrait).keypoints
    yaw, pitch = head_direction_deg(seen)
    assert abs(yaw) < LIMIT.max_yaw_deg
    assert abs(pitch) < LIMIT.max_pitch_deg
    (seen,) = finder.search(cv2.flip(portrait, 1)).keypoints
    assert head_direction_deg(seen)[0] == pytest.approx(-yaw, abs=6)


def quality(image: Image, keypoints: Floats) -> float:
    sharp = face_sharpness(image, keypoints)
    return view_quality(keypoints, sharp, GOOD.good_eye_distance_px, GOOD.good_sharpness)


@pytest.fixture(scope="module")
def seen(finder: Finder, portrait: Image) -> Floats:
    """Keypoints of the portrait."""
    return finder.search(portrait).keypoints[0]


def test_the_portrait_is_seen_well(portrait: Image, seen: Floats) -> None:
    assert 0.5 < quality(portrait, seen) <= 1


def test_a_face_is_seen_the_worse_the_smaller_it_is(portrait: Image, seen: Floats) -> None:
    found = []
    for share in (0.5, 0.2, 0.12, 0.06, 0.03):
        small = cv2.resize(portrait, None, fx=share, fy=share, interpolation=cv2.INTER_AREA)
        found.append(round(quality(small, seen * share), 3))
    assert found == sorted(found, reverse=True)
    assert found[0] > 4 * found[-1] > 0


def test_a_face_is_seen_the_worse_the_more_it_is_blurred(portrait: Image, seen: Floats) -> None:
    blurred = [cv2.GaussianBlur(portrait, (0, 0), sigma) for sigma in (4, 8, 16)]
    found = [quality(image, seen) for image in (portrait, *blurred)]
    assert found == sorted(found, reverse=True)
    assert found[-1] < 0.5 * found[0]


def test_light_hardly_changes_how_sharp_a_face_is(portrait: Image) -> None:
    dim = np.asarray(portrait * 0.4, np.uint8)
    assert sharpness(dim) == pytest.approx(sharpness(portrait), rel=0.15)


def test_a_head_is_seen_the_worse_the_more_it_turns() -> None:
    noise = np.random.default_rng(0).integers(0, 256, (600, 600, 3), np.uint8)
    found = [quality(noise, face(yaw)) for yaw in (0, 20, 40, 60, 75)]
    assert found[0] == pytest.approx(1, abs=0.01)
    assert found == sorted(found, reverse=True)
    assert found[2] == pytest.approx(0.6, abs=0.25)
    assert found[-1] < 0.2


@pytest.mark.parametrize("tone", [0, 128, 255])
def test_a_face_without_any_detail_is_seen_as_badly_as_can_be(tone: int) -> None:
    flat = np.full((600, 600, 3), tone, np.uint8)
    assert quality(flat, face(0)) == pytest.approx(1e-3)


def test_a_face_outside_the_frame_has_a_quality_that_is_a_number() -> None:
    noise = np.random.default_rng(0).integers(0, 256, (60, 60, 3), np.uint8)
    assert 0 < quality(noise, face(0)) <= 1
