"""A frame around a face: four straight edges, also below the chin."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from kiosk.vision.faces import Image
from kiosk.vision.framing import is_framed

FACE = np.array([600, 300, 680, 390], np.float32)
SHELVES = [(360, 60, 900, 70), (360, 60, 370, 600), (900, 60, 910, 600)]


def wall(seed: int = 0) -> Image:
    noise = np.random.default_rng(seed).normal(120, 3, (720, 1280, 3))
    return np.clip(noise, 0, 255).astype(np.uint8)


def screen(image: Image, sides: tuple[int, int, int, int], tilt_deg: float = 0.0) -> Image:
    """A dark frame with a picture in it."""
    x1, y1, x2, y2 = sides
    turn = cv2.getRotationMatrix2D(((x1 + x2) / 2, (y1 + y2) / 2), tilt_deg, 1.0)
    corners = np.array([[x1, y1], [x2, y1], [x2, y2], [x1, y2]]) @ turn[:, :2].T + turn[:, 2]
    cv2.fillPoly(image, [np.round(corners).astype(np.int32)], (30, 26, 24), cv2.LINE_AA)
    inner = (corners - corners.mean(axis=0)) * 0.93 + corners.mean(axis=0)
    cv2.fillPoly(image, [np.round(inner).astype(np.int32)], (90, 150, 190), cv2.LINE_AA)
    return image


def person(image: Image) -> Image:
    """A head and shoulders, which hide what is behind them."""
    cv2.ellipse(image, (640, 345), (46, 62), 0, 0, 360, (140, 160, 200), -1, cv2.LINE_AA)
    cv2.ellipse(image, (640, 560), (130, 150), 0, 0, 360, (60, 40, 50), -1, cv2.LINE_AA)
    return image


@pytest.mark.parametrize(
    "sides",
    [(560, 240, 720, 440), (480, 240, 900, 500), (420, 200, 700, 480), (580, 200, 700, 450)],
    ids=["portrait", "television", "face at its side", "telephone"],
)
@pytest.mark.parametrize("size", [0.4, 1.0, 2.0])
def test_a_face_on_a_screen_is_framed_whatever_its_size(
    sides: tuple[int, int, int, int], size: float
) -> None:
    image = cv2.resize(screen(wall(), sides), None, fx=size, fy=size)
    assert is_framed(np.asarray(image, np.uint8), FACE * np.float32(size))


def test_a_frame_that_hangs_a_little_askew_is_one() -> None:
    assert is_framed(screen(wall(), (520, 240, 760, 440), tilt_deg=1.0), FACE)


def test_a_face_before_a_wall_is_not_framed() -> None:
    assert not is_framed(person(wall()), FACE)


def test_a_person_before_a_frame_hides_its_lower_edge() -> None:
    assert not is_framed(person(screen(wall(), (480, 200, 800, 460))), FACE)
    empty = screen(wall(), (480, 200, 800, 460))
    assert is_framed(empty, FACE)


def test_edges_on_three_sides_are_no_frame() -> None:
    image = wall()
    for x1, y1, x2, y2 in SHELVES:
        cv2.rectangle(image, (x1, y1), (x2, y2), (20, 40, 60), -1)
    assert not is_framed(image, FACE)


def test_the_border_of_the_picture_is_no_edge() -> None:
    image = np.full((200, 180, 3), 200, np.uint8)
    assert not is_framed(image, np.array([50, 60, 130, 150], np.float32))
    assert not is_framed(image, np.array([-30, -40, 60, 50], np.float32))
    assert not is_framed(image, np.array([170, 190, 260, 290], np.float32))


def test_a_face_without_a_size_is_no_reason_to_fail() -> None:
    assert not is_framed(wall(), np.array([100, 100, 100, 100], np.float32))
