"""From a row of ``hours`` to what it adds to the sums; pure."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from operator import add
from typing import Any

from kiosk.terms import AGE_BAND_STARTS, AGE_BANDS, UNKNOWN

SCALARS = ("plays", "ots", "watchers", "dwell_s", "attention_s", "impressions")
BY_AGE = ("age_gender", "impressions_age_gender")
AS_KEPT = ("mood", "group_size")
ARRAYS = (*BY_AGE, *AS_KEPT)

GENDERS = 3
"""Cells of one band: female, male, unknown."""

ROW_OF_BAND = {band: number for number, band in enumerate((*AGE_BANDS, UNKNOWN))}

TABLES: Mapping[str, tuple[str, int]] = {
    "ots": ("visits", 2),
    "watchers": ("visits", 1),
    "dwell_s": ("dwell", 1),
    "attention_s": ("attention", 1),
    "impressions": ("impressions", 1),
    "age_gender": ("age_gender", 1),
    "impressions_age_gender": ("impressions_age_gender", 1),
    "mood": ("mood", 1),
    "group_size": ("group_size", 1),
}
"""Of each column: the table that its noise was drawn for, and how many cells stand in one number.

Opportunities to see are those who watched and those who did not, two cells (kiosk.wire)."""

CREATIVE_PREFIX = "creative_"

LISTS = (
    *ARRAYS,
    "creative_plays",
    "creative_ots",
    "creative_watchers",
    "creative_dwell_s",
    "creative_attention_s",
    "creative_age_gender",
    "creative_mood",
    "creative_group_size",
)
"""Columns of several numbers."""


@lru_cache(maxsize=1024)
def variance(scale: float) -> float:
    """Of discrete Laplace noise: 2p / (1 - p)², p = exp(-1 / scale).

    Source: Inusah and Kozubowski 2006, *A discrete analogue of the Laplace distribution*,
    proposition 2.2.
    """
    if scale <= 0:
        return 0.0
    p = math.exp(-1 / scale)
    return 2 * p / (1 - p) ** 2 if p < 1 else math.inf


@lru_cache(maxsize=1024)
def variances(scales: str | None) -> tuple[Mapping[str, float], Mapping[str, float]]:
    """Of the noise on each column of an hour, and on those of a creative.

    Args:
        scales: the column ``scales``; none: the counts carry no noise.
    """
    known = json.loads(scales) if scales else {}
    whole = {}
    creative = {}
    for column, (table, cells) in TABLES.items():
        whole[column] = cells * variance(known.get(table, 0))
        if column in {"impressions", "impressions_age_gender"}:
            continue
        creative[column] = cells * variance(known.get(CREATIVE_PREFIX + table, 0))
    return whole, creative


@lru_cache(maxsize=1024)
def band_rows(bands: str) -> tuple[int, ...] | None:
    """Where each band of a row goes among the eight and unknown; none: they are those nine.

    A band that a device made of several is counted with the first of them, as is one that begins
    within one of the eight.
    """
    names = bands.split(",")
    if names == list(ROW_OF_BAND):
        return None
    return tuple(ROW_OF_BAND[name] if name in ROW_OF_BAND else _row_of(name) for name in names)


def _row_of(band: str) -> int:
    begin = int(band.removesuffix("+").split("-")[0])
    return max(row for row, start in enumerate(AGE_BAND_STARTS) if start <= begin)


def nine_bands(cells: Sequence[int], bands: str) -> Sequence[int]:
    """The cells by age and gender of one table, in the eight bands and unknown."""
    rows = band_rows(bands)
    if rows is None:
        return cells
    nine = [0] * (GENDERS * len(ROW_OF_BAND))
    for number, row in enumerate(rows):
        for gender in range(GENDERS):
            nine[GENDERS * row + gender] += cells[GENDERS * number + gender]
    return nine


class Sum:
    """Figures that are added up, and the variance of their noise."""

    __slots__ = ("arrays", "device_hours", "scalars", "variances")

    def __init__(self, device_hours: int = 0) -> None:
        """Of so many device-hours, with no figures yet."""
        self.device_hours = device_hours
        self.scalars: dict[str, int] = {}
        self.arrays: dict[str, list[int]] = {}
        self.variances: dict[str, float] = {}

    def carry(self, noise: Mapping[str, float]) -> None:
        """Each figure carries the noise of every device-hour; plays are exact."""
        for name in (*self.scalars, *self.arrays):
            if name != "plays":
                self.variances[name] = self.device_hours * noise[name]

    def merge(self, other: Sum) -> None:
        """Add another sum; it may be changed."""
        self.device_hours += other.device_hours
        for name, number in other.scalars.items():
            self.scalars[name] = self.scalars.get(name, 0) + number
        for name, cells in other.arrays.items():
            so_far = self.arrays.get(name)
            self.arrays[name] = cells if so_far is None else list(map(add, so_far, cells))
        for name, value in other.variances.items():
            self.variances[name] = self.variances.get(name, 0.0) + value


@dataclass(frozen=True)
class Shape:
    """What rows have in common that can be added up cell by cell as they are.

    Attributes:
        bands: the column of that name.
        scales: the column of that name.
        creatives: their numbers.
        there: which of :data:`SCALARS` are published.
        lengths: cells of each of :data:`LISTS`; -1: not published.
    """

    bands: str
    scales: str | None
    creatives: tuple[int, ...]
    there: tuple[bool, ...]
    lengths: tuple[int, ...]


def take_apart(
    bands: str, scales: str | None, creatives: Sequence[int], values: Sequence[Any]
) -> tuple[Shape, list[int]]:
    """A row as its shape and its figures, one after the other.

    Args:
        bands: the column of that name.
        scales: the column of that name.
        creatives: the column of that name.
        values: the columns :data:`SCALARS` and :data:`LISTS`.
    """
    scalars, lists = values[: len(SCALARS)], values[len(SCALARS) :]
    shape = Shape(
        bands,
        scales,
        tuple(creatives),
        tuple(value is not None for value in scalars),
        tuple(-1 if cells is None else len(cells) for cells in lists),
    )
    figures = [value or 0 for value in scalars]
    for cells in lists:
        if cells:
            figures += cells
    return shape, figures


def put_together(shape: Shape, figures: Sequence[int], rows: int) -> tuple[Sum, dict[int, Sum]]:
    """What rows of one shape add to the sums of their site, and to those of each creative.

    Args:
        shape: of each of them.
        figures: added up, figure by figure.
        rows: how many they were.
    """
    noise, creative_noise = variances(shape.scales)
    whole, creatives = Sum(rows), {number: Sum(rows) for number in shape.creatives}
    for name, value, there in zip(SCALARS, figures, shape.there, strict=False):
        if there:
            whole.scalars[name] = value
    at = len(SCALARS)
    for name, length in zip(LISTS, shape.lengths, strict=True):
        cells = figures[at : at + max(0, length)]
        at += len(cells)
        if length >= 0 and name in ARRAYS:
            whole.arrays[name] = _in_order(name, cells, shape.bands)
        elif length > 0:
            _deal(name.removeprefix(CREATIVE_PREFIX), cells, shape, creatives)
    whole.carry(noise)
    for one in creatives.values():
        one.carry(creative_noise)
    return whole, creatives


def _deal(name: str, cells: Sequence[int], shape: Shape, creatives: Mapping[int, Sum]) -> None:
    """Each creative gets its part of a column."""
    width = len(cells) // len(shape.creatives)
    for place, number in enumerate(shape.creatives):
        if name in ARRAYS:
            part = cells[place * width : (place + 1) * width]
            creatives[number].arrays[name] = _in_order(name, part, shape.bands)
        else:
            creatives[number].scalars[name] = cells[place]


def _in_order(name: str, cells: Sequence[int], bands: str) -> list[int]:
    return list(nine_bands(cells, bands)) if name in BY_AGE else list(cells)
