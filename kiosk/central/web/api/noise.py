"""The noise on an hour's figures, as its standard deviation."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from functools import lru_cache

CELLS: Mapping[str, Mapping[str, int]] = {
    "visits": {"ots": 2, "watchers": 1},
    "dwell": {"dwell_s": 1},
    "attention": {"attention_s": 1},
    "creative_visits": {"creatives.ots": 2, "creatives.watchers": 1},
    "creative_dwell": {"creatives.dwell_s": 1},
    "creative_attention": {"creatives.attention_s": 1},
    "creative_age_gender": {"creatives.age_gender": 1},
    "creative_mood": {"creatives.mood": 1},
    "creative_group_size": {"creatives.group_size": 1},
}
"""What a table's noise is on, and how many of its cells that is; others have the table's name."""


@lru_cache(maxsize=1024)
def deviations(scales: str | None) -> Mapping[str, float]:
    """Standard deviation of the noise on each figure, or on each cell of a table.

    Args:
        scales: of discrete Laplace noise by table, JSON; its variance is 2 a / (1 - a)², where
            a = exp(-1 / scale) (Ghosh, Roughgarden and Sundararajan 2009).
    """
    told = json.loads(scales) if scales else {}
    return {
        figure: round(math.sqrt(cells * _variance(scale)), 3)
        for table, scale in told.items()
        if scale
        for figure, cells in CELLS.get(table, {table: 1}).items()
    }


def impressions_variance(scales: str | None) -> float:
    """Variance of the noise on an hour's impressions, not rounded; 0: they are exact."""
    scale = json.loads(scales).get("impressions") if scales else None
    return _variance(scale) if scale else 0.0


def _variance(scale: float) -> float:
    return 2 * math.exp(-1 / scale) / math.expm1(-1 / scale) ** 2
