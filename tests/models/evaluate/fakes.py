"""Labelled folders that take a moment to draw, and an examiner that reads its answers off them."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from kiosk.models.evaluate.examiner import Task

FACE_COLUMNS = ("file", "age", "gender")
MOOD_COLUMNS = ("file", "usage", "emotion", "majority_gt5")
BOX_COLUMNS = ("file", "width", "height", "xmin", "ymin", "xmax", "ymax", "label")


def write_index(folder: Path, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> Path:
    """An index.csv; returns its path."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "index.csv"
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([columns, *rows])
    return path


def write_picture(path: Path, tone: int, width: int = 40, height: int = 40) -> None:
    """A picture of one tone, by which the fake examiner knows it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    assert cv2.imwrite(str(path), np.full((height, width, 3), tone, np.uint8))


def years(age: int) -> np.ndarray[Any, Any]:
    """Certainty of one age."""
    p = np.zeros(101, np.float32)
    p[age] = 1
    return p


@dataclass(frozen=True)
class FakeLook:
    found: bool = True
    years_p: Any = field(default_factory=lambda: years(30))
    gender_p: Mapping[str, float] = field(default_factory=lambda: {"female": 0.9, "male": 0.1})
    mood_p: Mapping[str, float] = field(default_factory=lambda: {"happy": 0.8, "neutral": 0.2})
    minor_possible: bool = False


@dataclass
class FakeExaminer:
    """Says of a picture what is written down for its tone."""

    looks: Mapping[int, FakeLook] = field(default_factory=dict)
    finds: Mapping[int, Sequence[tuple[float, float, float, float, float]]] = field(
        default_factory=dict
    )
    tasks: frozenset[Task] = frozenset({"age", "gender", "emotion"})
    unknown_below: Mapping[Task, float] = field(default_factory=lambda: {"gender": 0.75})

    def look(self, image: Any) -> FakeLook:
        return self.looks.get(int(image[0, 0, 0]), FakeLook())

    def find(self, image: Any) -> tuple[Any, Any]:
        rows = np.array(self.finds.get(int(image[0, 0, 0]), ()), np.float32).reshape(-1, 5)
        return rows[:, :4], rows[:, 4]

    def time_ms(self, image: Any, repeats: int) -> dict[str, float]:
        assert repeats > 1
        assert image.shape == (720, 1280, 3)
        return {"frame": 2.0, "face": 1.0, "some-model": 0.5}


def faces_folder(data: Path) -> Path:
    """Four faces of tones 10 to 40: a girl of 8, a man of 30, a woman of 50, a man of 80."""
    folder = data / "utkface"
    rows = []
    for tone, age, gender in ((10, 8, "female"), (20, 30, "male"), (30, 50, "female")):
        rows.append((f"{tone}.png", age, gender))
    rows.append(("40.png", 80, "male"))
    for file, *_ in rows:
        write_picture(folder / file, int(Path(file).stem))
    write_index(folder, FACE_COLUMNS, rows)
    return folder


def moods_folder(data: Path) -> Path:
    """Faces of tones 10 (happy), 20 (angry), 30 (contempt), 40 (disputed sadness)."""
    folder = data / "ferplus_test"
    rows = [
        ("10.png", "PrivateTest", "happiness", 1),
        ("20.png", "PrivateTest", "anger", 1),
        ("30.png", "PrivateTest", "contempt", 1),
        ("40.png", "PrivateTest", "sadness", 0),
    ]
    for file, *_ in rows:
        write_picture(folder / file, int(Path(file).stem))
    write_index(folder, MOOD_COLUMNS, rows)
    return folder


def boxes_folder(data: Path) -> Path:
    """Pictures of tones 10 (a bare and a masked face) and 20 (one face with a mask worn badly)."""
    folder = data / "facemask853"
    write_picture(folder / "images/10.png", 10, 200, 100)
    write_picture(folder / "images/20.png", 20, 200, 100)
    write_index(
        folder,
        BOX_COLUMNS,
        [
            ("images/10.png", 200, 100, 10, 10, 20, 20, "sin_mascarilla"),
            ("images/10.png", 200, 100, 100, 10, 140, 60, "con_mascarilla"),
            ("images/20.png", 200, 100, 150, 0, 201, 90, "mascarilla_mal_puesta"),
        ],
    )
    return folder
