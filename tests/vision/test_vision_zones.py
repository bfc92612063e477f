"""Zones: who is at a place that does not count, or too far away, is never followed."""

from __future__ import annotations

import math
from pathlib import Path

import cv2
import numpy as np
import pytest

from kiosk.config import CameraSettings, IgnoredZone, VisionSettings, ZoneSettings
from kiosk.vision import open_pipeline
from kiosk.vision.faces import Faces, Image
from kiosk.vision.zones import Zones, distance_m, inside

WIDTH, HEIGHT = 1280, 720


def faces(*boxes: tuple[float, float, float]) -> Faces:
    """Square faces: x and y of the middle, and width, in pixels."""
    sides = [(x - w / 2, y - w / 2, x + w / 2, y + w / 2) for x, y, w in boxes]
    n = len(boxes)
    return Faces(
        np.array(sides, np.float32).reshape(-1, 4),
        np.full(n, 0.9, np.float32),
        np.zeros((n, 6, 2), np.float32),
    )


def kept(zones: ZoneSettings, *boxes: tuple[float, float, float]) -> list[float]:
    """X of the middles that count."""
    found = Zones(zones, CameraSettings(horizontal_fov_deg=90)).keep(faces(*boxes), WIDTH, HEIGHT)
    return [float(box[0] + box[2]) / 2 for box in found.boxes]


MIRROR = IgnoredZone(name="mirror", polygon=[(0.5, 0), (1, 0), (1, 1), (0.5, 1)])
NOTCHED = IgnoredZone(
    name="till", polygon=[(0, 0), (0.4, 0), (0.4, 0.4), (0.2, 0.4), (0.2, 1), (0, 1)]
)


def test_without_zones_everybody_counts() -> None:
    assert kept(ZoneSettings(), (10, 10, 30), (1270, 710, 500)) == [10, 1270]


def test_a_face_counts_by_where_its_middle_is() -> None:
    zones = ZoneSettings(ignore=[MIRROR])
    assert kept(zones, (600, 300, 200), (680, 300, 200), (1200, 700, 30)) == [600]


def test_a_zone_may_be_of_any_shape_and_there_may_be_several() -> None:
    zones = ZoneSettings(ignore=[MIRROR, NOTCHED])
    spots = [(100, 600, 50), (400, 100, 50), (400, 600, 50), (900, 100, 50)]
    assert kept(zones, *spots) == [400]
    assert kept(zones, (400, 600, 50)) == [400], "beside the notch"


def test_a_corner_given_twice_or_the_other_way_round_is_the_same_zone() -> None:
    there = np.array([[0.3, 0.3]], np.float32)
    square = [(0.1, 0.1), (0.9, 0.1), (0.9, 0.1), (0.9, 0.9), (0.1, 0.9)]
    for corners in (square, square[::-1]):
        assert inside(np.array(corners), there).tolist() == [True]
        assert inside(np.array(corners), there + 0.65).tolist() == [False]


def test_the_distance_is_that_of_a_pinhole_camera() -> None:
    # At 90 degrees the focal length is half of the frame's width.
    far = distance_m(np.array([64.0, 128.0], np.float32), WIDTH, 90, 0.14)
    assert far.tolist() == pytest.approx([1.4, 0.7])
    narrow = distance_m(np.array([64.0], np.float32), WIDTH, 45, 0.14)
    assert float(narrow[0]) == pytest.approx(1.4 / math.tan(math.radians(22.5)))


def test_who_is_farther_away_than_the_limit_does_not_count() -> None:
    zones = ZoneSettings(max_distance_m=2, face_width_m=0.15)
    assert kept(zones, (100, 300, 47), (400, 300, 49), (800, 300, 200)) == [400, 800]


def test_a_face_in_an_ignored_zone_is_not_followed(bare_dir: Path, portrait: Image) -> None:
    frame = np.full((360, 640, 3), 40, np.uint8)
    frame[:180, :320] = cv2.resize(portrait, (320, 180), interpolation=cv2.INTER_AREA)
    left = IgnoredZone(name="poster", polygon=[(0, 0), (0.5, 0), (0.5, 1), (0, 1)])
    for ignore, somebody in (([], True), ([left], False)):
        settings = VisionSettings(models_dir=bare_dir, zones=ZoneSettings(ignore=ignore))
        pipeline = open_pipeline(settings, "film")
        for number in range(4):
            record = pipeline.process(frame, number / 10)
        assert pipeline.somebody == somebody
        assert bool(record.viewers) == somebody
