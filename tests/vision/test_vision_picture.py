"""Pictures from outside: told apart and measured by their headers before they are decoded."""

from __future__ import annotations

import struct

import cv2
import numpy as np
import pytest

from kiosk.errors import BadInputError
from kiosk.vision.faces import Image
from kiosk.vision.picture import MOST_BYTES, read_picture

RED, GREEN = (0, 0, 250), (0, 250, 0)


def halves(width: int = 80, height: int = 40) -> Image:
    """Red on the left, green on the right."""
    image = np.zeros((height, width, 3), np.uint8)
    image[:, : width // 2], image[:, width // 2 :] = RED, GREEN
    return image


def encoded(kind: str, image: Image | None = None) -> bytes:
    return bytes(cv2.imencode(kind, halves() if image is None else image)[1])


def is_upright(image: Image) -> bool:
    """Red is on the left."""
    red, green = image[20, 8].astype(int), image[20, 72].astype(int)
    return bool(red[2] - red[1] > 140 and green[1] - green[2] > 140)


@pytest.mark.parametrize("kind", [".jpg", ".png", ".webp", ".gif", ".bmp"])
def test_a_picture_of_each_kind_is_read(kind: str) -> None:
    image = read_picture(encoded(kind))
    assert image.shape == (40, 80, 3)
    assert is_upright(image)


@pytest.mark.parametrize("quality", [80, 101], ids=["lossy", "lossless"])
def test_both_kinds_of_webp_say_their_size(quality: int) -> None:
    data = bytes(cv2.imencode(".webp", halves(), [cv2.IMWRITE_WEBP_QUALITY, quality])[1])
    assert read_picture(data).shape == (40, 80, 3)


@pytest.mark.parametrize("channels", [1, 4])
def test_grey_and_alpha_become_three_channels(channels: int) -> None:
    image = np.full((40, 80, channels), 120, np.uint8)
    assert read_picture(encoded(".png", image)).shape == (40, 80, 3)


@pytest.mark.parametrize("kind", [".gif", ".webp", ".png"])
def test_of_an_animation_the_first_picture_is_read(kind: str) -> None:
    film = cv2.Animation()
    film.frames = [halves(), np.ascontiguousarray(halves()[:, ::-1])]
    film.durations = [100, 100]
    image = read_picture(bytes(cv2.imencodeanimation(kind, film)[1]))
    assert image.shape == (40, 80, 3)
    assert is_upright(image)


@pytest.mark.parametrize(
    ("orientation", "turn"),
    [(6, cv2.ROTATE_90_COUNTERCLOCKWISE), (3, cv2.ROTATE_180), (8, cv2.ROTATE_90_CLOCKWISE)],
)
def test_a_picture_is_turned_upright_as_its_exif_says(orientation: int, turn: int) -> None:
    stored = encoded(".jpg", np.asarray(cv2.rotate(halves(), turn), np.uint8))
    entry = struct.pack("<HHIHH", 0x0112, 3, 1, orientation, 0)
    exif = b"Exif\0\0II*\0" + struct.pack("<IH", 8, 1) + entry + bytes(4)
    data = stored[:2] + b"\xff\xe1" + struct.pack(">H", len(exif) + 2) + exif + stored[2:]
    image = read_picture(data)
    assert image.shape == (40, 80, 3)
    assert is_upright(image)


def large(kind: str) -> bytes:
    """A picture whose header was altered to tell of 16,384 pixels a side or more."""
    data, side = bytearray(encoded(kind)), 30_000
    if kind == ".jpg":
        at = data.index(b"\xff\xc0") + 5
        data[at : at + 4] = struct.pack(">HH", side, side)
    elif kind == ".png":
        data[16:24] = struct.pack(">II", side, side)
    elif kind == ".gif":
        data[6:10] = struct.pack("<HH", side, side)
    elif kind == ".bmp":
        data[18:26] = struct.pack("<ii", side, -side)
    else:
        data = bytearray(cv2.imencode(".webp", halves(), [cv2.IMWRITE_WEBP_QUALITY, 101])[1])
        (bits,) = struct.unpack_from("<I", data, 21)
        struct.pack_into("<I", data, 21, bits | 0xFFFFFFF)
    return bytes(data)


@pytest.mark.parametrize("kind", [".jpg", ".png", ".webp", ".gif", ".bmp"])
def test_a_header_that_tells_of_too_many_pixels_is_believed_and_nothing_is_decoded(
    kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = large(kind)

    def never(*_: object) -> None:
        raise AssertionError("it was decoded")

    monkeypatch.setattr(cv2, "imdecode", never)
    with pytest.raises(BadInputError, match="pixels are more than the 50 million that are read"):
        read_picture(data)


@pytest.mark.parametrize("kind", [".jpg", ".png", ".webp", ".gif", ".bmp"])
@pytest.mark.parametrize("share", [0.02, 0.1, 0.3])
def test_a_picture_that_was_cut_short_is_a_sentence_or_a_picture_of_the_right_size(
    kind: str, share: float
) -> None:
    noisy = np.random.default_rng(0).integers(0, 255, (40, 80, 3), np.uint8)
    data = encoded(kind, noisy)
    try:
        image = read_picture(data[: round(share * len(data))])
    except BadInputError as bad:
        told = str(bad)
    else:
        told = f"{image.shape}"
    assert told == "(40, 80, 3)" or told.startswith(("damaged: ", "it is no picture", "the file"))


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        (b"", "the file is empty"),
        (b"GIF89a", "damaged: it begins as a GIF picture, and does not say its size"),
        (b"\xff\xd8\xff" + b"\x00" * 40, "damaged: it begins as a JPEG picture"),
        (b"\xff\xd8\xff\xe0\x00\x00" + bytes(40), "damaged: it begins as a JPEG picture"),
        (b"\xff\xd8" + b"\xff" * 5_000_000, "damaged: it begins as a JPEG picture"),
        (b"\xff\xd8" + b"\xff\xe0\0\2" * 1_000_000, "damaged: it begins as a JPEG picture"),
        (b"RIFF\0\0\0\0WEBPVP8X", "damaged: it begins as a WebP picture"),
        (b"BM" + bytes(10), "damaged: it begins as a BMP picture"),
        (b"\0\0\0\x1cftypavif", "HEIC, AVIF and films are not read"),
        (b"II*\0" + bytes(40), "it is no picture that is read here (JPEG, PNG, WebP, GIF or BMP)"),
        (bytes(MOST_BYTES + 1), "are more than the 32 MB that are read"),
    ],
)
def test_what_is_no_whole_picture_is_a_sentence(data: bytes, sentence: str) -> None:
    with pytest.raises(BadInputError) as caught:
        read_picture(data)
    assert sentence in str(caught.value)
