"""Built files must be what was built."""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path

import pytest

from kiosk.config import VisionSettings
from kiosk.errors import ModelError
from kiosk.vision import BUILT, checked_ir, int8_name, verify_models

EMOTION = "emotion-mini-xception"


@pytest.fixture
def built(models_dir: Path, tmp_path: Path) -> Path:
    """A copy of one built model, without a quantised copy."""
    (tmp_path / EMOTION).mkdir()
    record = json.loads((models_dir / EMOTION / BUILT).read_text())
    kept = {file: found for file, found in record["sha256"].items() if "int8" not in file}
    for file in kept:
        shutil.copyfile(models_dir / EMOTION / file, tmp_path / EMOTION / file)
    (tmp_path / EMOTION / BUILT).write_text(json.dumps(record | {"sha256": kept}))
    return tmp_path


def add_copy(folder: Path) -> Path:
    """A quantised copy of the model, as far as its hashes say; its .xml."""
    record = json.loads((folder / EMOTION / BUILT).read_text())
    for suffix in (".xml", ".bin"):
        path = folder / EMOTION / f"{int8_name(EMOTION)}{suffix}"
        path.write_bytes(b"copy" + suffix.encode())
        record["sha256"][path.name] = hashlib.sha256(path.read_bytes()).hexdigest()
    (folder / EMOTION / BUILT).write_text(json.dumps(record))
    return folder / EMOTION / f"{int8_name(EMOTION)}.xml"


def test_a_sound_model_is_found(built: Path) -> None:
    assert checked_ir(built, EMOTION) == built / EMOTION / f"{EMOTION}.xml"


def test_without_a_quantised_copy_the_model_itself_is_taken(built: Path) -> None:
    assert checked_ir(built, EMOTION, int8=True) == checked_ir(built, EMOTION)


def test_a_quantised_copy_is_taken_when_it_is_asked_for(built: Path) -> None:
    copy = add_copy(built)
    assert checked_ir(built, EMOTION, int8=True) == copy
    assert checked_ir(built, EMOTION) == built / EMOTION / f"{EMOTION}.xml"


@pytest.mark.parametrize("int8", [True, False])
def test_a_spoilt_copy_is_refused_too(built: Path, int8: bool) -> None:
    copy = add_copy(built)
    copy.write_bytes(b"other")
    with pytest.raises(ModelError, match=f"{copy}: altered"):
        checked_ir(built, EMOTION, int8=int8)


@pytest.mark.parametrize("suffix", [".xml", ".bin"])
@pytest.mark.parametrize("fault", ["truncated", "altered", "missing"])
def test_a_spoilt_model_is_refused_by_file_and_both_hashes(
    built: Path, suffix: str, fault: str
) -> None:
    path = built / EMOTION / f"{EMOTION}{suffix}"
    data = path.read_bytes()
    if fault == "missing":
        path.unlink()
    else:
        path.write_bytes(data[:-1] if fault == "truncated" else b"#" + data[1:])
    wanted = json.loads((built / EMOTION / BUILT).read_text())["sha256"][path.name]
    sentence = f"altered: sha256 is [0-9a-f]{{64}}, built with {wanted}"
    with pytest.raises(
        ModelError, match=f"{path}: {'missing' if fault == 'missing' else sentence}"
    ):
        checked_ir(built, EMOTION)


@pytest.mark.parametrize(
    "record",
    [
        pytest.param(None, id="no record"),
        pytest.param("{", id="half a record"),
        pytest.param("[]", id="a list"),
        pytest.param('{"sha256": {}}', id="a record without files"),
        pytest.param('{"sha256": []}', id="a record with a list of files"),
        pytest.param('{"sha256": {"other.xml": "00"}}', id="a record of another model"),
    ],
)
def test_without_a_whole_record_a_model_is_not_built(built: Path, record: str | None) -> None:
    (built / EMOTION / BUILT).unlink()
    if record is not None:
        (built / EMOTION / BUILT).write_text(record)
    with pytest.raises(ModelError, match="the model is not built") as caught:
        checked_ir(built, EMOTION)
    assert "kiosk models build" in str(caught.value.hint)


def test_models_that_are_sound_are_named(models_dir: Path) -> None:
    names = verify_models(VisionSettings(models_dir=models_dir))
    assert "face-detection-yunet" in names
    assert EMOTION in names
    assert len(names) == len(set(names)) >= 4
