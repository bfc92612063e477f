"""From a folder and an examiner to figures: who counts for what, and what cannot be told."""

from __future__ import annotations

import json
import sys
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from kiosk.errors import BadInputError, KioskError
from kiosk.models.evaluate import (
    Scores,
    compare_table,
    evaluate_bundle,
    scores_json,
    scores_table,
    write_report,
)
from kiosk.models.evaluate.scores import FIGURES
from tests.models.evaluate.fakes import (
    FACE_COLUMNS,
    FakeExaminer,
    FakeLook,
    boxes_folder,
    faces_folder,
    moods_folder,
    write_index,
    write_picture,
    years,
)

DAY = date(2026, 3, 4)

FEMALE, MALE = {"female": 0.8, "male": 0.2}, {"female": 0.4, "male": 0.6}


def scored(data: Path, examiner: FakeExaminer, limit: int | None = None) -> Scores:
    return evaluate_bundle(
        examiner, data, lambda _: None, bundle="fake", min_score=0.5, day=DAY, limit=limit
    )


def values(scores: Scores) -> dict[str, float]:
    return {key: measure.value for key, measure in scores.figures.items()}


def test_faces_count_by_their_true_age(tmp_path: Path) -> None:
    faces_folder(tmp_path)
    found = scored(
        tmp_path,
        FakeExaminer(
            {
                10: FakeLook(years_p=years(11), gender_p=MALE, minor_possible=True),
                20: FakeLook(years_p=years(36), gender_p=MALE, found=False),
                30: FakeLook(years_p=years(46), gender_p=FEMALE),
                40: FakeLook(years_p=years(70), gender_p=FEMALE, minor_possible=True),
            }
        ),
    )
    told = values(found)
    # Of the truths 8, 30, 50 and 80 only the middle two are 18 to 75.
    assert told["age.mae_18_75"] == pytest.approx((6 + 4) / 2)
    assert told["age.bias_18_75"] == pytest.approx((6 - 4) / 2)
    assert told["age.mae"] == pytest.approx((3 + 6 + 4 + 10) / 4)
    assert told["age.band_acc"] == 0.75
    assert told["age.band_one_off"] == 1.0
    assert told["age.mae_by_band.65+"] == 10
    # 36 is nearer to 38-43 than to 25-32, and 46 to 48-53.
    assert told["age.adience_acc"] == 0.75
    assert (told["gender.acc"], told["gender.acc_18_75"]) == (0.5, 1.0)
    assert told["gender.acc_5_up"] == 0.5
    assert (told["minor.flagged_4_15"], told["minor.flagged_25_up"]) == (1.0, pytest.approx(1 / 3))
    assert "minor.flagged_16_17" in found.skipped
    assert told["found.faces"] == 0.75
    # Only answers of 0.75 and more are given: the two `female` ones, of which one is right.
    assert told["unknown.gender.coverage"] == 0.5
    assert told["unknown.gender.accuracy"] == 0.5
    # Ages are certain, and right in three of four bands; minors are never doubted and never wrong.
    assert told["ece.age"] == pytest.approx(0.25)
    assert told["ece.minor"] == 0


def test_moods_count_as_seven_as_five_and_as_three(tmp_path: Path) -> None:
    moods_folder(tmp_path)
    told = values(
        scored(
            tmp_path,
            FakeExaminer(
                {
                    10: FakeLook(mood_p={"happy": 0.3, "fearful": 0.4, "disgusted": 0.3}),
                    20: FakeLook(mood_p={"neutral": 0.4, "angry": 0.3, "sad": 0.3}),
                }
            ),
        )
    )
    # Fear wins of seven; among the five it is no choice, and happy is.
    assert told["emotion.acc7"] == 0.0
    assert told["emotion.acc5"] == 0.5
    # Sad and angry together outweigh neutral, and the fears outweigh happy.
    assert told["emotion.mood3"] == 0.5
    assert told["emotion.macro_f1_7"] == 0.0
    assert told["emotion.macro_f1_5"] == pytest.approx(0.5)
    assert told["ece.emotion"] == pytest.approx(0.4)


