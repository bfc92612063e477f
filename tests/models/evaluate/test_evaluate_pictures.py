"""Pictures of every kind come in upright, in colour and in 8 bits; the others are one sentence."""

from __future__ import annotations

import struct
from pathlib import Path

import cv2
import numpy as np
import pytest

from kiosk.errors import BadInputError
from kiosk.models.evaluate.pictures import fitted, read_picture

RANDOM = np.random.default_rng(3).integers(0, 256, (60, 90, 3), dtype=np.uint8)


def encoded(kind: str, image: np.ndarray) -> bytes:
    good, data = cv2.imencode(kind, image)
    assert good
    return data.tobytes()


def with_orientation(jpeg: bytes, orientation: int) -> bytes:
    """A JPEG whose EXIF part says how it was held."""
    tiff = b"II*\0" + struct.pack("<IHHHIHHI", 8, 1, 0x0112, 3, 1, orientation, 0, 0)
    part = b"Exif\0\0" + tiff
    return jpeg[:2] + b"\xff\xe1" + struct.pack(">H", len(part) + 2) + part + jpeg[2:]


def read(tmp_path: Path, data: bytes) -> np.ndarray:
    path = tmp_path / "picture"
    path.write_bytes(data)
    return read_picture(path)


def test_colours_are_kept(tmp_path: Path) -> None:
    found = read(tmp_path, encoded(".png", RANDOM))
    assert found.dtype == np.uint8
    assert (found == RANDOM).all()


def test_grey_becomes_three_equal_channels(tmp_path: Path) -> None:
    found = read(tmp_path, encoded(".png", RANDOM[:, :, 0]))
    assert (found == RANDOM[:, :, :1]).all()


@pytest.mark.parametrize("kind", [".png", ".tiff"])
def test_sixteen_bits_become_eight_by_scaling(tmp_path: Path, kind: str) -> None:
    deep = np.arange(60 * 90, dtype=np.uint16).reshape(60, 90) * 12
    found = read(tmp_path, encoded(kind, deep))
    assert found.dtype == np.uint8
    assert (found[:, :, 0] == deep >> 8).all()


def test_alpha_is_dropped(tmp_path: Path) -> None:
    clear = np.dstack([RANDOM, np.zeros((60, 90), np.uint8)])
    assert (read(tmp_path, encoded(".png", clear)) == RANDOM).all()


@pytest.mark.parametrize(
    ("orientation", "turn"),
    [
        (1, None),
        (3, cv2.ROTATE_180),
        (6, cv2.ROTATE_90_CLOCKWISE),
        (8, cv2.ROTATE_90_COUNTERCLOCKWISE),
    ],
)
def test_a_photo_is_turned_as_its_exif_says(
    tmp_path: Path, orientation: int, turn: int | None
) -> None:
    jpeg = encoded(".jpg", cv2.GaussianBlur(RANDOM, (0, 0), 9))
    plain = cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR)
    wanted = plain if turn is None else cv2.rotate(plain, turn)
    found = read(tmp_path, with_orientation(jpeg, orientation))
    assert found.shape == wanted.shape
    assert (found == wanted).all()


@pytest.mark.parametrize("size", [(2160, 3840), (120, 160)], ids=["4K", "160x120"])
def test_large_and_small_pictures_are_read(tmp_path: Path, size: tuple[int, int]) -> None:
    assert read(tmp_path, encoded(".jpg", np.zeros((*size, 3), np.uint8))).shape == (*size, 3)


JPEG = encoded(".jpg", RANDOM)
PNG = encoded(".png", RANDOM)
BROKEN = {
    "empty": (b"", "the file is empty"),
    "text": (b"not a picture at all", "damaged, or no picture"),
    "half-a-jpeg": (JPEG[: len(JPEG) // 2], "damaged, or no picture"),
    "half-a-png": (PNG[: len(PNG) // 2], "damaged, or no picture"),
    "a-jpeg's-head": (JPEG[:100], "damaged, or no picture"),
    "flipped-png": (PNG[:900] + bytes([PNG[900] ^ 255]) + PNG[901:], "damaged, or no picture"),
    "speck": (encoded(".png", RANDOM[:7, :7]), "7x7 pixels are too few for a face"),
}


@pytest.mark.parametrize("case", BROKEN, ids=str)
def test_what_cannot_be_read_is_one_sentence_that_says_what_to_do(
    tmp_path: Path, case: str
) -> None:
    data, said = BROKEN[case]
    with pytest.raises(BadInputError) as bad:
        read(tmp_path, data)
    assert str(bad.value).startswith(f"{tmp_path / 'picture'}: ")
    assert said in str(bad.value)
    assert "replace it or remove its row" in str(bad.value)


def test_a_missing_picture_and_a_folder_are_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(BadInputError, match="there is no such picture"):
        read_picture(tmp_path / "none.jpg")
    with pytest.raises(BadInputError, match="cannot be read"):
        read_picture(tmp_path)


def test_a_picture_is_fitted_into_a_frame_without_changing_its_shape() -> None:
    frame = fitted(np.zeros((100, 100, 3), np.uint8), 1280, 720)
    assert frame.shape == (720, 1280, 3)
    dark = np.argwhere(frame[:, :, 0] == 0)
    assert (dark.min(axis=0).tolist(), dark.max(axis=0).tolist()) == ([0, 280], [719, 999])
