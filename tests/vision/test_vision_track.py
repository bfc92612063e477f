"""Passes: as long as a face is there, whatever the camera's rate, and not a byte longer."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kiosk.config import TrackingSettings
from kiosk.vision.faces import Faces
from kiosk.vision.track import Pass, PassTracker

SIZE = 60.0
RATES = pytest.mark.parametrize("fps", [5, 15, 60])


def faces(*middles: tuple[float, float], size: float = SIZE) -> Faces:
    at = np.asarray(middles, np.float32).reshape(-1, 2)
    boxes = np.concatenate([at - size / 2, at + size / 2], axis=1)
    points = np.repeat(at[:, None], 6, axis=1)
    return Faces(boxes, np.full(len(at), 0.9, np.float32), points)


def middle(one: Pass) -> float:
    return float(one.box[0] + one.box[2]) / 2


class Camera:
    """Frames at a rate; remembers every name that it was told."""

    def __init__(self, fps: float = 15, settings: TrackingSettings | None = None) -> None:
        self.tracker = PassTracker(settings or TrackingSettings())
        self.fps = fps
        self.now = 1000.0
        self.ids: set[str] = set()

    def see(self, *middles: tuple[float, float]) -> list[Pass]:
        self.now += 1 / self.fps
        passes = self.tracker.update(faces(*middles), self.now)
        self.ids |= {one.id for one in passes}
        return passes

    def see_for(self, seconds: float, *middles: tuple[float, float]) -> list[Pass]:
        passes: list[Pass] = []
        for _ in range(max(1, round(seconds * self.fps))):
            passes = self.see(*middles)
        return passes


@RATES
def test_one_face_is_one_pass_from_its_first_frame_to_its_last(fps: float) -> None:
    camera = Camera(fps)
    passes = camera.see_for(10, (300, 200))
    assert len(camera.ids) == 1
    assert passes[0].last_s == camera.now
    assert passes[0].last_s - passes[0].first_s == pytest.approx(10 - 1 / fps, abs=0.01)


@pytest.mark.parametrize("frames", [2, 3, 5])
def test_a_face_is_a_viewer_after_as_many_frames_as_are_set(frames: int) -> None:
    camera = Camera(settings=TrackingSettings(confirm_frames=frames))
    counts = [len(camera.see((300, 200))) for _ in range(6)]
    assert counts == [0] * (frames - 1) + [1] * (7 - frames)


def test_a_face_that_only_every_third_frame_shows_becomes_a_viewer() -> None:
    """Such as one that only one of three tiles, searched in turn, shows well."""
    camera = Camera()
    for _ in range(20):
        camera.see((300, 200))
        camera.see()
        passes = camera.see()
    assert len(passes) == 1
    assert len(camera.ids) == 1
    assert passes[0].sightings == 20


@RATES
@pytest.mark.parametrize(("away_s", "same"), [(1.0, True), (1.4, True), (1.8, False), (4, False)])
def test_a_pass_outlives_a_gap_of_so_many_seconds_at_any_rate(
    fps: float, away_s: float, same: bool
) -> None:
    camera = Camera(fps)
    camera.see_for(2, (300, 200))
    kept = camera.see_for(away_s - 1 / fps)
    assert bool(kept) == same
    camera.see_for(2, (300, 200))
    assert len(camera.ids) == (1 if same else 2)


def test_a_lost_face_stays_a_viewer_with_the_time_when_it_was_seen() -> None:
    camera = Camera()
    (seen,) = camera.see_for(1, (300, 200))
    last = seen.last_s
    (lost,) = camera.see_for(0.5)
    assert (lost.id, lost.last_s) == (seen.id, last)


@RATES
def test_faces_side_by_side_keep_their_names(fps: float) -> None:
    camera = Camera(fps)
    random = np.random.default_rng(1)
    names: list[str] = []
    for _ in range(round(6 * fps)):
        places = [(x + random.normal(0, 3), 200 + random.normal(0, 3)) for x in (200, 280, 360)]
        order = random.permutation(3)
        passes = camera.see(*(places[i] for i in order))
        if passes:
            names.append(" ".join(one.id for one in sorted(passes, key=middle)))
    assert len(camera.ids) == 3
    assert len(set(names)) == 1, "the same names from left to right in every frame"


@RATES
@pytest.mark.parametrize("hidden", [True, False], ids=["one hides the other", "both seen"])
def test_faces_that_cross_keep_their_names(fps: float, hidden: bool) -> None:
    camera = Camera(fps)
    first: dict[str, float] = {}
    last: dict[str, float] = {}
    for step in range(round(4 * fps)):
        near, far = 100 + 110 * step / fps, 540 - 110 * step / fps
        places = [(near, 220.0), (far, 190.0)]
        for one in camera.see(*(places[:1] if hidden and abs(near - far) < 45 else places)):
            if one.last_s == camera.now:
                first.setdefault(one.id, middle(one))
                last[one.id] = middle(one)
    assert len(camera.ids) == 2
    assert all((first[name] < 320) == (last[name] > 320) for name in first)


@RATES
def test_a_face_that_walks_by_is_one_pass(fps: float) -> None:
    camera = Camera(fps)
    for step in range(round(2 * fps)):
        camera.see((50 + 450 * step / fps, 200))
    assert len(camera.ids) == 1


def test_a_face_that_walks_up_is_one_pass() -> None:
    tracker, ids = PassTracker(TrackingSettings()), set()
    for step in range(40):
        size = 30 * 1.06**step
        ids |= {one.id for one in tracker.update(faces((300, 200), size=size), step / 10)}
    assert len(ids) == 1


@pytest.mark.parametrize("step", [0.5, 1.0, 1.5], ids=lambda step: f"{step} widths a frame")
def test_a_face_that_walks_by_in_few_frames_is_one_pass(step: float) -> None:
    """A face is 16 cm wide: 1.5 widths a frame at 5 frames per second are 1.2 m/s, a walk."""
    camera = Camera(fps=5)
    for frame in range(12):
        camera.see((100 + step * SIZE * frame, 200))
    assert len(camera.ids) == 1


def test_a_walker_who_is_lost_for_some_frames_is_expected_further_on() -> None:
    camera = Camera(fps=10)
    for frame in range(10):
        camera.see((100 + 0.5 * SIZE * frame, 200))
    camera.see_for(0.3)
    camera.see((100 + 0.5 * SIZE * 13, 200))
    assert len(camera.ids) == 1


def test_a_lost_face_is_not_expected_to_keep_its_speed_for_long() -> None:
    camera = Camera(fps=10)
    for frame in range(10):
        camera.see((100 + 0.5 * SIZE * frame, 200))
    (lost,) = camera.see_for(1.2)
    coasted = (lost.box_at(camera.now)[0] - lost.box[0]) / SIZE
    assert 1 < coasted < 3, "it would have walked on by six widths"


@pytest.mark.parametrize(
    ("growth", "same"), [(1.5, True), (0.67, True), (2.5, False), (0.4, False)]
)
def test_a_box_of_quite_another_size_in_the_same_place_is_another_face(
    growth: float, same: bool
) -> None:
    camera = Camera()
    camera.see_for(1, (300, 200))
    for _ in range(5):
        camera.now += 1 / camera.fps
        passes = camera.tracker.update(faces((300, 200), size=SIZE * growth), camera.now)
        camera.ids |= {one.id for one in passes}
    assert len(camera.ids) == (1 if same else 2)


def test_the_face_with_the_larger_overlap_keeps_the_name() -> None:
    camera = Camera()
    (her,) = camera.see_for(1, (300, 200))
    passes = camera.see_for(0.5, (345, 200), (305, 200))
    assert {one.id: round(middle(one)) for one in passes}[her.id] == 305
    assert len(passes) == 2


def test_of_two_who_stand_close_the_one_who_leaves_takes_his_name_along() -> None:
    camera = Camera()
    passes = camera.see_for(1, (200, 200), (280, 200))
    stays, leaves = (one.id for one in sorted(passes, key=middle))
    camera.see_for(2, (200, 200))
    (left,) = camera.see((200, 200))
    assert left.id == stays
    (new,) = [one for one in camera.see_for(1, (200, 200), (280, 200)) if one.id != stays]
    assert new.id != leaves, "who comes back after the gap is somebody new"


def test_a_face_seen_once_is_known_but_is_no_viewer_and_is_forgotten() -> None:
    camera = Camera()
    assert camera.see((300, 200)) == []
    assert len(camera.tracker.known) == 1
    camera.see_for(0.2)
    assert len(camera.tracker.known) == 1
    camera.see_for(0.1)
    assert camera.tracker.known == []


@RATES
def test_what_flickers_for_a_frame_now_and_then_is_no_face(fps: float) -> None:
    camera = Camera(fps)
    for _ in range(10):
        camera.see((300, 200))
        camera.see_for(0.4)
    assert camera.ids == set()


@pytest.mark.parametrize("fps", [1, 2, 3.5])
def test_the_face_of_a_slow_camera_becomes_a_viewer_too(fps: float) -> None:
    camera = Camera(fps)
    camera.see_for(4 / fps, (300, 200))
    assert len(camera.ids) == 1


def test_boxes_without_a_size_are_no_reason_to_fail() -> None:
    camera = Camera()
    for _ in range(5):
        camera.now += 0.1
        camera.tracker.update(faces((300, 200), (300, 200), size=0.0), camera.now)
    assert all(np.isfinite(one.box).all() for one in camera.tracker.known)


def test_another_face_elsewhere_is_another_pass_at_once() -> None:
    camera = Camera()
    camera.see_for(1, (100, 200))
    camera.see_for(1, (500, 200))
    assert len(camera.ids) == 2


def test_names_are_random_and_say_nothing() -> None:
    names = set()
    for _ in range(50):
        camera = Camera()
        camera.see_for(1, (100, 200))
        names |= camera.ids
    assert len(names) == 50


def test_a_face_that_stays_for_hours_takes_no_more_memory() -> None:
    camera = Camera(fps=30)
    camera.see_for(10, (300, 200))
    tracemalloc.start()
    before, _ = tracemalloc.get_traced_memory()
    camera.see_for(300, (300, 200))
    after, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(camera.ids) == 1
    assert after - before < 50_000


def test_ten_thousand_faces_of_one_frame_leave_nothing_behind() -> None:
    camera = Camera(fps=30)
    random = np.random.default_rng(0)
    most = 0
    for _ in range(10_000):
        camera.see(tuple(random.uniform(0, 20_000, 2)))
        most = max(most, len(camera.tracker.known))
    assert most <= 1.5 * 30 + 2
    camera.see_for(2)
    assert camera.tracker.known == []


places = st.tuples(st.floats(-100, 2000), st.floats(-100, 1200))
moments = st.lists(st.tuples(st.floats(0.01, 3), st.lists(places, max_size=6)), max_size=30)


@given(moments)
def test_whatever_is_seen_each_face_has_one_pass_and_times_are_in_order(scene) -> None:
    tracker, now = PassTracker(TrackingSettings(confirm_frames=2)), 0.0
    for elapsed, middles in scene:
        now += elapsed
        passes = tracker.update(faces(*middles), now)
        assert sum(one.last_s == now for one in passes) <= len(middles)
        assert len({one.id for one in passes}) == len(passes)
        assert [one.first_s for one in passes] == sorted(one.first_s for one in passes)
        for one in passes:
            assert 0 <= now - one.last_s <= 1.5
            assert np.isfinite(one.box).all()
