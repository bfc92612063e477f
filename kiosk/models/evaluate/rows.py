"""An index.csv read strictly: every faulty row is one sentence with file, line and column."""

from __future__ import annotations

import csv
import difflib
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Generic, Literal, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, FiniteFloat, ValidationError

from kiosk.errors import BadInputError
from kiosk.models.evaluate.words import MOOD_OF_FERPLUS

MAX_FAULTS = 5
"""Faulty rows that are told; a file of the wrong kind has as many as rows."""


def _inside(file: str) -> str:
    path = Path(file)
    if not file or path.is_absolute() or ".." in path.parts:
        raise ValueError("give a path below the folder of index.csv")
    return file


def _known_emotion(word: str) -> str:
    if word not in MOOD_OF_FERPLUS:
        near = difflib.get_close_matches(word, list(MOOD_OF_FERPLUS), n=1)
        raise ValueError(
            f'did you mean "{near[0]}"?' if near else f"give one of {', '.join(MOOD_OF_FERPLUS)}"
        )
    return word


InFolder = Annotated[str, AfterValidator(_inside)]


class _Row(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True, str_strip_whitespace=True)

    file: InFolder


class FaceRow(_Row):
    """One face with age and gender, as in ``utkface/index.csv``."""

    age: int = Field(ge=0, le=130, description="years")
    gender: Literal["female", "male"]


class MoodRow(_Row):
    """One face with the mood that most people saw in it, as in ``ferplus_test/index.csv``."""

    emotion: Annotated[str, AfterValidator(_known_emotion)]
    majority_gt5: Literal["0", "1"] = Field(description="1: more than 5 of 10 people agreed")


class BoxRow(_Row):
    """One face of a picture, as in ``facemask853/index.csv``; pixels."""

    width: int = Field(gt=0)
    height: int = Field(gt=0)
    xmin: FiniteFloat
    ymin: FiniteFloat
    xmax: FiniteFloat
    ymax: FiniteFloat
    label: str = Field(min_length=1)


Row = TypeVar("Row", bound=_Row)


class Index(Generic[Row]):
    """The rows of an index.csv.

    Attributes:
        path: the file.
        rows: one-based line of the file, and the row that stands there.
        unread: columns that are neither read nor known to exist.
    """

    def __init__(self, path: Path, model: type[Row], others: frozenset[str]) -> None:
        """Read all of ``path``; ``others`` are columns that exist and are not read.

        Raises:
            BadInputError: a sentence per faulty row, at most five and how many more.
        """
        self.path = path
        self.rows: list[tuple[int, Row]] = []
        faults: list[str] = []
        names = header(path)
        _check_header(path, names, model)
        self.unread = [
            name for name in names if name not in model.model_fields and name not in others
        ]
        for line, fields in _lines(path, names):
            try:
                # The other columns stay out of memory: they are not ours to use.
                read = {name: fields[name] for name in model.model_fields}
                self.rows.append((line, model.model_validate(read)))
            except ValidationError as bad:
                faults.append(_sentence(path, line, bad))
        refuse(faults)
        if not self.rows:
            raise BadInputError(f"{path}: has no rows below its header; add some or remove it")


def refuse(faults: list[str]) -> None:
    """Raise what is wrong, if anything is; the first few and the number of the others."""
    if not faults:
        return
    told = faults[:MAX_FAULTS]
    if len(faults) > MAX_FAULTS:
        told.append(f"and {len(faults) - MAX_FAULTS} more rows like these")
    raise BadInputError("\n".join(told))


def header(path: Path) -> list[str]:
    """Names of the columns.

    Raises:
        BadInputError: the file cannot be read or is empty.
    """
    for row in _raw(path):
        return [name.strip() for name in row]
    raise BadInputError(f"{path}: is empty; its first line has to name the columns")


def _check_header(path: Path, names: list[str], model: type[BaseModel]) -> None:
    for wanted in model.model_fields:
        if wanted in names:
            continue
        near = difflib.get_close_matches(wanted, names, n=1)
        raise BadInputError(
            f"{path}:1: column {wanted}: missing"
            + (f'; is it the one called "{near[0]}"? rename it' if near else "; add it")
        )


def _lines(path: Path, names: list[str]) -> Iterator[tuple[int, dict[str, str]]]:
    for number, row in enumerate(_raw(path), start=1):
        if number == 1 or not row:
            continue
        if len(row) != len(names):
            raise BadInputError(
                f"{path}:{number}: has {len(row)} columns where the header names {len(names)};"
                " correct the row"
            )
        yield number, dict(zip(names, row, strict=True))


def _raw(path: Path) -> Iterator[list[str]]:
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            yield from csv.reader(file)
    except OSError as bad:
        raise BadInputError(f"{path}: cannot be read: {bad.strerror}") from bad
    except (UnicodeDecodeError, csv.Error) as bad:
        raise BadInputError(f"{path}: is not a UTF-8 table of comma-separated values") from bad


def _sentence(path: Path, line: int, bad: ValidationError) -> str:
    item: Any = bad.errors()[0]
    message = item["msg"].removeprefix("Value error, ")
    return (
        f"{path}:{line}: column {item['loc'][0]}: {message[:1].lower()}{message[1:]}"
        f" (found {item['input']!r:.80}); correct or remove the row"
    )
