"""Which frames are looked at: all of somebody, few of nobody, fewer when it is hot."""

from __future__ import annotations

import logging
from collections.abc import Callable

import numpy as np
import pytest

from kiosk.config import PaceSettings
from kiosk.vision.faces import Image
from kiosk.vision.pace import Pace

STILL = np.full((360, 640, 3), 90, np.uint8)


def with_somebody(at: int = 200) -> Image:
    image = STILL.copy()
    image[100:260, at : at + 120] = 200
    return image


def noisy(seed: int, sd: float = 4.0) -> Image:
    noise = np.random.default_rng(seed).normal(0, sd, STILL.shape)
    return np.clip(STILL + noise, 0, 255).astype(np.uint8)


class Camera:
    """Frames at a rate in front of a pace; counts those that are looked at."""

    def __init__(self, fps: float = 30, celsius: float | None = 40, **settings: float) -> None:
        self.celsius = celsius
        self.asked = 0
        self.pace = Pace(PaceSettings(**settings), self._temperature)
        self.fps, self.now = fps, 1000.0

    def _temperature(self) -> float | None:
        self.asked += 1
        return self.celsius

    def run(
        self, seconds: float, somebody: bool, picture: Callable[[int], Image] | None = None
    ) -> list[float]:
        """Moments at which a frame was looked at, from the first one's."""
        begun, looked = self.now, []
        for frame in range(round(seconds * self.fps)):
            self.now += 1 / self.fps
            if self.pace.wants(picture(frame) if picture else STILL, self.now):
                looked.append(self.now - begun)
                self.pace.looked(somebody, self.now)
        return looked


@pytest.mark.parametrize(
    ("fps", "rate"), [(5, 5), (15, 15), (25, 25), (30, 30), (60, 30), (90, 30), (120, 30)]
)
def test_with_somebody_there_as_many_frames_are_looked_at_as_are_wanted(
    fps: float, rate: float
) -> None:
    assert len(Camera(fps).run(10, somebody=True)) / 10 == pytest.approx(rate, rel=0.05)


@pytest.mark.parametrize("fps", [50, 48, 40])
def test_a_camera_that_is_a_little_too_fast_is_looked_at_no_more_often_than_wanted(
    fps: float,
) -> None:
    assert 10 < len(Camera(fps).run(10, somebody=True)) / 10 <= 33


@pytest.mark.parametrize("fps", [15, 30, 60])
def test_an_empty_still_view_is_looked_at_twice_a_second(fps: float) -> None:
    camera = Camera(fps)
    camera.run(5, somebody=False)
    looked = camera.run(10, somebody=False)
    assert 15 <= len(looked) <= 20
    assert camera.pace.idle


def test_the_first_frame_is_looked_at_and_nothing_is_saved_at_first() -> None:
    camera = Camera()
    assert len(camera.run(0.04, somebody=False)) == 1
    assert len(camera.run(2, somebody=False)) == 60
    assert not camera.pace.idle


@pytest.mark.parametrize("after_s", [1, 3, 6])
def test_it_slows_down_so_long_after_the_last_person_left(after_s: float) -> None:
    camera = Camera(idle_after_s=after_s)
    camera.run(2, somebody=True)
    looked = camera.run(after_s + 5, somebody=False)
    full = [t for t in looked if t <= after_s]
    assert len(full) == pytest.approx(30 * after_s, rel=0.05)
    assert len(looked) - len(full) <= 2 * 5 + 2


@pytest.mark.parametrize("fps", [5, 15, 30, 60])
def test_motion_is_looked_at_at_once(fps: float) -> None:
    camera = Camera(fps)
    camera.run(10, somebody=False)
    (first, *_) = camera.run(1, False, lambda frame: with_somebody(200 + 10 * frame))
    assert first == pytest.approx(1 / fps, abs=1 / fps + 0.02)


