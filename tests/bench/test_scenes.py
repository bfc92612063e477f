from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from kiosk.bench.scenes import (
    CACHE,
    IN_VIEW_SHARE,
    Actor,
    Kind,
    Light,
    Pillar,
    Portrait,
    RenderedFrame,
    Scene,
    Seen,
    Truth,
    Turn,
    Waypoint,
    load_portraits,
    missing,
    render,
    standard_scenes,
    still_crowd,
    true_passes,
    truth,
    write_video,
)
from kiosk.bench.tracking import Search, open_search
from kiosk.config import VisionSettings
from kiosk.errors import KioskError

MODELS = Path(__file__).resolve().parents[2] / "models_ir"
SIZE = (640, 360)
STILL_LIGHT = Light(noise=0)
PORTRAITS = ("curls", "fair", "young", "dark", "red", "astronaut", "officer", "woman")
LEAST_IOU = 0.4


@pytest.fixture(scope="module")
def cast() -> Mapping[str, Portrait]:
    if absent := missing(CACHE):
        pytest.skip(f"the sample portraits are not fetched into {CACHE}: {', '.join(absent)}")
    return load_portraits()


@pytest.fixture(scope="module")
def search() -> Search:
    try:
        settings = VisionSettings(models_dir=MODELS)
        tiled = settings.detection.model_copy(update={"tiles_per_frame": 4})
        return open_search(settings.model_copy(update={"detection": tiled}))
    except KioskError as why:
        pytest.skip(f"the face detector is not built, run `kiosk models build`: {why}")


def person(
    name: str, *track: tuple[float, float, float, float], portrait: str = "fair", **more: object
) -> Actor:
    path = tuple(Waypoint(*row) for row in track)
    return replace(Actor(name, Kind.PERSON, portrait, path), **more)


def scene(*actors: Actor, seconds: float = 2.0, **more: object) -> Scene:
    return replace(Scene("test", SIZE, 10, seconds, 7, actors, light=STILL_LIGHT), **more)


def fingerprint(frames: list[RenderedFrame]) -> str:
    digest = hashlib.sha256()
    for frame in frames:
        digest.update(frame.image.tobytes())
        digest.update(repr(frame.truth).encode())
    return digest.hexdigest()


def iou(one: tuple[float, ...], other: np.ndarray) -> float:
    low, high = np.maximum(one[:2], other[:2]), np.minimum(one[2:], other[2:])
    shared = np.prod(np.maximum(high - low, 0))
    areas = [(b[2] - b[0]) * (b[3] - b[1]) for b in (one, other)]
    return float(shared / (sum(areas) - shared))


def test_the_same_scene_gives_the_same_frames_and_another_seed_gives_others(cast) -> None:
    walks = scene(person("a", (0, 100, 150, 60), (2, 500, 150, 80)), light=Light(noise=3))
    once, again = list(render(walks, cast)), list(render(walks, cast))
    other = list(render(replace(walks, seed=8), cast))
    assert len(once) == walks.frames == 20
    assert fingerprint(once) == fingerprint(again)
    assert fingerprint(once) != fingerprint(other)


def test_frames_are_uint8_bgr_of_the_scenes_size_with_even_times(cast) -> None:
    frames = list(render(scene(person("a", (0, 300, 150, 60), (1, 300, 150, 60))), cast))
    assert {f.image.shape for f in frames} == {(360, 640, 3)}
    assert {f.image.dtype for f in frames} == {np.dtype(np.uint8)}
    assert [f.t_s for f in frames] == pytest.approx([n / 10 for n in range(20)])


def test_truth_without_drawing_is_the_truth_of_the_drawn_frames(cast) -> None:
    walks = scene(person("a", (0, 100, 150, 60), (2, 500, 150, 80)))
    assert list(truth(walks, cast)) == [frame.truth for frame in render(walks, cast)]


@pytest.mark.parametrize("yaw", [0.0, 35.0, -35.0])
@pytest.mark.parametrize("portrait", PORTRAITS)
def test_the_detector_finds_each_face_where_the_truth_says(cast, search, portrait, yaw) -> None:
    stands = person(
        "a", (0, 320, 150, 110), (1, 320, 150, 110), portrait=portrait, turns=(Turn(0, yaw),)
    )
    frame = next(render(scene(stands), cast))
    found = search(frame.image)
    assert max(iou(frame.truth.seen[0].box, box) for box in found.boxes) >= LEAST_IOU


