"""Sums of hours as the store keeps them, added up."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from operator import add
from typing import Any

from sqlalchemy import Column

from kiosk import terms
from kiosk.central.reading.figures import Figure, count
from kiosk.central.store import tables

SCALARS = ("plays", "ots", "watchers", "dwell_s", "attention_s", "impressions")
ARRAYS = ("age_gender", "impressions_age_gender", "mood", "group_size")

BANDS = (*terms.AGE_BANDS, terms.UNKNOWN)
"""Rows of the sums by age band and gender."""

GENDERS = (*terms.GENDERS, terms.UNKNOWN)
MOODS = (*terms.MOODS, terms.UNKNOWN)


@dataclass
class Sums:
    """What was counted in some hours.

    Attributes:
        device_hours: how many hours of how many devices it was.
        scalars: by column.
        arrays: by column; empty where nothing was published.
        variances: of the noise, by column; of one cell where there are several.
    """

    device_hours: int = 0
    scalars: dict[str, int] = field(default_factory=lambda: dict.fromkeys(SCALARS, 0))
    arrays: dict[str, list[int]] = field(default_factory=dict)
    variances: dict[str, float] = field(default_factory=dict)

    def take(
        self, row: Mapping[Any, Any], variances: Mapping[str, float], *, with_arrays: bool = True
    ) -> Sums:
        """Add a row, and return this; what the row does not hold stays as it is."""
        self.device_hours += row.get("device_hours", 1)
        for name in SCALARS:
            self.scalars[name] += row.get(name) or 0
        for name in ARRAYS if with_arrays else ():
            cells = row.get(name)
            if cells:
                self._add_cells(name, cells)
        self._add_noise(variances)
        return self

    def add(self, other: Sums, *, with_arrays: bool = True) -> None:
        """Add other sums."""
        self.device_hours += other.device_hours
        for name, value in other.scalars.items():
            self.scalars[name] += value
        for name, cells in other.arrays.items() if with_arrays else ():
            self._add_cells(name, cells)
        self._add_noise(other.variances)

    def _add_cells(self, name: str, cells: Sequence[int]) -> None:
        so_far = self.arrays.get(name)
        self.arrays[name] = list(map(add, so_far, cells)) if so_far else list(cells)

    def _add_noise(self, variances: Mapping[str, float]) -> None:
        for name, variance in variances.items():
            self.variances[name] = self.variances.get(name, 0.0) + variance

    def figure(self, name: str) -> Figure:
        """A column that is one number."""
        return count(self.scalars[name], self.variances.get(name, 0.0), self.device_hours)

    def cells(self, name: str) -> list[Figure]:
        """A column that is several numbers; none where it was not published."""
        # The store names a column's variance, even zero, where the column was published.
        if name not in self.variances:
            return []
        cells, variance = self.arrays.get(name, []), self.variances[name]
        return [count(cell, variance, self.device_hours) for cell in cells]


def total(rows: Iterable[Mapping[Any, Any]]) -> Sums:
    """Rows of the tables of sums, added up."""
    sums = Sums()
    for row in rows:
        sums.take(row, variances_of(row["variances"]))
    return sums


@lru_cache(maxsize=4096)
def variances_of(text: str) -> Mapping[str, float]:
    """The column ``variances``; few different ones stand in a table."""
    return {name: float(value) for name, value in json.loads(text).items() if value is not None}


def columns_of(table: Any) -> list[Column[Any]]:
    """Of a table of sums, all that is summed."""
    names = {column.name for column in tables.SUMS}
    return [column for column in table.c if column.name in names]