def test_motion_goes_on_being_looked_at_while_nobody_is_found() -> None:
    camera = Camera()
    camera.run(10, somebody=False)
    looked = camera.run(2, False, lambda frame: with_somebody(100 + 17 * (frame % 20)))
    assert len(looked) > 50


def test_somebody_who_is_found_brings_the_full_rate_back() -> None:
    camera = Camera()
    camera.run(10, somebody=False)
    camera.run(0.1, True, lambda _: with_somebody())
    assert not camera.pace.idle
    assert len(camera.run(2, True, lambda _: with_somebody())) > 57


def test_a_cameras_noise_is_no_motion() -> None:
    camera = Camera()
    pictures = [noisy(seed) for seed in range(24)]
    camera.run(10, False, lambda frame: pictures[frame % 24])
    assert len(camera.run(5, False, lambda frame: pictures[frame % 24])) <= 11


def test_light_that_fades_slowly_is_no_motion() -> None:
    camera = Camera()
    camera.run(10, somebody=False)
    faded = camera.run(5, False, lambda frame: np.full_like(STILL, 90 + frame))
    assert len(faded) <= 11


def test_a_small_movement_counts_by_its_share_of_the_picture() -> None:
    def moth(frame: int) -> Image:
        image = STILL.copy()
        image[100:132, 32 * (frame % 15) : 32 * (frame % 15) + 32] = 255
        return image

    for share, often in ((0.003, True), (0.05, False)):
        camera = Camera(motion_share=share)
        camera.run(10, somebody=False)
        assert (len(camera.run(2, False, moth)) > 30) == often


@pytest.mark.parametrize("size", [(480, 640), (720, 1280), (1, 1)])
def test_a_change_of_resolution_is_motion(size: tuple[int, int]) -> None:
    camera = Camera(idle_fps=1)
    camera.run(30, somebody=False)
    changed = np.full((*size, 3), 90, np.uint8)
    assert len(camera.run(0.2, False, lambda _: changed)) == 1, "the first of the new size"
    assert not camera.run(0.2, False, lambda _: changed), "a still view again"
    assert len(camera.run(0.2, False)) == 1, "and the first of the old"


@pytest.mark.parametrize(
    ("celsius", "rate"), [(None, 30), (20, 30), (77, 30), (78, 15), (83, 15), (84, 7.5), (99, 7.5)]
)
def test_heat_drops_frames(celsius: float | None, rate: float) -> None:
    camera = Camera(celsius=celsius)
    assert len(camera.run(10, somebody=True)) / 10 == pytest.approx(rate, rel=0.08)


def test_a_board_that_slows_itself_down_is_hot(caplog: pytest.LogCaptureFixture) -> None:
    camera = Camera(celsius=float("inf"))
    assert len(camera.run(10, somebody=True)) / 10 == pytest.approx(7.5, rel=0.08)
    assert "event=vision_slowed" in caplog.text


def test_the_full_rate_comes_back_when_it_has_cooled(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    camera = Camera(celsius=90)
    camera.run(10, somebody=True)
    camera.celsius = 60
    camera.run(6, somebody=True)
    assert len(camera.run(5, somebody=True)) == pytest.approx(150, rel=0.05)
    assert caplog.text.count("event=vision_slowed") == 1
    assert caplog.text.count("event=vision_cooled") == 1


def test_the_temperature_is_asked_for_now_and_then() -> None:
    camera = Camera(heat_check_s=2)
    camera.run(20, somebody=True)
    assert camera.asked == pytest.approx(10, abs=1)


@pytest.mark.parametrize("jitter_s", [0.002, 0.006])
def test_frames_that_come_a_little_early_and_late_are_all_looked_at(jitter_s: float) -> None:
    pace = Pace(PaceSettings(), lambda: None)
    random, looked = np.random.default_rng(0), 0
    for frame in range(300):
        now = 1000 + frame / 30 + random.uniform(-jitter_s, jitter_s)
        if pace.wants(STILL, now):
            looked += 1
            pace.looked(True, now)
    assert looked >= 0.97 * 300