def test_a_mirrored_turned_head_is_where_the_truth_says(cast, search) -> None:
    stands = person(
        "a", (0, 320, 150, 110), (1, 320, 150, 110), turns=(Turn(0, 40),), mirrored=True
    )
    frame = next(render(scene(stands), cast))
    assert max(iou(frame.truth.seen[0].box, box) for box in search(frame.image).boxes) >= LEAST_IOU


def test_a_pillar_hides_a_face_for_a_while(cast) -> None:
    walks = person("a", (0, 100, 150, 50), (2, 540, 150, 50))
    shares = [f.seen[0].visible for f in truth(scene(walks, pillars=(Pillar(280, 370),)), cast)]
    assert shares[0] == shares[-1] == 1.0
    assert min(shares) == 0.0
    assert any(0 < share < 1 for share in shares)


def test_who_walks_behind_somebody_is_hidden_and_who_is_in_front_is_not(cast) -> None:
    far = person("far", (0, 320, 150, 50), (2, 320, 150, 50), portrait="young")
    near = person("near", (0, 60, 150, 100), (2, 600, 150, 100))
    least: dict[str, float] = {}
    for frame in truth(scene(far, near), cast):
        for one in frame.seen:
            least[one.actor] = min(one.visible, least.get(one.actor, 1.0))
    assert least["far"] < IN_VIEW_SHARE
    assert least["near"] == 1.0


def test_a_face_that_leaves_the_picture_is_less_and_less_to_be_seen(cast) -> None:
    leaves = person("a", (0, 500, 150, 80), (2, 700, 150, 80), still=True)
    shares = [frame.seen[0].visible for frame in truth(scene(leaves), cast)]
    assert shares[0] == 1.0
    assert shares[-1] < 0.1
    assert shares == sorted(shares, reverse=True)


def test_a_poster_is_no_person_and_does_not_move_at_all_but_a_standing_person_does(cast) -> None:
    path = (Waypoint(0, 160, 150, 70), Waypoint(2, 160, 150, 70))
    poster = Actor("poster", Kind.POSTER, "officer", path)
    frames = list(render(scene(poster, person("a", (0, 480, 150, 70), (2, 480, 150, 70))), cast))
    seen = [{one.actor: one for one in frame.truth.seen} for frame in frames]
    assert {frame["poster"].box for frame in seen} == {seen[0]["poster"].box}
    assert not any(frame["poster"].facing for frame in seen)
    assert {frame["poster"].kind for frame in seen} == {Kind.POSTER}
    assert all(np.array_equal(f.image[:, :300], frames[0].image[:, :300]) for f in frames)
    assert len({frame["a"].box for frame in seen}) == len(frames)


def test_a_screen_hangs_still_and_its_picture_moves(cast) -> None:
    path = (Waypoint(0, 320, 150, 90), Waypoint(2, 320, 150, 90))
    frames = list(render(scene(Actor("screen", Kind.SCREEN, "woman", path)), cast))
    x1, y1, x2, y2 = (round(side) for side in frames[0].truth.seen[0].box)
    first, last = (f.image[y1:y2, x1:x2].astype(int) for f in (frames[0], frames[-1]))
    assert np.abs(first - last).mean() > 5
    assert np.array_equal(frames[0].image[-40:], frames[-1].image[-40:])


def test_facing_follows_the_turns_of_the_head(cast) -> None:
    turns = (Turn(0, 0), Turn(0.8, 0), Turn(1.2, 50), Turn(2, 50))
    looks = person("a", (0, 320, 150, 80), (2, 320, 150, 80), turns=turns)
    facing = [frame.seen[0].facing for frame in truth(scene(looks), cast)]
    assert facing == [True] * 10 + [False] * 10 or facing == [True] * 11 + [False] * 9


def test_motion_within_the_exposure_smears_a_face(cast) -> None:
    def sharpness(exposure_s: float) -> float:
        walks = person("a", (0, 100, 150, 80), (1, 540, 150, 80))
        light = Light(noise=0, exposure_s=exposure_s)
        frame = list(render(scene(walks, light=light), cast))[5]
        x1, y1, x2, y2 = (round(side) for side in frame.truth.seen[0].box)
        return float(np.abs(np.diff(frame.image[y1:y2, x1:x2].astype(int), axis=1)).mean())

    assert sharpness(0.03) < 0.7 * sharpness(0.0005)


