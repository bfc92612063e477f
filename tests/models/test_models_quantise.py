"""INT8 copies: made on enough pictures only, and never left behind when they are not kept."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from kiosk.errors import BadInputError, ModelError
from kiosk.models import int8_table, quantise, quantise_bundle
from kiosk.vision import BUILT, checked_ir, int8_name
from kiosk.vision.faces import Image
from tests.models.evaluate.fakes import MOOD_COLUMNS, write_index
from tests.vision.conftest import frames_of, models_dir, sample

__all__ = ["models_dir", "sample"]

EMOTION, FACES = "emotion-mini-xception", "face-detection-yunet"


@pytest.fixture
def folder(models_dir: Path, tmp_path: Path) -> Path:
    """A bundle of the detector and one small head, copied, without quantised copies."""
    target = tmp_path / "models"
    for name in (EMOTION, FACES):
        (target / name).mkdir(parents=True)
        shutil.copyfile(models_dir / name / "card.yaml", target / name / "card.yaml")
        record = json.loads((models_dir / name / BUILT).read_text())
        kept = {file: found for file, found in record["sha256"].items() if "int8" not in file}
        for file in kept:
            shutil.copyfile(models_dir / name / file, target / name / file)
        (target / name / BUILT).write_text(json.dumps(record | {"sha256": kept}))
    (target / "bundles").mkdir()
    told = f"name: small\ntitle: small\ndetector: [{FACES}]\nheads: [{EMOTION}]\n"
    (target / "bundles/small.yaml").write_text(told)
    return target


def labelled(folder: Path, frames: list[Image]) -> Path:
    """Faces out of a film, from worried to happy."""
    rows = []
    for place, frame in enumerate(frames):
        path = folder / "ferplus_test" / f"{place}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(path), cv2.resize(frame[40:340, 260:560], (96, 96)))
        mood = "happiness" if place > len(frames) / 2 else "sadness"
        rows.append((path.name, "test", mood, 1))
    write_index(folder / "ferplus_test", MOOD_COLUMNS, rows)
    return folder


@pytest.fixture(scope="module")
def film(sample: Path) -> list[Image]:
    return frames_of(sample)


def state(folder: Path) -> dict[str, Any]:
    """Which files there are, and which are recorded."""
    return {
        name: (
            sorted(path.name for path in (folder / name).iterdir()),
            json.loads((folder / name / BUILT).read_text()),
        )
        for name in (EMOTION, FACES)
    }


def test_too_few_pictures_are_refused_and_leave_nothing(
    folder: Path, film: list[Image], tmp_path: Path
) -> None:
    data, before, said = labelled(tmp_path / "data", film[::40]), state(folder), []
    with pytest.raises(BadInputError, match="no model of bundle small has 50 labelled") as caught:
        quantise_bundle(folder, "small", data, said.append)
    assert caught.value.hint
    assert any("too few" in sentence for sentence in said)
    assert state(folder) == before
    for name in (EMOTION, FACES):
        assert checked_ir(folder, name, int8=True).stem == name


def test_a_model_that_is_not_built_is_one_sentence(
    folder: Path, film: list[Image], tmp_path: Path
) -> None:
    (folder / EMOTION / BUILT).unlink()
    with pytest.raises(ModelError, match="the model is not built"):
        quantise_bundle(folder, "small", labelled(tmp_path / "data", film[::4]), lambda _: None)


@pytest.mark.long
@pytest.mark.parametrize("worth", ["always", "never", "it fails"])
def test_a_copy_is_kept_only_when_it_pays(
    folder: Path, film: list[Image], tmp_path: Path, worth: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The limits are moved, so that each outcome comes about on any computer."""
    pytest.importorskip("nncf")
    gain = 1e6 if worth == "never" else 0.0
    monkeypatch.setattr("kiosk.models.quantise.LEAST_GAIN", gain)
    monkeypatch.setattr("kiosk.models.quantise.LARGEST_LOSS_POINTS", 100.0)
    monkeypatch.setattr("kiosk.models.quantise.TIMED_RUNS", 3)
    data, before = labelled(tmp_path / "data", film[::4][:100]), state(folder)
    if worth == "it fails":
        # Every second picture is held back, and read only when the copies have been made.
        (data / "ferplus_test/1.png").write_bytes(b"damaged")
        with pytest.raises(BadInputError, match=r"1\.png"):
            quantise_bundle(folder, "small", data, lambda _: None)
        assert state(folder) == before, "nothing is left of a copy that was not compared"
        return
    (result,) = quantise_bundle(folder, "small", data, lambda _: None)
    assert result.model == EMOTION, "the detector has no pictures of its own here"
    assert set(result.before) == set(result.after) == {"emotion"}
    assert result.ms > 0
    assert result.int8_ms > 0
    assert result.kept == (not result.why)
    assert result.kept == (worth == "always")
    files = state(folder)[EMOTION]
    copies = {f"{int8_name(EMOTION)}{suffix}" for suffix in (".xml", ".bin")}
    for known in (set(files[0]), set(files[1]["sha256"])):
        assert (copies & known == copies) if result.kept else not (copies & known)
    wanted = int8_name(EMOTION) if result.kept else EMOTION
    assert checked_ir(folder, EMOTION, int8=True).stem == wanted
    assert checked_ir(folder, EMOTION).stem == EMOTION
    assert checked_ir(folder, FACES, int8=True).stem == FACES
    if not result.kept:
        assert state(folder) == before


def test_the_table_says_why_a_copy_was_not_kept() -> None:
    results = [
        quantise.Int8Result("a", True, {"age": 5.0}, {"age": 5.05}, 4.0, 2.0, 2.0, ""),
        quantise.Int8Result(
            "b",
            False,
            {"gender": 95.0},
            {"gender": 90.0},
            4.0,
            2.0,
            2.0,
            "gender loses 5.00 points",
        ),
    ]
    first, second = int8_table(results).splitlines()[1:]
    assert "kept" in first
    assert "not kept" not in first
    assert "not kept: gender loses 5.00 points" in second


def test_pictures_that_calibrate_are_not_those_that_compare() -> None:
    numbers = list(np.arange(700))
    fed, held = set(quantise._calibrating(numbers)), set(quantise._held_back(numbers))
    assert not fed & held
    assert len(fed) == 300
    assert len(held) == 350
