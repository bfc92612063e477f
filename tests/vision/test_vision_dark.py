"""Black pictures: what is one, and when they are worth a word."""

from __future__ import annotations

import threading

import cv2
import numpy as np
import pytest

from kiosk.config import VisionSettings
from kiosk.service import Heartbeat
from kiosk.vision import decode_record, run
from kiosk.vision.dark import Darkness, is_black

RANDOM = np.random.default_rng(1)


def covered(height: int = 720, width: int = 1280) -> np.ndarray:
    """What a sensor under a cap gives: noise, and a few hot pixels."""
    picture = RANDOM.integers(0, 25, (height, width, 3), dtype=np.uint8)
    hot = RANDOM.integers(0, height * width, 40)
    picture.reshape(-1, 3)[hot] = 255
    return picture


def night(height: int = 720, width: int = 1280) -> np.ndarray:
    """A dark shop with one lit sign, a fiftieth of the picture."""
    picture = covered(height, width)
    picture[100:200, 100:300] = 180
    return picture


@pytest.mark.parametrize(
    ("picture", "black"),
    [
        pytest.param(np.zeros((480, 640, 3), np.uint8), True, id="nothing"),
        pytest.param(covered(), True, id="a cap"),
        pytest.param(covered(120, 160), True, id="a cap on a small camera"),
        pytest.param(night(), False, id="a shop at night"),
        pytest.param(np.full((480, 640, 3), 60, np.uint8), False, id="a dim wall"),
    ],
)
def test_only_a_picture_without_any_light_is_black(picture, black):
    assert is_black(picture) is black


def test_ten_seconds_of_black_are_told_and_the_first_light_ends_it():
    darkness = Darkness()
    cap, shop = covered(), night()
    told = [darkness.update(cap, t_s / 2) for t_s in range(30)]
    assert told.index(True) == 20
    assert all(told[20:])
    assert darkness.update(shop, 16.0) is False
    assert darkness.update(cap, 17.0) is False, "it counts from the beginning again"


def test_a_hand_on_the_lens_is_not_told():
    darkness = Darkness()
    pictures = [covered()] * 8 + [night()] + [covered()] * 8
    assert not any(darkness.update(picture, float(t_s)) for t_s, picture in enumerate(pictures))


def test_a_camera_that_was_covered_is_told_once_and_so_is_the_light(tmp_path, models_dir, caplog):
    caplog.set_level("INFO")
    film = cv2.VideoWriter(
        str(tmp_path / "covered.avi"), cv2.VideoWriter.fourcc(*"MJPG"), 4, (320, 240)
    )
    for picture in [covered(240, 320)] * 60 + [np.full((240, 320, 3), 90, np.uint8)] * 12:
        film.write(picture)
    film.release()
    lines: list[bytes] = []
    settings = VisionSettings(
        source=str(tmp_path / "covered.avi"), models_dir=models_dir, as_fast_as_possible=True
    )
    run(settings, lines.append, threading.Event(), Heartbeat())
    records = [decode_record(line) for line in lines]
    dark = [record.t_s - records[0].t_s for record in records if record.dark]
    assert dark[0] == pytest.approx(10, abs=1.1)
    assert dark[-1] < 16.5
    assert not records[-1].dark
    told = [line.split()[0] for line in caplog.messages if "event=camera_" in line]
    assert told == ["event=camera_dark", "event=camera_light"]
