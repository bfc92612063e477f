"""Labelled sets found below a folder, in the layouts of ``data/README.md`` and as Pascal VOC."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Generic, Literal, TypeVar

from kiosk.errors import BadInputError
from kiosk.models.evaluate.rows import BoxRow, FaceRow, Index, MoodRow, header, refuse
from kiosk.models.evaluate.voc import voc_pictures
from kiosk.models.evaluate.words import KIND_OF_BOX, MOOD_OF_FERPLUS, BoxKind

Kind = Literal["faces", "moods", "boxes"]

INDEX: Final = "index.csv"
ANNOTATIONS: Final = ("annotations", "Annotations")

KIND_OF_FOLDER: Final[dict[str, Kind]] = {
    "utkface": "faces",
    "ferplus_test": "moods",
    "facemask853": "boxes",
}

# Decisive columns; utkface has a column `emotion` too, which is empty.
_COLUMNS: Final[dict[Kind, frozenset[str]]] = {
    "moods": frozenset({"emotion", "majority_gt5"}),
    "boxes": frozenset({"xmin", "ymin", "xmax", "ymax"}),
    "faces": frozenset({"age", "gender"}),
}

_OTHERS: Final[dict[Kind, frozenset[str]]] = {
    "faces": frozenset({"emotion", "race"}),
    "moods": frozenset(
        {"usage", "top_votes", "votes_NF"}
        | {
            f"votes_{word}"
            for word in (
                *("neutral", "happiness", "surprise", "sadness", "anger", "disgust", "fear"),
                *("contempt", "unknown"),
            )
        }
    ),
    "boxes": frozenset(),
}

LAYOUTS: Final = (
    "utkface/index.csv (file, age, gender), ferplus_test/index.csv (file, emotion, majority_gt5),"
    " facemask853/index.csv (file, width, height, xmin, ymin, xmax, ymax, label), or Pascal VOC"
    " (annotations/*.xml and images/)"
)


@dataclass(frozen=True)
class FacePicture:
    """A picture of one face, and who it shows: years, and one of ``terms.GENDERS``."""

    path: Path
    age: int
    gender: str


@dataclass(frozen=True)
class MoodPicture:
    """A picture of one face, and which of ``terms.MOODS`` it shows."""

    path: Path
    mood: str


@dataclass(frozen=True)
class Box:
    """A face in a picture, in pixels; ``difficult`` (Pascal VOC): neither missed nor found."""

    xmin: float
    ymin: float
    xmax: float
    ymax: float
    kind: BoxKind
    difficult: bool = False


@dataclass(frozen=True)
class BoxPicture:
    """A whole picture, the size that its boxes were drawn on, and its faces (maybe none)."""

    path: Path
    width: int
    height: int
    boxes: tuple[Box, ...]


Picture = TypeVar("Picture", FacePicture, MoodPicture, BoxPicture)


@dataclass(frozen=True)
class LabelledSet(Generic[Picture]):
    """One folder of pictures; ``rows``: pictures that it lists, used or not."""

    name: str
    rows: int
    pictures: tuple[Picture, ...]


@dataclass
class Labelled:
    """All that is labelled below a folder; ``notes``: a sentence for each thing left out."""

    faces: list[LabelledSet[FacePicture]] = field(default_factory=list)
    moods: list[LabelledSet[MoodPicture]] = field(default_factory=list)
    boxes: list[LabelledSet[BoxPicture]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def read_labelled(data: Path) -> Labelled:
    """Find and read the labels of every set in ``data`` and the folders in it.

    A folder is known by its name or by the columns of its ``index.csv``; one without labels is left
    alone. Where there are both an index and ``annotations/``, the index says which pictures count.

    Raises:
        BadInputError: no such folder, no set in it, or a faulty row; a sentence each.
    """
    if not data.is_dir():
        raise BadInputError(f"{data}: there is no such folder", hint="name one with --data DIR")
    labelled = Labelled()
    for folder in [data, *sorted(path for path in data.iterdir() if path.is_dir())]:
        if (folder / INDEX).is_file():
            _read_index(folder, labelled)
            continue
        for name in ANNOTATIONS:
            if (folder / name).is_dir() and any((folder / name).glob("*.xml")):
                labelled.boxes.append(_read_voc(folder, folder / name, labelled.notes))
                break
    if not (labelled.faces or labelled.moods or labelled.boxes):
        raise BadInputError(f"{data}: holds no labelled set", hint=f"it has to hold {LAYOUTS}")
    return labelled


def _read_index(folder: Path, labelled: Labelled) -> None:
    path, name = folder / INDEX, folder.resolve().name
    columns = set(header(path))
    kind = KIND_OF_FOLDER.get(name)
    if kind is None:
        kind = next((one for one, needed in _COLUMNS.items() if needed <= columns), None)
    if kind == "faces":
        labelled.faces.append(_read_faces(path, name, labelled.notes))
    elif kind == "moods":
        labelled.moods.append(_read_moods(path, name, labelled.notes))
    elif kind == "boxes":
        labelled.boxes.append(_read_boxes(path, name, labelled.notes))
    elif any(needed & columns for needed in _COLUMNS.values()):
        labelled.notes.append(f"{path}: left out: its columns are of no known layout")


def _read_faces(path: Path, name: str, notes: list[str]) -> LabelledSet[FacePicture]:
    index = Index(path, FaceRow, _OTHERS["faces"])
    _note_unread(index.unread, path, notes)
    _refuse_doubles(path, [(line, row.file) for line, row in index.rows])
    pictures = tuple(
        FacePicture(path.parent / row.file, row.age, row.gender) for _, row in index.rows
    )
    return LabelledSet(name, len(index.rows), pictures)


def _read_moods(path: Path, name: str, notes: list[str]) -> LabelledSet[MoodPicture]:
    index = Index(path, MoodRow, _OTHERS["moods"])
    _note_unread(index.unread, path, notes)
    _refuse_doubles(path, [(line, row.file) for line, row in index.rows])
    pictures = []
    for _, row in index.rows:
        mood = MOOD_OF_FERPLUS[row.emotion]
        if row.majority_gt5 == "1" and mood is not None:
            pictures.append(MoodPicture(path.parent / row.file, mood))
    if not pictures:
        raise BadInputError(
            f"{path}: no row has majority_gt5 = 1 and a mood that a device tells; add some"
        )
    return LabelledSet(name, len(index.rows), tuple(pictures))


def _read_boxes(path: Path, name: str, notes: list[str]) -> LabelledSet[BoxPicture]:
    index = Index(path, BoxRow, _OTHERS["boxes"])
    _note_unread(index.unread, path, notes)
    faults: list[str] = []
    sizes: dict[str, tuple[int, int]] = {}
    boxes: dict[str, list[Box]] = {}
    others: dict[str, int] = {}
    for line, row in index.rows:
        size = sizes.setdefault(row.file, (row.width, row.height))
        fault = _box_fault(row, size)
        if fault:
            faults.append(f"{path}:{line}: {fault}; correct or remove the row")
            continue
        mine = boxes.setdefault(row.file, [])
        kind = KIND_OF_BOX.get(row.label)
        if kind is None:
            others[row.label] = others.get(row.label, 0) + 1
            continue
        mine.append(Box(*_clipped(row), kind))
    refuse(faults)
    _note_others(path, others, notes)
    pictures = [
        BoxPicture(path.parent / file, *sizes[file], tuple(found)) for file, found in boxes.items()
    ]
    return _boxed_set(path, name, pictures)


def _read_voc(folder: Path, annotations: Path, notes: list[str]) -> LabelledSet[BoxPicture]:
    faults: list[str] = []
    others: dict[str, int] = {}
    pictures = []
    for one in voc_pictures(annotations, folder):
        boxes = []
        for row, difficult in one.rows:
            fault = _box_fault(row, (row.width, row.height))
            kind = KIND_OF_BOX.get(row.label)
            if fault:
                faults.append(f"{one.xml}: object {row.label!r}: {fault}; correct or remove it")
            elif kind is None:
                others[row.label] = others.get(row.label, 0) + 1
            else:
                boxes.append(Box(*_clipped(row), kind, difficult))
        pictures.append(BoxPicture(one.picture, one.width, one.height, tuple(boxes)))
    refuse(faults)
    _note_others(annotations, others, notes)
    return _boxed_set(annotations, folder.resolve().name, pictures)


def _boxed_set(path: Path, name: str, pictures: list[BoxPicture]) -> LabelledSet[BoxPicture]:
    """A set of whole pictures; refuses one without any face, on which nothing can be said."""
    if not any(picture.boxes for picture in pictures):
        known = ", ".join(KIND_OF_BOX)
        raise BadInputError(f"{path}: has no box of a face; label some with one of {known}")
    return LabelledSet(name, len(pictures), tuple(pictures))


def _box_fault(row: BoxRow, size: tuple[int, int]) -> str | None:
    """What is wrong with a box, if anything; a face cut by the border is not wrong."""
    if (row.width, row.height) != size:
        return f"column width: {row.width}x{row.height}, but {size[0]}x{size[1]} in another row"
    for low, high, end, name in (
        (row.xmin, row.xmax, row.width, "x"),
        (row.ymin, row.ymax, row.height, "y"),
    ):
        if not low < high:
            return f"column {name}max: {high:g} is not beyond {name}min {low:g}"
        if high <= 0 or low >= end:
            return f"column {name}min: the box lies outside the picture of {end} pixels"
    return None


def _clipped(row: BoxRow) -> tuple[float, float, float, float]:
    """The part of a box that the picture shows."""
    return (
        max(0.0, row.xmin),
        max(0.0, row.ymin),
        min(float(row.width), row.xmax),
        min(float(row.height), row.ymax),
    )


def _note_others(path: Path, others: dict[str, int], notes: list[str]) -> None:
    """Tell of boxes that are not of faces: a misspelt label would else vanish unseen."""
    for label, count in sorted(others.items()):
        notes.append(f"{path}: {count} boxes labelled {label!r} are left out: not a face's label")


def _note_unread(unread: list[str], path: Path, notes: list[str]) -> None:
    if unread:
        notes.append(f"{path}:1: not read: column {', '.join(unread)}")


def _refuse_doubles(path: Path, files: list[tuple[int, str]]) -> None:
    first: dict[str, int] = {}
    faults = [
        f"{path}:{line}: column file: {file} is given twice (first on line {first[file]});"
        " remove one row"
        for line, file in files
        if first.setdefault(file, line) != line
    ]
    refuse(faults)
