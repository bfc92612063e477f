"""Single hours of one device, brought to the form of the sums."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any

from sqlalchemy import Connection, select

from kiosk.central.reading.sums import BANDS, GENDERS, SCALARS, Sums
from kiosk.central.store import tables
from kiosk.terms import AGE_BAND_STARTS

EXACT = "plays"
LISTS = ("age_gender", "mood", "group_size")
CELLS_OF = {
    "ots": ("visits", 2),
    "watchers": ("visits", 1),
    "dwell_s": ("dwell", 1),
    "attention_s": ("attention", 1),
    "impressions": ("impressions", 1),
    "age_gender": ("age_gender", 1),
    "mood": ("mood", 1),
    "group_size": ("group_size", 1),
}
"""Of each column: the table whose noise it carries, and how many of its cells (kiosk.wire)."""


@dataclass(frozen=True)
class Hour:
    """An hour of a device; ``at`` is its start."""

    at: datetime
    sums: Sums


def read_device_sums(
    connection: Connection, device_id: int, start: datetime, end: datetime
) -> Iterator[Hour]:
    """The dated hours of a device from ``start`` to before ``end``, in order."""
    table = tables.hours
    columns = [table.c[name] for name in ("at", "scales", "bands", *SCALARS, *LISTS)]
    rows = connection.execute(
        select(*columns)
        .where(
            table.c.device_id == device_id,
            table.c.at >= start,
            table.c.at < end,
            table.c.dated.is_(True),
        )
        .order_by(table.c.at)
    )
    for at, scales, bands, *values in rows:
        yield Hour(at, _sums(scales, bands, values))


def _sums(scales: str | None, bands: str, values: Sequence[Any]) -> Sums:
    noise = _variances(scales)
    sums = Sums(device_hours=1)
    for name, value in zip((*SCALARS, *LISTS), values, strict=True):
        if value is None:
            continue
        if name in LISTS:
            sums.arrays[name] = on_all_bands(value, bands) if name == "age_gender" else value
        else:
            sums.scalars[name] = value
        if name != EXACT:
            sums.variances[name] = noise[name]
    return sums


def on_all_bands(cells: list[int], bands: str) -> list[int]:
    """Cells by a device's own age bands, on the rows of the sums.

    As in the sums, a band that a device made of several stands with the first of them.
    """
    rows = _rows_of(bands)
    if rows is None:
        return cells
    width = len(GENDERS)
    spread = [0] * (width * len(BANDS))
    for index, cell in enumerate(cells):
        spread[rows[index // width] * width + index % width] += cell
    return spread


@lru_cache(maxsize=256)
def _rows_of(bands: str) -> tuple[int, ...] | None:
    names = tuple(bands.split(","))
    return None if names == BANDS else tuple(map(_row_of, names))


def _row_of(band: str) -> int:
    if band in BANDS:
        return BANDS.index(band)
    begin = int(band.rstrip("+").split("-")[0])
    return max(row for row, start in enumerate(AGE_BAND_STARTS) if start <= begin)


@lru_cache(maxsize=1024)
def _variances(scales: str | None) -> Mapping[str, float]:
    told = json.loads(scales) if scales else {}
    return {
        name: cells * _variance(told.get(table, 0)) for name, (table, cells) in CELLS_OF.items()
    }


def _variance(scale: float) -> float:
    """Of discrete Laplace noise: 2 a / (1 - a)², where a = exp(-1 / scale)."""
    return 2 * math.exp(-1 / scale) / math.expm1(-1 / scale) ** 2 if scale > 0 else 0.0
