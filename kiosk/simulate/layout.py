"""Where each number of an hour stands, in a row of integers and in the payload's text."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from kiosk import terms
from kiosk.simulate.draws import Floats
from kiosk.wire import TableName

EPSILON = 1.0

SCALES: Mapping[TableName, float] = {
    "visits": 4.54545455,
    "age_gender": 5.000000005,
    "mood": 20.00000002,
    "group_size": 33.333333366666665,
    "dwell": 500.0000005,
    "attention": 300.0000003,
    "impressions": 33.333333366666665,
    "impressions_age_gender": 200.0000002,
    "creative_visits": 11.111111122222221,
    "creative_dwell": 3000.0000029999997,
    "creative_attention": 750.0000007499999,
    "creative_age_gender": 25.000000025,
    "creative_mood": 100.0000001,
    "creative_group_size": 100.0000001,
}
"""Scales of the noise under the default configuration (``kiosk privacy report`` tells them)."""

CLAMPS = {"dwell_s": 30, "attention_s": 30, "impressions": 4}

BANDS = (*terms.AGE_BANDS, terms.UNKNOWN)
GENDERS = (*terms.GENDERS, terms.UNKNOWN)
MOODS = (*terms.MOODS, terms.UNKNOWN)

PEOPLE = len(BANDS) * len(GENDERS)

SIZES: Mapping[str, int] = {
    "plays": 1,
    "ots": 1,
    "watchers": 1,
    "dwell_s": 1,
    "attention_s": 1,
    "impressions": 1,
    "impressions_age_gender": PEOPLE,
    "age_gender": PEOPLE,
    "mood": len(MOODS),
    "group_size": len(terms.GROUP_SIZES),
}
"""Numbers of each field of an hour, in the order of the payload."""

CREATIVE_SIZES = {
    name: size
    for name, size in SIZES.items()
    if name not in {"impressions", "impressions_age_gender"}
}
"""The same of each creative."""

TABLES: Mapping[str, TableName] = {
    "ots": "visits",
    "watchers": "visits",
    "dwell_s": "dwell",
    "attention_s": "attention",
    "impressions": "impressions",
    "impressions_age_gender": "impressions_age_gender",
    "age_gender": "age_gender",
    "mood": "mood",
    "group_size": "group_size",
}
"""The table of a field, by which its noise is scaled; plays have none."""

HOLE = "\x01"


def places(sizes: Mapping[str, int]) -> dict[str, slice]:
    """Where each field stands in a row."""
    ends = np.cumsum(list(sizes.values())).tolist()
    return {
        name: slice(end - size, end) for (name, size), end in zip(sizes.items(), ends, strict=True)
    }


HOUR = places(SIZES)
CREATIVE = places(CREATIVE_SIZES)
HOUR_WIDTH = sum(SIZES.values())
CREATIVE_WIDTH = sum(CREATIVE_SIZES.values())


def scales_of_row(creatives: int) -> Floats:
    """Scale of the noise on each number of a row; 0 where it is exact."""
    hour = [_scale("", name) for name, size in SIZES.items() for _ in range(size)]
    one = [_scale("creative_", name) for name, size in CREATIVE_SIZES.items() for _ in range(size)]
    return np.array(hour + one * creatives, dtype=np.float64)


def hours_template(creatives: Sequence[str]) -> str:
    """The payload's text with a place for epoch, number, hour, notice and each number of a row."""
    tables = _fields(SIZES) | {"creatives": {name: _fields(CREATIVE_SIZES) for name in creatives}}
    payload = {
        "schema": 2,
        "stream": "hours",
        "epoch": "%s",
        "seq": HOLE,
        "hour": "%s",
        "between": None,
        "policy": "full",
        "noise": {
            "mechanism": "discrete-laplace",
            "unit": "pass",
            "epsilon": EPSILON,
            "scales": dict(SCALES),
        },
        "clamps": CLAMPS,
        "notice_s": HOLE,
        "tables": tables,
    }
    text = json.dumps(payload, separators=(",", ":"), ensure_ascii=False)
    return text.replace(json.dumps(HOLE), "%d")


def _scale(prefix: str, field: str) -> float:
    table = TABLES.get(field)
    return 0.0 if table is None else SCALES[prefix + table]  # type: ignore[index]


def _fields(sizes: Mapping[str, int]) -> dict[str, Any]:
    return {name: _holes(name) for name in sizes}


def _holes(field: str) -> Any:
    if field.endswith("age_gender"):
        return {band: dict.fromkeys(GENDERS, HOLE) for band in BANDS}
    if field == "mood":
        return dict.fromkeys(MOODS, HOLE)
    if field == "group_size":
        return dict.fromkeys(terms.GROUP_SIZES, HOLE)
    return HOLE