def test_boxes_count_by_mask_and_by_size(tmp_path: Path) -> None:
    boxes_folder(tmp_path)
    told = values(
        scored(
            tmp_path,
            FakeExaminer(
                finds={
                    10: [(10, 10, 20, 20, 0.9), (60, 60, 80, 80, 0.8)],
                    20: [(150, 0, 200, 90, 0.3)],
                }
            ),
        )
    )
    # By falling score: hit, false, hit; of three faces.
    assert told["detection.ap40"] == pytest.approx(1 / 3 + (1 / 3) * (2 / 3))
    # The third is below the score at which a device believes it.
    assert told["detection.recall"] == pytest.approx(1 / 3)
    assert told["detection.precision"] == 0.5
    assert told["detection.recall_unmasked"] == 1.0
    assert told["detection.recall_by_width.under_12"] == 1.0
    assert told["detection.recall_by_width.24_48"] == 0.0
    assert told["detection.recall_by_width.48_96"] == 0.0
    assert told["ece.detection"] == pytest.approx((0.1 + 0.8) / 2)


def test_nothing_found_at_all_is_a_figure_not_a_fault(tmp_path: Path) -> None:
    boxes_folder(tmp_path)
    found = scored(tmp_path, FakeExaminer())
    assert values(found)["detection.ap40"] == 0.0
    assert found.skipped["detection.precision"] == "no box with enough score in the data"


def test_json_has_every_key_nested_and_flat_and_null_with_a_reason(tmp_path: Path) -> None:
    faces_folder(tmp_path)
    told: dict[str, Any] = json.loads(json.dumps(scores_json(scored(tmp_path, FakeExaminer()))))
    assert (told["bundle"], told["date"], told["data"]) == ("fake", "2026-03-04", tmp_path.name)
    assert told["counts"] == {"utkface": {"listed": 4, "used": 4, "unreadable": 0}}
    for figure in FIGURES:
        place = told
        for part in figure.key.split("."):
            place = place[part]
        assert place == told["flat"][figure.key]
        assert (place is None) == (figure.key in told["skipped"])
    assert told["detection"]["ap40"] is None
    assert "annotations/*.xml" in told["skipped"]["detection.ap40"]
    assert "ferplus_test" in told["skipped"]["ece.mood3"]
    assert told["ms"] == {"frame": 2.0, "face": 1.0, "some-model": 0.5}
    low, high = told["ci95"]["gender.acc"]
    assert low <= told["gender"]["acc"] <= high
    assert told["n"]["gender.acc"] == 4
    assert told["thresholds"]["gender"]["reaching"]["0.98"] is None


def test_what_a_bundle_does_not_estimate_is_null_with_that_reason(tmp_path: Path) -> None:
    faces_folder(tmp_path)
    examiner = FakeExaminer(tasks=frozenset({"gender"}))
    told = scores_json(scored(tmp_path, examiner))
    assert told["age"]["mae_18_75"] is None
    for key in ("age.mae_18_75", "minor.flagged_4_15", "ece.minor", "unknown.age.coverage"):
        assert told["skipped"][key] == "the bundle does not estimate age"
    assert told["gender"]["acc"] is not None


def test_a_damaged_picture_is_left_out_named_and_counted(tmp_path: Path) -> None:
    folder = faces_folder(tmp_path)
    (folder / "20.png").write_bytes(b"not a picture")
    (folder / "30.png").unlink()
    found = scored(tmp_path, FakeExaminer())
    assert vars(found.counts["utkface"]) == {"listed": 4, "used": 2, "unreadable": 2}
    assert len(found.notes) == 2
    assert "20.png: damaged" in found.notes[0]
    assert "30.png: there is no such picture" in found.notes[1]
    assert found.figures["age.mae"].n == 2
    assert found.notes[1] in scores_table(found)


def test_if_no_picture_of_a_set_can_be_used_it_fails(tmp_path: Path) -> None:
    folder = faces_folder(tmp_path)
    for picture in folder.glob("*.png"):
        picture.write_bytes(b"")
    with pytest.raises(BadInputError, match="utkface: none of 4 pictures can be used"):
        scored(tmp_path, FakeExaminer())


def test_of_many_damaged_pictures_twenty_are_named(tmp_path: Path) -> None:
    folder = tmp_path / "utkface"
    write_picture(folder / "ok.png", 10)
    rows = [("ok.png", 30, "male"), *((f"{number}.png", 30, "male") for number in range(23))]
    write_index(folder, FACE_COLUMNS, rows)
    notes = scored(tmp_path, FakeExaminer()).notes
    assert len(notes) == 21
    assert notes[-1] == "left out: 3 more pictures of utkface like these"


