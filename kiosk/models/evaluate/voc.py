"""Boxes in the XML files of Pascal VOC."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from kiosk.errors import BadInputError
from kiosk.models.evaluate.rows import BoxRow

IMAGE_FOLDERS = ("images", "JPEGImages", "")
"""Where the pictures of a set lie, below its folder."""


@dataclass(frozen=True)
class VocPicture:
    """One annotation file: its picture, the size in pixels, its objects and if difficult."""

    xml: Path
    picture: Path
    width: int
    height: int
    rows: tuple[tuple[BoxRow, bool], ...]


def voc_pictures(annotations: Path, folder: Path) -> Iterator[VocPicture]:
    """Read every ``*.xml`` of ``annotations``; the format is that of the VOC 2007 devkit.

    Args:
        annotations: folder of the XML files.
        folder: folder of the set, which has the pictures in ``images/`` or ``JPEGImages/``.

    Raises:
        BadInputError: a file is no such XML, with the element at fault.
    """
    for xml in sorted(annotations.glob("*.xml")):
        root = _parsed(xml)
        name = _text(xml, root, "filename")
        if Path(name).name != name:
            raise BadInputError(f"{xml}: filename: {name!r} is not a plain name; correct it")
        width, height = (_size(xml, root, side) for side in ("width", "height"))
        rows = tuple(_object(xml, item, name, width, height) for item in root.iter("object"))
        yield VocPicture(xml, _located(folder, name), width, height, rows)


def _parsed(xml: Path) -> ET.Element:
    try:
        data = xml.read_bytes()
        if b"<!DOCTYPE" in data or b"<!ENTITY" in data:
            # Entities of entities make more of a small file than memory holds.
            raise BadInputError(f"{xml}: has a document type, which Pascal VOC has not; remove it")
        return ET.fromstring(data)  # noqa: S314
    except OSError as bad:
        raise BadInputError(f"{xml}: cannot be read: {bad.strerror}") from bad
    except ET.ParseError as bad:
        line = bad.position[0]
        raise BadInputError(f"{xml}:{line}: not well-formed XML; correct or remove it") from bad


def _located(folder: Path, name: str) -> Path:
    places = [folder / sub / name for sub in IMAGE_FOLDERS]
    return next((place for place in places if place.is_file()), places[0])


def _text(xml: Path, parent: ET.Element, path: str) -> str:
    text = parent.findtext(path)
    if text is None or not text.strip():
        raise BadInputError(f"{xml}: {parent.tag}/{path}: missing; add it or remove the file")
    return text.strip()


def _size(xml: Path, root: ET.Element, side: str) -> int:
    text = _text(xml, root, f"size/{side}")
    if not text.isdecimal() or int(text) < 1:
        raise BadInputError(f"{xml}: size/{side}: {text!r} is no number of pixels; correct it")
    return int(text)


def _object(xml: Path, item: ET.Element, name: str, width: int, height: int) -> tuple[BoxRow, bool]:
    fields: dict[str, object] = {
        side: _text(xml, item, f"bndbox/{side}") for side in ("xmin", "ymin", "xmax", "ymax")
    }
    fields.update(file=name, width=width, height=height, label=_text(xml, item, "name"))
    try:
        row = BoxRow.model_validate(fields)
    except ValidationError as bad:
        wrong = bad.errors()[0]
        raise BadInputError(
            f"{xml}: object/bndbox/{wrong['loc'][0]}: {wrong['input']!r:.80} is not a number;"
            " correct it"
        ) from bad
    return row, (item.findtext("difficult") or "0").strip() == "1"
