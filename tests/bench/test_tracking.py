from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from kiosk.bench.followers import CHOSEN, Follow, candidates
from kiosk.bench.scenes import (
    CACHE,
    Actor,
    Kind,
    Scene,
    Seen,
    Truth,
    Waypoint,
    load_portraits,
    missing,
)
from kiosk.bench.tracking import (
    WHOLE,
    Look,
    as_table,
    compare_trackers,
    judge,
    score,
)
from kiosk.config import VisionSettings
from kiosk.errors import KioskError
from kiosk.vision.faces import Faces

MODELS = Path(__file__).resolve().parents[2] / "models_ir"
SETTINGS = VisionSettings(models_dir=MODELS)
FPS = 10


def faces_at(*middles: tuple[float, float], half: float = 30) -> Faces:
    boxes = np.array([[x - half, y - half, x + half, y + half] for x, y in middles], np.float32)
    n = len(middles)
    return Faces(boxes.reshape(-1, 4), np.full(n, 0.9, np.float32), np.zeros((n, 6, 2), np.float32))


def looks(*tracks: list[tuple[float, float] | None], hidden: tuple[int, ...] = ()) -> list[Look]:
    """Frames in which the n-th track's face is at a place, or is not found though it is there."""
    frames = []
    last = [track[0] for track in tracks]
    for number, places in enumerate(zip(*tracks, strict=True)):
        last = [place or before for place, before in zip(places, last, strict=True)]
        seen = tuple(
            Seen(
                actor=f"person-{row}",
                kind=Kind.PERSON,
                box=(x - 30, y - 30, x + 30, y + 30),
                visible=0.1 if row in hidden else 1.0,
                yaw_deg=0.0,
                facing=True,
            )
            for row, (x, y) in enumerate(last)
        )
        found = faces_at(*(place for place in places if place is not None))
        frames.append(Look(found, Truth(number, number / FPS, seen)))
    return frames


def naming(names: list[list[int]]) -> Follow:
    """A tracker that gives the found faces of each frame these names."""
    frames = iter(names)
    return lambda faces, _: (faces.boxes, np.array(next(frames), np.intp))


STANDS = [(100.0, 100.0)] * 10
OTHER = [(400.0, 100.0)] * 10


def judged(follow: Follow, frames: list[Look]):
    return score("test", "drawn", 1, [judge(follow, frames, FPS, SETTINGS)])


def test_a_tracker_that_is_always_right_scores_one() -> None:
    result = judged(naming([[4, 9]] * 10), looks(STANDS, OTHER))
    assert (result.mota, result.idf1, result.hota) == (1.0, 1.0, 1.0)
    assert (result.switches, result.fragments) == (0, 0)
    assert (result.passes, result.true_passes) == (2, 2)


def test_exchanged_names_are_two_switches_and_half_of_the_identity() -> None:
    result = judged(naming([[4, 9]] * 5 + [[9, 4]] * 5), looks(STANDS, OTHER))
    assert result.switches == 2
    assert result.idf1 == pytest.approx(0.5)
    assert result.passes == 2


def test_a_new_name_after_a_gap_is_a_switch_a_fragment_and_a_pass_too_many() -> None:
    lost = [*STANDS[:4], None, *STANDS[5:]]
    result = judged(naming([[1, 3]] * 4 + [[3]] + [[2, 3]] * 5), looks(lost, OTHER))
    assert (result.switches, result.fragments) == (1, 1)
    assert (result.passes, result.true_passes) == (3, 2)
    assert result.mota == pytest.approx(1 - 2 / 20)


def test_a_face_that_nobody_has_is_a_mistake() -> None:
    frames = looks(STANDS)
    ghosts = [Look(faces_at((100, 100), (500, 300)), one.truth) for one in frames]
    result = judged(naming([[1, 2]] * 10), ghosts)
    assert result.mota == 0.0
    assert result.passes == 2


def test_a_face_that_is_hardly_to_be_seen_is_neither_right_nor_wrong() -> None:
    result = judged(naming([[1, 2]] * 10), looks(STANDS, OTHER, hidden=(1,)))
    assert (result.mota, result.passes, result.true_passes) == (1.0, 1, 1)


@pytest.mark.parametrize("name", list(candidates()))
def test_every_candidate_follows_two_people_who_stand(name) -> None:
    result = judged(candidates()[name](SETTINGS.tracking), looks(STANDS, OTHER))
    late = SETTINGS.tracking.confirm_frames - 1
    assert result.switches == 0
    assert result.passes == 2
    assert result.mota == pytest.approx(1 - late / len(STANDS))


@pytest.mark.parametrize("name", list(candidates()))
def test_no_candidate_makes_a_viewer_of_a_single_sighting(name) -> None:
    once = [Look(faces_at((100, 100)), Truth(0, 0.0, ()))]
    never = [Look(faces_at(), Truth(n, n / FPS, ())) for n in range(1, 10)]
    assert judged(candidates()[name](SETTINGS.tracking), once + never).passes == 0


def test_the_product_follows_real_detections_on_a_composed_scene() -> None:
    if absent := missing(CACHE):
        pytest.skip(f"the sample portraits are not fetched into {CACHE}: {', '.join(absent)}")
    stands = Actor(
        "a", Kind.PERSON, "fair", (Waypoint(0, 200, 150, 70), Waypoint(2.4, 300, 150, 80))
    )
    scenes = [
        Scene("walks", (640, 360), 12, 2.4, 1, (stands,)),
        Scene("empty", (640, 360), 12, 1, 2),
    ]
    try:
        result = compare_trackers(SETTINGS, scenes, cast=load_portraits())
    except KioskError as why:
        pytest.skip(f"the face detector is not built, run `kiosk models build`: {why}")
    totals = {one.tracker: one for one in result.totals if one.every == 1}
    assert result.frames == sum(one.frames for one in scenes) == 41
    assert set(totals) == {*candidates(), WHOLE}
    for name in (CHOSEN, WHOLE):
        assert totals[name].mota > 0.85
        assert totals[name].idf1 > 0.9
        assert totals[name].switches == 0
        assert (totals[name].passes, totals[name].true_passes) == (1, 1)
        assert name in as_table(result)
    assert json.loads(json.dumps(result.as_dict()))["frames"] == result.frames
