"""The rate of frames."""

from __future__ import annotations

import pytest

from kiosk.vision.meter import Meter


def metered(*stamps: float) -> list[float]:
    """What is said of the rate after each frame."""
    times = iter(stamps)
    meter = Meter(lambda: next(times))
    said = []
    for _ in stamps:
        meter.frame(0.001)
        said.append(meter.fps)
    return said


def test_frames_that_wait_at_the_start_are_no_rate() -> None:
    burst = [number * 0.004 for number in range(20)]
    paced = [0.08 + number / 24 for number in range(1, 100)]
    assert max(metered(*burst, *paced)) < 45


def test_a_steady_rate_is_said_after_a_second() -> None:
    said = metered(*(number / 10 for number in range(30)))
    assert said[:9] == [0.0] * 9
    assert said[-1] == pytest.approx(10)


def test_what_is_faster_than_a_window_a_second_is_said_too() -> None:
    assert metered(*(number / 240 for number in range(100)))[-1] == pytest.approx(240)
