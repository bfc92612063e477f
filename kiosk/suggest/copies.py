"""Annotated copies of photos, where somebody asked for them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from kiosk import terms
from kiosk.errors import BadInputError
from kiosk.suggest.answer import Suggestion
from kiosk.vision import annotate_photo

if TYPE_CHECKING:
    from kiosk.vision import PhotoFace


def write_copy(data: bytes, found: Suggestion, folder: Path, stem: str) -> Path:
    """Write a copy of a photo with its faces boxed and named.

    Args:
        data: the photo.
        found: what is on it.
        folder: made if it is not there.
        stem: of the copy's name; a number follows it where one is there already.

    Returns:
        Its path.

    Raises:
        BadInputError: it cannot be written there.
    """
    boxes = [
        (face.box, f"{number} {_label(face)}") for number, face in enumerate(found.photo.faces, 1)
    ]
    copy = annotate_photo(data, boxes)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        number = 1
        while True:
            target = folder / f"{stem}-suggest{f'-{number}' if number > 1 else ''}.jpg"
            try:
                with target.open("xb") as file:
                    file.write(copy)
            except FileExistsError:
                number += 1
                continue
            return target
    except OSError as bad:
        raise BadInputError(
            f"{folder}: no copy can be written there: {bad.strerror}",
            hint="name another folder with --out",
        ) from bad


def _label(face: PhotoFace) -> str:
    if not face.large_enough:
        return "too small"
    told = (face.age, face.gender, face.mood)
    known = [one.label for one in told if one is not None and one.label != terms.UNKNOWN]
    return " ".join(known) or "face"