def test_boxes_drawn_on_another_size_are_not_believed(tmp_path: Path) -> None:
    folder = boxes_folder(tmp_path)
    write_picture(folder / "images/10.png", 10, 100, 200)
    found = scored(tmp_path, FakeExaminer())
    assert "is 100x200 pixels when upright, but its boxes were drawn on 200x100" in found.notes[0]
    assert found.figures["detection.recall"].n == 1


def test_a_limit_takes_pictures_evenly_from_the_whole_list(tmp_path: Path) -> None:
    faces_folder(tmp_path)
    found = scored(tmp_path, FakeExaminer(), limit=2)
    assert found.seen.faces.age.tolist() == [8, 50]
    assert scores_json(found)["limit"] == 2


def test_the_table_shows_every_figure_with_unit_interval_and_number(tmp_path: Path) -> None:
    faces_folder(tmp_path)
    table = scores_table(scored(tmp_path, FakeExaminer()))
    assert "bundle fake on" in table
    assert "2026-03-04" in table
    line = next(line for line in table.splitlines() if line.startswith("gender: accuracy, all"))
    assert line.endswith(" n 4")
    assert "50.0 % (0.0 to 100.0)" in line
    assert "not measured: detection.ap40 and" in table


def test_bundles_stand_side_by_side_with_the_best_in_bold(tmp_path: Path) -> None:
    faces_folder(tmp_path)
    good = {tone: FakeLook(years_p=years(age)) for tone, age in ((20, 30), (30, 50))}
    rows = compare_table(
        [scored(tmp_path, FakeExaminer(good)), scored(tmp_path, FakeExaminer())]
    ).splitlines()
    assert rows[0] == "| figure | fake | fake | n |"
    mae = next(row for row in rows if "mean absolute error, 18 to 75" in row)
    assert "| **0.00 y (0.00 to 0.00)** | 10.00 y (0.00 to 20.00) | 2 |" in mae
    assert not any("average precision" in row for row in rows)


def test_a_report_has_a_page_and_a_plot_of_what_was_measured(tmp_path: Path) -> None:
    for make in (faces_folder, moods_folder, boxes_folder):
        make(tmp_path / "data")
    found = scored(tmp_path / "data", FakeExaminer())
    page = write_report(tmp_path / "report", [found])
    text = page.read_text(encoding="utf-8")
    plots = sorted(path.name for path in page.parent.glob("*.png"))
    assert plots == [
        *("age-confusion.png", "age-error.png", "detection.png", "gender.png", "minors.png"),
        *("mood-confusion.png", "reliability.png", "unknown.png"),
    ]
    assert all(f"]({plot})" in text for plot in plots)
    assert "| `gender.acc_18_75` |" in text
    assert str(tmp_path) not in text


def test_a_report_of_little_has_few_plots_and_those_of_before_are_gone(tmp_path: Path) -> None:
    boxes_folder(tmp_path / "data")
    (tmp_path / "report").mkdir()
    (tmp_path / "report/minors.png").write_bytes(b"old")
    page = write_report(tmp_path / "report", [scored(tmp_path / "data", FakeExaminer())])
    assert [path.name for path in page.parent.glob("*.png")] == ["detection.png"]


def test_a_report_of_several_bundles_compares_them(tmp_path: Path) -> None:
    faces_folder(tmp_path / "data")
    found = scored(tmp_path / "data", FakeExaminer())
    page = write_report(tmp_path / "report", [found, found])
    assert "| figure | fake | fake | n |" in page.read_text(encoding="utf-8")
    assert (tmp_path / "report/fake/report.md").is_file()


def test_without_matplotlib_a_report_is_refused_in_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    faces_folder(tmp_path / "data")
    monkeypatch.delitem(sys.modules, "kiosk.models.evaluate.plots", raising=False)
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(KioskError, match="need matplotlib"):
        write_report(tmp_path / "report", [scored(tmp_path / "data", FakeExaminer())])


def test_a_report_that_cannot_be_written_is_one_sentence(tmp_path: Path) -> None:
    faces_folder(tmp_path / "data")
    (tmp_path / "file").write_text("", encoding="utf-8")
    with pytest.raises(BadInputError, match="the report cannot be written"):
        write_report(tmp_path / "file/report", [scored(tmp_path / "data", FakeExaminer())])
