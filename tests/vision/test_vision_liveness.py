"""Person or picture: what is judged, when, and what is remembered of it."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from kiosk.config import LivenessSettings
from kiosk.vision.faces import Image
from kiosk.vision.liveness import Liveness
from kiosk.vision.track import Pass

WALL = np.full((720, 1280, 3), 120, np.uint8)
WIDTH = 100.0
FEATURES = np.array([[-22, -15], [22, -15], [0, 8], [0, 28], [-45, 0], [45, 0]], np.float32)
"""Keypoints of a face of that width, about its middle."""


def framed_wall(x: int, y: int) -> Image:
    image = WALL.copy()
    cv2.rectangle(image, (x - 90, y - 90), (x + 90, y + 110), (20, 20, 20), 12)
    return image


class Shop:
    """Faces before a camera; a detector that is a little unsure of where they are."""

    def __init__(self, fps: float = 15, jitter: float = 0.006, **changes: float) -> None:
        self.liveness = Liveness(LivenessSettings(**changes))
        self.random = np.random.default_rng(7)
        self.fps, self.jitter, self.now = fps, jitter, 1000.0
        self.faces: dict[str, Pass] = {}

    def show(
        self,
        name: str,
        seconds: float,
        at: tuple[float, float] = (640, 300),
        *,
        sway: float = 0.0,
        nod: float = 0.0,
        walk: float = 0.0,
        frame: Image = WALL,
    ) -> list[bool]:
        """Whether it was thought to be alive, frame by frame.

        Sway and nod are reaches, in widths of the face; walk is in widths per second.
        """
        said = []
        for number in range(round(seconds * self.fps)):
            self.now += 1 / self.fps
            t = number / self.fps
            searched = number % 3 == 0
            shift = WIDTH * np.array(
                [sway * np.sin(2 * np.pi * 0.37 * t) + walk * t, 0.5 * sway * np.cos(2.1 * t)]
            )
            points = FEATURES * 1.0
            points[2:4, 1] += WIDTH * nod * np.sin(2 * np.pi * 0.5 * t)
            points += self.random.normal(0, self.jitter * WIDTH, points.shape) + at + shift
            # A search and a second look do not agree on a face's place.
            points += 0.03 * WIDTH * searched
            middle = np.array(at) + shift
            box = np.concatenate([middle - WIDTH / 2, middle + WIDTH / 2]).astype(np.float32)
            one = self.faces.setdefault(
                name, Pass(name, box, points.astype(np.float32), self.now, self.now)
            )
            one.see(box, points.astype(np.float32), self.now)
            self.liveness.update(frame, [one], self.now, searched=searched)
            said.append(self.liveness.live(name))
        return said

    def leave(self, *names: str) -> None:
        for name in names:
            del self.faces[name]
        self.liveness.forget(set(self.faces))
        self.now += 5


@pytest.mark.parametrize("fps", [5, 8, 15, 30])
def test_a_face_that_rests_is_a_picture_from_two_seconds_on(fps: float) -> None:
    said = Shop(fps).show("poster", 30)
    assert not any(said[round(2 * fps) :])


def test_for_the_first_second_everybody_is_a_person() -> None:
    assert all(Shop().show("poster", 0.9))


@pytest.mark.parametrize("fps", [5, 8, 15, 30])
@pytest.mark.parametrize(
    "motion", [{"sway": 0.03}, {"sway": 0.06}, {"nod": 0.04}, {"walk": 0.3}], ids=str
)
def test_somebody_who_sways_nods_or_walks_is_a_person(fps: float, motion: dict[str, float]) -> None:
    said = Shop(fps).show("her", 20, **motion)
    assert said[-1]
    assert np.mean(said) > 0.9


def test_who_walked_up_and_then_stands_quite_still_stays_a_person_for_a_while() -> None:
    shop = Shop()
    shop.show("her", 2, (400, 300), walk=1.2)
    assert all(shop.show("her", 5))
    assert not shop.show("her", 20)[-1], "nobody rests for so long"
    assert shop.show("her", 1.5, walk=1.0)[-1], "until she goes on"


def test_a_poster_that_somebody_hides_in_part_now_and_then_stays_a_picture() -> None:
    shop = Shop()
    shop.show("poster", 6)
    for _ in range(6):
        assert not any(shop.show("poster", 1, (646, 303), sway=0.03)[:-1])
        assert not shop.show("poster", 4)[-1]


def test_a_picture_that_is_lost_and_found_again_is_known_by_its_place() -> None:
    shop = Shop()
    shop.show("poster", 6)
    shop.leave("poster")
    for number in range(5):
        assert not any(shop.show(f"again-{number}", 1.2))
        shop.leave(f"again-{number}")
    assert not shop.show("elsewhere", 3, (200, 300))[-1]
    assert all(shop.show("new", 0.9, (900, 300))), "nothing is known of that place"


def test_a_person_in_the_place_of_a_picture_is_a_person_soon() -> None:
    shop = Shop()
    shop.show("poster", 20)
    shop.leave("poster")
    said = shop.show("her", 6, (645, 304), sway=0.05)
    assert said[-1]
    assert all(said[round(4 * shop.fps) :])


def test_a_person_leaves_no_place_behind() -> None:
    shop = Shop()
    shop.show("her", 6, sway=0.05)
    shop.leave("her")
    assert all(shop.show("him", 0.9))


def test_no_more_places_are_remembered_than_is_set() -> None:
    shop = Shop(remembered_places=2)
    spots = [(200.0, 300.0), (500.0, 300.0), (800.0, 300.0)]
    for number, at in enumerate(spots):
        shop.show(f"poster-{number}", 4, at)
        shop.leave(f"poster-{number}")
    known = [not shop.show(f"again-{number}", 0.4, at)[0] for number, at in enumerate(spots)]
    assert known == [False, True, True]


def test_a_face_that_moves_within_a_frame_is_a_picture_of_a_film() -> None:
    shop, television = Shop(), framed_wall(640, 300)
    said = shop.show("film", 10, sway=0.06, frame=television)
    assert not any(said[round(1.5 * shop.fps) :])
    shop.leave("film")
    assert not any(shop.show("again", 1.2, sway=0.06, frame=television))


def test_who_passes_a_frame_is_a_person() -> None:
    shop = Shop()
    shop.show("her", 0.6, sway=0.05, frame=framed_wall(640, 300))
    said = shop.show("her", 5, sway=0.05)
    assert all(said[round(1 * shop.fps) :])


def test_nobody_is_judged_when_the_check_is_off() -> None:
    assert all(Shop(check=False).show("poster", 10, frame=framed_wall(640, 300)))


def test_a_detector_without_some_keypoints_is_judged_by_the_others() -> None:
    shop = Shop()
    missing = FEATURES[3].copy()
    FEATURES[3] = np.nan
    try:
        assert not shop.show("poster", 4)[-1]
        shop.leave("poster")
        assert shop.show("her", 6, (300, 300), sway=0.05)[-1]
    finally:
        FEATURES[3] = missing
