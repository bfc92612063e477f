"""One frame in, one record out: when the whole frame is searched, and who is in it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

import cv2
import numpy as np
import pytest

from kiosk.config import DetectionSettings, VisionSettings
from kiosk.vision import VisionRecord, open_pipeline
from kiosk.vision.faces import Image
from kiosk.vision.pipeline import Pipeline
from tests.vision.pictures import shaped

DETECTOR, NEAR_PX = "face-detection-yunet", 128
EMPTY = np.full((720, 1280, 3), 40, np.uint8)


class Film:
    """Frames at a rate through a pipeline; counts how often the detector looked, and how.

    A pipeline is loaded once for each of the settings: a film begins long after the one before,
    when everybody has left.
    """

    loaded: ClassVar[dict[Any, Pipeline]] = {}
    begins_s: ClassVar[float] = 0.0

    def __init__(self, models_dir: Path, fps: float = 30, **detection: Any) -> None:
        key = (models_dir, *sorted(detection.items()))
        if key not in self.loaded:
            limits = DetectionSettings(**detection)
            settings = VisionSettings(models_dir=models_dir, detection=limits)
            self.loaded[key] = open_pipeline(settings, "film")
        self.pipeline = self.loaded[key]
        Film.begins_s += 1000
        self.now, self.fps = Film.begins_s, fps
        self._before = (0, 0)
        self._before = self.runs()

    def runs(self) -> tuple[int, int]:
        """Searches of whole frames, and looks at known places."""
        networks = [one for one in self.pipeline.networks if one.name == DETECTOR]
        near = sum(one.runs for one in networks if one.input.shape[1] == NEAR_PX)
        searches = sum(one.runs for one in networks) - near
        return searches - self._before[0], near - self._before[1]

    def show(self, image: Image, seconds: float = 0.0) -> list[VisionRecord]:
        """One frame, or as many as ``seconds`` hold."""
        return list(self.frames(image, seconds))

    def frames(self, image: Image, seconds: float = 0.0) -> Iterator[VisionRecord]:
        for _ in range(max(1, round(seconds * self.fps))):
            self.now += 1 / self.fps
            yield self.pipeline.process(image, self.now)


def street(portrait: Image, *places: tuple[int, int]) -> Image:
    """A frame with her face at several places, each a tile of 320x180."""
    frame, small = EMPTY.copy(), cv2.resize(portrait, (320, 180), interpolation=cv2.INTER_AREA)
    for x, y in places:
        frame[y : y + 180, x : x + 320] = small
    return frame


@pytest.fixture(scope="module")
def one(portrait: Image) -> Image:
    """Her, once."""
    return street(portrait, (480, 270))


@pytest.mark.parametrize("interval_s", [0.2, 0.5])
def test_a_known_face_is_looked_at_where_it_is_between_two_searches(
    bare_dir: Path, one: Image, interval_s: float
) -> None:
    film = Film(bare_dir, fps=20, search_interval_s=interval_s)
    film.show(one)
    assert film.runs() == (1, 0)
    searches, looks = [0.0], 1
    for frame in range(1, 33):
        before = film.runs()
        film.show(one)
        after = film.runs()
        assert sum(after) == sum(before) + 1, "a frame is one look of the detector, not two"
        if after[0] > before[0]:
            searches.append(frame / 20)
        looks += 1
    assert np.diff(searches) == pytest.approx(interval_s, rel=0.11)
    assert film.runs() == (len(searches), looks - len(searches))


@pytest.mark.parametrize("fps", [4, 7.3, 25])
def test_the_time_between_two_searches_is_no_longer_than_is_set_by_more_than_a_frame(
    bare_dir: Path, one: Image, fps: float
) -> None:
    film = Film(bare_dir, fps=fps, search_interval_s=0.2)
    waited_s = 0.0
    for _ in range(round(2 * fps)):
        before = film.runs()[0]
        film.show(one)
        waited_s = 0.0 if film.runs()[0] > before else waited_s + 1 / fps
        assert waited_s < 0.2 + 1e-6


@pytest.mark.parametrize("fps", [5, 10, 20])
def test_a_rate_that_fits_the_interval_is_searched_at_it(
    bare_dir: Path, one: Image, fps: float
) -> None:
    """Whatever the last digit of a time stamp is: 0.2 s after a search is due at 5 per second."""
    film = Film(bare_dir, fps=fps, search_interval_s=0.2)
    film.now += 0.1
    film.show(one)
    film.show(one, 2)
    assert film.runs()[0] == pytest.approx(11, abs=1)


def test_a_new_face_is_a_viewer_a_search_and_two_frames_later(
    bare_dir: Path, portrait: Image, one: Image
) -> None:
    film = Film(bare_dir, fps=20, search_interval_s=0.2)
    film.show(one, 1.13)
    two = street(portrait, (480, 270), (50, 50))
    counts = [len(record.viewers) for record in film.frames(two, 1)]
    assert counts == sorted(counts)
    assert counts[-1] == 2
    assert counts.index(2) + 1 <= 0.2 * 20 + 3


def test_the_first_face_is_a_viewer_at_its_third_frame(bare_dir: Path, one: Image) -> None:
    film = Film(bare_dir)
    assert [len(record.viewers) for record in film.show(one, 0.2)] == [0, 0, 1, 1, 1, 1]


def test_an_empty_view_is_searched_at_intervals_and_not_looked_at_between(
    bare_dir: Path,
) -> None:
    film = Film(bare_dir, fps=30, search_interval_s=0.2)
    film.show(EMPTY, 2)
    searches, looks = film.runs()
    assert looks == 0
    assert searches == pytest.approx(10, abs=2)


def test_a_face_that_is_gone_is_looked_for_a_little_while_where_it_was(
    bare_dir: Path, one: Image
) -> None:
    film = Film(bare_dir, fps=20, search_interval_s=2.0, look_again_s=0.5)
    film.show(one, 0.5)
    before = film.runs()[1]
    film.show(EMPTY, 1.2)
    assert film.runs()[1] - before == pytest.approx(10, abs=1)


def test_where_there_are_many_faces_the_whole_frame_is_searched_every_time(
    bare_dir: Path, portrait: Image
) -> None:
    crowd = street(portrait, (0, 0), (320, 0), (640, 0), (960, 0), (480, 270))
    for most, searched in ((4, True), (5, False)):
        film = Film(bare_dir, fps=20, look_again_faces=most, search_interval_s=10.0)
        (*_, last) = film.show(crowd, 1)
        assert len(last.viewers) == 5
        assert film.runs() == ((20, 0) if searched else (1, 19 * 2)), "four abreast"


def test_faces_that_are_looked_at_again_keep_their_names_and_places(
    bare_dir: Path, portrait: Image
) -> None:
    film = Film(bare_dir, fps=20)
    seen: dict[str, tuple[float, ...]] = {}
    for step in range(40):
        frame = street(portrait, (100 + 8 * step, 100), (700 - 8 * step, 450))
        for viewer in film.show(frame)[0].viewers:
            x, y, _, _ = viewer.box
            if viewer.id in seen:
                assert abs(x - seen[viewer.id][0]) < 0.05
                assert abs(y - seen[viewer.id][1]) < 0.05
            seen[viewer.id] = (x, y)
    assert len(seen) == 2


def test_somebody_is_there_from_the_first_sighting_until_the_gap_is_over(
    bare_dir: Path, one: Image
) -> None:
    film = Film(bare_dir, fps=20)
    film.show(EMPTY)
    assert not film.pipeline.somebody
    film.now += 1
    (record,) = film.show(one)
    assert record.viewers == ()
    assert film.pipeline.somebody, "one face, not confirmed yet"
    film.show(one, 0.5)
    film.show(EMPTY, 1.0)
    assert film.pipeline.somebody, "lost for a moment"
    film.show(EMPTY, 1.0)
    assert not film.pipeline.somebody


def test_a_face_that_rests_is_a_picture_and_one_that_moves_is_a_person(
    bare_dir: Path, portrait: Image
) -> None:
    film = Film(bare_dir, fps=10)
    for step in range(40):
        sway = round(6 * np.sin(step / 4))
        (record,) = film.show(street(portrait, (100, 100), (700 + sway, 400 + sway // 2)))
    lives = {viewer.box[0] > 0.5: viewer.live for viewer in record.viewers}
    assert lives == {False: False, True: True}


def test_faces_narrower_than_the_setting_are_nobody(bare_dir: Path, one: Image) -> None:
    (*_, last) = Film(bare_dir).show(one, 0.3)
    (viewer,) = last.viewers
    wide = viewer.box[2] * 1280
    for least, count in ((wide - 12, 1), (wide + 12, 0)):
        film = Film(bare_dir, min_face_px=int(least))
        (*_, last) = film.show(one, 0.5)
        assert len(last.viewers) == count
        assert film.pipeline.somebody == bool(count)


@pytest.mark.parametrize("shape", ["4K", "160x120", "portrait", "odd"])
def test_a_camera_may_change_its_picture_at_any_time(
    bare_dir: Path, portrait: Image, shape: str
) -> None:
    film = Film(bare_dir, fps=20)
    film.show(cv2.resize(portrait, (1280, 720)), 0.5)
    changed = shaped(portrait, shape)
    for record in film.show(changed, 1.8):
        for viewer in record.viewers:
            x, y, width, height = viewer.box
            assert 0 <= x <= x + width <= 1.0002
            assert 0 <= y <= y + height <= 1.0002
    (viewer,) = record.viewers
    assert viewer.last_s == record.t_s


def test_who_was_there_before_leaves_no_trace_in_what_is_said_of_the_next(
    models_dir: Path, portrait: Image, one: Image
) -> None:
    def told() -> list[Any]:
        film = Film(models_dir, fps=10)
        records = film.show(one, 1) + film.show(street(portrait, (500, 280)), 1)
        return [
            (v.box, v.looking, v.age_band, v.age_p, v.gender, v.mood, v.mood_p)
            for record in records
            for v in record.viewers
        ]

    first = told()
    Film(models_dir, fps=10).show(street(portrait, (100, 50), (400, 300)), 1)
    assert told() == first
