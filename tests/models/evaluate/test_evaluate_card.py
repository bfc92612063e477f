"""Figures are written into cards without touching another line."""

from __future__ import annotations

import dataclasses
from datetime import date
from pathlib import Path

import pytest
import yaml

from kiosk.errors import KioskError, ModelError
from kiosk.models.evaluate import Scores, evaluate_bundle, write_card
from kiosk.models.evaluate.measured import replaced
from kiosk.vision import load_bundle
from tests.models.evaluate.fakes import FakeExaminer, boxes_folder, faces_folder

CARD = """# A comment that stays.
name: {name}
title: a model   # and this one
upstream: nowhere
licence: MIT
source: {{kind: wheel, package: a, version: "1", python_tag: py3, platform: any,
  files: {{a: {hash}}}}}
reader: onnx
input: {{height_px: 8, width_px: 8, colour: BGR, source_layout: NHWC, source_colour: BGR,
  mean: [0], scale: 1}}
{rest}
tolerance: 0.5
"""
HEAD = """crop: {eye_y: 0.3, eye_distance: 0.4}
heads:
  gender: {decoder: logits, labels: [female, male]}"""
DETECTOR = "faces: {decoder: yunet, min_score: 0.5}"
BUNDLE = """name: fake
# Which models.
title: a bundle
detector: [finder]
heads: [one, two]
"""


@pytest.fixture
def models_dir(tmp_path: Path) -> Path:
    folder = tmp_path / "models_ir"
    for name, rest in (("finder", DETECTOR), ("one", HEAD), ("two", HEAD)):
        (folder / name).mkdir(parents=True)
        text = CARD.format(name=name, hash="a" * 64, rest=rest)
        (folder / name / "card.yaml").write_text(text, encoding="utf-8")
    (folder / "bundles").mkdir()
    (folder / "bundles/fake.yaml").write_text(BUNDLE, encoding="utf-8")
    return folder


@pytest.fixture
def scores(tmp_path: Path) -> Scores:
    faces_folder(tmp_path / "data")
    boxes_folder(tmp_path / "data")
    return evaluate_bundle(
        FakeExaminer(),
        tmp_path / "data",
        lambda _: None,
        bundle="fake",
        min_score=0.5,
        day=date(2026, 3, 4),
    )


def test_bundle_and_cards_get_the_figures_with_data_and_date(
    models_dir: Path, scores: Scores
) -> None:
    written = write_card(models_dir, scores)
    assert len(written) == 4
    found = load_bundle(models_dir, "fake")
    assert found.bundle.measured["detection"].startswith("detection.ap40 0.0 %")
    assert found.bundle.measured["age"].endswith("on utkface (4 pictures), 2026-03-04")
    assert "emotion" not in found.bundle.measured
    said = found.heads[0].measured["fake gender"]
    assert "gender.acc_18_75 50.0 % (0.0 to 100.0)" in said
    assert said.endswith("; on utkface (4 pictures), 2026-03-04; together with two")
    assert list(found.detector[0].measured) == ["fake detection"]


def test_every_other_line_stays_and_a_second_time_changes_nothing(
    models_dir: Path, scores: Scores
) -> None:
    card = models_dir / "one/card.yaml"
    before = card.read_text(encoding="utf-8")
    write_card(models_dir, scores)
    once = card.read_text(encoding="utf-8")
    assert once.startswith(before)
    assert max(map(len, once.splitlines())) <= 100
    write_card(models_dir, scores)
    assert card.read_text(encoding="utf-8") == once


def test_what_was_measured_in_another_bundle_stays_and_so_does_what_follows(
    models_dir: Path, scores: Scores
) -> None:
    card = models_dir / "one/card.yaml"
    old = "measured:\n  other gender: 90 %\n  fake gender: >-\n    old\n    words\n\n"
    tail = "# The end.\nnotes: something\n"
    text = card.read_text(encoding="utf-8") + old + tail
    card.write_text(text, encoding="utf-8")
    write_card(models_dir, scores)
    after = card.read_text(encoding="utf-8")
    assert after.endswith("\n\n" + tail)
    measured = yaml.safe_load(after)["measured"]
    assert measured["other gender"] == "90 %"
    assert measured["fake gender"].startswith("gender.acc_18_75")


def test_an_entry_in_one_line_is_replaced_too(tmp_path: Path) -> None:
    path = tmp_path / "card.yaml"
    path.write_text("name: a\nmeasured: {}\nnotes: b", encoding="utf-8")
    assert replaced(path, {"x": "y: z"}) == "name: a\nmeasured:\n  x: >-\n    y: z\nnotes: b\n"


def test_a_file_that_would_change_elsewhere_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "card.yaml"
    path.write_text("{name: a}", encoding="utf-8")
    with pytest.raises(ModelError, match="cannot be written without changing another key"):
        replaced(path, {"x": "y"})


def test_figures_of_a_quick_look_are_refused(models_dir: Path, scores: Scores) -> None:
    with pytest.raises(KioskError, match="at most 100 pictures"):
        write_card(models_dir, dataclasses.replace(scores, limit=100))
