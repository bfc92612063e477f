"""The camera's own motion: measured on what is behind people, not on people."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from kiosk.vision.faces import Floats, Image
from kiosk.vision.steady import Steady

NOBODY = np.zeros((0, 4), np.float32)


def shop(seed: int = 3) -> Image:
    """Shelves: boxes of every colour, a little larger than a frame."""
    random = np.random.default_rng(seed)
    image = np.full((760, 1320, 3), 150, np.uint8)
    for _ in range(160):
        x, y = (int(random.integers(0, side)) for side in (1300, 740))
        wide, tall = (int(side) for side in random.integers(20, 90, 2))
        colour = tuple(int(c) for c in random.integers(30, 230, 3))
        cv2.rectangle(image, (x, y), (x + wide, y + tall), colour, -1)
    return np.asarray(cv2.GaussianBlur(image, (0, 0), 1.2), np.uint8)


SHOP = shop()


def shot(x: float, y: float, *, light: float = 1.0, noise: float = 0.0, seed: int = 0) -> Image:
    """What a camera sees that was moved by so many pixels."""
    matrix = np.array([[1, 0, x - 20], [0, 1, y - 20]], np.float32)
    image = cv2.warpAffine(SHOP, matrix, (1280, 720), flags=cv2.INTER_LINEAR).astype(np.float32)
    image = image * light + np.random.default_rng(seed).normal(0, noise or 1e-6, image.shape)
    return np.clip(image, 0, 255).astype(np.uint8)


def person(image: Image, x: int) -> tuple[Image, Floats]:
    """Somebody who stands there, and the box of the face."""
    image = image.copy()
    cv2.ellipse(image, (x, 300), (60, 80), 0, 0, 360, (140, 160, 210), -1)
    cv2.ellipse(image, (x, 620), (170, 240), 0, 0, 360, (40, 30, 90), -1)
    return image, np.array([[x - 60, 240, x + 60, 370]], np.float32)


@pytest.mark.parametrize("light", [1.0, 0.8])
def test_small_motions_of_the_camera_are_measured_whatever_light_and_noise(light: float) -> None:
    steady = Steady()
    steady.shift_px(shot(0, 0, noise=4), NOBODY)
    for number, (x, y) in enumerate([(0.5, 0), (-1.2, 0.7), (1.5, -1.5), (0, 0.3)]):
        found = steady.shift_px(shot(x, y, light=light, noise=4, seed=number + 1), NOBODY)
        assert found.tolist() == pytest.approx([x, y], abs=0.25)


def test_a_camera_that_sinks_is_followed_far() -> None:
    steady = Steady()
    for step in range(31):
        found = steady.shift_px(shot(0, step / 2), NOBODY)
    assert found.tolist() == pytest.approx([0, 15], abs=1.0)


def test_who_walks_by_does_not_move_the_camera() -> None:
    steady = Steady()
    for x in range(200, 1100, 30):
        found = steady.shift_px(*person(shot(0, 0), x))
        assert np.abs(found).max() < 0.2
    for x in range(200, 1100, 30):
        found = steady.shift_px(person(shot(0, 0), x)[0], NOBODY)
        assert np.abs(found).max() < 0.3, "also while nobody's face is seen"


def test_a_blank_wall_tells_nothing() -> None:
    steady = Steady()
    random = np.random.default_rng(1)
    for _ in range(5):
        wall = np.clip(random.normal(120, 4, (720, 1280, 3)), 0, 255).astype(np.uint8)
        assert steady.shift_px(wall, NOBODY).tolist() == [0, 0]


def test_a_face_that_fills_the_picture_leaves_nothing_to_measure_by() -> None:
    steady = Steady()
    box = np.array([[300, 100, 980, 700]], np.float32)
    steady.shift_px(shot(0, 0), box)
    assert steady.shift_px(shot(1.5, 1.5), box).tolist() == [0, 0]


def test_a_picture_of_another_size_is_a_new_beginning() -> None:
    steady = Steady()
    steady.shift_px(shot(0, 0), NOBODY)
    other = np.asarray(cv2.resize(shot(0, 0), (640, 480)), np.uint8)
    assert steady.shift_px(other, NOBODY).tolist() == [0, 0]
    for shape in ((2, 2, 3), (1, 900, 3), (700, 3, 3)):
        assert steady.shift_px(np.zeros(shape, np.uint8), NOBODY).tolist() == [0, 0]


def test_a_camera_that_is_turned_elsewhere_is_measured_anew() -> None:
    steady = Steady()
    for _ in range(3):
        steady.shift_px(shot(0, 0), NOBODY)
    turned = np.ascontiguousarray(shot(0, 0)[::-1, ::-1])
    for _ in range(12):
        begun = steady.shift_px(turned, NOBODY)
    moved = np.ascontiguousarray(shot(-0.8, 0.6)[::-1, ::-1])
    found = steady.shift_px(moved, NOBODY) - begun
    assert np.abs(begun).max() < 0.3
    assert found.tolist() == pytest.approx([0.8, -0.6], abs=0.25)
