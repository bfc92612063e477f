"""Pictures of any common kind, read as the models expect them."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np

from kiosk.errors import BadInputError
from kiosk.models.evaluate.examiner import Image

MIN_SIDE_PX = 8
"""Less than this shows no face, and no model's resampling is meant for it."""

_WHAT_TO_DO = "replace it or remove its row"


def read_picture(path: Path) -> Image:
    """Read a picture as uint8 BGR, [height, width, 3], upright.

    It is turned as its EXIF orientation says; grey becomes three equal channels; 16 bits become 8
    (divided by 256, whatever range it uses); alpha is dropped; of an animation the first picture.

    Raises:
        BadInputError: it is missing, unreadable, damaged or smaller than 8 pixels.
    """
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        raise BadInputError(f"{path}: there is no such picture; {_WHAT_TO_DO}") from None
    except OSError as bad:
        raise BadInputError(f"{path}: cannot be read: {bad.strerror}; {_WHAT_TO_DO}") from bad
    if not data:
        raise BadInputError(f"{path}: the file is empty; {_WHAT_TO_DO}")
    image = _decoded(data)
    if image is None:
        raise BadInputError(
            f"{path}: damaged, or no picture that OpenCV reads (JPEG, PNG, WebP, TIFF, BMP);"
            f" {_WHAT_TO_DO}"
        )
    height, width = image.shape[:2]
    if min(height, width) < MIN_SIDE_PX:
        raise BadInputError(
            f"{path}: {width}x{height} pixels are too few for a face"
            f" (at least {MIN_SIDE_PX}x{MIN_SIDE_PX}); {_WHAT_TO_DO}"
        )
    return image


def _decoded(data: bytes) -> Image | None:
    # OpenCV reads this when it is first imported; what is wrong with a picture, we say.
    os.environ.setdefault("OPENCV_LOG_LEVEL", "OFF")
    import cv2

    try:
        # Without ANYDEPTH and IGNORE_ORIENTATION, this flag asks for all that is promised above.
        image = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    except cv2.error:
        return None
    if image is None:
        return None
    pixels: Image = np.ascontiguousarray(image, dtype=np.uint8)
    return pixels


def fitted(image: Image, width_px: int, height_px: int) -> Image:
    """The picture as large as fits in the middle of a grey frame of the given size."""
    import cv2

    height, width = image.shape[:2]
    scale = min(width_px / width, height_px / height)
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    inner = cv2.resize(image, size, interpolation=cv2.INTER_LINEAR)
    frame = np.full((height_px, width_px, 3), 128, np.uint8)
    top, left = (height_px - size[1]) // 2, (width_px - size[0]) // 2
    frame[top : top + size[1], left : left + size[0]] = inner
    return frame
