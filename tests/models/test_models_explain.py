"""Heat maps: a model that looks at one place is shown to have looked at that place."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import cv2
import numpy as np
import pytest

from kiosk.config import VisionSettings
from kiosk.errors import BadInputError
from kiosk.models import draw_explanation, explain_photo
from kiosk.models.explain import Saliency
from kiosk.vision import open_examiner
from kiosk.vision.faces import Faces, Image
from kiosk.vision.heads import Head
from tests.vision.conftest import models_dir, portrait, sample
from tests.vision.fakes import PlayedNetwork, head_card

__all__ = ["models_dir", "portrait", "sample"]

SIDE = 56
POINTS = np.array(
    [[60, 70], [100, 70], [80, 92], [80, 112], [np.nan] * 2, [np.nan] * 2], np.float32
)
FACE = Faces(np.array([[40, 40, 120, 140]], np.float32), np.array([0.9], np.float32), POINTS[None])
HEADS = {
    "gender": {"decoder": "probabilities", "labels": ["female", "male"]},
    "age": {"decoder": "years", "years": [1]},
}


class Room:
    """An examiner with one face and one model that looks only at a spot of its chip."""

    def __init__(self, spot: tuple[int, int], task: str = "gender", face: bool = True) -> None:
        self.asked = 0
        card = head_card("played", SIDE, **{task: HEADS[task]})
        network = PlayedNetwork(SIDE, SIDE, 3, lambda image: self._say(image, spot, task))
        self.heads = [Head(card, network)]
        self.labels = {"gender": ["female", "male"]}
        self._face = face

    def _say(self, image: Image, spot: tuple[int, int], task: str) -> dict[str, Any]:
        """The surer or older, the more of the picture's own contrast is there about the spot."""
        self.asked += 1
        x, y = spot
        there = image[y - 5 : y + 6, x - 5 : x + 6].astype(np.float32)
        share = min(float(there.std()) / 80, 1.0)
        said = [[0.5 + 0.5 * share, 0.5 - 0.5 * share]] if task == "gender" else [[40 * share]]
        return {task: np.asarray(said, np.float32)}

    def main_face(self, _image: Image) -> Faces:
        return FACE if self._face else Faces.none()

    def keypoints(self, _image: Image) -> Any:
        return POINTS


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    """A picture with detail everywhere."""
    tiles = np.random.default_rng(0).integers(0, 2, (80, 80, 1), np.uint8) * 255
    path = tmp_path / "photo.png"
    cv2.imwrite(str(path), np.broadcast_to(tiles.repeat(2, 0).repeat(2, 1), (160, 160, 3)))
    return path


@pytest.mark.parametrize("task", ["gender", "age"])
@pytest.mark.parametrize("spot", [(15, 18), (40, 20), (28, 42)])
def test_the_heat_is_where_the_model_looked(photo: Path, spot: tuple[int, int], task: str) -> None:
    (found,) = explain_photo(Room(spot, task), photo, masks=400)
    assert (found.model, found.task) == ("played", task)
    assert found.heat.shape == found.chip.shape[:2] == (SIDE, SIDE)
    assert found.heat.min() >= 0
    assert found.heat.max() == pytest.approx(1)
    y, x = np.unravel_index(found.heat.argmax(), found.heat.shape)
    assert np.hypot(x - spot[0], y - spot[1]) < 9
    ys, xs = np.mgrid[:SIDE, :SIDE]
    near = np.hypot(xs - spot[0], ys - spot[1]) < 12
    assert found.heat[near].mean() > 4 * found.heat[~near].mean()


def test_a_model_is_asked_once_plainly_and_once_for_each_mask(photo: Path) -> None:
    room = Room((28, 28))
    explain_photo(room, photo, masks=60)
    assert room.asked == 61


def test_the_answer_is_in_words(photo: Path) -> None:
    (gender,) = explain_photo(Room((28, 28), "gender"), photo, masks=5)
    (age,) = explain_photo(Room((28, 28), "age"), photo, masks=5)
    assert gender.answer.startswith("female, ")
    assert gender.answer.endswith(" %")
    assert age.answer.endswith(" years")


def test_the_same_photo_is_explained_the_same_again(photo: Path) -> None:
    first, second = (explain_photo(Room((20, 30)), photo, masks=50)[0] for _ in range(2))
    np.testing.assert_array_equal(first.heat, second.heat)


def test_a_photo_without_a_face_is_one_sentence(photo: Path) -> None:
    with pytest.raises(BadInputError, match=f"{photo}: no face is found in it") as caught:
        explain_photo(Room((28, 28), face=False), photo, masks=5)
    assert caught.value.hint


@pytest.mark.parametrize("content", [None, b"", b"no picture"])
def test_what_is_no_picture_is_one_sentence(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "photo.jpg"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(BadInputError, match=str(path)):
        explain_photo(Room((28, 28)), path, masks=5)


def saliency(side: int = 32) -> Saliency:
    chip = np.full((side, side, 3), 90, np.uint8)
    return Saliency("m", "gender", "female, 90 %", chip, np.eye(side, dtype=np.float32))


@pytest.mark.parametrize("count", [1, 5])
def test_a_picture_is_written_that_can_be_read(tmp_path: Path, count: int) -> None:
    target = tmp_path / "out.png"
    draw_explanation([saliency(32 + n) for n in range(count)], "photo.jpg", target)
    image = cv2.imread(str(target))
    assert image is not None
    assert image.shape[0] > 300
    assert image.shape[1] > 200 * count
    assert image.std() > 10


def test_where_it_cannot_be_written_is_one_sentence(tmp_path: Path) -> None:
    target = tmp_path / "nowhere/out.png"
    with pytest.raises(BadInputError, match=f"{target}: cannot be written"):
        draw_explanation([saliency()], "photo.jpg", target)


def test_a_bundle_without_heads_is_one_sentence(photo: Path, tmp_path: Path) -> None:
    room = SimpleNamespace(
        heads=[], labels={}, main_face=lambda _: FACE, keypoints=lambda _: POINTS
    )
    with pytest.raises(BadInputError):
        draw_explanation(explain_photo(room, photo, masks=5), "photo.png", tmp_path / "out.png")


def test_the_real_models_explain_a_real_face(
    models_dir: Path, portrait: Image, tmp_path: Path
) -> None:
    path = tmp_path / "woman.png"
    cv2.imwrite(str(path), portrait)
    examiner = open_examiner(VisionSettings(models_dir=models_dir))
    found = explain_photo(examiner, path, masks=40)
    wanted = {(head.card.name, task) for head in examiner.heads for task in head.tasks}
    assert {(one.model, one.task) for one in found} == wanted
    for one in found:
        assert np.isfinite(one.heat).all()
        assert one.chip.shape == (*one.heat.shape, 3)
    draw_explanation(found, path.name, tmp_path / "out.png")
    assert (tmp_path / "out.png").stat().st_size > 10_000