@pytest.mark.parametrize(
    ("light", "brighter_half"),
    [(Light(noise=0, side=-0.9), "left"), (Light(noise=0, side=0.9), "right")],
)
def test_light_from_one_side_is_brighter_there(cast, light, brighter_half) -> None:
    plain = next(render(scene(), cast)).image.astype(float)
    lit = next(render(scene(light=light), cast)).image.astype(float)
    left, right = (lit[:, part].mean() / plain[:, part].mean() for part in np.s_[:320, 320:])
    assert (left > right) == (brighter_half == "left")


@pytest.mark.parametrize("size", [(1280, 720), (1920, 1080)])
@pytest.mark.parametrize("faces", [0, 1, 3, 10])
def test_a_still_crowd_has_so_many_people_fully_in_view(cast, faces, size) -> None:
    frames = list(truth(still_crowd(faces, size, seconds=1), cast))
    assert frames
    for frame in frames:
        assert len(frame.seen) == faces
        assert all(one.visible == 1 and one.facing for one in frame.seen)
        assert all(60 <= one.face_px <= 1.5 * 210 for one in frame.seen)


@pytest.mark.parametrize(("faces", "least"), [(0, 0), (1, 1), (3, 3), (10, 8)])
def test_the_detector_finds_a_still_crowd(cast, search, faces, least) -> None:
    frame = next(render(still_crowd(faces, seconds=0.1), cast))
    assert least <= len(search(frame.image)) <= faces


def test_standard_scenes_are_many_different_and_complete(cast) -> None:
    scenes = standard_scenes()
    assert len(scenes) >= 20
    assert len({one.name for one in scenes}) == len(scenes)
    assert len({one.seed for one in scenes}) == len(scenes)
    assert {one.fps for one in scenes} > {8, 25}
    for one in scenes:
        assert len({actor.name for actor in one.actors}) == len(one.actors)
        assert {actor.portrait for actor in one.actors} <= set(cast)
    kinds = {actor.kind for one in scenes for actor in one.actors}
    assert kinds == set(Kind)


def test_every_actor_of_a_standard_scene_passes_once(cast) -> None:
    for one in (replace(one, fps=8) for one in standard_scenes()):
        passes = true_passes(truth(one, cast), one.fps)
        assert sorted(p.actor for p in passes) == sorted(actor.name for actor in one.actors)
        assert all(p.attention_s <= p.dwell_s + 1.01 / one.fps for p in passes)


def seen_at(t_s: float, visible: float = 1.0, *, facing: bool = True) -> Truth:
    one = Seen("a", Kind.PERSON, (0, 0, 10, 10), visible, 0.0, facing)
    return Truth(round(t_s * 10), t_s, (one,))


def test_a_pass_goes_on_over_a_short_gap_and_ends_at_a_long_one() -> None:
    times = [0.0, 0.1, 0.2, 1.0, 1.1, 4.0, 4.1]
    passes = true_passes([seen_at(t) for t in times], fps=10, gap_s=1.5)
    assert [(p.first_s, p.last_s) for p in passes] == [(0.0, 1.1), (4.0, 4.1)]
    assert [p.attention_s for p in passes] == pytest.approx([0.5, 0.2])


def test_attention_counts_only_frames_that_are_in_view_and_facing() -> None:
    frames = [seen_at(0.0), seen_at(0.1, facing=False), seen_at(0.2, visible=0.1), seen_at(0.3)]
    (one,) = true_passes(frames, fps=10)
    assert one.attention_s == pytest.approx(0.2)
    assert one.dwell_s == pytest.approx(0.3)


def test_a_scene_is_written_as_a_video_with_its_truth_beside_it(cast, tmp_path) -> None:
    av = pytest.importorskip("av", reason="PyAV, of the extra `models`, is not installed")
    walks = scene(person("a", (0, 100, 150, 60), (2, 500, 150, 80)))
    beside = write_video(walks, cast, tmp_path / "walks.mp4")
    with av.open(str(tmp_path / "walks.mp4")) as container:
        images = [frame.to_ndarray(format="bgr24") for frame in container.decode(video=0)]
    frames = list(render(walks, cast))
    assert len(images) == len(frames)
    assert np.abs(images[3].astype(int) - frames[3].image).mean() < 4
    told = json.loads(beside.read_text())
    assert len(told["frames"]) == len(frames)
    assert told["frames"][3]["seen"][0]["box"] == pytest.approx(
        frames[3].truth.seen[0].box, abs=0.01
    )
    assert [one["kind"] for one in told["passes"]] == ["person"]


def test_portraits_that_were_not_fetched_are_named(tmp_path) -> None:
    with pytest.raises(KioskError, match=r"multi_face\.jpg"):
        load_portraits(tmp_path)
