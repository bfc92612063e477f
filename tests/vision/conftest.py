"""What tests of vision look at: the sample clip, the built models, the measuring clips."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

from kiosk.config import VisionSettings
from kiosk.vision import BUILT, open_finder
from kiosk.vision.faces import Image
from kiosk.vision.finders import Finder
from kiosk.vision.pipeline import Pipeline

ROOT = Path(__file__).resolve().parents[2]
SAMPLE = ROOT / "kiosk/demo/campaign/build/WolfgangLanger_Pexels.mp4"
DATA = Path(os.environ.get("KIOSK_DATA") or ROOT.parent / "shared/data")


def frames_of(path: Path, count: int | None = None) -> list[Image]:
    """The first frames of a video."""
    capture, frames = cv2.VideoCapture(str(path)), []
    while count is None or len(frames) < count:
        grabbed, image = capture.read()
        if not grabbed:
            break
        frames.append(np.asarray(image, np.uint8))
    capture.release()
    return frames


@pytest.fixture(scope="session")
def models_dir() -> Path:
    """Built models."""
    folder = ROOT / "models_ir"
    if not (folder / "face-detection-yunet/built.json").is_file():
        pytest.skip("the models are not built: run `kiosk models build`")
    return folder


@pytest.fixture(scope="session")
def sample() -> Path:
    """One woman, from worried to laughing: 640x360, 472 frames."""
    if not SAMPLE.is_file():
        pytest.skip("the sample clip is not there: `kiosk demo` fetches it")
    return SAMPLE


@pytest.fixture(scope="session")
def portrait(sample: Path) -> Image:
    """A frame of the sample clip."""
    return frames_of(sample, 1)[0]


@pytest.fixture(scope="session")
def clip() -> Callable[[str], Path]:
    """A clip of the measuring data, by its name; skips where a machine has none of it."""

    def find(name: str) -> Path:
        path = DATA / "clips" / name
        if not path.is_file():
            pytest.skip(f"no {path}: set KIOSK_DATA to the folder of measuring data")
        return path

    return find


@pytest.fixture(scope="session")
def pipeline(models_dir: Path) -> Pipeline:
    """The default bundle, loaded once; only for tests that leave no viewer behind."""
    return Pipeline(VisionSettings(models_dir=models_dir), "test")


@pytest.fixture(scope="session")
def finder(models_dir: Path) -> Finder:
    """The face detector of the default bundle, loaded once."""
    return open_finder(VisionSettings(models_dir=models_dir))


@pytest.fixture(scope="session")
def bare_dir(models_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The default detector without models that look at a face: quick to load."""
    folder, name = tmp_path_factory.mktemp("models"), "face-detection-yunet"
    (folder / name).symlink_to(models_dir / name)
    (folder / "bundles").mkdir()
    told = f"name: default\ntitle: a detector\ndetector: [{name}]\n"
    (folder / "bundles/default.yaml").write_text(told)
    return folder


@pytest.fixture
def two_models(tmp_path: Path) -> Path:
    """Two models that were built, as far as their hashes say."""
    for name in "ab":
        (tmp_path / name).mkdir()
        hashes = {}
        for stem in (name, f"{name}-int8"):
            path = tmp_path / name / f"{stem}.xml"
            path.write_text(stem)
            if stem in ("a", "a-int8", "b"):
                hashes[path.name] = hashlib.sha256(path.read_bytes()).hexdigest()
        (tmp_path / name / BUILT).write_text(json.dumps({"sha256": hashes}))
    return tmp_path
