"""The columns of exports: one description for CSV and for Parquet."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

import pyarrow as pa

from kiosk import terms
from kiosk.central.web.api.cells import BANDS, GENDERS, MOODS
from kiosk.central.web.api.noise import deviations

MOMENT = pa.timestamp("us", tz="UTC")

Row = Mapping[Any, Any]


@dataclass(frozen=True)
class Column:
    """A column of an export.

    Attributes:
        name: its heading.
        kind: its type in Parquet.
        about: what it holds.
        of: takes its value from a row.
    """

    name: str
    kind: pa.DataType
    about: str
    of: Callable[[Row], Any]


def schema_of(columns: list[Column], about: str) -> pa.Schema:
    """The schema in Parquet, with what it is about."""
    fields = [pa.field(one.name, one.kind, metadata={"about": one.about}) for one in columns]
    return pa.schema(fields, metadata={"about": about})


def _plain(name: str, kind: pa.DataType, about: str) -> Column:
    return Column(name, kind, about, lambda row: row[name])


SUMS = {
    "plays": "plays that began, exact",
    "ots": "passes that were an opportunity to see",
    "watchers": "OTS passes whose face pointed at the screen long enough",
    "dwell_s": "seconds in view of OTS passes",
    "attention_s": "seconds facing the screen of OTS passes",
    "impressions": "plays that OTS passes were in view of",
}
NOISY = ("ots", "watchers", "dwell_s", "attention_s", "impressions")
TABLES = ("age_gender", "mood", "group_size")

PLACE = [
    _plain("tenant", pa.string(), "whose it is"),
    _plain("site", pa.string(), "the shop"),
]


def _cell(table: str, index: int) -> Callable[[Row], Any]:
    def value(row: Row) -> Any:
        cells = row[table]
        return cells[index] if cells and index < len(cells) else None

    return value


def _by_band(index: int, gender: int) -> Callable[[Row], Any]:
    start = _start(BANDS[index])

    def value(row: Row) -> Any:
        cells = row["age_gender"]
        rows = _rows_of(row.get("bands") or ",".join(BANDS))
        if not cells or start not in rows:
            return None
        return cells[rows[start] * len(GENDERS) + gender]

    return value


def _start(band: str) -> str:
    return band.rstrip("+").split("-")[0]


def _rows_of(bands: str) -> dict[str, int]:
    return {_start(band): row for row, band in enumerate(bands.split(","))}


def _cells() -> Iterator[Column]:
    joined = "; where a device joins several age bands, they stand in the first of them"
    for index, band in enumerate(BANDS):
        label = band.replace("-", "_").replace("+", "_plus")
        for number, gender in enumerate(GENDERS):
            about = f"OTS passes, age {band}, gender {gender}{joined}"
            of = _by_band(index, number)
            yield Column(f"age_{label}_{gender}", pa.int64(), about, of)
    for index, mood in enumerate(MOODS):
        about = f"OTS passes, mood {mood}"
        yield Column(f"mood_{mood}", pa.int64(), about, _cell("mood", index))
    for index, size in enumerate(terms.GROUP_SIZES):
        label = size.replace("+", "_plus")
        about = f"OTS passes with {size} in view"
        yield Column(f"group_{label}", pa.int64(), about, _cell("group_size", index))


def _noise(told: Callable[[Row], Mapping[str, float]]) -> Iterator[Column]:
    def column(name: str) -> Column:
        each = " on each cell" if name in TABLES else ""
        about = f"standard deviation of the noise on {name}{each}; 0: exact"
        return Column(f"sd_{name}", pa.float64(), about, lambda row: told(row).get(name, 0.0))

    return (column(name) for name in (*NOISY, *TABLES))


def _of_sums(row: Row) -> Mapping[str, float]:
    told = json.loads(row["variances"])
    return {name: round(math.sqrt(value), 3) for name, value in told.items() if value}


def _measures(told: Callable[[Row], Mapping[str, float]]) -> list[Column]:
    sums = [_plain(name, pa.int64(), about) for name, about in SUMS.items()]
    return [*sums, *_noise(told), *_cells()]


HOURS = [
    *PLACE,
    _plain("device", pa.string(), "the screen"),
    Column(
        "hour", MOMENT, "its start; empty: not known", lambda r: r["at"] if r["dated"] else None
    ),
    _plain("not_before", MOMENT, "where the hour is not known: since when it was counted"),
    Column(
        "not_after",
        MOMENT,
        "where the hour is not known: until when it was counted",
        lambda row: None if row["dated"] else row["at"],
    ),
    _plain("epoch", pa.string(), "life of the device's state file"),
    _plain("seq", pa.int64(), "number of the message within it"),
    _plain("received", MOMENT, "when head office had it"),
    _plain("policy", pa.string(), "what was estimated at all"),
    _plain("epsilon", pa.float64(), "what one pass spends on the hour; empty: without noise"),
    _plain("notice_s", pa.int64(), "seconds in which the notice was confirmed on the screen"),
    _plain("bands", pa.string(), "age bands of the device"),
    *_measures(lambda row: deviations(row["scales"])),
]
"""One row for each hour of each device."""

SITE_HOURS = [
    *PLACE,
    Column("hour", MOMENT, "its start", lambda row: row["at"]),
    _plain("device_hours", pa.int64(), "hours of devices in the sums"),
    *_measures(_of_sums),
]
"""One row for each hour of each site."""

SITE_DAYS = [
    *PLACE,
    Column("day", pa.date32(), "in central.timezone", lambda row: date.fromisoformat(row["day"])),
    _plain("device_hours", pa.int64(), "hours of devices in the sums"),
    *_measures(_of_sums),
]
"""One row for each day of each site."""
