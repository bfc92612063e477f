"""What one pass spends on an hour: which tables are published, and how blurred each one is.

The published hour is differentially private in the sense of Dwork, McSherry, Nissim and Smith
("Calibrating Noise to Sensitivity in Private Data Analysis", 2006): two hours that differ by one
pass, there or not there, are told apart with odds of at most e^epsilon. The tables of an hour share
that epsilon (sequential composition); hours share nothing, because every pass stands in one of
them only (parallel composition).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import get_args

from kiosk import terms
from kiosk.config import PrivacySettings
from kiosk.errors import NoiseError
from kiosk.wire import TableName

TABLES: tuple[TableName, ...] = get_args(TableName)

HEADROOM = 1 + 1e-9
"""Scales are this much larger than they need be: what is certified is rounded up, table by table,
and the sum of it must not pass epsilon by a hair."""

CREATIVE = "creative_"
"""How the tables of creatives begin; they are named and built like those of the hour."""

ONE_CELL = "a pass adds 1 to one cell"

REASONS: Mapping[str, str] = {
    "visits": "a pass adds 1 to one of two cells, watched or did not; OTS is their sum",
    "age_gender": ONE_CELL,
    "mood": ONE_CELL,
    "group_size": ONE_CELL,
    "dwell": "a pass adds its seconds in view, cut at privacy.dwell_clamp_s",
    "attention": "a pass adds its seconds facing the screen, cut at privacy.attention_clamp_s",
    "impressions": "a pass adds its impressions, cut at privacy.impressions_clamp",
    "impressions_age_gender": "a pass adds them to one cell, cut at privacy.impressions_clamp",
}
ONE_CREATIVE = "; with one creative only, the one it watched longest"


@dataclass(frozen=True)
class TableBudget:
    """What one pass may spend on a table, and the noise that follows from it.

    Attributes:
        name: of the table.
        published: whether it leaves the device at all.
        cells: numbers that get noise; for a table of creatives, of each one.
        sensitivity: by how much one pass changes all its cells together (L1), in the table's unit:
            passes, seconds or impressions.
        reason: why it is that much.
        epsilon: this table's share; 0 when it is not published.
        scale: of the noise on every cell, in the table's unit; 0 when it is not published.
    """

    name: TableName
    published: bool
    cells: int
    sensitivity: int
    reason: str
    epsilon: float
    scale: float


def plan_budget(settings: PrivacySettings) -> dict[TableName, TableBudget]:
    """Divide epsilon between the tables that are published.

    The noise of a table has the scale ``sensitivity / epsilon``, both the table's own. `plays` is
    in no table: it is exact, and proof of play is outside the guarantee.

    Returns:
        Every table, in the order of the payload, published or not.

    Raises:
        NoiseError: a table's share is so small that no noise is large enough.
    """
    published = [name for name in TABLES if _is_published(name, settings)]
    # Divided by the largest first, so that no sum of sane proportions overflows.
    largest = max(getattr(settings.shares, name) for name in published)
    weights = {name: getattr(settings.shares, name) / largest for name in published}
    total = math.fsum(weights.values())
    return {
        name: _budget(name, settings, settings.epsilon * weights.get(name, 0.0) / total)
        for name in TABLES
    }


def is_of_creatives(name: TableName) -> bool:
    """Whether the table is kept for each creative."""
    return name.startswith(CREATIVE)


def estimates_people(settings: PrivacySettings) -> bool:
    """Whether the policy has age or gender estimated, so that a table by them says something."""
    return settings.policy != "count-only"


def standard_deviation(scale: float) -> float:
    """Standard deviation of the discrete Laplace distribution.

    ``P(k) = (1 - a) / (1 + a) * a**abs(k)`` on the integers, with ``a = exp(-1 / scale)``: the
    two-sided geometric mechanism of Ghosh, Roughgarden and Sundararajan ("Universally
    Utility-Maximizing Privacy Mechanisms", 2012); its variance is ``2 * a / (1 - a)**2``.

    Args:
        scale: above 0.
    """
    return math.sqrt(2 * math.exp(-1 / scale)) / -math.expm1(-1 / scale)


def _budget(name: TableName, settings: PrivacySettings, epsilon: float) -> TableBudget:
    kind = name.removeprefix(CREATIVE)
    sensitivity = {
        "dwell": settings.dwell_clamp_s,
        "attention": settings.attention_clamp_s,
        "impressions": settings.impressions_clamp,
        "impressions_age_gender": settings.impressions_clamp,
    }.get(kind, 1)
    published = _is_published(name, settings)
    return TableBudget(
        name=name,
        published=published,
        cells=_cells(kind, settings),
        sensitivity=sensitivity,
        reason=REASONS[kind] + (ONE_CREATIVE if is_of_creatives(name) else ""),
        epsilon=epsilon,
        scale=_scale(name, sensitivity, epsilon) if published else 0.0,
    )


def _is_published(name: TableName, settings: PrivacySettings) -> bool:
    if getattr(settings.shares, name) == 0:
        return False
    # What a creative earned is read beside who saw it, which the payload cannot leave out.
    if is_of_creatives(name) and settings.shares.creative_visits == 0:
        return False
    kind = name.removeprefix(CREATIVE)
    if kind == "mood":
        return settings.publishes_mood
    return not kind.endswith("age_gender") or estimates_people(settings)


def _cells(kind: str, settings: PrivacySettings) -> int:
    people = (len(settings.age_bands) + 1) * (len(terms.GENDERS) + 1)
    return {
        "visits": 2,
        "age_gender": people,
        "impressions_age_gender": people,
        "mood": len(terms.MOODS) + 1,
        "group_size": len(terms.GROUP_SIZES),
    }.get(kind, 1)


def _scale(name: TableName, sensitivity: int, epsilon: float) -> float:
    scale = sensitivity / epsilon * HEADROOM if epsilon else math.inf
    if not math.isfinite(scale):
        raise NoiseError(
            f"table {name}: its share of epsilon, {epsilon:g}, is too small for any noise",
            hint=f"raise privacy.epsilon or privacy.shares.{name}, or leave the table out with 0",
        )
    return scale
