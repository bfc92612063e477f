"""The bench of the screen: it sees what is black and what is late, on pictures of known truth."""

from __future__ import annotations

import json
import shutil
import time

import numpy as np
import pytest
from click.testing import CliRunner

from kiosk.bench.screen.creatives import make_campaign
from kiosk.bench.screen.display import display
from kiosk.bench.screen.run import _growth_mb
from kiosk.bench.screen.watching import Seen, Watcher, is_black
from kiosk.cli import main

SIZE = (1080, 1920, 4)


def light(value: int = 200) -> np.ndarray:
    return np.full(SIZE, value, np.uint8)


@pytest.mark.parametrize(
    ("rows", "black"),
    [
        pytest.param(slice(0, 0), False, id="none of it"),
        pytest.param(slice(0, 1080), True, id="all of it"),
        pytest.param(slice(0, 130), True, id="a band at the top"),
        pytest.param(slice(500, 600), True, id="a band in the middle"),
    ],
)
def test_a_frame_is_black_when_a_part_of_it_is(rows, black):
    frame = light()
    frame[rows] = 0
    assert is_black(frame) is black


def test_a_colour_is_not_black_however_dark_two_of_its_channels_are():
    frame = light(0)
    frame[:, :, 0] = 200
    assert not is_black(frame)


class Still:
    """A display of which a test decides what is on it."""

    def __init__(self) -> None:
        self.pixels = light()


def test_a_watcher_sees_a_black_frame_of_a_thirtieth_of_a_second_and_keeps_its_picture():
    still = Still()
    watcher = Watcher(still)  # type: ignore[arg-type]
    watcher.start()
    time.sleep(0.2)
    still.pixels[:] = 0
    time.sleep(0.034)
    still.pixels[:] = 200
    time.sleep(0.2)
    seen = watcher.stop()
    assert 1 <= len(seen.black_at_s) <= 5
    assert seen.black_pictures[0].min() == 0
    assert len(seen.times_s) > 20


def seen_of(change_s: float, step: float) -> Seen:
    times = [number / 100 for number in range(1000)]
    return Seen(times, [(100 + step * (at >= change_s), 100.0, 100.0) for at in times])


@pytest.mark.parametrize("change_s", [2.9, 3.0, 3.04, 3.5])
def test_a_start_is_the_first_look_at_which_the_picture_is_another_one(change_s):
    (start,) = seen_of(change_s, 40).starts([3.0], 2)
    assert start == pytest.approx(change_s, abs=0.011)


def test_a_start_that_the_display_never_showed_is_none():
    assert seen_of(9.0, 40).starts([3.0], 2) == [None]
    assert seen_of(3.0, 3).starts([3.0], 2) == [None], "an encoder's noise"


@pytest.mark.parametrize("odd_s", [2.75, 2.85, 2.93, 3.0])
def test_a_frame_of_a_film_that_differs_from_those_beside_it_is_no_start(odd_s):
    seen = seen_of(3.05, 40)
    for number, at_s in enumerate(seen.times_s):
        if odd_s - 0.001 <= at_s < odd_s + 0.039:
            seen.middles[number] = (114.0, 90.0, 114.0)
    (start,) = seen.starts([3.0], 2)
    assert start == pytest.approx(3.05, abs=0.011)


@pytest.mark.parametrize(
    ("per_play", "growth"), [pytest.param(0.0, 0.0, id="flat"), pytest.param(0.5, 56.2, id="leaks")]
)
def test_growth_is_that_after_the_warm_up(per_play, growth):
    readings = [
        (plays, 300.0 + per_play * plays + (80 if plays < 20 else 0)) for plays in range(5, 201, 5)
    ]
    assert _growth_mb(readings) == pytest.approx(growth, abs=20)


def test_the_creatives_have_no_dark_spot(tmp_path):
    import cv2

    campaign = make_campaign(tmp_path, 1)
    assert {one.kind for one in campaign.creatives} == {"image", "video", "html"}
    for name in ("wide.png", "tall.jpg"):
        assert cv2.imread(str(tmp_path / name)).max(axis=2).min() > 96


def test_a_backend_that_is_not_known_is_a_sentence():
    answer = CliRunner().invoke(main, ["bench", "screen", "--backend", "pigeon"])
    assert answer.exit_code == 2
    assert "chromium" in answer.output


@pytest.mark.skipif(shutil.which("Xvfb") is None, reason="Xvfb is not installed")
def test_the_framebuffer_is_the_display():
    with display(800, 600) as (name, framebuffer):
        assert name.startswith(":")
        assert framebuffer.pixels.shape == (600, 800, 4)


@pytest.mark.timeout(180)
@pytest.mark.skipif(
    shutil.which("Xvfb") is None or shutil.which("chromium") is None,
    reason="Xvfb or chromium is not installed",
)
@pytest.mark.long
def test_ten_plays_in_a_real_browser_show_no_black_frame():
    asked = ["--plays", "10", "--duration-s", "1", "--baseline-plays", "0", "--json"]
    answer = CliRunner().invoke(main, ["bench", "screen", *asked])
    assert answer.exit_code == 0, answer.output
    found = json.loads(answer.stdout)
    assert found["plays"] >= 10
    assert (found["black_frames"], found["missed"], found["failed"]) == (0, 0, 0)
    assert found["samples"] > 300
    assert found["start_jitter_p95_ms"] < 1000
