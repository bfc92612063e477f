"""The bench of counting: its arithmetic on made-up passes, and the whole on a short scene."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import cv2
import numpy as np
import pytest
from click.testing import CliRunner

from kiosk.audience import EndedPass, count_pass
from kiosk.bench import as_counting_table, clips_in, count_everything
from kiosk.bench.counted import CountingResult, Followed, compare
from kiosk.bench.scenes import (
    CACHE,
    Actor,
    Kind,
    Scene,
    TruePass,
    Waypoint,
    load_portraits,
    missing,
)
from kiosk.cli import main
from kiosk.config import AudienceSettings, PrivacySettings, Settings, VisionSettings
from kiosk.errors import BadInputError, KioskError

MODELS = Path(__file__).resolve().parents[2] / "models_ir"
HER = ("her", Kind.PERSON)
POSTER = ("poster", Kind.POSTER)


def true(first_s: float, last_s: float, attention_s: float = 0.0, actor=HER) -> TruePass:
    return TruePass(*actor, first_s, last_s, attention_s)


def seen(first_s: float, last_s: float, attention_s: float = 0.0, actor=HER, *, live=True):
    """A viewer as vision followed it, and what the pass book made of it."""
    ended = EndedPass(
        last_s - first_s, attention_s, "25-34", "female", "happy", "1", 0, None
    )  # fmt: skip
    counted = count_pass(ended, AudienceSettings(), PrivacySettings()) if live else {}
    actors = Counter() if actor is None else Counter({actor: 5})
    return Followed(first_s, last_s, ended if live else None, counted, False, actors)


def compared(passes: list[TruePass], followed: list[Followed]):
    ots = sum(one.is_ots for one in followed)
    return compare("drawn", passes, ots, followed, AudienceSettings().ots_min_s)


def test_a_pass_that_is_counted_once_with_small_errors_is_right() -> None:
    row = compared([true(0, 5, 2)], [seen(0.2, 4.9, 2.9)])
    assert (row.passes_true, row.passes_counted) == (1, 1)
    assert (row.dwell_right, row.attention_right) == (1, 1)
    assert (row.dwell_error_s, row.attention_error_s) == (0.3, 0.9)
    assert (row.pictures_counted, row.nobodys, row.rejected) == (0, 0, 0)


def test_a_pass_that_is_missed_or_counted_twice_is_wrong_in_everything() -> None:
    for found in ([], [seen(0, 2, 2), seen(3, 5, 2)]):
        row = compared([true(0, 5, 4)], found)
        assert (row.dwell_right, row.attention_right) == (0, 0)
        assert row.passes_counted == len(found)


def test_errors_of_more_than_a_second_are_wrong() -> None:
    row = compared([true(0, 5, 4)], [seen(0, 3.9, 2.9)])
    assert (row.dwell_right, row.attention_right) == (0, 0)


def test_a_person_who_was_taken_for_a_picture_is_a_false_rejection() -> None:
    row = compared([true(0, 5)], [seen(0, 5, live=False)])
    assert (row.passes_counted, row.rejected) == (0, 1)
    row = compared([true(0, 5)], [seen(0, 2, live=False), seen(2.2, 5)])
    assert (row.passes_counted, row.rejected) == (1, 0)


def test_pictures_and_mistakes_of_the_detector_are_told_apart() -> None:
    row = compared(
        [true(0, 9, actor=POSTER)],
        [seen(0, 9, actor=POSTER), seen(0, 9, actor=POSTER, live=False), seen(1, 3, actor=None)],
    )
    assert (row.passes_true, row.passes_counted) == (0, 2)
    assert (row.pictures_counted, row.nobodys, row.rejected) == (1, 1, 0)


def test_a_true_pass_shorter_than_an_opportunity_to_see_does_not_count_and_is_told_of() -> None:
    row = compared([true(0, 0.9), true(2, 3.1), true(5, 9)], [seen(5, 9)])
    assert (row.passes_true, row.near_threshold, row.dwell_right) == (2, 2, 1)


def test_somebody_who_comes_again_is_compared_pass_by_pass() -> None:
    row = compared([true(0, 4, 1), true(9, 12, 3)], [seen(0, 4, 1), seen(9, 12, 3)])
    assert (row.dwell_right, row.attention_right) == (2, 2)


def test_sums_are_shares_of_all_true_passes() -> None:
    rows = (
        compared([true(0, 5), true(0, 5, actor=("him", Kind.PERSON))], [seen(0, 5)]),
        compared([true(0, 5), true(9, 12)], [seen(0, 3), seen(9, 12, live=False)]),
    )
    sums = CountingResult(rows, {}).as_dict()
    assert (sums["scenes"], sums["passes_true"], sums["passes_counted"]) == (2, 4, 2)
    assert (sums["dwell_within_1s"], sums["attention_within_1s"]) == (0.25, 0.5)
    assert sums["false_rejections"] == 0.25


def test_without_scenes_nothing_is_wrong() -> None:
    sums = CountingResult((), {}).as_dict()
    assert (sums["dwell_within_1s"], sums["false_rejections"]) == (1.0, 0.0)


@pytest.mark.parametrize("kind", ["missing", "a file", "empty"])
def test_a_folder_without_clips_is_refused_in_a_sentence(tmp_path: Path, kind: str) -> None:
    folder = tmp_path / "clips"
    if kind == "a file":
        folder.write_text("no folder")
    elif kind == "empty":
        folder.mkdir()
        (folder / "README.md").write_text("no clip")
    with pytest.raises(BadInputError, match=str(folder)):
        clips_in(folder)
    done = CliRunner().invoke(main, ["bench", "counting", "--clips", str(folder)])
    assert done.exit_code == 2
    assert isinstance(done.exception, (BadInputError, SystemExit))


def test_clips_are_told_by_their_names_whatever_the_case(tmp_path: Path) -> None:
    for name in ("b.MP4", "a.gif", "c.webm", "notes.txt"):
        (tmp_path / name).touch()
    assert [path.name for path in clips_in(tmp_path)] == ["a.gif", "b.MP4", "c.webm"]


def film(path: Path, images, fps: float) -> None:
    first = next(images)
    codec = cv2.VideoWriter_fourcc(*"MJPG")
    writer = cv2.VideoWriter(str(path), codec, fps, first.shape[1::-1])
    writer.write(first)
    for image in images:
        writer.write(image)
    writer.release()


def test_the_product_counts_a_person_and_not_a_poster(tmp_path: Path) -> None:
    if absent := missing(CACHE):
        pytest.skip(f"the sample portraits are not fetched into {CACHE}: {', '.join(absent)}")
    cast = load_portraits()
    stands = (Waypoint(0, 180, 170, 70), Waypoint(4, 200, 170, 70))
    hangs = (Waypoint(0, 480, 120, 60), Waypoint(4, 480, 120, 60))
    scene = Scene(
        "stands",
        (640, 360),
        12,
        4,
        1,
        (Actor("a", Kind.PERSON, "fair", stands), Actor("p", Kind.POSTER, "officer", hangs)),
    )
    still = np.full((360, 640, 3), 90, np.uint8)
    picture = cast["astronaut"].pictures[0]
    side = min(picture.shape[:2])
    still[80:280, 220:420] = cv2.resize(picture[:side, :side], (200, 200))
    film(tmp_path / "poster.avi", iter([still] * 30), 10)
    settings = Settings(vision=VisionSettings(models_dir=MODELS))
    try:
        result = count_everything(settings, [scene], clips_in(tmp_path), cast=cast)
    except KioskError as why:
        pytest.skip(f"the models are not built, run `kiosk models build`: {why}")
    sums = json.loads(json.dumps(result.as_dict()))
    assert (sums["passes_true"], sums["passes_counted"], sums["posters_counted"]) == (1, 1, 0)
    assert sums["dwell_within_1s"] == sums["attention_within_1s"] == 1
    assert sums["clips"]["poster.avi"]["passes"] == 0
    assert sums["clips"]["poster.avi"]["seconds"] == pytest.approx(2.9, abs=0.01)
    assert "stands" in as_counting_table(result)
    assert "poster.avi" in as_counting_table(result)
