"""Cards, bundles, and built files that must be what was built."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from kiosk.errors import BadInputError, ModelError
from kiosk.vision import BUILT, checked_ir, load_bundle, load_card

ROOT = Path(__file__).resolve().parents[2]
EMOTION = "emotion-mini-xception"


@pytest.fixture
def cards(tmp_path: Path) -> Path:
    """A copy of the committed cards and bundles, that a test may spoil."""
    for card in (ROOT / "models_ir").glob("*/*.yaml"):
        target = tmp_path / card.relative_to(ROOT / "models_ir")
        target.parent.mkdir(exist_ok=True)
        shutil.copyfile(card, target)
    return tmp_path


@pytest.fixture
def built(models_dir: Path, tmp_path: Path) -> Path:
    """A copy of one built model."""
    shutil.copytree(models_dir / EMOTION, tmp_path / EMOTION)
    return tmp_path


def test_every_committed_card_and_bundle_can_be_read() -> None:
    for bundle in (ROOT / "models_ir/bundles").glob("*.yaml"):
        read, cards = load_bundle(ROOT / "models_ir", bundle.stem)
        assert read.name == bundle.stem
        assert {card.name for card in cards.values()} == set(read.models.values())


def test_an_unknown_key_of_a_card_is_named_with_its_file_and_line(cards: Path) -> None:
    path = cards / EMOTION / "card.yaml"
    lines = path.read_text().replace("tolerance:", "tolerence:").splitlines()
    path.write_text("\n".join(lines))
    line = next(n for n, text in enumerate(lines, 1) if "tolerence" in text)
    with pytest.raises(ModelError) as caught:
        load_card(cards, EMOTION)
    assert f'{path}:{line}: tolerence: unknown key; did you mean "tolerance"?' in str(caught.value)
    assert isinstance(caught.value, BadInputError)


def test_an_unknown_bundle_names_the_known_ones(cards: Path) -> None:
    with pytest.raises(ModelError, match="no bundle 'defualt'") as caught:
        load_bundle(cards, "defualt")
    assert "default" in str(caught.value.hint)


@pytest.mark.parametrize(
    ("models", "sentence"),
    [
        pytest.param(f"{{emotion: {EMOTION}}}", "needs a model for face-detection", id="no faces"),
        pytest.param(
            f"{{face-detection: {EMOTION}}}", f"{EMOTION} is a model for emotion", id="wrong task"
        ),
        pytest.param("{face-detection: nothing}", "there is no such file", id="no card"),
        pytest.param("{race: x}", "models.race", id="a task that we do not do"),
    ],
)
def test_a_bundle_that_cannot_work_is_refused(cards: Path, models: str, sentence: str) -> None:
    (cards / "bundles/odd.yaml").write_text(f"name: odd\ntitle: odd\nmodels: {models}\n")
    with pytest.raises(ModelError, match=sentence):
        load_bundle(cards, "odd")


def test_a_sound_model_is_found(built: Path) -> None:
    assert checked_ir(built, EMOTION) == built / EMOTION / f"{EMOTION}.xml"


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
    ],
)
def test_without_a_whole_record_a_model_is_not_built(built: Path, record: str | None) -> None:
    (built / EMOTION / BUILT).unlink()
    if record is not None:
        (built / EMOTION / BUILT).write_text(record)
    with pytest.raises(ModelError, match="the model is not built") as caught:
        checked_ir(built, EMOTION)
    assert "kiosk models build" in str(caught.value.hint)
